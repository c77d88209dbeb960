"""What a caller may not read takes no part in any answer, however it is asked about.

Two instances that are equal but for values that the caller may not read give the same answers, byte for byte.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from mock_servicenow.app import create_app
from mock_servicenow.settings import Settings
from privman_contracts import WireNames
from privman_core.ids import Ids
from privman_core.virtual_clock import VirtualClock
from tests.generated import examples

Client = TestClient[web.Request, web.Application]
CONFIGURATION = WireNames.load(None).table("integration_configuration")
SECRET = f"{CONFIGURATION}_secret"
SECRETS = ("jW3kSecretOfTheFirst", "aX9kSecretOfTheOther")
COMPARED = ("Content-Type", "X-Total-Count", "Link", "ETag", "Location", "Content-Disposition")

TABLES = """
- name: u_pet
  extendable: true
  acls:
    - {operation: read, roles: [vet]}
    - {operation: read, condition: u_kind=dog}
    - {operation: read, roles: [vet], column: u_secret}
    - {operation: write, roles: [vet], column: u_secret}
    - {operation: read, roles: [vet], column: u_diary}
  columns:
    u_name: {display: true}
    u_kind: {}
    u_weight: {type: integer}
    u_secret: {}
    u_parent: {reference: u_pet}
    u_vault: {reference: u_vault}
    u_hidden_link: {reference: sys_user}
    u_note: {type: journal_input}
    u_diary: {type: journal_input}
- name: u_show_pet
  extends: u_pet
  acls:
    - {operation: read, roles: [vet], column: u_weight}
- name: u_vault
  acls: [{operation: read, roles: [vault]}]
  columns:
    u_name: {display: true}
    u_code: {}
    u_pet: {reference: u_pet}
- name: u_closed
  web_service_access: false
  acls: [{operation: read, roles: [keeper]}]
  columns:
    u_name: {display: true}
    u_pet: {reference: u_pet}
    u_owner: {reference: sys_user}
- name: u_blind
  acls:
    - {operation: read, roles: [vet], column: sys_updated_by}
    - {operation: read, roles: [vet], column: sys_updated_on}
  columns:
    u_name: {display: true}
