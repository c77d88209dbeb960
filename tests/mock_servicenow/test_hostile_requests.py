"""No request is answered with a 500, and none is read further than it has to be."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from aiohttp import ClientSession, DummyCookieJar, encode_basic_auth, web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mock_servicenow.app import Blueprint, create_app
from mock_servicenow.now_platform.rest.router import APIS
from mock_servicenow.settings import Settings
from privman_core.bodies import PATIENCE, Patience
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

from .conftest import ADMIN, CONFIGURATION, REQUEST

Headers = dict[str, str]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "application/xml"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=xyz"}
LOGIN = {"Authorization": encode_basic_auth(*ADMIN)}
CLIENTS = ["stranger", "administrator", "browser"]
SERVER_ERROR = 500
GIBIBYTE = 1024 * 1024 * 1024


def part(headers: str, content: bytes = b"x") -> bytes:
    """Return a form of one part with further headers."""
    head = f'--xyz\r\nContent-Disposition: form-data; name="user_name"\r\n{headers}\r\n\r\n'
    return head.encode() + content + b"\r\n--xyz--\r\n"


def xml(content: str, encoding: str = "utf-8") -> bytes:
    """Return a record in XML."""
    text = f"<?xml version='1.0' encoding='{encoding}'?><request><entry>{content}</entry></request>"
    return text.encode(encoding, "surrogatepass")


BODIES: list[tuple[Headers, bytes]] = [
    *((JSON | {"Content-Encoding": name}, b"garbage") for name in ("gzip", "deflate", "br", "zstd", "nope")),
    *((FORM | {"Content-Encoding": name}, b"garbage") for name in ("gzip", "deflate", "br", "zstd", "nope")),
    (FORM | {"Content-Encoding": "gzip"}, gzip.compress(b"a=b&" * 2_000_000, 1)),
    (JSON | {"Content-Encoding": "gzip"}, gzip.compress(b" " * 30_000_000, 1)),
    (JSON | {"Content-Encoding": "gzip"}, gzip.compress(b"{}")[:-4]),
    (MULTIPART | {"Content-Encoding": "gzip"}, b"garbage"),
    *((FORM | {"Content-Type": f"{FORM['Content-Type']}; charset={name}"}, b"user_name=%2B2AA-&x=+2AA-") for name in
      ("utf-7", "nope", "utf-16", "unicode_escape", "base64", "idna", "")),
    (FORM, b"_charset_=nope&user_name=x"),
    (FORM, b"_charset_=utf-7&user_name=+2AA-&sysparm_ck=+2AA-"),
    (FORM, b"user_name=%ED%A0%80&user_password=%FF&sysparm_ck=%ED%A0%80&cockpit_token=%ED%A0%80&admin_token=%FF"),
    (FORM, b"&".join([b"a"] * 5_000)),
    (FORM, b"user_name=%00&user_password=%00&grant_type=password&username=%00&password=%00"),
    (FORM, b"\xff\xfe\x00=&&==%"),
    *((MULTIPART, part(f"Content-Transfer-Encoding: {name}")) for name in ("nope", "base64", "quoted-printable")),
    (MULTIPART, part("Content-Type: text/plain; charset=nope")),
    (MULTIPART, part("Content-Encoding: gzip")),
    (MULTIPART, part("", b"utf-7").replace(b"user_name", b"_charset_")),
    (MULTIPART, part("", b"\xff\xfe")),
    (MULTIPART, part("").replace(b'name="user_name"', b"")),
    (MULTIPART, part("").replace(b'name="user_name"', b"name*=utf-7''%2B2AA-; filename*0*=nope''%FF; filename*1=x")),
    (MULTIPART, b"--xyz\r\n\r\n\r\n--xyz--"),
    (MULTIPART, b"--xyz\r\nno header"),
    ({"Content-Type": "multipart/form-data"}, part("")),
    ({"Content-Type": 'multipart/form-data; boundary="'}, part("")),
    ({"Content-Type": f"multipart/form-data; boundary={'x' * 1_000}"}, part("")),
    ({"Content-Type": "multipart/mixed; boundary=xyz"}, part("")),
    ({"Content-Type": ";;;=,"}, b"x"),
    (JSON, b'{"short_description":"\\ud800","seconds":"\\ud800","kind":"\\ud800"}'),
    (JSON, b"{'short_description':'\\ud800'}"),
    (JSON, orjson.dumps(dict.fromkeys(("instance_metadata", "metadata"), '{"Password":"\\ud800","x":1.5}'))),
    (JSON, b'{"seconds":' + b"9" * 5_000 + b',"a":-1e999,"b":1e309}'),
    (JSON, b'{"seconds":1e300,"after":1e300,"kind":"slow","times":1e300}'),
    (JSON, b'{"url":"http://[::1","rest_requests":[{"url":"http://[::1","method":"GET","body":"="}]}'),
    (JSON, b'{"rest_requests":[{"id":{},"method":[],"url":1,"headers":[{"name":1,"value":{}}],"body":"\xc3\xa9"}]}'),
    (JSON, b"[" * 90_000),
    (JSON, b"null"),
    (JSON, b"\xff\xfe\x00"),
    (JSON, b""),
    (JSON, b"\0"),
    (XML, xml("<short_description>\ud800</short_description>", "utf-16")),
    (XML, xml("<short_description>&#xD800;</short_description>")),
    (XML, xml("<short_description>+2AA-</short_description>").replace(b"utf-8", b"utf-7")),
    (XML, xml("<a/>").replace(b"utf-8", b"idna")),
    (XML, b"<!DOCTYPE r [<!ENTITY a 'b'>]><request><entry><x>&a;</x></entry></request>"),
    (XML, xml("<short_description>\0</short_description>")),
]  # fmt: skip
ODD = ["9" * 5_000, "9" * 200, "%ED%A0%80", "%00", "-1", "1e300", "'", "%FF%FE", "^^ORDERBY", "²"]
PARAMETERS = [
    *("sysparm_limit", "sysparm_offset", "sysparm_first_row", "sysparm_fields", "sysparm_query", "sysparm_view"),
    *("sysparm_tiny", "sysparm_group_by", "sysparm_sum_fields", "sysparm_having", "sysparm_order_by", "sys_id"),
    *("sysparm_display_value", "page", "before", "after", "find", "about", "uri", "sysparm_goto", "sysparm_filter"),
    *("sysparm_record_list", "sysparm_record_row", "sysparm_record_target", "search", "search_field", "search_text"),
    *("sysparm_stack", "search.number", "filter_field", "filter_value", "client_id", "redirect_uri", "token", "state"),
    *("table_name", "table_sys_id", "file_name", "multi_import_set_id", "run_after", "kind", "x-sn-apikey"),
]
PARTS = {
    "table": [REQUEST, "nothing"],
    "path:(?s:.*)": [
        *(f"{api}{words}" for api in APIS for words in ("", "/incident", "/imp_user", "/incident/x")),
        *("now/cmdb/instance/cmdb_ci", "now/cmdb/instance/cmdb_ci/x", "sn_chg_rest/change/normal/x"),
        *(f"sn_sc/servicecatalog/{words}" for words in ("items", "items/x/order_now", "cart", "cart/submit_order")),
        *(f"now/table/{CONFIGURATION}", "now/v2/table/incident/x", "now/attachment/file", "now/attachment/upload"),
        *("now/attachment/x/file", "now/attachment/x/attributes", "now/import/imp_user/insertMultiple"),
        *("now/v1/batch", "now/%00", "x"),
    ],
    "name": ["style.css", "%2e%2e"],
    "number": ["1", "999999999999"],
    "party": ["servicenow", "x"],
    "request_id": ["a66f2ed9-089d-4712-bd45-d00b945e0e8b", "x"],
    "unknown": ["no/such/page", "%00"],
}


def query(value: str, names: list[str]) -> str:
    """Return a query string in which parameters have that value, as many as an address holds."""
    return "&".join(f"{name}={value}" for name in names)[:6_000]


def targets(app: web.Application) -> Iterator[tuple[str, str]]:
    """Yield method and path of every route, with names in the place of its variables."""
    for route in app.router.routes():
        resource = route.resource
        assert resource is not None
        for path in filled(resource.canonical):
            yield ("POST" if route.method == "*" else route.method), path
            if route.method == "*":
                yield "GET", path


def filled(path: str) -> Iterator[str]:
    """Yield the paths of a route."""
    start, end = path.find("{"), path.find("}")
    if start < 0:
        yield path
        return
    variable = next(name for name in PARTS if name.partition(":")[0] == path[start + 1 : end].partition(":")[0])
    for name in PARTS[variable]:
        yield from filled(path[:start] + name + path[end + 1 :])


class Served:
    """A running instance with its routes."""

    def __init__(self, url: str, app: web.Application, http: ClientSession) -> None:
        self.url = url
        self.targets = sorted(set(targets(app)))
        self._http = http

    async def credentials(self, client: str) -> Headers:
        """Return the headers of a kind of client."""
        if client == "browser":
            return {"Cookie": await self._logged_in()}
        return LOGIN if client == "administrator" else {}

    async def _logged_in(self) -> str:
        page = await self._http.get(f"{self.url}/login.do")
        token = (await page.text()).partition('name="sysparm_ck" value="')[2].partition('"')[0]
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        form = {"user_name": ADMIN[0], "user_password": ADMIN[1], "sysparm_ck": token}
        options: dict[str, Any] = {"headers": {"Cookie": cookie}, "allow_redirects": False}
        answer = await self._http.post(f"{self.url}/login.do", data=form, **options)
        assert answer.status == 303
        return answer.headers["Set-Cookie"].partition(";")[0]

    async def status(self, method: str, path: str, headers: Headers, body: bytes | None = None) -> int:
        """Send a request and return the status of its answer."""
        options: dict[str, Any] = {"allow_redirects": False, "skip_auto_headers": ["Content-Type"]}
        async with self._http.request(method, f"{self.url}{path}", data=body, headers=headers, **options) as answer:
            if answer.content_type != "text/event-stream":  # which never ends
                await answer.read()
            return answer.status


@asynccontextmanager
async def served(blueprint: Blueprint, patience: Patience | None = None) -> AsyncIterator[Served]:
    """Serve an instance."""
    app = create_app(Settings(), clock=VirtualClock(), ids=Ids(1), blueprint=blueprint)
    if patience is not None:
        app[PATIENCE] = patience
    async with serving(app) as url, ClientSession(cookie_jar=DummyCookieJar(), max_field_size=100_000) as http:
        yield Served(url, app, http)


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("client", CLIENTS)
async def test_no_body_is_answered_with_500(blueprint: Blueprint, client: str) -> None:
    """Whatever a stranger, an API client or a browser sends to any route, the answer is one of the product's own."""
    async with served(blueprint) as instance:
        credentials = await instance.credentials(client)
        posts = [(method, path) for method, path in instance.targets if method not in ("GET", "HEAD")]
        statuses = {
            (method, path, number): await instance.status(method, path, headers | credentials, body)
            for number, (headers, body) in enumerate(BODIES)
            for method, path in posts
            if "logout" not in path
        }
    assert {sent: status for sent, status in statuses.items() if status >= SERVER_ERROR} == {}


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("client", CLIENTS)
async def test_no_parameter_is_answered_with_500(blueprint: Blueprint, client: str) -> None:
    """The same for the parameters of an address."""
    async with served(blueprint) as instance:
        credentials = await instance.credentials(client)
        statuses = {
            (method, path, value): await instance.status(method, f"{path}?{query(value, some)}", credentials)
            for method, path in instance.targets
            for value in ODD
            for some in (PARAMETERS[::2], PARAMETERS[1::2])
            if "logout" not in path
        }
    assert {sent: status for sent, status in statuses.items() if status >= SERVER_ERROR} == {}


