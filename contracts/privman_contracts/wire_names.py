"""Spellings of the wire, each with its evidence; a user's file may replace any of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Self

from privman_contracts import override as overrides
from privman_contracts import wording, yaml_file
from privman_contracts.errors import InferredNamesError
from privman_contracts.wire_name import Value, WireName


class WireNames:
    """What tables, columns, keys, words and roles are called on the wire, and the inferred rules.

    Code asks by canonical name and gets the spelling; an unknown canonical name raises InferredNamesError.
    """

    def __init__(self, names: Iterable[WireName]) -> None:
        self._names = {name.path: name for name in names}
        self._groups: dict[str, list[WireName]] = {}
        for name in self._names.values():
            self._groups.setdefault(name.group, []).append(name)

    @classmethod
    def load(cls, override: Path | None = None, folder: Traversable = yaml_file.PACKAGED) -> Self:
        """Return the names in the contract set ``folder``, with what differs in the file ``override`` replaced.

        Raises:
            InferredNamesError: the file is unusable; names file, key and the nearest valid word.
        """
        packaged = yaml_file.load(folder / "inferred.yaml")
        names = {name.path: name for name in _entries(packaged)}
        if override is not None:
            names.update((name.path, name) for name in overrides.read(override, names))
        return cls(names.values())

    def __iter__(self) -> Iterator[WireName]:
        return iter(self._names.values())

    def table(self, table: str) -> str:
        """Return the table's name, of ``request`` for instance."""
        return self._spelling(f"tables.{table}")

    def column(self, table: str, column: str) -> str:
        """Return the column's name, of ``("request", "instance_id")`` for instance."""
        return self._spelling(f"columns.{table}.{column}")

    def key(self, body: str, key: str) -> str:
        """Return a JSON key of ``instance_metadata``, ``metadata``, ``token``, ``decision`` or ``envelope``."""
        return self._spelling(f"keys.{body}.{key}")

    def word(self, group: str, word: str) -> str:
        """Return a value that has a meaning, such as ``word("response", "approve")``."""
        return self._spelling(f"words.{group}.{word}")

    def role(self, role: str) -> str:
        """Return the role's name, of ``admin`` or ``approver``."""
        return self._spelling(f"roles.{role}")

    def number(self, rule: str) -> int:
        """Return a rule that is one number, such as ``duplicate_request_status``."""
        value = self.find(f"rules.{rule}").value
        if not isinstance(value, int):
            raise InferredNamesError(f"Rule {rule!r} has value {value!r}. Expected a rule of one number.")
        return value

    def statuses(self, rule: str) -> frozenset[int]:
        """Return a rule that is a list of statuses, such as ``retried_statuses``; 0 is no answer at all."""
        value = self.find(f"rules.{rule}").value
        if not isinstance(value, list):
            raise InferredNamesError(f"Rule {rule!r} has value {value!r}. Expected a rule of several statuses.")
        return self.expanded(value)

    @staticmethod
    def expanded(statuses: Iterable[int | str]) -> frozenset[int]:
        """Return each status that numbers and classes such as ``5xx`` stand for."""
        return frozenset(status for item in statuses for status in _expand(item))

    def group(self, group: str) -> dict[str, str]:
        """Return canonical name to spelling of a group such as ``columns.request``.

        Raises:
            InferredNamesError: no such group.
        """
        if group not in self._groups:
            raise InferredNamesError(f"{group!r} is no group of wire names.{wording.nearest(group, self._groups)}")
        return {name.word: str(name.value) for name in self._groups[group]}

    def changed(self, group: str) -> dict[str, str]:
        """Return packaged spelling to spelling of those names of a group that a user's file spells differently."""
        names = self._groups.get(group, ())
        return {str(name.packaged): str(name.value) for name in names if name.value != name.packaged}

    def find(self, path: str) -> WireName:
        """Return the name with its evidence, of ``columns.request.instance_id`` for instance."""
        if path not in self._names:
            raise InferredNamesError(f"{path!r} is no wire name.{wording.nearest(path, self._names)}")
        return self._names[path]

    def replaced(self, values: Mapping[str, Value]) -> Self:
        """Return the names, those at the paths in ``values`` with other spellings; their marks stay."""
        return type(self)(replace(name, value=values.get(name.path, name.value)) for name in self)

    def canonical(self) -> Self:
        """Return the names each spelled as its canonical name; the rules stay."""
        rules = (name for name in self if name.group == "rules")
        return type(self)([*(replace(name, value=name.word) for name in self if name.group != "rules"), *rules])

    def _spelling(self, path: str) -> str:
        return str(self.find(path).value)


def _entries(tree: Mapping[str, Any], groups: str = "") -> Iterator[WireName]:
    for word, entry in tree.items():
        path = f"{groups}{word}"
        if "evidence" in entry:
            value = entry[overrides.field_of(path)]
            yield WireName(path, value, entry["evidence"], value)
        else:
            yield from _entries(entry, f"{path}.")


def _expand(item: int | str) -> Iterable[int]:
    """Return the statuses that ``404`` or ``5xx`` stands for."""
    if isinstance(item, int):
        return [item]
    first = int(item[0]) * 100
    return range(first, first + 100)
