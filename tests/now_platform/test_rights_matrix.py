"""Who may create, change and delete what gives rights: every such table by every role that manages something."""

from collections.abc import AsyncIterator, Callable
from itertools import count

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mock_servicenow.now_platform.instance import Instance

from .conftest import basic

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
TABLES = "/api/now/table"
ADMIN_ID, ADMIN_ROLE = "6816f79cc0a8016401c5a33be04be441", "2831a114c611228501d4ea6c309d626d"
ROLES = (
    *("none", "user_admin", "oauth_admin", "api_service_admin", "import_admin", "data_policy_admin"),
    *("business_rule_admin", "admin"),
)
# By table: who may write ordinary rows of it, beside administrators.
MANAGERS: dict[str, tuple[str, ...]] = {
    "sys_user": ("user_admin",),
    "sys_user_group": ("user_admin",),
    "sys_user_role": ("user_admin",),
    "sys_user_has_role": ("user_admin",),
    "sys_user_grmember": ("user_admin",),
    "sys_group_has_role": ("user_admin",),
    "sys_user_role_contains": ("user_admin",),
    "api_key": ("api_service_admin",),
    "sys_api_access_policy": ("api_service_admin",),
    "oauth_entity": ("oauth_admin",),
    "oauth_jwt": ("oauth_admin",),
    "oauth_credential": ("oauth_admin",),
    "jwt_verifier_map": ("oauth_admin",),
    "oauth_jwt_claim_validation": ("oauth_admin",),
    "oauth_entity_scope": ("oauth_admin",),
    "sys_certificate": (),
    "sys_user_certificate": (),
    "sys_public": (),
    "sys_properties": (),
    "sys_script": ("business_rule_admin",),
    "sys_data_policy2": ("data_policy_admin",),
    "sys_transform_map": ("import_admin",),
}


class Rows:
    """Rows of each table, about ordinary users, groups and roles or about privileged ones."""

    def __init__(self, create: Create) -> None:
        self._create = create
        self._numbers = count()
        self.user, self.group, self.role = (
            create(table, **{column: "ordinary"})
            for table, column in (("sys_user", "user_name"), ("sys_user_group", "name"), ("sys_user_role", "name"))
        )
        self.boss = create("sys_user", user_name="boss")
        create("sys_user_has_role", user=self.boss, role=ADMIN_ROLE)
        self.bosses = create("sys_user_group", name="Bosses")
        create("sys_group_has_role", group=self.bosses, role=ADMIN_ROLE)

    def ordinary(self, table: str) -> dict[str, str]:
        """Return the values of a row that gives no privileged right."""
        return self._values(table, self.user, self.group, self.role)

    def privileged(self, table: str) -> dict[str, str]:
        """Return the values of one that does."""
        return self._values(table, self.boss, self.bosses, ADMIN_ROLE)

    def _values(self, table: str, user: str, group: str, role: str) -> dict[str, str]:
        unique = f"new {next(self._numbers)}"
        return {
            "sys_user": {"user_name": unique},
            "sys_user_has_role": {"user": self.user, "role": role},
            "sys_user_grmember": {"user": self.user, "group": group},
            "sys_group_has_role": {"group": self.group, "role": role},
            "sys_user_role_contains": {"role": self.role, "contains": role},
            "api_key": {"user": user},
            "oauth_entity": {"user": user},
            "oauth_jwt": {"user": user},
            "oauth_credential": {"user": user},
            "sys_public": {"page": unique},
        }.get(table, {"name": unique})

    def made(self, table: str, *, privileged: bool) -> str:
        """Return the sys_id of such a row."""
        return self._create(table, **(self.privileged(table) if privileged else self.ordinary(table)))


@pytest.fixture
def rows(create: Create) -> Rows:
    """Return the rows."""
    return Rows(create)


@pytest.fixture(params=ROLES)
async def holder(
    request: pytest.FixtureRequest, server: TestServer, create: Create, instance: Instance
) -> AsyncIterator[tuple[str, Client]]:
    """Return a role and the client of a user who holds it."""
    role = request.param
    with instance.transaction(instance.system) as session:
        user = session.insert("sys_user", {"user_name": "holder", "user_password": "p"}).sys_id
        known = session.find("sys_user_role", name=role)
    create("sys_user_has_role", user=user, role=create("sys_user_role", name=role) if known is None else known.sys_id)
    async with TestClient(server, headers=basic("holder", "p")) as client:
        yield role, client


async def written(client: Client, rows: Rows, table: str, *, privileged: bool) -> list[bool]:
    """Return whether a row may be created, changed and deleted."""
    values = rows.privileged(table) if privileged else rows.ordinary(table)
    changed, deleted = (rows.made(table, privileged=privileged) for _ in range(2))
    column = next(iter(values))
    value = "" if column in {"user", "role", "group"} else "changed"
    statuses = [
        (await client.post(f"{TABLES}/{table}", json=values)).status,
        (await client.patch(f"{TABLES}/{table}/{changed}", json={column: value})).status,
        (await client.delete(f"{TABLES}/{table}/{deleted}")).status,
    ]
    assert {*statuses} <= {200, 201, 204, 403}
    return [status < 300 for status in statuses]


@pytest.mark.long
async def test_ordinary_rows_are_written_by_their_managers(holder: tuple[str, Client], rows: Rows) -> None:
    """And by administrators, and by nobody else."""
    role, client = holder
    may = {table: await written(client, rows, table, privileged=False) for table in MANAGERS}
    assert may == {table: [role == "admin" or role in managers] * 3 for table, managers in MANAGERS.items()}


PRIVILEGED = (
    *("sys_user_has_role", "sys_user_grmember", "sys_group_has_role", "sys_user_role_contains"),
    *("api_key", "oauth_entity", "oauth_jwt", "oauth_credential"),
)


@pytest.mark.long
async def test_only_administrators_write_privileged_rows(holder: tuple[str, Client], rows: Rows) -> None:
    """Managers of a table cannot write rows that give an administrator's rights or act for one."""
    role, client = holder
    may = {table: await written(client, rows, table, privileged=True) for table in PRIVILEGED}
    assert may == {table: [role == "admin"] * 3 for table in PRIVILEGED}
