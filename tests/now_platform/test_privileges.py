"""Nobody but an administrator makes an administrator, whichever table the write goes through."""

from base64 import b64encode
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from mock_servicenow.now_platform.errors import PlatformError
from mock_servicenow.now_platform.identity.privileges import is_privileged
from mock_servicenow.now_platform.identity.roles import acting_user
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.users import ADMIN_ROLE as ADMIN
from mock_servicenow.now_platform.users import User
from privman_core.virtual_clock import VirtualClock
from tests.generated import examples

from .managed_users import ADMIN_ID, ADMIN_ROLE, TABLES, Client, Create, write

Swallowed = Callable[[], list[str]]
INSTALLS = ("admin", "security_admin", "elevated", "above", "business_rule_admin", "import_admin", "data_policy_admin")


@pytest.mark.long
@pytest.mark.parametrize("role", INSTALLS)
async def test_only_administrators_grant_privileged_roles(
    me: Client, client: Client, ids: dict[str, str], swallowed: Swallowed, role: str
) -> None:
    """Neither to a user nor to a group, nor as part of another role; a finding says why."""
    attempts: list[tuple[str, dict[str, str]]] = [
        ("sys_user_has_role", {"user": ids["me"], "role": ids[role]}),
        ("sys_user_has_role", {"user": ids["me"], "role": role}),
        ("sys_group_has_role", {"group": ids["Network"], "role": ids[role]}),
        ("sys_user_role_contains", {"role": ids["user_admin"], "contains": ids[role]}),
    ]
    assert [await write(me, table, **values) for table, values in attempts] == [403] * 4
    assert set(swallowed()) == {"privilege-refused"}
    assert [await write(client, table, **values) for table, values in attempts] == [201] * 4


@pytest.mark.long
async def test_user_admins_grant_other_roles(me: Client, ids: dict[str, str]) -> None:
    """As on the platform, user managers grant roles that are not an administrator's."""
    assert await write(me, "sys_user_has_role", user=ids["abel"], role=ids["web_service_admin"]) == 201
    assert await write(me, "sys_group_has_role", group=ids["Network"], role=ids["harmless"]) == 201
    assert await write(me, "sys_user_role_contains", role=ids["harmless"], contains=ids["itil"]) == 201
    assert await write(me, "sys_user_grmember", user=ids["me"], group=ids["Network"]) == 201
    assert await write(me, "sys_user_role", ids["harmless"], name="renamed") == 200
    assert await write(me, "sys_user", ids["abel"], user_password="new") == 200
    assert await write(me, "api_key", user=ids["abel"], token="t") == 201


@pytest.mark.long
async def test_nobody_joins_a_privileged_group(me: Client, ids: dict[str, str]) -> None:
    """The group's roles count."""
    assert await write(me, "sys_user_grmember", user=ids["me"], group=ids["Bosses"]) == 403


@pytest.mark.long
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("sys_user_has_role", "role"),
        ("sys_group_has_role", "role"),
        ("sys_user_role_contains", "contains"),
        ("sys_user_grmember", "group"),
        ("api_key", "user"),
        ("oauth_credential", "user"),
        ("oauth_entity", "user"),
    ],
)
async def test_nothing_is_granted_before_it_exists(
    me: Client, client: Client, ids: dict[str, str], table: str, column: str
) -> None:
    """A role, group or user of that sys_id may be an administrator's once it is made; none at all may be named."""
    assert ids
    assert await write(me, table, **{column: "0" * 32}) == 403
    assert await write(me, table) == 201
    assert await write(client, table, **{column: "0" * 32}) == 201
    [dangling] = (await (await client.get(f"{TABLES}/{table}?sysparm_query={column}={'0' * 32}")).json())["result"]
    assert (await me.delete(f"{TABLES}/{table}/{dangling['sys_id']}")).status == 204


async def test_a_role_is_not_turned_into_a_privileged_one(me: Client, ids: dict[str, str]) -> None:
    """Neither by its name nor by taking its elevation away to grant it."""
    assert await write(me, "sys_user_role", name="admin") == 403
    assert await write(me, "sys_user_role", ids["harmless"], name="admin") == 403
    assert await write(me, "sys_user_role", ids["elevated"], elevated_privilege="false") == 403


