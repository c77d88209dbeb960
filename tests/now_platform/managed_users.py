"""Writes of a user who manages others, and is no administrator."""

from collections.abc import Callable

from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]
Grant = Callable[[str, str], None]
Create = Callable[..., str]
TABLES = "/api/now/table"
ADMIN_ID = "6816f79cc0a8016401c5a33be04be441"
ADMIN_ROLE = "2831a114c611228501d4ea6c309d626d"


async def write(client: Client, table: str, sys_id: str = "", /, **values: str) -> int:
    """Return the status of an insert, or of an update of the record."""
    path = f"{TABLES}/{table}/{sys_id}".rstrip("/") + "?sysparm_input_display_value=true"
    answer = await (client.patch if sys_id else client.post)(path, json=values)
    if answer.status == 403:
        assert (await answer.json())["error"]["detail"].startswith("ACL Exception ")
    return answer.status
