"""What callers may read: columns by class, rows by rule and owner, and how queries about the rest are answered."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.query.sight import Sight
from mock_servicenow.now_platform.records import attachments
from mock_servicenow.now_platform.release_profile import ReleaseProfile

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
Grant = Callable[[str, str], None]
Swallowed = Callable[[], list[str]]
TABLES = "/api/now/table"


async def found(client: Client, table: str, **asked: str) -> list[dict[str, Any]]:
    """Return the records of a list."""
    response = await client.get(f"{TABLES}/{table}", params={f"sysparm_{name}": value for name, value in asked.items()})
    assert response.status == 200, await response.text()
    records: list[dict[str, Any]] = (await response.json())["result"]
    return records


async def status(client: Client, verb: str, path: str, **values: str) -> int:
    """Return the status of a write."""
    return (await client.request(verb, f"{TABLES}/{path}", json=values)).status


async def test_a_column_is_hidden_in_records_of_one_class(user: Client, create: Create) -> None:
    """In lists of the parent class, too, it is blank and no condition, order or aggregate finds it."""
    create("u_locker", u_name="a", u_size="1")
    create("u_strict_locker", u_name="b", u_size="1")
    records = await found(user, "u_locker", fields="u_name,u_size", query="ORDERBYu_name")
    assert records == [{"u_name": "a", "u_size": "1"}, {"u_name": "b", "u_size": ""}]
    assert [each["u_name"] for each in await found(user, "u_locker", query="u_size=1")] == ["a"]
    assert "u_size" not in (await found(user, "u_strict_locker"))[0]
    stats = await (await user.get("/api/now/stats/u_locker?sysparm_sum_fields=u_size")).json()
    assert stats["result"]["stats"]["sum"]["u_size"] == "1"


async def test_a_column_rule_with_a_condition_shows_the_column_to_nobody(
    user: Client, create: Create, swallowed: Swallowed
) -> None:
    """Which rows meet it is not worked out, so that none is shown by mistake."""
    create("u_locker", u_name="a", u_size="1", u_seal="s")
    assert await found(user, "u_locker", fields="u_name,u_seal", query="u_seal=s") == [{"u_name": "a"}]
    assert swallowed() == ["query-term-unreadable", "field-unreadable"]


async def test_a_text_search_looks_only_at_what_may_be_read(user: Client, create: Create, swallowed: Swallowed) -> None:
    """A word that stands in a hidden column alone is not found."""
    create("u_locker", u_name="a", u_seal="broken")
    create("u_locker", u_name="b", u_seal="whole")
    assert await found(user, "u_locker", fields="u_name", query="123TEXTQUERY321=broken") == []
    assert await found(user, "u_locker", fields="u_name", query="123TEXTQUERY321=a") == [{"u_name": "a"}]
    assert swallowed() == []


async def test_a_condition_decides_what_may_be_created(
    user: Client, client: Client, grant: Grant, instance: Instance
) -> None:
    """A new record has to meet a rule, as its values are by then; nothing stays of one that meets none."""
    with instance.transaction(instance.system) as session:
        users = {name: session.find_all("sys_user", user_name=name)[0].sys_id for name in ("plain", "admin")}
    assert await status(user, "POST", "u_desk", u_user=users["plain"]) == 201
    assert await status(user, "POST", "u_desk", u_user=users["admin"]) == 403
    assert await status(client, "POST", "u_desk", u_user=users["plain"]) == 201
    grant("plain", "keeper")
    assert await status(user, "POST", "u_desk", u_user=users["admin"]) == 201
    assert len(await found(user, "u_desk")) == 3


async def test_a_column_rule_with_a_condition_lets_nobody_write_the_column(
    client: Client, create: Create, swallowed: Swallowed
) -> None:
    """Which rows meet it is not worked out, so that none is written by mistake."""
    desk = create("u_desk", u_note="before")
    assert await status(client, "PATCH", f"u_desk/{desk}", u_note="after") == 200
    assert [each["u_note"] for each in await found(client, "u_desk")] == ["before"]
    assert swallowed() == ["column-read-only"]


async def test_a_rule_that_cannot_be_evaluated_lets_nobody_in(user: Client, client: Client, create: Create) -> None:
    """A condition with an unknown column is no permission."""
    record = create("u_unclear", u_name="a")
    for each in (user, client):
        assert await found(each, "u_unclear") == []
        assert await status(each, "GET", f"u_unclear/{record}") == 404


async def test_records_of_a_closed_class_are_not_reached_by_its_parent(client: Client, create: Create) -> None:
    """Neither listed, nor read, nor changed, nor displayed."""
    closed = create("u_closed_locker", u_name="closed")
    create("u_locker", u_name="open")
    assert [each["u_name"] for each in await found(client, "u_locker")] == ["open"]
    assert await status(client, "GET", f"u_locker/{closed}") == 404
    assert await status(client, "PATCH", f"u_locker/{closed}", u_name="x") == 404


@pytest.mark.parametrize(
    ("table", "query"),
    [
        ("sys_user", "SUBQUERYuser_name,client_secret,oauth_entity^ENDSUBQUERY"),
        ("oauth_entity", "SUBQUERYclient_secret,user_name,sys_user^ENDSUBQUERY"),
        ("u_locker", "JOINu_locker.u_name=oauth_entity.client_secret!active=true"),
        ("u_locker", "u_safeLIKEk"),
        ("u_locker", "u_name=none^ORu_safe>k"),
        ("u_locker", "ORDERBYu_safe"),
    ],
)
async def test_passwords_join_and_sort_nothing(
    client: Client, create: Create, swallowed: Swallowed, table: str, query: str
) -> None:
    """Not even an administrator compares a password with another column, or by way of a reference."""
    create("u_locker", u_name="ready-made-secret", u_safe=create("u_safe", u_key="k"))
    listed = await client.get(f"{TABLES}/{table}", params={"sysparm_query": query})
    assert listed.status == 200
    assert swallowed() == ["query-term-ignored"]


async def test_writing_what_is_there_says_nothing(user: Client, client: Client, create: Create) -> None:
    """A value that may be written but not read counts as changed, whether it was the same or not."""
    record = create("u_locker", u_name="a", u_seal="s")
    body: dict[str, Any] = {}
    for seal in ("guess", "s", "s"):
        answer = await user.patch(f"{TABLES}/u_locker/{record}", json={"u_seal": seal})
        body = await answer.json()
        assert "u_seal" not in body["result"]
    assert body["result"]["sys_mod_count"] == "3"
    assert (await found(client, "u_locker", fields="sys_mod_count"))[0] == {"sys_mod_count": "3"}


@pytest.fixture
def toys(create: Create) -> dict[str, str]:
    """Create a toy that plain users may read, and one that they may not."""
    return {color: create("u_toy", u_name=f"toy {color}", u_color=color) for color in ("r", "b")}


async def test_a_reference_shows_no_name_that_may_not_be_read(
    user: Client, create: Create, toys: dict[str, str]
) -> None:
    """Its value stays; neither display values nor dot-walks nor filters know more."""
    for name, color in (("first", "r"), ("second", "b")):
        create("u_locker", u_name=name, u_toy=toys[color])
    records = await found(
        user, "u_locker", fields="u_toy,u_toy.u_name", display_value="true", exclude_reference_link="true"
    )
    assert records == [{"u_toy": "toy r", "u_toy.u_name": "toy r"}, {"u_toy": toys["b"], "u_toy.u_name": ""}]
    filtered = await user.get(f"{TABLES}/u_locker?u_toy=toy b")
    assert (await filtered.json())["result"] == []
    written = await user.post(f"{TABLES}/u_locker", json={"u_toy": "toy b"})
    assert (await written.json())["result"]["u_toy"] == ""


async def test_an_order_knows_no_name_that_may_not_be_read(
    user: Client, client: Client, create: Create, toys: dict[str, str]
) -> None:
    """Rows that lead to it are ordered as those that lead to nothing."""
    for name, color in (("first", "r"), ("second", "b"), ("third", "r")):
        create("u_locker", u_name=name, u_toy=toys[color])
    for name in ("fourth", "zero"):
        create("u_locker", u_name=name)
    asked = {"fields": "u_name", "query": "ORDERBYu_toy.u_name^ORDERBYu_name"}
    orders = [" ".join([each["u_name"] for each in await found(who, "u_locker", **asked)]) for who in (client, user)]
    assert orders == ["fourth zero second first third", "fourth second zero first third"]


async def test_a_name_is_found_among_those_that_may_be_read(user: Client, create: Create, toys: dict[str, str]) -> None:
    """Records of the same name that may not be read make it no less clear."""
    for number in range(3):
        create("u_chain", u_next="x")
        create("u_safe")
        create("u_locker", u_name=f"l{number}")
    create("sys_user", user_name="toy r")
    written = await user.post(f"{TABLES}/u_locker", json={"u_toy": "toy r"})
    assert (await written.json())["result"]["u_toy"]["value"] == toys["r"]


OWNED = {
    "sys_attachment": ("table_sys_id", {"table_name": "u_toy", "file_name": "f"}),
    "sys_journal_field": ("element_id", {"name": "u_toy", "element": "u_notes", "value": "v"}),
}


@pytest.mark.long
@pytest.mark.parametrize("table", OWNED)
async def test_what_belongs_to_a_record_is_made_by_who_may_write_it(
    user: Client, client: Client, grant: Grant, toys: dict[str, str], table: str
) -> None:
    """Over the Table API as elsewhere: neither for a record out of reach nor for one that may only be read."""
    key, values = OWNED[table]
    for owner in (toys["r"], toys["b"], "0" * 32):
        assert await status(user, "POST", table, **values, **{key: owner}) == 403
    unknown = {name: "u_bunk" if value == "u_toy" else value for name, value in values.items()}
    assert await status(user, "POST", table, **unknown, **{key: toys["r"]}) == 403
    grant("plain", "toy_writer")
    created = await user.post(f"{TABLES}/{table}", json={**values, key: toys["r"]})
    assert created.status == 201
    record = (await created.json())["result"]["sys_id"]
    assert await status(user, "PATCH", f"{table}/{record}", **{key: toys["b"]}) == 403
    assert await status(user, "PATCH", f"{table}/{record}", **{key: toys["r"]}) == 200
    assert await status(client, "PATCH", f"{table}/{record}", **{key: toys["b"]}) == 200


@pytest.mark.long
async def test_journals_of_hidden_columns_are_not_read(user: Client, client: Client, create: Create) -> None:
    """Neither as entries nor as the column's history, not even by way of the parent class."""
    for table in ("u_locker", "u_strict_locker"):
        record = create(table, u_name=table)
        await client.patch(f"{TABLES}/u_locker/{record}", json={"u_log": f"of {table}"})
    entries = {"fields": "value", "query": "ORDERBYvalue"}
    assert await found(user, "sys_journal_field", **entries) == [{"value": "of u_locker"}]
    assert len(await found(client, "sys_journal_field", **entries)) == 2
    asked = {"fields": "u_log", "query": "ORDERBYu_name", "display_value": "true"}
    plain, strict = [each["u_log"] for each in await found(user, "u_locker", **asked)]
    assert ("of u_locker" in plain, strict) == (True, "")
    assert ["of" in each["u_log"] for each in await found(client, "u_locker", **asked)] == [True, True]


