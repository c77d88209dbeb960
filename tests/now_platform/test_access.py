"""Access control lists over the Table API."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.users import User

Client = TestClient[web.Request, web.Application]
Grant = Callable[[str, str], None]
Swallowed = Callable[[], list[str]]
TOYS = "/api/now/table/u_toy"


async def names(client: Client, query: str = "") -> list[str]:
    """Return the toys that a list shows."""
    response = await client.get(f"{TOYS}?{query}")
    assert response.status == 200
    return [toy["u_name"] for toy in (await response.json())["result"]]


async def test_hidden_rows_are_not_listed_or_counted(user: Client, instance: Instance, swallowed: Swallowed) -> None:
    """Neither the page nor the count nor the links say anything about them; a finding does."""
    with instance.transaction(instance.system) as session:
        for number, color in enumerate("bbrr"):
            session.insert("u_toy", {"u_color": color, "u_name": f"{color}{number}"})
    response = await user.get(f"{TOYS}?sysparm_limit=1")
    assert [toy["u_name"] for toy in (await response.json())["result"]] == ["r2"]
    assert response.headers["X-Total-Count"] == "2"
    assert "sysparm_offset=1" in response.headers["Link"]
    assert swallowed() == ["rows-unreadable"]
    await user.get(f"{TOYS}?sysparm_query=u_color=r")
    assert swallowed() == ["rows-unreadable"]


async def test_a_role_opens_every_row(user: Client, instance: Instance, grant: Grant) -> None:
    """Any rule that the user meets suffices."""
    with instance.transaction(instance.system) as session:
        session.insert("u_toy", {"u_color": "b", "u_name": "blue"})
    assert await names(user) == []
    grant("plain", "toy_reader")
    assert await names(user) == ["blue"]


async def test_a_requested_role_grants_nothing(user: Client, client: Client, instance: Instance, grant: Grant) -> None:
    """A role counts while its state is active."""
    with instance.transaction(instance.system) as session:
        session.insert("u_toy", {"u_color": "b", "u_name": "blue"})
    grant("plain", "toy_reader")
    assert await names(user) == ["blue"]
    grants = "/api/now/table/sys_user_has_role"
    found = await (await client.get(f"{grants}?sysparm_query=role.name=toy_reader")).json()
    granted = f"{grants}/{found['result'][0]['sys_id']}"
    assert (await client.patch(granted, json={"state": "requested"})).status == 200
    assert await names(user) == []
    assert (await client.patch(granted, json={"state": ""})).status == 200
    assert await names(user) == ["blue"]


async def test_a_list_of_several_classes_is_checked_class_by_class(user: Client) -> None:
    """Rows of classes without rules stay in a list of their parent."""
    response = await user.get("/api/now/table/task?sysparm_limit=3")
    assert len((await response.json())["result"]) == 3


@pytest.mark.parametrize("verb", ["get", "patch", "delete"])
async def test_a_hidden_row_gets_404(user: Client, instance: Instance, verb: str) -> None:
    """A record that the user may not see answers 404 to every verb."""
    with instance.transaction(instance.system) as session:
        toy = session.insert("u_toy", {"u_color": "b"})
    response = await user.request(verb, f"{TOYS}/{toy.sys_id}")
    assert response.status == 404


@pytest.mark.parametrize(
    ("verb", "word"), [("post", "Insert"), ("patch", "Update"), ("put", "Update"), ("delete", "Delete")]
)
async def test_a_write_without_the_role_gets_403(user: Client, instance: Instance, verb: str, word: str) -> None:
    """A visible record that may not be written answers 403 and names the operation."""
    with instance.transaction(instance.system) as session:
        toy = session.insert("u_toy", {"u_color": "r"})
    path = TOYS if verb == "post" else f"{TOYS}/{toy.sys_id}"
    response = await user.request(verb, path, json={"u_color": "r"})
    assert response.status == 403
    assert (await response.json())["error"] == {
        "message": "Operation Failed",
        "detail": f"ACL Exception {word} Failed due to security constraints",
    }


async def test_a_write_with_the_role_succeeds(user: Client, grant: Grant) -> None:
    """A user with the role may create, change and delete."""
    grant("plain", "toy_writer")
    response = await user.post(TOYS, json={"u_color": "r"})
    assert response.status == 201
    path = f"{TOYS}/{(await response.json())['result']['sys_id']}"
    assert (await user.patch(path, json={"u_pieces": 1})).status == 200
    assert (await user.delete(path)).status == 204


async def test_hidden_columns_are_left_out(user: Client, instance: Instance) -> None:
    """A column that the user may not read is absent, whether asked for or not."""
    with instance.transaction(instance.system) as session:
        toy = session.insert("u_toy", {"u_color": "r", "u_secret": "s"})
    record = (await (await user.get(f"{TOYS}/{toy.sys_id}")).json())["result"]
    assert "u_secret" not in record
    assert record["u_color"] == "r"
    response = await user.get(f"{TOYS}/{toy.sys_id}?sysparm_fields=u_secret,u_color")
    assert (await response.json())["result"] == {"u_color": "r"}


async def test_hidden_columns_are_left_out_of_dot_walks(user: Client, instance: Instance) -> None:
    """A column that the user may not read is absent through a reference too."""
    with instance.transaction(instance.system) as session:
        parent = session.insert("u_toy", {"u_color": "r", "u_secret": "s", "u_name": "p"})
        toy = session.insert("u_toy", {"u_color": "r", "u_parent": parent.sys_id})
    response = await user.get(f"{TOYS}/{toy.sys_id}?sysparm_fields=u_parent.u_secret,u_parent.u_name")
    assert (await response.json())["result"] == {"u_parent.u_name": "p"}


async def test_locked_columns_are_ignored(user: Client, grant: Grant, instance: Instance, swallowed: Swallowed) -> None:
    """A value for a column that the user may not write is dropped with a finding."""
    grant("plain", "toy_writer")
    response = await user.post(TOYS, json={"u_color": "r", "u_secret": "s"})
    assert response.status == 201
    assert swallowed() == ["column-read-only"]
    with instance.transaction(instance.system) as session:
        toy = session.get("u_toy", (await response.json())["result"]["sys_id"])
        assert toy is not None
        assert toy["u_secret"] == ""


async def test_the_administrator_may_do_everything(client: Client) -> None:
    """Role admin meets every rule."""
    response = await client.post(TOYS, json={"u_color": "b", "u_secret": "s"})
    assert (await response.json())["result"]["u_secret"] == "s"


@pytest.mark.parametrize("table", ["u_vault", "sys_tiny_url"])
async def test_a_closed_table_gets_403(user: Client, table: str) -> None:
    """Without any readable row, or without web-service access, the whole table is closed."""
    response = await user.get(f"/api/now/table/{table}")
    assert response.status == 403
    assert (await response.json())["error"] == {
        "message": "User Not Authorized",
        "detail": "Failed API level ACL Validation",
    }


@pytest.mark.parametrize(
    "table",
    [
        "sys_user",
        "sys_user_group",
        "sys_user_grmember",
        "sys_user_has_role",
        "sys_group_has_role",
        "sys_user_role_contains",
        "sys_user_role",
        "sys_db_object",
        "sys_dictionary",
        "sys_choice",
        "sys_script",
        "sys_properties",
        "sys_public",
        "sys_ui_view",
        "sys_ui_list_element",
        "sys_certificate",
        "sys_number",
        "syslog",
    ],
)
async def test_nobody_can_raise_their_own_rights(user: Client, client: Client, table: str) -> None:
    """1.9: only administrators write the tables that define an instance and its users."""
    response = await user.post(f"/api/now/table/{table}", json={})
    assert response.status == 403
    assert "ACL Exception Insert Failed" in (await response.json())["error"]["detail"]
    created = await client.post(f"/api/now/table/{table}", json={"name": "x"})
    record = (await created.json())["result"]["sys_id"]
    assert (await user.patch(f"/api/now/table/{table}/{record}", json={"name": "y"})).status == 403
    assert (await user.delete(f"/api/now/table/{table}/{record}")).status == 403


async def test_a_table_without_web_services_is_closed_to_everybody(client: Client) -> None:
    """Not even the administrator reaches it over REST."""
    assert (await client.get("/api/now/table/u_vault")).status == 200
    assert (await client.get("/api/now/table/sys_tiny_url")).status == 403


@pytest.mark.long
async def test_a_table_is_closed_to_web_services_by_its_record(client: Client) -> None:
    """4.2: "allow access via web services" of the table decides, from the next request on."""
    found = await client.get("/api/now/table/sys_db_object?sysparm_query=name=bsm_chart&sysparm_fields=sys_id")
    [record] = (await found.json())["result"]
    for access, status in (("false", 403), ("true", 200)):
        await client.patch(f"/api/now/table/sys_db_object/{record['sys_id']}", json={"ws_access": access})
        for path in ("table/bsm_chart", "stats/bsm_chart?sysparm_count=true"):
            assert (await client.get(f"/api/now/{path}")).status == status


def test_server_side_code_is_not_restricted(instance: Instance) -> None:
    """An elevated session acts for the same user without access control."""
    user = User("x", "x")
    with instance.transaction(user) as session:
        assert session.elevated.insert("u_toy", {"u_color": "b"})["sys_created_by"] == "x"
        assert session.query("u_toy") == []
        assert len(session.elevated.query("u_toy")) == 1
        assert session.elevated.elevated is session.elevated


async def test_readers_of_a_record_read_its_journal_entries(client: Client, user: Client) -> None:
    """1.7: sys_journal_field shows entries of records that the user may see, and of no others."""
    for color in "rb":
        await client.post(TOYS, json={"u_name": color, "u_color": color, "u_notes": f"note of {color}"})
    response = await user.get("/api/now/table/sys_journal_field?sysparm_fields=value")
    assert (await response.json())["result"] == [{"value": "note of r"}]


@pytest.mark.parametrize(
    ("query", "users"),
    [
        ("user_passwordISNOTEMPTY", ["admin"]),
        ("user_password=", ["abel.tuter"]),
        ("user_passwordANYTHING", ["abel.tuter", "admin"]),
        ("user_passwordLIKEa", []),
        ("user_password=a^ORuser_password=b", []),
        ("user_password>0", []),
        ("user_password!=a", ["admin"]),
        ("user_passwordSAMEASuser_password", []),
        ("user_nameNSAMEASuser_password", []),
        ("ORDERBYDESCuser_password", ["abel.tuter", "admin"]),
        ("ORDERBYuser_password", ["abel.tuter", "admin"]),
    ],
)
async def test_queries_do_not_reveal_passwords(user: Client, query: str, users: list[str]) -> None:
    """1.7: nobody finds out, letter by letter, what is stored for a password; whether there is one may be asked."""
    either = "user_nameINadmin,abel.tuter^" + query
    response = await user.get("/api/now/table/sys_user", params={"sysparm_query": either})
    assert [each["user_name"] for each in (await response.json())["result"]] == users


@pytest.mark.parametrize("kind", ["password", "password2"])
async def test_passwords_among_the_properties(
    client: Client, user: Client, create: Callable[..., str], kind: str
) -> None:
    """A property that holds a password is for administrators; the others are for everybody."""
    create("sys_properties", name="u_mail.password", value="hidden-in-a-property", type=kind)
    create("sys_properties", name="u_mail.host", value="mail.example", type="string")
    asked = "/api/now/table/sys_properties?sysparm_fields=value&sysparm_query=nameSTARTSWITHu_mail"
    assert (await (await user.get(asked)).json())["result"] == [{"value": "mail.example"}]
    assert len((await (await client.get(asked)).json())["result"]) == 2
    asked += "^valueSTARTSWITHhidden"
    assert (await (await user.get(asked)).json())["result"] == []
