"""Why a run fails, though perhaps no scenario did."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from privman_contracts import Evidence
from privman_scenarios.analysis.coverage import Coverage
from privman_scenarios.commands.reports.results import RunResult
from privman_scenarios.playing.events import UNPLAYED

# Percent of the scenarios; where both parties are fakes at least half of them are to be played.
_MOST_UNPLAYED = 50


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What is demanded of a whole run.

    Attributes:
        coverage: percent of the contracts by evidence mark, that of everything under None.
        most_skipped: percent of the scenarios; None for what suits the targets.
    """

    coverage: Mapping[Evidence | None, float]
    most_skipped: float | None

    def broken(self, result: RunResult) -> Iterator[str]:
        """Yield a sentence for each limit that a complete run does not keep; a part is judged with the others."""
        if result.shard:
            yield from () if result.shard.scenarios else (UNPLAYED,)
            return
        yield from _nothing_checked(result)
        yield from self._skipped(result)
        if result.coverage:
            yield from self._uncovered(result.coverage)
        elif self.coverage:
            yield "--min-coverage needs the contract coverage of every shard"

    def _skipped(self, result: RunResult) -> Iterator[str]:
        ended = result.ended
        total = ended.passed + ended.failed + ended.unplayed
        for count, most, whose in self._most(result):
            if count * 100 > most * total:
                what = "skipped" if count == ended.skipped else "skipped or not applicable"
                yield f"{count} of {total} scenarios were {what}, more than the {most:g}% of --max-skipped{whose}"
                return

    def _most(self, result: RunResult) -> Sequence[tuple[int, float, str]]:
        """Return how many scenarios were not played, how many percent they may be, and whose default that is."""
        ended = result.ended
        if self.most_skipped is not None:
            return [(ended.unplayed, self.most_skipped, "")]
        if not result.fakes:
            return []
        of_catalog = [(ended.skipped, 0, ", the default for the packaged catalog")] if result.catalog else []
        return [*of_catalog, (ended.unplayed, _MOST_UNPLAYED, ", the default where both parties are fakes")]

    def _uncovered(self, coverage: Coverage) -> Iterator[str]:
        for mark, share in self.coverage.items():
            if coverage.percent(mark) < share:
                what = f"what is marked {mark} in the contracts" if mark else "the contracts"
                got = f"{coverage.percent(mark):.1f}% of {what} was exercised"
                yield f"{got}, less than the {share:g}% of --min-coverage"


def _nothing_checked(result: RunResult) -> Iterator[str]:
    if result.variations and not result.chosen:
        yield "No scenario of a file was played, so the run fails"
    elif result.ended.hollow:
        yield result.ended.hollow
    if result.chosen and result.variations == 0:
        yield "No variation was played, so the run fails"
