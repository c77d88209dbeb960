"""The observed names on which a failed expectation depends."""

import re
from collections.abc import Iterator, Mapping

from privman_contracts import WireNames
from privman_contracts.wire_names import WireName
from privman_scenarios.errors import Comparison, Difference
from privman_scenarios.language.model import Step
from privman_scenarios.language.vocabulary import Verb

MOST = 3
# The names behind each field of a decision: the key of its message, and the column from which an instance fills it.
_OF_DECISION: Mapping[str, tuple[str, ...]] = {
    "state": ("keys.decision.Response", "columns.request.status"),
    "comment": ("keys.decision.Comment", "columns.request.comment"),
    "duration": ("keys.decision.Duration", "columns.request.duration"),
    "responded_by": ("keys.decision.RespondedBy",),
}
_WORD_OF_STATE: Mapping[str, str] = {"Approved": "words.response.approve", "Denied": "words.response.deny"}
_COUNT = "count"


def observations(step: Step, verb: Verb, comparison: Comparison, names: WireNames) -> Iterator[str]:
    """Yield a line for each observed name that was used to send or read a value that differs."""
    table = verb.table or str(step.arguments.get("table", ""))
    paths = {path for each in comparison.differences for path in _paths(verb, table, each, names)}
    for name in names:
        if name.observation and name.path in paths:
            yield f"depends on {name.path} {name.value!r}, {name.observation}"


def _paths(verb: Verb, table: str, difference: Difference, names: WireNames) -> Iterator[str]:
    """Yield the paths of the names that a value depends on."""
    field, *inside = difference.where.split(".")
    if verb.name == "console.expect-approval":
        yield from _OF_DECISION.get(field, ())
        yield from (path for state, path in _WORD_OF_STATE.items() if repr(state) == difference.expected)
    elif field == _COUNT and table:
        yield from (f"tables.{table}", f"columns.{table}.request_id")
    elif table:
        yield f"columns.{table}.{field}"
        yield from (f"keys.{field}.{key}" for key in inside)
        yield from (name.path for name in names if _is_word(name, f"columns.{table}.{field}", difference, names))


def _is_word(name: WireName, column: str, difference: Difference, names: WireNames) -> bool:
    """Tell whether the name is a word of the column that was expected or found."""
    groups = {f"words.{group}" for each in names if each.path == column for group in each.words}
    shown = f"{difference.expected} {difference.got}"
    return name.group in groups and re.search(rf"(?<!\w){re.escape(str(name.packaged))}(?!\w)", shown) is not None
