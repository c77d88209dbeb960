"""Find scenario files, read and check them, and fill in their examples."""

import os
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from privman_core import yaml_reader
from privman_core.yaml_reader import YamlError
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.collected_errors import CollectedErrors
from privman_scenarios.language.includes import SUFFIXES as INCLUDED
from privman_scenarios.language.model import FileTables, Scenario
from privman_scenarios.language.scenario_document import Context, ScenarioDocument
from privman_scenarios.language.vocabulary import Vocabulary
from privman_scenarios.language.yaml_nodes import FilledText, read_documents

SUFFIXES = (".yaml", ".yml")
# Emacs locks a file that is being edited by a link of such a name, which leads nowhere.
_LOCK = ".#"


def catalog_files() -> list[Path]:
    """Return the packaged scenario files in order of their names, then the regressions."""
    package = Path(str(resources.files("privman_scenarios")))
    return [*_files_below(package / "catalog"), *_files_below(package / "regressions")]


def scenario_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files, and those below the folders in order.

    A folder that cannot be read, or has none, and a link that leads nowhere stand for themselves: the loader names them
    beside all other errors.
    """
    return [file for path in paths for file in ((_files_below(path) or [path]) if path.is_dir() else [path])]


def _files_below(folder: Path) -> list[Path]:
    """Return the scenario files below a folder, also in folders that are links, which rglob leaves out."""
    seen: set[str] = set()
    found: list[Path] = []
    unreadable: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=unreadable.append, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()  # a ring of links
            continue
        seen.add(real)
        found += (Path(place) / name for name in names if not name.startswith(_LOCK))
    lost = {file for file in found if file.is_symlink() and not file.exists()}
    nowhere = [*lost, *(Path(error.filename) for error in unreadable)]
    return sorted([*(file for file in found if is_scenario_file(file) and file not in lost), *nowhere])


def is_scenario_file(file: Path) -> bool:
    """Return whether a file of this name has scenarios, as far as a name can say."""
    is_shared = file.name.lower().endswith(INCLUDED)
    return file.suffix.lower() in SUFFIXES and not is_shared and not file.name.startswith(_LOCK)


class Loader:
    """Reads scenario files written in one vocabulary.

    Args:
        vocabulary: the verbs.
        environment: variables that scenarios may use.
        tables: what the files of the run define or change.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        environment: Mapping[str, str] = os.environ,
        tables: FileTables = MappingProxyType({}),
    ) -> None:
        self._context = Context(vocabulary, environment, dict(tables))  # which can be pickled

    def load(self, files: Iterable[Path]) -> list[Scenario]:
        """Return the scenarios of all files, one a row of examples; raises ScenarioFileError, also for none."""
        errors, filled = CollectedErrors(), FilledText()
        found: list[Scenario] = []
        for file in files:
            with errors.of_a_file():
                found += self._load(file, errors, filled)
        errors.raise_any()
        return found

    def _load(self, file: Path, errors: CollectedErrors, filled: FilledText) -> list[Scenario]:
        before = errors.count
        found = list(self._parse(_read_file(file), str(file), errors, filled))
        if not found and errors.count == before:
            raise ScenarioFileError(str(file), 1, "no scenario in this file. Expected a mapping with title and steps.")
        return found

    def parse(self, text: str, file: str) -> list[Scenario]:
        """Return the scenarios in the text; ``file`` is named in errors, which are ScenarioFileError."""
        errors = CollectedErrors()
        with errors.of_a_file():
            found = list(self._parse(text, file, errors, FilledText()))
        errors.raise_any()
        return found

    def _parse(self, text: str, file: str, errors: CollectedErrors, filled: FilledText) -> Iterator[Scenario]:
        for document in read_documents(text, file):
            if document.value is not None:
                with errors.caught():
                    read = ScenarioDocument(document, file, self._context, errors, filled)
                    yield from read.scenarios()


def _read_file(file: Path) -> str:
    _refuse_folder(file)
    try:
        return yaml_reader.read_text(file)
    except YamlError as error:
        raise ScenarioFileError(str(file), 0, str(error)) from None


def _refuse_folder(file: Path) -> None:
    """Raise ScenarioFileError for what `scenario_files` found in place of a file."""
    try:
        with os.scandir(file):
            pass
    except NotADirectoryError:
        return
    except OSError as error:
        raise ScenarioFileError(str(file), 0, _why_unreadable(file, error)) from None
    raise ScenarioFileError(str(file), 0, f"no scenario in this folder. Expected files named *{SUFFIXES[0]}.")


def _why_unreadable(file: Path, error: OSError) -> str:
    if os.path.islink(file):  # noqa: PTH114 - a Path raises an error for a name that is too long
        return f"leads to {str(file.readlink())!r}, which is not there."
    return f"cannot be read: {error.strerror}."
