"""Roles: which users are members of each (integration 8)."""

from aiohttp import web

from console_sim.accounts import ApiClientUser, Role
from console_sim.console import Console
from console_sim.errors import NotFoundError
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.navigation import ROLES, USERS, link
from console_sim.ui.user_pages import ONE as ONE_USER
from privman_core.pages.rendering import see

ONE = f"{ROLES}/role"
MEMBERS = f"{ONE}/members"
DESCRIPTIONS = {
    Role.ADMINISTRATORS: "Privilege Manager Administrators",
    Role.HELPDESK_USERS: "Privilege Manager Helpdesk Users",
    Role.MACOS_ADMINISTRATORS: "Privilege Manager MacOS Administrator",
    Role.UNIX_ADMINISTRATORS: "This security role is for console administrators that manage agents with Unix",
    Role.USERS: "Privilege Manager Users",
    Role.WINDOWS_ADMINISTRATORS: "Privilege Manager Windows Administrators",
}
"""As printed (config-roles.png); other roles have none."""


class RolePages:
    """The roles, and the steps in which users are added: Edit, Add or Remove, Update, Save Changes."""

    def __init__(self, console: Console) -> None:
        self._store = console.store
        self._users = console.users

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the list."""
        return await visit.page("roles.html", roles=tuple(Role), descriptions=DESCRIPTIONS, one=ONE, back=USERS)

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show the members of a role; raises NotFoundError."""
        role = _role(visit)
        return await self._page(visit, role, self._members(role), edited=False)

    async def save(self, visit: ConsoleVisit) -> web.Response:
        """Save the members of a role; raises NotFoundError and ConflictError."""
        role, chosen = _role(visit), self._chosen(visit)
        visit.require(self._version(visit, role))
        with self._store.transaction():
            for user in self._users:
                wanted = {*user.roles, role} if user in chosen else {*user.roles} - {role}
                self._users.change(user.client_id, roles=tuple(each for each in Role if each in wanted))
        return see(link(ONE, name=role, done="saved"))

    async def edit(self, visit: ConsoleVisit) -> web.Response:
        """Show the members of a role, to be edited; raises NotFoundError."""
        role = _role(visit)
        return await self._editing(visit, role, self._members(role))

    async def update(self, visit: ConsoleVisit) -> web.Response:
        """Add or remove a member, or show all members for saving; nothing is saved. Raises NotFoundError."""
        role, chosen, form = _role(visit), self._chosen(visit), visit.form
        if form.value("add"):
            return await self._editing(visit, role, [*chosen, self._users.get(form.value("add"))])
        if form.value("remove"):
            removed = self._users.get(form.value("remove"))
            return await self._editing(visit, role, [each for each in chosen if each != removed])
        return await self._page(visit, role, chosen, edited=True)

    def _members(self, role: Role) -> list[ApiClientUser]:
        return [user for user in self._users if role in user.roles]

    def _chosen(self, visit: ConsoleVisit) -> list[ApiClientUser]:
        return [self._users.get(each) for each in dict.fromkeys(visit.form.values("member")) if each]

    def _version(self, visit: ConsoleVisit, role: Role) -> str:
        return visit.version(role, [user.client_id for user in self._members(role)])

    async def _page(
        self, visit: ConsoleVisit, role: Role, members: list[ApiClientUser], *, edited: bool
    ) -> web.Response:
        return await visit.page(
            "role.html",
            role=role,
            members=members,
            edited=edited,
            version=visit.form.value("version") if edited else self._version(visit, role),
            one=ONE,
            edit=MEMBERS,
            list=ROLES,
            user=ONE_USER,
        )

    async def _editing(self, visit: ConsoleVisit, role: Role, members: list[ApiClientUser]) -> web.Response:
        return await visit.page(
            "role_members.html",
            role=role,
            members=members,
            others=[user for user in self._users if user not in members],
            version=visit.form.value("version") or self._version(visit, role),
            one=ONE,
            edit=MEMBERS,
            user=ONE_USER,
        )


def _role(visit: ConsoleVisit) -> Role:
    name = visit.query.get("name", Role.ADMINISTRATORS)
    try:
        return Role.named(name)
    except ValueError:
        raise NotFoundError(f"role {name!r} does not exist") from None
