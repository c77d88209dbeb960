"""Roles: which users are members of each."""

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from console_sim.accounts import ApiClientUser, Role
from console_sim.console import Console
from console_sim.errors import NotFoundError
from console_sim.ui.console_gate import ConsoleVisit
from console_sim.ui.item_list import LONGEST_SEARCH, ListColumn, contains, read_list
from console_sim.ui.navigation import ROLES, USERS, link
from console_sim.ui.outcome_messages import changes_text
from console_sim.ui.user_addresses import UserAddresses
from console_sim.ui.user_pages import ONE as ONE_USER
from privman_core.inputs import quoted

ONE = f"{ROLES}/role"
MEMBERS = f"{ONE}/members"
INSTALLER = "Trusted Installer"
RIGHT = "Approve Approval Requests"
DESCRIPTIONS = {
    Role.ADMINISTRATORS: "Privilege Manager Administrators",
    Role.HELPDESK_USERS: "Privilege Manager Helpdesk Users",
    Role.MACOS_ADMINISTRATORS: "Privilege Manager MacOS Administrator",
    Role.UNIX_ADMINISTRATORS: "This security role is for console administrators that manage agents with Unix",
    Role.USERS: "Privilege Manager Users",
    Role.WINDOWS_ADMINISTRATORS: "Privilege Manager Windows Administrators",
}
"""As printed (config-roles.png); other roles have no description."""


class RolePages:
    """The roles, and the steps in which users are added: Edit, Add or Remove, Update, Save Changes.

    Until Save Changes is pressed, the changes are in the address of the page, as ``add`` and ``remove``.
    """

    def __init__(self, console: Console, *, extras: bool) -> None:
        self._store = console.store
        self._users = console.users
        self._addresses = UserAddresses(console.users)
        added: ListColumn[Role] = ListColumn(RIGHT, lambda role: role.may_approve)
        self._added_columns = (added,) if extras else ()
        self._installed_at = console.clock.now()

    async def index(self, visit: ConsoleVisit) -> web.Response:
        """Show the list; with ``extras``, which roles may approve, too."""
        roles = read_list(
            visit,
            Role,
            ListColumn("Name", str),
            ListColumn("Description", lambda role: DESCRIPTIONS.get(role, "")),
            ListColumn("Last Modified By", lambda _role: INSTALLER),
            ListColumn("Last Modified", lambda _role: self._installed_at),
            *self._added_columns,
        )
        return await visit.page(
            "roles.html",
            roles=roles,
            descriptions=DESCRIPTIONS,
            installer=INSTALLER,
            installed_at=self._installed_at,
            right=RIGHT,
            one=ONE,
            back=USERS,
        )

    async def show(self, visit: ConsoleVisit) -> web.Response:
        """Show the members of a role, as the address changes them; raises NotFoundError."""
        role = _role(visit)
        return await visit.page(
            "role.html",
            role=role,
            version=visit.version(role, [user.client_id for user in self._members(role)]),
            list=ROLES,
            **self._edited(visit, role),
        )

    async def save(self, visit: ConsoleVisit) -> web.Response:
        """Save the members of a role; raises NotFoundError and ConflictError."""
        role = _role(visit)
        chosen = [self._users.get(each) for each in dict.fromkeys(visit.form.values("member"))]
        before = [user.client_id for user in self._members(role)]
        visit.require(visit.version(role, before))
        with self._store.transaction():
            for user in self._users:
                wanted = {*user.roles, role} if user in chosen else {*user.roles} - {role}
                self._users.change(user.client_id, roles=tuple(each for each in Role if each in wanted))
        members = [user.client_id for user in self._members(role)]
        return visit.see(link(ONE, name=role), changes_text(before, members))

    async def edit(self, visit: ConsoleVisit) -> web.Response:
        """Show the members of a role, to be edited, and the other users; raises NotFoundError."""
        role = _role(visit)
        values = self._edited(visit, role)
        members = values["members"]
        others = [user for user in self._users if user not in members]
        searches = {name: visit.query.get(name, "").strip()[:LONGEST_SEARCH] for name in ("search", "search_members")}
        return await visit.page(
            "role_members.html",
            role=role,
            others=_found(others, searches["search"]),
            shown=_found(members, searches["search_members"]),
            **searches,
            **values,
        )

    def _edited(self, visit: ConsoleVisit, role: Role) -> dict[str, Any]:
        """Return the members as the address changes them, and the changes; raises NotFoundError."""
        saved = self._members(role)
        members = {user.client_id: user for user in saved}
        for change, client_id in visit.query.items():
            if change == "add":
                members[client_id] = self._users.get(client_id)
            elif change == "remove":
                members.pop(self._users.get(client_id).client_id, None)
        changes = [("add", each.client_id) for each in members.values() if each not in saved]
        changes += [("remove", each.client_id) for each in saved if each.client_id not in members]
        return {
            "members": list(members.values()),
            "changes": changes,
            "address": urlencode([("name", role), *changes]),
            "one": ONE,
            "edit": MEMBERS,
            "page_of": lambda user: self._addresses.of(ONE_USER, user),
        }

    def _members(self, role: Role) -> list[ApiClientUser]:
        return [user for user in self._users if role in user.roles]


def _found(users: list[ApiClientUser], search: str) -> list[ApiClientUser]:
    return [user for user in users if contains(search, [user.display_name])]


def _role(visit: ConsoleVisit) -> Role:
    name = visit.query.get("name", Role.ADMINISTRATORS)
    try:
        return Role.named(name)
    except ValueError:
        raise NotFoundError(f"role {quoted(name)} does not exist") from None
