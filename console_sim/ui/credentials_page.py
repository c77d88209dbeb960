"""Configuration, Credentials (integration 2.4, 2.5)."""

from aiohttp import web

from console_sim.accounts import CREDENTIAL_TYPE, Credential
from console_sim.console import Console
from console_sim.ui.form import Form
from console_sim.ui.frame import CONFIGURATION, Frame
from console_sim.ui.visit import Visit
from privman_core.pages.answers import see

LIST = f"{CONFIGURATION}/credentials"
NEW = f"{LIST}/create"
ONE = f"{LIST}/edit"


class CredentialsPage:
    """The list of credentials and the form of one; a password is taken and never shown."""

    def __init__(self, console: Console, frame: Frame) -> None:
        self._console = console
        self._credentials = console.credentials
        self._frame = frame

    async def show_all(self, visit: Visit) -> web.Response:
        """Answer the list."""
        return self._frame.page(
            "credentials.html", visit, credentials=self._credentials, type=CREDENTIAL_TYPE, new=NEW, one=ONE
        )

    async def show_new(self, visit: Visit) -> web.Response:
        """Answer an empty form."""
        return self._page(visit, Form(), None)

    async def create(self, visit: Visit) -> web.Response:
        """Save a new credential."""
        form = visit.form
        name = form.text("name")
        if name in self._credentials:
            form.complain("name", f"{name!r} exists already")
        kept = Credential(name, form.text("account_name"), form.value("password"))
        if not kept.password:
            form.complain("password", "is empty; expected the password")
        if form.errors:
            return self._page(visit, form, None)
        return await self._save(kept)

    async def show(self, visit: Visit) -> web.Response:
        """Answer the form of one credential; raises NotFoundError."""
        kept = self._find(visit)
        return self._page(visit, Form({"account_name": kept.account_name}), kept)

    async def change(self, visit: Visit) -> web.Response:
        """Save a changed credential; an empty password leaves it. Raises NotFoundError and ConflictError."""
        kept = self._find(visit)
        visit.require(self._version(kept))
        password = visit.form.value("password") or kept.password
        changed = Credential(kept.name, visit.form.text("account_name"), password)
        if visit.form.errors:
            return self._page(visit, visit.form, kept)
        return await self._save(changed)

    async def _save(self, kept: Credential) -> web.Response:
        self._credentials.save(kept)
        # Whoever uses the credential follows (integration 2.13).
        await self._console.registrar.run()
        return see(f"{LIST}?done=saved")

    def _find(self, visit: Visit) -> Credential:
        return self._credentials.get(visit.request.query.get("name", ""))

    def _page(self, visit: Visit, form: Form, kept: Credential | None) -> web.Response:
        return self._frame.page(
            "credential.html",
            visit,
            form,
            credential="" if kept is None else kept.name,
            type=CREDENTIAL_TYPE,
            version="" if kept is None else self._version(kept),
            list=LIST,
        )

    def _version(self, kept: Credential) -> str:
        return self._frame.version(kept.name, kept.account_name, kept.password)