@pytest.mark.long
async def test_entries_of_locked_columns_stay_as_they_are(user: Client, client: Client, create: Create) -> None:
    """A journal column that the user may not write takes no entry over the Table API, and loses none."""
    owner = {"name": "u_locker", "element_id": create("u_locker", u_name="a"), "value": "v"}
    assert await status(user, "POST", "sys_journal_field", **owner, element="u_log") == 201
    assert await status(user, "POST", "sys_journal_field", **owner, element="u_locked_log") == 403
    entry = f"sys_journal_field/{create('sys_journal_field', **owner, element='u_locked_log')}"
    assert await status(user, "PATCH", entry, value="w") == 403
    assert await status(user, "PATCH", entry, element="u_log") == 403
    assert await status(user, "DELETE", entry) == 403
    assert await status(client, "DELETE", entry) == 204


async def test_a_record_with_the_sys_id_of_another_tables_record_has_a_journal_of_its_own(
    user: Client, client: Client, toys: dict[str, str]
) -> None:
    """Whoever inserts a record chooses its sys_id: it neither shows nor deletes what was noted of the other one."""
    await client.patch(f"{TABLES}/u_toy/{toys['b']}", json={"u_notes": "of the toy"})
    assert await status(user, "POST", "u_locker", sys_id=toys["b"], u_name="a", u_notes="of the locker") == 201
    notes = {"fields": "u_notes", "display_value": "true"}
    [locker] = await found(user, "u_locker", **notes)
    assert ("of the locker" in locker["u_notes"], "of the toy" in locker["u_notes"]) == (True, False)
    assert await status(user, "DELETE", f"u_locker/{toys['b']}") == 204
    [toy] = await found(client, "u_toy", query=f"sys_id={toys['b']}", **notes)
    assert "of the toy" in toy["u_notes"]


