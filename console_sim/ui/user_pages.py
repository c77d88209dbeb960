"""Users: the API Client Users."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from console_sim.accounts import ApiClientUser
from console_sim.api_users import ApiLogin
from console_sim.console import Console
from console_sim.errors import API_DISABLED
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.form_values import flags, read_name
from console_sim.ui.item_list import ListColumn, read_list
from console_sim.ui.navigation import ROLES, USERS
from console_sim.ui.outcome_messages import changes_text
from console_sim.ui.user_addresses import UserAddresses
from console_sim.webhook import CREATED_BY
from privman_core.ids import Ids
from privman_core.inputs import quoted
from privman_core.pages.forms import Form

ONE = f"{USERS}/api-client"
RESET = f"{ONE}/reset-secret"
USER_TYPE = "API Client"
MISSING_TYPES = ("Standard User", "Thycotic One")
"""The other printed types (select-user-type.png)."""


class UserPages:
    """The list of users and the page of each.

    The form of a new user shows the Secret, and the user's page does once after Create and after Reset Secret.

    Args:
        console: the console.
        ids: draws Client Id and Secret of the form that creates a user.
    """

    def __init__(self, console: Console, ids: Ids) -> None:
        self._users = console.users
        self._addresses = UserAddresses(console.users)
        self._store = console.store
        self._clock = console.clock
        self._ids = ids

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the list."""
        users = read_list(
            visit,
            self._users,
            ListColumn("Name", lambda user: user.display_name),
            ListColumn("Description", lambda _user: ""),
            ListColumn("Last Modified By", lambda _user: CREATED_BY),
            ListColumn("Last Modified", _modified),
            ListColumn("Type", lambda _user: USER_TYPE),
        )
        return await visit.page(
            "users.html",
            users=users,
            author=CREATED_BY,
            modified=_modified,
            type=USER_TYPE,
            new=f"{USERS}/create",
            page_of=self._page_of,
        )

    async def show_new(self, visit: ConsoleVisit) -> web.Response:
        """Show the form that creates a user, with Client Id and Secret to be copied."""
        return await _new(visit, Form(), ApiLogin(self._ids.guid(), self._ids.secret()))

    async def create(self, visit: ConsoleVisit) -> web.Response:
        """Create the user and open its page with the Secret; raises ConflictError if it was created before."""
        form = visit.form
        login = ApiLogin(form.value("client_id"), form.value("secret"))
        visit.require(visit.version(*login))
        form.one_of("user_type", (USER_TYPE,))
        if form.errors:
            return await _new(visit, form, login)
        user, secret = self._users.create(login=login)
        return self._open(visit, user, secret, f"User {user.display_name!r} created")

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show a user's page; raises NotFoundError."""
        user = self._addresses.find(visit)
        return await self._page(visit, user, Form(_values(user)), secret=visit.note.get("secret", ""))

    async def change(self, visit: ConsoleVisit) -> web.Response:
        """Save name and state; raises NotFoundError and ConflictError."""
        user, form = self._addresses.find(visit), visit.form
        visit.require(_version(visit, user))
        changes: dict[str, Any] = {
            "display_name": read_name(form, (), "display_name"),
            "expires_at": _read_end(form, user),
            "active": form.ticked("active"),
            "locked_out": form.ticked("locked_out"),
        }
        if form.errors:
            return await self._page(visit, user, form)
        changed = self._users.change(user.client_id, **changes)
        return visit.see(self._page_of(changed), changes_text(user, changed))

    async def show_reset(self, visit: ConsoleVisit) -> web.Response:
        """Ask whether to reset the Secret; raises NotFoundError."""
        user = self._addresses.find(visit)
        return await visit.page(
            "reset_secret.html",
            user=user,
            version=_version(visit, user),
            one=self._page_of(user),
            reset=self._addresses.of(RESET, user),
        )

    async def reset_secret(self, visit: ConsoleVisit) -> web.Response:
        """Reset the Secret and open the user's page with the new one; raises NotFoundError and ConflictError."""
        user = self._addresses.find(visit)
        visit.require(_version(visit, user))
        return self._open(visit, user, self._users.reset_secret(user.client_id), "Secret reset")

    def _page_of(self, user: ApiClientUser) -> str:
        return self._addresses.of(ONE, user)

    def _open(self, visit: ConsoleVisit, user: ApiClientUser, secret: str, done: str) -> web.Response:
        return visit.see(self._page_of(user), done, secret=secret)

    async def _page(self, visit: ConsoleVisit, user: ApiClientUser, form: Form, secret: str = "") -> web.Response:
        return await visit.form_page(
            "user.html",
            form,
            user=user,
            secret=secret,
            shut_out=user.login_refusal(self._clock.now()),
            api_disabled="" if self._store.api_enabled else API_DISABLED,
            version=_version(visit, user),
            one=self._page_of(user),
            reset=self._addresses.of(RESET, user),
            list=USERS,
            roles=ROLES,
        )


def _modified(user: ApiClientUser) -> datetime:
    return user.last_modified or user.created_at


async def _new(visit: ConsoleVisit, form: Form, login: ApiLogin) -> web.Response:
    version = visit.version(*login)
    return await visit.form_page(
        "user_new.html",
        form,
        types=(USER_TYPE,),
        missing_types=MISSING_TYPES,
        login=login,
        version=version,
        list=USERS,
    )


def _version(visit: ConsoleVisit, user: ApiClientUser) -> str:
    return visit.version(
        user.client_id, user.secret_digest, user.display_name, user.expires_at, user.active, user.locked_out
    )


def _values(user: ApiClientUser) -> dict[str, str]:
    return {
        "display_name": user.display_name,
        "expires": _shown(user.expires_at),
        **flags(active=user.active, locked_out=user.locked_out),
    }


def _shown(end: datetime | None) -> str:
    return "" if end is None else end.replace(tzinfo=None).isoformat(timespec="seconds")


def _read_end(form: Form, user: ApiClientUser) -> datetime | None:
    """Return when the user expires, None for never; unchanged if the form lacks the field."""
    text = form.given("expires")
    if text is None or text == _shown(user.expires_at):
        return user.expires_at
    if not text:
        return None
    try:
        end = datetime.fromisoformat(text)
        return end.astimezone(UTC) if end.tzinfo else end.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        form.add_error("expires", f"{quoted(text)} is invalid; expected a date and time such as 2027-01-05T09:00")
        return user.expires_at
