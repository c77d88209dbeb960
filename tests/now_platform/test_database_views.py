"""Database views: records and files that define them, and everything that reads them (Docs: database views)."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.dictionary.definitions import DictionaryError
from mock_servicenow.now_platform.dictionary.table_files import load_dictionary
from mock_servicenow.now_platform.dictionary.view_records import MOST_VIEWS
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import Session
from privman_core.journal import Journal

from .import_sets import make, make_map

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
Joined = dict[str, str]
Define = Callable[..., list[str]]
VIEWS, TABLES, FIELDS = "sys_db_view", "sys_db_view_table", "sys_db_view_table_field"
ADMIN = "6816f79cc0a8016401c5a33be04be441"
OWNERS = ({"table": "u_toy", "variable_prefix": "toy"}, {"table": "sys_user", "variable_prefix": "own"})


def defined(session: Session, name: str, *joined: Joined) -> list[str]:
    """Return the sys_ids of the records of a new view and of its tables, from left to right."""
    ids = [session.insert(VIEWS, {"name": name, "label": "A view"}).sys_id]
    for number, each in enumerate(joined, 1):
        ids.append(session.insert(TABLES, {"view": ids[0], "order": str(number * 100), **each}).sys_id)
    return ids


@pytest.fixture
def define(instance: Instance) -> Define:
    """Return `defined` in a transaction of its own."""

    def define(name: str, *joined: Joined) -> list[str]:
        with instance.transaction(instance.system) as session:
            return defined(session, name, *joined)

    return define


@pytest.fixture
def owners(define: Define) -> list[str]:
    """Make a view of toys with their owners, and return the sys_ids of its records."""
    return define("u_owners", OWNERS[0], {**OWNERS[1], "where_clause": "toy_u_owner=own_sys_id"})


async def read(client: Client, table: str = "u_owners", **parameters: str) -> list[dict[str, Any]]:
    """Return the records of a table."""
    answer = await client.get(f"/api/now/table/{table}", params=parameters)
    assert answer.status == 200, await answer.text()
    found: list[dict[str, Any]] = (await answer.json())["result"]
    return found


async def names(client: Client, **parameters: str) -> list[tuple[str, str]]:
    """Return the names of toys and owners in the view."""
    found = await read(client, **{"sysparm_query": "ORDERBYtoy_u_name", **parameters})
    return [(row["toy_u_name"], row["own_user_name"]) for row in found]


@pytest.fixture(autouse=True)
def toys(create: Create) -> list[str]:
    """Make three toys, of which one has no owner, and return their sys_ids."""
    ball = create("u_toy", u_name="Ball", u_color="r", u_pieces="1", u_owner=ADMIN, u_broken="true", u_secret="s")
    kite = create("u_toy", u_name="Kite", u_color="b", u_pieces="5", u_owner=ADMIN)
    return [ball, kite, create("u_toy", u_name="Top", u_color="r", u_pieces="9")]


# Joins


@pytest.mark.long
async def test_a_view_joins_its_tables(client: Client, toys: list[str]) -> None:
    """Docs: its columns have the prefix of their table; a left join keeps rows without a partner."""
    view = await make(client, VIEWS, name="u_owners", label="Toys with owners")
    tables = [
        await make(client, TABLES, view=view, order="200", where_clause="toy_u_owner=own_sys_id", **OWNERS[1]),
        await make(client, TABLES, view=view, order="100", **OWNERS[0]),
    ]
    assert await names(client) == [("Ball", "admin"), ("Kite", "admin")]
    [row] = await read(client, sysparm_query="toy_u_name=Ball")
    assert row["sys_id"] == f"{toys[0]}_{ADMIN}"
    assert (row["toy_sys_id"], row["toy_u_owner"]["value"], row["toy_u_pieces"]) == (toys[0], ADMIN, "1")
    assert not {"toy_u_notes", "toy_u_key", "own_user_password"} & row.keys()
    assert (await (await client.get(f"/api/now/table/u_owners/{row['sys_id']}")).json())["result"] == row
    await client.patch(f"/api/now/table/{TABLES}/{tables[0]}", json={"left_join": "true"})
    assert await names(client) == [("Ball", "admin"), ("Kite", "admin"), ("Top", "")]
    await client.patch(f"/api/now/table/{TABLES}/{tables[0]}", json={"active": "false"})
    assert await read(client, sysparm_fields="toy_u_name,own_name", sysparm_query="toy_u_name=Top") == [
        {"toy_u_name": "Top"}
    ]


@pytest.mark.long
async def test_where_clauses(client: Client, instance: Instance) -> None:
    """Docs: comparisons of columns and values, joined by && and ||, the former first; texts ignore case."""
    expected = {
        "toy_u_owner=own_sys_id && toy_u_pieces>1": ["Kite"],
        "toy_u_owner = own_sys_id && (toy_u_pieces = 9 || toy_u_color='B')": ["Kite"],
        "toy_u_pieces=9 && own_user_name='admin' || toy_u_owner=own_sys_id && toy_u_pieces=1": ["Ball", "Top"],
        "toy_u_owner=own_sys_id && toy_u_broken=1": ["Ball"],
        "toy_u_owner=own_sys_id && toy_u_broken != true": ["Kite"],
        "toy_u_owner='' && own_user_name=\"ADMIN\"": ["Top"],
        "own_user_name='admin' && toy_u_owner!=''": ["Ball", "Kite"],
        "own_user_name='admin' && 5 <= toy_u_pieces && toy_u_name > toy_u_color && toy_u_name>=own_user_name": [
            "Kite",
            "Top",
        ],
        "toy_u_name=own_last_name": [],
        "toy_u_owner=own_sys_id && toy_u_name!='50%' && toy_u_name!='%s'": ["Ball", "Kite"],
        "own_user_name='admin' && toy_u_name='it''s'": None,
    }
    with instance.transaction(instance.system) as session:
        for number, where in enumerate(expected):
            defined(session, f"u_view_{number}", OWNERS[0], {**OWNERS[1], "where_clause": where})
    for number, (where, found) in enumerate(expected.items()):
        answer = await client.get(f"/api/now/table/u_view_{number}?sysparm_query=ORDERBYtoy_u_name")
        shown = [row["toy_u_name"] for row in (await answer.json())["result"]] if answer.status == 200 else None
        assert shown == found, where


@pytest.mark.long
async def test_a_view_may_read_a_class_of_a_hierarchy(
    client: Client, create: Create, define: Define, toys: list[str]
) -> None:
    """Rows of other classes of the hierarchy are left out, those of tables that extend it later are not."""
    create("u_locker", u_name="Plain", u_toy=toys[0])
    create("u_strict_locker", u_name="Strict", u_toy=toys[0])
    define(
        "u_lockers",
        {"table": "u_toy", "variable_prefix": "toy", "where_clause": "toy_u_name='ball'"},
        {"table": "u_strict_locker", "variable_prefix": "lock", "where_clause": "lock_u_toy=toy_sys_id"},
    )
    assert [row["lock_u_name"] for row in await read(client, "u_lockers")] == ["Strict"]
    parent = (await read(client, "sys_db_object", sysparm_query="name=u_strict_locker"))[0]["sys_id"]
    await make(client, "sys_db_object", name="u_stricter", super_class=parent)
    await make(client, "u_stricter", u_name="Stricter", u_toy=toys[0])
    assert [row["lock_u_name"] for row in await read(client, "u_lockers")] == ["Strict", "Stricter"]
    await make(client, "sys_dictionary", name="u_strict_locker", element="u_new")
    assert "lock_u_new" in (await read(client, "u_lockers"))[0]


@pytest.mark.long
async def test_columns_of_a_table(client: Client, owners: list[str]) -> None:
    """Docs: if a table of the view has fields, the view has these alone."""
    for field in ("u_name", "u_owner"):
        await make(client, FIELDS, view_table=owners[1], field=field)
    [row, _] = await read(client)
    assert [name for name in row if name.startswith("toy_")] == ["toy_u_name", "toy_u_owner"]


BAD = [
    (
        "where: toy_u_ownr=own_sys_id",
        "no column 'toy_u_ownr' (did you mean 'toy_u_owner'?) in it and the tables before",
    ),
    ("where: toy_u_owner=usr_user_name", "no column 'usr_user_name' (did you mean 'own_user_name'?) in it"),
    ("where: toy_u_pieces=own_sys_id", "'toy_u_pieces' and 'own_sys_id' hold different kinds of values"),
    ("where: toy_u_pieces='x'", "'x' is no whole number"),
    ("where: toy_u_pieces<''", "an empty value goes with = and !=, not with <"),
    ("where: toy_u_name='\0'", "is no text"),
    ("where: 1=1", "it compares '1' with '1'; expected a column"),
    ("where: toy_u_owner", "expected one of =, !=, <, <=, >, >=, got the end"),
    ("where: toy_u_owner=own_sys_id and", "expected &&, || or the end, got 'and'"),
    ("where: (toy_u_owner=own_sys_id", "expected ), got the end"),
    ("where: &&", "expected a column, such as inc_sys_id, or a value, got '&&'"),
    (f"where: {'(' * 17}toy_u_name=1", "more than 16 brackets inside one another"),
    (f"where: {'x' * 1_001}", "it has 1,001 characters; expected at most 1,000"),
    ("where: toy_u_owner LIKE 'x'", "expected one of =, !=, <, <=, >, >=, got 'LIKE'"),
    ("where: toy_u_name='x' ?", "expected &&, || or the end, got '?'"),
    ("columns: user_nam", "has no column 'user_nam' (did you mean 'user_name'?)"),
    ("table: sys_usr", "table 'sys_usr' is not defined (did you mean 'sys_user'?)"),
    ("table: incident_sla", "table 'incident_sla' is a database view; expected a table"),
    ("table: u_owners", "table 'u_owners' is a database view; expected a table"),
    ("table: u_closed", "table 'u_closed' is closed to web services"),
    ("prefix: Own", "has prefix 'Own'; expected lower-case letters, digits and _, a letter first"),
    ("prefix: toy", "has prefix 'toy', as a table before it"),
    (f"prefix: {'o' * 60}", "a name of more than 63 characters"),
    ("prefix: toy_u", "has column 'toy_u_name' as 'toy' has; expected other prefixes"),
]
FILE = """- name: u_toy
  columns: {u_name: , u_pieces: {type: integer}, u_owner: {reference: sys_user}}
