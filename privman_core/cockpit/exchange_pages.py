"""The cockpit's page of one exchange."""

from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from privman_core.cockpit.both_ends import BothEnds
from privman_core.pages.site import PageError, Visit

LONGEST_BODY = 64 * 1024
"""Characters of a body that the page of an exchange shows."""


class ExchangePages:
    """Shows one exchange."""

    def __init__(self, ends: BothEnds) -> None:
        self._ends = ends

    async def show(self, visit: Visit) -> web.Response:
        """Show the exchange of a number in the journal of an end."""
        name, number = visit.request.match_info["end"], int(visit.request.match_info["number"])
        ends = await self._ends.find()
        end = ends.named(name)
        if end is None:
            raise PageError(HTTPStatus.NOT_FOUND, f"No journal of {name!r}", ends.reason or "No end has this name.")
        found = await end.exchange(number)
        if found is None:
            detail = "The journal does not have this exchange: it has not happened yet, or is no longer kept."
            raise PageError(HTTPStatus.NOT_FOUND, f"Exchange {number} not found", detail)
        return await visit.page(
            "cockpit/exchange.html",
            title=f"Exchange {number} of {end.name}",
            ends=ends,
            end=end,
            found=found,
            row=found.row,
            printed=_readable(found.printed),
        )


def _readable(printed: dict[str, Any]) -> dict[str, Any]:
    """Return an exchange as the control plane prints it, with JSON bodies indented."""
    bodies = {part: {**printed[part], "body": _indented(printed[part]["body"])} for part in ("request", "response")}
    return {**printed, **bodies}


def _indented(body: str) -> str:
    """Return a body with its JSON indented, shortened to `LONGEST_BODY`."""
    if len(body) > LONGEST_BODY:
        return _shortened(body)
    try:
        return _shortened(orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode())
    except orjson.JSONDecodeError:
        return body


def _shortened(text: str) -> str:
    if len(text) <= LONGEST_BODY:
        return text
    return f"{text[:LONGEST_BODY]}\n… (the first {LONGEST_BODY:,} of {len(text):,} characters)"
