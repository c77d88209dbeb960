"""CORS rules (Docs: define a CORS rule, CORS domain requirements)."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from privman_core.journal import Journal

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
TABLE = "/api/now/table/cmn_department"
PAGE = {"Origin": "https://shop.example.com"}
ASKS = {**PAGE, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-custom"}
RULE = {"name": "Shop", "rest_api": "Table API", "domain": "https://shop.example.com", "method_get": "true"}


async def test_without_a_rule_no_page_is_let_in(client: Client, anonymous: Client) -> None:
    """The answer says nothing of other origins, so a browser keeps it to itself."""
    assert "Access-Control-Allow-Origin" not in (await client.get(TABLE, headers=PAGE)).headers
    asked = await anonymous.options(TABLE, headers=ASKS)
    assert asked.status == 403
    assert "Access-Control-Allow-Origin" not in asked.headers


async def test_a_rule_lets_a_page_in(client: Client, anonymous: Client, create: Create) -> None:
    """A browser asks first, without credentials; then it sends the request."""
    create("sys_cors_rule", **RULE, allow_headers="*", expose_headers="Link", allow_credentials="true", max_age="60")
    asked = await anonymous.options(TABLE, headers=ASKS)
    told = {name: value for name, value in asked.headers.items() if name.startswith("Access-Control")}
    assert (asked.status, told) == (
        200,
        {
            "Access-Control-Allow-Origin": "https://shop.example.com",
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": "Link",
            "Access-Control-Allow-Methods": "GET",
            "Access-Control-Max-Age": "60",
            "Access-Control-Allow-Headers": "x-custom",
        },
    )
    answer = await client.get(TABLE, headers=PAGE)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "https://shop.example.com")
    assert (await anonymous.get(TABLE, headers=PAGE)).status == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"rest_api": "Aggregate API"},
        {"domain": "https://other.example.com"},
        {"domain": "http://shop.example.com"},
        {"domain": "*"},
        {"domain": "https://shop.*.com"},
        {"active": "false"},
        {"method_get": "false", "method_post": "true"},
    ],
)
async def test_rules_about_something_else(client: Client, create: Create, changes: dict[str, str]) -> None:
    """Another API, origin, scheme or verb; a domain that the requirements do not allow."""
    create("sys_cors_rule", **RULE | changes)
    assert "Access-Control-Allow-Origin" not in (await client.get(TABLE, headers=PAGE)).headers


async def test_the_closest_domain_wins(client: Client, create: Create) -> None:
    """An exact one, else the longest behind a wildcard, which allows no credentials and is no part of an address."""

    async def exposed(origin: str) -> str | None:
        return (await client.get(TABLE, headers={"Origin": origin})).headers.get("Access-Control-Expose-Headers")

    for domain in ("https://*.example.com", "https://*.blog.example.com", "https://a.blog.example.com"):
        create("sys_cors_rule", **RULE | {"domain": domain, "expose_headers": domain[8:], "allow_credentials": "true"})
    assert await exposed("https://a.blog.example.com") == "a.blog.example.com"
    assert await exposed("https://b.blog.example.com") == "*.blog.example.com"
    assert await exposed("https://Shop.Example.com") == "*.example.com"
    assert await exposed("https://example.com") is None
    answer = await client.get(TABLE, headers={"Origin": "https://b.blog.example.com"})
    assert "Access-Control-Allow-Credentials" not in answer.headers
    create("sys_cors_rule", **RULE | {"domain": "http://*.168.1.126", "expose_headers": "x"})
    assert await exposed("http://192.168.1.126") is None


async def test_cors_can_be_switched_off(client: Client, create: Create) -> None:
    """By a property."""
    create("sys_cors_rule", **RULE)
    assert "Access-Control-Allow-Origin" in (await client.get(TABLE, headers=PAGE)).headers
    create("sys_properties", name="glide.rest.cors.enabled", value="false")
    assert "Access-Control-Allow-Origin" not in (await client.get(TABLE, headers=PAGE)).headers


@pytest.mark.parametrize("odd", ["a\r\nX-Evil: 1", "a\nb", "a\x01b", "a\x7fb"])
async def test_odd_headers_of_a_rule_are_sent_without_what_no_header_holds(
    client: Client, create: Create, odd: str
) -> None:
    """Else every call from that origin would lose its connection."""
    create("sys_cors_rule", **RULE, allow_headers=odd, expose_headers=odd, max_age=odd)
    answer = await client.get(TABLE, headers=PAGE)
    assert answer.status == 200
    assert answer.headers["Access-Control-Expose-Headers"].startswith("a ")
    assert "X-Evil" not in answer.headers
    asked = await client.options(TABLE, headers=ASKS)
    assert asked.headers["Access-Control-Allow-Headers"].startswith("a ")


@pytest.mark.parametrize("verb", ["GET", "HEAD"])
async def test_head_goes_with_get(client: Client, anonymous: Client, create: Create, verb: str) -> None:
    """In the answer, and when a browser asks first."""
    create("sys_cors_rule", **RULE)
    answer = await client.request(verb, TABLE, headers=PAGE)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example.com"
    assert (await anonymous.options(TABLE, headers=ASKS | {"Access-Control-Request-Method": verb})).status == 200


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"domain": "*.example.com"}, "its domain is '*.example.com'; expected one such as https://shop.example.com"),
        ({"domain": "https://*"}, "its domain is 'https://*'"),
        ({"domain": ""}, "its domain is ''"),
        ({"method_get": "false"}, "it allows no method"),
        ({"rest_api": ""}, "it names no REST API"),
    ],
)
async def test_a_rule_that_never_acts_is_a_finding(
    client: Client, journal: Journal, changes: dict[str, str], why: str
) -> None:
    """Each time it is written and active."""
    made = await client.post("/api/now/table/sys_cors_rule", json=RULE | changes)
    address = f"/api/now/table/sys_cors_rule/{(await made.json())['result']['sys_id']}"
    await client.patch(address, json={"active": "false"})
    [message] = [finding.message for _, finding in journal.findings()]
    assert why in message