- {name: u_closed, web_service_access: false}
- name: u_owners
  view:
    - {table: u_toy, prefix: toy}
    - """


@pytest.mark.parametrize(("said", "why"), BAD)
def test_a_file_with_a_view_that_cannot_be_joined(tmp_path: Path, said: str, why: str) -> None:
    """One line names file, line, view and table, shows the value and says what was expected."""
    key, value = said.split(": ", 1)
    joined = {"table": "sys_user", "prefix": "own", key: [value] if key == "columns" else value}
    (tmp_path / "views.yaml").write_text(FILE + json.dumps(joined))
    with pytest.raises(DictionaryError) as caught:
        load_dictionary(tmp_path / "views.yaml")
    assert str(caught.value).startswith(f"views.yaml:7: view 'u_owners', table '{joined['table']}' ")
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("- {name: u_x, view: []}", "table 'u_x' has view []; expected a list of at least one table"),
        ("- {name: u_x, view: [{prefix: x}]}", "table 'u_x', joined table has no table; expected text"),
        ("- {name: u_x, view: [{table: x}]}", "table 'u_x', joined table has no prefix; expected text"),
        ("- {name: u_x, view: [{tabel: x}]}", "has key 'tabel' (did you mean 'table'?); expected one of columns, left"),
        (
            "- {name: u_x, number: X, view: [{table: task, prefix: t}]}",
            "table 'u_x' is a view and cannot have number",
        ),
        (
            "- {name: incident, view: [{table: task, prefix: t}]}",
            "table 'incident' has rows of its own; it cannot become",
        ),
        ("- {name: incident_sla, columns: {u_x: }}", "table 'incident_sla' is a view and cannot have columns"),
        ("- {name: u_x, extends: incident_sla}", "table 'u_x' extends 'incident_sla', a database view"),
        (
            f"- {{name: u_x, view: [{', '.join(f'{{table: task, prefix: t{number}}}' for number in range(11))}]}}",
            "view 'u_x' joins 11 tables; expected at most 10",
        ),
        (
            "[{name: u_x, view: [{table: u_y, prefix: a}, {table: u_y, prefix: b}]}, {name: u_y, columns: {COLUMNS}}]",
            "view 'u_x' has 1,014 columns; expected at most 1,000",
        ),
    ],
)
def test_other_files_with_views(tmp_path: Path, text: str, why: str) -> None:
    """The first line of the file is named."""
    columns = ", ".join(f"u_{number}: " for number in range(500))
    (tmp_path / "views.yaml").write_text(text.replace("COLUMNS", columns))
    with pytest.raises(DictionaryError) as caught:
        load_dictionary(tmp_path / "views.yaml")
    assert str(caught.value).startswith("views.yaml:1: ")
    assert why in str(caught.value)


@pytest.mark.long
async def test_a_record_of_a_view_that_cannot_be_joined(client: Client, define: Define, journal: Journal) -> None:
    """A finding says why, and there is no such table, until the record is mended; no view is joined by another."""
    _, _, owner = define("u_owners", *OWNERS)
    address = f"/api/now/table/{TABLES}/{owner}"
    await client.patch(address, json={"where_clause": "toy_u_ownr=own_sys_id"})
    [(_, finding)] = journal.findings()
    joined = "dictionary: view 'u_owners', table 'sys_user' has where clause 'toy_u_ownr=own_sys_id'"
    why = "there is no column 'toy_u_ownr' (did you mean 'toy_u_owner'?) in it and the tables before it"
    assert (finding.rule, finding.message) == ("definition-ignored", f"{joined}: {why}: it has no effect")
    assert (await client.get("/api/now/table/u_owners")).status == 400
    await client.patch(address, json={"where_clause": "toy_u_owner=own_sys_id"})
    assert await names(client) == [("Ball", "admin"), ("Kite", "admin")]


async def test_names_of_views(client: Client, instance: Instance) -> None:
    """Docs: capitals become lower case, spaces underscores. A name that is taken, or none, makes no view."""
    with instance.transaction(instance.system) as session:
        defined(session, "My Toys", OWNERS[0])
        for name in ("u_toy", "1", "U_LOCKER"):
            defined(session, name, OWNERS[0])
        defined(session, "u_other", {"table": "my_toys", "variable_prefix": "o"})
        for _ in range(MOST_VIEWS):
            defined(session, "")
        defined(session, "u_late", OWNERS[0])
        defined(session, "u_tables", *({"table": "u_toy", "variable_prefix": f"t{number}"} for number in range(11)))
    assert [sorted(row) for row in await read(client, "my_toys", sysparm_fields="toy_u_name")] == [["toy_u_name"]] * 3
    assert [view.name for view in instance.dictionary if view.joined] == ["incident_sla", "incident_metric", "my_toys"]


@pytest.mark.long
async def test_records_of_views_that_ship(client: Client, instance: Instance, define: Define) -> None:
    """They describe the view, act when they change, and cannot be deleted; others go with all that belongs to them."""
    [shipped] = await read(client, VIEWS, sysparm_query="name=incident_sla")
    tables = await read(client, TABLES, sysparm_query=f"view={shipped['sys_id']}^ORDERBYorder")
    assert [(each["table"], each["variable_prefix"], each["where_clause"]) for each in tables] == [
        ("incident", "inc", ""),
        ("task_sla", "taskslatable", "taskslatable_task = inc_sys_id"),
    ]
    for table, record in ((VIEWS, shipped), (TABLES, tables[1])):
        refused = await client.delete(f"/api/now/table/{table}/{record['sys_id']}")
        assert "was aborted by Business Rule 'keep_" in (await refused.json())["error"]["detail"]
    assert await read(client, "incident_sla") == []
    await client.patch(f"/api/now/table/{TABLES}/{tables[1]['sys_id']}", json={"left_join": "true"})
    assert len(await read(client, "incident_sla")) == len(await read(client, "incident"))
    records = define("u_owners", *OWNERS)
    field = await make(client, FIELDS, view_table=records[1], field="u_name")
    rule = await make(client, "sys_security_acl", name="u_owners", operation="read")
    assert (await client.delete(f"/api/now/table/{VIEWS}/{records[0]}")).status == 204
    assert (await client.get("/api/now/table/u_owners")).status == 400
    with instance.transaction(instance.system) as session:
        gone = [*zip([VIEWS, TABLES, TABLES], records, strict=True), (FIELDS, field), ("sys_security_acl", rule)]
        assert [session.get(*each) for each in gone] == [None] * 5


# Readers


@pytest.mark.usefixtures("owners")
async def test_queries_and_display_values(client: Client) -> None:
    """References are walked through, choices and references have their words, values are compared as in the table."""
    asked = {"sysparm_query": "toy_u_owner.user_name=admin^toy_u_pieces>1^own_activeISNOTEMPTY"}
    fields = {"sysparm_fields": "toy_u_color,toy_u_owner.name", "sysparm_display_value": "true"}
    assert await read(client, **asked, **fields) == [
        {"toy_u_color": "Blue", "toy_u_owner.name": "System Administrator"}
    ]
    answer = await client.get("/api/now/table/u_owners", params={"sysparm_limit": "1"})
    assert (answer.headers["X-Total-Count"], 'rel="next"' in answer.headers["Link"]) == ("2", True)
    unordered = await client.get("/api/now/table/u_owners?sysparm_limit=1&sysparm_offset=1&sysparm_no_count=true")
    assert [row["toy_u_name"] for row in (await unordered.json())["result"]] == ["Kite"]


@pytest.mark.usefixtures("owners")
async def test_aggregates_exports_and_services(client: Client) -> None:
    """The Aggregate API, the formats of a table's address and SOAP read a view as they read a table."""
    counted = await client.get("/api/now/stats/u_owners?sysparm_count=true&sysparm_sum_fields=toy_u_pieces")
    assert (await counted.json())["result"]["stats"] == {"count": "2", "sum": {"toy_u_pieces": "6"}}
    listed = await (await client.get("/u_owners_list.do?CSV&sysparm_fields=toy_u_name,own_user_name")).text()
    assert listed.splitlines()[1:] == ['"Ball","admin"', '"Kite","admin"']
    assert "<toy_u_name>Kite</toy_u_name>" in await (await client.get("/u_owners.do?XML")).text()
    keys = await client.get("/u_owners.do?JSONv2&sysparm_action=getKeys")
    assert len((await keys.json())["records"]) == 2
    message = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{}</e:Body></e:Envelope>'
    found = await client.post(
        "/u_owners.do?SOAP", data=message.format("<getRecords><toy_u_color>b</toy_u_color></getRecords>")
    )
    assert "<toy_u_name>Kite</toy_u_name>" in await found.text()
    assert 'name="own_user_name"' in await (await client.get("/u_owners.do?WSDL")).text()


