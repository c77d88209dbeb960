"""The search line of the journal: ``method:POST status:4xx -path:*/clock body:"PM Approval"``."""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import cached_property

from msgspec import Struct

from privman_core.cockpit.facts import VERDICTS, ExchangeRow
from privman_core.exchange import Exchange
from privman_core.inputs import quoted
from privman_core.near_words import hint

LONGEST_SEARCH = 400
"""Characters of a search line."""
_STATUS = re.compile(r"([1-5])xx|([1-5][0-9][0-9])(?:-([1-5][0-9][0-9]))?", re.IGNORECASE)
_TABLE = re.compile(r"/table/([^/?]+)", re.IGNORECASE)
_NO_ANSWER = "none"


class SearchError(ValueError):
    """A search line is invalid; the message shows the term and what is expected."""


class Seen:
    """An exchange with what the search asks of it; most of that is worked out only when it is asked.

    Args:
        exchange: judged, if a term asks for its verdict.
        party: the end that has it in its journal.
        row: returns it as a list shows it.
        mask: masks the secrets in a text.
    """

    def __init__(
        self, exchange: Exchange, party: str, row: Callable[[Exchange], ExchangeRow], mask: Callable[[str], str]
    ) -> None:
        self.exchange = exchange
        self.party = party
        self._row = row
        self._mask = mask

    @cached_property
    def row(self) -> ExchangeRow:
        """The exchange as a list shows it."""
        return self._row(self.exchange)

    def has_in_url(self, fits: Callable[[str], bool]) -> bool:
        """Return whether the address fits as it is and with its secrets masked, so that guessing finds no secret."""
        url = self.exchange.url
        return fits(url) and fits(self._mask(url))


Test = Callable[[Seen], bool]


class Term(Struct, frozen=True):
    """One condition.

    Attributes:
        text: what bodies must contain, in lower case; empty for a condition that ``fits`` decides.
        judged: whether it can be decided only once the exchange has been judged.
    """

    negated: bool = False
    fits: Test | None = None
    text: str = ""
    judged: bool = False


class Search(Struct, frozen=True):
    """A search line that has been read; every term must fit."""

    terms: tuple[Term, ...] = ()

    @classmethod
    def read(cls, line: str) -> "Search":
        """Return the search; raises SearchError."""
        if len(line) > LONGEST_SEARCH:
            raise SearchError(f"the search has {len(line):,} characters; expected at most {LONGEST_SEARCH}")
        return cls(tuple(map(_term, _words(line))))

    @property
    def judged(self) -> bool:
        """Whether it can be decided only for exchanges that have been judged."""
        return any(term.judged for term in self.terms)

    def fits(self, seen: Seen, *, judged: bool) -> bool:
        """Return whether every term fits that needs no body, and no verdict unless it has been ``judged``."""
        decided = (term for term in self.terms if term.fits and (judged or not term.judged))
        return all(term.fits(seen) is not term.negated for term in decided if term.fits)

    @property
    def texts(self) -> list[tuple[str, bool]]:
        """The texts that bodies must contain, or must not, where that is true."""
        return [(term.text, term.negated) for term in self.terms if term.fits is None]


def _words(line: str) -> list[str]:
    """Return the words of a line; those in quotes stay together, with their quotes."""
    words, quoting = [""], False
    for character in line:
        quoting ^= character == '"'
        if character.isspace() and not quoting:
            words.append("")
        else:
            words[-1] += character
    return [word for word in words if word]


def _term(word: str) -> Term:
    negated, text = word.startswith("-"), word.removeprefix("-").lower()
    key, colon, value = text.partition(":")
    if not colon or not key.isalpha() or value.startswith("//"):  # a text, or an address that was pasted
        key, value = "", text
    value = value.replace('"', "")
    if key and key not in _KEYS:
        raise SearchError(f"unknown word {quoted(key)}{hint(key, _KEYS)}; expected one of {', '.join(_KEYS)}")
    if not value:
        raise SearchError(f"{quoted(key)} is empty; expected, for example, {_EXAMPLES[key]}")
    if key == "body":
        return Term(negated, text=value)
    return Term(negated, _KEYS[key](value) if key else _anywhere(value), judged=key in _OF_VERDICT)


