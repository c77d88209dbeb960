"""Users: the API Client User (integration 2.2, 2.3)."""

from aiohttp import web

from console_sim.accounts import APPROVING_ROLES, ApiClientUser, UserState
from console_sim.console import Console
from console_sim.ui.form import Form
from console_sim.ui.frame import USERS, Frame
from console_sim.ui.visit import Visit
from privman_core.pages.answers import see

NEW = f"{USERS}/create"
ONE = f"{USERS}/api-client"
RESET = f"{ONE}/reset-secret"
USER_TYPE = "API Client"


class UsersPage:
    """The list of users and the form of the one that there can be.

    Its Secret is part of the answer to its creation and to its reset, and of no other.
    """

    def __init__(self, console: Console, frame: Frame) -> None:
        self._store = console.store
        self._users = console.users
        self._frame = frame

    async def show_all(self, visit: Visit) -> web.Response:
        """Answer the list."""
        return self._frame.page("users.html", visit, user=self._store.api_user, type=USER_TYPE, new=NEW, one=ONE)

    async def show_new(self, visit: Visit) -> web.Response:
        """Answer the form that creates a user."""
        return self._frame.page("user_new.html", visit, types=(USER_TYPE,), list=USERS)

    async def create(self, visit: Visit) -> web.Response:
        """Create the user and answer its page with the Secret; raises ConflictError when there is one."""
        visit.form.one_of("user_type", (USER_TYPE,))
        if visit.form.errors:
            return self._frame.page("user_new.html", visit, visit.form, types=(USER_TYPE,), list=USERS)
        user, secret = self._users.create()
        return self._page(visit, user, secret=secret)

    async def show(self, visit: Visit) -> web.Response:
        """Answer the user's page; raises NotFoundError."""
        return self._page(visit, self._users.get())

    async def change(self, visit: Visit) -> web.Response:
        """Save role and state; raises NotFoundError and ConflictError."""
        user = self._users.get()
        visit.require(self._version(user))
        role = visit.form.one_of("role", _roles(user))
        state = visit.form.one_of("state", tuple(UserState))
        if visit.form.errors:
            return self._page(visit, user, visit.form)
        self._users.change(role=role, state=UserState(state))
        return see(f"{ONE}?done=saved")

    async def reset_secret(self, visit: Visit) -> web.Response:
        """Reset the Secret and answer the user's page with the new one; raises NotFoundError and ConflictError."""
        user = self._users.get()
        visit.require(self._version(user))
        secret = self._users.reset_secret()
        return self._page(visit, self._users.get(), secret=secret)

    def _page(self, visit: Visit, user: ApiClientUser, form: Form | None = None, secret: str = "") -> web.Response:
        return self._frame.page(
            "user.html",
            visit,
            form or Form({"role": user.role, "state": user.state}),
            user=user,
            type=USER_TYPE,
            secret=secret,
            roles=_roles(user),
            states=tuple(UserState),
            version=self._version(user),
            one=ONE,
            reset=RESET,
            list=USERS,
        )

    def _version(self, user: ApiClientUser) -> str:
        return self._frame.version(user.client_id, user.secret_digest, user.role, user.state)


def _roles(user: ApiClientUser) -> tuple[str, ...]:
    """Return what can be chosen: no role, the documented ones, and the one that the user has."""
    return tuple(dict.fromkeys(("", *APPROVING_ROLES, user.role)))
