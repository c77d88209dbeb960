"""The files that a pull writes: they appear together, once it has read everything."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import yaml

from mock_servicenow.now_platform.dictionary.definitions import Column, Table, to_label
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.table_files import Definitions
from mock_servicenow.pull.pulled_rows import Row

MOST_CHARACTERS = 48 * 1024 * 1024
"""Of one file of rows: what reads it takes 64 MiB."""
# What YAML does not take in a text, or takes for the end of a line; JSON escapes the other controls.
_UNREADABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_OPTIONAL = {"reference": "reference", "reference_qual": "reference_qual", "default": "default"}


def tables_text(base: Dictionary, dictionary: Dictionary) -> tuple[str, int]:
    """Return a file of tables that makes of those that ship those of a dictionary, and how many tables it has."""
    described = [said for table in dictionary if (said := _described(table, base.table(table.name), base, dictionary))]
    head = "# Written by mock-servicenow pull: tables, columns and choices of an instance.\n"
    return head + yaml.dump(described, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120), len(described)


_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def _described(table: Table, shipped: Table | None, base: Dictionary, dictionary: Dictionary) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if shipped is None:
        said = {"new": True, "label": table.label}
        said |= {"extends": table.parent} if table.parent else {}
        said |= {"extendable": True} if table.extendable else {}
    elif table.label != shipped.label:
        said = {"label": table.label}
    if table.number_prefix and (shipped is None or table.number_prefix != shipped.number_prefix):
        said["number"] = table.number_prefix
    known = dict(base.columns(table.name)) if shipped else {}
    own = {column.name: column for column in shipped.columns} if shipped else {}
    inherited = dict(dictionary.columns(table.parent)) if table.parent else {}
    columns = {}
    for column in table.columns:
        if column == own.get(column.name):
            continue
        before = own.get(column.name) or inherited.get(column.name)
        is_new = shipped is not None and column.name not in known
        columns[column.name] = ({"new": True} if is_new else {}) | _column(column, before)
    said |= {"columns": columns} if columns else {}
    return {"name": table.name, **said} if said else {}


def _column(column: Column, before: Column | None) -> dict[str, Any]:
    """Return what a file says of a column, as far as it differs from what the file would get without."""
    default = before or Column(column.name, to_label(column.name), "reference" if column.reference else "string")
    said = {
        "label": column.label,
        "type": column.type,
        "length": column.max_length,
        "mandatory": column.mandatory,
        "display": column.display,
        "unique": column.unique,
        "read_only": column.read_only,
    }
    fields = {"length": "max_length"}
    differing = {key: value for key, value in said.items() if value != getattr(default, fields.get(key, key))}
    for key in _OPTIONAL:
        if getattr(column, key) != getattr(default, key):
            differing[key] = getattr(column, key) or ""
    known = {choice.value: choice.label for choice in default.choices}
    choices = {choice.value: choice.label for choice in column.choices if known.get(choice.value) != choice.label}
    return differing | ({"choices": choices} if choices else {})


def rows_texts(rows: Mapping[str, Iterable[Row]], most: int = MOST_CHARACTERS) -> Iterator[str]:
    """Yield files of rows, a row a line, each of at most so many characters unless a single row has more."""
    lines: list[str] = []
    length = 0
    last = ""
    for table, row in ((table, row) for table, found in rows.items() for row in found):
        line = f"- {_in_yaml(orjson.dumps(row, option=orjson.OPT_SORT_KEYS).decode())}\n"
        if length and length + len(line) > most:
            yield "".join(lines)
            lines, length, last = [], 0, ""
        lines += [f"{table}:\n"] * (table != last) + [line]
        length, last = length + len(line), table
    yield "".join(lines) or "{}\n"


def _in_yaml(text: str) -> str:
    if text.isascii() and "\x7f" not in text:  # as most are
        return text
    return _UNREADABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def check_tables(file: Path, definitions: Definitions) -> None:
    """Raise DictionaryError unless a mock can start with a file of tables."""
    definitions.read(file)
    _ = definitions.dictionary


def write_together(folder: Path, texts: Mapping[str, str], check: Callable[[Path], None]) -> None:
    """Write files that replace those of the same names, once all are written and checked; raises OSError."""
    with TemporaryDirectory(prefix=".", dir=folder) as drafts:
        for name, text in texts.items():
            (Path(drafts) / name).write_text(text, encoding="utf-8")
        check(Path(drafts))
        for name in texts:
            (Path(drafts) / name).replace(folder / name)
