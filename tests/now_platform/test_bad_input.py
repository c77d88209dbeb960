"""What no client should send: a clear error of the platform's own, never a 500, and nothing of it in memory."""

import asyncio
import gzip
import json
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from urllib.parse import urlencode

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.query.operators import BY_SPELLING
from privman_core.journal import Journal
from tests.generated import examples

Client = TestClient[web.Request, web.Application]
INCIDENT = "/api/now/table/incident"
UNREADABLE = {
    "error": {
        "message": "Exception while reading request",
        "detail": "Verify Request body and Content-type headers. Not able to parse request",
    },
    "status": "failure",
}
JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "application/xml"}
ENTITIES = '<!DOCTYPE r [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]>'
ONE_ROW = {"sysparm_limit": "1", "sysparm_suppress_pagination_header": "true"}
MEGABYTE = 1024 * 1024


async def answer_to(server: TestServer, head: bytes, body: bytes = b"") -> bytes:
    """Return the head of the answer to a request that is written byte by byte."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(head + b"\r\nHost: localhost\r\nAuthorization: Basic YWRtaW46YWRtaW4=\r\n\r\n" + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return answer


# Bodies


async def test_a_body_declared_too_long_is_refused_at_once(server: TestServer, journal: Journal) -> None:
    """5.3: what says to be longer than the platform reads is refused before it arrives, and journaled without it."""
    head = f"POST {INCIDENT} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 524288000"
    answer = await answer_to(server, head.encode(), b'{"short_')
    assert answer.startswith(b"HTTP/1.1 400 Bad Request")
    assert [(exchange.status, exchange.request_body) for exchange in journal.kept()] == [(400, b"")]


async def test_a_body_that_does_not_end_is_cut_off(client: Client) -> None:
    """5.3: a chunked body is read no further than any property allows."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" " * MEGABYTE

    response = await client.post(INCIDENT, data=chunks(), headers=JSON)
    assert response.status == 400
    assert "Rejected large REST payload" in (await response.json())["error"]["detail"]


@pytest.mark.long
async def test_a_file_may_be_longer(client: Client) -> None:
    """3.1: the limit on bodies does not hold for files."""
    problem = (await (await client.post("/api/now/table/problem", json={})).json())["result"]["sys_id"]
    asked = {"table_name": "problem", "table_sys_id": problem, "file_name": "long"}
    response = await client.post("/api/now/attachment/file", params=asked, data=BytesIO(b"x" * 26 * MEGABYTE))
    assert (await response.json())["result"]["size_bytes"] == str(26 * MEGABYTE)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
async def test_a_packed_body_is_unpacked(client: Client, pack: Callable[[bytes], bytes]) -> None:
    """What is packed in either way is unpacked."""
    encoding = "gzip" if pack is gzip.compress else "deflate"
    body = pack(b'{"short_description": "packed"}')
    response = await client.post(INCIDENT, data=body, headers=JSON | {"Content-Encoding": encoding})
    assert (response.status, (await response.json())["result"]["short_description"]) == (201, "packed")


@pytest.mark.parametrize("body", [b"garbage", gzip.compress(b" " * 30 * MEGABYTE, 1)])
async def test_a_packed_body_that_cannot_be_read(client: Client, body: bytes) -> None:
    """5.3: invalid gzip, or a body too long once unpacked, is unreadable."""
    response = await client.post(INCIDENT, data=body, headers=JSON | {"Content-Encoding": "gzip"})
    assert response.status == 400
    assert await response.json() == UNREADABLE


@pytest.mark.parametrize("name", ["glide.rest.max_content_length", "com.glide.attachment.max_size"])
async def test_an_invalid_limit_has_its_default(client: Client, create: Callable[..., str], name: str) -> None:
    """5.3: a property that limits sizes counts only if it holds a number."""
    create("sys_properties", name=name, value="plenty")
    created = await client.post(INCIDENT, json={})
    assert created.status == 201
    sys_id = (await created.json())["result"]["sys_id"]
    asked = {"table_name": "incident", "table_sys_id": sys_id, "file_name": "x"}
    assert (await client.post("/api/now/attachment/file", params=asked, data=b"x")).status == 201


