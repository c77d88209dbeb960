"""The console's own calls under ``/__admin``: set-up, requests, API settings, API users and restart."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus

import orjson
from aiohttp import web

from console_sim.accounts import ApiClientUser, Credential, read_roles
from console_sim.approval_decision import OWN_KEYS, own_decision
from console_sim.approval_request import ApprovalRequest
from console_sim.console import Console
from console_sim.json_object import JsonObject
from console_sim.settings import Settings, own_url
from console_sim.setup_parameters import read_setup_parameters
from console_sim.step_outcomes import StepOutcome
from privman_core.control import read_object, refuse_fields, to_json
from privman_core.control_index import PREFIX
from privman_core.masking import Secrets
from privman_core.state_changes import StateChanges
from privman_core.streaming import answer_in_parts

_REQUEST_IDS = "request_ids"
_AT_ONCE = 100  # approval requests that are written before others are served


class ConsoleAdmin:
    """Set-up, requests, API settings, API users and restart; for tests, not part of the product."""

    def __init__(self, settings: Settings, console: Console, secrets: Secrets, changes: StateChanges) -> None:
        self._settings = settings
        self._changes = changes
        self._console = console
        self._users = console.users
        self._secrets = secrets

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        one = f"{PREFIX}/approval-requests/{{request_id}}"
        return [
            web.post(f"{PREFIX}/setup", self.set_up),
            web.post(f"{PREFIX}/approval-requests", self.ask),
            web.get(f"{PREFIX}/approval-requests", self.list_requests),
            web.get(one, self.read_request),
            web.post(f"{one}/decide", self.decide),
            web.post(f"{PREFIX}/approval-requests/decide", self.decide_all),
            web.post(f"{PREFIX}/run", self.run),
            web.post(f"{PREFIX}/api-settings", self.change_api_settings),
            web.get(f"{PREFIX}/api-users", self.list_api_users),
            web.post(f"{PREFIX}/api-users", self.create_api_user),
            web.get(f"{PREFIX}/api-user", self.read_api_user),
            web.post(f"{PREFIX}/api-user", self.change_api_user),
            web.post(f"{PREFIX}/api-user/reset-secret", self.reset_secret),
            web.post(f"{PREFIX}/tokens", self.issue_token),
            web.delete(f"{PREFIX}/tokens", self.revoke_tokens),
            web.post(f"{PREFIX}/restart", self.restart),
        ]

    async def set_up(self, request: web.Request) -> web.Response:
        """Run the documented steps and answer after the first attempt of each."""
        parameters = read_setup_parameters(await read_object(request), own_url(self._settings, request))
        outcomes = await self._console.setup.run(parameters)
        return to_json(setup_to_json(outcomes, self._console, parameters.name))

    async def ask(self, request: web.Request) -> web.Response:
        """Let an endpoint user ask; answer after the first attempt to send the request.

        A new request is answered with 201, the pending one for the same with 200.
        """
        body = JsonObject(await read_object(request), ("metadata",))
        asked = await self._console.approvals.ask(body.mapping("metadata"))
        return to_json(self._request_json(asked.request), HTTPStatus.CREATED if asked.is_new else HTTPStatus.OK)

    async def run(self, request: web.Request) -> web.Response:
        """Start the application on the endpoint; answer whether it may run, and the request that says so."""
        body = JsonObject(await read_object(request), ("metadata",))
        outcome, approval = await self._console.approvals.run(body.mapping("metadata"))
        return to_json({"outcome": outcome, **self._request_json(approval)})

    async def list_requests(self, request: web.Request) -> web.StreamResponse:
        """Answer every request, oldest first, and serve others meanwhile."""
        return await answer_in_parts(request, self._listed())

    async def read_request(self, request: web.Request) -> web.Response:
        """Answer one request."""
        return to_json(self._request_json(self._console.approvals.find(request.match_info["request_id"])))

    async def decide(self, request: web.Request) -> web.Response:
        """Decide in the console; answer after the first attempt to record it in ServiceNow."""
        decision = self._console.decisions.read_own(own_decision(await read_object(request)))
        decided = await self._console.approvals.decide_here(request.match_info["request_id"], decision)
        return to_json(self._request_json(decided))

    async def decide_all(self, request: web.Request) -> web.Response:
        """Decide several requests alike, all or none; answer after the first attempt to record each."""
        body = JsonObject(await read_object(request), (_REQUEST_IDS, *OWN_KEYS))
        request_ids = body.texts(_REQUEST_IDS)
        decision = self._console.decisions.read_own(body)
        decided = await self._console.approvals.decide_all(request_ids, decision)
        return to_json({"approval_requests": [self._request_json(each) for each in decided]})

    async def change_api_settings(self, request: web.Request) -> web.Response:
        """Set API Enabled."""
        body = JsonObject(await read_object(request), ("api_enabled",))
        enabled = body.flag("api_enabled")
        self._console.store.enable_api(enabled=enabled)
        return to_json({"api_enabled": enabled})

    async def list_api_users(self, _request: web.Request) -> web.Response:
        """Answer the API users, oldest first, without Client Id and Secret."""
        return to_json({"api_users": [user.to_json() for user in self._users]})

    async def create_api_user(self, request: web.Request) -> web.Response:
        """Create an API user, and a credential of that name with its Client Id and Secret, which are not answered."""
        body = JsonObject(await read_object(request), ("display_name", "role", "roles", "credential"))
        roles, name, credential = read_roles(body, ()), body.name("display_name", ""), body.name("credential")
        self._console.credentials.require_free(credential)
        with self._console.store.transaction():
            user, secret = self._users.create(name)
            changed = self._users.change(user.client_id, roles=roles)
            self._console.credentials.save(Credential(credential, user.client_id, secret))
        return to_json(changed.to_json(), HTTPStatus.CREATED)

    async def read_api_user(self, request: web.Request) -> web.Response:
        """Answer the API user that the parameter ``user`` names, or else the oldest, without Client Id and Secret."""
        return to_json(self._user(request.query.get("user", "")).to_json())

    async def change_api_user(self, request: web.Request) -> web.Response:
        """Change an API user."""
        known = ("user", "display_name", "role", "roles", "active", "locked_out", "expires_in")
        body = JsonObject(await read_object(request), known)
        user = self._user(body.text("user", ""))
        changes = self._read_changes(body, user)
        return to_json(self._users.change(user.client_id, **changes).to_json())

    async def reset_secret(self, request: web.Request) -> web.Response:
        """Reset a Secret; with ``update_credential`` the credentials follow, and the registrations with them."""
        body = JsonObject(await read_object(request), ("user", "update_credential"))
        user = self._user(body.text("user", ""))
        if body.flag("update_credential", default=False):
            await self._console.registrar.run_using(*self._reset_secret_in_credentials(user))
        else:
            self._users.reset_secret(user.client_id)
        return to_json(self._users.get(user.client_id).to_json())

    def _user(self, name: str) -> ApiClientUser:
        """Return the API user with that display name or Client Id, or else the oldest."""
        return self._users.named(name) if name else self._users.get()

    def _reset_secret_in_credentials(self, user: ApiClientUser) -> list[str]:
        """Return the names of the credentials that have the new Secret."""
        holding = [each for each in self._console.credentials if each.account_name.lower() == user.client_id]
        with self._console.store.transaction():
            secret = self._users.reset_secret(user.client_id)
            for credential in holding:
                self._console.credentials.save(replace(credential, password=secret))
        return [credential.name for credential in holding]

    async def issue_token(self, request: web.Request) -> web.Response:
        """Answer a token of the API user that ``user`` names, or else of the oldest, who must not be shut out."""
        user = self._user(JsonObject(await read_object(request), ("user",)).text("user", ""))
        return to_json({"token": self._users.issue_token(user)})

    async def revoke_tokens(self, _request: web.Request) -> web.Response:
        """Revoke every token."""
        return to_json({"revoked": self._console.tokens.revoke_all()})

    async def restart(self, request: web.Request) -> web.Response:
        """Simulate a restart; answer when waiting retries have been attempted, after five seconds at most."""
        await refuse_fields(request)
        attempts = await self._changes.make(self._console.restart)
        await self._console.background.wait_briefly(attempts)
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
        system = self._console.store.foreign_systems.get(request.server_id) if request.server_id else None
        server = None if system is None else system.name
        return {**request.to_json(self._console.clock.now()), "server": server, "last_error": last_error}

    def _read_changes(self, body: JsonObject, user: ApiClientUser) -> dict[str, object]:
        changes: dict[str, object] = {
            "display_name": body.name("display_name", user.display_name),
            "roles": read_roles(body, user.roles),
            "active": body.flag("active", default=user.active),
            "locked_out": body.flag("locked_out", default=user.locked_out),
        }
        if "expires_in" in body:
            changes["expires_at"] = self._read_end(body)
        return changes

    def _read_end(self, body: JsonObject) -> datetime | None:
        """Return when the user expires; None for never."""
        if body.any("expires_in") is None:
            return None
        return self._console.clock.now() + timedelta(seconds=body.seconds("expires_in"))


def setup_to_json(outcomes: list[StepOutcome], console: Console, system_name: str) -> dict[str, object]:
    """Return the outcomes, whether ServiceNow was reached, the ids that it assigned, and the webhook.

    Ids and webhook are null if the set-up failed before there was a foreign system. Whether ServiceNow was reached is
    null if no step asked it.
    """
    system = console.foreign_systems.find_named(system_name)
    webhook = None if system is None else console.webhooks.of(system)
    shown = {} if system is None else system.to_json()
    return {
        "steps": [outcome.to_json() for outcome in outcomes],
        "servicenow_reached": _has_reached(outcomes),
        "instance_id": shown.get("instance_id"),
        "activity_type_id": shown.get("activity_type_id"),
        "webhook": None if webhook is None else webhook.to_json(),
    }


def _has_reached(outcomes: list[StepOutcome]) -> bool | None:
    known = [outcome.reached for outcome in outcomes if outcome.reached is not None]
    return all(known) if known else None
