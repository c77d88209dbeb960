"""Users: the API Client User (integration 2.2, 2.3)."""

from aiohttp import web

from console_sim.accounts import ApiClientUser, Role
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
        self._users = console.users

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the list."""
        users, new = list(self._users), f"{USERS}/create"
        return await visit.page("users.html", users=users, type=USER_TYPE, new=new, one=ONE)

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
        roles = [role for role in Role if visit.form.ticked(role)]
        active, locked_out = visit.form.ticked("active"), visit.form.ticked("locked_out")
        self._users.change(user.client_id, roles=tuple(roles), active=active, locked_out=locked_out)
        return see(f"{ONE}?done=saved")

    async def reset_secret(self, visit: ConsoleVisit) -> web.Response:
        """Reset the Secret and show the user's page with the new one; raises NotFoundError and ConflictError."""
        user = self._users.get()
        visit.require(_version(visit, user))
        secret = self._users.reset_secret(user.client_id)
        return await self._page(visit, self._users.get(), secret=secret)

    async def _page(
        self, visit: ConsoleVisit, user: ApiClientUser, form: Form | None = None, secret: str = ""
    ) -> web.Response:
        return await visit.form_page(
            "user.html",
            form or Form(_values(user)),
            user=user,
            type=USER_TYPE,
            secret=secret,
            roles=tuple(Role),
            version=_version(visit, user),
            one=ONE,
            reset=f"{ONE}/reset-secret",
            list=USERS,
        )


async def _new(visit: ConsoleVisit, form: Form) -> web.Response:
    return await visit.form_page("user_new.html", form, types=(USER_TYPE,), list=USERS)


def _version(visit: ConsoleVisit, user: ApiClientUser) -> str:
    return visit.version(user.client_id, user.secret_digest, user.roles, user.active, user.locked_out)


def _values(user: ApiClientUser) -> dict[str, str]:
    ticked = [*user.roles, *(["active"] if user.active else []), *(["locked_out"] if user.locked_out else [])]
    return dict.fromkeys(ticked, "yes")
