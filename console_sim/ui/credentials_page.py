"""Configuration, Credentials (integration 2.4, 2.5)."""

from aiohttp import web

from console_sim import credential
from console_sim.console import Console
from console_sim.credential import Credential
from console_sim.errors import NotFoundError
from console_sim.ui.form import Form
from console_sim.ui.frame import CONFIGURATION, Frame
from console_sim.ui.visit import Visit
from privman_testbench.pages.answers import see

LIST = f"{CONFIGURATION}/credentials"
NEW = f"{LIST}/create"
ONE = f"{LIST}/edit"


class CredentialsPage:
    """The list of credentials and the form of one; a password is taken and never shown."""

    def __init__(self, console: Console, frame: Frame) -> None:
        self._console = console
        self._credentials = console.store.credentials
        self._frame = frame

    async def show_all(self, visit: Visit) -> web.Response:
        """Answer the list."""
        return self._frame.page(
            "credentials.html", visit, credentials=self._credentials, type=credential.TYPE, new=NEW, one=ONE
        )

    async def show_new(self, visit: Visit) -> web.Response:
        """Answer an empty form."""
        return self._page(visit, Form(), "")

    async def create(self, visit: Visit) -> web.Response:
        """Save a new credential."""
        form = visit.form
        name = form.text("name")
        if name in self._credentials:
            form.complain("name", f"{name!r} exists already")
        kept = Credential(form.text("account_name"), form.value("password"))
        if not kept.password:
            form.complain("password", "is empty; expected the password")
        if form.errors:
            return self._page(visit, form, "")
        return await self._save(name, kept)

    async def show(self, visit: Visit) -> web.Response:
        """Answer the form of one credential; raises NotFoundError."""
        name, kept = self._find(visit)
        return self._page(visit, Form({"account_name": kept.account_name}), name)

    async def change(self, visit: Visit) -> web.Response:
        """Save a changed credential; an empty password leaves it. Raises NotFoundError and ConflictError."""
        name, kept = self._find(visit)
        visit.require(self._version(name))
        changed = Credential(visit.form.text("account_name"), visit.form.value("password") or kept.password)
        if visit.form.errors:
            return self._page(visit, visit.form, name)
        return await self._save(name, changed)

    async def _save(self, name: str, kept: Credential) -> web.Response:
        self._credentials[name] = kept
        # Whoever uses the credential follows (integration 2.13).
        await self._console.registrar.run()
        return see(f"{LIST}?done=saved")

    def _find(self, visit: Visit) -> tuple[str, Credential]:
        name = visit.request.query.get("name", "")
        kept = self._credentials.get(name)
        if kept is None:
            raise NotFoundError(f"there is no credential {name!r}")
        return name, kept

    def _page(self, visit: Visit, form: Form, name: str) -> web.Response:
        return self._frame.page(
            "credential.html",
            visit,
            form,
            credential=name,
            type=credential.TYPE,
            version=self._version(name),
            list=LIST,
        )

    def _version(self, name: str) -> str:
        kept = self._credentials.get(name)
        return "" if kept is None else self._frame.version(name, kept.account_name, kept.password)
