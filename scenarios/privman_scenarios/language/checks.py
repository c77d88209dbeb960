"""Checks of the words in a step's arguments, made when a scenario is loaded.

A check yields a `Flaw` for each unknown word; without it a typo could make an expectation hold for ever.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from privman_core.inputs import plain_url
from privman_core.near_words import advice
from privman_scenarios.language import known
from privman_scenarios.language.expectation import MISSING, holds, holds_word, is_glob
from privman_scenarios.language.known import unknown
from privman_scenarios.language.model import Arguments, Own

# An identifier names one thing, though no letters of it make a word.
_IDENTIFIER = re.compile(r"[0-9A-Za-z]{8,}")


@dataclass(frozen=True, slots=True)
class Flaw:
    """One unknown word.

    Attributes:
        path: keys and indices that lead to it in the argument's value.
    """

    path: tuple[str | int, ...]
    message: str


_NARROW_RULE = "Expected a rule, a glob with a word of four letters or more, such as 'rule-*', or a message beside it."
_NARROW_MESSAGE = "Expected whole words of the message, one of them of four letters or more."

Check = Callable[[Any, Arguments, Own], Iterator[Flaw]]
Words = Callable[[], Iterable[str]]


WRONG_ON_PURPOSE = "If it is wrong on purpose, list it under 'own: words'."


def nothing(_value: object, _arguments: Arguments, _own: Own) -> Iterator[Flaw]:
    """Find no flaw."""
    return iter(())


def word(what: str, words: Words, own_kind: str) -> Check:
    """Return the check of a value that is one of the words, or a list of them."""

    def check(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        for index, each in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(each, str) and (message := unknown_word(what, each, words(), own, own_kind)):
                yield Flaw((index,) if isinstance(value, list) else (), message)

    return check


def glob(what: str, words: Words, own_kind: str) -> Check:
    """Return the check of a glob that fits one of the words, in any case."""

    def check(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        pattern = str(value)
        if value not in own.get(own_kind, ()) and not any(known.fits(pattern, each) for each in words()):
            near = advice(pattern.strip("*"), words(), likeness=0.4)
            yield Flaw((), f"unknown {what} {value!r}. {near} If it is your own, list it under 'own: {own_kind}'.")

    return check


def finding_rule(rules: Words) -> Check:
    """Return the check of a glob of rules of findings, which must not acknowledge almost every one."""
    known_rule = glob("rule of findings", rules, "findings")

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        yield from known_rule(value, arguments, own)
        bounded = "message" in arguments or arguments.get("count") == 0
        if not bounded and is_glob(value) and not holds_word(value):
            yield Flaw((), f"{value!r} fits almost any finding. {_NARROW_RULE}")

    return check


def finding_message(value: str, _arguments: Arguments, _own: Own) -> Iterator[Flaw]:
    """Find a part of a message that almost every message has."""
    if not holds_word(value) and not _IDENTIFIER.search(value):
        yield Flaw((), f"{value!r} is in almost any message. {_NARROW_MESSAGE}")


def none_of(*selecting: str) -> Check:
    """Return the check of a count: of 0 things nothing can hold, so that only what selects them may be beside it."""

    def check(value: Any, arguments: Arguments, _own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        vain = [key for key in arguments if key not in ("count", *selecting)]
        if value == 0 and vain:
            yield Flaw((), f"where there are 0, nothing is compared with {vain[0]!r}. Expected it without {vain[0]!r}.")

    return check


def statuses(value: Any, _arguments: Arguments, _own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find a value that is not a list of statuses, or not the negation of one."""
    operator = next((name for name in ("not", "unordered") if isinstance(value, Mapping) and set(value) == {name}), "")
    listed = value[operator] if operator else value
    if not isinstance(listed, list) or not listed:
        expected = "Expected [200], {unordered: [200, 503]} or {not: [500]}; count: 0 for none."
        return iter([Flaw((), f"invalid list of statuses {value!r}. {expected}")])
    expected = "Expected 100 to 599, 0 where no answer came, or {not: 500}."
    return (
        Flaw((operator, index) if operator else (index,), f"invalid status {each!r}. {expected}")
        for index, each in enumerate(listed)
        if not is_status(allowed_or_denied(each))
    )


def headers(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find unknown names of headers where a wrong one would make the expectation hold."""
    for name, each in value.items():
        if holds(each, MISSING) and name.lower() not in (*known.HEADERS, *map(str.lower, own.get("headers", ()))):
            yield Flaw((name,), unknown("header", name, known.HEADERS, "headers"))
        if name != next(other for other in value if other.lower() == name.lower()):
            yield Flaw((name,), f"duplicate header {name!r}; case does not matter.")


def address(value: str, _arguments: Arguments, own: Own) -> Iterator[Flaw]:
    """Find what is not an http or https address."""
    if value in own.get("words", ()):
        return
    try:
        plain_url(value)
    except ValueError as error:
        message, _, expected = str(error).partition("; expected ")
        yield Flaw((), f"invalid address {message}. Expected {expected}. {WRONG_ON_PURPOSE}")


def rows_of(fields: Mapping[str, Check]) -> Check:
    """Return the check of a mapping, or of a list of them, with these keys."""

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        listed = isinstance(value, list)
        for index, row in enumerate(value if listed else [value]):
            for key, each in row.items() if isinstance(row, Mapping) else ():
                place = (index, key) if listed else (key,)
                if key in fields:
                    yield from below(place, fields[key](each, arguments, own))
                elif row.keys() != {"absent"}:
                    yield Flaw(place, f"unknown key {key!r}. {advice(key, fields)}")

    return check


def options(kinds: Mapping[str, Mapping[str, Any]]) -> Check:
    """Return the check of a fault's options, by the kinds that take them."""

    def check(value: Any, arguments: Arguments, _own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        kind = arguments.get("kind")
        taken = kinds.get(str(kind), {})
        for key, each in value.items():
            if key not in taken:
                help_ = advice(key, taken) if taken else "Expected none."
                yield Flaw((key,), f"the fault {kind!r} has no option {key!r}. {help_}")
            elif not taken[key].holds(each):
                yield Flaw((key,), f"option {key!r} is {each!r}. Expected {taken[key].expected}.")

    return check


def below(path: tuple[str | int, ...], flaws: Iterable[Flaw]) -> Iterator[Flaw]:
    """Yield the flaws with the path before theirs."""
    return (Flaw((*path, *flaw.path), flaw.message) for flaw in flaws)


def unknown_word(what: str, text: str, words: Iterable[str], own: Own, own_kind: str) -> str:
    """Return the message for a text that is none of the words; empty for one that is, and for an empty text."""
    valid = with_own(words, own, own_kind)
    return "" if not text or text in valid else unknown(what, text, valid, own_kind)


def with_own(words: Iterable[str], own: Own, own_kind: str) -> list[str]:
    """Return the words with those that the scenario declares under ``own``."""
    return [*words, *own.get(own_kind, ())]


def allowed_or_denied(value: Any) -> Any:  # noqa: ANN401 - any argument
    """Return what a ``not`` is about, and any other value as it is."""
    return value["not"] if isinstance(value, Mapping) and set(value) == {"not"} else value


def is_status(value: object) -> bool:
    """Tell whether it is a status of HTTP, or 0 for no answer."""
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    return value == 0 or 100 <= value <= 599  # noqa: PLR2004 - statuses of HTTP
