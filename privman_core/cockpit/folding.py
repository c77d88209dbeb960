"""Repeated exchanges of the journal folded into one line: polls, or the same failure again and again."""

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from itertools import groupby, pairwise

from msgspec import Struct

from privman_core.cockpit.merged_rows import MergedRow
from privman_core.cockpit.waits import in_words
from privman_core.exchange import path_of

FEWEST = 3
"""So many exchanges in a row are folded into one line."""
_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]+", re.IGNORECASE)
_LONGEST_READ = 1_000  # characters of a path in which identifiers are sought
_TOLERANCE = 0.1
"""Intervals may differ by this fraction and still count as the same."""


class JournalLine(Struct, frozen=True):
    """One line of the journal: an exchange, or several that are alike.

    Attributes:
        rows: the newest first.
        is_open: whether the exchanges of several are shown, too.
    """

    rows: list[MergedRow]
    is_open: bool = False

    @property
    def newest(self) -> MergedRow:
        """The newest exchange."""
        return self.rows[0]

    @property
    def oldest(self) -> MergedRow:
        """The oldest exchange."""
        return self.rows[-1]

    @property
    def keys(self) -> list[str]:
        """The key of each exchange."""
        return [row.key for row in self.rows]

    @property
    def height(self) -> int:
        """How many lines it takes on the page."""
        return 1 + len(self.rows) * self.is_open

    @property
    def url(self) -> str:
        """The address; if they differ, the path with ``*`` where they do."""
        urls = {row.url for row in self.rows}
        return urls.pop() if len(urls) == 1 else "".join(_without_ids(path_of(self.newest.url)))

    @property
    def span(self) -> str:
        """The times of day of the oldest and the newest; one if they are the same."""
        return "–".join(dict.fromkeys(f"{row.sender_row.at:%H:%M:%S}" for row in (self.oldest, self.newest)))  # noqa: RUF001

    @property
    def every(self) -> str:
        """The interval at which they are repeated, for people; empty if it varies, or is less than a second."""
        spans = [later.sender_row.at - earlier.sender_row.at for later, earlier in pairwise(self.rows)]
        mean = sum(spans, timedelta()) / len(spans)
        is_steady = max(abs(span - mean) for span in spans) <= mean * _TOLERANCE
        return in_words(mean) if is_steady else ""


def folded(rows: Sequence[MergedRow], unfolded: Collection[str] = ()) -> Iterator[JournalLine]:
    """Yield a line for each exchange; several in a row that differ only in identifiers and time are one line.

    Args:
        rows: the newest first.
        unfolded: keys of exchanges; a line that has one of them is open.
    """
    for _, alike in groupby(rows, _likeness):
        some = list(alike)
        if len(some) >= FEWEST:
            yield JournalLine(some, any(row.key in unfolded for row in some))
        else:
            yield from (JournalLine([row]) for row in some)


def _likeness(row: MergedRow) -> tuple[object, ...]:
    sent, served = row.sender_row, row.answerer_row
    verdicts = [(each.verdict, each.broken, each.findings) for each in (sent, served)]
    return (
        row.sender_name,
        row.answerer_name,
        sent.method,
        *_without_ids(path_of(sent.url)),
        sent.answer,
        served.answer,
        row.fault,
        verdicts,
        row.about,
    )


def _without_ids(path: str) -> tuple[str, str]:
    """Return a path with ``*`` for each identifier in its first characters; the rest is kept."""
    return _ID.sub("*", path[:_LONGEST_READ]), path[_LONGEST_READ:]