def _anywhere(value: str) -> Test:
    def fits(seen: Seen) -> bool:
        exchange = seen.exchange
        rest = f"{exchange.method} {exchange.status or exchange.error}".lower()
        return value in rest or seen.has_in_url(lambda url: value in f"{exchange.method} {url}".lower())

    return fits


def _method(value: str) -> Test:
    return lambda seen: seen.exchange.method.lower() == value


def _status(value: str) -> Test:
    if value == _NO_ANSWER:
        return lambda seen: seen.exchange.status == 0
    found = _STATUS.fullmatch(value)
    if found is None:
        raise SearchError(f"'status' is {quoted(value)}; expected {_EXAMPLES['status']}")
    if found[1]:
        return lambda seen: seen.exchange.status // 100 == int(found[1])
    wanted = range(int(found[2]), int(found[3] or found[2]) + 1)
    return lambda seen: seen.exchange.status in wanted


def _path(value: str) -> Test:
    glob = value if "*" in value else f"*{value}*"
    return lambda seen: seen.has_in_url(lambda url: fnmatchcase(path_of(url).lower(), glob))


def path_of(url: str) -> str:
    """Return the path of a URL, even of one that a parser would refuse."""
    path = url.partition("?")[0]
    return path if path.startswith("/") else f"/{'/'.join(path.split('/', 3)[3:])}"


def _table(value: str) -> Test:
    def fits(seen: Seen) -> bool:
        found = _TABLE.search(seen.exchange.url)
        return found is not None and (found[1].lower() == value or found[1].lower().endswith(f"_{value}"))

    return fits


def _request(value: str) -> Test:
    wanted = value.strip("{}")
    return lambda seen: any(each.startswith(wanted) for each in seen.exchange.about)


def _registration(value: str) -> Test:
    return lambda seen: any(each.startswith(value) for each in seen.exchange.registers)


def _party(value: str) -> Test:
    return lambda seen: value in {seen.party.lower(), seen.row.party.lower()}


def _verdict(value: str) -> Test:
    if value not in VERDICTS:
        raise SearchError(f"'verdict' is {quoted(value)}{hint(value, VERDICTS)}; expected {_EXAMPLES['verdict']}")
    return lambda seen: seen.row.verdict == value


def _fault(value: str) -> Test:
    return lambda seen: bool(seen.exchange.fault) and fnmatchcase(seen.exchange.fault.lower(), value)


def _finding(value: str) -> Test:
    return lambda seen: any(fnmatchcase(each.rule.lower(), value) for each in seen.exchange.findings)


_KEYS: Mapping[str, Callable[[str], Test]] = {
    "method": _method,
    "status": _status,
    "path": _path,
    "table": _table,
    "request": _request,
    "registration": _registration,
    "party": _party,
    "verdict": _verdict,
    "fault": _fault,
    "finding": _finding,
    "body": _anywhere,
}
_OF_VERDICT = frozenset({"verdict", "finding"})
_EXAMPLES: Mapping[str, str] = {
    "": "/table/incident",
    "method": "POST",
    "status": "404, 4xx, 400-499, or none",
    "path": "*/approve",
    "table": "request",
    "request": "the first digits of a RequestId",
    "registration": "the first digits of an Instance Id",
    "party": "console",
    "verdict": f"one of {', '.join(VERDICTS)}",
    "fault": "status, or * for any",
    "finding": "unknown-column, or * for any",
    "body": '"PM Approval"',
}
SEARCH_WORDS: Mapping[str, str] = {key: example for key, example in _EXAMPLES.items() if key}
"""The words of a search line, each with an example of its value."""