@pytest.mark.parametrize(
    "body",
    [
        f"<?xml version='1.0'?>{ENTITIES}<request><entry><short_description>&b;</short_description></entry></request>",
        "<!DOCTYPE r SYSTEM 'file:///etc/passwd'><request><entry/></request>",
        "<?xml version='1.0' encoding='klingon'?><request><entry/></request>",
        "<a>" * 100_000,
        "<request><entry></request>",
        "<request/>",
    ],
    ids=["entities", "external", "encoding", "deep", "unclosed", "empty"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
async def test_other_xml_than_a_record_gets_400(client: Client, body: str, encoding: str) -> None:
    """1.10: entities, deep nesting and broken documents are refused, in whatever encoding."""
    response = await client.post(INCIDENT, data=body.encode(encoding), headers=XML)
    assert response.status == 400
    assert await response.json() == UNREADABLE


@pytest.mark.parametrize(
    "content",
    [
        "".join(f"<a{number}/>" for number in range(5_000)),
        "".join(f"<p{number}:a xmlns:p{number}='u'/>" for number in range(5_000)),
        "".join(f"<a xmlns='u{number}'/>" for number in range(5_000)),
        "".join(f"<a b{number}='1'/>" for number in range(5_000)),
        "".join(f"<{letter * 30_000}/>" for letter in "abcdefghi"),
        f"<a xmlns='{'u' * 30_000}'>{'<b/>' * 300}</a>",
        f"<a xmlns:p='{'u' * 30_000}'>{'<b p:c=~1~/>' * 300}</a>".replace("~", '"'),
    ],
    ids=["elements", "prefixes", "namespaces", "attributes", "long", "repeated", "in attributes"],
)
async def test_xml_with_too_many_names(client: Client, content: str) -> None:
    """1.10: the parser keeps each name of a document, and writes a namespace into each name that is in it."""
    response = await client.post(INCIDENT, data=f"<request><entry>{content}</entry></request>", headers=XML)
    assert (response.status, "error" in await response.json()) == (400, True)


async def test_xml_with_names_of_any_namespace(client: Client, swallowed: Callable[[], list[str]]) -> None:
    """1.10: thousands of names are read; those in a namespace name no column."""
    fields = "".join(f"<a{number} b='{number}'/>" for number in range(4_900))
    body = f"<request><entry xmlns:p='urn:p'><urgency>2</urgency><p:impact>1</p:impact>{fields}</entry></request>"
    response = await client.post(INCIDENT, data=body, headers=XML)
    result = (await response.json())["result"]
    assert (response.status, result["urgency"], result["impact"]) == (201, "2", "3")
    assert set(swallowed()) == {"column-ignored", "more-findings"}


async def test_of_many_xml_entries_the_first_is_written(client: Client, swallowed: Callable[[], list[str]]) -> None:
    """1.2: only the first record is taken, and of its fields their own text."""
    entry = "<entry><short_description>a<i>b</i></short_description><urgency>2</urgency></entry>"
    body = f"<request>text{entry}{entry.replace('2', '1') * 5_000}</request>"
    result = (await (await client.post(INCIDENT, data=body, headers=XML)).json())["result"]
    assert (result["short_description"], result["urgency"]) == ("", "2")
    assert swallowed() == ["records-ignored"]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 90_000,
        b'{"short_description":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"short_description":"\\ud800"}',
        b'{"short_description":"\xff"}',
        b'{"reassignment_count":NaN}',
        b'"' + b'\\"' * 100_000,
        b"'" + b"\\'" * 100_000,
        b"{'short_description':'\\",
    ],
    ids=["deep", "deep value", "surrogate", "not UTF-8", "NaN", "unclosed", "unclosed single", "backslash"],
)
async def test_other_json_than_a_record_gets_400(client: Client, body: bytes) -> None:
    """1.9: what cannot be read, or could not be written again, is refused in one reading."""
    response = await client.post(INCIDENT, data=body, headers=JSON)
    assert response.status == 400
    assert await response.json() == UNREADABLE


