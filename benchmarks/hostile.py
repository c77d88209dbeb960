"""Measures the longest wait of another caller, and the memory a server takes, while one caller attacks it.

Each attack meets a fresh server on a port of this machine, and comes from a process of its own that ends after
`LONGEST` seconds. Meanwhile another caller asks for a small thing again and again.

    python -m benchmarks.hostile [mock|large|console] [part of an attack's name]

The large instance has `ROWS` incidents.
"""

import asyncio
import atexit
import json
import multiprocessing
import os
import re
import sys
import threading
import time
import zlib
from argparse import ArgumentParser
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from benchmarks.servers import AUTHORIZATION, HOST, Client, Server, mock_servicenow, serve, show
from mock_servicenow.blueprint import Blueprint
from mock_servicenow.now_platform.storage.store import Store
from mock_servicenow.settings import Settings
from privman_testbench.ids import Ids
from privman_testbench.virtual_clock import VirtualClock

PORT = 18090
LONGEST = 20
GOAL_MS, GOAL_MIB = 100, 100
MIB = 1024 * 1024
TEN_MIB = 10 * MIB - 1000
TABLE = "/api/now/table/incident"
JSON, XML, FORM = "application/json", "application/xml", "application/x-www-form-urlencoded"
Attack = Callable[[], Coroutine[None, None, object]]
ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Side:
    """A server to attack.

    Attributes:
        asked: what the other caller asks for.
        attacks: by name.
    """

    command: Callable[[], list[str]]
    asked: str
    attacks: dict[str, Attack]


async def send(  # noqa: PLR0913 - what a request may have
    path: str,
    content_type: str = JSON,
    chunks: Iterable[bytes] = (),
    *,
    length: int | None = None,
    known: bool = True,
    headers: Iterable[str] = (),
    method: str = "POST",
) -> bytes:
    """Send a request, in chunks unless its length is given, and return the end of the answer."""
    reader, writer = await asyncio.open_connection(HOST, PORT)
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    login = [f"Authorization: {AUTHORIZATION}"] * known
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Type: {content_type}", framing, *login, *headers]
    try:
        writer.write("\r\n".join([*head, "\r\n"]).encode())
        async for chunk in framed(chunks, chunked=length is None):
            writer.write(chunk)
            await writer.drain()
        end = b""
        while piece := await reader.read(MIB):
            end = piece
    except ConnectionError:
        return b""  # the server has had enough
    else:
        return end
    finally:
        writer.close()


async def framed(chunks: Iterable[bytes], *, chunked: bool) -> AsyncIterator[bytes]:
    """Yield the chunks as they are sent."""
    for chunk in chunks:
        yield b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk
    if chunked:
        yield b"0\r\n\r\n"


def one(path: str, content_type: str, body: bytes, *, known: bool = True, method: str = "") -> Attack:
    """Return the attack of one request, a GET if it has no body."""
    verb, headers = method or ("POST" if body else "GET"), ["Connection: close"]
    return lambda: send(path, content_type, [body], length=len(body), known=known, headers=headers, method=verb)


def many(times: int, attack: Attack) -> Attack:
    """Return the attack of many requests at the same time."""

    async def attack_all() -> None:
        await asyncio.gather(*(attack() for _ in range(times)))

    return attack_all


def again(times: int, attack: Attack) -> Attack:
    """Return the attack of many requests one after the other."""

    async def attack_again() -> None:
        for _ in range(times):
            await attack()

    return attack_again


def endless(path: str, *, known: bool) -> Attack:
    """Return the attack of a chunked body that goes on for 200 MiB."""
    return lambda: send(path, JSON, (b" " * 64 * 1024 for _ in range(3_200)), known=known)


def unfinished(path: str, *, known: bool = False) -> Attack:
    """Return the attack of a body of which 700 MiB come, and then nothing more."""
    return lambda: send(path, JSON, (b"x" * MIB for _ in range(700)), length=800 * MIB, known=known)


def unread(path: str) -> Attack:
    """Return the attack of an answer of which nothing is read."""

    async def ask() -> None:
        reader, writer = await asyncio.open_connection(HOST, PORT, limit=1)
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {AUTHORIZATION}\r\n\r\n"
        writer.write(head.encode())
        await asyncio.sleep(LONGEST)
        del reader

    return ask


def never(path: str) -> Attack:
    """Return the attack of a body that does not come."""
    return lambda: send(path, JSON, [], length=9, known=False)