async def head_of_answer(instance: Served, head: str) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """Send the head of a request and nothing of its body; return the head of the answer."""
    address = urlsplit(instance.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"{head}\r\nHost: localhost\r\n\r\n".encode())
    return await reader.readuntil(b"\r\n\r\n"), reader, writer


@pytest.mark.parametrize("length", [f"Content-Length: {GIBIBYTE}", "Transfer-Encoding: chunked"])
async def test_strangers_are_refused_before_their_body_is_read(blueprint: Blueprint, length: str) -> None:
    """Every API answers 401 to a body that has not even begun, and closes the connection."""
    async with served(blueprint) as instance:
        apis = {path for method, path in instance.targets if path.startswith("/api/") and "nothing" not in path}
        for path in apis:
            answer, _, writer = await head_of_answer(instance, f"POST {path} HTTP/1.1\r\n{length}")
            assert answer.startswith(b"HTTP/1.1 401 "), path
            assert b"Connection: close" in answer
            writer.close()


@pytest.mark.parametrize("path", ["/login.do", "/oauth_token.do", "/oauth_auth.do", "/incident.do", "/__cockpit/clock"])
async def test_long_forms_are_not_waited_for(blueprint: Blueprint, path: str) -> None:
    """A form that says it is longer than any of the product's is refused before it arrives."""
    head = f"POST {path} HTTP/1.1\r\nContent-Type: {FORM['Content-Type']}\r\nContent-Length: {GIBIBYTE}"
    async with served(blueprint) as instance:
        answer, _, writer = await head_of_answer(instance, head)
        assert 300 <= int(answer.split()[1]) < SERVER_ERROR
        assert b"Connection: close" in answer
        writer.close()


