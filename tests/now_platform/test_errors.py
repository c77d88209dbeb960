"""Errors, bodies and media types."""

import asyncio
import re
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from pkgutil import walk_packages

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow import now_platform
from mock_servicenow.now_platform import errors
from mock_servicenow.now_platform.errors import PlatformError, SetupError, Signal

Client = TestClient[web.Request, web.Application]
Swallowed = Callable[[], list[str]]
TABLE = "/api/now/table/cmn_department"
RECORD = f"{TABLE}/a581ab703710200044e0bfc8bcbe5de8"
JSON = {"Content-Type": "application/json"}
UNREADABLE = "Verify Request body and Content-type headers. Not able to parse request"


@pytest.mark.parametrize(
    ("method", "path", "status", "message", "detail"),
    [
        ("GET", "/api/now/table/bunk", 400, "Invalid table bunk", None),
        ("GET", "/api/now/table/sys_user_list/doesntmatter", 400, "Invalid table sys_user_list", None),
        ("POST", "/api/now/table/bunk", 400, "Invalid table bunk", None),
        ("GET", "/api/now/bunk", 400, "Requested URI does not represent any resource", None),
        ("GET", "/api/now/table", 400, "Requested URI does not represent any resource", None),
        ("GET", "/api/now/table/", 400, "Requested URI does not represent any resource", None),
        ("GET", "/api/now/table/a/b/c", 400, "Requested URI does not represent any resource", None),
        ("GET", "/api/now/v3/table/sys_user", 400, "Requested URI does not represent any resource", None),
        ("GET", "/api/bunk", 400, "Requested URI does not represent any resource", None),
        ("POST", RECORD, 405, "Method not supported", "The resource does not offer POST"),
        ("DELETE", TABLE, 405, "Method not supported", "The resource does not offer DELETE"),
        ("PATCH", TABLE, 405, "Method not supported", "The resource does not offer PATCH"),
    ],
)
async def test_the_envelope(  # noqa: PLR0913, PLR0917 - a request and its answer
    client: Client, method: str, path: str, status: int, message: str, detail: str | None
) -> None:
    """Every error is the Table API's envelope; detail may be null."""
    response = await client.request(method, path)
    assert response.status == status
    assert response.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert await response.json() == {"error": {"message": message, "detail": detail}, "status": "failure"}


@pytest.mark.parametrize("body", ["{", "[]", '"text"', "7", "[7]", "{'a': }", "{'a': 'b\"}"])
async def test_other_bodies_than_a_record_get_400(client: Client, body: str) -> None:
    """What cannot be read as an object is a bad request."""
    response = await client.post(TABLE, data=body, headers=JSON)
    assert response.status == 400
    assert (await response.json())["error"] == {"message": "Exception while reading request", "detail": UNREADABLE}


@pytest.mark.parametrize("body", ["<request>", "<request></request>", "<!DOCTYPE a [<!ENTITY b 'c'>]><request/>"])
async def test_invalid_xml_gets_400(client: Client, body: str) -> None:
    """XML without an entry, with a document type or not well-formed is a bad request."""
    response = await client.post(TABLE, data=body, headers={"Content-Type": "text/xml"})
    assert response.status == 400


async def test_json_with_single_quotes_is_read(client: Client, swallowed: Swallowed) -> None:
    """The form of the documentation's samples is accepted with a finding."""
    body = r"""{'name': 'It\'s "fine"', "id": "isn't", 'x': true}"""
    response = await client.post(TABLE, data=body, headers=JSON)
    assert response.status == 201
    record = (await response.json())["result"]
    assert (record["name"], record["id"]) == ('It\'s "fine"', "isn't")
    assert swallowed() == ["json-single-quoted", "column-ignored"]


async def test_an_empty_body_inserts_defaults(client: Client) -> None:
    """POST without a body creates a record of defaults."""
    assert (await client.post("/api/now/table/problem", headers=JSON)).status == 201


async def test_a_body_beyond_the_limit(client: Client) -> None:
    """More than ten megabytes are refused, with both numbers."""
    response = await client.post(TABLE, data=BytesIO(b" " * 10485761), headers=JSON)
    assert response.status == 400
    assert (await response.json())["error"] == {
        "message": "Exception while reading request",
        "detail": "Rejected large REST payload with content-length = 10485761 bytes. Max allowed: 10485760 bytes.",
    }


async def test_an_unsupported_body_type(client: Client) -> None:
    """The error for a body that is neither JSON nor XML lists the supported types."""
    response = await client.post(TABLE, data=b"a=b", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert response.status == 415
    types = "[application/json, application/xml, text/xml]"
    message = f"Invalid content-type. Supported request media types for this service are: {types}"
    assert (await response.json())["error"] == {"message": message, "detail": None}


async def test_a_body_without_a_type_is_json(client: Client) -> None:
    """A missing Content-Type is tolerated."""
    response = await client.post(TABLE, data=b'{"name": "x"}', skip_auto_headers=["Content-Type"])
    assert response.status == 201


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "application/json;charset=UTF-8"),
        ("*/*", "application/json;charset=UTF-8"),
        ("application/xml", "application/xml; charset=UTF-8"),
        ("text/html, text/xml;q=0.5, application/json;q=0.9", "application/json;charset=UTF-8"),
        ("application/json;q=0, text/xml;q=x", "application/xml; charset=UTF-8"),
    ],
)
async def test_the_answers_type_is_the_clients(client: Client, accept: str, content_type: str) -> None:
    """The best of the types that the client accepts is sent; JSON if it says nothing."""
    response = await client.get(RECORD, headers={"Accept": accept})
    assert response.headers["Content-Type"] == content_type