async def half_a_head() -> None:
    """Send half of a head and wait."""
    reader, writer = await asyncio.open_connection(HOST, PORT)
    writer.write(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 8_000)
    await reader.read()
    writer.close()


def long_heads(path: str) -> Attack:
    """Return the attack of a head of 440 kB."""
    headers = [f"X-Long-{number}: {'x' * 8_000}" for number in range(55)]
    return lambda: send(path, JSON, [], length=0, headers=[*headers, "Connection: close"], method="GET")


def gzipped(path: str, *, known: bool) -> Attack:
    """Return the attack of a small body that unpacks to 1 GiB."""
    body = bomb()
    return lambda: send(path, JSON, [body], length=len(body), known=known, headers=["Content-Encoding: gzip"])


@cache
def bomb() -> bytes:
    """Return 1 GiB of zeros, packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS + 16)
    return b"".join([*(packer.compress(bytes(MIB)) for _ in range(1024)), packer.flush()])


def batch(url: str, times: int = 1, body: bytes = b"") -> bytes:
    """Return a batch of so many equal items."""
    item = {"id": "1", "method": "POST" if body else "GET", "url": url, "body": b64encode(body).decode()}
    return json.dumps({"rest_requests": [item] * times}).encode()


def joined(number: int, text: Callable[[int], str], opening: str, closing: str, by: str = ",") -> bytes:
    """Return a text of so many parts, as far as 10 MiB go."""
    parts, size = [], len(opening) + len(closing)
    for each in range(number):
        parts.append(text(each))
        size += len(parts[-1]) + len(by)
        if size > TEN_MIB:
            break
    return f"{opening}{by.join(parts)}{closing}".encode()


def xml(content: bytes) -> bytes:
    """Return a record in XML."""
    return b"<request><entry>" + content + b"</entry></request>"


async def tiny_of(query: str) -> str:
    """Return the parameter of a tiny URL that stands for a query."""
    body = json.dumps({"url": f"{TABLE}?sysparm_query={query}"}).encode()
    answer = await send("/api/now/tinyurl", JSON, [body], length=len(body), headers=["Connection: close"])
    [tiny] = re.findall(rb"sysparm_tiny=\w+", answer)
    return str(tiny.decode())


async def tiny_query() -> None:
    """Ask a query of 6,000 conditions by a tiny URL."""
    tiny = await tiny_of(quote("^".join(f"numberLIKE{number}" for number in range(6_000))))
    await one(f"{TABLE}?{tiny}", JSON, b"")()


async def tiny_page() -> None:
    """Look at a page of a query of 60,000 conditions by a tiny URL."""
    await page(f"/incident_list.do?{await tiny_of('^'.join('a' * 60_000))}")()


async def one_text_again_and_again() -> None:
    """Ask for a text of 4 MiB by eight dot-walks, and for a list of a hundred records that walk to it."""
    known = "a" * 32
    await one(TABLE, JSON, json.dumps({"sys_id": known, "parent": known, "description": "x" * (4 * MIB)}).encode())()
    await again(100, one(TABLE, JSON, json.dumps({"parent": known}).encode()))()
    walks = ",".join(f"{'parent.' * steps}description" for steps in range(1, 9))
    await get(f"{TABLE}/{known}?sysparm_fields={walks}")()
    await get(f"{TABLE}?sysparm_query=parent={known}&sysparm_fields=parent.description")()


def distinct(times: int, path: Callable[[int], str], *, known: bool = True) -> Attack:
    """Return the attack of many requests one after the other, each with an address of its own."""

    async def attack_distinctly() -> None:
        for number in range(times):
            await one(path(number), JSON, b"", known=known)()

    return attack_distinctly


def long_query(number: int) -> str:
    """Return a list of which the query has a hundred conditions, of many shapes."""
    columns = ["number", "short_description", "description", "caller_id.name", "category", "close_notes"]
    operators = ["LIKE", "STARTSWITH", "=", "!=", "ENDSWITH", ">"]
    terms = (
        f"{columns[(number * 7 + at * at) % 6]}{operators[(number // 6 + at * at * at) % 6]}{number}.{at}"
        for at in range(100)
    )
    return f"{TABLE}?sysparm_limit=1&sysparm_query={quote('^'.join(terms))}"


def then(first: Attack, *others: Attack) -> Attack:
    """Return the attack of several, one after the other."""

    async def attack_in_turn() -> None:
        for attack in (first, *others):
            await attack()

    return attack_in_turn


def get(path: str, *, known: bool = True) -> Attack:
    """Return the attack of one request without a body."""
    return one(path, JSON, b"", known=known)


def page(path: str) -> Attack:
    """Return the attack of one page of the instance, for a browser that is logged in."""

    async def look() -> None:
        login = [f"Authorization: {AUTHORIZATION}", "Connection: close"]
        opened = await send(f"{TABLE}?sysparm_limit=1", JSON, length=0, method="GET", headers=login, known=False)
        cookies = b"; ".join(re.findall(rb"Set-Cookie: ([^;]+)", opened)).decode()
        await send(path, JSON, length=0, method="GET", headers=[f"Cookie: {cookies}", "Connection: close"], known=False)

    return look


async def file_there_and_back() -> None:
    """Upload a file of 200 MiB of zeros, and one of noise, and read them."""
    record = "9d385017c611228701d22104cc95c371"
    where = f"/api/now/attachment/file?table_name=incident&table_sys_id={record}&file_name=a"
    noise = os.urandom(MIB)
    for content in (bytes(MIB), noise):
        await send(where, "text/plain", (content for _ in range(40)), headers=["Connection: close"])
    await one("/api/now/attachment?sysparm_limit=2", JSON, b"")()


def exchange(number: int) -> Attack:
    """Return the attack of the page of an exchange."""
    return get(f"/__cockpit/exchanges/{number}", known=False)


def long_urls() -> bytes:
    """Return a batch of which each item has a long URL of its own, of many parameters."""
    items = [{"id": "1", "method": "GET", "url": f"{TABLE}?sysparm_limit=1&{'a&' * 8_000}{n}"} for n in range(500)]
    return json.dumps({"rest_requests": items}).encode()


SENTENCE = " ".join(f"w{number}" for number in range(32))
JWT = b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=e30."
REQUESTS = "/api/now/table/x_thyti_thycotic_p_request"
WALKS = ",".join(f"parent.caller_id.manager.manager.{name}" for name in ("name", "email", "title", "city", "phone"))
MOCK: dict[str, Attack] = {
    "700 MiB of an upload, unfinished, by a stranger": unfinished("/api/now/attachment/file?file_name=a"),
    "700 MiB of an upload, unfinished, by a user": unfinished("/api/now/attachment/file?file_name=a", known=True),
    "50 endless bodies by strangers": many(50, endless(TABLE, known=False)),
    "50 endless bodies by users": many(50, endless(TABLE, known=True)),
    "50 bodies that unpack to 1 GiB": many(50, gzipped(TABLE, known=True)),
    "50 forms that unpack to 1 GiB, at the log-in": many(50, gzipped("/login.do", known=False)),
    "50 times 10 heads of 440 kB": many(50, again(10, long_heads(TABLE))),
    "300 halves of a head": many(300, half_a_head),
    "300 bodies that do not come": many(300, never(TABLE)),
    "a file of 40 MiB, stored": file_there_and_back,
    "10 MiB in single quotes": one(TABLE, JSON, joined(2_000_000, lambda n: f"'k{n}':'v'", "{", "}")),
    "250 KiB in single quotes": one(TABLE, JSON, joined(20_000, lambda n: f"'k{n}':'v'", "{", "}")),
    "300,000 keys": one(TABLE, JSON, joined(300_000, lambda n: f'"k{n}":1', "{", "}")),
    "9,900 keys": one(TABLE, JSON, joined(9_900, lambda n: f'"k{n}":1', "{", "}")),
    "10 MiB of empty lists": one(TABLE, JSON, joined(3_000_000, lambda _: "[]", "[", "]")),
    "10 MiB of text": one(TABLE, JSON, json.dumps({"description": "x," * (TEN_MIB // 2)}).encode()),
    "10 MiB of escapes": one(TABLE, JSON, b'{"description":"' + b"\\n" * (TEN_MIB // 2) + b'"}'),
    "10 MiB of brackets": one(TABLE, JSON, b"[" * TEN_MIB),
    "200,000 attributes": one(TABLE, XML, xml(joined(200_000, lambda n: f'k{n}="vvvvvvvvvvvv"', "<a ", "/>", " "))),
    "10 MiB of elements": one(TABLE, XML, xml(joined(3_000_000, lambda _: "<a/>", "", "", ""))),
    "10 MiB of lines": one(TABLE, XML, xml(b"<description>" + b"\n" * (TEN_MIB - 100) + b"</description>")),
    "a text search of 32 words": one(f"{TABLE}?sysparm_query=123TEXTQUERY321={quote(SENTENCE)}", JSON, b""),
    "a query of 6,000 conditions": tiny_query,
    "a query of 60,000 conditions, on a page": tiny_page,
    "a text of 4 MiB by dot-walks": one_text_again_and_again,
    "a batch of 5,000 inserts": one("/api/now/v1/batch", JSON, batch(TABLE, 5_000, b'{"description":"x"}')),
    "a batch of 20,000 lists": one("/api/now/v1/batch", JSON, batch(f"{TABLE}?sysparm_limit=1", 20_000)),
    "10,000 rows to import": one(
        "/api/now/import/imp_user/insertMultiple",
        JSON,
        joined(10_000, lambda n: f'{{"user_id":"u{n}","email":"u{n}@example.com"}}', '{"records":[', "]}"),
    ),
    "64,000 field names": one(
        "/api/now/v1/batch", JSON, batch(f"{TABLE}?sysparm_limit=1&sysparm_fields={'a,' * 64_000}")
    ),
    "a dot-walk of 1,000 steps": one(f"{TABLE}?sysparm_fields={'parent.' * 1_000}number", JSON, b""),
    "4,000 parameters": one(f"{TABLE}?{'&'.join(f'a{n}' for n in range(2_500))}", JSON, b""),
    "a form of 4 MiB at the log-in": one("/login.do", FORM, b"&".join([b"a=%41%42"] * 450_000), known=False),
    "a form of 1,000,000 escapes at the token": one("/oauth_token.do", FORM, b"a=" + b"%41" * 1_000_000, known=False),
    "50 cookies of 8 kB": many(
        20,
        lambda: send(
            TABLE, JSON, [], length=0, headers=[*(f"Cookie: {'a=b;' * 2_000}" for _ in range(50)), "Connection: close"]
        ),
    ),
    "1,000 queries of 100 conditions": distinct(1_000, long_query),
    "1,000 lists of 300 fields": distinct(
        1_000,
        lambda n: f"{TABLE}?sysparm_limit=1&sysparm_fields={','.join(f'caller_id.u{n}_{at}' for at in range(300))}",
    ),
    "100 users with passwords of 1 MiB": many(
        10, again(10, one("/oauth_token.do", FORM, b"grant_type=password&username=admin&password=" + b"x" * MIB))
    ),
    "a JWT of 1 MiB": one("/oauth_token.do", FORM, JWT + b"e30." * (MIB // 4), known=False),
    "a bearer token of 1 MiB": get(f"{TABLE}?access_token={'x' * 15_000}", known=False),
    "a pile of bodies, and the journal's pages": then(
        again(50, one(TABLE, JSON, json.dumps({"description": "x," * (MIB // 3)}).encode())),
        get("/__admin/requests"),
        get("/__cockpit/sequence?about=nothing", known=False),
        get("/__cockpit?find=nothing&only=findings", known=False),
        get("/__cockpit/exchanges/20", known=False),
    ),
    "a body of nested lists on a page": then(
        one(TABLE, JSON, b"[" * 200 + b"1," * 90_000 + b"1" + b"]" * 200), *map(exchange, range(1, 60))
    ),
    "a body of 10,000 unknown keys, judged": then(
        one(REQUESTS, JSON, joined(9_900, lambda n: f'"metadat{n}":1', "{", "}")), get("/__admin/findings")
    ),
    "1,000 small attachments": again(
        1_000, one("/api/now/attachment/file?table_name=incident&table_sys_id=x&file_name=a", "text/plain", b"x")
    ),
    "a query by 2,000 alternatives, on a page": page(f"/incident_list.do?sysparm_query={'number=A%5EOR' * 1_100}"),
    "an aggregate of 25 dot-walks by 25 dot-walks": get(
        f"/api/now/stats/incident?sysparm_group_by={WALKS}&sysparm_min_fields={WALKS}&sysparm_max_fields={WALKS}"
    ),
    "an XML of 9,000 unknown elements": one(TABLE, XML, xml(joined(9_000, lambda n: f"<u{n}>x</u{n}>", "", "", ""))),
    "a batch of 500 URLs of 128 KiB": one("/api/now/v1/batch", JSON, long_urls()),
}
LIKES = quote("^OR".join(f"descriptionLIKE{number}x" for number in range(450)))
SORTED = quote("^".join(f"ORDERBYparent.parent.parent.{name}" for name in ("number", "category", "state", "active")))
LARGE: dict[str, Attack] = {
    "all in the order of four dot-walks": get(f"{TABLE}?sysparm_query={SORTED}"),
    "450 texts in the descriptions": get(f"{TABLE}?sysparm_query={LIKES}"),
    "450 texts in the descriptions, six times at once": many(6, get(f"{TABLE}?sysparm_query={LIKES}")),
    "450 texts in the descriptions, on a page": page(f"/incident_list.do?sysparm_query={LIKES}"),
    "a text search of 32 words": MOCK["a text search of 32 words"],
    "each row a group": get("/api/now/stats/incident?sysparm_count=true&sysparm_group_by=number"),
    "each row a group, in words, as XML": one(
        "/api/now/stats/incident?sysparm_group_by=number,parent&sysparm_count=true&sysparm_display_value=all", XML, b""
    ),
    "groups with a condition": get(
        "/api/now/stats/incident?sysparm_count=true&sysparm_group_by=parent.number&sysparm_having=count%5Enumber%5E>%5E5"
    ),
    "a list of 10,000 rows in words": get(f"{TABLE}?sysparm_display_value=all"),
    "20 lists of 10,000 rows in words at once": many(20, get(f"{TABLE}?sysparm_display_value=all")),
    "40 lists of 20,000 rows that nobody reads": many(40, unread(f"{TABLE}?sysparm_limit=20000&sysparm_fields=number")),
    "a batch of 20 lists of 10,000 rows": one("/api/now/v1/batch", JSON, batch(f"{TABLE}?sysparm_fields=number", 20)),
    "a related list of each row": get(
        f"{TABLE}?sysparm_query=RLQUERYincident.parent,>=5%5EdescriptionLIKEx%5EENDRLQUERY%5EORDERBYparent.number"
    ),
    "the last rows, on a page": page(
        "/incident_list.do?sysparm_query=ORDERBYshort_description&sysparm_first_row=19000"
    ),
}
TOKEN = "/Tms/services/api/logon/token"  # noqa: S105 - an address
APPROVE = "/Tms/services/api/v1/approval/approve"


def facts() -> bytes:
    """Return the metadata of an approval request with many facts."""
    return json.dumps({"metadata": {f"Fact{number}": "x" * 90 for number in range(5_000)}}).encode()


CONSOLE: dict[str, Attack] = {
    "700 MiB of a body, unfinished": unfinished(TOKEN),
    "50 endless bodies": many(50, endless(TOKEN, known=False)),
    "50 bodies that unpack to 1 GiB": many(50, gzipped(TOKEN, known=False)),
    "50 forms that unpack to 1 GiB": many(50, gzipped("/login", known=False)),
    "50 times 10 heads of 440 kB": many(50, again(10, long_heads(TOKEN))),
    "300 halves of a head": many(300, half_a_head),
    "300 bodies that do not come": many(300, never(TOKEN)),
    "1 MiB of keys": one(TOKEN, JSON, joined(90_000, lambda n: f'"k{n}":1', "{", "}")),
    "1 MiB of empty lists": one(TOKEN, JSON, joined(300_000, lambda _: "[]", "[", "]")),
    "one key of 1 MiB": one(TOKEN, JSON, b'{"' + b"x" * (MIB - 100) + b'":1}', known=False),
    "a decision of 1 MiB": one(APPROVE, JSON, json.dumps({"Comment": "x," * (MIB // 3)}).encode(), known=False),
    "a body of 10,000 keys, judged": then(
        one(APPROVE, JSON, joined(9_900, lambda n: f'"Commen{n}":1', "{", "}"), known=False), get("/__admin/findings")
    ),
    "a pile of bodies, and the journal's pages": then(
        again(50, one(TOKEN, JSON, json.dumps({"username": "x," * (MIB // 3)}).encode())),
        get("/__admin/requests"),
        get("/__cockpit/sequence?about=nothing", known=False),
        get("/__cockpit?find=nothing&only=findings", known=False),
        get("/__cockpit/exchanges/20", known=False),
    ),
    "a body of nested lists on a page": then(
        one(TOKEN, JSON, b"[" * 200 + b"1," * 90_000 + b"1" + b"]" * 200), *map(exchange, range(1, 60))
    ),
    "2,000 long addresses": distinct(2_000, lambda n: f"/Tms/{n}?{'a&' * 6_000}", known=False),
    "100 requests of 500 kB of facts, and their page": then(
        again(100, one("/__admin/approval-requests", JSON, facts(), known=False)), get("/manage-approvals", known=False)
    ),
    "50 cookies of 8 kB": many(
        20,
        lambda: send(
            "/", JSON, [], length=0, headers=[*(f"Cookie: {'a=b;' * 2_000}" for _ in range(50)), "Connection: close"]
        ),
    ),
    "a form of 4 MiB": one("/login", FORM, b"&".join([b"a=%41%42"] * 450_000), known=False),
}


def console_sim() -> list[str]:
    """Return the command that serves a console."""
    return [str(Path(sys.executable).with_name("console-sim")), "serve", "--port", str(PORT)]


def large() -> list[str]:
    """Return the command that serves an instance with `ROWS` incidents in a file."""
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    url = f"sqlite:///{Path(folder.name) / 'large.db'}"
    blueprint = Blueprint.draw(Settings(database=url))
    store = Store(blueprint.database(url))
    instance = blueprint.instance(store, VirtualClock(), Ids(1))
    blueprint.build(instance)
    with instance.transaction(instance.system) as session:
        session.store_rows("incident", map(incident, range(ROWS)))
    store.close()
    return mock_servicenow(PORT, "--database", url)


def incident(number: int) -> dict[str, str]:
    """Return a row; ten have the same parent."""
    return {
        "sys_id": f"{number:032x}",
        "number": f"INC1{number:06}",
        "short_description": f"text {number * 7919 % ROWS}",
        "description": "some longer text " * 20,
        "parent": f"{number // 10:032x}",
    }


SIDES = {
    "large": Side(large, f"{TABLE}?sysparm_limit=1&sysparm_fields=number", LARGE),
    "mock": Side(lambda: mock_servicenow(PORT), f"{TABLE}?sysparm_limit=1&sysparm_fields=number", MOCK),
    "console": Side(console_sim, "/Tms/services/api/version", CONSOLE),
}


@dataclass(slots=True)
class Seen:
    """What was seen during an attack: the longest wait of another caller in milliseconds, and memory in MiB."""

    waited: float = 0
    memory: float = 0


def watched(server: Server, asked: str, attack: Attack) -> Seen:
    """Run the attack in a process of its own and return what was seen meanwhile."""
    client, seen = server.connect(), Seen()
    for _ in range(50):
        wait_of(client, asked)
    idle = server.resident
    ended = threading.Event()
    sampler = threading.Thread(target=sample, args=(server, seen, idle, ended))
    attacker = multiprocessing.get_context("fork").Process(target=run, args=(attack,))
    sampler.start()
    attacker.start()
    until = time.monotonic() + LONGEST + 5
    while attacker.is_alive() and time.monotonic() < until:
        seen.waited = max(seen.waited, wait_of(client, asked))
        time.sleep(0.002)
    attacker.kill()
    ended.set()
    sampler.join()
    return seen


def wait_of(client: Client, asked: str) -> float:
    """Return how many milliseconds an answer takes, whatever it is."""
    began = time.perf_counter()
    client.send("GET", asked).read()
    return (time.perf_counter() - began) * 1000


def sample(server: Server, seen: Seen, idle: float, ended: threading.Event) -> None:
    """Keep the most memory that the server has taken over what it took idle."""
    while not ended.wait(0.02):
        seen.memory = max(seen.memory, server.resident - idle)


def run(attack: Attack) -> None:
    """Attack until the server has answered or the time is over."""

    async def bounded() -> None:
        await asyncio.wait_for(attack(), LONGEST)

    with suppress(TimeoutError):
        asyncio.run(bounded())


def main() -> None:
    """Attack and print the table."""
    parser = ArgumentParser(prog="benchmarks.hostile", description=__doc__)
    parser.add_argument("side", nargs="?", choices=SIDES, default="mock")
    parser.add_argument("attack", nargs="?", default="", help="part of its name")
    asked = parser.parse_args()
    side = SIDES[asked.side]
    rows, command = [], side.command()
    for name, attack in side.attacks.items():
        if asked.attack not in name:
            continue
        with serve(command, PORT) as server:
            seen = watched(server, side.asked, attack)
        missed = " *" * (seen.waited > GOAL_MS or seen.memory > GOAL_MIB)
        rows.append([name + missed, f"{seen.waited:.0f} ms", f"{seen.memory:.0f} MiB"])
        print(rows[-1], flush=True)
    show(
        f"One caller attacks (* beyond {GOAL_MS} ms or {GOAL_MIB} MiB)",
        ["attack", "another waits at most", "memory over idle"],
        rows,
    )


if __name__ == "__main__":
    main()
