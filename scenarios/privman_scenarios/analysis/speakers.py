"""Who has said what in a recording: what this project sent, and another system only repeats, shows nothing."""

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from privman_contracts import Contracts
from privman_contracts.schemas import Schema
from privman_contracts.wire_names import WireName
from privman_scenarios.analysis.recorded import Recorded, SeenValue, to_json, values
from privman_scenarios.analysis.value_forms import FORMS

_SUCCESS = range(200, 300)
# A system keeps such as it gets it. The columns of its answers are its own.
_REPEATED = ("keys.", "words.")


def shown_names(recording: Sequence[Recorded], contracts: Contracts) -> dict[str, str]:
    """Return the names that another system has shown of itself, by path, each with the place where it was first."""
    shown = dict(_used_tables(recording, contracts))
    said: set[str] = set()
    for seen in values(recording, contracts):
        paths = [name.path for name in contracts.names if _is_shown(name, seen.schema, seen.value)]
        if seen.is_ours:
            said.update(path for path in paths if path.startswith(_REPEATED))
        else:
            shown = {**dict.fromkeys(paths, seen.recorded.label), **shown}
    return {path: label for path, label in shown.items() if path not in said}


def said_values(recording: Iterable[Recorded], contracts: Contracts) -> set[str]:
    """Return the texts that this project has sent to another system."""
    others = [each for each in recording if each.ours == {"request"}]
    return {seen.value for seen in values(others, contracts) if seen.is_ours and _is_text(seen)}


def own_records(recording: Iterable[Recorded]) -> set[str]:
    """Return the sys_ids and GUIDs of the records that this project has written in another system."""
    written: set[str] = set()
    for each in recording:
        if each.ours == {"request"} and each.method != "GET" and each.status in _SUCCESS:
            answer = to_json(each.response)
            result = answer.get("result") if isinstance(answer, dict) else None
            written.update(_identities(result), _identities(to_json(each.request)))
    return written


def _identities(record: object) -> Iterator[str]:
    """Yield a record's own sys_id, and the GUIDs in it."""
    for column, value in record.items() if isinstance(record, dict) else ():
        if isinstance(value, str) and (column == "sys_id" or FORMS["guid"].is_one(value)):
            yield value


def _used_tables(recording: Iterable[Recorded], contracts: Contracts) -> Iterator[tuple[str, str]]:
    for recorded in reversed([*recording]):
        is_known = contracts.find(recorded.method, recorded.url) is not None
        if is_known and not recorded.is_ours("response") and recorded.status in _SUCCESS:
            path = urlsplit(recorded.url).path.split("/")
            tables = (name for name in contracts.names if name.group == "tables" and name.value in path)
            yield from ((name.path, recorded.label) for name in tables)


def _is_shown(name: WireName, schema: Schema, value: object) -> bool:
    """Tell whether an object has the name as a key, or a value is or lists it as a word."""
    if isinstance(value, dict):
        return name.group == schema.get("x-names") and name.value in value
    groups = {*schema.get("x-words", ()), schema.get("x-listed")}
    return bool(groups & {name.group, name.path}) and isinstance(value, str) and name.value in value.split(",")


def _is_text(seen: SeenValue) -> bool:
    return isinstance(seen.value, str) and bool(seen.value)