@pytest.mark.parametrize("path", [TABLE, RECORD])
async def test_an_unsupported_answer_type(client: Client, path: str) -> None:
    """A client that accepts neither JSON nor XML gets 406, in JSON."""
    response = await client.get(path, headers={"Accept": "image/png"})
    assert response.status == 406
    assert (await response.json())["status"] == "failure"


async def test_xml_both_ways(client: Client) -> None:
    """XML in, XML out: one result element a record, one element a field, references with children."""
    body = "<request><entry><name>R &amp; D</name><dept_head>Natasha Ingram</dept_head><id/></entry></request>"
    headers = {"Content-Type": "application/xml", "Accept": "application/xml"}
    response = await client.post(f"{TABLE}?sysparm_fields=name,dept_head,id", data=body, headers=headers)
    head = "46c5bf6ca9fe1981010713e3ac7d3384"
    link = f"https://dev12345.service-now.com/api/now/table/sys_user/{head}"
    result = f"<name>R &amp; D</name><dept_head><link>{link}</link><value>{head}</value></dept_head><id/>"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    assert await response.text() == f"{head}<response><result>{result}</result></response>"


REFUSED_VERBS = [
    ("PUT", TABLE, "GET, HEAD, POST"),
    ("POST", RECORD, "DELETE, GET, HEAD, PATCH, PUT"),
    ("OPTIONS", "/api/now/stats/problem", "GET, HEAD"),
    ("GET", "/api/now/v1/batch", "POST"),
    ("PUT", "/api/now/tinyurl", "POST"),
    ("PUT", "/api/now/attachment", "GET, HEAD"),
    ("GET", "/api/now/attachment/upload", "POST"),
    ("GET", "/api/now/import/u_imp_user", "POST"),
]


@pytest.mark.parametrize(("verb", "path", "allowed"), REFUSED_VERBS)
async def test_an_unsupported_verb_gets_405_with_allow(client: Client, verb: str, path: str, allowed: str) -> None:
    """1.9: 405, with the header that HTTP wants."""
    response = await client.request(verb, path)
    assert (response.status, response.headers["Allow"]) == (405, allowed)


async def test_characters_unknown_to_xml_are_left_out(client: Client) -> None:
    """1.10: control characters and U+FFFE, which no XML holds, are not sent."""
    await client.post(TABLE, json={"name": "Ding", "description": "a\x07b\tc\ufffe\uffff"})
    path = f"{TABLE}?sysparm_query=name=Ding&sysparm_fields=description"
    response = await client.get(path, headers={"Accept": "text/xml"})
    assert "<description>ab\tc</description>" in await response.text()


async def test_errors_in_xml(client: Client) -> None:
    """A client that accepts XML gets the envelope in XML."""
    response = await client.get("/api/now/table/bunk", headers={"Accept": "application/xml"})
    assert response.status == 400
    error = "<error><message>Invalid table bunk</message><detail/></error><status>failure</status>"
    assert await response.text() == f'<?xml version="1.0" encoding="UTF-8"?><response>{error}</response>'


async def test_a_long_path_is_still_routed(client: Client) -> None:
    """Eight thousand characters are a table that does not exist."""
    response = await client.get(f"/api/now/table/{'A' * 8000}")
    assert response.status == 400
    assert (await response.json())["error"]["message"].startswith("Invalid table AAA")


async def test_too_long_a_path_gets_414_in_html(client: Client) -> None:
    """Twenty-three thousand characters are more than the platform routes."""
    response = await client.get(f"/api/now/table/{'A' * 23000}")
    assert response.status == 414
    assert (await response.text()).startswith("<html>")


async def test_usual_headers(client: Client) -> None:
    """Every answer carries the platform's headers."""
    response = await client.get(RECORD)
    expected = {
        "Server": "ServiceNow",
        "X-Is-Logged-In": "true",
        "X-Content-Type-Options": "nosniff",
        "Pragma": "no-store,no-cache",
        "Cache-Control": "no-cache,no-store,must-revalidate,max-age=-1",
        "Expires": "0",
        "Keep-Alive": "timeout=20",
        "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
        "Content-Encoding": "gzip",
        "Transfer-Encoding": "chunked",
    }
    assert {name: response.headers.get(name) for name in expected} == expected
    assert len(response.headers["X-Transaction-ID"]) == 12


async def test_answers_are_compressed_only_on_request(client: Client) -> None:
    """A client that does not ask for gzip gets none."""
    response = await client.get(RECORD, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in response.headers


async def test_an_old_client_gets_its_answer_in_one_piece(client: Client) -> None:
    """HTTP 1.0 knows no chunks."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(f"GET {RECORD} HTTP/1.0\r\nAuthorization: Basic YWRtaW46YWRtaW4=\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert b"Transfer-Encoding" not in head
    assert body.endswith(b"}}")


def test_every_error_hangs_under_a_root_and_is_drawn() -> None:
    """The docstring of `errors` shows each exception class of the platform, under one of three roots."""
    for found in walk_packages(now_platform.__path__, f"{now_platform.__name__}."):
        import_module(found.name)
    own = [each for each in descendants(Exception) if each.__module__.startswith(now_platform.__name__)]
    assert [each for each in own if each.__base__ is Exception] == [PlatformError, SetupError, Signal]
    drawn = set(re.findall(r"\w+", errors.__doc__ or ""))
    assert {each.__name__ for each in own if not each.__name__.startswith("_")} <= drawn


def descendants(root: type[Exception]) -> list[type[Exception]]:
    """Return the classes that extend another, parents before children."""
    children = root.__subclasses__()
    return [*children, *(each for child in children for each in descendants(child))]