@pytest.mark.long
@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"[" + b"[]," * 110_000 + b"1]", "The body holds more than 100,000 values"),
        (b"{" + b",".join(b'"a%d":"b"' % number for number in range(110_000)) + b"}", "The body holds more than 100,0"),
        (b'"",' * 250_000, "The body holds more than 100,000 values"),
        (b"{" + b",".join(b'"a%d":"b"' % number for number in range(11_000)) + b"}", "The record has 11,000 fields"),
        (b"{" + b",".join(b"'a%d':'b'" % number for number in range(30_000)) + b"}", "Verify Request body"),
    ],
    ids=["lists", "fields", "quotes", "a record of many fields", "single quotes"],
)
async def test_too_many_json_values_get_400(client: Client, body: bytes, detail: str) -> None:
    """1.9: a body of very many values is refused before it is taken apart, since nobody else is answered meanwhile."""
    response = await client.post(INCIDENT, data=BytesIO(body), headers=JSON)
    assert response.status == 400
    assert (await response.json())["error"]["detail"].startswith(detail)


async def test_text_with_many_commas_and_brackets_is_one_value(client: Client) -> None:
    """1.9: only values outside of texts are counted."""
    text = '[{"a\\\\":1},' * 60_000 + "\\"
    response = await client.post(INCIDENT, json={"description": text})
    assert (await response.json())["result"]["description"] == text


@pytest.mark.parametrize(
    "content",
    [
        "<a " + " ".join(f'b{number}="c"' for number in range(20_000)) + "/>",
        f"<!-- {'x' * 200_000} -->",
        ("<a " + " ".join(f'b{number}="c"' for number in range(1_000)) + "/>") * 120,
        "<a/>" * 110_000,
        "<a>" + "\n" * 600_000 + "</a>",
        "".join(f"<a{number}/>" for number in range(11_000)),
    ],
    ids=["attributes", "comment", "many attributes", "elements", "lines", "fields"],
)
async def test_too_many_xml_tags_get_400(client: Client, content: str) -> None:
    """1.10: a document of very much markup is refused before it is read to its end."""
    body = f"<request><entry>{content}</entry></request>"
    response = await client.post(INCIDENT, data=BytesIO(body.encode()), headers=XML)
    assert response.status == 400
    assert (await response.json())["error"]["message"] == "Exception while reading request"


async def test_a_batch_item_longer_than_any_url(client: Client) -> None:
    """3.2: a URL in a batch is as long as 128 KiB at most."""
    item = {"id": "1", "method": "GET", "url": f"{INCIDENT}?sysparm_query={'a' * 140_000}"}
    answer = await (await client.post("/api/now/v1/batch", json={"rest_requests": [item]})).json()
    assert [serviced["status_code"] for serviced in answer["serviced_requests"]] == [414]


async def test_a_tiny_url_that_is_huge(client: Client) -> None:
    """1.12: a URL of more than 128 KiB is not made short."""
    response = await client.post("/api/now/tinyurl", json={"url": f"/incident.do?sysparm_query={'a' * 140_000}"})
    assert response.status == 400


async def test_findings_of_one_request_are_bounded(client: Client, journal: Journal) -> None:
    """1.2: of very many ignored fields the first ones are listed, shortened, and the others counted."""
    await client.post(INCIDENT, json={f"u_{number}": "x" for number in range(1_000)} | {"u_long": "x" * 10_000})
    findings = [finding for _, finding in journal.findings()]
    assert len(findings) == 201
    assert findings[-1].message == "more than 200 things were swallowed"
    await client.post(INCIDENT, json={"u_" + "x" * 5_000: "x"})
    assert max(len(finding.message) for _, finding in journal.findings()) < 1_100


@pytest.mark.parametrize("name", ["group_by", "order_by", "sum_fields", "having"])
async def test_long_lists_of_aggregates(client: Client, swallowed: Callable[[], list[str]], name: str) -> None:
    """3.3: of a list of very many entries the first ones count, each once, and the others become a finding."""
    entries = ["number"] * 3_000 + [f"{'parent.' * steps}state" for steps in range(7)] + [f"a{n}" for n in range(500)]
    url = f"/api/now/stats/incident?sysparm_count=true&sysparm_{name}={','.join(entries)}"
    batch = {"rest_requests": [{"id": "1", "method": "GET", "url": url}]}
    answer = await (await client.post("/api/now/v1/batch", json=batch)).json()
    assert [serviced["status_code"] for serviced in answer["serviced_requests"]] == [200]
    assert "parameter-ignored" in swallowed()


