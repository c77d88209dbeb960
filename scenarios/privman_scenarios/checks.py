"""Checks of the words in a step's arguments, made when a scenario is loaded.

A check yields a `Flaw` for each word that nobody knows; without it a typo could make an expectation hold for ever.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape
from http import HTTPStatus
from typing import Any, get_args
from urllib.parse import unquote

from privman_contracts import PartyName
from privman_scenarios import known, message_places, queries
from privman_scenarios.expectation import MISSING, OPERATORS, holds
from privman_scenarios.message_places import Part, Place
from privman_scenarios.model import Arguments
from privman_scenarios.patterns import holds_word, is_found, is_glob, texts_of_all_kinds
from privman_scenarios.words import Own, nearest, unknown

# The one column that holds several words, with commas between them.
_LISTED = "activity_type.valid_responses"
_STATUS_COLUMN = "response.response_status_code"
_CONTROL_PLANES = ("/__admin", "/__cockpit")
# The Table API has the same paths without a version.
_VERSION = re.compile(r"^(/api/now/)v[12]/")
# An identifier names one thing, though no letters of it make a word.
_IDENTIFIER = re.compile(r"[0-9A-Za-z]{8,}")
# What a record is found by: of the two kinds each column holds one.
_OF_SYS_IDS = ("sys_id", "instance_id", "activity_type_id")
_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_SYS_ID = re.compile(r"[0-9a-f]{32}")


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


def nothing(_value: object, _arguments: Arguments, _own: Own) -> Iterator[Flaw]:
    """Find no flaw."""
    return iter(())


def word(what: str, words: Words, own_kind: str) -> Check:
    """Return the check of a value that is one of the words, or a list of them."""

    def check(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        for index, each in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(each, str) and (message := _unknown_word(what, each, words(), own, own_kind)):
                yield Flaw((index,) if isinstance(value, list) else (), message)

    return check


def glob(what: str, words: Words, own_kind: str) -> Check:
    """Return the check of a glob that fits one of the words, in any case."""

    def check(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        pattern = str(value)
        if value not in own.get(own_kind, ()) and not any(known.fits(pattern, each) for each in words()):
            near = nearest(pattern.strip("*"), words(), likeness=0.4)
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


def asked_path(party: PartyName) -> Check:
    """Return the check of a glob of paths that are asked of a party."""

    def check(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        yield from _path("path", get_args(PartyName), value, own) or _path(
            f"path asked of {party}", [party], value, own
        )

    return check


def exchanged_path(party: PartyName) -> Check:
    """Return the check of a glob of paths in a party's journal, in the direction that the step names."""
    other: PartyName = "console" if party == "servicenow" else "servicenow"
    by_direction = {"in": asked_path(party), "out": asked_path(other)}

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        if of_direction := by_direction.get(arguments.get("direction", "")):
            return of_direction(value, arguments, own)
        return iter(_path("path", get_args(PartyName), value, own))

    return check


def _path(what: str, parties: Sequence[PartyName], value: object, own: Own) -> list[Flaw]:
    """Return the flaw of a glob that fits no path that is asked of these parties."""
    paths = [path for party in parties for _, path in _asked_of(party, own)]
    flaws = glob(what, lambda: paths, "paths")(value, {}, own)
    return [Flaw(flaw.path, known.without_sys_ids(flaw.message)) for flaw in flaws]


def _asked_of(party: PartyName, own: Own) -> tuple[tuple[str, str], ...]:
    further = known.asked_of_tables(own.get("tables", ())) if party == "servicenow" else ()
    return (*known.asked_of(party), *further)


def asked_method(party: PartyName) -> Check:
    """Return the check of a method by which a party is asked for what fits the step's path."""

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        return _method((party,), value, arguments, own)

    return check


def exchanged_method(party: PartyName) -> Check:
    """Return the check of the method of exchanges in a party's journal."""
    other: PartyName = "console" if party == "servicenow" else "servicenow"
    asked: Mapping[str, tuple[PartyName, ...]] = {"in": (party,), "out": (other,)}

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        return _method(asked.get(arguments.get("direction", ""), (party, other)), value, arguments, own)

    return check


