"""Attacks on an instance as it is served."""

import json
import os
import re
from base64 import b64encode
from itertools import islice, permutations
from urllib.parse import quote

from benchmarks.hostile.attack import (
    FORM,
    JSON,
    MIB,
    TEN_MIB,
    XML,
    Attack,
    again,
    crumbs,
    distinct,
    endless,
    exchange,
    get,
    gzipped,
    half_a_head,
    joined,
    long_heads,
    many,
    never,
    one,
    send,
    then,
    unfinished,
)
from benchmarks.servers import AUTHORIZATION

TABLE = "/api/now/table/incident"


def batch(url: str, times: int = 1, body: bytes = b"") -> bytes:
    """Return a batch of so many equal items."""
    item = {"id": "1", "method": "POST" if body else "GET", "url": url, "body": b64encode(body).decode()}
    return json.dumps({"rest_requests": [item] * times}).encode()


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


def long_query(number: int) -> str:
    """Return a list of which the query has a hundred conditions, of many shapes."""
    columns = ["number", "short_description", "description", "caller_id.name", "category", "close_notes"]
    operators = ["LIKE", "STARTSWITH", "=", "!=", "ENDSWITH", ">"]
    terms = (
        f"{columns[(number * 7 + at * at) % 6]}{operators[(number // 6 + at * at * at) % 6]}{number}.{at}"
        for at in range(100)
    )
    return f"{TABLE}?sysparm_limit=1&sysparm_query={quote('^'.join(terms))}"


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


def long_urls() -> bytes:
    """Return a batch of which each item has a long URL of its own, of many parameters."""
    items = [{"id": "1", "method": "GET", "url": f"{TABLE}?sysparm_limit=1&{'a&' * 8_000}{n}"} for n in range(500)]
    return json.dumps({"rest_requests": items}).encode()


def regrouped(number: int) -> str:
    """Return the address of an aggregate by eight columns in an order of its own."""
    columns = next(islice(permutations(GROUPED), 7 * number, None))
    return f"/api/now/stats/incident?sysparm_count=true&sysparm_group_by={','.join(columns)}"


GROUPED = ("number", "description", "category", "state", "priority", "urgency", "impact", "active")
SENTENCE = " ".join(f"w{number}" for number in range(32))
JWT = b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=e30."
REQUESTS = "/api/now/table/x_thyti_thycotic_p_request"
WALKS = ",".join(f"parent.caller_id.manager.manager.{name}" for name in ("name", "email", "title", "city", "phone"))
MOCK: dict[str, Attack] = {
    "700 MiB of an upload, unfinished, by a stranger": unfinished("/api/now/attachment/file?file_name=a"),
    "700 MiB of an upload, unfinished, by a user": unfinished("/api/now/attachment/file?file_name=a", known=True),
    "50 endless bodies by strangers": many(50, endless(TABLE, known=False)),
    "50 endless bodies by users": many(50, endless(TABLE, known=True)),
    "16 bodies in chunks of a byte by strangers": many(16, crumbs(TABLE, known=False)),
    "16 bodies in chunks of a byte by users": many(16, crumbs(TABLE, known=True)),
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
    "2,000 aggregates by other columns": distinct(2_000, regrouped),
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
