"""YAML read strictly: a key that stands twice is an error, not a silent winner."""

from collections.abc import Hashable
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Protocol

import yaml

from privman_contracts.errors import ContractError

PACKAGED: Traversable = resources.files("privman_contracts")


class TextFile(Protocol):
    """A file of the package or of a user: both ``Path`` and ``Traversable`` are one."""

    def read_text(self, encoding: str) -> str:
        """Return the whole text."""
        ...


class _StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C loader is optional
    """Safe loader that refuses duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the base's signature
        """Build the mapping, or name the key that stands twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                problem = f"key {key.value!r} stands twice" if isinstance(key, yaml.ScalarNode) else "a key is no word"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def load(file: TextFile) -> Any:  # noqa: ANN401 - YAML holds anything
    """Return what the file holds.

    Raises:
        ContractError: the file cannot be read, is no UTF-8 or no YAML, or has a key twice; names file and line.
    """
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise ContractError(f"{file}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ContractError(f"{file}: is not UTF-8 text.") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ContractError(f"{file}:{line}: {error.problem}.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ContractError(f"{file}: is no YAML: {str(error).partition(chr(10))[0]}.") from None
