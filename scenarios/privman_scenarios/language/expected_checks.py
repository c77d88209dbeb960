"""Checks of expectations: known words and keys, and at least one answer that could fail them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from privman_contracts import PartyName
from privman_contracts.rules import RULES
from privman_core.near_words import advice
from privman_scenarios.language import message_places
from privman_scenarios.language.checks import (
    WRONG_ON_PURPOSE,
    Check,
    Flaw,
    Words,
    allowed_or_denied,
    is_status,
    unknown_word,
    with_own,
)
from privman_scenarios.language.expectation import (
    COMPARISONS,
    MISSING,
    OPERATORS,
    holds,
    is_operator,
    texts_of_all_kinds,
)
from privman_scenarios.language.known import GUID, respelt
from privman_scenarios.language.message_places import Part, Place
from privman_scenarios.language.model import Arguments, Own

# The one column that holds several words, with commas between them.
_LISTED_COLUMN = "activity_type.valid_responses"
_MOST_RETRIES = 10_000
_STATUS_COLUMN = "response.response_status_code"


def expected_word(what: str, words: Words, own_kind: str = "words") -> Check:
    """Return the check of an expectation of one of the words."""

    def check(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        return flaws_of_expectation(KnownWords(what, tuple(words()), own_kind), value, (), own)

    return check


def present(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find what is neither a plain value nor an operator, and what matches every text that is not empty."""
    return flaws_of_expectation(KnownWords("", (), "", always=True), value, (), own)


