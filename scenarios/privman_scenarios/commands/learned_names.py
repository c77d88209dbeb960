"""What ``learn`` has learned, as a file for ``--inferred`` and as lines for people."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from privman_contracts import WireName, WireNames
from privman_contracts.written_names import override_text
from privman_scenarios.analysis.learning import Learned
from privman_scenarios.commands.reports.report_kinds import LEARNED
from privman_scenarios.output import in_a_line

_WIDTH = 120


@dataclass(frozen=True, slots=True)
class LearnedNames:
    """What was learned, and from where.

    Attributes:
        before: the names as they were known.
        url: of the instance.
        release: the instance's.
        unreadable: the tables that it did not show, each with its answer.
    """

    learned: Learned
    before: WireNames
    url: str
    release: str
    unreadable: Mapping[str, str]

    def file_text(self) -> str:
        """Return the file; its comments say what is not known."""
        comments = [f"{LEARNED} from {self.url}, release {self.release}.", *self._unknown()]
        unseen = [name for name in self.learned.unseen if name.evidence == "I"]  # rules, at least
        comments.append(f"Still inferred, because nothing has shown them: {', '.join(self._shortened(unseen))}.")
        return f"{_commented(comments)}\n{override_text(self._written())}"

    def lines(self) -> Iterator[str]:
        """Yield what to print."""
        yield from self._unknown()
        paths = {name.path: name for name in self.learned.observed}
        known = WireNames(paths.get(name.path, name) for name in self.before)
        yield f"{self.url}, release {self.release}: {known.how_known}"

    def _unknown(self) -> Iterator[str]:
        for table, answer in self.unreadable.items():
            yield f"{table} is not readable: {answer}."
        yield from self._undescribed()
        for path, candidates in self.learned.missing.items():
            named = f"Perhaps {' or '.join(sorted(candidates))}." if candidates else "Nothing fits."
            yield f"{path} was not found. {named}"
        for contradiction in self.learned.contradictions:
            yield f"The recording differs: {contradiction}"

    def _undescribed(self) -> Iterator[str]:
        """Yield why columns are not known as well as they could be."""
        blank = self.learned.blank
        by_rows = [table for table in self.learned.undescribed if table not in blank]
        why = "sys_dictionary shows this user no column of"
        if by_rows:
            yield f"{why} {', '.join(by_rows)}: columns are learned from rows, so that labels and types are unknown."
        if blank:
            yield f"{why} {', '.join(blank)}, and no row is readable: their columns are unknown."

    def _shortened(self, names: Sequence[WireName]) -> Iterator[str]:
        """Yield the names, or the groups that are among them as a whole."""
        for group, listed in groupby(names, key=lambda name: name.group):
            paths = [name.path for name in listed]
            yield from [f"{group}.*"] if len(paths) == len(self.before.group(group)) else paths

    def _written(self) -> Iterator[WireName]:
        """Yield the names that were observed, and those that a file had changed before."""
        observed = {name.path: name for name in self.learned.observed}
        for name in self.before:
            if name.path in observed or name.value != name.packaged:
                yield observed.get(name.path, name)


def _commented(paragraphs: Iterable[str]) -> str:
    lines = (line for each in paragraphs for line in textwrap.wrap(in_a_line(each), _WIDTH - 2, break_long_words=False))
    return "".join(f"# {line}\n" for line in lines)
