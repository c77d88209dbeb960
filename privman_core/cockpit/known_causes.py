"""Causes of a failure that the exchange itself shows: a fault of a tester, or what the answer says."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from privman_core.cockpit.approval_facts import RequestDetail, StateReason
from privman_core.cockpit.merged_rows import MergedRow
from privman_core.cockpit.request_rows import ANSWER


def with_causes(detail: RequestDetail, rows: Sequence[MergedRow], notes: Mapping[int, list[str]]) -> RequestDetail:
    """Return what a party knows of a request, with the cause of each failure in its sentence.

    Args:
        detail: what the party knows.
        rows: the exchanges about the request.
        notes: what explains an exchange, by its place among the rows.
    """
    places = {row.mark: place for place, row in enumerate(rows) if row.mark}

    def known(reason: StateReason) -> StateReason:
        place = places.get(reason.exchange)
        found = "" if place is None else _cause(rows[place], notes.get(place, []))
        again = "" if place is None else _replayed(rows[place], rows)
        return replace(reason, sentence=" ".join(filter(None, (reason.sentence, found or reason.cause, again))))

    return replace(detail, reasons=[known(each) for each in detail.reasons])


def _cause(row: MergedRow, notes: Sequence[str]) -> str:
    """Return what the exchange says of its outcome, as a sentence; empty for nothing."""
    for party, each in row.entries:
        if each.fault:
            return f"That was the fault {each.fault!r}, which is armed or was armed at {party.name}."
    said = next((note.removeprefix(ANSWER) for note in notes if note.startswith(ANSWER)), "")
    return f"{row.target} says: {said}" if said else ""


def _replayed(row: MergedRow, rows: Sequence[MergedRow]) -> str:
    """Return what came of the replay of an exchange, as a sentence; empty if there is none."""
    sender, number = row.sender.party, row.sent.number
    again = [each for each in rows if each.sender.party is sender and each.sent.replays == number]
    if not again:
        return ""
    last = again[-1]
    return f"It was {last.replay} at {last.sent.at:%H:%M:%S}, and the answer was {last.sent.answer}."
