"""Changes of what the wire calls something, and of the inferred rules."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from privman_contracts.compatibility.change import Change
from privman_contracts.compatibility.parties import Parties, of_messages
from privman_contracts.index import ExchangeContract
from privman_contracts.spelling import Schema
from privman_contracts.wire_name import WireName
from privman_contracts.wire_names import WireNames

FILE = "inferred.yaml"
# The app follows these rules; the console is who lives with what it does.
_LIVES_WITH_RULES = "console"


def name_changes(
    old: WireNames, new: WireNames, exchanges: Sequence[ExchangeContract], schemas: Mapping[str, Schema]
) -> Iterator[Change]:
    """Yield what is called otherwise; a name on one side only is told where it is used.

    Exchanges and schemas are those of ``new``, in canonical names.
    """
    before = {name.path: name for name in old}
    for name in new:
        if name.path in before and name != before[name.path]:
            yield _changed(before[name.path], name, _users(name, exchanges, schemas))


def _changed(old: WireName, new: WireName, parties: Parties) -> Change:
    if old.value == new.value:
        return Change(FILE, new.path, f"is known as {new.evidence}, was {old.evidence}")
    if new.group == "rules":
        return _rule(old, new)
    text = f"is called {new.value!r}, was {old.value!r}"
    return Change(FILE, new.path, text, frozenset(parties.senders), frozenset(parties.receivers))


def _rule(old: WireName, new: WireName) -> Change:
    """Return the change of a rule; that of an answer's status breaks whom the exchanges say."""
    text = f"is {new.value}, was {old.value}"
    if new.path.endswith("_status"):
        return Change(FILE, new.path, text)
    kept = isinstance(old.value, list) and isinstance(new.value, list) and set(old.value) <= set(new.value)
    return Change(FILE, new.path, text, frozenset() if kept else frozenset({_LIVES_WITH_RULES}))


def _users(name: WireName, exchanges: Sequence[ExchangeContract], schemas: Mapping[str, Schema]) -> Parties:
    """Return who writes the name and who reads it."""
    parties = Parties()
    for used in _uses(name, exchanges, schemas):
        parties.senders |= used.senders
        parties.receivers |= used.receivers
    return parties


def _uses(name: WireName, exchanges: Sequence[ExchangeContract], schemas: Mapping[str, Schema]) -> Iterable[Parties]:
    if name.group == "tables":
        calls = (each for each in exchanges if name.word in each.path.split("/"))
        return [Parties({each.caller}, {each.server}) for each in calls]
    if name.group == "roles":
        return [Parties({"approver"}, {"servicenow"})]
    return [used for message, used in of_messages(exchanges).items() if _has(schemas[message], name)]


def _has(node: Any, name: WireName) -> bool:  # noqa: ANN401 - any node of a schema
    """Tell whether a schema uses the name as a property or as a word."""
    if isinstance(node, list):
        return any(_has(item, name) for item in node)
    if not isinstance(node, dict):
        return False
    as_property = node.get("x-names") == name.group and name.word in node["properties"]
    as_word = not {name.group, name.path}.isdisjoint(node.get("x-words", []))
    return as_property or as_word or any(_has(value, name) for value in node.values())
