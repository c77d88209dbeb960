"""A user's file of what their real instance calls differently."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from privman_contracts import rule_values, wording, yaml_file
from privman_contracts.errors import ContractError, InferredNamesError
from privman_contracts.evidence import MARKS
from privman_contracts.wire_name import WireName

# Of no table of the platform, and no column that every table has.
_TABLE = re.compile(r"[xu]_[a-z0-9_]{1,78}")
_COLUMN = re.compile(r"(?!sys_)[A-Za-z]\w{0,79}", re.ASCII)
_ROLE = re.compile(r"\w[\w.]{0,99}", re.ASCII)
_LONGEST = 100
# Words of one column, or of a list in a column.
_LISTED = ("words.response", "words.request_status")


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
    valid, expected = _is_text(value), "text without line breaks, blanks around it, or more than 100 characters"
    if name.group == "rules":
        valid, expected = rule_values.RULES[name.word].is_one(value), rule_values.RULES[name.word].expected
    elif name.group == "tables":
        valid, expected = _fits(_TABLE, value), "a table of an app, x_ or u_ and then letters, digits and underscores"
    elif name.path.startswith("columns."):
        valid, expected = _fits(_COLUMN, value), "letters, digits and underscores, not beginning with sys_"
    elif name.group == "roles":
        valid, expected = _fits(_ROLE, value), "letters, digits, underscores and dots"
    elif name.group in _LISTED and valid:
        valid, expected = "," not in str(value), "text without a comma, which separates responses"
    if not valid:
        raise InferredNamesError(f"{name.path} has value {value!r}. Expected {expected}.")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and value == value.strip() and 0 < len(value) <= _LONGEST


def _fits(form: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _refuse_twins(names: Iterable[WireName]) -> None:
    """Refuse two names with one spelling where both may occur: nobody could tell them apart on the wire."""
    taken: dict[tuple[str, object], str] = {}
    for name in names:
        if name.group == "rules":
            continue
        place = _LISTED[0] if name.group in _LISTED else name.group
        other = taken.setdefault((place, name.value), name.path)
        if other != name.path:
            raise InferredNamesError(f"{name.path} has value {name.value!r}. Expected another than {other} has.")
