"""A user's file of what their real instance calls differently."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from privman_contracts import wording, yaml_file
from privman_contracts.errors import ContractError, InferredNamesError
from privman_contracts.evidence import MARKS
from privman_contracts.wire_name import WireName

_IDENTIFIER = re.compile(r"[A-Za-z]\w*", re.ASCII)
_STATUS_CLASS = re.compile(r"[1-5]xx")


def read(file: Path, names: Mapping[str, WireName]) -> list[WireName]:
    """Return the names that the file changes, checked against the packaged ``names``.

    Raises:
        InferredNamesError: the file is unusable; names file, key and the nearest valid word.
    """
    try:
        tree = yaml_file.load(file)
    except ContractError as error:
        raise InferredNamesError(str(error)) from None
    try:
        changed = list(_changes(tree or {}, "", names))
        _refuse_twins({**names, **{name.path: name for name in changed}}.values())
    except InferredNamesError as error:
        raise InferredNamesError(f"{file}: {error}") from None
    return changed


def text(names: Iterable[WireName]) -> str:
    """Return what a file says that gives these names these values; empty for none."""
    tree: dict[str, Any] = {}
    for name in names:
        group = tree
        for word in name.group.split("."):
            group = group.setdefault(word, {})
        group[name.word] = name.value
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, default_flow_style=None) if tree else ""


def field_of(path: str) -> str:
    """Return the key under which a packaged entry holds its value: a rule has a value, all else a name."""
    return "value" if path.startswith("rules.") else "name"


def _changes(tree: object, groups: str, names: Mapping[str, WireName]) -> Iterator[WireName]:
    if not isinstance(tree, dict):
        raise InferredNamesError(f"{groups.rstrip('.') or 'the file'} holds {tree!r}. Expected names below it.")
    for word, entry in tree.items():
        path = f"{groups}{word}"
        if path in names:
            yield _changed(names[path], entry)
        elif any(name.startswith(f"{path}.") for name in names):
            yield from _changes(entry, f"{path}.", names)
        else:
            raise InferredNamesError(f"{path!r} is no wire name.{wording.nearest(path, _words(names))}")


def _words(names: Mapping[str, WireName]) -> set[str]:
    groups = {name.group for name in names.values()}
    return {*names, *groups, *(group.partition(".")[0] for group in groups)}


def _changed(name: WireName, entry: object) -> WireName:
    """Return the name as the user has it: a plain value, or a mapping as in the packaged file."""
    field = field_of(name.path)
    change: Mapping[Any, Any] = entry if isinstance(entry, dict) else {field: entry}
    strange = [key for key in change if key not in {field, "evidence"}]
    if strange:
        raise InferredNamesError(f"{name.path} has key {strange[0]!r}. Expected {field!r} and 'evidence'.")
    evidence = change.get("evidence", name.evidence)
    if evidence not in MARKS:
        raise InferredNamesError(f"{name.path} has evidence {evidence!r}. Expected one of {', '.join(MARKS)}.")
    value = change.get(field, name.value)
    _check_value(name, value)
    return replace(name, value=value, evidence=evidence)


def _check_value(name: WireName, value: object) -> None:
    expected, valid = "text", isinstance(value, str) and value.strip() != ""
    if isinstance(name.value, int):
        expected, valid = "a number", _is_number(value)
    elif isinstance(name.value, list):
        expected, valid = "statuses such as [0, 429, 5xx]", isinstance(value, list) and all(map(_is_status, value))
    elif name.path.startswith(("tables.", "columns.")):
        expected, valid = "letters, digits and underscores", isinstance(value, str) and _is_identifier(value)
    if not valid:
        raise InferredNamesError(f"{name.path} has value {value!r}. Expected {expected}.")


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_status(value: object) -> bool:
    return _is_number(value) or (isinstance(value, str) and _STATUS_CLASS.fullmatch(value) is not None)


def _is_identifier(value: str) -> bool:
    return _IDENTIFIER.fullmatch(value) is not None


def _refuse_twins(names: Iterable[WireName]) -> None:
    """Refuse two names of one group with one spelling: nobody could tell them apart on the wire."""
    taken: dict[tuple[str, object], str] = {}
    for name in names:
        if name.path.startswith("rules."):
            continue
        other = taken.setdefault((name.group, name.value), name.path)
        if other != name.path:
            raise InferredNamesError(f"{name.path} has value {name.value!r}. Expected another than {other} has.")
