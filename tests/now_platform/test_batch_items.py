"""An item of a batch is answered as the same request outside a batch, whatever stands in its way."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.rest.router import APIS
from privman_core.virtual_clock import VirtualClock

Client = TestClient[web.Request, web.Application]
Answer = tuple[int, Any]
ADDRESSES = {
    "now/cmdb": ("/instance/cmdb_ci_server", "/instance/cmdb_ci_server/x"),
    "sn_sc/servicecatalog": ("/items", "/items/x", "/cart"),
    "now/doc": ("/table/schema",),
    "now/ui": ("/meta/u_vault", "/user/current_user"),
    "now/attachment": ("", "/x", "/x/file", "/file"),
    "global/em": ("/jsonv2",),
}
"""Addresses of an API, for those that serve no tables."""
TABLES = ("", "/u_vault", "/u_vault/x", "/u_bunk")
UNKNOWN = (
    "/api/now",
    "/api/now/v3/table/u_toy",
    "/api/bunk/table/u_toy",
    "/api/now/table/u_toy/x/y/z",
    "/api/now/table/",
)
VERBS = ("GET", "HEAD", "DELETE", "PATCH", "POST", "OPTIONS", "PURGE")
READING = ("GET", "HEAD", "OPTIONS", "PURGE")


def addresses() -> Iterator[str]:
    """Yield addresses of every API but that of batches, which none may contain, and addresses of none."""
    for api in APIS:
        if api != "now/batch":
            yield from (f"/api/{api}{rest}" for rest in ADDRESSES.get(api, TABLES))
    yield from UNKNOWN


CALLS = tuple(product(VERBS, addresses()))


async def direct(client: Client, verb: str, address: str) -> Answer:
    """Return the status and the body of a request's answer."""
    answer = await client.request(verb, address)
    text = await answer.text()
    return answer.status, json.loads(text) if text else None


async def in_batch(client: Client, *calls: tuple[str, str]) -> list[Answer]:
    """Return the statuses and the bodies of the answers to the items of a batch."""
    items = [{"id": str(number), "method": verb, "url": address} for number, (verb, address) in enumerate(calls)]
    answer = await client.post("/api/now/v1/batch", json={"batch_request_id": "1", "rest_requests": items})
    assert answer.status == 200, await answer.text()
    told = await answer.json()
    assert told["unserviced_requests"] == []
    bodies = [b64decode(each["body"]) for each in told["serviced_requests"]]
    statuses = [each["status_code"] for each in told["serviced_requests"]]
    return [(status, json.loads(body) if body else None) for status, body in zip(statuses, bodies, strict=True)]


async def differing(client: Client, *calls: tuple[str, str]) -> dict[tuple[str, str], tuple[Answer, Answer]]:
    """Return what differs between the requests, and the same requests as items of a batch."""
    items = await in_batch(client, *calls)
    answers = [await direct(client, *call) for call in calls]
    return {call: (answer, item) for call, answer, item in zip(calls, answers, items, strict=True) if answer != item}


@pytest.mark.long
async def test_what_administrators_read(client: Client) -> None:
    """Every address, by every verb that changes nothing."""
    assert await differing(client, *(call for call in CALLS if call[0] in READING)) == {}


@pytest.mark.long
async def test_users_without_rights(user: Client) -> None:
    """Every address and verb."""
    assert await differing(user, *CALLS) == {}


@pytest.mark.long
@pytest.mark.parametrize("enabled", [False, True], ids=["disabled", "others enabled"])
async def test_disabled_apis(client: Client, create: Callable[..., str], *, enabled: bool) -> None:
    """Docs: a batch may contain any API that is available on the instance."""
    paths = [api for api in APIS if api != "now/batch"]
    name, value = ("enabled", "Batch API") if enabled else ("disabled", ",".join(paths))
    create("sys_properties", name=f"glide.rest.apis.{name}", value=value)
    calls = [(verb, path) for verb, path in CALLS if verb in {"GET", "POST"} and path not in UNKNOWN]
    assert await differing(client, *calls) == {}
    assert {status for status, _ in await in_batch(client, *calls)} == {403}


async def test_rate_limits(client: Client, create: Callable[..., str], clock: VirtualClock) -> None:
    """An item counts as a request of its own (I), so no batch gets past a limit, nor past what it has used up."""
    create("sys_rate_limit_rules", name="None", rest_api="Aggregate API", request_limit_per_hour="0")
    create("sys_rate_limit_rules", name="Two", rest_api="Table API", request_limit_per_hour="2")
    statistics, table = ("GET", "/api/now/stats/u_toy?sysparm_count=true"), ("GET", "/api/now/table/u_toy")
    assert await differing(client, statistics) == {}
    assert [status for status, _ in await in_batch(client, table, statistics, table)] == [200, 429, 200]
    await clock.advance(30)
    assert await differing(client, table) == {}
    assert (await direct(client, *table))[0] == 429


@pytest.mark.long
async def test_keys_that_open_one_api(anonymous: Client, create: Callable[..., str], instance: Instance) -> None:
    """Every address, with a key of the Batch API alone."""
    with instance.transaction(instance.system) as session:
        parameter = session.find("sys_token_auth_parameter", type="auth_header")
        assert parameter is not None
    profile = create("http_key_auth", name="Keys", auth_parameter=parameter.sys_id)
    policy = create("sys_api_access_policy", name="Batches", api="Batch API")
    create("sys_auth_profile_mapping", api_access_policy=policy, inbound_auth_profile=profile)
    create("api_key", name="Key", token="now_key-of-the-admin", user="6816f79cc0a8016401c5a33be04be441")
    anonymous.session.headers["x-sn-apikey"] = "now_key-of-the-admin"
    assert await differing(anonymous, *(call for call in CALLS if call[0] in {"GET", "POST"})) == {}