def scalar(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find what is neither a plain value nor an operator."""
    return flaws_of_expectation(KnownWords("", (), ""), value, (), own)


def truth(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find what is neither true, false nor an operator on one of them."""
    yield from scalar(value, arguments, own)
    if isinstance(named := allowed_or_denied(value), str | int | float) and not isinstance(named, bool):
        yield Flaw((), f"{named!r} is neither true nor false. Expected true or false, without quotes.")


def retries(value: object) -> str:
    """Return why a column of retries can never have a value that is named in an expectation; empty if it may."""
    if _holds_of_range(value, 0, _MOST_RETRIES):
        return f"{value!r} matches every number of retries. Expected a check that could fail."
    named = allowed_or_denied(value)
    if isinstance(named, bool | float | Mapping | list) or named in (None, ""):
        return ""
    is_count = str(named).isdecimal() and (int(named) == 0 or RULES["most_retries"].is_one(int(named)))
    return "" if is_count else f"no number of retries is {named!r}. Expected {RULES['most_retries'].expected}, or 0."


def _holds_of_range(value: object, least: int, most: int) -> bool:
    """Tell whether a comparison matches every number from the least to the most."""
    return (
        isinstance(value, Mapping)
        and set(value) <= set(COMPARISONS)
        and all(holds(value, end) for end in (least, most))
    )


def asked_body(party: PartyName) -> Check:
    """Return the check of what is expected of a party's answer, where a wrong key would make it hold."""

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        method, path = arguments.get("method", "GET"), arguments["path"]
        place = message_places.of_answer(party, method, path, _status(arguments, 200))
        return BodyKeys(place, own, message_places.of_any_answer(party).keys).flaws(value)

    return check


def refused_body(party: PartyName) -> Check:
    """Return the check of what is expected of a party's refusal, where a wrong key would make it hold."""

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        place = message_places.of_refusal(party, _status(arguments))
        return BodyKeys(place, own, message_places.of_any_answer(party).keys).flaws(value)

    return check


def exchanged_body(party: PartyName, part: Part) -> Check:
    """Return the check of what is expected of bodies in a party's journal, where a wrong key would make it hold."""
    other: PartyName = "console" if party == "servicenow" else "servicenow"
    asked: Mapping[str, tuple[PartyName, ...]] = {"in": (party,), "out": (other,)}

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        servers = asked.get(arguments.get("direction", ""), (party, other))
        method, path = arguments.get("method", ""), arguments.get("path", "*")
        return BodyKeys(message_places.of_exchanges(servers, method, path, part), own).flaws(value)

    return check


def metadata_keys(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find keys of metadata that are another spelling of a documented key."""
    return respelt_keys(value, message_places.of_column("metadata").parsed(), own)


def reported(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find what `metadata_keys` finds, and a PolicyId that is not a GUID, which the console refuses."""
    yield from metadata_keys(value, arguments, own)
    policy_id = value.get("PolicyId", "")
    if isinstance(policy_id, str) and policy_id and policy_id not in own.get("words", ()) and not _is_guid(policy_id):
        yield Flaw(("PolicyId",), f"{policy_id!r} is not a GUID. Expected one. {WRONG_ON_PURPOSE}")


def _is_guid(text: str) -> bool:
    """Tell whether it is a GUID, with or without braces."""
    return GUID.fullmatch(text.removeprefix("{").removesuffix("}")) is not None


def respelt_keys(value: object, place: Place, own: Own, path: tuple[str | int, ...] = ()) -> Iterator[Flaw]:
    """Find keys that are another spelling of one that the place has, also below operators and in a text of JSON."""
    if place.is_json_text and isinstance(value, str):
        yield from (Flaw(path, flaw.message) for flaw in respelt_keys(_parsed(value), place.parsed(), own))
    if not isinstance(value, Mapping):
        return
    for key, each in value.items():
        if key in OPERATORS:
            yield from respelt_keys(each, place.parsed() if key == "json" else place, own, (*path, key))
        elif (near := respelt(key, place.keys)) and key not in own.get("keys", ()):
            help_ = f"Did you mean {near!r}? If it is your own, list it under 'own: keys'."
            yield Flaw((*path, key), f"unknown key {key!r}. {help_}")


def _parsed(text: str) -> object:
    """Return the value of a text of JSON; None for other text."""
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    return None


@dataclass(frozen=True, slots=True)
class KnownWords:
    """The words that a value may be; none for any text.

    Attributes:
        always: whether there is always some value.
    """

    what: str
    words: tuple[str, ...]
    own: str
    always: bool = False

    def observed(self, own: Own) -> Iterable[Any]:
        """Return the values that there may be; none where nobody knows them."""
        if self.words:
            return [*with_own(self.words, own, self.own), *([""] if self.own == "events" else [])]
        return texts_of_all_kinds() if self.always else ()


def flaws_of_expectation(of: KnownWords, value: object, path: tuple[str | int, ...], own: Own) -> Iterator[Flaw]:
    """Find unknown words and operators in an expectation, and one that no answer could fail."""
    flaws = list(_flaws(of, value, path, own))
    if not flaws and (flaw := _always_holds(of, value, own)):
        flaws.append(Flaw(path, flaw))
    return iter(flaws)


def _flaws(of: KnownWords, value: object, path: tuple[str | int, ...], own: Own) -> Iterator[Flaw]:
    if isinstance(value, Mapping):
        yield from _operator(of, value, path, own)
    elif isinstance(value, list):
        yield Flaw(path, f"{value!r} is a list. Expected a plain value, or an operator.")
    elif of.what == _STATUS_COLUMN and not _may_be_status(value):
        yield Flaw(path, f"invalid status {value!r}. Expected 100 to 599, or 0 where no answer came.")
    elif of.words:
        # Where a word is expected, what YAML reads as something else is none.
        text = value if isinstance(value, str) else repr(value)
        for each in text.split(",") if of.what == _LISTED_COLUMN else [text]:
            if flaw := unknown_word(of.what, each, of.words, own, of.own):
                yield Flaw(path, flaw)


def _operator(of: KnownWords, value: Mapping[str, Any], path: tuple[str | int, ...], own: Own) -> Iterator[Flaw]:
    operator, operand = next(iter(value.items()))
    if not is_operator(value):
        key = next((key for key in value if key not in OPERATORS), "")
        yield Flaw((*path, key) if key else path, f"unknown operator {key!r}. {advice(key, OPERATORS)}")
    elif operator == "unordered":
        yield Flaw(path, "no list is there. Expected a plain value, or another operator.")
    elif operator == "not":
        yield from _flaws(of, operand, (*path, "not"), own)
    elif operator == "one-of":
        for index, each in enumerate(operand):
            yield from _flaws(of, each, (*path, operator, index), own)
    elif operator in _PARTIAL and of.words and of.what != _LISTED_COLUMN and not _holds_of_any(of, value, own):
        text = f"{operand!r} {_PARTIAL[operator]} no {of.what}. Expected one of {', '.join(of.words)}."
        yield Flaw((*path, operator), text)


_PARTIAL = {"matches": "matches", "contains": "is in"}


def _holds_of_any(of: KnownWords, value: object, own: Own) -> bool:
    return any(holds(value, each) for each in of.observed(own))


def _names_unwanted(value: object) -> bool:
    """Tell whether a text, or a pattern of texts, is named that must not be there, which some text is."""
    if_absent = isinstance(value, Mapping) and isinstance(value.get("not"), Mapping) and "absent" in value["not"]
    return isinstance(value, Mapping) and "not" in value and not if_absent


def _always_holds(of: KnownWords, value: object, own: Own) -> str:
    """Return why no answer could fail what is expected; empty where one could."""
    if of.what == _STATUS_COLUMN and _holds_of_range(value, 0, 599):
        return f"{value!r} matches every status. Expected a check that could fail."
    observed = list(of.observed(own))
    may_fail = of.what == _LISTED_COLUMN or not observed or (not of.words and _names_unwanted(value))
    if may_fail or not all(holds(value, each) for each in observed):
        return ""
    if of.words:
        return f"{value!r} matches every {of.what}. Expected one of {', '.join(of.words)}."
    return f"{value!r} matches every value that may be there. Expected a check that could fail."


@dataclass(frozen=True, slots=True)
class BodyKeys:
    """Finds keys that nobody knows in what is expected of a body.

    Only below a ``not``, and where nothing matches what is expected: any other wrong key fails when it is compared.

    Attributes:
        elsewhere: keys of other answers, such as ``error``, which this one may be expected to lack.
    """

    message: Place
    own: Own
    elsewhere: tuple[str, ...] = ()

    def flaws(self, value: object) -> Iterator[Flaw]:
        """Yield each unknown key, and what is compared with a value of a shape that it can never have."""
        return self._of(value, self.message, (), silent=False)

    def _of(self, value: object, place: Place, path: tuple[str | int, ...], *, silent: bool) -> Iterator[Flaw]:
        if isinstance(value, list):
            yield from self._of_list(value, place, path, silent=silent)
        elif isinstance(value, Mapping) and is_operator(value):
            yield from self._of_operator(*next(iter(value.items())), place, path, silent=silent)
        elif isinstance(value, Mapping):
            yield from self._of_mapping(value, place, path, silent=silent)
        elif silent and place.is_container:
            yield Flaw(path, f"an object or a list is there, which is never {value!r}. Expected keys, or a list.")
        elif silent and place.is_json_text and path[-1:] != ("matches",) and not _may_be_json(value):
            yield Flaw(
                path, f"JSON in a text is there, which is never {value!r}. Expected {{json: …}}, or {{matches: …}}."
            )
        elif place.words and value is not None:
            yield from self._of_word(value, place, path)

    def _of_word(self, value: object, place: Place, path: tuple[str | int, ...]) -> Iterator[Flaw]:
        if path[-1:] == ("matches",):
            return _flaws(_words_of(place, path), {"matches": value}, path[:-1], self.own)
        return _flaws(_words_of(place, path), value, path, self.own)

    def _of_list(self, value: list[Any], place: Place, path: tuple[str | int, ...], *, silent: bool) -> Iterator[Flaw]:
        if silent and not place.may_be_list:
            yield Flaw(path, f"{value!r} is a list. Expected what may be there: {_keys_or_value(place)}.")
        for index, each in enumerate(value):
            yield from self._of(each, place.items(), (*path, index), silent=silent)

    def _of_operator(
        self,
        operator: str,
        operand: Any,  # noqa: ANN401 - of any operator
        place: Place,
        path: tuple[str | int, ...],
        *,
        silent: bool,
    ) -> Iterator[Flaw]:
        if operator == "one-of":
            for index, each in enumerate(operand):
                yield from self._of(each, place, (*path, operator, index), silent=silent)
        elif operator == "contains":
            yield from self._of_part(operand, place, (*path, operator), silent=silent)
        elif operator not in ("absent", *COMPARISONS):
            inner = place.parsed() if operator == "json" else place
            yield from self._of(operand, inner, (*path, operator), silent=silent or operator == "not")
        if _is_about_texts(operator, operand) and len(place.words) > 1:
            flaw = _always_holds(_words_of(place, path), {operator: operand}, self.own)
            yield from [Flaw(path, flaw)] if flaw else []

    def _of_part(self, part: object, place: Place, path: tuple[str | int, ...], *, silent: bool) -> Iterator[Flaw]:
        if place.words and isinstance(part, str):
            yield from _flaws(_words_of(place, path), {"contains": part}, path[:-1], self.own)
        elif not isinstance(part, str):
            yield from self._of(part, place if isinstance(part, list) else place.items(), path, silent=silent)

    def _of_mapping(
        self, value: Mapping[str, Any], place: Place, path: tuple[str | int, ...], *, silent: bool
    ) -> Iterator[Flaw]:
        for key, each in value.items():
            lacks_it = (
                not path and each == {"absent": True} and key in self.elsewhere and not self.message.paths_to(key)
            )
            if (silent or holds(each, MISSING)) and not lacks_it and key not in (*place.keys, *self._own_keys):
                yield Flaw((*path, key), self._unknown(key, place))
            yield from self._of(each, place.below(key), (*path, key), silent=silent)

    @property
    def _own_keys(self) -> list[str]:
        return [*self.own.get("keys", ()), *self.own.get("columns", ())]

    def _unknown(self, key: str, place: Place) -> str:
        found = self.message.paths_to(key)
        help_ = f"Did you mean {found[0]!r}?" if found else advice(key, place.keys or self.message.keys)
        return f"unknown key {key!r}. {help_} If it is your own, list it under 'own: keys'."


def _words_of(place: Place, path: tuple[str | int, ...]) -> KnownWords:
    """Return the words of a place in a body, under the key that is nearest."""
    keys = [key for key in path if isinstance(key, str) and key not in OPERATORS]
    return KnownWords(keys[-1], place.words, "words")


def _is_about_texts(operator: str, operand: object) -> bool:
    named = operand["matches"] if isinstance(operand, Mapping) and set(operand) == {"matches"} else operand
    return operator == "one-of" or (operator in ("matches", "contains", "not") and isinstance(named, str))


def _may_be_json(value: object) -> bool:
    return isinstance(value, str) and (not value or value.startswith("{"))


def _keys_or_value(place: Place) -> str:
    return f"an object with {', '.join(place.keys)}" if place.keys else "a plain value"


def _status(arguments: Arguments, otherwise: int | None = None) -> int | None:
    """Return the status that an answer must have, None for any."""
    status = arguments.get("status", otherwise)
    return status if isinstance(status, int) else None


def _may_be_status(value: object) -> bool:
    """Tell whether a column shows it for a status: as text, or as nothing yet."""
    if isinstance(value, str) and value.isdecimal():
        return str(int(value)) == value and is_status(int(value))
    return value in (None, "") or is_status(value)
