"""Variables in place of the ids, tables and secrets of a saved scenario, which differ from run to run."""

import re
from typing import Any

from msgspec import Struct

from privman_contracts.scenario_values import ID, escaped, escaped_key, json_of, places
from privman_contracts.wire_names import WireNames
from privman_core.masking import MASK

_LONGEST_VARIABLE = 80
Step = dict[str, Any]


class _CapturedId(Struct):
    """An id of an answer; ``call`` are the arguments of the step that got it."""

    call: Step
    name: str
    place: str


class StepVariables:
    """Puts variables in place of values that differ from run to run.

    Args:
        steps: the scenario's steps; the one that finds a request's record is added before the record is first used.

    Attributes:
        notes: a sentence for each environment variable that must be set.
    """

    def __init__(self, names: WireNames, steps: list[Step]) -> None:
        self._names = names
        self._steps = steps
        self._known: dict[str, str] = {}
        self._requests: dict[str, str] = {}
        self._found: set[str] = set()
        self._captured: dict[str, _CapturedId] = {}
        self.notes: dict[str, None] = {}

    def learn(self, id_: str, variable: str) -> None:
        """Add an id with its variable, such as ``${instance_id}``."""
        self._known[id_.lower()] = variable

    def learn_record(self, sys_id: str, request: str) -> None:
        """Add the sys_id of the record of the request with that name."""
        self._requests[sys_id] = request

    def capture(self, answer: str, call: Step, name: str) -> None:
        """Add the ids in the answer to a step; if a later step uses one, this step saves its answer under the name."""
        for place, text in places("body", json_of(answer)):
            if ID.fullmatch(text) and text.lower() not in self._known:
                self._captured.setdefault(text.lower(), _CapturedId(call, name, place))

    def path(self, target: str) -> str:
        """Return a path with variables for the app's tables and the ids."""
        return self._with_ids(with_tables(self._names, target))

    def text(self, text: str) -> str:
        """Return a text with variables for the ids."""
        return self._with_ids(escaped(text))

    def value(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        """Return JSON with variables for the ids, and an environment variable for each masked value."""
        if isinstance(value, dict):
            return {escaped_key(key): self._member(key, each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.value(each) for each in value]
        return self.text(value) if isinstance(value, str) else value

    def _member(self, key: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
        if value != MASK:
            return self.value(value)
        variable = re.sub(r"\W|^(?=\d|$)", "_", key, flags=re.ASCII).upper()[:_LONGEST_VARIABLE]
        self.notes[f"Set the environment variable {variable}: its value was masked."] = None
        return f"${{env.{variable}}}"

    def _with_ids(self, text: str) -> str:
        return ID.sub(lambda found: self._name_of(found[0].lower()) or found[0], text)

    def _name_of(self, id_: str) -> str:
        """Return the variable of an id; empty if no step gets it."""
        if known := self._known.get(id_):
            return known
        if request := self._requests.get(id_):
            return self._record_of(request)
        if captured := self._captured.get(id_):
            captured.call["as"] = captured.name
            return f"${{{captured.name}.{captured.place}}}"
        return ""

    def _record_of(self, request: str) -> str:
        if request not in self._found:
            self._found.add(request)
            where = {"request_id": f"${{{request}.request_id}}"}
            self._steps.append({"servicenow.find": {"table": "request", "as": f"{request}-row", "where": where}})
        return f"${{{request}-row.sys_id}}"


def with_tables(names: WireNames, path: str) -> str:
    """Return a path as a scenario writes it, with variables for the app's tables."""
    path = escaped(path)
    for table, spelled in names.group("tables").items():
        path = re.sub(rf"(?<=/){re.escape(spelled)}(?![\w])", f"${{table.{table}}}", path)
    return path
