"""One exchange as both journals have it."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from privman_core.cockpit.addresses import exchange_name, exchange_page, table_of
from privman_core.cockpit.exchange_facts import ExchangeRow
from privman_core.cockpit.shared_clock import SAME_TIME
from privman_core.cockpit.shown_party import ShownParty
from privman_core.cockpit.waits import Times


class JournalEntry(NamedTuple):
    """An exchange in the journal of a party."""

    party: ShownParty
    row: ExchangeRow

    @property
    def name(self) -> str:
        """Its name in addresses, such as ``console-7``."""
        return exchange_name(self.party.name, self.row.number)

    @property
    def page(self) -> str:
        """The address of its page."""
        return exchange_page(self.party.name, self.row.number)


class MergedRow(Struct, frozen=True):
    """One exchange.

    Attributes:
        entries: the sender's, then that of the party that answered; or the only one.
        imitated: whether another program sent it as the other party, whose journal lacks it.
        added: the entry that was added although it does not match the search; None for none.
    """

    entries: Sequence[JournalEntry]
    imitated: bool = False
    added: JournalEntry | None = None

    @property
    def found(self) -> list[JournalEntry]:
        """The entries that match the search."""
        return [each for each in self.entries if each is not self.added]

    @property
    def is_pair(self) -> bool:
        """Whether both parties have journaled it."""
        return len(self.entries) > 1

    @property
    def sender_entry(self) -> JournalEntry:
        """The entry of the party that sent it, or else of the one that has it."""
        return self.entries[0]

    @property
    def answerer_entry(self) -> JournalEntry:
        """The entry of the party that answered it, or else of the one that has it."""
        return self.entries[-1]

    @property
    def key(self) -> str:
        """Its name: the party that sent it, or that has it, and its number there, such as ``console-7``."""
        return self.sender_entry.name

    def beside(self, party: ShownParty) -> JournalEntry | None:
        """Return the entry of the other party; None if only this one has it."""
        return next((each for each in self.entries if each.party is not party), None)

    @property
    def sender_name(self) -> str:
        """Who sent the request."""
        party, row = self.sender_entry
        if row.direction == "in" and row.replays:
            return "Tester"
        if self.imitated:
            return f"API client (as {row.other_party})"
        return row.other_party if row.direction == "in" else party.name

    @property
    def replay(self) -> str:
        """How a tester replayed another exchange as this one, in words; empty if it is no replay."""
        words = {True: "edited and replayed by the tester", False: "replayed by the tester"}
        return next((words[row.edited] for _, row in self.entries if row.replays), "")

    @property
    def answerer_name(self) -> str:
        """Who answers it."""
        party, row = self.answerer_entry
        return party.name if row.direction == "in" else row.other_party

    @property
    def sender_row(self) -> ExchangeRow:
        """The sender's row, which has the answer that arrived; else the only one."""
        return self.sender_entry.row

    @property
    def answerer_row(self) -> ExchangeRow:
        """The row of the party that answered; else the only one."""
        return self.answerer_entry.row

    @property
    def fault(self) -> str:
        """The fault that struck it at either party."""
        return self.sender_row.fault or self.answerer_row.fault

    @property
    def mark(self) -> str:
        """Its mark; empty for none."""
        return self.sender_row.mark

    @property
    def fault_party(self) -> str:
        """The party whose fault that is; empty for none."""
        return next((party.name for party, row in self.entries if row.fault), "")

    @property
    def times(self) -> Times:
        """When it began by the clock of each party that has journaled it."""
        return {party.name: row.at for party, row in self.entries}

    @property
    def failure(self) -> str:
        """Why its sender could not use an answer of success, as a sentence; empty if it could."""
        return (
            f"{self.sender_name} counts that as a failure: {self.sender_row.unusable}."
            if self.sender_row.unusable
            else ""
        )

    @property
    def user(self) -> str:
        """The user who logged in; empty for none, if the answering party is not shown, or if `source` says it."""
        return "" if self.answerer_row.user == self.sender_name else self.answerer_row.user

    @property
    def judged_row(self) -> ExchangeRow:
        """The row with the worse verdict; an exchange that a fault struck is judged at neither party."""
        if self.fault:
            return replace(self.answerer_row, verdict="fault", broken=0)
        return next((row for _, row in self.entries if row.broken), self.answerer_row)

    @property
    def swallowed(self) -> int:
        """How many findings other than violations it has."""
        return max(row.findings - row.broken for _, row in self.entries)

    @property
    def url(self) -> str:
        """The URL; only the path and query if the party that answered is shown."""
        return self.answerer_row.url

    @property
    def table(self) -> str:
        """The table that the address names; empty for none."""
        return table_of(self.url)

    @property
    def about(self) -> list[str]:
        """RequestIds of the approval requests that it belongs to, as either party knows."""
        return list(dict.fromkeys(each for _, row in self.entries for each in row.about))


def has_ties(rows: Sequence[MergedRow]) -> bool:
    """Return whether two exchanges in a row have the same time, and each is in the journal of another party alone."""
    both = (pair for pair in pairwise(rows) if not any(each.is_pair for each in pair))
    return any(
        one.sender_row.at == other.sender_row.at and one.sender_entry.party is not other.sender_entry.party
        for one, other in both
    )


def share_clock(rows: Iterable[MergedRow]) -> bool:
    """Return whether the parties may have had the same time: no request arrived before it was sent."""
    return all(row.answerer_row.at > row.sender_row.at - SAME_TIME for row in rows)
