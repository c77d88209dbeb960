"""Files of tables and rows, with the places in them that errors name."""

from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Any

from mock_servicenow.now_platform.dictionary.definitions import DictionaryError
from privman_core import yaml_reader
from privman_core.yaml_reader import YamlError

Step = str | int
_XML = ".xml"


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A value in a file.

    Attributes:
        file: its name.
        path: the keys and indexes that lead to the value.
    """

    file: str
    _text: str = field(repr=False)
    path: tuple[Step, ...] = ()

    def at(self, *steps: Step) -> "FilePlace":
        """Return a place inside this one."""
        return FilePlace(self.file, self._text, (*self.path, *steps))

    def error(self, message: str) -> DictionaryError:
        """Return an error that names file and line."""
        return DictionaryError(f"{self}: {message}")

    def __str__(self) -> str:
        """Return file and line."""
        return f"{self.file}:{yaml_reader.line_of(self._text, self.path)}"


def yaml_files(source: Traversable) -> list[Traversable]:
    """Return the file itself, or the YAML files in the folder in order of their names."""
    return [source] if source.is_file() else _in_order(source, ".yaml", ".yml")


def xml_files(source: Traversable) -> list[Traversable]:
    """Return the file itself if it is XML, or the XML files in the folder in order of their names."""
    return [source] * is_xml(source) if source.is_file() else _in_order(source, _XML)


def is_xml(file: Traversable) -> bool:
    """Return whether a file's name says that it is XML."""
    return file.name.endswith(_XML)


def _in_order(folder: Traversable, *endings: str) -> list[Traversable]:
    found = (file for file in folder.iterdir() if file.name.endswith(endings))
    return sorted(found, key=lambda file: file.name)


def load_file(file: Traversable) -> tuple[Any, FilePlace]:
    """Return what a file holds, None if it is empty, and the place of that; raises DictionaryError."""
    try:
        text = yaml_reader.read_text(file)
        return yaml_reader.load(text), FilePlace(file.name, text)
    except YamlError as error:
        raise DictionaryError(error.located(file.name)) from None
