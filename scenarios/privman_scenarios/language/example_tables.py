"""Tables of examples in CSV files."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path

from privman_core.inputs import can_be_path, reason_of
from privman_core.near_words import advice
from privman_core.regular_files import read_regular
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.yaml_nodes import MOST_ROWS, Located, plain_number

SUFFIX = ".csv"
MOST_BYTES = 10 * 1024 * 1024
_TRUTHS = {"true": True, "false": False}


def read_table(named: Located, file: str) -> Located:
    """Return the rows of the CSV file with that name, beside a scenario file, as if written inline.

    Raises ScenarioFileError with the line in either file. It shows nothing of the content: a link may lead to any file.
    """
    if not can_be_path(str(named.value)):
        raise ScenarioFileError(file, named.line, f"'examples' is {named.value!r}. Expected the name of a CSV file.")
    path = Path(file).parent / str(named.value)
    reader = csv.reader(StringIO(_text(path, named, file), newline=""), strict=True)
    try:
        columns = next(reader, [])
        if flaw := _flaw_of_columns(columns):
            raise ScenarioFileError(str(path), 1, flaw)
        rows = list(_rows(reader, columns, str(path)))
    except csv.Error as error:
        raise ScenarioFileError(str(path), max(1, reader.line_num), f"invalid CSV: {error}.") from None
    return Located(rows, named.line)


def _text(path: Path, named: Located, file: str) -> str:
    try:
        content = read_regular(path, MOST_BYTES)
    except OSError as error:
        others = sorted(each.name for each in path.parent.glob(f"*{SUFFIX}"))
        help_ = advice(path.name, others) if others and path.name not in others else ""
        message = f"'examples' {named.value!r} cannot be read: {reason_of(error)}. {help_}".rstrip()
        raise ScenarioFileError(file, named.line, message) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ScenarioFileError(str(path), 0, "is not UTF-8 text.") from None


def _flaw_of_columns(columns: Sequence[str]) -> str:
    if not all(columns or [""]):
        return f"the first row has no name for column {[*columns, ''].index('') + 1}. Expected the name of each column."
    twice = next((name for name, times in Counter(columns).items() if times > 1), None)
    if twice is None:
        return ""
    first = columns.index(twice)
    return f"columns {first + 1} and {columns.index(twice, first + 1) + 1} have the same name."


def _rows(reader: Iterator[list[str]], columns: Sequence[str], path: str) -> Iterator[Located]:
    for number, cells in enumerate(filter(None, reader), start=1):
        line: int = reader.line_num  # type: ignore[attr-defined]  # of the reader of csv
        if number > MOST_ROWS:
            raise ScenarioFileError(path, line, f"more than {MOST_ROWS} rows. Expected fewer.")
        if len(cells) != len(columns):
            raise ScenarioFileError(path, line, f"a row has {len(cells)} cells. Expected {len(columns)}.")
        row = zip(columns, map(_value, cells), strict=True)
        yield Located({name: Located(value, line, path) for name, value in row}, line, path)


def _value(text: str) -> object:
    """Return the number or truth value that a cell is, as YAML would read it; any other text, such as 007, as it is."""
    if text.lower() in _TRUTHS:
        return _TRUTHS[text.lower()]
    number = plain_number(text)
    return text if number is None else number
