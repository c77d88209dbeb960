"""Additions to a party's sentences about a request: what the exchanges show, and what the other party knows better."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from privman_core.cockpit.approval_facts import Lack, RequestDetail, StateReason
from privman_core.cockpit.merged_rows import MergedRow
from privman_core.cockpit.request_rows import ANSWER
from privman_core.exchange_marks import is_shared


def with_causes(
    known: Mapping[str, RequestDetail], rows: Sequence[MergedRow], notes: Mapping[int, list[str]]
) -> dict[str, RequestDetail]:
    """Return a request as each party knows it, with the cause of each failure added to its sentence.

    If a party says that it lacks something, the sentence adds whether that was sent, or done by the other party.

    Args:
        known: the request as each party knows it, by name.
        rows: the exchanges about the request, oldest first.
        notes: explanations of exchanges, by their places among the rows.
    """
    places = {_key(row.sender_entry.party.name, row.mark): place for place, row in enumerate(rows) if row.mark}

    def whole(name: str, reason: StateReason) -> StateReason:
        place = places.get(_key(name, reason.exchange))
        found = "" if place is None else _cause(rows[place], notes.get(place, []))
        again = "" if place is None else _replayed(rows[place], rows)
        lacking = _delivered(name, rows) if reason.lacks == "decision" else _done(name, reason.lacks, known)
        sentences = (reason.sentence, found or reason.cause, again, lacking)
        return replace(reason, sentence=" ".join(filter(None, sentences)))

    return {
        name: replace(detail, reasons=[whole(name, each) for each in detail.reasons]) for name, detail in known.items()
    }


def _key(party: str, mark: str) -> str:
    """Return a mark, with its party unless the mark is shared: two machines may give the same one."""
    return mark if is_shared(mark) else f"{party} {mark}"


def _delivered(name: str, rows: Sequence[MergedRow]) -> str:
    """Return the outcome of the last decision that was sent to a party, as a sentence; empty if none was sent."""
    sent = [row for row in rows if row.answerer_row.delivers and row.answerer_name == name]
    if not sent:
        return ""
    last, which = sent[-1].answerer_row, f"The last of {len(sent)}" if len(sent) > 1 else "One"
    came = "was sent" if last.direction == "out" else "arrived"
    why = f": {last.refusal}" if last.refusal else ""
    answered = (
        f"answered with {last.status}{why}" if last.status else f"not answered: {last.error or 'it is under way'}"
    )
    return f"{which} {came} at {last.at:%H:%M:%S}, and was {answered}."


def _done(name: str, lack: Lack, known: Mapping[str, RequestDetail]) -> str:
    """Return a sentence that the other party has what it did not acknowledge; empty if it has not."""
    others = [(other, detail) for other, detail in known.items() if other != name]
    for other, detail in others:
        if lack == "answer to the request":
            return f"Yet {other} has the request: it says {detail.state}."
        if lack == "answer to the decision" and detail.outcome == known[name].outcome:
            return f"Yet {other} has that decision: it says {detail.state}."
    return ""


def _cause(row: MergedRow, notes: Sequence[str]) -> str:
    """Return the cause that the exchange shows, as a sentence; empty for none."""
    for party, each in row.entries:
        if each.fault:
            return f"The fault {each.fault!r} that was armed at {party.name} caused this."
    if row.answerer_row.refusal:
        return f"{row.answerer_name} refused it: {row.answerer_row.refusal}."
    said = next((note.removeprefix(ANSWER) for note in notes if note.startswith(ANSWER)), "")
    return f"{row.answerer_name} says: {said}" if said else ""


def _replayed(row: MergedRow, rows: Sequence[MergedRow]) -> str:
    """Return the outcome of the replay of an exchange, as a sentence; empty if there was no replay."""
    sender, number = row.sender_entry.party, row.sender_row.number
    again = [each for each in rows if each.sender_entry.party is sender and each.sender_row.replays == number]
    if not again:
        return ""
    last = again[-1]
    return f"It was {last.replay} at {last.sender_row.at:%H:%M:%S}, and the answer was {last.sender_row.answer}."
