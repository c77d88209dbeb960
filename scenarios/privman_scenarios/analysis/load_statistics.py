"""The statistics that Locust writes of a run, and how those of two runs compare."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from privman_scenarios.errors import UnusableFileError

_TOTAL = "Aggregated"
_SUFFIX = "_stats.csv"
Verdict = Literal["", "missing", "more fail", "slower", "too few"]
WORSE: tuple[Verdict, ...] = ("missing", "more fail", "slower")


@dataclass(frozen=True, slots=True)
class RequestStatistics:
    """What Locust measured of the requests of one name; times in milliseconds."""

    count: int
    failures: int
    median: float
    slow: float
    rate: float

    @classmethod
    def read(cls, row: Mapping[str, str]) -> Self:
        """Read a row; raises KeyError and ValueError."""
        times = (float(row[name].replace("N/A", "0")) for name in ("50%", "95%", "Requests/s"))
        return cls(int(row["Request Count"]), int(row["Failure Count"]), *times)

    @property
    def failed_share(self) -> float:
        """The share of the requests that failed."""
        return self.failures / self.count if self.count else 0


@dataclass(frozen=True, slots=True)
class RequestComparison:
    """The requests of one name in two runs; None for a run that has none."""

    name: str
    old: RequestStatistics | None
    new: RequestStatistics | None

    def judge(self, max_slower: float, min_requests: int) -> Verdict:
        """Return in what the second run is worse; "slower" if the 95th percentile grew by more than so many percent.

        Of fewer requests the percentile is noise, and only failures are judged.
        """
        if self.old is None or self.new is None:
            return "missing" if self.new is None else ""
        if self.new.failed_share > self.old.failed_share:
            return "more fail"
        if min(self.old.count, self.new.count) < min_requests:
            return "too few"
        return "slower" if self.new.slow > self.old.slow * (1 + max_slower / 100) else ""


def load_statistics(prefix: str) -> dict[str, RequestStatistics]:
    """Return the statistics of a run by the name of the request; raises UnusableFileError, OSError.

    Args:
        prefix: what the run's ``--csv`` was, or the name of its file of statistics.
    """
    file = Path(f"{prefix.removesuffix(_SUFFIX)}{_SUFFIX}")
    try:
        with file.open(newline="", encoding="utf-8") as opened:
            found = {row["Name"]: RequestStatistics.read(row) for row in csv.DictReader(opened)}
    except (KeyError, ValueError, AttributeError, csv.Error):
        found = {}
    if not found:
        raise UnusableFileError(f"{file}: not Locust's statistics. Expected the --csv of an earlier run.")
    return found


def compare_statistics(
    old: Mapping[str, RequestStatistics], new: Mapping[str, RequestStatistics]
) -> Sequence[RequestComparison]:
    """Return the requests of both runs by name, the sum last."""
    return [RequestComparison(name, old.get(name), new.get(name)) for name in _names(old, new)]


def _names(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    yield from sorted({*old, *new} - {_TOTAL})
    yield _TOTAL
