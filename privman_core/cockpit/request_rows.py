"""The exchanges that belong to one approval request, or to the registration that it uses."""

import asyncio
from collections.abc import Sequence

from privman_core.cockpit.addresses import line_like
from privman_core.cockpit.approval_facts import MOST_ABOUT, MOST_REGISTERING
from privman_core.cockpit.exchange_facts import ExchangeDetail, FoundExchanges
from privman_core.cockpit.merged_rows import MergedRow
from privman_core.cockpit.merging import merged, with_other_entries
from privman_core.cockpit.parties import Parties
from privman_core.cockpit.shown_party import ShownParty
from privman_core.cuts import cut
from privman_core.exchange import path_of

MOST_EXPLAINED = 6
"""Failed exchanges that a page explains."""
ANSWER = "Answer: "
"""The note with the text of an answer begins so."""
_MOST_PATHS, _LONGEST_NOTE = 4, 300
_Found = list[tuple[ShownParty, FoundExchanges]]


async def rows_about(parties: Parties, about: Sequence[FoundExchanges], request_id: str) -> list[MergedRow]:
    """Return the newest exchanges that belong to a request, oldest first; ``about`` is what each party knows of them.

    Each party knows to which request its exchanges belong, but of a token call only its sender does. So both journals
    are searched again for the paths of exchanges that seem to be in one journal only.
    """
    found = list(zip(parties, about, strict=True))
    rows = merged(found).rows
    paths = dict.fromkeys(path_of(row.url) for row in rows if not row.is_pair and _is_between(parties, row))
    for path in list(paths)[:_MOST_PATHS]:
        alike = await _find(parties, line_like(path))
        found = [(party, _joined(part, more)) for (party, part), (_, more) in zip(found, alike, strict=True)]
    rows = merged(found).rows if paths else rows
    return [row for row in reversed(rows) if request_id in row.about]


async def rows_registering(parties: Parties, found: Sequence[FoundExchanges]) -> list[MergedRow]:
    """Return the newest exchanges of those that each party has found about registrations, oldest first.

    Exchanges about requests are left out, although they may read the activity type, and forms that were refused.
    """
    both = merged(list(zip(parties, found, strict=True))).rows
    rows = [row for row in both if not row.about and not _is_refused_form(row)][:MOST_REGISTERING]
    return (await with_other_entries(parties.all, rows))[::-1]


async def explained(rows: Sequence[MergedRow]) -> dict[int, list[str]]:
    """Return what explains the newest failed exchanges, by their places: the answer, and both parties' findings."""
    failed = [place for place, row in enumerate(rows) if row.sender_row.tone == "bad"][-MOST_EXPLAINED:]
    notes = await asyncio.gather(*(_explanation(rows[place]) for place in failed))
    return dict(zip(failed, notes, strict=True))


async def _explanation(row: MergedRow) -> list[str]:
    details = await asyncio.gather(*(party.exchange(row.number) for party, row in row.entries))
    judged = not row.fault
    why = [f"Why: {row.answerer_row.refusal}."] if row.answerer_row.refusal else []
    notes = (note for each in details if each is not None for note in _notes(each, judged=judged))
    return list(dict.fromkeys(filter(None, (*why, row.failure, *notes))))


async def _find(parties: Parties, line: str) -> _Found:
    """Return what each party finds; asks all at the same time."""
    parts = await asyncio.gather(*(party.find(line, MOST_ABOUT) for party in parties))
    return list(zip(parties, parts, strict=True))


def _is_between(parties: Parties, row: MergedRow) -> bool:
    """Return whether both parties of an exchange are parties that are shown."""
    return bool(parties.named(row.sender_name) and parties.named(row.answerer_name))


def _is_refused_form(row: MergedRow) -> bool:
    return row.sender_name == "Browser" and row.sender_row.tone == "bad"


def _joined(one: FoundExchanges, other: FoundExchanges) -> FoundExchanges:
    """Return the rows of both searches, newest first."""
    rows = {row.number: row for part in (one, other) for row in part.rows}
    return FoundExchanges(sorted(rows.values(), key=lambda row: row.number, reverse=True))


def _notes(detail: ExchangeDetail, *, judged: bool) -> list[str]:
    """Return the explanations of a failure: the text of a short answer, and the findings; violations only if judged."""
    body = detail.printed["response"]["body"].strip()
    said = [f"{ANSWER}{body}"] if body and len(body) <= _LONGEST_NOTE and not body.startswith("<") else []
    others = (each for each in detail.printed["findings"] if each["message"] != detail.row.refusal)
    shown = (each for each in others if judged or each["kind"] != "violation")
    findings = [f"{each['rule']}: {each['message']}" for each in shown]
    return [cut(text, _LONGEST_NOTE + len(ANSWER)) for text in (*said, *findings)]