@pytest.mark.long
@pytest.mark.parametrize(
    ("table", "column"),
    [("sys_user_has_role", "role"), ("sys_group_has_role", "role"), ("sys_user_role_contains", "contains")],
)
async def test_a_harmless_grant_is_not_turned_into_a_privileged_one(
    me: Client, create: Create, ids: dict[str, str], table: str, column: str
) -> None:
    """Updates are checked as inserts are."""
    grant = create(table, **{column: ids["harmless"]})
    assert await write(me, table, grant, **{column: ids["admin"]}) == 403


@pytest.mark.long
async def test_only_administrators_remove_privileged_rights(
    me: Client, client: Client, create: Create, ids: dict[str, str], swallowed: Swallowed
) -> None:
    """Others cannot remove privileges, by deleting or by changing rows: the user could be taken over then."""
    boss, bosses = create("sys_user", user_name="boss"), ids["Bosses"]
    grant = create("sys_user_has_role", user=boss, role=ids["above"])
    member = create("sys_user_grmember", user=ids["abel"], group=bosses)
    [within, *_] = (await (await client.get(f"{TABLES}/sys_user_role_contains?contains={ADMIN_ROLE}")).json())["result"]
    [given, *_] = (await (await client.get(f"{TABLES}/sys_group_has_role?group={bosses}")).json())["result"]
    records = [
        ("api_key", create("api_key", user=boss, token="t")),
        ("sys_user_grmember", member),
        ("sys_group_has_role", given["sys_id"]),
        ("sys_user_group", bosses),
        ("sys_user_has_role", grant),
        ("sys_user_role_contains", within["sys_id"]),
        ("sys_user_role", ids["above"]),
        ("sys_user_role", ids["elevated"]),
        ("sys_user", ADMIN_ID),
    ]
    changes = [
        ("sys_user_grmember", member, {"group": ids["Network"]}),
        ("sys_user_has_role", grant, {"role": ids["harmless"]}),
        ("sys_user_role_contains", within["sys_id"], {"contains": ids["harmless"]}),
        ("sys_user", ADMIN_ID, {"active": "false"}),
        ("sys_user", ADMIN_ID, {"locked_out": "true"}),
        ("sys_user", ADMIN_ID, {"user_name": "nobody"}),
        ("sys_user", ADMIN_ID, {"web_service_access_only": "true"}),
    ]
    assert [(await me.delete(f"{TABLES}/{table}/{sys_id}")).status for table, sys_id in records] == [403] * len(records)
    assert [await write(me, table, sys_id, **values) for table, sys_id, values in changes] == [403] * len(changes)
    assert set(swallowed()) == {"privilege-refused"}
    assert [(await client.delete(f"{TABLES}/{table}/{sys_id}")).status for table, sys_id in records[:-1]] == [204] * 8


@pytest.mark.long
async def test_user_admins_remove_other_rights(me: Client, create: Create, ids: dict[str, str]) -> None:
    """As they grant them."""
    records = [
        ("sys_user_has_role", create("sys_user_has_role", user=ids["abel"], role=ids["harmless"])),
        ("sys_user_grmember", create("sys_user_grmember", user=ids["abel"], group=ids["Network"])),
        ("sys_user_group", create("sys_user_group", name="Guests")),
        ("sys_user_role", ids["harmless"]),
        ("sys_user", ids["abel"]),
    ]
    assert [(await me.delete(f"{TABLES}/{table}/{sys_id}")).status for table, sys_id in records] == [204] * 5


@pytest.mark.long
@pytest.mark.parametrize("deleted", ["sys_user_group", "sys_user_role"])
async def test_rights_end_with_what_gives_them(me: Client, client: Client, create: Create, deleted: str) -> None:
    """A group or a role that is deleted gives nobody anything, nor does a later one with its sys_id."""
    [plain] = (await (await client.get(f"{TABLES}/sys_user?user_name=plain")).json())["result"]
    group, role = create("sys_user_group", name="Staff"), create("sys_user_role", name="staff")
    create("sys_user_role_contains", role=role, contains=create("sys_user_role", name="toy_writer"))
    create("sys_group_has_role", group=group, role=role)
    create("sys_user_grmember", group=group, user=plain["sys_id"])
    assert await write(me, "u_toy", u_name="a") == 201
    sys_id = group if deleted == "sys_user_group" else role
    assert (await client.delete(f"{TABLES}/{deleted}/{sys_id}")).status == 204
    assert await write(me, "u_toy", u_name="b") == 403
    create(deleted, sys_id=sys_id, name="again")
    assert await write(me, "u_toy", u_name="c") == 403