async def test_a_long_dot_walk_leads_nowhere(client: Client) -> None:
    """1.6: a field that walks over more references than a query may does not exist."""
    walk = "caller_id." + "manager." * 1_000 + "name"
    response = await client.get(INCIDENT, params={"sysparm_fields": f"number,{walk}", **ONE_ROW})
    assert [set(row) for row in (await response.json())["result"]] == [{"number"}]


async def test_many_fields_are_asked_for(client: Client) -> None:
    """1.6: names beyond those of a table are ignored, however many they are."""
    names = ",".join(["number", *(f"a{number}" for number in range(2_000))])
    response = await client.get(INCIDENT, params={"sysparm_fields": names, **ONE_ROW})
    assert [set(row) for row in (await response.json())["result"]] == [{"number"}]


async def test_long_integers_keep_their_digits(client: Client, swallowed: Callable[[], list[str]]) -> None:
    """1.7: an integer beyond 64 bits is stored in a text column and ignored in a number column."""
    digits = "123456789012345678901234567890"
    body = f'[{{"short_description":{digits},"description":-5,"reassignment_count":{digits},"order":1.5}}]'
    result = (await (await client.post(INCIDENT, data=body, headers=JSON)).json())["result"]
    assert (result["short_description"], result["description"], result["reassignment_count"]) == (digits, "-5", "0")
    assert swallowed() == ["value-ignored", "value-ignored"]


async def test_a_batch_item_nests_deeply(client: Client) -> None:
    """3.2: a batch that could not be written again is refused as a whole."""
    body = b'{"rest_requests":[{"id":' + b"[" * 500 + b"]" * 500 + b"}]}"
    assert (await client.post("/api/now/v1/batch", data=body, headers=JSON)).status == 400


async def test_an_invalid_batch_size_is_ignored(client: Client) -> None:
    """3.2: the header that lowers the size of answers counts only if it holds a number."""
    item = {"id": "1", "method": "GET", "url": f"{INCIDENT}?sysparm_limit=1"}
    headers = {"X-BATCHREQUEST-MAX-OUTPUT-SIZE": "9" * 5_000}
    response = await client.post("/api/now/v1/batch", json={"rest_requests": [item]}, headers=headers)
    assert [serviced["status_code"] for serviced in (await response.json())["serviced_requests"]] == [200]


async def test_a_form_that_names_no_record(client: Client) -> None:
    """3.1: a record whose sys_id no database could hold does not exist."""
    form = FormData({"table_name": "problem", "table_sys_id": "a\0b"})
    form.add_field("uploadFile", b"x", filename="x.txt")
    assert (await client.post("/api/now/attachment/upload", data=form)).status == 404


async def test_an_invalid_tiny_url_gets_400(client: Client) -> None:
    """1.12: only a URL can be made short."""
    response = await client.post("/api/now/tinyurl", json={"url": "http://[::1"})
    assert response.status == 400
    assert (await response.json())["error"]["detail"] == "'http://[::1' is no URL"


