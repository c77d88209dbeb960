"""Configuration, Credentials."""

from dataclasses import replace
from typing import Any

from aiohttp import web

from console_sim.accounts import Credential
from console_sim.console import Console
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.form_values import read_description, read_name
from console_sim.ui.item_list import ListColumn, read_list
from console_sim.ui.navigation import CREDENTIALS, link
from console_sim.ui.outcome_messages import changes_text
from console_sim.webhook import CREATED_BY
from privman_core.pages.forms import Form

ONE = f"{CREDENTIALS}/edit"
TYPE = "User Credential Secret Resource (Resources)"
NEW_NAME = "New User Credential"


class CredentialPages:
    """The list of credentials and the form of one, which never shows a password."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._credentials = console.credentials

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the list."""
        credentials = read_list(
            visit,
            self._credentials,
            ListColumn("Name", lambda each: each.name),
            ListColumn("Description", lambda each: each.description),
            ListColumn("Last Modified By", lambda _each: CREATED_BY),
            ListColumn("Last Modified On", lambda each: each.last_modified),
        )
        new = f"{CREDENTIALS}/create"
        return await visit.page("credentials.html", credentials=credentials, author=CREATED_BY, new=new, one=ONE)

    async def show_new(self, visit: ConsoleVisit) -> web.Response:
        """Show the form of a new credential."""
        return await self._page(visit, Form({"name": NEW_NAME, "description": NEW_NAME}), None)

    async def create(self, visit: ConsoleVisit) -> web.Response:
        """Save a new credential."""
        form = visit.form
        values = {**self._read(form), "password": _read_password(form)}
        if form.errors:
            return await self._page(visit, form, None)
        new = Credential(**values)
        self._credentials.save(new)
        created = f"Credential {new.name!r} created"
        if _saves_password(form):
            return visit.see(link(ONE, name=new.name), f"{created}, with its password", saved="yes")
        return visit.see(CREDENTIALS, created)

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show the form of one credential; raises NotFoundError."""
        kept = self._find(visit)
        typed = {field: visit.note[field] for field in _FIELDS if field in visit.note}
        return await self._page(
            visit, Form(_values(kept) | typed), kept, saved="saved" in visit.note, edited=_differs(kept, typed)
        )

    async def change(self, visit: ConsoleVisit) -> web.Response:
        """Save a changed credential; an empty password keeps the old one. Raises NotFoundError and ConflictError."""
        kept, form = self._find(visit), visit.form
        visit.require(_version(visit, kept))
        if _saves_password(form):
            return await self._save_password(visit, kept)
        values = {**self._read(form, kept.name), "password": form.value("password") or kept.password}
        if form.errors:
            return await self._page(visit, form, kept)
        changed = replace(kept, **values)
        await self._replace(kept, changed)
        return visit.see(CREDENTIALS, changes_text(kept, changed))

    def _read(self, form: Form, kept: str = "") -> dict[str, Any]:
        """Return the credential in the form, without its password; it may keep its own name."""
        return {
            "name": read_name(form, [each.name for each in self._credentials if each.name != kept]),
            "account_name": form.text("account_name"),
            "description": read_description(form),
        }

    async def _save_password(self, visit: ConsoleVisit, kept: Credential) -> web.Response:
        """Save only the password; the page shows the other fields as they were filled in."""
        password = _read_password(visit.form)
        if visit.form.errors:
            return await self._page(visit, visit.form, kept)
        await self._replace(kept, replace(kept, password=password))
        return _again(visit, kept)

    async def _replace(self, kept: Credential, changed: Credential) -> None:
        self._credentials.change(kept, changed)
        # Its foreign systems register again with the changed credential, and send what waited.
        await self._console.registrar.run_using(changed.name)

    def _find(self, visit: ConsoleVisit) -> Credential:
        return self._credentials.get(visit.query.get("name", ""))

    async def _page(
        self, visit: ConsoleVisit, form: Form, kept: Credential | None, *, saved: bool = False, edited: bool = False
    ) -> web.Response:
        if form.errors and form.value("password"):
            form.add_error("password", "must be entered again, because no page shows a password")
        return await visit.form_page(
            "credential.html",
            form,
            credential=kept,
            type=TYPE,
            version="" if kept is None else _version(visit, kept),
            saved=saved,
            edited=edited,
            list=CREDENTIALS,
        )


_FIELDS = ("name", "account_name", "description")


def _again(visit: ConsoleVisit, kept: Credential) -> web.Response:
    """Open the page of the credential again after Save Password, filled in as it was."""
    typed = {field: visit.form.value(field) for field in _FIELDS}
    done = "Password saved, the other changes not yet" if _differs(kept, typed) else "Password saved"
    return visit.see(link(ONE, name=kept.name), done, saved="yes", **typed)


def _differs(kept: Credential, typed: dict[str, str]) -> bool:
    return _values(kept) | typed != _values(kept)


def _saves_password(form: Form) -> bool:
    return form.ticked("save_password")


def _read_password(form: Form) -> str:
    password = form.value("password")
    if not password:
        form.add_error("password", "is empty; expected text")
    return password


def _version(visit: ConsoleVisit, kept: Credential) -> str:
    return visit.version(kept.name, kept.account_name, kept.password, kept.description)


def _values(kept: Credential) -> dict[str, str]:
    return {"name": kept.name, "account_name": kept.account_name, "description": kept.description}