async def test_rows_left_out_of_a_clause_are_a_finding(user: Client, client: Client, swallowed: Swallowed) -> None:
    """A clause about a table of which the user may not read every row says so."""
    for asked in ("u_toy.u_name=x", "RLQUERYsys_attachment.table_sys_id,>0^ENDRLQUERY"):
        await found(client, "u_locker", query=asked)
        assert swallowed() == []
    await found(user, "u_locker", query="u_toy.u_name=x^u_toy.u_color=r")
    assert swallowed() == ["rows-unreadable"]


@pytest.mark.long
async def test_attributes_belong_to_the_record_of_their_attachment(
    user: Client, client: Client, create: Create, grant: Grant, toys: dict[str, str]
) -> None:
    """1.9: sys_attachment_attribute shows and takes what the record of the attachment allows."""
    files = {c: create(attachments.TABLE, table_name="u_toy", table_sys_id=toys[c], file_name=c) for c in "rb"}
    for color, file in files.items():
        create(attachments.ATTRIBUTES, sys_attachment=file, key="k", value=color)
    asked = {"fields": "value", "query": "ORDERBYvalue"}
    assert await found(user, attachments.ATTRIBUTES, **asked) == [{"value": "r"}]
    assert await found(client, attachments.ATTRIBUTES, **asked) == [{"value": "b"}, {"value": "r"}]
    for file in files.values():
        assert await status(user, "POST", attachments.ATTRIBUTES, sys_attachment=file, key="x") == 403
    grant("plain", "toy_writer")
    assert await status(user, "POST", attachments.ATTRIBUTES, sys_attachment=files["r"], key="x") == 201
    assert await status(user, "POST", attachments.ATTRIBUTES, key="of nothing") == 201