async def test_a_form_of_too_many_fields(client: Client) -> None:
    """4.3: a form that asks for a token has a handful of fields; one of thousands is not taken apart."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await client.post("/oauth_token.do", data=b"a=b&" * 10_000, headers=headers)).status == 401


# Heads


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/now/table/../../../etc/passwd", 400),
        ("/api/now/table/%2e%2e/%2e%2e/etc/passwd", 400),
        ("/api/now/table/..%2f..%2fetc%2fpasswd", 400),
        ("/api/now/table/..%5c..%5cetc", 400),
        ("/api/now/table/incident/..", 404),
        ("/api/now/attachment/..%2ffile", 404),
        ("/api/now/table/incident%0d%0aX-Injected:1", 400),
        ("/api/now/table/incident/%00", 400),
        ("/api/now/table/incident/%FF", 404),
        ("/api/now/table/incident?sysparm_query=number=%00", 400),
        ("/api/now/table/", 400),
        ("/api/now/table/incident/", 400),
    ],
)
async def test_paths_that_lead_elsewhere(server: TestServer, path: str, status: int) -> None:
    """1.9: dots, encoded or not, line ends and NUL in a path are names that do not exist."""
    answer = await answer_to(server, f"GET {path} HTTP/1.1".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Content-Type: application/json;charset=UTF-8" in answer
    assert b"X-Injected" not in answer


async def test_a_head_that_is_not_utf8_gets_400(server: TestServer, client: Client, journal: Journal) -> None:
    """5.4: bytes that belong to no character are refused before the instance, and the journal can be printed."""
    answer = await answer_to(server, f"GET {INCIDENT} HTTP/1.1\r\nX-Odd: ".encode() + b"\xff")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Server: snow_adc" in answer
    printed = json.dumps([journal.to_json(exchange) for exchange in journal.kept()], ensure_ascii=False)
    assert "\\\\udcff" in printed
    assert (await client.get(f"{INCIDENT}?sysparm_limit=1", headers={"X-Odd": "größe"})).status == 200


@pytest.mark.parametrize("flood", [b"X-Flood: x\r\n" * 10_000, b"X-Flood: " + b"x" * 100_000 + b"\r\n"])
async def test_a_flood_of_headers(server: TestServer, flood: bytes) -> None:
    """5.4: too many headers, or too long ones, are refused before they are kept."""
    answer = await answer_to(server, f"GET {INCIDENT} HTTP/1.1\r\n".encode() + flood[:-2])
    assert b" 400 Bad Request" in answer.splitlines()[0]


@pytest.mark.parametrize("length", [20_000, 60_000, 100_000])
async def test_a_long_query_string(server: TestServer, length: int) -> None:
    """1.9: beyond 16,000 characters nothing is routed."""
    answer = await answer_to(server, f"GET {INCIDENT}?sysparm_query={'a' * length} HTTP/1.1".encode())
    assert answer.splitlines()[0].split()[1] in {b"414", b"400"}


@pytest.mark.parametrize("credentials", ["Basic é", f"Basic {b64encode(b'a' + bytes(1) + b':x').decode()}"])
async def test_unreadable_credentials_get_401(anonymous: Client, credentials: str) -> None:
    """4.2: invalid base64, and a name that no database can store, authenticate nobody."""
    assert (await anonymous.get(INCIDENT, headers={"Authorization": credentials})).status == 401


# Encoded queries

COLUMNS = ["number", "active", "priority", "opened_at", "caller_id", "caller_id.manager.name", "sys_id", "bunk", "a.b"]
CLAUSES = ["RLQUERY", "RLQUERYincident.problem_id,>=1", "ENDRLQUERY", "JOINincident.sys_id=problem.sys_id!", "SUBQUERY"]
WORDS = [*CLAUSES, "ENDSUBQUERY", "123TEXTQUERY321=", "javascript:", "gs.daysAgo(", "1", ")", "@", ",", "'", '"', ";--"]
pieces = st.one_of(
    st.sampled_from(["^", "^OR", "^NQ", "^EQ", "^ORDERBY", "^ORDERBYDESC", "^GROUPBY"]),
    st.sampled_from(COLUMNS),
    st.sampled_from(sorted(BY_SPELLING)),
    st.sampled_from(WORDS),
    st.text(max_size=10),
    st.integers().map(str),
)
queries = st.builds(lambda parts, times: ("".join(parts) * times)[:20_000], st.lists(pieces), st.sampled_from([1, 400]))


@pytest.mark.long
@examples(100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=queries)
async def test_any_query_is_answered(client: Client, query: str) -> None:
    """2.6: no query is an error, however long, and no SQL reaches the caller."""
    parameters = {"sysparm_query": query.replace("\0", ""), "sysparm_limit": "2", "sysparm_display_value": "all"}
    url = f"{INCIDENT}?{urlencode(parameters, errors='replace')}&sysparm_suppress_pagination_header=true"
    made = await client.post("/api/now/tinyurl", json={"url": url})
    tiny = (await made.json())["result"].partition("=")[2]
    response = await client.get(INCIDENT, params={"sysparm_tiny": tiny})
    assert response.status == 200
    assert set(await response.json()) == {"result"}


OPERANDS = (
    "",
    "u_toy",
    "5",
    "-1.5",
    "1e400",
    "true",
    "2020-01-01 00:00:00",
    "a@b",
    "1@5",
    "x%'",
    "u_pieces",
    "u_sold@day@before@3",
)


@pytest.mark.long
@pytest.mark.once
async def test_every_operator_may_be_asked_of_every_column(client: Client, instance: Instance) -> None:
    """Whatever types it compares, and whatever a database thinks of that."""
    columns = [*instance.dictionary.columns("u_toy"), "u_parent.u_pieces", "u_owner.sys_mod_count"]
    values = (*OPERANDS, "90d1921e5f510100a9ad2572f2b477fe", f"parent@{'0' * 32}")  # the dynamic filter option Me
    for spelling in BY_SPELLING:
        for column in columns:
            query = "^OR".join(f"{column}{spelling}{value}" for value in values)
            asked = {**ONE_ROW, "sysparm_fields": "sys_id", "sysparm_query": query}
            assert (await client.get("/api/now/table/u_toy", params=asked)).status == 200, query


@pytest.mark.long
async def test_every_aggregate_may_be_asked_of_every_column(client: Client, instance: Instance) -> None:
    """Conditions on it, and groups sorted by it, included."""
    functions, comparisons = ("avg", "sum", "min", "max", "count"), ("=", "!=", ">", ">=")
    for column in (*instance.dictionary.columns("u_toy"), "u_parent.u_pieces", "u_owner.sys_mod_count"):
        having = (f"{function}^{column}^{sign}^5" for function in functions for sign in comparisons)
        order = (f"{function}^{column}{end}" for function in functions for end in ("", "^DESC"))
        asked = {f"sysparm_{function}_fields": column for function in functions[:-1]}
        asked |= {
            "sysparm_having": ",".join(having),
            "sysparm_order_by": ",".join(order),
            "sysparm_group_by": "u_color",
        }
        assert (await client.get("/api/now/stats/u_toy", params=asked)).status == 200, column


# Expressions that values meet

WORST_VALUES = {
    "digits": ("cmdb_ci", "cost", "1" * MEGABYTE + "x"),
    "digits and commas": ("cmdb_ci", "cost", "$1" + ",000" * (MEGABYTE // 4) + "x"),
    "comments without end": ("sys_script", "condition", "/*" * (MEGABYTE // 2)),
    "stars": ("sys_script", "script", "/*" + "*" * MEGABYTE),
    "blanks": ("sys_script", "condition", " " * MEGABYTE + "x"),
    "parts of a duration": ("x_thyti_thycotic_p_request", "duration", "1 day " * (MEGABYTE // 6)),
    "blanks after a call": ("incident", "opened_at", "javascript:gs.now()" + " " * MEGABYTE + "x"),
}


@pytest.mark.parametrize("worst", WORST_VALUES)
async def test_a_megabyte_of_the_worst_characters_is_answered(client: Client, worst: str) -> None:
    """With a step for each pair of characters this would take hours."""
    table, column, value = WORST_VALUES[worst]
    body = BytesIO(json.dumps({column: value}).encode())
    response = await client.post(f"/api/now/table/{table}", data=body, headers=JSON)
    assert response.status in (201, 400, 403)


@pytest.mark.parametrize("value", ["javascript:gs.now()" + " " * 60_000 + "x", "javascript:gs.daysAgo(" + " " * 60_000])
async def test_a_query_of_the_worst_characters_is_answered(client: Client, value: str) -> None:
    """The same for what a query asks."""
    url = f"{INCIDENT}?{urlencode({'sysparm_query': f'opened_at>{value}'})}&sysparm_suppress_pagination_header=true"
    made = await client.post("/api/now/tinyurl", json={"url": url})
    assert made.status == 201
    response = await client.get(INCIDENT, params={"sysparm_tiny": (await made.json())["result"].partition("=")[2]})
    assert response.status == 200