@pytest.mark.usefixtures("owners")
async def test_a_view_is_not_written(client: Client, toys: list[str]) -> None:
    """KB0534905: database views are read-only; a transform map writes none either."""
    address = f"/api/now/table/u_owners/{toys[0]}_{ADMIN}"
    body = {"toy_u_name": "x"}
    answers = [
        await client.post("/api/now/table/u_owners", json=body),
        await client.patch(address, json=body),
        await client.put(address, json=body),
        await client.delete(address),
    ]
    for answer in answers:
        assert answer.status == 403
        assert (await answer.json())["error"][
            "detail"
        ] == "'u_owners' is a database view: its records cannot be written"
    await make_map(client, "u_owners", "user_id>toy_u_name")
    imported = await client.post("/api/now/import/u_imp_user", json={"user_id": "x"})
    assert "is a database view" in (await imported.json())["result"][0]["error_message"]
    assert await names(client) == [("Ball", "admin"), ("Kite", "admin")]


@pytest.mark.usefixtures("owners")
async def test_long_answers_are_read_in_parts(client: Client, instance: Instance) -> None:
    """In the order of the query, each row once."""
    with instance.transaction(instance.system) as session:
        for number in range(160):
            toy = {"u_name": f"Toy {number:03}", "u_pieces": str(number % 3), "u_owner": ADMIN}
            session.insert("u_toy", toy)
    for query in ("", "ORDERBYDESCtoy_u_pieces"):
        found = await read(client, sysparm_query=query, sysparm_fields="toy_u_name")
        assert len({row["toy_u_name"] for row in found}) == len(found) == 162


