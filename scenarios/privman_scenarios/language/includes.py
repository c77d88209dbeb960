"""Steps that several scenarios share: ``include: log-in.steps.yaml`` stands for the steps of that file."""

import os
from collections.abc import Iterator
from pathlib import Path

from privman_core import yaml_reader
from privman_core.inputs import can_be_path
from privman_core.near_words import advice
from privman_core.yaml_reader import YamlError
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.collected_errors import CollectedErrors
from privman_scenarios.language.yaml_nodes import UNREAD, Located, read_documents

INCLUDE = "include"
SUFFIXES = (".steps.yaml", ".steps.yml")
MOST_STEPS = 1_000
"""Of a scenario, with those of all files that it includes."""
MOST_DEPTH = 5
MOST_BYTES = 10 * 1024 * 1024
"""Of all files that a scenario includes, each as often as it does."""


class IncludedSteps:
    """Puts the steps of included files in their places.

    Args:
        file: of the scenario.
        errors: collects those of what cannot be included.
    """

    def __init__(self, file: str, errors: CollectedErrors) -> None:
        self._errors = errors
        self._chain = [Path(file)]
        self._count = 0
        self._bytes = 0
        self._known: dict[Path, tuple[int, list[Located]]] = {}

    def put_into(self, steps: Located) -> Located:
        """Return a list of steps with those that it includes, UNREAD for one that cannot be; any other value stays."""
        if not isinstance(steps.value, list):
            return steps
        return Located(list(self._readable(steps.value)), steps.line, steps.file)

    def _readable(self, steps: list[Located]) -> Iterator[Located]:
        for step in steps:
            with self._errors.caught():
                yield from [*self._whole([step])]
                continue
            del self._chain[1:]
            yield Located(UNREAD, step.line)
            if self._count > MOST_STEPS or self._bytes > MOST_BYTES:
                return

    def _whole(self, steps: list[Located]) -> Iterator[Located]:
        for step in steps:
            if isinstance(step.value, dict) and list(step.value) == [INCLUDE]:
                yield from self._included(step.value[INCLUDE])
                continue
            self._count += 1
            if self._count > MOST_STEPS:
                raise self._error(step, f"more than {MOST_STEPS} steps. Expected a shorter scenario, or several.")
            yield step

    def _included(self, named: Located) -> Iterator[Located]:
        path = self._path(named)
        if os.path.realpath(path) in map(os.path.realpath, self._chain):
            chain = " includes ".join(each.name for each in [*self._chain, path])
            raise self._error(named, f"{INCLUDE}: {chain}, without an end.")
        if len(self._chain) > MOST_DEPTH:
            raise self._error(named, f"{INCLUDE}: files include each other more than {MOST_DEPTH} deep.")
        if path not in self._known:
            self._known[path] = self._read(path, named)
        size, steps = self._known[path]
        self._bytes += size
        if self._bytes > MOST_BYTES:
            raise self._error(named, f"{INCLUDE}: more than {MOST_BYTES} bytes in all. Expected fewer, or smaller.")
        self._chain.append(path)
        yield from self._whole(steps)
        self._chain.pop()

    def _path(self, named: Located) -> Path:
        name = named.value if isinstance(named.value, str) and can_be_path(named.value) else ""
        if not name.lower().endswith(SUFFIXES):
            raise self._error(named, f"{INCLUDE} is {named.plain()!r}. Expected the name of a file *{SUFFIXES[0]}.")
        return self._chain[-1].parent / name

    def _read(self, path: Path, named: Located) -> tuple[int, list[Located]]:
        """Return how many bytes a file has, and its steps."""
        try:
            text = yaml_reader.read_text(path)
        except YamlError as error:
            others = sorted(each.name for each in path.parent.glob(f"*{SUFFIXES[0]}"))
            help_ = advice(path.name, others) if others and path.name not in others else ""
            raise self._error(named, f"{INCLUDE}: {named.value!r} {error} {help_}".rstrip()) from None
        documents = list(read_documents(text, str(path)))
        if len(documents) != 1 or not isinstance(documents[0].value, list) or not documents[0].value:
            raise ScenarioFileError(str(path), 1, "no list of steps in this file. Expected one.")
        return len(text.encode()), [each.in_file(str(path)) for each in documents[0].value]

    def _error(self, located: Located, message: str) -> ScenarioFileError:
        return ScenarioFileError(located.file or str(self._chain[0]), located.line, message)
