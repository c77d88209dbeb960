"""Configuration, Foreign Systems."""

import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from console_sim.console import Console
from console_sim.errors import API_DISABLED
from console_sim.foreign_system import FOREIGN_SYSTEM_TYPE, ForeignSystem
from console_sim.names import LONGEST_NAME
from console_sim.remote_record import RemoteRecord
from console_sim.settings import APPROVE_PATH, Settings, own_url
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.form_values import flags, read_description, read_name
from console_sim.ui.item_list import ListColumn, read_list
from console_sim.ui.navigation import FOREIGN_SYSTEMS, SERVERS, link
from console_sim.ui.outcome_messages import changes_text, renewed_text, see_registration
from privman_core.cuts import cut
from privman_core.inputs import EXAMPLE_URL
from privman_core.pages.forms import Form

ONE = f"{SERVERS}/server"
KIND = "ServiceNow"
MISSING_KINDS = (
    "Active Directory Domains",
    "Azure Active Directory Domains",
    "Azure Service Bus",
    "Privilege Manager Server",
    "Secret Server",
    "SMTP Server",
    "Symantec Management Platform",
    "SysLog",
    "System Center Configuration Manager",
    "Thycotic One",
)
"""The other printed kinds (config-foreign-sys.png)."""
POST_URI = f"https://console.example{APPROVE_PATH}"
_IN_BRACKETS = re.compile(r"\[[\w ]+\]")


class ForeignSystemPages:
    """The kinds of foreign systems, the ServiceNow servers, and the page of each."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings = settings
        self._console = console
        self._systems = console.foreign_systems

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the kinds of foreign systems."""
        counts = {**dict.fromkeys(MISSING_KINDS, 0), KIND: len(list(self._systems))}
        kinds = read_list(
            visit, counts.items(), ListColumn("Name", lambda kind: kind[0]), ListColumn("Count", lambda kind: kind[1])
        )
        return await visit.page("foreign_systems.html", kinds=kinds, links={KIND: SERVERS})

    async def servers(self, visit: ConsoleVisit) -> web.Response:
        """Show the ServiceNow servers."""
        new = f"{SERVERS}/create"
        systems = read_list(
            visit,
            self._systems,
            ListColumn("Name", lambda system: system.name),
            ListColumn("Description", lambda system: system.description),
            ListColumn("Base URL", lambda system: system.base_url),
            ListColumn("Use Webhook", lambda system: system.use_webhook),
        )
        return await visit.page("servers.html", systems=systems, kind=KIND, new=new, one=ONE, back=FOREIGN_SYSTEMS)

    async def show_new(self, visit: ConsoleVisit) -> web.Response:
        """Show the form of a new server."""
        return await visit.form_page("server_new.html", Form(), list=SERVERS)

    async def create(self, visit: ConsoleVisit) -> web.Response:
        """Create a server and open its page; its description is its name, as printed (webhook-1.png)."""
        form = visit.form
        name, base_url = read_name(form, [each.name for each in self._systems]), _read_base_url(form)
        if form.errors:
            return await visit.form_page("server_new.html", form, list=SERVERS)
        system = self._systems.create(name, base_url, description=name)
        return visit.see(link(ONE, id=system.id), f"Foreign system {system.name!r} created")

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show the page of a server; raises NotFoundError."""
        system = self._find(visit)
        return await self._page(visit, Form(_values(system)), system)

    async def change(self, visit: ConsoleVisit) -> web.Response:
        """Save the server, changed or not, and run the server task; raises NotFoundError and ConflictError."""
        system, form = self._find(visit), visit.form
        visit.require(_version(visit, system))
        values = self._read(form, system)
        if form.errors:
            return await self._page(visit, form, system)
        changes = changes_text(system, self._systems.change(system.id, **values))
        failure = await self._console.registrar.save(system.id)
        told = ". ".join(filter(None, (changes, renewed_text(system, self._systems.get(system.id)))))
        return see_registration(visit, link(ONE, id=system.id), told, failure)

    def _read(self, form: Form, system: ForeignSystem) -> dict[str, Any]:
        values: dict[str, Any] = {
            "name": read_name(form, [each.name for each in self._systems if each.id != system.id]),
            "description": read_description(form),
            "base_url": _read_base_url(form),
            "use_webhook": form.ticked("use_webhook"),
            "credential": form.value("credential"),
        }
        if values["credential"] or values["use_webhook"]:
            form.one_of("credential", self._credentials())
        return values | (self._read_webhook(form) if values["use_webhook"] else {})

    def _read_webhook(self, form: Form) -> dict[str, Any]:
        if not self._console.store.api_enabled:
            form.add_error("use_webhook", API_DISABLED)
        return {
            "api_credential": form.one_of("api_credential", self._credentials()),
            "post_uri": form.url("post_uri", POST_URI),
        }

    def _credentials(self) -> list[str]:
        return [credential.name for credential in self._console.credentials]

    def _find(self, visit: ConsoleVisit) -> ForeignSystem:
        return self._systems.get(visit.query.get("id", ""))

    async def _page(self, visit: ConsoleVisit, form: Form, system: ForeignSystem) -> web.Response:
        return await visit.form_page(
            "server.html",
            form,
            system=system,
            webhook=self._console.webhooks.of(system),
            registered=self._state(system, system.registration, self._console.registrar.has_registered),
            activity_type=self._state(system, system.activity_type, self._console.registrar.has_activity_type),
            usual_post_uri=f"{own_url(self._settings, visit.request)}{APPROVE_PATH}",
            type=FOREIGN_SYSTEM_TYPE,
            credentials=self._credentials(),
            version=_version(visit, system),
            tab=FOREIGN_SYSTEMS,
        )

    def _state(self, system: ForeignSystem, record: RemoteRecord, is_current: Callable[[ForeignSystem], bool]) -> str:
        """Return what the console knows about its registration in ServiceNow."""
        if not record.sys_id:
            return "not acknowledged" if record.may_exist else "not registered"
        if not system.use_webhook:
            return f"{record.sys_id}, from when Use Webhook was ticked"
        return record.sys_id if is_current(system) else f"{record.sys_id}, before the last change"


def _values(system: ForeignSystem) -> dict[str, str]:
    return {
        "name": system.name,
        "description": system.description,
        "base_url": system.base_url,
        "credential": system.credential,
        "api_credential": system.api_credential,
        "post_uri": system.post_uri,
        **flags(use_webhook=system.use_webhook),
    }


def _read_base_url(form: Form) -> str:
    """Return the address of an instance as it was typed; the printed example is not one."""
    typed = form.value("base_url").strip()
    found = _IN_BRACKETS.search(typed)
    if found is None:
        return form.url("base_url") and typed
    shown = repr(cut(found[0], LONGEST_NAME))
    form.add_error("base_url", f"has {shown} for the instance's name; expected an address such as {EXAMPLE_URL}")
    return ""


def _version(visit: ConsoleVisit, system: ForeignSystem) -> str:
    return visit.version(
        system.name,
        system.description,
        system.base_url,
        system.credential,
        system.use_webhook,
        system.api_credential,
        system.post_uri,
    )
