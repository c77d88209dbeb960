"""What of one query had no effect, as findings."""

from privman_core.findings import Finding

_MOST_FINDINGS = 20
_LONGEST_QUOTE = 100
_LONGEST_MESSAGE = 400


class Swallowed:
    """Collects what a query asked in vain; of very many terms, the first ones and their number.

    Attributes:
        invalid: whether the platform counts the query as invalid (platform 2.6).
        forbidden: whether it asks about what the caller may not read.
    """

    def __init__(self) -> None:
        self.invalid = False
        self.forbidden = False
        self._reported: list[Finding] = []
        self._more = 0

    def ignore(self, term: str, reason: str, *, invalid: bool = True) -> None:
        """Note a term that has no effect on the rows."""
        self.invalid |= invalid
        self.report("query-term-ignored", f"{_quoted(term)} is ignored: {reason}")

    def unreadable(self, term: str, reason: str) -> None:
        """Note a term about what the caller may not read, which therefore has no effect."""
        self.forbidden = True
        self.report("query-term-unreadable", f"{_quoted(term)} is ignored: {reason}")

    def unusable(self, term: str, reason: str) -> None:
        """Note a term whose value is none that its column could hold."""
        self.report("query-value-unusable", f"{_quoted(term)} compares with what no row holds: {reason}")

    def report(self, rule: str, message: str) -> None:
        """Note anything else about the query."""
        if len(self._reported) < _MOST_FINDINGS:
            self._reported.append(Finding("swallowed", rule, _cut(message, _LONGEST_MESSAGE), "sysparm_query"))
        else:
            self._more += 1

    def findings(self) -> tuple[Finding, ...]:
        """Return what was noted, in the order of the query."""
        if not self._more:
            return tuple(self._reported)
        rest = Finding("swallowed", "query-term-ignored", f"{self._more} more terms have no effect", "sysparm_query")
        return (*self._reported, rest)


def _quoted(text: str) -> str:
    return f"'{_cut(text, _LONGEST_QUOTE)}'"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