"""
DOG, PUP, CAT, SHOW, VAULT, CLOSED = (f"{number:032x}" for number in range(0xA1, 0xA7))
PLAIN = "6816f79cc0a8016401c5a33be04be441"
HIDDEN = ("xa", "yb")


def rows(which: int) -> dict[str, list[dict[str, str]]]:
    """Return the rows of one of the instances; what differs is what the user may not read."""
    secret = HIDDEN[which]
    extra = [{"sys_id": "f" * 32, "u_name": secret, "u_kind": "cat", "u_parent": DOG}] * which
    dog = {"u_kind": "dog", "u_secret": secret}
    return {
        "u_pet": [
            {"sys_id": DOG, "u_name": "rex", "u_weight": "3", "u_vault": VAULT, **dog},
            {"sys_id": PUP, "u_name": "pup", "u_weight": "1", "u_parent": DOG, **dog},
            {"sys_id": "b" * 32, "u_name": "kit", "u_parent": CAT, "u_weight": "2", **dog},
            {"sys_id": CAT, "u_name": secret, "u_kind": f"cat{which}", "u_weight": f"{which}", "u_parent": DOG},
            *extra,
        ],
        "u_show_pet": [{"sys_id": SHOW, "u_name": "show", "u_weight": f"{which + 1}", **dog}],
        "u_vault": [{"sys_id": VAULT, "u_name": secret, "u_code": f"code {secret}", "u_pet": (DOG, PUP)[which]}],
        "u_closed": [{"sys_id": CLOSED, "u_name": secret, "u_pet": (DOG, PUP)[which], "u_owner": PLAIN}],
    }


@dataclass
class Twins:
    """Two instances, asked the same by a user without roles."""

    clients: tuple[Client, Client]

    async def same(self, method: str, path: str, **arguments: Any) -> str:
        """Assert that both answer alike, and return what one says."""
        first, second = [await _said(client, method, path, **arguments) for client in self.clients]
        assert first == second, path
        return first[1]


async def _said(client: Client, method: str, path: str, **arguments: Any) -> tuple[int, str, dict[str, str]]:
    async with client.request(method, path, allow_redirects=False, **arguments) as answer:
        headers = {name: answer.headers[name] for name in COMPARED if name in answer.headers}
        return answer.status, await answer.text(), headers


async def _instance(stack: AsyncExitStack, folder: Path, which: int) -> Client:
    """Return a client of one of the instances, logged in on its pages and with credentials for its APIs."""
    (folder / "tables.yaml").write_text(TABLES)
    data = folder / f"rows{which}.json"
    users = {"sys_user": [{"sys_id": "c" * 32, "user_name": "plain", "user_password": "plain", "name": "Plain"}]}
    roles = {"sys_user_role": [{"name": name} for name in ("vet", "vault", "keeper")]}
    data.write_text(json.dumps({**rows(which), **users, **roles}))
    chosen = Settings(tables=(folder / "tables.yaml",), data=(data,), url="https://fake.example")
    clock = VirtualClock()
    stack.push_async_callback(clock.aclose)
    app = create_app(chosen, clock=clock, ids=Ids(1))
    client: Client = await stack.enter_async_context(TestClient(TestServer(app)))
    await _fill(client, which)
    page = await (await client.get("/login.do")).text()
    token = page.split('name="sysparm_ck" value="')[1].split('"')[0]
    form = {"sysparm_ck": token, "user_name": "plain", "user_password": "plain"}
    assert (await client.post("/login.do", data=form)).status == 200
    client.session.headers["Authorization"] = encode_basic_auth("plain", "plain")
    return client


async def _fill(client: Client, which: int) -> None:
    """Register a console, and attach a file and a note to a record that the user may not read."""
    admin = {"Authorization": encode_basic_auth("admin", "admin")}
    pairs = {"Username": "u", "Password": SECRETS[which], "Token Url": "http://x/", "Endpoint Url": "http://x/"}
    body = {"instance_metadata": json.dumps(pairs)}
    note = f"note {HIDDEN[which]}"
    written = ((CONFIGURATION, body), (f"u_pet/{CAT}", {"u_note": note}), (f"u_pet/{DOG}", {"u_diary": note}))
    for table, values in written:
        verb = client.patch if "/" in table else client.post
        assert (await verb(f"/api/now/table/{table}", json=values, headers=admin)).status < 300
    for owner, name in ((CAT, HIDDEN[which]), (DOG, "open")):
        file = f"table_name=u_pet&table_sys_id={owner}&file_name={name}.txt"
        sent = await client.post(f"/api/now/attachment/file?{file}", data=name.encode(), headers=admin)
        attachment = (await sent.json())["result"]["sys_id"]
        path = f"/api/now/attachment/{attachment}/attributes"
        assert (await client.post(path, json={"key": "k", "value": name}, headers=admin)).status == 201


@pytest.fixture
async def twins(tmp_path: Path) -> AsyncIterator[Twins]:
    """Serve both instances."""
    async with AsyncExitStack() as stack:
        first, second = [await _instance(stack, tmp_path, which) for which in (0, 1)]
        yield Twins((first, second))


PATHS = (
    *("u_name", "u_kind", "u_weight", "u_secret", "u_parent", "u_vault", "sys_id", "sys_class_name", "sys_created_by"),
    *("u_parent.u_name", "u_parent.u_secret", "u_parent.u_parent.u_weight", "u_vault.u_name", "u_vault.u_pet.u_name"),
    *("file_name", "table_name", "table_sys_id", "value", "element_id", "name", "user_name", "user_password"),
    *(
        "key",
        "sys_attachment",
        "sys_attachment.file_name",
        "configuration",
        "secret",
        "u_code",
        "u_pet",
        "u_pet.u_name",
    ),
)
OPERATORS = (
    *("=", "!=", "<", ">=", "LIKE", "NOT LIKE", "STARTSWITH", "ENDSWITH", "IN", "NOT IN", "ISEMPTY", "ISNOTEMPTY"),
    *("ANYTHING", "BETWEEN", "SAMEAS", "NSAMEAS", "GT_FIELD", "INSTANCEOF", "IN_HIERARCHY"),
)
VALUES = (
    *("", "x", "y", "xa", "yb", "a", "b", "cat0", "dog", "0", "1", "2", "x@y", "j", SECRETS[0], "rex", "note"),
    *(DOG, CAT, VAULT, f"h@{DOG}", f"h@{CAT}", "u_secret", "u_parent.u_name", "u_vault.u_code", "u_show_pet", "u_pet"),
)
TABLE_NAMES = ("u_pet", "u_show_pet", "u_vault", "u_closed", "sys_attachment", "sys_journal_field", "sys_user", SECRET)
words = st.sampled_from(VALUES)
paths = st.sampled_from(PATHS)
tables = st.sampled_from(TABLE_NAMES)


@st.composite
def conditions(draw: st.DrawFn) -> str:
    """One condition on any column, hidden or not."""
    return draw(paths) + draw(st.sampled_from(OPERATORS)) + draw(words)


@st.composite
def clauses(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    """A clause about another table."""
    table, column, other, where = draw(tables), draw(paths), draw(paths), draw(inner)
    kind = draw(st.sampled_from(["RLQUERY", "SUBQUERY", "JOIN"]))
    if kind == "RLQUERY":
        count = draw(st.sampled_from([">0", "=0", ">=1", "<2", "!=1"]))
        return f"RLQUERY{table}.{column},{count}^{where}^ENDRLQUERY"
    if kind == "SUBQUERY":
        return f"SUBQUERY{column},{other},{table}^{where}^ENDSUBQUERY"
    return f"JOINu_pet.{column}={table}.{other}!{where}"


simple = conditions() | st.sampled_from(["123TEXTQUERY321=xa", "123TEXTQUERY321=e", "123TEXTQUERY321=note"])
terms = st.recursive(simple, lambda inner: clauses(inner) | clauses(inner), max_leaves=3)
orders = paths.flatmap(lambda path: st.sampled_from([f"ORDERBY{path}", f"ORDERBYDESC{path}"]))
parts = st.lists(st.tuples(st.sampled_from(["^", "^OR", "^NQ"]), terms | orders), min_size=1, max_size=3)
queries = parts.map(lambda chosen: "".join(mark + term for mark, term in chosen).removeprefix("^"))
lists_of_paths = st.lists(paths, max_size=3, unique=True).map(",".join)
displays = st.sampled_from(["false", "true", "all"])

ATTACK = "SUBQUERYsys_id,configuration,%s^secretSTARTSWITHj^ENDSUBQUERY"


@pytest.mark.long
@examples(80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.sampled_from([*TABLE_NAMES, "sys_attachment_attribute", "incident"]),
    query=queries,
    fields=lists_of_paths,
    display=displays,
    page=st.sampled_from(["", "&sysparm_limit=1", "&sysparm_offset=1&sysparm_limit=2", "&sysparm_no_count=true"]),
)
@example("sys_user", ATTACK % SECRET, "", "false", "")
@example("sys_user", f"SUBQUERYuser_name,sys_created_by,{SECRET}^secretSTARTSWITHj^ENDSUBQUERY", "", "false", "")
@example("u_pet", "RLQUERYu_closed.u_pet,>0^u_name=xa^ENDRLQUERY", "", "false", "")
@example("u_pet", f"JOINu_pet.u_vault={SECRET}.configuration!secretSTARTSWITHj", "", "false", "")
@example("u_pet", "u_secret=xa", "", "false", "")
@example("u_pet", "u_parent.u_secret=xa^ORu_name=none", "", "false", "")
@example("u_pet", "u_parent.u_name=xa", "u_parent,u_parent.u_name,u_vault", "true", "")
@example("u_pet", "u_nameISNOTEMPTY^ORDERBYu_secret", "", "all", "&sysparm_limit=1")
@example("u_pet", "u_weight=1", "u_weight,u_name", "false", "")
@example("u_pet", "123TEXTQUERY321=xa", "", "false", "")
@example("u_pet", "u_parentIN_HIERARCHYh@" + CAT, "", "false", "")
@example("sys_attachment", "file_nameSTARTSWITHx", "", "false", "&sysparm_limit=1")
@example("sys_journal_field", "valueLIKExa", "", "false", "")
@example("sys_attachment_attribute", "value=xa", "", "false", "")
async def test_lists_say_nothing(  # noqa: PLR0913, PLR0917 - what a list takes
    twins: Twins, table: str, query: str, fields: str, display: str, page: str
) -> None:
    """Table API, Batch API and list pages: rows, fields, counts, links and order."""
    asked = urlencode({"sysparm_query": query, "sysparm_fields": fields, "sysparm_display_value": display}) + page
    await twins.same("GET", f"/api/now/table/{table}?{asked}")
    await twins.same("GET", f"/{table}_list.do?{asked}")
    items = [{"id": "1", "method": "GET", "url": f"/api/now/table/{table}?{asked}", "headers": []}]
    await twins.same("POST", "/api/now/v1/batch", json={"batch_request_id": "1", "rest_requests": items})
    if table == "sys_attachment":
        await twins.same("GET", f"/api/now/attachment?{asked}")


@pytest.mark.long
@examples(80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.sampled_from([*TABLE_NAMES, "sys_attachment_attribute"]),
    query=st.just("") | queries,
    group_by=lists_of_paths,
    computed=st.dictionaries(st.sampled_from(["min", "max", "avg", "sum"]), lists_of_paths, max_size=2),
    having=st.just("") | st.tuples(st.sampled_from(["count", "max", "sum"]), paths).map(lambda f: f"{f[0]}^{f[1]}^>^1"),
    order=st.just("") | st.tuples(st.sampled_from(["count", "max", "min"]), paths).map("^".join) | paths,
)
@example("sys_attachment", "", "file_name", {}, "", "")
@example("u_pet", "", "u_parent.u_name,u_secret", {"max": "u_weight,u_secret"}, "max^u_secret^>^1", "max^u_weight")
@example("u_pet", "", "u_kind", {"min": "u_parent.u_weight"}, "", "")
@example("u_pet", "", "u_vault.u_name", {"max": "u_vault.u_code"}, "", "")
async def test_aggregates_say_nothing(  # noqa: PLR0913, PLR0917 - what an aggregate takes
    twins: Twins, table: str, query: str, group_by: str, computed: Mapping[str, str], having: str, order: str
) -> None:
    """Counts, sums, groups, conditions on groups and their order."""
    asked = {"sysparm_query": query, "sysparm_group_by": group_by, "sysparm_having": having, "sysparm_order_by": order}
    asked |= {f"sysparm_{name}_fields": fields for name, fields in computed.items()}
    for display in ("false", "true"):
        more = {"sysparm_count": "true", "sysparm_display_value": display}
        await twins.same("GET", f"/api/now/stats/{table}?{urlencode(asked | more)}")


@pytest.mark.long
@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables, column=paths, value=words)
async def test_filters_say_nothing(twins: Twins, table: str, column: str, value: str) -> None:
    """Pairs in the address, raw or as displayed."""
    await twins.same("GET", f"/api/now/table/{table}?{urlencode({column: value})}")
    await twins.same("GET", f"/api/now/stats/{table}?{urlencode({column: value, 'sysparm_count': 'true'})}")


@pytest.mark.long
async def test_single_records_say_nothing(twins: Twins) -> None:
    """A record that may be read shows no name of one that may not; the other does not exist, as record or as form."""
    for sys_id in (DOG, PUP, CAT, SHOW, VAULT, CLOSED, "b" * 32):
        for table in ("u_pet", "u_show_pet", "u_vault", "u_closed"):
            for display in ("false", "true", "all"):
                await twins.same("GET", f"/api/now/table/{table}/{sys_id}?sysparm_display_value={display}")
            await twins.same("GET", f"/{table}.do?sys_id={sys_id}")
    said = await twins.same("GET", f"/api/now/table/u_pet/{'b' * 32}?sysparm_display_value=true")
    assert json.loads(said)["result"]["u_parent"]["display_value"] == CAT


@pytest.mark.long
async def test_writes_say_nothing(twins: Twins) -> None:
    """What is answered to a write holds nothing hidden, and a name finds no record that may not be read."""
    for name in HIDDEN:
        said = await twins.same("PATCH", f"/api/now/table/u_pet/{PUP}", json={"u_parent": name, "u_weight": "1"})
        assert json.loads(said)["result"]["u_parent"] == ""
        assert "u_secret" not in said


@pytest.mark.long
async def test_closed_tables_are_out_of_reach_for_administrators(twins: Twins) -> None:
    """No clause reaches a table that is closed to web services, whoever asks; a finding says which part counts not."""
    clauses = (
        ATTACK % SECRET,
        "RLQUERYu_closed.u_owner,>0^u_name=xa^ENDRLQUERY",
        f"JOINsys_user.sys_id={SECRET}.configuration!secretSTARTSWITHj",
        "SUBQUERYsys_id,u_owner,u_closed^u_name=xa^ENDSUBQUERY",
    )
    admin = {"Authorization": encode_basic_auth("admin", "admin")}
    for clause in clauses:
        await twins.same("GET", f"/api/now/table/sys_user?sysparm_query={quote(clause)}", headers=admin)
    for client in twins.clients:
        found = (await (await client.get("/__admin/findings")).json())["findings"]
        assert [each["rule"] for each in found].count("query-term-unreadable") == len(clauses)


@pytest.mark.long
@pytest.mark.parametrize(
    "clause",
    [
        f"SUBQUERYshort_description,sys_created_by,{SECRET}^secretSTARTSWITHj^ENDSUBQUERY",
        f"JOINincident.short_description={SECRET}.sys_created_by!secretSTARTSWITHj",
        f"active=true^SUBQUERYshort_description,sys_created_by,{SECRET}^secretSTARTSWITHa^ENDSUBQUERY",
    ],
)
async def test_stored_conditions_say_nothing(twins: Twins, clause: str) -> None:
    """Whoever stores a data policy or a business rule sees whether it is met; it never looks into closed tables."""
    admin = {"Authorization": encode_basic_auth("admin", "admin")}
    policy = {"sys_id": "d" * 32, "model_table": "incident", "conditions": clause}
    demanded = {"sys_data_policy": "d" * 32, "field": "close_notes", "mandatory": "true"}
    rule = {"collection": "incident", "when": "before", "action_insert": "true", "abort_action": "true"}
    stored = (
        ("sys_data_policy2", policy),
        ("sys_data_policy_rule", demanded),
        ("sys_script", {"name": "r", "filter_condition": clause, **rule}),
    )
    for table, values in stored:
        for client in twins.clients:
            assert (await client.post(f"/api/now/table/{table}", json=values, headers=admin)).status == 201
        asked = "/api/now/table/incident?sysparm_fields=short_description"
        await twins.same("POST", asked, json={"short_description": "admin"}, headers=admin)


@pytest.mark.long
async def test_a_form_that_came_too_late_names_nobody_who_is_hidden(twins: Twins) -> None:
    """Who changed a record meanwhile, and when, is shown to those alone who may read it."""
    client = twins.clients[0]
    admin = {"Authorization": encode_basic_auth("admin", "admin")}
    created = await client.post("/api/now/table/u_blind", json={"u_name": "a"}, headers=admin)
    path = f"/u_blind.do?sys_id={(await created.json())['result']['sys_id']}"
    token = (await (await client.get(path)).text()).split('name="sysparm_ck" value="')[1].split('"')[0]
    answer = await client.post(path, data={"sysparm_ck": token, "sys_action": "update", "sys_mod_count": "9"})
    assert answer.status == 409
    assert "Another user changed it. The form shows the current values." in await answer.text()


@pytest.mark.long
@pytest.mark.parametrize(
    "table", ["sys_tiny_url", "sys_import_set_row_outcome", "sys_import_set_claim", "sys_short_lived"]
)
async def test_closed_tables_have_pages_for_administrators_alone(twins: Twins, table: str) -> None:
    """What no API shows, no page shows to others: the lists that others have asked for, what was imported."""
    client = twins.clients[0]
    admin = {"Authorization": encode_basic_auth("admin", "admin")}
    assert (
        await client.post("/api/now/tinyurl", json={"url": "/incident?sysparm_query=a"}, headers=admin)
    ).status == 201
    assert (await client.post("/api/now/import/imp_user", json={"user_id": "a"}, headers=admin)).status == 201
    assert (await client.get(f"/{table}_list.do")).status == 403
    form = await (await client.get(f"/{table}.do?sys_id=-1")).text()
    token = form.split('name="sysparm_ck" value="')[1].split('"')[0]
    saved = {"sysparm_ck": token, "sys_action": "insert", f"{table}.tiny_url": "mine"}
    assert (await client.post(f"/{table}.do?sys_id=-1", data=saved)).status == 403


@pytest.mark.long
async def test_attachments_of_closed_tables_are_out_of_reach(twins: Twins) -> None:
    """Whether a record of a closed table exists is not told by attaching to it."""
    admin = {"Authorization": encode_basic_auth("admin", "admin")}
    for sys_id in (CLOSED, "9" * 32):
        file = f"table_name=u_closed&table_sys_id={sys_id}&file_name=f"
        said = await twins.same("POST", f"/api/now/attachment/file?{file}", data=b"x", headers=admin)
        assert "Failed API level ACL Validation" in said
