"""The package's YAML files, and those of users."""

from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from privman_contracts.errors import ContractError
from privman_core import yaml_reader
from privman_core.yaml_reader import BytesFile, YamlError

PACKAGED: Traversable = resources.files("privman_contracts")


def load(file: BytesFile) -> Any:  # noqa: ANN401 - YAML holds anything
    """Return what the file holds; raises ContractError, which names file and line, where that is not usable YAML."""
    try:
        return yaml_reader.load(yaml_reader.read_text(file))
    except YamlError as error:
        raise ContractError(error.located(file)) from None
