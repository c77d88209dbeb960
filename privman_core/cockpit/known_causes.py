"""Causes of a failure that the exchange itself shows: an armed fault, or the message in the answer."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from privman_core.cockpit.approval_facts import RequestDetail, StateReason
from privman_core.cockpit.merged_rows import MergedRow
from privman_core.cockpit.request_rows import ANSWER


def with_causes(detail: RequestDetail, rows: Sequence[MergedRow], notes: Mapping[int, list[str]]) -> RequestDetail:
    """Return the detail of a request, with the cause of each failure added to its sentence.

    Args:
        detail: of one party.
        rows: the exchanges about the request.
        notes: explanations of exchanges, by their places among the rows.
    """
    places = {row.mark: place for place, row in enumerate(rows) if row.mark}

    def known(reason: StateReason) -> StateReason:
        place = places.get(reason.exchange)
        found = "" if place is None else _cause(rows[place], notes.get(place, []))
        again = "" if place is None else _replayed(rows[place], rows)
        return replace(reason, sentence=" ".join(filter(None, (reason.sentence, found or reason.cause, again))))

    return replace(detail, reasons=[known(each) for each in detail.reasons])


def _cause(row: MergedRow, notes: Sequence[str]) -> str:
    """Return the cause that the exchange shows, as a sentence; empty for none."""
    for party, each in row.entries:
        if each.fault:
            return f"That was the fault {each.fault!r}, which is armed or was armed at {party.name}."
    said = next((note.removeprefix(ANSWER) for note in notes if note.startswith(ANSWER)), "")
    return f"{row.target} says: {said}" if said else ""


def _replayed(row: MergedRow, rows: Sequence[MergedRow]) -> str:
    """Return the outcome of the replay of an exchange, as a sentence; empty if there was no replay."""
    sender, number = row.sender.party, row.sent.number
    again = [each for each in rows if each.sender.party is sender and each.sent.replays == number]
    if not again:
        return ""
    last = again[-1]
    return f"It was {last.replay} at {last.sent.at:%H:%M:%S}, and the answer was {last.sent.answer}."
