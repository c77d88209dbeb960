"""The words of a search line: what each is called, an example, and the test that its value means."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, time
from typing import Any, Literal

from msgspec import Struct

from privman_core.cockpit.addresses import table_of
from privman_core.cockpit.exchange_facts import VERDICTS
from privman_core.cockpit.seen_exchanges import CLOCK_TIME, Seen
from privman_core.exchange import Exchange, path_of
from privman_core.inputs import quoted
from privman_core.near_words import hint

_STATUS = re.compile(r"([1-5])xx|([1-5][0-9][0-9])(?:-([1-5][0-9][0-9]))?")
_STATUSES = "404, 4xx, 400-499, or none"
_NO_ANSWER = "none"
_DAY, _TIME = "[0-9]{4}-[0-9]{2}-[0-9]{2}", "[0-9]{2}:[0-9]{2}(?::[0-9]{2})?"
_SHORT_HOUR = re.compile(r"[0-9]:")
_MOMENT = re.compile(rf"{_DAY}|(?:{_DAY}T)?{_TIME}")
_MOMENTS = "09:00, 09:00:30, 2026-01-05 or 2026-01-05T09:00"


class SearchError(ValueError):
    """A search line is invalid; the message shows the term and what is expected."""


Test = Callable[[Seen], bool]
Sieve = Callable[[Exchange], bool]


class Word(Struct, frozen=True):
    """One word of the search line.

    Attributes:
        example: a value.
        finds: what it finds, for people.
        test: returns the test that a value in lower case means; raises SearchError.
        of: what the test needs: the exchange alone, as `Sieve`; what the search sees of it, as `Test`; or that of an
            exchange that has been judged.
        several: whether a comma separates alternatives.
    """

    example: str
    finds: str
    test: Callable[[str], Callable[[Any], bool]]
    of: Literal["exchange", "seen", "judged"] = "seen"
    several: bool = True


WORDS: dict[str, Word] = {}
"""The words by their names; what each function below is called, without underscores, is a word."""


def _word(
    example: str, finds: str, *, several: bool = True, judged: bool = False
) -> Callable[[Callable[[str], Test]], Callable[[str], Test]]:
    """Make a word of the function that returns its test."""

    def register(test: Callable[[str], Test]) -> Callable[[str], Test]:
        WORDS[test.__name__.strip("_")] = Word(example, finds, test, "judged" if judged else "seen", several)
        return test

    return register


def _quick_word(example: str, finds: str) -> Callable[[Callable[[str], Sieve]], Callable[[str], Sieve]]:
    """Make a word of the function that returns its test, which needs the exchange alone."""

    def register(sieve: Callable[[str], Sieve]) -> Callable[[str], Sieve]:
        WORDS[sieve.__name__.strip("_")] = Word(example, finds, sieve, "exchange")
        return sieve

    return register


@_quick_word("POST", "the method of the request")
def _method(value: str) -> Sieve:
    return lambda exchange: exchange.method.lower() == value


@_quick_word("4xx,5xx", f"the status of the answer: {_STATUSES}")
def _status(value: str) -> Sieve:
    if value == _NO_ANSWER:
        return lambda exchange: exchange.status == 0
    found = _STATUS.fullmatch(value)
    if found is None:
        raise SearchError(f"'status' is {quoted(value)}; expected {_STATUSES}")
    if found[1]:
        return lambda exchange: exchange.status // 100 == int(found[1])
    wanted = range(int(found[2]), int(found[3] or found[2]) + 1)
    return lambda exchange: exchange.status in wanted


@_word("*/approve", "part of the path; * for any text", several=False)
def _path(value: str) -> Test:
    fits = glob(value if "*" in value else f"*{value}*")
    return lambda seen: fits(path_of(seen.url))


@_word("request", "the table in the address; of an app's table, the end of its name; * for any text")
def _table(value: str) -> Test:
    fits = glob(value) if "*" in value else lambda table: table == value or _is_of_app(table, value)
    part = max(value.split("*"), key=len)
    return lambda seen: part in seen.url and bool(table := table_of(seen.url)) and fits(table)


def _is_of_app(table: str, name: str) -> bool:
    """Return whether a table belongs to an app, by its scope, and its name ends so."""
    return table.startswith("x_") and table.endswith(f"_{name}")


@_quick_word("85d71683", "exchanges of an approval request, by the first digits of its RequestId")
def _request(value: str) -> Sieve:
    wanted = value.strip("{}")
    return lambda exchange: _has_one(exchange.about, wanted)


@_quick_word("78e51061", "exchanges of a registration, by the first digits of its Instance Id")
def _registration(value: str) -> Sieve:
    return lambda exchange: _has_one(exchange.registers, value)


@_word("privman.approver", "what a user sent who had logged in, as the party that answered knows")
def _user(value: str) -> Test:
    return lambda seen: seen.user == value


@_word("approver", "who sent the request or answers it")
def _party(value: str) -> Test:
    return lambda seen: value in {seen.party.lower(), seen.known.other_party.lower()}


@_word("console", "who sent the request")
def _from(value: str) -> Test:
    return lambda seen: seen.source.lower() == value


@_word("servicenow", "who answers it")
def _to(value: str) -> Test:
    return lambda seen: seen.target.lower() == value


@_word("broken", f"the verdict of the contract: {', '.join(VERDICTS)}", judged=True)
def _verdict(value: str) -> Test:
    if value not in VERDICTS:
        expected = ", ".join(VERDICTS)
        raise SearchError(f"'verdict' is {quoted(value)}{hint(value, VERDICTS)}; expected one of {expected}")
    if value == "broken":  # needs no contract
        return lambda seen: seen.broken > 0
    return lambda seen: seen.verdict == value


@_word("unknown-column", "the rule of a finding; * for any", judged=True)
def _finding(value: str) -> Test:
    fits = glob(value)
    return lambda seen: any(fits(each.rule.lower()) for each in seen.exchange.findings)


@_quick_word("*", "the kind of the fault that struck; * for any")
def _fault(value: str) -> Sieve:
    fits = glob(value)
    return lambda exchange: bool(exchange.fault) and fits(exchange.fault.lower())


@_word("09:00", f"what began at this time in UTC or later: {_MOMENTS}", several=False)
def _after(value: str) -> Test:
    moment = _moment("after", value)
    return lambda seen: seen.at(moment) >= moment


@_word("2026-01-06", "what began before this time", several=False)
def _before(value: str) -> Test:
    moment = _moment("before", value)
    return lambda seen: seen.at(moment) < moment


def _anywhere(value: str) -> Test:
    def fits(seen: Seen) -> bool:
        each = seen.exchange
        rest = f"{each.method} {each.status or each.error} {each.fault} {' '.join(each.about)}".lower()
        return value in rest or value in f"{each.method.lower()} {seen.url}"

    return fits


IN_BODIES = "body"
"""The word whose values the journal finds in bodies."""
WORDS[IN_BODIES] = Word('"PM Approval"', "text in a body; secrets are never found", _anywhere, several=False)
TEXT = Word("/table/incident", "text in method, address, status, error, fault or RequestId", _anywhere, several=False)
"""A term without a word."""


def _moment(word: str, value: str) -> str:
    """Return a time of day, which is that of any day, or a date with or without a time; raises SearchError.

    It has a form whose order as text is that of time.
    """
    moment = f"0{value}" if _SHORT_HOUR.match(value) else value.upper()
    if _MOMENT.fullmatch(moment):
        with suppress(ValueError):
            (time if CLOCK_TIME.match(moment) else datetime).fromisoformat(moment)
            return moment
    raise SearchError(f"{word!r} is {quoted(value)}; expected {_MOMENTS}")


def _has_one(ids: tuple[str, ...], wanted: str) -> bool:
    # A generator would cost as much as the rest of a search.
    for each in ids:  # noqa: SIM110
        if each.startswith(wanted):
            return True
    return False


def glob(pattern: str) -> Callable[[str], bool]:
    """Return a test of whether the whole text matches the pattern; it takes linear time."""
    first, *rest = pattern.split("*")
    if not rest:
        return lambda text: text == pattern
    *middle, last = rest

    def fits(text: str) -> bool:
        at, end = len(first), len(text) - len(last)
        if at > end or not (text.startswith(first) and text.endswith(last)):
            return False
        for piece in middle:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    return fits
