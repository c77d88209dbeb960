"""Users: the API Client User (integration 2.2, 2.3)."""

from aiohttp import web

from console_sim.accounts import APPROVING_ROLES, ApiClientUser, UserState
from console_sim.console import Console
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.navigation import USERS
from privman_core.pages.forms import Form
from privman_core.pages.rendering import see

ONE = f"{USERS}/api-client"
USER_TYPE = "API Client"


class UserPages:
    """The list of users and the form of the API Client User, of which there is at most one.

    Only the answers to creating the user and to resetting the Secret show the Secret.
    """

    def __init__(self, console: Console) -> None:
        self._store = console.store
        self._users = console.users

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the list."""
        user, new = self._store.api_user, f"{USERS}/create"
        return await visit.page("users.html", user=user, type=USER_TYPE, new=new, one=ONE)

    async def show_new(self, visit: ConsoleVisit) -> web.Response:
        """Show the form that creates a user."""
        return await _new(visit, Form())

    async def create(self, visit: ConsoleVisit) -> web.Response:
        """Create the user and show its page with the Secret; raises ConflictError if there is one."""
        visit.form.one_of("user_type", (USER_TYPE,))
        if visit.form.errors:
            return await _new(visit, visit.form)
        user, secret = self._users.create()
        return await self._page(visit, user, secret=secret)

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show the user's page; raises NotFoundError."""
        return await self._page(visit, self._users.get())

    async def change(self, visit: ConsoleVisit) -> web.Response:
        """Save role and state; raises NotFoundError and ConflictError."""
        user = self._users.get()
        visit.require(_version(visit, user))
        role = visit.form.one_of("role", _roles(user))
        state = visit.form.one_of("state", tuple(UserState))
        if visit.form.errors:
            return await self._page(visit, user, visit.form)
        self._users.change(role=role, state=UserState(state))
        return see(f"{ONE}?done=saved")

    async def reset_secret(self, visit: ConsoleVisit) -> web.Response:
        """Reset the Secret and show the user's page with the new one; raises NotFoundError and ConflictError."""
        user = self._users.get()
        visit.require(_version(visit, user))
        secret = self._users.reset_secret()
        return await self._page(visit, self._users.get(), secret=secret)

    async def _page(
        self, visit: ConsoleVisit, user: ApiClientUser, form: Form | None = None, secret: str = ""
    ) -> web.Response:
        return await visit.form_page(
            "user.html",
            form or Form({"role": user.role, "state": user.state}),
            user=user,
            type=USER_TYPE,
            secret=secret,
            roles=_roles(user),
            states=tuple(UserState),
            version=_version(visit, user),
            one=ONE,
            reset=f"{ONE}/reset-secret",
            list=USERS,
        )


async def _new(visit: ConsoleVisit, form: Form) -> web.Response:
    return await visit.form_page("user_new.html", form, types=(USER_TYPE,), list=USERS)


def _version(visit: ConsoleVisit, user: ApiClientUser) -> str:
    return visit.version(user.client_id, user.secret_digest, user.role, user.state)


def _roles(user: ApiClientUser) -> tuple[str, ...]:
    """Return the choices: no role, the documented roles, and the user's own."""
    return tuple(dict.fromkeys(("", *APPROVING_ROLES, user.role)))
