"""The console's own calls under ``/__admin``."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta
from typing import Any

import orjson
from aiohttp import web

from console_sim.accounts import Credential, UserState
from console_sim.approval_request import ApprovalRequest
from console_sim.console import Console
from console_sim.foreign_system import ForeignSystem, read_url
from console_sim.json_object import JsonObject
from console_sim.settings import APPROVE_PATH, Settings, own_url
from console_sim.setup_steps import API_CREDENTIAL, StepOutcome, read_parameters
from privman_core.control import PREFIX, read_object, to_json
from privman_core.masking import Secrets
from privman_core.streaming import answer_in_parts

_AT_ONCE = 100  # approval requests that are written before others are served


class ConsoleAdmin:
    """Set-up, requests, API settings, API user, foreign system and restart; for tests, not part of the product."""

    def __init__(self, settings: Settings, console: Console, secrets: Secrets) -> None:
        self._settings = settings
        self._console = console
        self._secrets = secrets

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        one = f"{PREFIX}/approval-requests/{{request_id}}"
        return [
            web.post(f"{PREFIX}/setup", self.set_up),
            web.get(f"{PREFIX}/webhooks", self.webhooks),
            web.post(f"{PREFIX}/approval-requests", self.ask),
            web.get(f"{PREFIX}/approval-requests", self.list_requests),
            web.get(one, self.read_request),
            web.post(f"{one}/decide", self.decide),
            web.post(f"{PREFIX}/api-settings", self.change_api_settings),
            web.get(f"{PREFIX}/api-user", self.read_api_user),
            web.post(f"{PREFIX}/api-user", self.change_api_user),
            web.post(f"{PREFIX}/api-user/reset-secret", self.reset_secret),
            web.delete(f"{PREFIX}/tokens", self.revoke_tokens),
            web.get(f"{PREFIX}/foreign-system", self.read_foreign_system),
            web.post(f"{PREFIX}/foreign-system", self.save_foreign_system),
            web.post(f"{PREFIX}/restart", self.restart),
        ]

    async def set_up(self, request: web.Request) -> web.Response:
        """Run the documented steps and answer after the first attempt of each."""
        parameters = read_parameters(await read_object(request), own_url(self._settings, request))
        outcomes = await self._console.setup.run(parameters)
        return to_json(setup_to_json(outcomes, self._console.foreign_systems.get()))

    async def webhooks(self, _request: web.Request) -> web.Response:
        """Answer what the Messaging tab lists."""
        return to_json({"webhooks": [webhook.to_json() for webhook in self._console.foreign_systems.webhooks()]})

    async def ask(self, request: web.Request) -> web.Response:
        """Let an endpoint user ask; answer after the first attempt to send it to ServiceNow."""
        body = JsonObject(await read_object(request), ("metadata",))
        return to_json(self._request_json(await self._console.approvals.ask(body.mapping("metadata"))), 201)

    async def list_requests(self, request: web.Request) -> web.StreamResponse:
        """Answer every request, oldest first, and serve others meanwhile."""
        return await answer_in_parts(request, self._listed())

    async def read_request(self, request: web.Request) -> web.Response:
        """Answer one request."""
        return to_json(self._request_json(self._console.approvals.find(request.match_info["request_id"])))

    async def decide(self, request: web.Request) -> web.Response:
        """Decide in the console; answer after the first attempt to record it in ServiceNow."""
        decision = self._console.decisions.read_own(await read_object(request))
        decided = await self._console.approvals.decide_here(request.match_info["request_id"], decision)
        return to_json(self._request_json(decided))

    async def change_api_settings(self, request: web.Request) -> web.Response:
        """Set API Enabled."""
        body = JsonObject(await read_object(request), ("api_enabled",))
        enabled = body.flag("api_enabled")
        self._console.store.enable_api(enabled=enabled)
        return to_json({"api_enabled": enabled})

    async def read_api_user(self, _request: web.Request) -> web.Response:
        """Answer the API user, without Client Id and Secret."""
        return to_json(self._console.users.get().to_json())

    async def change_api_user(self, request: web.Request) -> web.Response:
        """Change role, state or the end of the API user."""
        self._console.users.get()
        values = self._read_changes(await read_object(request))
        return to_json(self._console.users.change(**values).to_json())

    async def reset_secret(self, request: web.Request) -> web.Response:
        """Reset the Secret; with ``update_credential`` the credential follows, and the registration with it."""
        body = JsonObject(await read_object(request), ("update_credential",))
        if body.flag("update_credential", default=False):
            self._reset_secret_in(self._api_credential())
            await self._console.registrar.run()
        else:
            self._console.users.reset_secret()
        return to_json(self._console.users.get().to_json())

    def _reset_secret_in(self, credential_name: str) -> None:
        with self._console.store.transaction():
            secret = self._console.users.reset_secret()
            client_id = self._console.users.get().client_id
            self._console.credentials.save(Credential(credential_name, client_id, secret))

    async def revoke_tokens(self, _request: web.Request) -> web.Response:
        """Revoke every token."""
        return to_json({"revoked": self._console.tokens.revoke_all()})

    async def read_foreign_system(self, _request: web.Request) -> web.Response:
        """Answer the foreign system."""
        return to_json(self._system_json(self._console.foreign_systems.get()))

    async def save_foreign_system(self, request: web.Request) -> web.Response:
        """Save the foreign system, changed or not; answer after the first attempt of the server task."""
        body = JsonObject(await read_object(request), ("name", "base_url", "use_webhook", "post_uri"))
        before = self._console.foreign_systems.get()
        use_webhook = body.flag("use_webhook", default=before.use_webhook)
        post_uri = read_url("post_uri", body.text("post_uri", before.post_uri or self._post_uri(request)))
        base_url = read_url("base_url", body.text("base_url", before.base_url))
        self._console.foreign_systems.save(body.text("name", before.name), base_url, before.credential)
        if use_webhook:
            self._console.foreign_systems.use_webhook(self._api_credential(), post_uri)
        else:
            self._console.foreign_systems.untick_webhook()
        await self._console.registrar.run()
        return to_json(self._system_json(self._console.foreign_systems.get()))

    async def restart(self, _request: web.Request) -> web.Response:
        """Simulate a restart; answer when waiting retries have been attempted."""
        await self._console.restart()
        return web.Response(status=204)

    async def _listed(self) -> AsyncGenerator[bytes]:
        yield b'{"approval_requests":['
        for number, request in enumerate(self._console.store.approval_requests):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            yield (b"," if number else b"") + orjson.dumps(self._request_json(request))
        yield b"]}"

    def _request_json(self, request: ApprovalRequest) -> dict[str, object]:
        # ServiceNow's error may quote secrets from the request.
        last_error = self._secrets.mask(request.last_error)
        return {**request.to_json(self._console.clock.now()), "last_error": last_error}

    def _read_changes(self, values: Mapping[str, Any]) -> dict[str, object]:
        body = JsonObject(values, ("role", "state", "expires_in"))
        changes: dict[str, object] = {}
        if "role" in body:
            changes["role"] = body.text_or_null("role", "")
        if "state" in body:
            changes["state"] = UserState(body.one_of("state", tuple(UserState)))
        if "expires_in" in body:
            changes["expires_at"] = self._console.clock.now() + timedelta(seconds=body.seconds("expires_in"))
        return changes

    def _api_credential(self) -> str:
        system = self._console.store.foreign_system
        return API_CREDENTIAL if system is None else system.api_credential or API_CREDENTIAL

    def _post_uri(self, request: web.Request) -> str:
        return f"{own_url(self._settings, request)}{APPROVE_PATH}"

    def _system_json(self, system: ForeignSystem) -> dict[str, object]:
        # ServiceNow's error may quote secrets from the request.
        return {**system.to_json(), "last_error": self._secrets.mask(system.last_error)}


def setup_to_json(outcomes: list[StepOutcome], system: ForeignSystem) -> dict[str, object]:
    """Return the outcomes, whether ServiceNow was reached, the ids it assigned, and the webhook."""
    unreachable = any(outcome.unreachable for outcome in outcomes)
    return {
        "steps": [outcome.to_json() for outcome in outcomes],
        "servicenow_reached": not unreachable,
        **system.ids_to_json(),
    }