# Access


@pytest.mark.usefixtures("owners")
async def test_a_user_reads_a_view_whose_tables_they_read(user: Client, grant: Callable[[str, str], None]) -> None:
    """Only with all rows of each table (inferred), and without the columns that they may not read."""
    assert (await user.get("/api/now/table/u_owners")).status == 403
    grant("plain", "toy_reader")
    assert await names(user) == [("Ball", "admin"), ("Kite", "admin")]
    [row, _] = await read(user, sysparm_query="toy_u_secret=x^ORDERBYtoy_u_name")
    assert row.get("toy_u_secret", "") == ""
    assert (await user.get(f"/api/now/table/{VIEWS}")).status == 403
    assert (await user.post(f"/api/now/table/{VIEWS}", json={"name": "u_mine"})).status == 403


@pytest.mark.long
async def test_an_administrator_joins_what_belongs_to_records(client: Client, define: Define, toys: list[str]) -> None:
    """Such as the entries of journals, which others read with their record alone."""
    await client.patch(f"/api/now/table/u_toy/{toys[0]}", json={"u_notes": "Lost"})
    entries = {"table": "sys_journal_field", "variable_prefix": "note", "where_clause": "note_element_id=toy_sys_id"}
    define("u_notes_of_toys", OWNERS[0], entries)
    assert [(row["toy_u_name"], row["note_value"]) for row in await read(client, "u_notes_of_toys")] == [
        ("Ball", "Lost")
    ]


