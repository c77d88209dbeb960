"""The exchanges that belong to one approval request, or to the registration that it uses."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from privman_core.cockpit.both_ends import Ends
from privman_core.cockpit.ends import End
from privman_core.cockpit.facts import ExchangeDetail, FoundExchanges
from privman_core.cockpit.merged_rows import MergedRow, merged, with_other_sides
from privman_core.cockpit.search import path_of
from privman_core.cuts import cut

MOST_ROWS, MOST_REGISTERING, MOST_EXPLAINED = 60, 20, 6
"""Exchanges that a page shows of a request and of a registration, and failed ones that it explains."""
ANSWER = "Answer: "
"""Begins the note that has the text of an answer."""
_MOST_PATHS, _LONGEST_NOTE = 4, 300
_Found = list[tuple[End, FoundExchanges]]


async def rows_about(ends: Ends, request_id: str) -> list[MergedRow]:
    """Return the newest exchanges that belong to a request, oldest first.

    Each end knows of its own exchanges to which request they belong. Of a token call only its sender does, so calls
    that one end alone knows are looked for in the journal of the other.
    """
    found = await _find(ends, f"request:{request_id}")
    rows = merged(found).rows
    paths = dict.fromkeys(path_of(row.row.url) for row in rows if row.other is None and _is_between(ends, row))
    for path in list(paths)[:_MOST_PATHS]:
        alike = await _find(ends, f'path:"{path}"')
        found = [(end, _joined(part, more)) for (end, part), (_, more) in zip(found, alike, strict=True)]
    rows = merged(found).rows if paths else rows
    return [row for row in reversed(rows) if request_id in row.about]


async def rows_registering(ends: Ends, ids: Callable[[End], Iterable[str]]) -> list[MergedRow]:
    """Return the newest exchanges that made, read or changed the registrations with these ids of each end.

    A form of a request reads its activity type, too; exchanges about requests are left out.
    """
    parts = await asyncio.gather(*(_registering(end, ids(end)) for end in ends))
    rows = [row for row in merged(list(zip(ends, parts, strict=True))).rows if not row.about][:MOST_REGISTERING]
    return (await with_other_sides(ends.all, rows))[::-1]


async def explained(rows: Sequence[MergedRow]) -> dict[int, list[str]]:
    """Return what explains the newest exchanges that failed, by their places: the answer, and findings of both ends."""
    failed = [place for place, row in enumerate(rows) if row.sent.tone == "bad"][-MOST_EXPLAINED:]
    notes = await asyncio.gather(*(_explanation(rows[place]) for place in failed))
    return dict(zip(failed, notes, strict=True))


async def _explanation(row: MergedRow) -> list[str]:
    details = await asyncio.gather(*(end.exchange(row.number) for end, row in row.sides))
    judged = not row.fault
    return list(dict.fromkeys(note for each in details if each is not None for note in _notes(each, judged=judged)))


async def _registering(end: End, ids: Iterable[str]) -> FoundExchanges:
    line = ",".join(ids)
    return await end.find(f"registration:{line}", MOST_REGISTERING) if line else FoundExchanges([])


async def _find(ends: Ends, line: str) -> _Found:
    """Return what each end finds, all at once."""
    parts = await asyncio.gather(*(end.find(line, MOST_ROWS) for end in ends))
    return list(zip(ends, parts, strict=True))


def _is_between(ends: Ends, row: MergedRow) -> bool:
    """Return whether both parties of an exchange are ends that are shown."""
    return bool(ends.named(row.source) and ends.named(row.target))


def _joined(one: FoundExchanges, other: FoundExchanges) -> FoundExchanges:
    """Return the rows of both searches, newest first."""
    rows = {row.number: row for part in (one, other) for row in part.rows}
    return FoundExchanges(sorted(rows.values(), key=lambda row: row.number, reverse=True))


def _notes(detail: ExchangeDetail, *, judged: bool) -> list[str]:
    """Return what explains a failure: the text of a short answer, and the findings; violations only if it is judged."""
    body = detail.printed["response"]["body"].strip()
    said = [f"{ANSWER}{body}"] if body and len(body) <= _LONGEST_NOTE and not body.startswith("<") else []
    shown = (each for each in detail.printed["findings"] if judged or each["kind"] != "violation")
    findings = [f"{each['rule']}: {each['message']}" for each in shown]
    return [cut(text, _LONGEST_NOTE + len(ANSWER)) for text in (*said, *findings)]
