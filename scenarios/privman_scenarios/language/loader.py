"""Find scenario files, read and check them, and fill in their examples."""

import os
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path

from privman_core import yaml_reader
from privman_core.yaml_reader import YamlError
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.collected_errors import CollectedErrors
from privman_scenarios.language.model import Scenario
from privman_scenarios.language.scenario_document import ScenarioDocument
from privman_scenarios.language.vocabulary import Vocabulary
from privman_scenarios.language.yaml_nodes import read_documents

SUFFIXES = (".yaml", ".yml")
# Emacs locks a file that is being edited by a link of such a name, which leads nowhere.
_LOCK = ".#"


def catalog_files() -> list[Path]:
    """Return the packaged scenario files in order of their names, then the regressions."""
    package = Path(str(resources.files("privman_scenarios")))
    return [*_files_below(package / "catalog"), *_files_below(package / "regressions")]


def scenario_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files, and those below the folders in order; raises ScenarioFileError for a folder without any."""
    return [file for path in paths for file in (_files_in(path) if path.is_dir() else [path])]


def _files_in(folder: Path) -> list[Path]:
    files = _files_below(folder)
    if not files:
        raise ScenarioFileError(str(folder), 1, f"no scenario in this folder. Expected files named *{SUFFIXES[0]}.")
    return files


def _files_below(folder: Path) -> list[Path]:
    """Return the scenario files below a folder, also in folders that are links, which rglob leaves out."""
    seen: set[str] = set()
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_refuse_unreadable, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()  # a ring of links
            continue
        seen.add(real)
        found += (Path(place) / name for name in names if not name.startswith(_LOCK))
    if lost := next((file for file in found if file.is_symlink() and not file.exists()), None):
        raise ScenarioFileError(str(lost), 1, f"leads to {str(lost.readlink())!r}, which is not there.")
    return sorted(filter(is_scenario_file, found))


def is_scenario_file(file: Path) -> bool:
    """Return whether a file of this name has scenarios, as far as a name can say."""
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(_LOCK)


def _refuse_unreadable(error: OSError) -> None:
    """Raise ScenarioFileError for a folder that cannot be read: nobody knows which scenarios are in it."""
    raise ScenarioFileError(str(error.filename), 1, f"cannot be read: {error.strerror}.")


class Loader:
    """Reads scenario files written in one vocabulary."""

    def __init__(self, vocabulary: Vocabulary, environment: Mapping[str, str] = os.environ) -> None:
        self._vocabulary = vocabulary
        self._environment = environment

    def load(self, files: Iterable[Path]) -> list[Scenario]:
        """Return the scenarios of all files, one a row of examples; raises ScenarioFileError, also for none."""
        errors = CollectedErrors()
        found: list[Scenario] = []
        for file in files:
            with errors.of_a_file():
                found += self._load(file, errors)
        errors.raise_any()
        return found

    def _load(self, file: Path, errors: CollectedErrors) -> list[Scenario]:
        before = errors.count
        found = list(self._parse(_read_file(file), str(file), errors))
        if not found and errors.count == before:
            raise ScenarioFileError(str(file), 1, "no scenario in this file. Expected a mapping with title and steps.")
        return found

    def parse(self, text: str, file: str) -> list[Scenario]:
        """Return the scenarios in the text; ``file`` is named in errors, which are ScenarioFileError."""
        errors = CollectedErrors()
        with errors.of_a_file():
            found = list(self._parse(text, file, errors))
        errors.raise_any()
        return found

    def _parse(self, text: str, file: str, errors: CollectedErrors) -> Iterator[Scenario]:
        for document in read_documents(text, file):
            if document.value is not None:
                with errors.caught():
                    read = ScenarioDocument(document, file, self._vocabulary, self._environment, errors)
                    yield from read.scenarios()


def _read_file(file: Path) -> str:
    try:
        return yaml_reader.read_text(file)
    except YamlError as error:
        raise ScenarioFileError(str(file), 1, str(error)) from None
