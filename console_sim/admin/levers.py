"""What an administrator may change while a test runs, and what may befall the console."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from console_sim import paths
from console_sim.api_client_user import UserState
from console_sim.bodies import Body
from console_sim.console import Console
from console_sim.foreign_system import ForeignSystem, read_url
from console_sim.own_url import own_url
from console_sim.settings import Settings
from console_sim.setup.console_steps import API_CREDENTIAL
from privman_core.control import PREFIX, read_object, to_json
from privman_core.masking import Secrets


class Levers:
    """The switch, the API user, its tokens, the foreign system, and the process itself."""

    def __init__(self, settings: Settings, console: Console, secrets: Secrets) -> None:
        self._settings = settings
        self._console = console
        self._secrets = secrets

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post(f"{PREFIX}/api-settings", self.change_api_settings),
            web.get(f"{PREFIX}/api-user", self.read_api_user),
            web.post(f"{PREFIX}/api-user", self.change_api_user),
            web.post(f"{PREFIX}/api-user/reset-secret", self.reset_secret),
            web.delete(f"{PREFIX}/tokens", self.revoke_tokens),
            web.get(f"{PREFIX}/foreign-system", self.read_foreign_system),
            web.post(f"{PREFIX}/foreign-system", self.save_foreign_system),
            web.post(f"{PREFIX}/restart", self.restart),
        ]

    async def change_api_settings(self, request: web.Request) -> web.Response:
        """Set API Enabled."""
        body = Body(await read_object(request), ("api_enabled",))
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
        body = Body(await read_object(request), ("update_credential",))
        update = body.flag("update_credential", default=False)
        if update:
            self._console.console_steps.reset_secret(self._api_credential())
            await self._console.registrar.run()
        else:
            self._console.users.reset_secret()
        return to_json(self._console.users.get().to_json())

    async def revoke_tokens(self, _request: web.Request) -> web.Response:
        """Make every token dead."""
        return to_json({"revoked": self._console.tokens.revoke_all()})

    async def read_foreign_system(self, _request: web.Request) -> web.Response:
        """Answer the foreign system."""
        return to_json(self._print(self._console.foreign_systems.get()))

    async def save_foreign_system(self, request: web.Request) -> web.Response:
        """Save the foreign system, changed or not; answer after the first attempt of the server task."""
        body = Body(await read_object(request), ("name", "base_url", "use_webhook", "post_uri"))
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
        return to_json(self._print(self._console.foreign_systems.get()))

    async def restart(self, _request: web.Request) -> web.Response:
        """Start the process again; answer when what was to be retried has been attempted."""
        await self._console.restart()
        return web.Response(status=204)

    def _read_changes(self, values: Mapping[str, Any]) -> dict[str, object]:
        body = Body(values, ("role", "state", "expires_in"))
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
        return f"{own_url(self._settings, request)}{paths.APPROVE}"

    def _print(self, system: ForeignSystem) -> dict[str, object]:
        # ServiceNow's own words may repeat what they were sent.
        return {**system.to_json(), "last_error": self._secrets.mask(system.last_error)}
