"""The JSONv2 web service (Docs: JSONv2 web service, JSON data retrieval and modification)."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from privman_core.journal import Journal

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
ADMIN = "6816f79cc0a8016401c5a33be04be441"
SERVICE = "/u_toy.do?JSONv2"


@pytest.fixture(autouse=True)
def toys(create: Create) -> list[str]:
    """Make two toys and return their sys_ids."""
    ball = create("u_toy", u_name="Ball", u_color="r", u_pieces="1000", u_owner=ADMIN)
    return [ball, create("u_toy", u_name="Blocks", u_color="b", u_pieces="3")]


async def records(client: Client, address: str) -> list[Any]:
    """Return the records of a successful GET."""
    answer = await client.get(address)
    assert answer.status == 200, await answer.text()
    found: list[Any] = (await answer.json())["records"]
    return found


async def sent(client: Client, address: str, body: object) -> list[dict[str, Any]]:
    """Return the records of a successful POST."""
    answer = await client.post(address, json=body)
    assert answer.status == 200, await answer.text()
    done: list[dict[str, Any]] = (await answer.json())["records"]
    return done


async def test_reading(client: Client, toys: list[str]) -> None:
    """A query gives records, a sys_id one; each has its values as they are stored, and its status."""
    everything = await records(client, f"{SERVICE}&sysparm_query=ORDERBYu_pieces")
    assert [toy["u_name"] for toy in everything] == ["Blocks", "Ball"]
    ball = everything[1]
    assert (ball["__status"], ball["u_owner"], ball["u_color"], ball["u_sold"]) == ("success", ADMIN, "r", "")
    assert await records(client, f"{SERVICE}&sysparm_sys_id={toys[0]}") == [ball]
    assert await records(client, "/u_toy_list.do?JSON&sysparm_action=getRecords&sysparm_query=u_color=r") == [ball]
    assert await records(client, f"{SERVICE}&sysparm_action=getKeys&sysparm_query=u_color=r") == toys[:1]
    assert len(await records(client, f"{SERVICE}&sysparm_record_count=1")) == 1


async def test_an_address_may_begin_with_several_slashes(client: Client) -> None:
    """Clients: a base URL that ends with a slash."""
    address = client.make_url("/").with_path("//u_toy.do").with_query(JSONv2="", sysparm_action="insert")
    answer = await client.session.post(address, json={"u_name": "Kite"})
    assert (address.raw_path, (await answer.json())["records"][0]["u_name"]) == ("//u_toy.do", "Kite")


async def test_display_values(client: Client, create: Create) -> None:
    """By a parameter, or a property."""
    ball = (await records(client, f"{SERVICE}&sysparm_query=u_color=r&displayvalue=true"))[0]
    assert (ball["u_owner"], ball["u_color"], ball["u_pieces"]) == ("System Administrator", "Red", "1,000")
    both = (await records(client, f"{SERVICE}&sysparm_query=u_color=r&displayvalue=all"))[0]
    assert (both["u_owner"], both["dv_u_owner"], both["dv_u_color"]) == (ADMIN, "System Administrator", "Red")
    assert (both["dv_u_name"], both["dv_u_pieces"], both["dv_sys_id"]) == ("Ball", "1,000", both["sys_id"])
    create("sys_properties", name="glide.json.return_displayValue", value="true")
    assert (await records(client, f"{SERVICE}&sysparm_query=u_color=r"))[0]["u_color"] == "Red"
    assert (await records(client, f"{SERVICE}&sysparm_query=u_color=r&displayvalue=false"))[0]["u_color"] == "r"


async def test_one_record_or_several_are_inserted(client: Client) -> None:
    """Values as on the page: references and choices may have their words; the body's action comes first."""
    body = {"sysparm_action": "insert", "u_name": "Kite", "u_color": "Blue", "u_owner": "System Administrator"}
    kite = (await sent(client, f"{SERVICE}&sysparm_action=getKeys", body))[0]
    assert (kite["__status"], kite["u_color"], kite["u_owner"], kite["u_broken"]) == ("success", "b", ADMIN, "false")
    several = {"records": [{"u_name": "Top", "u_pieces": 2}, {"u_name": "Kite"}, {"u_name": "Yo-yo"}]}
    top, refused, yo_yo = await sent(client, f"{SERVICE}&sysparm_action=insertMultiple", several)
    assert (top["u_pieces"], yo_yo["u_name"], refused["__status"]) == ("2", "Yo-yo", "failure")
    assert refused["__error"]["message"] == "Invalid Insert into: u_toy"
    assert "Unique Key violation" in refused["__error"]["reason"]
    assert len(await records(client, SERVICE)) == 5


