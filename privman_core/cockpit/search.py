"""The meaning of a search line: ``method:POST status:4xx,5xx -path:*/clock body:"PM Approval"``."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from functools import cached_property
from typing import Protocol

from msgspec import Struct

from privman_core.cockpit.addresses import path_of, table_of
from privman_core.cockpit.exchange_facts import VERDICTS
from privman_core.cockpit.globs import glob
from privman_core.cockpit.product import Explanation
from privman_core.cockpit.search_line import Term, read_terms
from privman_core.exchange import Exchange
from privman_core.inputs import quoted
from privman_core.near_words import hint

LONGEST_SEARCH = 400
"""Characters of a search line."""
LONGEST_SEARCHED = 8_000
"""Characters of an address that are searched."""
_STATUS = re.compile(r"([1-5])xx|([1-5][0-9][0-9])(?:-([1-5][0-9][0-9]))?")
_SHORT_HOUR, _CLOCK_TIME = re.compile(r"[0-9]:"), re.compile(r"[0-9]{2}:")
_NO_ANSWER = "none"
_IN_BODIES = "body"


class SearchError(ValueError):
    """A search line is invalid; the message shows the term and what is expected."""


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
        return self.exchange.at.strftime("%H:%M:%S.%f" if _CLOCK_TIME.match(moment) else "%Y-%m-%dT%H:%M:%S.%f")

    @property
    def user(self) -> str:
        """Who had logged in, in lower case, secrets masked."""
        return self._shows.mask(self.exchange.user).lower()

    @cached_property
    def url(self) -> str:
        """The beginning of its address in lower case, with secrets masked, so that a search cannot guess them."""
        return self._shows.show_url(self.exchange)[:LONGEST_SEARCHED].lower()


Test = Callable[[Seen], bool]
Sieve = Callable[[Exchange], bool]


class Word(Struct, frozen=True):
    """One word of the search line.

    Attributes:
        example: a value.
        finds: what it finds, for people.
        test: returns the test that a value in lower case means; raises SearchError.
        several: whether a comma separates alternatives.
        judged: whether the test needs an exchange that has been judged.
        sieve: returns a quick test that every matching exchange passes, and few others do.
    """

    example: str
    finds: str
    test: Callable[[str], Test]
    several: bool = True
    judged: bool = False
    sieve: Callable[[str], Sieve] | None = None


class _Requirement(Struct, frozen=True):
    test: Test
    negated: bool
    judged: bool
    sieve: Sieve | None = None

    def fits(self, seen: Seen) -> bool:
        return self.test(seen) is not self.negated


class Search(Struct, frozen=True):
    """A search line that has been read; an exchange matches if it matches every term.

    Attributes:
        conditions: those that need neither a verdict nor a body.
        verdicts: those that need an exchange that has been judged.
        texts: what bodies must contain, in lower case, each with whether they must not.
    """

    conditions: tuple[_Requirement, ...] = ()
    verdicts: tuple[_Requirement, ...] = ()
    texts: tuple[tuple[str, bool], ...] = ()

    @classmethod
    def read(cls, line: str) -> "Search":
        """Return the search; raises SearchError."""
        if len(line) > LONGEST_SEARCH:
            raise SearchError(f"the search has {len(line):,} characters; expected at most {LONGEST_SEARCH}")
        terms = [_checked(term) for term in read_terms(line)]
        texts = tuple((term.value.lower(), term.negated) for term in terms if term.word == _IN_BODIES)
        others = [_requirement(term) for term in terms if term.word != _IN_BODIES]
        return cls(
            tuple(each for each in others if not each.judged), tuple(each for each in others if each.judged), texts
        )

    @property
    def sieve(self) -> Sieve | None:
        """A quick test that every matching exchange passes; None for no such test."""
        return next((each.sieve for each in self.conditions if each.sieve and not each.negated), None)


def _checked(term: Term) -> Term:
    if term.word in {"http", "https"}:  # an address that was pasted
        return Term(f"{term.word}:{term.value}", negated=term.negated)
    if term.word and term.word not in WORDS:
        expected = ", ".join(WORDS)
        raise SearchError(f"unknown word {quoted(term.word)}{hint(term.word, WORDS)}; expected one of {expected}")
    if term.word and not term.value.strip():
        raise SearchError(f"{quoted(term.word)} is empty; expected, for example, {WORDS[term.word].example}")
    return term


def _requirement(term: Term) -> _Requirement:
    word = WORDS.get(term.word, _TEXT)
    value = term.value.lower()
    tests = [word.test(each) for each in (value.split(",") if word.several else [value])]
    fits = tests[0] if len(tests) == 1 else lambda seen: any(test(seen) for test in tests)
    return _Requirement(fits, term.negated, word.judged, word.sieve(value) if word.sieve else None)


def _anywhere(value: str) -> Test:
    def fits(seen: Seen) -> bool:
        each = seen.exchange
        rest = f"{each.method} {each.status or each.error} {each.fault} {' '.join(each.about)}".lower()
        return value in rest or value in f"{each.method.lower()} {seen.url}"

    return fits


def _method(value: str) -> Test:
    return lambda seen: seen.exchange.method.lower() == value


def _status(value: str) -> Test:
    if value == _NO_ANSWER:
        return lambda seen: seen.exchange.status == 0
    found = _STATUS.fullmatch(value)
    if found is None:
        raise SearchError(f"'status' is {quoted(value)}; expected {_STATUSES}")
    if found[1]:
        return lambda seen: seen.exchange.status // 100 == int(found[1])
    wanted = range(int(found[2]), int(found[3] or found[2]) + 1)
    return lambda seen: seen.exchange.status in wanted


def _path(value: str) -> Test:
    fits = glob(value if "*" in value else f"*{value}*")
    return lambda seen: fits(path_of(seen.url))


def _table(value: str) -> Test:
    def fits(seen: Seen) -> bool:
        table = table_of(seen.url) if value in seen.url else ""
        return table == value or table.endswith(f"_{value}")

    return fits


def _request(value: str) -> Test:
    wanted = value.strip("{}")
    return lambda seen: any(each.startswith(wanted) for each in seen.exchange.about)


def _user(value: str) -> Test:
    return lambda seen: seen.user == value


def _registration(value: str) -> Test:
    return lambda seen: any(each.startswith(value) for each in seen.exchange.registers)


def _party(value: str) -> Test:
    return lambda seen: value in {seen.party.lower(), seen.known.other_party.lower()}


def _verdict(value: str) -> Test:
    if value not in VERDICTS:
        expected = ", ".join(VERDICTS)
        raise SearchError(f"'verdict' is {quoted(value)}{hint(value, VERDICTS)}; expected one of {expected}")
    if value == "broken":  # needs no contract
        return lambda seen: seen.broken > 0
    return lambda seen: seen.verdict == value


def _fault(value: str) -> Test:
    fits = glob(value)
    return lambda seen: bool(seen.exchange.fault) and fits(seen.exchange.fault.lower())


def _finding(value: str) -> Test:
    fits = glob(value)
    return lambda seen: any(fits(each.rule.lower()) for each in seen.exchange.findings)


def _after(value: str) -> Test:
    moment = _moment("after", value)
    return lambda seen: seen.at(moment) >= moment


def _before(value: str) -> Test:
    moment = _moment("before", value)
    return lambda seen: seen.at(moment) < moment


def _moment(word: str, value: str) -> str:
    """Return a time of day, which is that of any day, or a date with or without a time; raises SearchError."""
    moment = f"0{value}" if _SHORT_HOUR.match(value) else value.upper()
    try:
        (time if _CLOCK_TIME.match(moment) else datetime).fromisoformat(moment)
    except ValueError:
        raise SearchError(f"{word!r} is {quoted(value)}; expected, for example, {_MOMENTS}") from None
    return moment


_STATUSES = "404, 4xx, 400-499, or none"
_MOMENTS = "09:00, 09:00:30, 2026-01-05 or 2026-01-05T09:00"
WORDS: Mapping[str, Word] = {
    "method": Word("POST", "the method of the request", _method),
    "status": Word("4xx,5xx", f"the status of the answer: {_STATUSES}", _status),
    "path": Word("*/approve", "part of the path; * for any text", _path, several=False),
    "table": Word("request", "the table in the address, or the end of its name", _table),
    "request": Word(
        "85d71683",
        "those of an approval request, by the first digits of its RequestId",
        _request,
        sieve=lambda _value: lambda exchange: bool(exchange.findings.about),
    ),
    "registration": Word(
        "78e51061",
        "those of a registration, by the first digits of its Instance Id",
        _registration,
        sieve=lambda _value: lambda exchange: bool(exchange.findings.registers),
    ),
    "user": Word("privman.approver", "what a user sent who had logged in", _user),
    "party": Word("approver", "who sent the request or answers it", _party),
    "from": Word("console", "who sent the request", lambda value: lambda seen: seen.source.lower() == value),
    "to": Word("servicenow", "who answers it", lambda value: lambda seen: seen.target.lower() == value),
    "verdict": Word("broken", f"the verdict of the contract: {', '.join(VERDICTS)}", _verdict, judged=True),
    "finding": Word("unknown-column", "the rule of a finding; * for any", _finding, judged=True),
    "fault": Word("*", "the kind of the fault that struck; * for any", _fault),
    "after": Word("09:00", f"the time in UTC or later: {_MOMENTS}", _after, several=False),
    "before": Word("2026-01-06", "before this time", _before, several=False),
    "body": Word('"PM Approval"', "text in a body; secrets are never found", _anywhere, several=False),
}
"""The words of a search line; the journal searches bodies."""
_TEXT = Word("/table/incident", "text in method, address, status, error, fault or RequestId", _anywhere, several=False)
