"""What of a query has no effect, and the findings about it."""

from mock_servicenow.now_platform.query.operands import BarredTermError, UnreadableTermError
from privman_core.cuts import cut
from privman_core.findings import Finding

_MOST_FINDINGS, _LONGEST_QUOTE, _LONGEST_MESSAGE = 20, 100, 400


class SwallowedTerms:
    """Collects the findings about one query: the first ones, and how many more there are.

    Attributes:
        invalid: whether the platform counts the query as invalid.
        dropped: the first term without effect, and why; empty if there is none.
        forbidden: whether it asks for something that the caller may not read.
        barred: whether it asks something that rules for queries keep from the caller.
    """

    def __init__(self) -> None:
        self.invalid = False
        self.dropped = ""
        self.forbidden = self.barred = False
        self._reported: list[Finding] = []
        self._more = 0

    def ignore(self, term: str, reason: str, *, invalid: bool = True) -> None:
        """Note a term that has no effect on the rows."""
        self.invalid |= invalid
        self._drop("query-term-ignored", term, reason)

    def unreadable(self, term: str, error: UnreadableTermError) -> None:
        """Note a term about what the caller may not read, which therefore has no effect."""
        self.forbidden = True
        self.barred |= isinstance(error, BarredTermError)
        self._drop("query-term-unreadable", term, str(error))

    def unusable(self, term: str, reason: str) -> None:
        """Note a term with a value that its column cannot hold."""
        self.report("query-value-unusable", f"{_quoted(term)} compares with a value that no row can have: {reason}")

    def report(self, rule: str, message: str) -> None:
        """Note anything else about the query."""
        if len(self._reported) < _MOST_FINDINGS:
            self._reported.append(Finding("swallowed", rule, cut(message, _LONGEST_MESSAGE), "sysparm_query"))
        else:
            self._more += 1

    def _drop(self, rule: str, term: str, reason: str) -> None:
        self.dropped = self.dropped or cut(f"{_quoted(term)}: {reason}", _LONGEST_MESSAGE)
        self.report(rule, f"{_quoted(term)} is ignored: {reason}")

    def findings(self) -> tuple[Finding, ...]:
        """Return the findings in the order of the query."""
        if not self._more:
            return tuple(self._reported)
        rest = Finding("swallowed", "query-term-ignored", f"{self._more} more terms have no effect", "sysparm_query")
        return (*self._reported, rest)


def _quoted(text: str) -> str:
    return f"'{cut(text, _LONGEST_QUOTE)}'"
