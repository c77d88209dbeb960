"""Configuration, Foreign Systems (integration 2.6 to 2.10)."""

from typing import Any

from aiohttp import web

from console_sim.console import Console
from console_sim.errors import API_DISABLED, ConflictError
from console_sim.foreign_system import FOREIGN_SYSTEM_TYPE, ForeignSystem
from console_sim.settings import APPROVE_PATH, Settings, own_url
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.navigation import FOREIGN_SYSTEMS
from privman_core.pages.forms import Form
from privman_core.pages.rendering import see

ONE = f"{FOREIGN_SYSTEMS}/edit"


class ForeignSystemPages:
    """The list of foreign systems, which has at most one, and its form."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings = settings
        self._console = console

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the list."""
        systems, new = list(self._console.foreign_systems), f"{FOREIGN_SYSTEMS}/create"
        return await visit.page("foreign_systems.html", systems=systems, type=FOREIGN_SYSTEM_TYPE, new=new, one=ONE)

    async def show_new(self, visit: ConsoleVisit) -> web.Response:
        """Show an empty form; raises ConflictError if there is a foreign system."""
        self._require_none()
        return await self._page(visit, Form({"post_uri": self._usual_post_uri(visit)}), None)

    async def create(self, visit: ConsoleVisit) -> web.Response:
        """Save a new foreign system and run the server task; raises ConflictError if there is one."""
        self._require_none()
        return await self._save(visit, None)

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show the form of the foreign system; raises NotFoundError."""
        system = self._console.foreign_systems.get()
        return await self._page(visit, Form(self._values(visit, system)), system)

    async def change(self, visit: ConsoleVisit) -> web.Response:
        """Save the foreign system, changed or not, and run the server task; raises NotFoundError and ConflictError."""
        system = self._console.foreign_systems.get()
        visit.require(_version(visit, system))
        return await self._save(visit, system)

    async def _save(self, visit: ConsoleVisit, before: ForeignSystem | None) -> web.Response:
        form = visit.form
        name = form.text("name") if before is None else before.name
        base_url = form.url("base_url")
        credential = form.one_of("credential", self._names())
        self._check_webhook(form)
        if form.errors:
            return await self._page(visit, form, before)
        systems = self._console.foreign_systems
        values: dict[str, Any] = {"use_webhook": form.ticked("use_webhook")}
        if form.ticked("use_webhook"):
            values |= {"api_credential": form.value("api_credential"), "post_uri": form.url("post_uri")}
        saved = (
            systems.create(name, base_url, credential, **values)
            if before is None
            else systems.change(before.id, base_url=base_url, credential=credential, **values)
        )
        await self._console.registrar.run(saved.id)
        return see(f"{ONE}?done=saved")

    def _check_webhook(self, form: Form) -> None:
        if not form.ticked("use_webhook"):
            return
        if not self._console.store.api_enabled:
            form.add_error("use_webhook", API_DISABLED)
        form.one_of("api_credential", self._names())
        form.url("post_uri")

    def _names(self) -> list[str]:
        return [credential.name for credential in self._console.credentials]

    def _require_none(self) -> None:
        system = self._console.store.foreign_systems.only()
        if system is not None:
            raise ConflictError(f"foreign system {system.name!r} exists; a console has at most one")

    async def _page(self, visit: ConsoleVisit, form: Form, system: ForeignSystem | None) -> web.Response:
        return await visit.form_page(
            "foreign_system.html",
            form,
            system=system,
            webhook=None if system is None else self._console.webhooks.of(system),
            type=FOREIGN_SYSTEM_TYPE,
            credentials=self._names(),
            version="" if system is None else _version(visit, system),
            list=FOREIGN_SYSTEMS,
        )

    def _values(self, visit: ConsoleVisit, system: ForeignSystem) -> dict[str, str]:
        return {
            "base_url": system.base_url,
            "credential": system.credential,
            "use_webhook": "yes" if system.use_webhook else "",
            "api_credential": system.api_credential,
            "post_uri": system.post_uri or self._usual_post_uri(visit),
        }

    def _usual_post_uri(self, visit: ConsoleVisit) -> str:
        return f"{own_url(self._settings, visit.request)}{APPROVE_PATH}"


def _version(visit: ConsoleVisit, system: ForeignSystem) -> str:
    return visit.version(
        system.name, system.base_url, system.credential, system.use_webhook, system.api_credential, system.post_uri
    )
