"""Configuration, Credentials (integration 2.4, 2.5)."""

from aiohttp import web

from console_sim.accounts import CREDENTIAL_TYPE, Credential
from console_sim.console import Console
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.navigation import CREDENTIALS
from privman_core.pages.forms import Form
from privman_core.pages.rendering import see


class CredentialPages:
    """The list of credentials and the form of one, which never shows a password."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._credentials = console.credentials

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the list."""
        new, one = f"{CREDENTIALS}/create", f"{CREDENTIALS}/edit"
        return await visit.page(
            "credentials.html", credentials=self._credentials, type=CREDENTIAL_TYPE, new=new, one=one
        )

    async def show_new(self, visit: ConsoleVisit) -> web.Response:
        """Show an empty form."""
        return await self._page(visit, Form(), None)

    async def create(self, visit: ConsoleVisit) -> web.Response:
        """Save a new credential."""
        form = visit.form
        name = form.text("name")
        if name in self._credentials:
            form.add_error("name", f"{name!r} already exists")
        kept = Credential(name, form.text("account_name"), form.value("password"))
        if not kept.password:
            form.add_error("password", "is empty; expected text")
        if form.errors:
            return await self._page(visit, form, None)
        return await self._save(kept)

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show the form of one credential; raises NotFoundError."""
        kept = self._find(visit)
        return await self._page(visit, Form({"account_name": kept.account_name}), kept)

    async def change(self, visit: ConsoleVisit) -> web.Response:
        """Save a changed credential; an empty password keeps the old one. Raises NotFoundError and ConflictError."""
        kept = self._find(visit)
        visit.require(_version(visit, kept))
        password = visit.form.value("password") or kept.password
        changed = Credential(kept.name, visit.form.text("account_name"), password)
        if visit.form.errors:
            return await self._page(visit, visit.form, kept)
        return await self._save(changed)

    async def _save(self, kept: Credential) -> web.Response:
        self._credentials.save(kept)
        # Foreign systems register again with the changed credential (integration 2.13).
        await self._console.registrar.run_all()
        return see(f"{CREDENTIALS}?done=saved")

    def _find(self, visit: ConsoleVisit) -> Credential:
        return self._credentials.get(visit.query.get("name", ""))

    async def _page(self, visit: ConsoleVisit, form: Form, kept: Credential | None) -> web.Response:
        return await visit.form_page(
            "credential.html",
            form,
            credential="" if kept is None else kept.name,
            type=CREDENTIAL_TYPE,
            version="" if kept is None else _version(visit, kept),
            list=CREDENTIALS,
        )


def _version(visit: ConsoleVisit, kept: Credential) -> str:
    return visit.version(kept.name, kept.account_name, kept.password)