@pytest.mark.parametrize("length", ["Content-Length: 9", "Content-Length: 900000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/now/table/incident", b"408"),
        ("/api/now/attachment/file?table_name=incident", b"408"),
        ("/login.do", b"403"),
        ("/oauth_token.do", b"401"),
        ("/__admin/faults", b"408"),
    ],
)
async def test_body_that_never_comes(blueprint: Blueprint, path: str, status: bytes, length: str) -> None:
    """A body has a time to arrive; then the request is answered without it, and the connection is closed."""
    head = f"POST {path} HTTP/1.1\r\n{length}\r\nAuthorization: {LOGIN['Authorization']}"
    head += f"\r\nContent-Type: {FORM['Content-Type'] if path.endswith('.do') else JSON['Content-Type']}"
    async with served(blueprint, Patience(seconds=0)) as instance:
        answer, _, writer = await head_of_answer(instance, head)
        assert answer.split()[1] == status
        assert b"Connection: close" in answer
        writer.close()


async def test_slow_body_earns_time(blueprint: Blueprint) -> None:
    """Each byte that arrives gives the next ones more time."""
    body = b'{"short_description":"' + b"x" * 200_000 + b'"}'
    head = f"POST /api/now/table/incident HTTP/1.1\r\nContent-Length: {len(body)}\r\nHost: localhost\r\n"
    async with served(blueprint, Patience(seconds=30, bytes_per_second=1)) as instance:
        address = urlsplit(instance.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(f"{head}Authorization: {LOGIN['Authorization']}\r\n\r\n".encode() + body[:100_000])
        await instance.status("GET", "/api/now/table/incident?sysparm_limit=1", LOGIN)
        writer.write(body[100_000:])
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 201 ")
        writer.close()


@pytest.mark.long
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(
    content_type=st.sampled_from([*(headers["Content-Type"] for headers in (FORM, JSON, XML, MULTIPART)), ""]),
    body=st.binary(max_size=200) | st.text().map(lambda text: orjson.dumps({"short_description": text})),
)
async def test_any_bytes_are_answered(blueprint: Blueprint, content_type: str, body: bytes) -> None:
    """Random bytes under any type are no error of the server."""
    async with served(blueprint) as instance:
        for path in ("/api/now/table/incident", "/api/now/v1/batch", "/api/now/attachment/upload", "/login.do"):
            status = await instance.status("POST", path, LOGIN | {"Content-Type": content_type}, body)
            assert status < SERVER_ERROR, path
