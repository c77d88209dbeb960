"""The calls of the control plane that wait for ServiceNow."""

from collections.abc import Callable, Coroutine
from typing import Any

from .conftest import METADATA, ConsoleUnderTest

REPORT = {**METADATA, "UserName": "Ada", "AgentName": "pc", "FilePath": "/bin/ls"}
Call = Callable[[ConsoleUnderTest, list[str]], Coroutine[Any, Any, tuple[int, Any]]]
"""Gets the ids of requests that wait for a decision; returns status and body."""


def posting(path: str, **body: Any) -> Call:
    """Return what posts that; ``{first}`` and ``{all}`` are the requests that wait."""

    async def post(console: ConsoleUnderTest, waiting: list[str]) -> tuple[int, Any]:
        given = {key: waiting if value == "{all}" else value for key, value in body.items()}
        return await console.call("POST", f"/__admin{path.format(first=waiting[0] if waiting else '')}", given)

    return post


async def _set_up(console: ConsoleUnderTest, _waiting: list[str]) -> tuple[int, Any]:
    """Set up a second foreign system."""
    servicenow = console.servicenow
    login = {"servicenow_user": servicenow.user, "servicenow_password": servicenow.password}
    order = {"servicenow_url": servicenow.url, **login, "name": "Second"}
    return await console.call("POST", "/__admin/setup", order)


async def _restart(console: ConsoleUnderTest, _waiting: list[str]) -> tuple[int, Any]:
    """Restart, which attempts what waits for a retry."""
    return await console.call("POST", "/__admin/restart")


SLOW_CALLS: dict[str, Call] = {
    "ask": posting("/approval-requests", metadata={**REPORT, "FilePath": "/bin/cat"}),
    "run": posting("/run", metadata={**REPORT, "FilePath": "/bin/cat"}),
    "decide": posting("/approval-requests/{first}/decide", response="Deny"),
    "decide several": posting("/approval-requests/decide", request_ids="{all}", response="Deny"),
    "set up": _set_up,
    "foreign system": posting("/foreign-system", post_uri="https://pm.example/approve"),
    "credential": posting("/credential", credential="ServiceNow webhook", password="other"),
    "Secret": posting("/api-user/reset-secret", update_credential=True),
    "restart": _restart,
}