async def test_updates_of_what_a_query_matches(client: Client, toys: list[str]) -> None:
    """Each record is returned as it is then; without a query nothing is changed."""
    address = f"{SERVICE}&sysparm_action=update"
    changed = await sent(client, f"{address}&sysparm_query=u_pieces>2", {"u_color": "b"})
    assert [toy["u_color"] for toy in changed] == ["b", "b"]
    changed = await sent(client, f"{address}&sysparm_sys_id={toys[1]}", {"u_pieces": "4"})
    assert [toy["u_name"] for toy in changed] == ["Blocks"]
    answer = await client.post(address, json={"u_color": "r"})
    assert await answer.json() == {"_error": "Cannot update with empty sysparm_query", "reason": None}
    assert {toy["u_color"] for toy in await records(client, SERVICE)} == {"b"}


async def test_deletions(client: Client, toys: list[str]) -> None:
    """By sys_id or by query, in the body or the address."""
    address = f"{SERVICE}&sysparm_action=deleteRecord"
    assert await sent(client, address, {"sysparm_sys_id": toys[0]}) == [{"__status": "success", "sys_id": toys[0]}]
    assert [toy["u_name"] for toy in await records(client, SERVICE)] == ["Blocks"]
    assert (await client.post(f"{SERVICE}&sysparm_action=deleteMultiple", json={})).status == 400
    await sent(client, f"{SERVICE}&sysparm_action=deleteMultiple", {"sysparm_query": "u_name=Blocks"})
    assert await records(client, SERVICE) == []


@pytest.mark.parametrize("action", ["update", "deleteRecord", "deleteMultiple"])
@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("u_colr=r", "'u_colr=r': table 'u_toy' has no column 'u_colr' (did you mean 'u_color'?)"),
        ("u_color=r^u_pices=1^u_n=x", "'u_pices=1': table 'u_toy' has no column 'u_pices' (did you mean 'u_pieces'?)"),
        ("u_color=r^123TEXTQUERY321=", "'123TEXTQUERY321=': it names no word"),
        (
            "RLQUERYu_toy.u_ownr,>0^ENDRLQUERY",
            "'RLQUERYu_toy.u_ownr,>0': table 'u_toy' has no column 'u_ownr' (did you mean 'u_owner'?)",
        ),
    ],
)
async def test_a_write_by_a_query_that_would_lose_a_part_is_refused(
    client: Client, action: str, query: str, why: str
) -> None:
    """Nothing is changed (inferred)."""
    before = await records(client, SERVICE)
    answer = await client.post(f"{SERVICE}&sysparm_action={action}", json={"sysparm_query": query, "u_broken": "true"})
    assert (answer.status, await answer.json()) == (400, {"_error": "Invalid query", "reason": why})
    assert await records(client, SERVICE) == before


async def test_a_deletion_of_a_number_that_cannot_be_read_is_refused(client: Client) -> None:
    """Nothing is deleted (inferred); a number bounds the deletion."""
    address = f"{SERVICE}&sysparm_action=deleteMultiple&sysparm_query=u_nameISNOTEMPTY"
    answer = await client.post(f"{address}&sysparm_record_count=1o", json={})
    reason = "sysparm_record_count is '1o'; expected a whole number"
    assert (answer.status, (await answer.json())["reason"]) == (400, reason)
    before = await records(client, SERVICE)
    assert len(await sent(client, f"{address}&sysparm_record_count=1", {})) == 1
    assert len(await records(client, SERVICE)) == len(before) - 1


