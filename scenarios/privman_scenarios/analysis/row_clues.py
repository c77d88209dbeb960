"""Find the keys and words of the app in the rows of its tables."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import orjson

from privman_contracts import Contracts
from privman_contracts.schemas import Schema
from privman_contracts.validation import ContractValidator
from privman_contracts.wire_names import WireName
from privman_core.near_words import bare
from privman_scenarios.analysis.definition_clues import ALONE, alike, spelling
from privman_scenarios.analysis.instance_facts import InstanceFacts, Row, SeenColumn
from privman_scenarios.analysis.narrowing import Clue, Narrowing
from privman_scenarios.analysis.value_forms import FORMS

# The group of keys, the message that they are of, and the column that holds it.
_MESSAGES: Sequence[tuple[str, str, tuple[str, str]]] = (
    ("keys.instance_metadata", "instance-metadata", ("integration_configuration", "instance_metadata")),
    ("keys.metadata", "request-metadata", ("request", "metadata")),
)
# What says more of a value than that it is text.
_TELLING = {"pattern", "enum"}
_LOG_ON = "/logon/token"
_UNCHANGED = "0"
# A Secret has digits among its letters, and is longer.
_WORD = re.compile(r"[^\W\d_]+(?:[ _-][^\W\d_]+){0,3}")
_MOST_WORDS, _LONGEST_WORD = 12, 30


class RowClues:
    """What points at the keys and words of the app.

    Args:
        contracts: with the names of the instance's tables and columns.
    """

    def __init__(self, facts: InstanceFacts, contracts: Contracts) -> None:
        self._facts = facts
        self._contracts = contracts
        self._names = contracts.names

    def find_keys(self) -> Iterator[Narrowing[str]]:
        """Yield the keys of each JSON object in a column."""
        for group, message, column in _MESSAGES:
            values = _values_by_key(self._values(*column))
            wanted = [name for name in self._names if name.group == group]
            narrowing = Narrowing(dict.fromkeys(wanted, values))
            properties: Mapping[str, Schema] = self._contracts.schemas[message]["properties"]
            narrowing.follow(_key_clues(values, properties))
            required = self._contracts.schemas[message]["required"]
            narrowing.settle((name for name in wanted if name.value in required), ALONE)
            yield narrowing

    def find_words(self) -> Iterator[Narrowing[str]]:
        """Yield the responses, the other statuses of a request, and the kind of authentication."""
        responses = self._find_responses()
        yield responses
        yield self._find_statuses({each.candidate for each in responses.found.values()})
        yield self._find_authentication()

    def _find_responses(self) -> Narrowing[str]:
        said = _words((*chain(*self._lists()), *self._values("response", "response")))
        # Without a row, choices show responses beside the other statuses.
        known = {each.value for each in self._wanted("words.response")}
        said = said or dict.fromkeys(word for word in self._choices() if word in known)
        narrowing = Narrowing(dict.fromkeys(self._wanted("words.response"), said))
        narrowing.follow((spelling, self._with_duration, alike, self._in_order))
        narrowing.settle(self._wanted("words.response"), ALONE)
        return narrowing

    def _lists(self) -> list[list[str]]:
        """Return the valid responses of each activity type."""
        values = self._values("activity_type", "valid_responses")
        return [[word.strip() for word in value.split(",")] for value in values]

    def _choices(self) -> Sequence[str]:
        return self._facts.choices_of(SeenColumn(self._names.table("request"), self._column("request", "status")))

    def _with_duration(self, name: WireName, word: str) -> str:
        """Point at the response that alone has durations: a denial has none."""
        decided = (("request", "status"), ("response", "response"))
        timed = {
            row.get(self._column(table, column), "")
            for table, column in decided
            for row in self._rows(table)
            if row.get(self._column(table, "duration"))
        }
        return "a decision with a duration" if name.word == "approve" and timed == {word} else ""

    def _in_order(self, name: WireName, word: str) -> str:
        """Point at the place that a response has in the printed list, ``Approve,Deny``."""
        place = [each.word for each in self._wanted("words.response")].index(name.word)
        lists = [each for each in self._lists() if word in each]
        is_there = {each.index(word) for each in lists} == {place}
        return f"its place in {','.join(lists[0])!r}" if is_there else ""

    def _find_statuses(self, responses: set[str]) -> Narrowing[str]:
        said = (*self._values("request", "status"), *self._choices(), self._default())
        wanted = self._wanted("words.request_status")
        statuses = _words(word for word in said if word and word not in responses)
        narrowing = Narrowing(dict.fromkeys(wanted, statuses))
        narrowing.follow((spelling, self._by_default, self._by_changes, alike))
        if self._choices():  # rows may lack a status, but no choice is missing
            narrowing.settle(wanted, ALONE)
        return narrowing

    def _default(self) -> str:
        """Return the status of a new request, as the dictionary has it; empty where it is unknown."""
        columns = self._facts.columns_of(self._names.table("request"))
        column = columns.get(self._column("request", "status"))
        return column.default if column else ""

    def _by_default(self, name: WireName, word: str) -> str:
        is_default = name.word == "pending" and word == self._default()
        return f"default of {self._column('request', 'status')}" if is_default else ""

    def _by_changes(self, name: WireName, word: str) -> str:
        """Point at the status of requests that nobody has changed, and at that of those that only ended."""
        status = self._column("request", "status")
        changes = {row.get("sys_mod_count") != _UNCHANGED for row in self._rows("request") if row.get(status) == word}
        if name.word == "pending":
            return "requests that nobody has changed" if changes == {False} else ""
        return "requests that have ended without a decision" if changes == {True} and word != self._default() else ""

    def _find_authentication(self) -> Narrowing[str]:
        key = self._names.key("instance_metadata", "Authentication Type")
        said = _values_by_key(self._values("integration_configuration", "instance_metadata")).get(key, [])
        wanted = self._wanted("words.authentication_type")
        narrowing = Narrowing(dict.fromkeys(wanted, _words(said)))
        narrowing.follow((spelling,))
        narrowing.settle(wanted, f"the value of {key!r}")
        return narrowing

    def _wanted(self, group: str) -> list[WireName]:
        return [name for name in self._names if name.group == group]

    def _column(self, table: str, column: str) -> str:
        return self._names.column(table, column)

    def _rows(self, table: str) -> Sequence[Row]:
        return self._facts.rows.get(self._names.table(table), ())

    def _values(self, table: str, column: str) -> list[str]:
        return self._facts.values(self._names.table(table), self._column(table, column))


def _words(values: Iterable[str]) -> dict[str, None]:
    """Return the values if they are words of which there are few; none if they may be texts, or secrets."""
    words = dict.fromkeys(values)
    return words if len(words) <= _MOST_WORDS and all(map(_is_word, words)) else {}


def _is_word(text: str) -> bool:
    return len(text) <= _LONGEST_WORD and _WORD.fullmatch(text) is not None


def _values_by_key(texts: Iterable[str]) -> dict[str, list[str]]:
    """Return what JSON objects have at each key, if that is text."""
    values: dict[str, list[str]] = {}
    for text in filter(FORMS["json"].is_one, texts):
        for key, value in orjson.loads(text).items():
            values.setdefault(key, []).append(value if isinstance(value, str) else "")
    return values


def _key_clues(values: Mapping[str, list[str]], properties: Mapping[str, Schema]) -> Iterator[Clue[str]]:
    def same_letters(name: WireName, key: str) -> str:
        return f"name like {name.value!r}" if bare(key) == bare(str(name.value)) else ""

    def log_on(name: WireName, key: str) -> str:
        is_log_on = name.word == "Token Url" and all(_LOG_ON in value for value in values[key])
        return "addresses of a log-on" if is_log_on else ""

    def masked(name: WireName, key: str) -> str:
        is_secret = properties.get(str(name.value), {}).get("x-secret") and name.word == "Password"
        return "its values are masked" if is_secret and not "".join(values[key]).strip("*") else ""

    def form(name: WireName, key: str) -> str:
        schema = properties.get(str(name.value), {})
        if not _TELLING.intersection(schema):
            return ""
        return "the form of its values" if all(map(ContractValidator(schema).is_valid, values[key])) else ""

    yield from (spelling, same_letters, log_on, masked, form, alike)