@pytest.mark.long
@pytest.mark.usefixtures("owners")
async def test_rules_of_the_view_come_first(client: Client, user: Client) -> None:
    """Docs: access rules of the view precede those of its tables; a table that is closed stays closed."""
    await make(client, "sys_security_acl", name="u_owners", operation="read", condition="toy_u_color=b")
    assert await names(user) == [("Kite", "admin")]
    await make(client, "sys_security_acl", name="u_owners.toy_u_pieces", operation="read", condition="toy_u_color=x")
    assert (await read(user))[0].get("toy_u_pieces", "") == ""
    [table] = await read(client, "sys_db_object", sysparm_query="name=u_toy")
    await client.patch(f"/api/now/table/sys_db_object/{table['sys_id']}", json={"ws_access": "false"})
    assert (await user.get("/api/now/table/u_owners")).status == 403
    assert (await client.get("/api/now/table/u_owners")).status == 403


# Bounds


@pytest.mark.long
async def test_a_large_join_keeps_nobody_waiting(client: Client, instance: Instance, define: Define) -> None:
    """Others are answered while it counts; a page of a join of millions of rows is read at once."""
    if not instance.store.embedded:  # a server counts in a process of its own, for a minute at most
        return
    every = [{"table": "sys_dictionary", "variable_prefix": prefix} for prefix in ("a", "b", "c")]
    define("u_everything", *every)
    define("u_pairs", *every[:2])
    counting = asyncio.create_task(client.get("/api/now/table/u_everything?sysparm_limit=1"))
    for _ in range(5):
        assert len(await read(client, "u_toy")) == 3
    first = await read(client, "u_pairs", sysparm_limit="2", sysparm_no_count="true", sysparm_fields="a_name")
    assert len(first) == 2
    assert not counting.done()
    counting.cancel()
    await asyncio.gather(counting, return_exceptions=True)
