"""API keys: what opens an API to them, where they are carried, and when they end."""

from collections.abc import Callable

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from privman_core.journal import Journal
from privman_core.virtual_clock import VirtualClock

Client = TestClient[web.Request, web.Application]
INCIDENTS = "/api/now/table/incident?sysparm_limit=1"
KEY = "now_key-of-the-plain-user"
HEADER = {"x-sn-apikey": KEY}
IN_QUERY = f"{INCIDENTS}&x-sn-apikey={KEY}"
Create = Callable[..., str]
Change = Callable[..., None]


@pytest.fixture
def key(create: Create) -> str:
    """Return the sys_id of the key of a plain user."""
    plain = create("sys_user", user_name="plain", name="Plain User")
    return create("api_key", name="Key", token=KEY, user=plain)


@pytest.fixture
def opened(instance: Instance, create: Create, key: str) -> Callable[..., str]:
    """Return a function that opens the Table API to keys in one place and returns the policy's sys_id."""
    assert key

    def opened(kind: str = "auth_header", **policy: str) -> str:
        with instance.transaction(instance.system) as session:
            parameter = session.find("sys_token_auth_parameter", type=kind)
            assert parameter is not None
        profile = create("http_key_auth", name="Keys", auth_parameter=parameter.sys_id)
        opening = create("sys_api_access_policy", **{"name": "Tables", "api": "Table API"} | policy)
        create("sys_auth_profile_mapping", api_access_policy=opening, inbound_auth_profile=profile)
        return opening

    return opened


async def status(client: Client, url: str = INCIDENTS, **headers: str) -> int:
    """Return the status of a call."""
    return (await client.get(url, headers=headers)).status


async def test_a_key_needs_a_policy(anonymous: Client, key: str) -> None:
    """Without an access policy no key opens anything, and the 401 is the usual one."""
    assert key
    response = await anonymous.get(INCIDENTS, headers=HEADER)
    assert response.status == 401
    assert (await response.json())["error"]["message"] == "User is not authenticated"


async def test_a_key_in_the_header(anonymous: Client, opened: Callable[..., str]) -> None:
    """Where the header is chosen the key acts as its user, and the query parameter does not count."""
    opened()
    response = await anonymous.post("/api/now/table/incident", json={}, headers=HEADER)
    assert response.status == 201
    assert (await response.json())["result"]["sys_created_by"] == "plain"
    assert await status(anonymous, IN_QUERY) == 401


async def test_a_key_in_the_query(anonymous: Client, opened: Callable[..., str]) -> None:
    """Where the query parameter is chosen the header does not count."""
    opened("query_param")
    assert await status(anonymous, IN_QUERY) == 200
    assert await status(anonymous, **HEADER) == 401


async def test_both_places(anonymous: Client, opened: Callable[..., str]) -> None:
    """Two policies may open both places."""
    opened()
    opened("query_param")
    assert await status(anonymous, IN_QUERY) == 200
    assert await status(anonymous, **HEADER) == 200


@pytest.mark.parametrize("sent", ["", "unknown", KEY.upper()])
async def test_invalid_keys_get_401(anonymous: Client, opened: Callable[..., str], sent: str) -> None:
    """An unknown key is refused."""
    opened()
    assert await status(anonymous, **{"x-sn-apikey": sent}) == 401


@pytest.mark.parametrize(
    "policy", [{"api": "Aggregate API"}, {"api": ""}, {"active": "false"}, {"apply_global": "true"}]
)
async def test_other_policies_open_nothing(
    anonymous: Client, opened: Callable[..., str], policy: dict[str, str]
) -> None:
    """A policy that names another API or none, is inactive or global lets no key in."""
    opened(**policy)
    assert await status(anonymous, **HEADER) == 401


@pytest.mark.parametrize("path", ["now/table", "/now/table/", "now/table/incident", "now/v2/table"])
async def test_policies_by_path(anonymous: Client, opened: Callable[..., str], path: str) -> None:
    """A policy may name the API by its path; a path without version covers every version."""
    opened(api_path=path)
    assert await status(anonymous, **HEADER) == 200
    assert await status(anonymous, "/api/now/v2/table/incident?sysparm_limit=1", **HEADER) == 200


async def test_one_method(anonymous: Client, opened: Callable[..., str]) -> None:
    """A policy may open a single verb."""
    opened(apply_all_methods="false", http_method="GET")
    assert await status(anonymous, **HEADER) == 200
    assert (await anonymous.post("/api/now/table/incident", json={}, headers=HEADER)).status == 401


async def test_a_profile_that_is_off(anonymous: Client, opened: Callable[..., str], change: Change) -> None:
    """An inactive profile opens nothing, and takes effect at once."""
    opened()
    assert await status(anonymous, **HEADER) == 200
    change("http_key_auth", "name", "Keys", active="false")
    assert await status(anonymous, **HEADER) == 401


async def test_a_prefix(anonymous: Client, opened: Callable[..., str], change: Change) -> None:
    """The prefix is removed from the key; a key without it is refused."""
    opened()
    change("sys_token_auth_parameter", "type", "auth_header", prefix="Key ")
    assert await status(anonymous, **{"x-sn-apikey": f"Key {KEY}"}) == 200
    assert await status(anonymous, **HEADER) == 401


async def test_a_key_expires(
    anonymous: Client, opened: Callable[..., str], change: Change, clock: VirtualClock
) -> None:
    """A key with an end is refused from then on."""
    opened()
    change("api_key", "name", "Key", expires="2026-01-05 09:01:00")
    await clock.advance(59)
    assert await status(anonymous, **HEADER) == 200
    await clock.advance(1)
    assert await status(anonymous, **HEADER) == 401


