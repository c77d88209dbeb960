"""Reading over the Table API."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import AddrInfoType, ClientSession, TCPConnector, web
from aiohttp.test_utils import TestClient
from yarl import URL

from mock_servicenow.now_platform.instance import Instance
from privman_core.virtual_clock import VirtualClock

from .conftest import basic

Client = TestClient[web.Request, web.Application]
Swallowed = Callable[[], list[str]]
ADMIN = "6816f79cc0a8016401c5a33be04be441"
FINANCE = "a581ab703710200044e0bfc8bcbe5de8"
LINK = f"https://dev12345.service-now.com/api/now/table/cmn_department/{FINANCE}"


async def get(client: Client, path: str, **parameters: str) -> Any:
    """Return the result of a successful GET."""
    response = await client.get(f"/api/now/{path}", params=parameters)
    assert response.status == 200, await response.text()
    return (await response.json())["result"]


@pytest.mark.parametrize(
    ("display", "exclude", "plain", "reference", "empty"),
    [
        ("false", "false", "true", {"link": LINK, "value": FINANCE}, ""),
        ("false", "true", "true", FINANCE, ""),
        ("true", "false", "true", {"display_value": "Finance", "link": LINK}, ""),
        ("true", "true", "true", "Finance", ""),
        (
            "all",
            "false",
            {"display_value": "true", "value": "true"},
            {"display_value": "Finance", "link": LINK, "value": FINANCE},
            {"display_value": "", "value": ""},
        ),
        (
            "all",
            "true",
            {"display_value": "true", "value": "true"},
            {"display_value": "Finance", "value": FINANCE},
            {"display_value": "", "value": ""},
        ),
    ],
)
async def test_shapes_of_a_field(  # noqa: PLR0913, PLR0917 - the six columns of the reference's table
    client: Client, display: str, exclude: str, plain: object, reference: object, empty: object
) -> None:
    """Each combination of display value and link gives the documented shape."""
    asked = {"sysparm_display_value": display, "sysparm_exclude_reference_link": exclude}
    fields = "active,department,manager"
    record = await get(client, f"table/sys_user/{ADMIN}", sysparm_fields=fields, **asked)
    assert record == {"active": plain, "department": reference, "manager": empty}


async def test_every_scalar_is_text_and_no_column_is_missing(client: Client) -> None:
    """Numbers and booleans read as text, empty columns as the empty string."""
    record = await get(client, "table/problem/04ce72c9c0a8016600b5b7f75ac67b5b")
    assert record["state"] == "103"
    assert record["active"] == "true"
    assert record["close_notes"] == ""
    assert None not in record.values()


async def test_fields_come_in_the_order_asked_for(client: Client) -> None:
    """sysparm_fields gives exactly those keys in that order."""
    [record] = await get(client, "table/problem", sysparm_fields="state,sys_id, number", sysparm_limit="1")
    assert list(record) == ["state", "sys_id", "number"]


async def test_dot_walked_fields_are_flat(client: Client) -> None:
    """A dot-walked name is a separate key; a reference at its end has a link."""
    fields = "department.name,department.dept_head,department.dept_head.email,manager.email,manager.manager.name"
    record = await get(client, f"table/sys_user/{ADMIN}", sysparm_fields=fields)
    assert record["department.name"] == "Finance"
    assert record["department.dept_head"]["value"] == "46c5bf6ca9fe1981010713e3ac7d3384"
    assert record["department.dept_head"]["link"].endswith("/sys_user/46c5bf6ca9fe1981010713e3ac7d3384")
    assert record["department.dept_head.email"] == "natasha.ingram@example.com"
    assert record["manager.email"] == record["manager.manager.name"] == ""


async def test_dot_walked_display_values(client: Client) -> None:
    """Display values are given at the end of a dot-walk, empty ones in the shape of all."""
    fields = "department.dept_head,manager.department"
    asked = {"sysparm_fields": fields, "sysparm_display_value": "all", "sysparm_exclude_reference_link": "true"}
    record = await get(client, f"table/sys_user/{ADMIN}", **asked)
    assert record["department.dept_head"]["display_value"] == "Natasha Ingram"
    assert record["manager.department"] == {"display_value": "", "value": ""}


async def test_each_record_of_a_page_is_displayed_as_its_class_does(client: Client, instance: Instance) -> None:
    """One value reads differently in two classes of a page; at the end of a dot-walk too."""
    with instance.transaction(instance.system) as session:
        for table, caused in (("task", "change_request"), ("incident", "problem"), ("incident", "change_request")):
            parent = session.insert(caused, {"state": "2", "short_description": caused})
            session.insert(table, {"state": "2", "parent": parent.sys_id, "correlation_id": "page"})
    fields = "state,sys_class_name,parent.short_description,parent.sys_class_name"
    asked = {"sysparm_query": "correlation_id=page", "sysparm_display_value": "true", "sysparm_fields": fields}
    assert [tuple(record.values()) for record in await get(client, "table/task", **asked)] == [
        ("Work in Progress", "Task", "change_request", "Change Request"),
        ("In Progress", "Incident", "problem", "Problem"),
        ("In Progress", "Incident", "change_request", "Change Request"),
    ]


async def test_a_page_of_unknown_fields_has_empty_records(client: Client) -> None:
    """A field that no table has is left out of every record of a displayed page, and no record is."""
    asked = {"sysparm_fields": "bunk", "sysparm_limit": "2", "sysparm_display_value": "all"}
    assert await get(client, "table/problem", **asked) == [{}, {}]


async def test_unknown_fields_are_left_out(client: Client, swallowed: Swallowed) -> None:
    """An unknown field is ignored with a finding."""
    fields = "name,bunk,department.bunk,name.bunk,bunk.bunk.bunk"
    assert list(await get(client, f"table/sys_user/{ADMIN}", sysparm_fields=fields)) == ["name"]
    assert swallowed() == ["field-ignored"] * 4


async def test_a_view_chooses_the_columns(client: Client) -> None:
    """sysparm_view gives the columns of that view, sysparm_fields wins over it."""
    [viewed] = await get(client, "table/problem", sysparm_view="mobile", sysparm_limit="1")
    assert list(viewed) == ["number", "short_description", "state"]
    [chosen] = await get(client, "table/problem", sysparm_view="mobile", sysparm_fields="number", sysparm_limit="1")
    assert list(chosen) == ["number"]


async def test_an_unknown_view_is_ignored(client: Client, swallowed: Swallowed) -> None:
    """A view that no class of the table has gives every column."""
    assert len(await get(client, f"table/sys_user/{ADMIN}", sysparm_view="bunk")) > 10
    assert swallowed() == ["view-ignored"]


async def test_references_to_nothing_keep_their_value(client: Client, instance: Instance) -> None:
    """A reference with another value than a sys_id is answered with it, and with a link."""
    with instance.transaction(instance.system) as session:
        session.store_rows("cmn_department", [{"sys_id": "1" * 32, "name": "Maintenance", "dept_head": "glide.maint"}])
    [record] = await get(client, "table/cmn_department", sysparm_query="name=Maintenance", sysparm_display_value="all")
    assert record["dept_head"]["value"] == record["dept_head"]["display_value"] == "glide.maint"
    assert record["dept_head"]["link"].endswith("/sys_user/glide.maint")


async def test_domain_is_a_reference_to_a_group(client: Client) -> None:
    """sys_domain has the shape of a reference to the group global."""
    record = await get(client, "table/problem/04ce72c9c0a8016600b5b7f75ac67b5b")
    link = "https://dev12345.service-now.com/api/now/table/sys_user_group/global"
    assert record["sys_domain"] == {"link": link, "value": "global"}
    assert record["sys_domain_path"] == "/"


async def test_a_parent_class_lists_its_children(client: Client) -> None:
    """A list of tasks includes incidents, marked by sys_class_name, without the columns that only incident has."""
    found = await get(client, "table/task", sysparm_query="numberSTARTSWITHINC", sysparm_display_value="all")
    assert {record["sys_class_name"]["value"] for record in found} == {"incident"}
    assert {record["sys_class_name"]["display_value"] for record in found} == {"Incident"}
    assert "caller_id" not in found[0]


async def test_a_record_is_found_only_through_its_own_classes(client: Client) -> None:
    """A problem reads through task and problem, never through incident."""
    problem = "04ce72c9c0a8016600b5b7f75ac67b5b"
    assert (await get(client, f"table/task/{problem}"))["number"] == "PRB0000050"
    assert (await client.get(f"/api/now/table/incident/{problem}")).status == 404


async def test_a_list_counts_the_matching_rows(client: Client) -> None:
    """X-Total-Count counts the rows that match, not those on the page."""
    response = await client.get("/api/now/table/problem?sysparm_query=state=101&sysparm_limit=2")
    assert len((await response.json())["result"]) == 2
    assert response.headers["X-Total-Count"] == "4"


async def test_counting_can_be_left_out(client: Client) -> None:
    """sysparm_no_count drops X-Total-Count and the last link."""
    response = await client.get("/api/now/table/problem?sysparm_limit=2&sysparm_no_count=true")
    assert "X-Total-Count" not in response.headers
    assert 'rel="next"' in response.headers["Link"]
    assert 'rel="last"' not in response.headers["Link"]


async def test_pages_without_a_count_come_to_an_end(client: Client) -> None:
    """1.5: the last page has no link to a next one, whether or not the rows are counted."""
    for offset, following in (("9", True), ("10", False), ("99", False)):
        asked = {"sysparm_limit": "2", "sysparm_no_count": "true", "sysparm_offset": offset}
        response = await client.get("/api/now/table/problem", params=asked)
        assert ('rel="next"' in response.headers["Link"]) is following


async def test_links_can_be_left_out(client: Client) -> None:
    """sysparm_suppress_pagination_header drops Link and keeps the count."""
    response = await client.get("/api/now/table/problem?sysparm_suppress_pagination_header=true")
    assert "Link" not in response.headers
    assert response.headers["X-Total-Count"] == "12"


@pytest.mark.parametrize(
    ("offset", "rels"),
    [
        (0, {"first": 0, "next": 5, "last": 10}),
        (3, {"first": 0, "prev": 0, "next": 8, "last": 10}),
        (5, {"first": 0, "prev": 0, "next": 10, "last": 10}),
        (10, {"first": 0, "prev": 5, "last": 10}),
    ],
)
async def test_links_lead_to_the_pages_around(client: Client, offset: int, rels: dict[str, int]) -> None:
    """Each link has the instance's address, the request's other parameters, and its own offset."""
    query = f"sysparm_offset={offset}&sysparm_query=ORDERBYnumber&sysparm_limit=5"
    response = await client.get(f"/api/now/table/problem?{query}")
    base = "https://dev12345.service-now.com/api/now/table/problem?sysparm_query=ORDERBYnumber&sysparm_limit=5"
    expected = [f'<{base}&sysparm_offset={page}>;rel="{rel}"' for rel, page in rels.items()]
    assert response.headers["Link"] == ",".join(expected)


async def test_beyond_the_end_is_an_empty_page(client: Client) -> None:
    """An offset past the last row gives 200, no rows and the true count."""
    response = await client.get("/api/now/table/problem?sysparm_offset=1000")
    assert response.status == 200
    assert (await response.json()) == {"result": []}
    assert response.headers["X-Total-Count"] == "12"


async def test_a_negative_offset_is_refused(client: Client) -> None:
    """An offset below zero is a bad request."""
    assert (await client.get("/api/now/table/problem?sysparm_offset=-1")).status == 400


@pytest.mark.parametrize("parameter", ["sysparm_limit", "sysparm_offset"])
async def test_huge_offsets_and_limits_are_accepted(client: Client, parameter: str) -> None:
    """A page as large or as far as nobody can count is a page all the same."""
    response = await client.get(f"/api/now/table/problem?{parameter}={10**30}")
    assert response.status == 200
    assert response.headers["X-Total-Count"] == "12"


@pytest.mark.parametrize("path", ["problem?number=a%00b", "problem/a%00b", "problem?sysparm_query=number=a%00b"])
async def test_zero_bytes_get_400(client: Client, path: str) -> None:
    """A zero byte is a bad request."""
    assert (await client.get(URL(f"/api/now/table/{path}", encoded=True))).status == 400


def test_find_compares_by_type(instance: Instance) -> None:
    """A record is found by its stored values, empty ones and numbers included."""
    with instance.transaction(instance.system) as session:
        toy = session.insert("u_toy", {"u_pieces": "7", "u_weight": "1.5"})
        assert session.find("u_toy", u_pieces="7", u_weight="1.5", u_name="") is not None
        assert session.find("u_toy", u_pieces="8") is None
        assert session.find("u_toy", u_pieces="many") is None
        assert session.find("u_toy", sys_id=toy.sys_id, u_pieces="") is None


@pytest.mark.parametrize(
    ("parameter", "value"), [("sysparm_limit", "many"), ("sysparm_limit", "-5"), ("sysparm_display_value", "maybe")]
)
async def test_unusable_parameters_are_ignored(
    client: Client, swallowed: Swallowed, parameter: str, value: str
) -> None:
    """An invalid parameter has its default, with a finding."""
    assert len(await get(client, "table/problem", **{parameter: value})) == 12
    assert swallowed() == ["parameter-ignored"]


async def test_unknown_parameters_are_ignored(client: Client, swallowed: Swallowed) -> None:
    """Nonsense in the query string of a record harms nothing."""
    path = f"table/sys_user/{ADMIN}?b'sysparm_display_value=all&sysparm_bunk=1"
    assert (await get(client, path))["name"] == "System Administrator"
    assert swallowed() == ["parameter-ignored"] * 2


async def test_pages_without_order_follow_insertion(client: Client) -> None:
    """Without ORDERBY rows come as they were inserted."""
    found = await get(client, "table/problem", sysparm_fields="number", sysparm_limit="2", sysparm_offset="1")
    assert [record["number"] for record in found] == ["PRB0000001", "PRB0000002"]


@pytest.mark.long
async def test_a_list_has_a_default_limit(client: Client, instance: Instance) -> None:
    """1.3: without sysparm_limit a list ends after 10,000 records, and its Link header leads on."""
    with instance.transaction(instance.system) as session:
        session.store_rows("u_toy", [{"sys_id": f"{number:032x}"} for number in range(10_001)])
    response = await client.get("/api/now/table/u_toy", params={"sysparm_fields": "sys_id"})
    assert len((await response.json())["result"]) == 10_000
    assert response.headers["X-Total-Count"] == "10001"
    assert 'sysparm_limit=10000&sysparm_offset=10000>;rel="next"' in response.headers["Link"]


async def test_a_list_follows_the_order_of_the_query(client: Client) -> None:
    """ORDERBYDESC orders the list."""
    found = await get(client, "table/problem", sysparm_query="ORDERBYDESCnumber", sysparm_fields="number")
    numbers = [record["number"] for record in found]
    assert numbers == sorted(numbers, reverse=True)


async def test_an_ignored_query_term_becomes_a_finding(client: Client, swallowed: Swallowed) -> None:
    """An unknown column is dropped from the query, the rest applies."""
    assert len(await get(client, "table/sys_user", sysparm_query=f"sys_id={ADMIN}^second=asdf")) == 1
    assert swallowed() == ["query-term-ignored"]


async def test_invalid_queries_may_return_nothing(client: Client, instance: Instance) -> None:
    """The property glide.invalid_query.returns_no_rows turns that around."""
    with instance.transaction(instance.system) as session:
        found = session.find("sys_properties", name="glide.invalid_query.returns_no_rows")
        assert found is not None
        session.update("sys_properties", found.sys_id, {"value": "true"})
    assert await get(client, "table/sys_user", sysparm_query="second=asdf") == []


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"state": "101"}, 4),
        ({"state": "fix in progress"}, 2),
        ({"state": "101", "known_error": "true"}, 0),
        ({"opened_by": "System Administrator"}, 12),
        ({"opened_by": "admin"}, 12),
        ({"opened_by.user_name": "admin"}, 12),
        ({"short_description": "SAP outage^ORstate=101"}, 0),
        ({"bunk": "1", "number": "PRB0000001"}, 1),
    ],
)
async def test_filters_by_field(client: Client, filters: dict[str, str], count: int) -> None:
    """Pairs of field and value filter a list, by raw or displayed value, and are never query syntax."""
    assert len(await get(client, "table/problem", **filters)) == count


async def test_a_filter_without_a_value_finds_empty_columns(client: Client) -> None:
    """1.3, 2.1: an empty value names no user, although a user without a name is displayed as empty."""
    assert [user["name"] for user in await get(client, "table/sys_user", name="")] == [""]
    everything = await get(client, "table/problem", sysparm_fields="assigned_to")
    unassigned = await get(client, "table/problem", sysparm_fields="assigned_to", assigned_to="")
    assert 0 < len(unassigned) == sum(not problem["assigned_to"] for problem in everything)


async def test_filters_do_not_mix_with_a_query(client: Client, swallowed: Swallowed) -> None:
    """Beside sysparm_query the pairs have no effect."""
    assert len(await get(client, "table/problem", sysparm_query="state=101", number="PRB0000001")) == 4
    assert swallowed() == ["filters-ignored"]


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_versions_are_repeated_in_links(client: Client, version: str) -> None:
    """Links in an answer repeat the version of the request."""
    record = await get(client, f"{version}/table/sys_user/{ADMIN}")
    assert record["department"]["link"].startswith(f"https://dev12345.service-now.com/api/now/{version}/table/")


async def test_versions_differ_on_an_empty_list(client: Client) -> None:
    """Version 1 answers 404 where version 2 answers an empty list."""
    assert await get(client, "v2/table/problem", sysparm_query="number=x") == []
    response = await client.get("/api/now/v1/table/problem?sysparm_query=number=x")
    assert response.status == 404
    assert (await response.json())["error"] == {
        "message": "No Record found",
        "detail": "Records matching query not found. Check query parameter or offset parameter",
    }


async def test_head_answers_like_get_without_body(client: Client) -> None:
    """HEAD answers as GET does, its headers included, and sends no body."""
    response = await client.head("/api/now/table/problem?sysparm_limit=1")
    assert response.status == 200
    assert response.headers["X-Total-Count"] == "12"
    assert await response.read() == b""
    assert (await client.head(f"/api/now/table/sys_user/{ADMIN}")).status == 200


async def test_tiny_urls_stand_for_a_query(client: Client, swallowed: Swallowed) -> None:
    """A long URL is given a short name, with which the same list is read."""
    query = "^OR".join(["number=PRB0000001", *["sys_id=" + "0" * 32] * 80])
    url = str(client.make_url("/api/now/table/problem").with_query(sysparm_query=query, sysparm_limit="5"))
    response = await client.post("/api/now/tinyurl", json={"url": url})
    assert response.status == 201
    page, _, tiny = (await response.json())["result"].partition("?sysparm_tiny=")
    assert page == "problem_list.do"
    [record] = await get(client, "table/problem", sysparm_tiny=tiny)
    assert record["number"] == "PRB0000001"
    assert swallowed() == []


async def test_an_unknown_tiny_url_is_ignored(client: Client) -> None:
    """A short name that nobody was given changes nothing."""
    assert len(await get(client, "table/problem", sysparm_tiny="bunk")) == 12


@pytest.mark.parametrize(("body", "status"), [('{"uri": "x"}', 400), ("[1]", 400), ("{", 400)])
async def test_a_tiny_url_needs_a_url(client: Client, body: str, status: int) -> None:
    """Without an address there is nothing to shorten."""
    assert (await client.post("/api/now/tinyurl", data=body)).status == status
    assert (await client.get("/api/now/tinyurl")).status == 405


async def test_debug_messages_come_beside_the_result(client: Client) -> None:
    """X-WantSessionDebugMessages adds a session object."""
    response = await client.get("/api/now/table/problem", headers={"X-WantSessionDebugMessages": "true"})
    assert (await response.json())["session"] == {"debug_logs": []}


async def test_a_display_value_may_lead_in_a_circle(client: Client, instance: Instance) -> None:
    """Records displayed by references that come back to the first one show a sys_id in the end."""
    with instance.transaction(instance.system) as session:
        first = session.insert("u_chain", {})
        second = session.insert("u_chain", {"u_next": first.sys_id})
        assert session.display(second, "u_next") == ""
        session.update("u_chain", first.sys_id, {"u_next": second.sys_id})
    record = await get(client, f"table/u_chain/{first.sys_id}", sysparm_display_value="all")
    assert record["u_next"]["display_value"] in {first.sys_id, second.sys_id}


async def test_link_of_a_query_with_brackets(client: Client) -> None:
    """1.5: brackets that the client left unescaped do not end the address in the header."""
    response = await client.get(URL("/api/now/table/incident?sysparm_query=number>A&sysparm_limit=1", encoded=True))
    assert set(response.links) == {"first", "next", "last"}
    assert str(response.links["first"]["url"]).endswith("number%3EA&sysparm_limit=1&sysparm_offset=0")


@pytest.fixture
def many(create: Callable[..., str]) -> list[str]:
    """Return the sys_ids of problems that are far more than an answer shows at once."""
    texts = (f"{number:03} " + "long " * 2_000 for number in range(601))
    return [create("problem", short_description="one of many", description=text) for text in texts]


@pytest.mark.long
@pytest.mark.parametrize("display", ["false", "true", "all"])
async def test_a_long_list_is_its_pages_together(client: Client, many: list[str], display: str) -> None:
    """However long a list is, it shows what its pages show."""
    asked = {
        "sysparm_query": "short_description=one of many^ORDERBYDESCdescription",
        "sysparm_display_value": display,
        "sysparm_fields": "sys_id,opened_by,opened_at",
    }
    whole = await get(client, "table/problem", **asked)
    pages = [
        await get(client, "table/problem", **asked, sysparm_limit="90", sysparm_offset=str(offset))
        for offset in range(0, len(many), 90)
    ]
    assert whole == [record for page in pages for record in page]
    assert len(whole) == len(many)


@pytest.mark.long
async def test_a_long_list_in_xml(client: Client, many: list[str]) -> None:
    """A long list is one document in XML, too."""
    asked = {"sysparm_query": "short_description=one of many", "sysparm_fields": "sys_id", "sysparm_limit": "500"}
    response = await client.get("/api/now/table/problem", params=asked, headers={"Accept": "application/xml"})
    rows = "".join(f"<result><sys_id>{sys_id}</sys_id></result>" for sys_id in many[:500])
    assert (await response.text()).endswith(f"?><response>{rows}</response>")
    assert response.headers["X-Total-Count"] == str(len(many))


def slow_socket(address: AddrInfoType) -> socket.socket:
    """Return a socket that takes in little before it is read."""
    opened = socket.socket(*address[:3])
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    return opened


@pytest.mark.long
async def test_others_are_answered_while_a_long_list_is_sent(client: Client, create: Callable[..., str]) -> None:
    """Records that vanish while a long list is sent are left out of what is still to come."""
    text = "long " * 13_000  # 20 MB in all, which no buffers on the way hold
    many = [create("problem", short_description="one of many", description=text) for _ in range(300)]
    address = client.make_url("/api/now/table/problem?sysparm_query=short_description=one of many")
    async with (
        ClientSession(connector=TCPConnector(socket_factory=slow_socket)) as reader,
        reader.get(address, headers=basic("admin", "admin") | {"Accept-Encoding": "identity"}) as response,
    ):
        for gone in many[-100:]:  # more than are shown at once
            assert (await client.delete(f"/api/now/table/problem/{gone}")).status == 204
        shown = [record["sys_id"] for record in (await response.json())["result"]]
    assert shown == many[:-100]


@pytest.mark.long
async def test_a_query_about_time_or_user_follows_both(client: Client, user: Client, clock: VirtualClock) -> None:
    """However often it was asked before, by others or earlier."""
    await client.post("/api/now/table/incident", json={"short_description": "new", "caller_id": ADMIN})
    mine = "short_description=new^caller_idDYNAMIC90d1921e5f510100a9ad2572f2b477fe"
    recent = "short_description=new^opened_atRELATIVEGE@minute@ago@5"
    for _ in range(3):
        assert len(await get(client, "table/incident", sysparm_query=mine)) == 1
        assert await get(user, "table/incident", sysparm_query=mine) == []
        assert len(await get(client, "table/incident", sysparm_query=recent)) == 1
    await clock.advance(600)
    assert await get(client, "table/incident", sysparm_query=recent) == []
