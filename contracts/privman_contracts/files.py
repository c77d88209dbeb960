"""YAML files of the package and of users, and the error that an unusable one raises."""

from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from privman_core import yaml_reader
from privman_core.yaml_reader import BytesFile, YamlError


class ContractError(Exception):
    """A contract cannot be used as asked; the message is one line for people."""


class InferredNamesError(ContractError):
    """A file of wire names is unusable, or a name was asked for that is not in it."""


PACKAGED: Traversable = resources.files("privman_contracts")


def load_yaml(file: BytesFile) -> Any:  # noqa: ANN401 - YAML holds anything
    """Return what the file holds; raises ContractError, which names file and line, where that is not usable YAML."""
    try:
        return yaml_reader.load(yaml_reader.read_text(file))
    except YamlError as error:
        raise ContractError(error.located(file)) from None