async def test_a_key_is_switched_off(anonymous: Client, opened: Callable[..., str], change: Change) -> None:
    """An inactive key is refused."""
    opened()
    change("api_key", "name", "Key", active="false")
    assert await status(anonymous, **HEADER) == 401


async def test_a_key_ends_with_its_user(anonymous: Client, opened: Callable[..., str], change: Change) -> None:
    """A key whose user is deactivated is refused."""
    opened()
    change("sys_user", "user_name", "plain", active="false")
    assert await status(anonymous, **HEADER) == 401


async def test_a_key_made_by_the_table_api(
    client: Client, anonymous: Client, opened: Callable[..., str], journal: Journal
) -> None:
    """A key is created as a display value; no read shows it, nor does the journal."""
    opened()
    made = {"name": "Other", "token": "other-key", "user": "admin"}
    response = await client.post("/api/now/table/api_key?sysparm_input_display_value=true", json=made)
    assert response.status == 201
    assert "other-key" not in await response.text()
    assert await status(anonymous, **{"x-sn-apikey": "other-key"}) == 200
    assert "other-key" not in printed(journal)


async def test_keys_are_masked(anonymous: Client, opened: Callable[..., str], journal: Journal) -> None:
    """The journal shows the key in neither place, and the parameter does not filter."""
    opened("query_param")
    await status(anonymous, IN_QUERY, **HEADER)
    assert KEY not in printed(journal)
    assert not journal.findings()


REFUSALS: dict[str, tuple[tuple[str, str, str, dict[str, str]], str]] = {
    "inactive": (("api_key", "name", "Key", {"active": "false"}), "'Key' is inactive"),
    "expired": (
        ("api_key", "name", "Key", {"expires": "2026-01-05 09:00:00"}),
        "'Key' expired at 2026-01-05 09:00:00",
    ),
    "another token": (("api_key", "name", "Key", {"token": "another"}), "no record of api_key has this token"),
    "inactive user": (
        ("sys_user", "user_name", "plain", {"active": "false"}),
        "the user of 'Key' is missing, inactive or locked out",
    ),
    "no user": (("api_key", "name", "Key", {"user": ""}), "the user of 'Key' is missing, inactive or locked out"),
    "inactive policy": (
        ("sys_api_access_policy", "name", "Tables", {"active": "false"}),
        "no active policy with a profile opens /api/now/table/incident to a key in the header x-sn-apikey",
    ),
    "inactive profile": (
        ("http_key_auth", "name", "Keys", {"active": "false"}),
        "no active policy with a profile opens /api/now/table/incident to a key in the header x-sn-apikey",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_refused_key_is_a_finding(
    anonymous: Client, opened: Callable[..., str], change: Change, journal: Journal, case: str
) -> None:
    """With its cause, and never with the key."""
    (table, column, value, changed), why = REFUSALS[case]
    opened()
    change(table, column, value, **changed)
    assert await status(anonymous, **HEADER) == 401
    findings = [(finding.rule, finding.message) for _, finding in journal.findings()]
    assert findings == [("api-key-refused", f"an API key is refused: {why}")]
    assert KEY not in printed(journal)


async def test_a_key_that_no_place_takes_is_a_finding(anonymous: Client, key: str, journal: Journal) -> None:
    """Without any policy; a call without a key has none."""
    assert key
    assert await status(anonymous, IN_QUERY) == 401
    assert await status(anonymous) == 401
    ((_, finding),) = journal.findings()
    assert finding.message.endswith(" opens /api/now/table/incident to a key in the parameter x-sn-apikey")


async def test_a_refused_key_beside_another_log_in_is_no_finding(
    client: Client, opened: Callable[..., str], journal: Journal
) -> None:
    """The call is let in as the user of the password."""
    opened()
    assert await status(client, **{"x-sn-apikey": "unknown"}) == 200
    assert not journal.findings()


def printed(journal: Journal) -> str:
    """Return the whole journal as the control plane prints it."""
    return orjson.dumps([journal.to_json(exchange) for exchange in journal.kept()]).decode()


@pytest.mark.parametrize("verb", ["DELETE", "patch", "POST"])
async def test_policies_apply_to_the_overriding_verb(anonymous: Client, opened: Callable[..., str], verb: str) -> None:
    """A key that reads does nothing else, whatever header says what the call is to do."""
    opened(apply_all_methods="false", http_method="GET")
    assert await status(anonymous, **HEADER) == 200
    assert await status(anonymous, **HEADER, **{"X-HTTP-Method-Override": verb}) == 401


@pytest.mark.parametrize("kind", ["auth_header", "query_param"])
@pytest.mark.parametrize("sent", [KEY, "now_key-that-is-mistyped"])
async def test_keys_in_custom_places_are_masked(  # noqa: PLR0913, PLR0917 - fixtures
    opened: Callable[..., str], anonymous: Client, instance: Instance, journal: Journal, kind: str, sent: str
) -> None:
    """The journal shows no key, whatever its header or parameter is called, nor one stored before the server began."""
    opened(kind)
    with instance.transaction(instance.system) as session:
        parameter = session.find("sys_token_auth_parameter", type=kind)
        assert parameter is not None
        session.update("sys_token_auth_parameter", parameter.sys_id, {"parameter_name": "x-door"})
    url, headers = (f"{INCIDENTS}&x-door={sent}", {}) if kind == "query_param" else (INCIDENTS, {"X-Door": sent})
    assert await status(anonymous, url, **headers) == (200 if sent == KEY else 401)
    assert sent not in str([journal.to_json(exchange) for exchange in journal.kept()])