@pytest.mark.parametrize(
    ("verb", "address", "body", "headers", "error"),
    [
        ("GET", f"{SERVICE}&sysparm_action=insert", "", {}, "Invalid sysparm_action insert"),
        ("POST", SERVICE, "{}", {}, "Missing sysparm_action"),
        ("POST", f"{SERVICE}&sysparm_action=insert", "[1]", {}, "Exception while reading request"),
        ("POST", f"{SERVICE}&sysparm_action=insert", '{"records": 1}', {}, "Exception while reading request"),
        ("POST", f"{SERVICE}&sysparm_action=insert", "{", {}, "Exception while reading request"),
        (
            "POST",
            f"{SERVICE}&sysparm_action=insert",
            "u_name=x",
            {"Content-Type": "application/x-www-form-urlencoded"},
            (
                "Invalid content-type. Supported request media types for this service are: "
                "[application/json, application/xml, text/xml]"
            ),
        ),
        ("PUT", SERVICE, "{}", {}, "Method not supported"),
        ("GET", "/u_bunk.do?JSONv2", "", {}, "Invalid table u_bunk"),
    ],
)
async def test_errors(  # noqa: PLR0913, PLR0917 - a request and its answer
    client: Client, verb: str, address: str, body: str, headers: dict[str, str], error: str
) -> None:
    """The form on the page: an error and its reason."""
    answer = await client.request(verb, address, data=body, headers=headers)
    refused = await answer.json()
    assert answer.status >= 400
    assert list(refused) == ["_error", "reason"]
    assert refused["_error"].startswith(error)


async def test_a_user_changes_what_they_may(user: Client, toys: list[str]) -> None:
    """Records that the user may not change are refused one by one; those that they cannot see are not met."""
    assert [toy["u_name"] for toy in await records(user, SERVICE)] == ["Ball"]
    refused = await sent(user, f"{SERVICE}&sysparm_action=update&sysparm_query=u_nameISNOTEMPTY", {"u_pieces": "5"})
    assert [toy["__status"] for toy in refused] == ["failure"]
    refused = await sent(user, f"{SERVICE}&sysparm_action=deleteMultiple&sysparm_query=u_nameISNOTEMPTY", {})
    assert [toy["sys_id"] for toy in refused] == toys[:1]
    assert [toy["__status"] for toy in await sent(user, f"{SERVICE}&sysparm_action=insert", {"u_name": "x"})] == [
        "failure"
    ]


@pytest.mark.long
async def test_many_records(client: Client, create: Create) -> None:
    """More than are shown at a time."""
    for number in range(250):
        create("cmn_department", name=f"Department {number:03}")
    query = "sysparm_query=nameSTARTSWITHDepartment^ORDERBYname"
    found = await records(client, f"/cmn_department.do?JSONv2&{query}")
    assert [each["name"] for each in found] == [f"Department {number:03}" for number in range(250)]


@pytest.mark.long
async def test_an_answer_to_writes_is_bounded(
    client: Client, create: Create, swallowed: Callable[[], list[str]]
) -> None:
    """Records beyond 32 MB are changed, and named alone."""
    for _ in range(36):
        create("problem", short_description="Long", description="x" * 1_000_000)
    address = "/problem.do?JSONv2&sysparm_action=update&sysparm_query=short_description=Long"
    changed = await sent(client, address, {"short_description": "Longer"})
    assert {len(record) > 2 for record in changed} == {True, False}
    assert list(changed[-1]) == ["__status", "sys_id"]
    assert set(swallowed()) == {"records-left-out"}
    keys = "/problem.do?JSONv2&sysparm_action=getKeys&sysparm_query=short_description=Longer"
    assert len(await records(client, keys)) == len(changed) == 36


