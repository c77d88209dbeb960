"""An exchange as a search sees it."""

import re
from collections.abc import Callable
from functools import cached_property
from typing import Protocol

from privman_core.cockpit.product import Explanation
from privman_core.exchange import Exchange

LONGEST_SEARCHED = 8_000
"""Characters of an address that are searched."""
CLOCK_TIME = re.compile(r"[0-9]{2}:")
"""The beginning of a time of day."""


class Shows(Protocol):
    """Masks secrets."""

    def show_url(self, exchange: Exchange) -> str:
        """Return the address of an exchange, secrets masked."""

    def mask(self, text: str) -> str:
        """Return the text with every secret in it masked."""


class Seen:
    """An exchange as the search sees it; most properties are computed when they are first read.

    Args:
        exchange: judged, if a term asks for its verdict.
        party: the party that has it in its journal.
        explain: returns the other party, and the contract.
        shows: masks secrets.
    """

    def __init__(
        self,
        exchange: Exchange,
        party: str,
        explain: Callable[[Exchange], Explanation],
        shows: Shows,
    ) -> None:
        self.exchange = exchange
        self.party = party
        self._explain = explain
        self._shows = shows

    @cached_property
    def known(self) -> Explanation:
        """What the product explains about it."""
        return self._explain(self.exchange)

    @property
    def source(self) -> str:
        """Who sent the request."""
        return self.known.other_party if self.exchange.direction == "in" else self.party

    @property
    def target(self) -> str:
        """Who answers it."""
        return self.party if self.exchange.direction == "in" else self.known.other_party

    @property
    def verdict(self) -> str:
        """A key of `VERDICTS`."""
        if self.broken:
            return "broken"
        if not self.exchange.ended:
            return "running"
        if self.exchange.fault:
            return "fault"
        if not self.known.contract:
            return "none"
        return "kept" if self.exchange.judged else "large"

    @property
    def broken(self) -> int:
        """How many violations it has."""
        return sum(finding.kind == "violation" for finding in self.exchange.findings)

    def at(self, moment: str) -> str:
        """Return when it began, written as the given time of day or date is, so that the two can be compared."""
        return self.exchange.at.strftime("%H:%M:%S.%f" if CLOCK_TIME.match(moment) else "%Y-%m-%dT%H:%M:%S.%f")

    @property
    def user(self) -> str:
        """Who had logged in, in lower case, secrets masked."""
        return self._shows.mask(self.exchange.user).lower()

    @cached_property
    def url(self) -> str:
        """The beginning of its address in lower case, with secrets masked, so that a search cannot guess them."""
        return self._shows.show_url(self.exchange)[:LONGEST_SEARCHED].lower()
