"""Access rules for queries: query_match and query_range (Docs: query ACLs)."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
Grant = Callable[[str, str], None]
RULE, ROLE = "/api/now/table/sys_security_acl", "/api/now/table/sys_security_acl_role"
DESKS = "cmn_department"
LIST = f"/api/now/table/{DESKS}?sysparm_query="
REFUSED = {
    "message": "Insufficient rights to query records",
    "detail": "Field(s) present in the query do not have permission to be read",
}


async def bar(client: Client, name: str, operation: str, role: str = "admin", **values: str) -> None:
    """Make a rule that only the holders of a role meet."""
    rule = await client.post(RULE, json={"name": name, "operation": operation, **values})
    assert rule.status == 201
    roles = await client.get("/api/now/table/sys_user_role", params={"sysparm_query": f"name={role}"})
    [found] = (await roles.json())["result"]
    sys_id = (await rule.json())["result"]["sys_id"]
    assert (await client.post(ROLE, json={"sys_security_acl": sys_id, "sys_user_role": found["sys_id"]})).status == 201


async def status(client: Client, query: str, table: str = DESKS) -> int:
    """Return the status of a query."""
    answer = await client.get(f"/api/now/table/{table}", params={"sysparm_query": query})
    if answer.status == 403:
        assert (await answer.json())["error"] == REFUSED
    return answer.status


@pytest.fixture(autouse=True)
def desks(create: Create) -> None:
    """Make two departments."""
    create(DESKS, name="Legal", id="77")
    create(DESKS, name="Sales", id="78")


MATCHES = ("id=77", "id!=77", "idIN77,78", "idNOT IN77", "idISEMPTY", "idISNOTEMPTY", "idSAMEASname", "idANYTHING")
RANGES = ("idLIKE7", "idSTARTSWITH7", "id>=77", "idBETWEEN77@78", "idGT_FIELDname", "ORDERBYid", "ORDERBYDESCid")


@pytest.mark.long
@pytest.mark.parametrize(
    ("operation", "refused", "answered"), [("query_match", MATCHES, RANGES), ("query_range", RANGES, MATCHES)]
)
async def test_each_rule_is_about_its_kind_of_query(
    client: Client, user: Client, operation: str, refused: tuple[str, ...], answered: tuple[str, ...]
) -> None:
    """Who does not meet it is refused queries of that kind; administrators are not; other columns stay free."""
    assert {await status(user, query) for query in refused + answered} == {200}
    await bar(client, f"{DESKS}.id", operation)
    assert {query: await status(user, query) for query in refused} == dict.fromkeys(refused, 403)
    assert {query: await status(user, query) for query in answered} == dict.fromkeys(answered, 200)
    assert await status(user, f"nameLIKEe^OR{refused[0]}") == 403
    assert await status(user, "nameLIKEe^name=Legal^ORDERBYname") == 200
    assert {await status(client, query) for query in refused} == {200}


@pytest.mark.long
async def test_rules_of_a_table_and_of_all_columns(client: Client, user: Client, grant: Grant, create: Create) -> None:
    """Without a column a rule is about each of them; whoever has the role passes."""
    create("sys_user_role", name="clerk")
    await bar(client, DESKS, "query_range", "clerk")
    assert [await status(user, query) for query in ("nameLIKEe", "ORDERBYname", "name=Legal")] == [403, 403, 200]
    await bar(client, f"{DESKS}.*", "query_match", "clerk")
    assert [await status(user, query) for query in ("name=Legal", "id=77")] == [403, 403]
    grant("plain", "clerk")
    assert [await status(user, query) for query in ("nameLIKEe", "ORDERBYname", "name=Legal")] == [200, 200, 200]


async def test_a_rule_with_a_condition_lets_administrators_alone_query(client: Client, user: Client) -> None:
    """Which rows meet it is not computed (inferred)."""
    assert (
        await client.post(RULE, json={"name": f"{DESKS}.id", "operation": "query_match", "condition": "name=Legal"})
    ).status == 201
    assert [await status(user, "id=77"), await status(client, "id=77")] == [403, 200]


async def test_a_rule_overrides_reading(client: Client, user: Client, grant: Grant, create: Create) -> None:
    """Whoever meets a rule for queries may query a column that they may not read, and still not read it."""
    grant("plain", "toy_reader")
    create("u_toy", u_name="Ball", u_secret="hush")
    create("u_toy", u_name="Blocks")

    async def found(query: str) -> list[dict[str, str]]:
        answer = await user.get(
            "/api/now/table/u_toy", params={"sysparm_query": query, "sysparm_fields": "u_name,u_secret"}
        )
        return list((await answer.json())["result"])

    assert len(await found("u_secret=hush")) == 2
    await bar(client, "u_toy.u_secret", "query_match", "toy_reader")
    assert await found("u_secret=hush") == [{"u_name": "Ball"}]
    assert len(await found("u_secretLIKEhu")) == 2


@pytest.mark.parametrize(
    "query",
    ["department.idLIKE7", "RLQUERYsys_user.department,>=0^department.idLIKE7^ENDRLQUERY"],
)
async def test_columns_of_other_tables(client: Client, user: Client, query: str) -> None:
    """A path or a clause that reaches a barred column is refused, too."""
    table = DESKS if query.startswith("RL") else "sys_user"
    assert await status(user, query, table) == 200
    await bar(client, f"{DESKS}.id", "query_range")
    assert await status(user, query, table) == 403


@pytest.mark.long
async def test_a_column_of_a_class_and_of_a_view(client: Client, user: Client, create: Create) -> None:
    """Of the parent, it counts as if it were empty in records of the class (inferred); of a view it is refused."""
    create("incident", short_description="broken")
    create("problem", short_description="broken")
    view = create("sys_db_view", name="u_broken", label="Broken")
    create("sys_db_view_table", view=view, table="incident", variable_prefix="inc", order="100")
    await bar(client, "incident.short_description", "query_match")
    assert await status(user, "short_description=broken", "incident") == 403
    assert await status(user, "inc_short_description=broken", "u_broken") == 403
    answer = await user.get("/api/now/table/task?sysparm_query=short_description=broken&sysparm_fields=sys_class_name")
    assert (await answer.json())["result"] == [{"sys_class_name": "problem"}]


async def test_joins_and_pairs_are_matches(client: Client, user: Client) -> None:
    """A clause or a parameter that compares a column for equality asks whether values match."""
    queries = ["SUBQUERYid,department,sys_user^ENDSUBQUERY", f"JOIN{DESKS}.id=sys_user.user_name!active=true"]
    assert [await status(user, query) for query in queries] == [200, 200]
    assert (await user.get(f"/api/now/table/{DESKS}?id=77")).status == 200
    await bar(client, f"{DESKS}.id", "query_match")
    assert [await status(user, query) for query in queries] == [403, 403]
    assert (await user.get(f"/api/now/table/{DESKS}?id=77")).status == 403


async def test_a_text_search_skips_barred_columns(client: Client, user: Client) -> None:
    """As it skips those that the caller may not read (inferred)."""
    search = {"sysparm_query": "123TEXTQUERY321=77"}
    assert len((await (await user.get(f"/api/now/table/{DESKS}", params=search)).json())["result"]) == 1
    await bar(client, f"{DESKS}.id", "query_range")
    assert (await (await user.get(f"/api/now/table/{DESKS}", params=search)).json())["result"] == []


@pytest.mark.long
@pytest.mark.parametrize(
    "address",
    [
        f"/api/now/stats/{DESKS}?sysparm_count=true",
        f"/{DESKS}_list.do?CSV",
        f"/{DESKS}_list.do?XML",
        f"/{DESKS}.do?JSONv2&sysparm_action=getRecords",
    ],
)
async def test_every_address_that_takes_a_query(client: Client, user: Client, address: str) -> None:
    """Each refuses it in its own words."""
    query = f"{address}&sysparm_query=idLIKE7"
    assert (await user.get(query)).status == 200
    await bar(client, f"{DESKS}.id", "query_range")
    answer = await user.get(query)
    assert answer.status == 403
    assert REFUSED["message"] in await answer.text()


@pytest.mark.long
async def test_soap_takes_queries(client: Client, user: Client, grant: Grant) -> None:
    """A refused query is a fault."""
    grant("plain", "soap")
    await bar(client, f"{DESKS}.id", "query_range")
    body = "<getRecords><__encoded_query>idLIKE7</__encoded_query></getRecords>"
    envelope = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{body}</s:Body></s:Envelope>'
    answer = await user.post(f"/{DESKS}.do?SOAP", data=envelope, headers={"Content-Type": "text/xml"})
    assert answer.status == 500
    assert REFUSED["message"] in await answer.text()