async def test_a_group_that_does_not_exist_gives_nothing(me: Client, client: Client, create: Create) -> None:
    """Whatever names it as if it did."""
    [plain] = (await (await client.get(f"{TABLES}/sys_user?user_name=plain")).json())["result"]
    create("sys_group_has_role", group="f" * 32, role=create("sys_user_role", name="toy_writer"))
    create("sys_user_grmember", group="f" * 32, user=plain["sys_id"])
    assert await write(me, "u_toy", u_name="a") == 403


@pytest.mark.long
async def test_an_administrators_grant_is_not_passed_on(me: Client, instance: Instance, ids: dict[str, str]) -> None:
    """Nobody can move it to their own user."""
    with instance.transaction(instance.system) as session:
        grant = session.find("sys_user_has_role", user=ADMIN_ID)
        assert grant is not None
    assert await write(me, "sys_user_has_role", grant.sys_id, user=ids["me"]) == 403


@pytest.mark.long
async def test_a_new_user_does_not_inherit_a_deleted_ones_rights(me: Client, create: Create) -> None:
    """A client chooses sys_ids: one to which privileged roles are still granted is refused."""
    gone = "ab" * 16
    create("sys_user_has_role", user=gone, role=ADMIN_ROLE)
    assert await write(me, "sys_user", sys_id=gone, user_name="heir", user_password="x") == 403


@pytest.mark.long
async def test_a_stored_rule_grants_nothing(me: Client, client: Client, ids: dict[str, str]) -> None:
    """What a rule makes of a write is checked, not only what was sent."""
    rule = {"collection": "sys_user_has_role", "when": "before", "action_insert": "true", "order": str(2**62)}
    assert await write(client, "sys_script", name="r", template=f"role={ADMIN_ROLE}", **rule) == 201
    assert await write(me, "sys_user_has_role", user=ids["me"], role=ids["harmless"]) == 403


@pytest.mark.long
@pytest.mark.parametrize("path", ["imp_user", "imp_user/insertMultiple"])
async def test_an_import_grants_nothing(  # noqa: PLR0913, PLR0917 - fixtures
    me: Client, instance: Instance, create: Create, clock: VirtualClock, ids: dict[str, str], path: str
) -> None:
    """A transform runs without access control, but not beyond its loader's rights, now or in the background."""
    loads = create("sys_transform_map", name="Grants", source_table="imp_user", target_table="sys_user_has_role")
    create("sys_transform_entry", map=loads, source_field="user_id", target_field="user")
    create("sys_transform_entry", map=loads, source_field="title", target_field="role")
    row = {"user_id": ids["me"], "title": ADMIN_ROLE}
    labelled = {"User ID": ids["me"], "Title": ADMIN_ROLE}
    body = {"records": [labelled]} if path.endswith("Multiple") else row
    assert (await me.post(f"/api/now/import/{path}", json=body)).status == 201
    await clock.advance(5)
    with instance.transaction(instance.system) as session:
        assert session.find("sys_user_has_role", user=ids["me"], role=ADMIN_ROLE) is None
        assert session.find("imp_user", user_id=ids["me"], sys_import_state="error") is not None


@pytest.mark.long
async def test_an_administrator_may_import_grants(
    client: Client, instance: Instance, create: Create, clock: VirtualClock, ids: dict[str, str]
) -> None:
    """In the background, too."""
    loads = create("sys_transform_map", name="Grants", source_table="imp_user", target_table="sys_user_has_role")
    create("sys_transform_entry", map=loads, source_field="user_id", target_field="user")
    create("sys_transform_entry", map=loads, source_field="title", target_field="role")
    row = {"User ID": ids["abel"], "Title": ADMIN_ROLE}
    assert (await client.post("/api/now/import/imp_user/insertMultiple", json={"records": [row]})).status == 201
    await clock.advance(5)
    with instance.transaction(instance.system) as session:
        assert session.find("sys_user_has_role", user=ids["abel"], role=ADMIN_ROLE) is not None