def none_of(*selecting: str) -> Check:
    """Return the check of a count: of 0 things nothing can hold, so that only what selects them may be beside it."""

    def check(value: Any, arguments: Arguments, _own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        vain = [key for key in arguments if key not in ("count", *selecting)]
        if value == 0 and vain:
            yield Flaw((), f"where there are 0, nothing is compared with {vain[0]!r}. Expected it without {vain[0]!r}.")

    return check


def statuses(value: Any, _arguments: Arguments, _own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find what is no list of statuses, nor what such a list must not be."""
    listed = _allowed_or_denied(value)
    if not isinstance(listed, list) or not listed:
        expected = "Expected [200], or {not: [500]}; count: 0 for none."
        return iter([Flaw((), f"{value!r} is no list of statuses. {expected}")])
    expected = "Expected 100 to 599, 0 where no answer came, or {not: 500}."
    return (
        Flaw(("not", index) if isinstance(value, Mapping) else (index,), f"{each!r} is no status. {expected}")
        for index, each in enumerate(listed)
        if not _is_status(_allowed_or_denied(each))
    )


def expected_word(what: str, words: Words, own_kind: str = "words") -> Check:
    """Return the check of an expectation of one of the words."""

    def check(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        return _expectation(_Known(what, tuple(words()), own_kind), value, (), own)

    return check


def present(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find what is neither a plain value nor an operator, and what holds of every text that is not empty."""
    return _expectation(_Known("", (), "", always=True), value, (), own)


def scalar(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find what is neither a plain value nor an operator."""
    return _expectation(_Known("", (), ""), value, (), own)


def asked_body(party: PartyName) -> Check:
    """Return the check of what is expected of a party's answer, where a wrong key would make it hold."""

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        method, path = arguments.get("method", "GET"), arguments["path"]
        place = message_places.of_answer(party, method, path, _status(arguments, 200))
        return _Keys(place, own, message_places.of_any_answer(party).keys).flaws(value)

    return check


def refused_body(party: PartyName) -> Check:
    """Return the check of what is expected of a party's refusal, where a wrong key would make it hold."""

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        place = message_places.of_refusal(party, _status(arguments))
        return _Keys(place, own, message_places.of_any_answer(party).keys).flaws(value)

    return check


def exchanged_body(party: PartyName, part: Part) -> Check:
    """Return the check of what is expected of bodies in a party's journal, where a wrong key would make it hold."""
    other: PartyName = "console" if party == "servicenow" else "servicenow"
    asked: Mapping[str, tuple[PartyName, ...]] = {"in": (party,), "out": (other,)}

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        servers = asked.get(arguments.get("direction", ""), (party, other))
        method, path = arguments.get("method", ""), arguments.get("path", "*")
        return _Keys(message_places.of_exchanges(servers, method, path, part), own).flaws(value)

    return check


def headers(value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find unknown names of headers where a wrong one would make the expectation hold."""
    for name, each in value.items():
        if holds(each, MISSING) and name.lower() not in (*known.HEADERS, *map(str.lower, own.get("headers", ()))):
            yield Flaw((name,), unknown("header", name, known.HEADERS, "headers"))
        if name != next(other for other in value if other.lower() == name.lower()):
            yield Flaw((name,), f"the header {name!r} is there twice, as case does not count. Expected it once.")


def called_path(party: PartyName) -> Check:
    """Return the check of a path that a step asks a party for, and of what it asks of a control plane."""

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        path = _VERSION.sub(r"\1", unquote(value.partition("?")[0]))
        if path.lower().startswith(_CONTROL_PLANES):
            yield from _changed_control_plane(value, arguments)
        elif not arguments.get("unknown_path") and not any(fnmatchcase(path, each) for each in own.get("paths", ())):
            for flaw in _path(f"path of {party}", [party], escape(path), own):
                yield Flaw((), f"{flaw.message} If it is meant, say 'unknown_path: true'.")
        if party == "servicenow":
            yield from _query(value, own)

    return check


def _query(path: str, own: Own) -> Iterator[Flaw]:
    """Find unknown columns and words in the query of a path, by which no record of one of the app's tables is found."""
    tables = {wire: table for table, wire in known.names().group("tables").items()}
    table = tables.get(queries.table_of(path), "")
    for column, values in queries.conditions(path):
        for value in values or ("",):
            yield from (Flaw((), flaw.message) for flaw in where({column: value}, {"table": table}, own))


def _changed_control_plane(path: str, arguments: Arguments) -> Iterator[Flaw]:
    """Find a change in a control plane: journal, findings and faults tell whether the scenario holds."""
    if arguments.get("method", "GET") not in known.READING:
        yield Flaw((), f"{path!r} changes what the run checks. Expected a step such as clear-faults or restart.")


def sent_body(_value: object, arguments: Arguments, _own: Own) -> Iterator[Flaw]:
    """Find a body that is not sent, or that nobody reads."""
    method = arguments.get("method", "GET")
    if "json" in arguments and "text" in arguments:
        yield Flaw((), "'json' and 'text' are both there, and one body is sent. Expected one of them.")
    elif method in known.WITHOUT_BODY:
        yield Flaw((), f"{method} has no body. Expected another method, such as POST.")


def asked_status(value: object, arguments: Arguments, _own: Own) -> Iterator[Flaw]:
    """Find a 401 that is certain, since the step leaves out who asks."""
    names_user = "by" in arguments or any(name.lower() == "authorization" for name in arguments.get("headers", ()))
    if value == HTTPStatus.UNAUTHORIZED and not names_user:
        yield Flaw((), "without 'by' nobody asks, so that 401 is certain. Expected 'by', which is '' for nobody.")


def sent_columns(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find unknown columns, and unknown words in them, in a record that is sent, which may hold odd values, too."""
    plain = {column: "" if isinstance(each, Mapping | list) else each for column, each in value.items()}
    return columns(plain, arguments, own)


def columns(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find unknown columns, and unknown words in them, of the table that the step names."""
    table = arguments.get("table")
    if table not in known.names().group("tables"):
        return  # the user's own
    for column, each in value.items():
        if column not in (*known.columns(table), *own.get("columns", ())):
            yield Flaw((column,), unknown(f"column of {table}", column, known.columns(table), "columns"))
        else:
            yield from column_of(table, column)(each, arguments, own, (column,))


def where(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
    """Find unknown columns and words in the values that select records, and what is no plain value."""
    yield from sent_columns(value, arguments, own)
    for column, each in value.items():
        if expected := _selecting(arguments.get("table"), column, each, own):
            yield Flaw((column,), f"{column!r} is {each!r}, which selects nothing. Expected {expected}.")


def _selecting(table: object, column: str, value: object, own: Own) -> str:
    """Return what would select records where the value can never be in that column; empty where it can."""
    if isinstance(value, Mapping | list) or value is None:
        return "a plain value ('' where there must be none)"
    if table not in known.names().group("tables") or column in own.get("columns", ()):
        return ""
    if isinstance(value, str):
        return _identifying(column, value)
    holds_it = known.FLAGS if isinstance(value, bool) else known.NUMBERS
    return "" if column in holds_it else "text"


def _identifying(column: str, text: str) -> str:
    """Return which identifier the column holds where the text is one of the other kind; empty where it may be there."""
    if column in _OF_SYS_IDS and _GUID.fullmatch(text):
        return "a sys_id"
    return "a GUID" if column == "request_id" and _SYS_ID.fullmatch(text) else ""


def column_of(table: str, column: str) -> Callable[..., Iterator[Flaw]]:
    """Return the check of a value, or of what is expected of it, in one column."""

    def check(value: Any, _arguments: Arguments, own: Own, path: tuple[str | int, ...] = ()) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        if column in known.JSON_COLUMNS:
            return _below(path, _Keys(message_places.of_column(column), own).flaws(value))
        always = column in known.SYSTEM_COLUMNS
        return _expectation(_Known(f"{table}.{column}", known.words(table, column), "words", always), value, path, own)

    return check


def rows_of(fields: Mapping[str, Check]) -> Check:
    """Return the check of a mapping, or of a list of them, with these keys."""

    def check(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        listed = isinstance(value, list)
        for index, row in enumerate(value if listed else [value]):
            for key, each in row.items() if isinstance(row, Mapping) else ():
                place = (index, key) if listed else (key,)
                if key in fields:
                    yield from _below(place, fields[key](each, arguments, own))
                elif row.keys() != {"absent"}:
                    yield Flaw(place, f"unknown key {key!r}. {nearest(key, fields)}")

    return check


def options(kinds: Mapping[str, Mapping[str, Any]]) -> Check:
    """Return the check of a fault's options, by the kinds that take them."""

    def check(value: Any, arguments: Arguments, _own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        kind = arguments.get("kind")
        taken = kinds.get(str(kind), {})
        for key, each in value.items():
            if key not in taken:
                help_ = nearest(key, taken) if taken else "Expected none."
                yield Flaw((key,), f"a {kind!r} fault has no option {key!r}. {help_}")
            elif not taken[key].holds(each):
                yield Flaw((key,), f"option {key!r} is {each!r}. Expected {taken[key].expected}.")

    return check


def _below(path: tuple[str | int, ...], flaws: Iterable[Flaw]) -> Iterator[Flaw]:
    return (Flaw((*path, *flaw.path), flaw.message) for flaw in flaws)


@dataclass(frozen=True, slots=True)
class _Known:
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
            return [*_all(self.words, own, self.own), *([""] if self.own == "events" else [])]
        return texts_of_all_kinds() if self.always else ()


def _expectation(of: _Known, value: object, path: tuple[str | int, ...], own: Own) -> Iterator[Flaw]:
    flaws = list(_flaws(of, value, path, own))
    if not flaws and (flaw := _always_holds(of, value, own)):
        flaws.append(Flaw(path, flaw))
    return iter(flaws)


def _flaws(of: _Known, value: object, path: tuple[str | int, ...], own: Own) -> Iterator[Flaw]:
    if isinstance(value, Mapping):
        yield from _operator(of, value, path, own)
    elif isinstance(value, list):
        yield Flaw(path, f"{value!r} is a list. Expected a plain value, or an operator.")
    elif of.what == _STATUS_COLUMN and not _may_be_status(value):
        yield Flaw(path, f"{value!r} is no status. Expected 100 to 599, or 0 where no answer came.")
    elif of.words:
        # Where a word is expected, what YAML reads as something else is none.
        text = value if isinstance(value, str) else repr(value)
        for each in text.split(",") if of.what == _LISTED else [text]:
            if flaw := _unknown_word(of.what, each, of.words, own, of.own):
                yield Flaw(path, flaw)


def _operator(of: _Known, value: Mapping[str, Any], path: tuple[str | int, ...], own: Own) -> Iterator[Flaw]:
    strange = [key for key in value if key not in OPERATORS]
    if strange or len(value) != 1:
        key = (strange or [""])[0]
        yield Flaw((*path, *strange[:1]), f"unknown operator {key!r}. {nearest(key, OPERATORS)}")
    elif "not" in value:
        yield from _flaws(of, value["not"], (*path, "not"), own)
    elif "matches" in value and of.words and of.what != _LISTED and not _matches_any(of, value["matches"], own):
        text = f"{value['matches']!r} matches no {of.what}. Expected one of {', '.join(of.words)}."
        yield Flaw((*path, "matches"), text)


def _matches_any(of: _Known, pattern: str, own: Own) -> bool:
    return any(is_found(pattern, each) for each in of.observed(own))


def _names_unwanted(value: object) -> bool:
    """Tell whether a text, or a pattern of texts, is named that must not be there, which some text is."""
    if_absent = isinstance(value, Mapping) and isinstance(value.get("not"), Mapping) and "absent" in value["not"]
    return isinstance(value, Mapping) and "not" in value and not if_absent


def _always_holds(of: _Known, value: object, own: Own) -> str:
    """Return why no answer could fail what is expected; empty where one could."""
    observed = list(of.observed(own))
    may_fail = of.what == _LISTED or not observed or (not of.words and _names_unwanted(value))
    if may_fail or not all(holds(value, each) for each in observed):
        return ""
    if of.words:
        return f"{value!r} holds of every {of.what}. Expected one of {', '.join(of.words)}."
    return f"{value!r} holds of every value that may be there. Expected what an answer could fail."


@dataclass(frozen=True, slots=True)
class _Keys:
    """Finds keys that nobody knows in what is expected of a body.

    Only below a ``not``, and where what is expected holds of nothing: any other wrong key fails when it is compared.

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
        elif isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in OPERATORS:
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
            return _flaws(_known(place, path), {"matches": value}, path[:-1], self.own)
        return _flaws(_known(place, path), value, path, self.own)

    def _of_list(self, value: list[Any], place: Place, path: tuple[str | int, ...], *, silent: bool) -> Iterator[Flaw]:
        if silent and not place.may_be_list:
            yield Flaw(path, f"{value!r} is a list. Expected what may be there: {_keys_or_value(place)}.")
        for index, each in enumerate(value):
            yield from self._of(each, place.items(), (*path, index), silent=silent)

    def _of_operator(
        self, operator: str, operand: object, place: Place, path: tuple[str | int, ...], *, silent: bool
    ) -> Iterator[Flaw]:
        if operator != "absent":
            inner = place.parsed() if operator == "json" else place
            yield from self._of(operand, inner, (*path, operator), silent=silent or operator == "not")
        if _is_about_texts(operator, operand) and len(place.words) > 1:
            flaw = _always_holds(_known(place, path), {operator: operand}, self.own)
            yield from [Flaw(path, flaw)] if flaw else []

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
        help_ = f"Did you mean {found[0]!r}?" if found else nearest(key, place.keys or self.message.keys)
        return f"unknown key {key!r}. {help_} If it is your own, list it under 'own: keys'."


def _known(place: Place, path: tuple[str | int, ...]) -> _Known:
    """Return the words of a place in a body, under the key that is nearest."""
    keys = [key for key in path if isinstance(key, str) and key not in OPERATORS]
    return _Known(keys[-1], place.words, "words")


def _is_about_texts(operator: str, operand: object) -> bool:
    named = operand["matches"] if isinstance(operand, Mapping) and set(operand) == {"matches"} else operand
    return operator in ("matches", "not") and isinstance(named, str)


def _may_be_json(value: object) -> bool:
    return isinstance(value, str) and (not value or value.startswith("{"))


def _keys_or_value(place: Place) -> str:
    return f"an object with {', '.join(place.keys)}" if place.keys else "a plain value"


def _status(arguments: Arguments, otherwise: int | None = None) -> int | None:
    """Return the status that an answer must have, None for any."""
    status = arguments.get("status", otherwise)
    return status if isinstance(status, int) else None


def _unknown_word(what: str, text: str, words: Iterable[str], own: Own, own_kind: str) -> str:
    valid = _all(words, own, own_kind)
    return "" if not text or text in valid else unknown(what, text, words, own_kind)


def _all(words: Iterable[str], own: Own, own_kind: str) -> list[str]:
    return [*words, *own.get(own_kind, ())]


def _method(parties: Sequence[PartyName], method: str, arguments: Arguments, own: Own) -> Iterator[Flaw]:
    path = str(arguments.get("path", "*"))
    if path in own.get("paths", ()) or method in known.OF_ANY_PATH:
        return
    fitting = [asked for each in parties for asked, of in _asked_of(each, own) if known.fits(path, of)]
    if fitting and method not in fitting:
        methods = ", ".join(dict.fromkeys(fitting))
        yield Flaw((), f"nobody asks for {arguments.get('path', 'anything')!r} by {method}. Expected one of {methods}.")


def _allowed_or_denied(value: Any) -> Any:  # noqa: ANN401 - any argument
    """Return what a ``not`` is about, and any other value as it is."""
    return value["not"] if isinstance(value, Mapping) and set(value) == {"not"} else value


def _is_status(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    return value == 0 or 100 <= value <= 599  # noqa: PLR2004 - statuses of HTTP


def _may_be_status(value: object) -> bool:
    """Tell whether a column shows it for a status: as text, or as nothing yet."""
    if isinstance(value, str) and value.isdecimal():
        return str(int(value)) == value and _is_status(int(value))
    return value in (None, "") or _is_status(value)