@pytest.mark.parametrize("action", ["insert", "insertMultiple"])
@pytest.mark.parametrize(
    ("body", "made"),
    [({"records": []}, 0), ([], 0), ({}, 1), ({"sysparm_action": "insert"}, 1), ([{}, {}], 2), ({"records": [{}]}, 1)],
)
async def test_as_many_records_are_inserted_as_a_body_holds(
    client: Client, action: str, body: object, made: int
) -> None:
    """Empty ones, too (inferred)."""
    assert len(await sent(client, f"{SERVICE}&sysparm_action={action}", body)) == made
    assert len(await records(client, SERVICE)) == 2 + made


@pytest.mark.parametrize("body", [[], [{"u_color": "b"}, {"u_color": "r"}], {"records": [{}, {}]}])
async def test_an_update_takes_one_record(client: Client, body: list[object]) -> None:
    """Of several, no part is dropped (inferred)."""
    answer = await client.post(f"{SERVICE}&sysparm_action=update&sysparm_query=u_color=r", json=body)
    assert (answer.status, "update takes one record; got" in await answer.text()) == (400, True)
    assert len(await records(client, f"{SERVICE}&sysparm_query=u_color=r")) == 1


async def test_what_stands_beside_records_is_a_finding(client: Client, journal: Journal) -> None:
    """It is no record."""
    body = {"records": [{"u_name": "Kite"}], "u_color": "r", "displayvalue": "true"}
    await sent(client, f"{SERVICE}&sysparm_action=insert", body)
    assert [finding.message for _, finding in journal.findings()] == ["'u_color' beside records was ignored"]


async def test_a_missing_action(client: Client) -> None:
    """Docs: a POST names one."""
    answer = await client.post(SERVICE, json={})
    assert (answer.status, (await answer.json())["_error"]) == (400, "Missing sysparm_action")


async def test_head_is_a_get_without_its_body(client: Client) -> None:
    """As by every other processor."""
    answers = [await client.request(verb, SERVICE) for verb in ("GET", "HEAD", "PUT")]
    assert [answer.status for answer in answers] == [200, 200, 405]
    assert await answers[1].read() == b""
    assert answers[2].headers["Allow"] == "GET, HEAD, POST"


async def test_variables_of_requested_items(client: Client, create: Create, swallowed: Callable[[], list[str]]) -> None:
    """Docs: what people read of each value, in the order of the questions; other records have none."""
    item = create("sc_cat_item", name="Desk")
    asked = {"color": "5", "owner": "8", "why": "2"}
    for order, (name, kind) in enumerate(asked.items()):
        reference = "sys_user" if name == "owner" else ""
        variable = create(
            "item_option_new",
            cat_item=item,
            name=name,
            type=kind,
            order=str(order),
            question_text=name.title(),
            reference=reference,
        )
        if name == "color":
            create("question_choice", question=variable, text="Red", value="r")
    body = {"sysparm_quantity": 1, "variables": {"why": "<&>", "owner": ADMIN, "color": "r"}}
    ordered = await client.post(f"/api/sn_sc/servicecatalog/items/{item}/order_now", json=body)
    request = (await ordered.json())["result"]["request_id"]
    create("sc_req_item", request=request)
    found = await records(client, f"/sc_req_item.do?JSONv2&sysparm_query=request={request}&displayvariables=true")
    assert [each["variables"] for each in found] == [
        [
            {"question_text": "Color", "name": "color", "value": "Red", "type": 5, "order": 0},
            {"question_text": "Owner", "name": "owner", "value": "System Administrator", "type": 8, "order": 1},
            {"question_text": "Why", "name": "why", "value": "<&>", "type": 2, "order": 2},
        ],
        [],
    ]
    assert swallowed() == []
    assert "variables" not in (await records(client, f"{SERVICE}&displayvariables=true"))[0]
    assert swallowed() == ["parameter-ignored"]
