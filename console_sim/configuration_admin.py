"""The configuration under ``/__admin``: foreign systems, webhooks, credentials, and what decides where requests go."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from console_sim.accounts import Credential
from console_sim.approval_items import ApprovalProcess, ApprovalType, Policy, ProcessTemplate
from console_sim.console import Console
from console_sim.foreign_system import ForeignSystem, read_base_url, read_url
from console_sim.json_object import JsonObject
from console_sim.settings import APPROVE_PATH, Settings, own_url
from console_sim.setup_names import usual_api_credential
from console_sim.webhook import Webhook, WebhookEvent
from privman_core.control import read_object, to_json
from privman_core.control_index import PREFIX
from privman_core.masking import Secrets

_SYSTEM_KEYS = (
    *("foreign_system", "name", "description", "base_url", "credential", "use_webhook", "api_credential", "post_uri"),
)
_WEBHOOK_KEYS = ("name", "description", "credential", "endpoint_url", "event", "enabled")
_CREDENTIAL_KEYS = ("account_name", "password")
_PROCESS_SPANS = ("check_every", "timeout")
_PROCESS_KEYS = ("description", "template", "server", *_PROCESS_SPANS)
_TYPE_KEYS = ("description", "process", "policy_specific", "file_specific")
_POLICY_KEYS = ("description", "approval_type", "enabled")


class ConfigurationAdmin:
    """Everything under Admin, Configuration and Automation; for tests, not part of the product.

    A POST to a plural address, such as ``/policies``, creates an item; one to a singular address, such as ``/policy``,
    changes the item that its first key names.
    """

    def __init__(self, settings: Settings, console: Console, secrets: Secrets) -> None:
        self._settings = settings
        self._console = console
        self._automation = console.automation
        self._systems = console.foreign_systems
        self._webhooks = console.webhooks
        self._secrets = secrets

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(f"{PREFIX}/foreign-systems", self.list_foreign_systems),
            web.get(f"{PREFIX}/foreign-system", self.read_foreign_system),
            web.post(f"{PREFIX}/foreign-system", self.save_foreign_system),
            web.post(f"{PREFIX}/request-items", self.create_request_items),
            web.get(f"{PREFIX}/webhooks", self.list_webhooks),
            web.post(f"{PREFIX}/webhooks", self.create_webhook),
            web.post(f"{PREFIX}/webhook", self.change_webhook),
            web.post(f"{PREFIX}/credentials", self.create_credential),
            web.post(f"{PREFIX}/credential", self.change_credential),
            web.get(f"{PREFIX}/approval-processes", self.list_processes),
            web.post(f"{PREFIX}/approval-processes", self.create_process),
            web.post(f"{PREFIX}/approval-process", self.change_process),
            web.get(f"{PREFIX}/approval-types", self.list_types),
            web.post(f"{PREFIX}/approval-types", self.create_type),
            web.post(f"{PREFIX}/approval-type", self.change_type),
            web.get(f"{PREFIX}/policies", self.list_policies),
            web.post(f"{PREFIX}/policies", self.create_policy),
            web.post(f"{PREFIX}/policy", self.change_policy),
        ]

    async def list_foreign_systems(self, _request: web.Request) -> web.Response:
        """Answer the foreign systems, oldest first."""
        return to_json({"foreign_systems": [self._system_json(system) for system in self._systems]})

    async def read_foreign_system(self, request: web.Request) -> web.Response:
        """Answer the foreign system of the parameter ``foreign_system``, or else the oldest."""
        return to_json(self._system_json(self._system(request.query.get("foreign_system", ""))))

    async def save_foreign_system(self, request: web.Request) -> web.Response:
        """Save a foreign system, changed or not; answer after the first attempt of the server task."""
        body = JsonObject(await read_object(request), _SYSTEM_KEYS)
        before = self._system(body.text("foreign_system", ""))
        self._systems.change(before.id, **self._read_system(body, before, request))
        await self._console.registrar.save(before.id)
        return to_json(self._system_json(self._systems.get(before.id)))

    async def create_request_items(self, request: web.Request) -> web.Response:
        """Run the task that prepares a ServiceNow for the SOAP integration; answer why it failed."""
        body = JsonObject(await read_object(request), ("foreign_system",))
        failure = await self._console.request_items.create(self._system(body.text("foreign_system", "")))
        return to_json({"failure": "" if failure is None else self._secrets.mask(str(failure))})

    async def list_webhooks(self, _request: web.Request) -> web.Response:
        """Answer the rows of the Messaging tab."""
        return to_json({"webhooks": [webhook.to_json() for webhook in self._webhooks]})

    async def create_webhook(self, request: web.Request) -> web.Response:
        """Create a webhook by hand; answer after the first attempt of its task."""
        body = JsonObject(await read_object(request), _WEBHOOK_KEYS)
        required = {"name": body.name("name"), "endpoint_url": body.text("endpoint_url"), "credential": ""}
        return await self._registered(self._webhooks.create(**{**required, **_read_webhook(body)}))

    async def change_webhook(self, request: web.Request) -> web.Response:
        """Change a webhook; answer after the first attempt of its task."""
        body = JsonObject(await read_object(request), ("webhook", *_WEBHOOK_KEYS))
        before = self._webhooks.named(body.text("webhook"))
        return await self._registered(self._webhooks.change(before.id, **_read_webhook(body)))

    async def create_credential(self, request: web.Request) -> web.Response:
        """Save a new credential; answer without the password."""
        body = JsonObject(await read_object(request), ("name", *_CREDENTIAL_KEYS))
        name = body.name("name")
        self._console.credentials.require_free(name)
        return await self._save_credential(Credential(name, body.text("account_name"), body.text("password")))

    async def change_credential(self, request: web.Request) -> web.Response:
        """Change a credential; answer after one attempt to update the servers that use it, without the password."""
        body = JsonObject(await read_object(request), ("credential", *_CREDENTIAL_KEYS))
        name = body.text("credential")
        self._console.credentials.require(name)
        account = body.text("account_name", self._console.credentials.get(name).account_name)
        return await self._save_credential(Credential(name, account, body.text("password")))

    async def list_processes(self, _request: web.Request) -> web.Response:
        """Answer the approval processes."""
        return to_json({"approval_processes": [self._process_json(each) for each in self._automation.processes]})

    async def create_process(self, request: web.Request) -> web.Response:
        """Create an approval process; ``server`` names a foreign system, null for none."""
        body = JsonObject(await read_object(request), ("name", *_PROCESS_KEYS))
        name = body.name("name")
        self._automation.processes.require_free(name)
        return self._save_process(name, body)

    async def change_process(self, request: web.Request) -> web.Response:
        """Change an approval process."""
        body = JsonObject(await read_object(request), ("process", *_PROCESS_KEYS))
        return self._save_process(self._automation.processes.named(body.text("process")).name, body)

    async def list_types(self, _request: web.Request) -> web.Response:
        """Answer the approval types."""
        return to_json({"approval_types": [self._type_json(each) for each in self._automation.types]})

    async def create_type(self, request: web.Request) -> web.Response:
        """Create an approval type, a duplicate of the default one; ``process`` names its approval process."""
        body = JsonObject(await read_object(request), ("name", *_TYPE_KEYS))
        name = body.name("name")
        self._automation.types.require_free(name)
        return self._save_type(name, body)

    async def change_type(self, request: web.Request) -> web.Response:
        """Change an approval type."""
        body = JsonObject(await read_object(request), ("approval_type", *_TYPE_KEYS))
        return self._save_type(self._automation.types.named(body.text("approval_type")).name, body)

    async def list_policies(self, _request: web.Request) -> web.Response:
        """Answer the policies."""
        return to_json({"policies": [self._policy_json(each) for each in self._automation.policies]})

    async def create_policy(self, request: web.Request) -> web.Response:
        """Create a policy; ``approval_type`` names the type of its requests, null for none."""
        body = JsonObject(await read_object(request), ("name", *_POLICY_KEYS))
        name = body.name("name")
        self._automation.policies.require_free(name)
        return self._save_policy(name, body)

    async def change_policy(self, request: web.Request) -> web.Response:
        """Change a policy."""
        body = JsonObject(await read_object(request), ("policy", *_POLICY_KEYS))
        return self._save_policy(self._automation.policies.named(body.text("policy")).name, body)

    async def _registered(self, webhook: Webhook) -> web.Response:
        await self._console.registrar.run(webhook.id)
        return to_json(self._webhooks.get(webhook.id).to_json())

    async def _save_credential(self, credential: Credential) -> web.Response:
        self._console.credentials.save(credential)
        await self._console.registrar.run_using(credential.name)
        return to_json({"name": credential.name, "account_name": self._secrets.mask(credential.account_name)})

    def _save_process(self, name: str, body: JsonObject) -> web.Response:
        return to_json(self._process_json(self._automation.save_process(name, **self._read_process(body))))

    def _save_type(self, name: str, body: JsonObject) -> web.Response:
        values = _given(body, free=("description",), flag=("policy_specific", "file_specific"))
        if "process" in body:
            values["process_id"] = self._automation.processes.named(body.text("process")).id
        return to_json(self._type_json(self._automation.save_type(name, **values)))

    def _save_policy(self, name: str, body: JsonObject) -> web.Response:
        values = _given(body, free=("description",), flag=("enabled",))
        if "approval_type" in body:
            type_name = body.text_or_null("approval_type")
            values["approval_type"] = self._automation.types.named(type_name) if type_name else None
        return to_json(self._policy_json(self._automation.save_policy(name, **values)))

    def _system(self, name: str) -> ForeignSystem:
        return self._systems.named(name) if name else self._systems.get()

    def _read_system(self, body: JsonObject, before: ForeignSystem, request: web.Request) -> dict[str, Any]:
        values = _given(body, text=("credential",), free=("description",))
        values["name"] = body.name("name", before.name)
        values["base_url"] = read_base_url("base_url", body.text("base_url", before.base_url))
        values["use_webhook"] = body.flag("use_webhook", default=before.use_webhook)
        if values["use_webhook"]:
            usual = before.post_uri or f"{own_url(self._settings, request)}{APPROVE_PATH}"
            values["post_uri"] = read_url("post_uri", body.text("post_uri", usual))
            values["api_credential"] = body.text(
                "api_credential", before.api_credential or usual_api_credential(before.name)
            )
        return values

    def _system_json(self, system: ForeignSystem) -> dict[str, object]:
        webhook = self._webhooks.of(system)
        # ServiceNow's error may quote secrets from the request.
        last_error = self._secrets.mask(system.last_error)
        return {
            "id": system.id,
            **system.to_json(),
            "webhook": None if webhook is None else webhook.to_json(),
            "last_error": last_error,
        }

    def _read_process(self, body: JsonObject) -> dict[str, Any]:
        values = _given(body, free=("description",))
        if "template" in body:
            values["template"] = ProcessTemplate(body.one_of("template", tuple(ProcessTemplate)))
        if "server" in body:
            name = body.text_or_null("server")
            values["server_id"] = self._systems.named(name).id if name else ""
            values.setdefault("template", ProcessTemplate.SERVICENOW)
        return {**values, **{key: timedelta(seconds=body.seconds(key)) for key in _PROCESS_SPANS if key in body}}

    def _process_json(self, process: ApprovalProcess) -> dict[str, object]:
        server = next((system.name for system in self._systems if system.id == process.server_id), None)
        shown = {"name": process.name, "description": process.description, "template": process.template}
        if process.is_manual:  # its requests wait until they are decided, whatever was saved
            return {**shown, "server": server, "check_every": None, "timeout": None}
        times = {"check_every": process.check_every.total_seconds(), "timeout": process.timeout.total_seconds()}
        return {**shown, "server": server, **times}

    def _type_json(self, approval_type: ApprovalType) -> dict[str, object]:
        return {
            "name": approval_type.name,
            "description": approval_type.description,
            "process": self._automation.processes.get(approval_type.process_id).name,
            "policy_specific": approval_type.policy_specific,
            "file_specific": approval_type.file_specific,
        }

    def _policy_json(self, policy: Policy) -> dict[str, object]:
        approval_type = self._automation.approval_type_of(policy)
        return {
            "id": policy.id,
            "name": policy.name,
            "description": policy.description,
            "approval_type": None if approval_type is None else approval_type.name,
            "actions": [self._automation.actions.get(each.id).name for each in policy.actions],
            "enabled": policy.enabled,
        }


def _read_webhook(body: JsonObject) -> dict[str, Any]:
    values = _given(body, free=("description", "credential"), flag=("enabled",))
    if "name" in body:
        values["name"] = body.name("name")
    if "endpoint_url" in body:
        values["endpoint_url"] = read_url("endpoint_url", body.text("endpoint_url"))
    if "event" in body:
        values["event"] = WebhookEvent(body.one_of("event", tuple(WebhookEvent)))
    return values


def _given(
    body: JsonObject, text: tuple[str, ...] = (), free: tuple[str, ...] = (), flag: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the values of the keys that the body has; text that is ``free`` may be empty or null."""
    texts: Mapping[str, object] = {key: body.text(key) for key in text if key in body}
    free_texts: Mapping[str, object] = {key: body.text_or_null(key) for key in free if key in body}
    return {**texts, **free_texts, **{key: body.flag(key) for key in flag if key in body}}
