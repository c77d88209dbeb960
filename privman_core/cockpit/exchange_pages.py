"""The cockpit's page of one exchange."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web
from msgspec.structs import replace

from privman_core.cockpit.addresses import table_of
from privman_core.cockpit.chosen_exchanges import one_chosen, previous_like
from privman_core.cockpit.contract_comparison import ContractComparison
from privman_core.cockpit.exchange_actions import actions_of
from privman_core.cockpit.exchange_facts import ExchangeRow, PrintedFinding
from privman_core.cockpit.merged_rows import MergedRow
from privman_core.cockpit.merging import merged_row
from privman_core.cockpit.parties import Parties, PartyFinder
from privman_core.exchange import path_of
from privman_core.inputs import visible
from privman_core.json_texts import indented
from privman_core.pages.site import Visit

_SYS_ID = re.compile(r"/([0-9a-f]{32})$")
_MADE = re.compile(r'"sys_id": ?"([0-9a-f]{32})"')
LONGEST_BODY = 64 * 1024
"""Characters of a body that the page of an exchange shows."""


class ExchangePages:
    """Shows one exchange."""

    def __init__(self, parties: PartyFinder) -> None:
        self._parties = parties

    async def show(self, visit: Visit) -> web.Response:
        """Show the exchange of a number in the journal of a party."""
        parties = await self._parties.find()
        chosen = await one_chosen(parties, visit)
        party, found = chosen.party, chosen.detail
        pair = await merged_row(parties.all, party, found.row)
        compared = _excused(await party.compared(chosen.number), pair)
        return await visit.page(
            "cockpit/exchange.html",
            title=f"Exchange {chosen.number} of {party.name}",
            parties=parties,
            party=party,
            chosen=chosen,
            actions=actions_of(chosen, parties, visit),
            previous=await previous_like(chosen),
            pair=pair,
            other=pair.beside(party),
            found=found,
            row=found.row,
            summary=_summary(pair, found.row, compared),
            compared=compared,
            findings=[
                _ShownExchange(each, compared) for each in found.printed["findings"] if not _is_excused(each, pair)
            ],
            printed=_readable(found.printed),
            record=_record_page(parties, found.row, found.printed["response"]["body"]),
        )


def _record_page(parties: Parties, row: ExchangeRow, answer: str) -> str:
    """Return the address of ServiceNow's form of the record that an exchange names or makes; empty for none."""
    servicenow, table = parties.named("ServiceNow"), table_of(row.url)
    if servicenow is None or not table:
        return ""
    made = _MADE.search(answer) if row.status == HTTPStatus.CREATED else None
    found = _SYS_ID.search(path_of(row.url)) or made
    return f"{servicenow.url}/{table}.do?sys_id={found[1]}" if found else ""


def _excused(compared: ContractComparison, pair: MergedRow) -> ContractComparison:
    """Return the comparison, with a note if a fault of either party struck the exchange."""
    if not pair.fault or compared.note:
        return compared
    note = f"The fault {pair.fault} of {pair.fault_party} struck this exchange, so no difference is a finding."
    return replace(compared, note=note)


def _is_excused(finding: PrintedFinding, pair: MergedRow) -> bool:
    return bool(pair.fault) and finding["kind"] == "violation"


class _ShownExchange:
    """A finding, and the id of the row that it is about."""

    def __init__(self, printed: PrintedFinding, compared: ContractComparison) -> None:
        self.printed = {key: visible(str(text)) for key, text in printed.items()}
        self.row = compared.row(printed["where"], printed["message"])


def _readable(printed: Mapping[str, Any]) -> dict[str, Any]:
    """Return an exchange as the control plane prints it, with JSON bodies indented, and controls of text visible."""
    return {**printed, **{part: _readable_message(printed[part]) for part in ("request", "response")}}


def _readable_message(printed: Mapping[str, Any]) -> dict[str, Any]:
    headers = [(name, visible(value)) for name, value in printed["headers"]]
    return {"headers": headers, "body": visible(indented(printed["body"], LONGEST_BODY))}


def _summary(pair: MergedRow, row: ExchangeRow, compared: ContractComparison) -> str:
    """Return in a sentence or two what happened, and the first difference from the contract."""
    asked = f"{pair.sender_name} to {pair.answerer_name}: {compared.happened or f'{row.method} {path_of(row.url)}'}."
    if pair.replay:
        asked = f"{asked} It was {pair.replay}."
    why = f"Why: {pair.answerer_row.refusal}." if pair.answerer_row.refusal else ""
    return " ".join(filter(None, (asked, _answered(row, compared), why, pair.failure, _judged(row, compared))))


def _answered(row: ExchangeRow, compared: ContractComparison) -> str:
    if row.verdict == "running":
        return "It has not been answered yet."
    if not row.status:
        return f"No answer came: {row.error}."
    meaning = f": {compared.answered}" if compared.answered else ""
    return f"The answer was {row.status}{meaning}."


def _judged(row: ExchangeRow, compared: ContractComparison) -> str:
    """Return the verdict, with the first difference if there is one."""
    if compared.note or row.verdict == "running":
        return compared.note
    if not compared.happened:
        return "No contract describes this exchange."
    first = next(iter(compared.differing), None)
    if first is None:
        return "It kept its contract."
    kept = "did not keep its contract" if first.state == "differs" else "kept its contract, but has a doubtful value"
    more = len(compared.differing) - 1
    others = f" There {'is 1 more difference' if more == 1 else f'are {more} more differences'}." if more else ""
    return f"It {kept}: {first.problems[0]}{others}"