async def test_attachments_of_attachments_are_seen_by_nobody(client: Client, create: Create) -> None:
    """A row that belongs to a record owns none, so that no chain of owners is without end."""
    first = create(attachments.TABLE, table_name=attachments.TABLE, table_sys_id="a" * 32, sys_id="a" * 32)
    assert await found(client, attachments.TABLE) == []
    assert await status(client, "GET", f"{attachments.TABLE}/{first}") == 404


async def test_newer_releases_refuse_what_may_not_be_read(user: Client, instance: Instance, create: Create) -> None:
    """2.6: in whatever clause, filter or order it is asked about."""
    create("u_locker", u_name="a")
    instance.release = ReleaseProfile(query_acls=True)
    for asked in ("u_seal=s", "ORDERBYu_seal", "u_toy.u_secret=s", "RLQUERYu_vault.sys_id,>0^ENDRLQUERY"):
        assert (await user.get(f"{TABLES}/u_locker", params={"sysparm_query": asked})).status == 403
    assert (await user.get(f"{TABLES}/u_locker?u_seal=s")).status == 403
    assert (await user.get(f"{TABLES}/u_locker?u_name=a")).status == 200


async def test_authors_are_named_to_who_may_read_their_names(
    user: Client, client: Client, instance: Instance, create: Create
) -> None:
    """Without a name that may be read, entries of a journal are signed with the user name."""
    toy = create("u_toy", u_color="r", u_name="t")
    await client.patch(f"{TABLES}/u_toy/{toy}", json={"u_notes": "n"})
    with instance.transaction(instance.system) as session:
        admin = session.find("sys_user", user_name="admin")
        assert admin is not None
        session.update("sys_user", admin.sys_id, {"name": ""})
    shown = await user.get(f"{TABLES}/u_toy/{toy}?sysparm_display_value=true")
    assert " - admin (Notes)\nn" in (await shown.json())["result"]["u_notes"]


def test_a_way_is_readable_if_each_step_is(dictionary: Dictionary) -> None:
    """Each column on the way and each table that it leads to count."""
    nobody = Sight(dictionary, frozenset(), frozenset({"u_safe"}))
    assert nobody.reads("u_locker", ("u_toy", "u_name"))
    assert not nobody.reads("u_locker", ("u_toy", "u_secret"))
    assert not nobody.reads("u_locker", ("u_safe", "sys_id"))
    assert nobody.reaches("u_locker")
    assert not nobody.reaches("u_vault")