@pytest.mark.long
async def test_rows_that_others_add_to_an_administrators_import_grant_nothing(  # noqa: PLR0913, PLR0917 - fixtures
    me: Client, client: Client, instance: Instance, create: Create, clock: VirtualClock, ids: dict[str, str]
) -> None:
    """Nor do rows that others change while they wait: they are transformed as nobody's."""
    loads = create("sys_transform_map", name="Grants", source_table="imp_user", target_table="sys_user_has_role")
    create("sys_transform_entry", map=loads, source_field="user_id", target_field="user")
    create("sys_transform_entry", map=loads, source_field="title", target_field="role")
    rows = [{"User ID": user, "Title": ADMIN_ROLE} for user in (ids["abel"], ids["harmless"])]
    loaded = await (await client.post("/api/now/import/imp_user/insertMultiple", json={"records": rows})).json()
    added = {"sys_import_set": loaded["import_set_id"], "sys_import_state": "pending", "sys_import_row": "7"}
    assert await write(me, "imp_user", user_id=ids["me"], title=ADMIN_ROLE, **added) == 201
    [waiting] = (await (await me.get(f"{TABLES}/imp_user?user_id={ids['harmless']}")).json())["result"]
    assert await write(me, "imp_user", waiting["sys_id"], user_id=ids["me"]) == 200
    await clock.advance(5)
    with instance.transaction(instance.system) as session:
        assert session.find("sys_user_has_role", user=ids["me"], role=ADMIN_ROLE) is None
        assert session.find("sys_user_has_role", user=ids["abel"], role=ADMIN_ROLE) is not None
        assert len(session.find_all("imp_user", user_id=ids["me"], sys_import_state="error")) == 2


async def test_a_batch_grants_nothing(me: Client, ids: dict[str, str]) -> None:
    """Items of a batch are checked like other calls."""
    body = b64encode(f'{{"user": "{ids["me"]}", "role": "{ADMIN_ROLE}"}}'.encode()).decode()
    headers = [{"name": "Content-Type", "value": "application/json"}]
    item = {"id": "1", "method": "POST", "url": f"{TABLES}/sys_user_has_role", "headers": headers, "body": body}
    answer = await me.post("/api/now/v1/batch", json={"batch_request_id": "1", "rest_requests": [item]})
    assert [each["status_code"] for each in (await answer.json())["serviced_requests"]] == [403]


FRESH = tuple(f"{number:032x}" for number in range(1, 3))
POOLS = {
    "user": ("me", "abel", *FRESH),
    "role": ("admin", "between", "above", "elevated", "harmless", "user_admin", *FRESH),
    "group": ("Network", "Bosses", *FRESH),
    "name": ("admin", "harmless", "other"),
    "flag": ("true", "false"),
    "password": ("known",),
}
COLUMNS = {
    "sys_user_has_role": {"user": "user", "role": "role"},
    "sys_user_grmember": {"user": "user", "group": "group"},
    "sys_group_has_role": {"group": "group", "role": "role"},
    "sys_user_role_contains": {"role": "role", "contains": "role"},
    "sys_user_role": {"name": "name", "elevated_privilege": "flag"},
    "sys_user": {"user_password": "password", "active": "flag"},
}


@st.composite
def writes(draw: st.DrawFn) -> tuple[str, int, dict[str, str]]:
    """One write: the table, the row to change (an insert if there are fewer), the values."""
    table = draw(st.sampled_from(sorted(COLUMNS)))
    drawn = {name: draw(st.sampled_from(POOLS[pool])) for name, pool in COLUMNS[table].items()}
    chosen = draw(st.sampled_from([{}, {"sys_id": FRESH[0]}, {"sys_id": FRESH[1]}]))
    return table, draw(st.just(1_000) | st.integers(0, 30)), drawn | chosen


@pytest.mark.long
@examples(150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chain=st.lists(writes(), min_size=1, max_size=8))
def test_no_chain_of_writes_makes_an_administrator(
    instance: Instance, ids: dict[str, str], chain: list[tuple[str, int, dict[str, str]]]
) -> None:
    """Whatever a user manager inserts or changes, in any order, nobody gains a privileged role by it."""
    with instance.transaction(instance.system) as session:
        me = acting_user(session, ids["me"])
        assert me is not None
        before = {user.sys_id for user in session.find_all("sys_user") if is_privileged(session, user.sys_id)}
    for table, row, drawn in chain:
        _write(instance, me, table, row, {name: ids.get(value, value) for name, value in drawn.items()})
    with instance.transaction(instance.system) as session:
        users = session.find_all("sys_user")
        privileged = {user.sys_id for user in users if is_privileged(session, user.sys_id)}
        admins = {user.sys_id for user in users if ADMIN in (acting_user(session, user.sys_id) or me).roles}
    assert privileged | admins <= before


def _write(instance: Instance, user: User, table: str, row: int, values: dict[str, str]) -> None:
    """Change the row of that number, or insert it; a refusal is accepted."""
    try:
        with instance.transaction(user) as session:
            known = session.find_all(table)
            if row < len(known):
                session.update(table, known[row].sys_id, values)
            else:
                session.insert(table, values)
    except PlatformError:
        pass
