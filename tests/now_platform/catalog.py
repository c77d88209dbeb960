"""Calls of the Service Catalog API."""

from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
API = "/api/sn_sc/servicecatalog"
SERVICE, TECHNICAL = "e0d08b13c3330100c8b837659bba8fb4", "742ce428d7211100f2d224837e61036d"
IPAD, EMAIL = "060f3afa3731300054b6a3549dbe5d3e", "186d917a6fab7980575967ddbb3ee4f2"
TABLETS, HARDWARE = "b06546f23731300054b6a3549dbe5dd8", "d258b953c611227a0146101fb1be7c31"
PRODUCER = "3f1dd0320a0a0b99000a53f7604a2ef9"
ONE = {"sysparm_quantity": 1}
NOBODY = "0" * 32


async def got(client: Client, path: str, verb: str = "GET", body: object = None, status: int = 200) -> Any:
    """Return a result."""
    answer = await client.request(verb, f"{API}/{path}", json=body)
    assert answer.status == status, await answer.text()
    return (await answer.json())["result"]


async def refused(client: Client, path: str, verb: str = "GET", body: object = None) -> tuple[int, str]:
    """Return status and message of an error."""
    answer = await client.request(verb, f"{API}/{path}", json=body)
    return answer.status, (await answer.json())["error"]["message"]


async def rows(client: Client, table: str, query: str) -> list[dict[str, str]]:
    """Return the raw records that a query finds."""
    parameters = {"sysparm_query": query, "sysparm_exclude_reference_link": "true"}
    answer = await client.get(f"/api/now/table/{table}", params=parameters)
    found: list[dict[str, str]] = (await answer.json())["result"]
    return found
