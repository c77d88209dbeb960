"""Find the keys and words of the app in the rows of its tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import orjson

from privman_contracts import Contracts
from privman_contracts.schemas import Schema
from privman_contracts.validation import ContractValidator
from privman_contracts.wire_names import WireName
from privman_scenarios.analysis.definition_clues import ALONE, alike, spelling
from privman_scenarios.analysis.instance_facts import InstanceFacts, Row
from privman_scenarios.analysis.narrowing import Clue, Narrowing
from privman_scenarios.analysis.renamed import bare
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
        lists = [
            [word.strip() for word in value.split(",")] for value in self._values("activity_type", "valid_responses")
        ]
        said = dict.fromkeys((*(word for each in lists for word in each), *self._values("response", "response")))
        wanted = self._wanted("words.response")
        timed = {
            row.get(self._column(table, column), "")
            for table, column in (("request", "status"), ("response", "response"))
            for row in self._rows(table)
            if row.get(self._column(table, "duration"))
        }

        def with_duration(name: WireName, word: str) -> str:
            return "a decision with a duration" if name.word == "approve" and timed == {word} else ""

        def in_order(name: WireName, word: str) -> str:
            order = [each.index(word) for each in lists if word in each]
            is_place = set(order) == {[each.word for each in wanted].index(name.word)}
            return f"its place in {','.join(lists[0])!r}" if is_place else ""

        narrowing = Narrowing(dict.fromkeys(wanted, said))
        narrowing.follow((spelling, with_duration, alike, in_order))
        narrowing.settle(wanted, ALONE)
        return narrowing

    def _find_statuses(self, responses: set[str]) -> Narrowing[str]:
        place = self._names.table("request"), self._column("request", "status")
        column = self._facts.columns.get(place[0], {}).get(place[1])
        default = column.default if column else ""
        choices = self._facts.choices.get(place, ())
        said = [*self._values("request", "status"), *choices, default]
        untouched = {value for value, rows in self._by_status().items() if all(map(_is_unchanged, rows))}
        ended = {value for value, rows in self._by_status().items() if not any(map(_is_unchanged, rows))}

        def by_default(name: WireName, word: str) -> str:
            return f"default of {place[1]}" if name.word == "pending" and word == default else ""

        def by_changes(name: WireName, word: str) -> str:
            if name.word == "pending" and word in untouched:
                return "requests that nobody has changed"
            is_end = name.word == "timed_out" and word in ended and word != default
            return "requests that have ended without a decision" if is_end else ""

        narrowing = Narrowing(
            {
                name: dict.fromkeys(word for word in said if word and word not in responses)
                for name in self._wanted("words.request_status")
            }
        )
        narrowing.follow((spelling, by_default, by_changes, alike))
        if choices:  # rows may lack a status, but no choice is missing
            narrowing.settle(self._wanted("words.request_status"), ALONE)
        return narrowing

    def _by_status(self) -> Mapping[str, list[Row]]:
        rows: dict[str, list[Row]] = {}
        for row in self._rows("request"):
            rows.setdefault(row.get(self._column("request", "status"), ""), []).append(row)
        return rows

    def _find_authentication(self) -> Narrowing[str]:
        key = self._names.key("instance_metadata", "Authentication Type")
        said = _values_by_key(self._values("integration_configuration", "instance_metadata")).get(key, [])
        wanted = self._wanted("words.authentication_type")
        narrowing = Narrowing({name: dict.fromkeys(said) for name in wanted})
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


def _is_unchanged(row: Row) -> bool:
    return row.get("sys_mod_count") == _UNCHANGED


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

    def form(name: WireName, key: str) -> str:
        schema = properties.get(str(name.value), {})
        if not _TELLING.intersection(schema):
            return ""
        return "the form of its values" if all(map(ContractValidator(schema).is_valid, values[key])) else ""

    yield from (spelling, same_letters, log_on, form, alike)
