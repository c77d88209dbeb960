"""Rate limit rules: the users they limit, when they apply, and the headers of the answer."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from privman_core.virtual_clock import VirtualClock

Client = TestClient[web.Request, web.Application]
INCIDENTS = "/api/now/table/incident?sysparm_limit=1"
ADMIN = "6816f79cc0a8016401c5a33be04be441"
ADMIN_ROLE = "2831a114c611228501d4ea6c309d626d"
RESET = int(datetime(2026, 1, 5, 10, 0, tzinfo=UTC).timestamp())
TOLD = ("X-RateLimit-Limit", "X-RateLimit-Reset", "X-RateLimit-Rule", "Retry-After")
Create = Callable[..., str]
Change = Callable[..., None]


@pytest.fixture
def limit(create: Create) -> Callable[..., str]:
    """Return a function that makes a rule for the Table API and returns its sys_id."""

    def limit(requests: int, **values: str) -> str:
        return create("sys_rate_limit_rules", name="Limit", request_limit_per_hour=str(requests), **values)

    return limit


async def told(client: Client, url: str = INCIDENTS) -> str:
    """Return the rule that the headers of an answer name; empty if there is none."""
    response = await client.get(url)
    assert response.status == 200
    return response.headers.get("X-RateLimit-Rule", "")


async def after_flush(client: Client, clock: VirtualClock, requests: int) -> ClientResponse:
    """Make requests and return the answer to one more, once they have been counted."""
    for _ in range(requests):
        assert (await client.get(INCIDENTS)).status == 200
    await clock.advance(30)
    return await client.get(INCIDENTS)


async def test_no_rule_is_active_out_of_the_box(client: Client) -> None:
    """A request that matches no rule carries no such header."""
    response = await client.get(INCIDENTS)
    assert not set(TOLD) & set(response.headers)


async def test_a_rule_without_a_limit_limits_nothing(client: Client, create: Create) -> None:
    """A rule without a number of requests has no effect (inferred), so that it can be deleted again."""
    create("sys_rate_limit_rules", name="Limit")
    assert await told(client) == ""


async def test_headers(client: Client, limit: Callable[..., str]) -> None:
    """The answer to every request under a rule names limit, reset and rule."""
    rule = limit(100)
    response = await client.get(INCIDENTS)
    assert [response.headers.get(name) for name in TOLD] == ["100", str(RESET), rule, None]


async def test_too_many_requests(client: Client, limit: Callable[..., str], clock: VirtualClock) -> None:
    """Past the limit the answer is 429 with the documented body and the seconds to wait."""
    rule = limit(2)
    response = await after_flush(client, clock, 2)
    assert response.status == 429
    assert await response.json() == {
        "error": {
            "message": "Rate limit exceeded",
            "detail": "Rate limit of 2 requests per hour for Table API exceeded",
        },
        "status": "failure",
    }
    assert [response.headers.get(name) for name in TOLD] == ["2", str(RESET), rule, "3570"]
    assert response.headers["Server"] == "ServiceNow"


async def test_a_rule_applies_from_the_next_interval(
    client: Client, limit: Callable[..., str], clock: VirtualClock
) -> None:
    """What a node counts is held against the rule up to 30 s later, so a burst gets through (trap 32)."""
    limit(2)
    assert (await after_flush(client, clock, 10)).status == 429


async def test_counts_add_up(client: Client, limit: Callable[..., str], clock: VirtualClock) -> None:
    """Every flush adds to those before it."""
    limit(3)
    assert (await after_flush(client, clock, 2)).status == 200
    await clock.advance(30)
    assert (await client.get(INCIDENTS)).status == 429


async def test_an_hour_later(client: Client, limit: Callable[..., str], clock: VirtualClock) -> None:
    """With the next hour the count begins anew."""
    limit(1)
    response = await after_flush(client, clock, 1)
    await clock.advance(float(response.headers["Retry-After"]))
    assert (await client.get(INCIDENTS)).status == 200


async def test_each_user_is_counted_separately(
    client: Client, user: Client, limit: Callable[..., str], clock: VirtualClock
) -> None:
    """A node counts for each user."""
    limit(1)
    assert (await after_flush(client, clock, 1)).status == 429
    assert (await user.get(INCIDENTS)).status == 200


async def test_a_changed_limit_starts_anew(
    client: Client, limit: Callable[..., str], change: Change, clock: VirtualClock
) -> None:
    """Changing a rule's limit sets its count to 0."""
    limit(1)
    assert (await after_flush(client, clock, 1)).status == 429
    change("sys_rate_limit_rules", "name", "Limit", request_limit_per_hour="2")
    assert (await client.get(INCIDENTS)).status == 200


@pytest.mark.long
async def test_precedence(
    client: Client, user: Client, limit: Callable[..., str], create: Create, grant: Callable[[str, str], None]
) -> None:
    """A single user's rule comes before a role's, of several the lowest, and that before everybody's."""
    grant("plain", "one")
    everybody = limit(1)
    assert await told(client) == everybody
    other = create("sys_user_role", name="other")
    limit(1, apply_to="users_with_role", role=other)
    assert await told(client) == everybody
    limit(500, apply_to="users_with_role", role=ADMIN_ROLE)
    strict = limit(400, apply_to="users_with_role", role=ADMIN_ROLE)
    assert await told(client) == strict
    single = limit(1000, apply_to="single_user", user=ADMIN)
    assert await told(client) == single
    assert await told(user) == everybody


@pytest.mark.parametrize(
    ("values", "concerned"),
    [
        ({"rest_api": "Table API"}, True),
        ({"rest_api": "now/table"}, True),
        ({"table": "incident"}, True),
        ({"table": "problem"}, False),
        ({"rest_api": "Aggregate API"}, False),
        ({"active": "false"}, False),
        ({"apply_to": "users_with_role", "role": "0" * 32}, False),
        ({"apply_to": "single_user", "user": "0" * 32}, False),
    ],
)
async def test_what_a_rule_concerns(
    client: Client, limit: Callable[..., str], values: dict[str, str], *, concerned: bool
) -> None:
    """A rule is about one API, perhaps one table, while it is active."""
    rule = limit(5, **values)
    assert await told(client) == (rule if concerned else "")


async def test_a_refused_request_is_not_counted(
    anonymous: Client, client: Client, limit: Callable[..., str], clock: VirtualClock
) -> None:
    """A request without credentials that hold meets no rule."""
    limit(1)
    response = await anonymous.get(INCIDENTS)
    assert response.status == 401
    assert not set(TOLD) & set(response.headers)
    await clock.advance(30)
    assert (await client.get(INCIDENTS)).status == 200


async def test_an_error_names_the_rule_too(client: Client, limit: Callable[..., str]) -> None:
    """Errors of a matching request carry the headers as well."""
    limit(5)
    response = await client.get("/api/now/table/bunk")
    assert response.status == 400
    assert response.headers["X-RateLimit-Limit"] == "5"


async def test_other_addresses_have_no_user(anonymous: Client) -> None:
    """Paths outside the APIs have no rule."""
    assert (await anonymous.get("/oauth_revoke_token.do")).status == 200
