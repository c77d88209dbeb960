"""The cockpit's page of one exchange."""

import re
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from privman_core.cockpit.both_ends import BothEnds, Ends
from privman_core.cockpit.chosen_exchanges import one_chosen, previous_like
from privman_core.cockpit.contract_comparison import ContractComparison
from privman_core.cockpit.exchange_actions import actions_of
from privman_core.cockpit.exchange_summary import summary
from privman_core.cockpit.facts import ExchangeRow
from privman_core.cockpit.merged_rows import MergedRow, with_other_sides
from privman_core.cockpit.search import path_of, table_of
from privman_core.pages.site import Visit

_SYS_ID = re.compile(r"/([0-9a-f]{32})$")
_MADE = re.compile(r'"sys_id": ?"([0-9a-f]{32})"')
LONGEST_BODY = 64 * 1024
"""Characters of a body that the page of an exchange shows."""


class ExchangePages:
    """Shows one exchange."""

    def __init__(self, ends: BothEnds) -> None:
        self._ends = ends

    async def show(self, visit: Visit) -> web.Response:
        """Show the exchange of a number in the journal of an end."""
        ends = await self._ends.find()
        chosen = await one_chosen(ends, visit)
        end, found = chosen.end, chosen.detail
        compared = await end.compared(chosen.number)
        return await visit.page(
            "cockpit/exchange.html",
            title=f"Exchange {chosen.number} of {end.name}",
            ends=ends,
            end=end,
            chosen=chosen,
            actions=actions_of(chosen, ends, visit),
            previous=await previous_like(chosen),
            pair=(await with_other_sides(ends.all, [MergedRow(end, found.row)]))[0],
            found=found,
            row=found.row,
            summary=summary(end.name, found.row, compared),
            compared=compared,
            findings=[_ShownExchange(each, compared) for each in found.printed["findings"]],
            printed=_readable(found.printed),
            record=_record_page(ends, found.row, found.printed["response"]["body"]),
        )


def _record_page(ends: Ends, row: ExchangeRow, answer: str) -> str:
    """Return the address of the form in ServiceNow of the record that an exchange names or makes; empty for none."""
    servicenow, table = ends.named("ServiceNow"), table_of(row.url)
    if servicenow is None or not table:
        return ""
    made = _MADE.search(answer) if row.status == HTTPStatus.CREATED else None
    found = _SYS_ID.search(path_of(row.url)) or made
    return f"{servicenow.url}/{table}.do?sys_id={found[1]}" if found else ""


class _ShownExchange:
    """A finding, and the id of the row that it is about."""

    def __init__(self, printed: dict[str, str], compared: ContractComparison) -> None:
        self.printed = printed
        self.row = compared.row(printed["where"], printed["message"])


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
