"""The options of ``mock-servicenow pull``."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from mock_servicenow.now_platform.dictionary.definitions import NAME_WORDS, is_name
from mock_servicenow.pull.pull_command import SEED, pull
from privman_core.argument_types import path, system_url
from privman_core.command_line import Once, UsageError
from privman_core.inputs import quoted
from privman_core.natural_numbers import natural_number
from privman_core.near_words import hint
from privman_core.resolution import add_settings, resolve_options

ROWS, LEVELS = 100, 1
_MOST_ROWS, _MOST_LEVELS = 1_000_000, 5


def add_options(parser: ArgumentParser) -> None:
    """Add the options, and the work that they ask for."""
    parser.set_defaults(work=_work)
    parser.description = (
        "Copies tables, and a sample of their rows with what these refer to, into files for --tables and --data. "
        "Sends GET requests alone. Texts become pseudonyms or are left out, unless a rule says otherwise."
    )
    parser.add_argument(
        "--from", dest="servicenow_url", type=system_url, action=Once, metavar="URL", help="same as --servicenow-url"
    )
    parser.add_argument(
        "--tables", type=_tables, action=Once, required=True, metavar="NAMES", help="separated by commas"
    )
    parser.add_argument(
        "--out", type=path, default=Path("pulled"), metavar="DIR", help="folder of the files (default %(default)s)"
    )
    parser.add_argument(
        "--rows", type=_rows, default=ROWS, metavar="N", help="most rows of each table (default %(default)s)"
    )
    parser.add_argument(
        "--query",
        type=_query,
        action="append",
        default=[],
        metavar="TABLE=ENCODED",
        help="rows of a table to choose from (default: all); may be repeated",
    )
    parser.add_argument(
        "--follow",
        type=_levels,
        default=LEVELS,
        metavar="N",
        help="how many references to follow from a row; others are emptied (default %(default)s)",
    )
    parser.add_argument(
        "--keep-text",
        action="store_true",
        help="copy free text, too, with every name and secret in it that is not recognised",
    )
    parser.add_argument(
        "--rules", type=path, metavar="FILE", help="what becomes of columns (YAML), before the rules that ship"
    )
    parser.add_argument(
        "--seed-file",
        type=path,
        metavar="FILE",
        help=f"the seed of the pseudonyms (default: DIR/{SEED}, made if needed)",
    )
    parser.add_argument(
        "--journal", type=path, action=Once, metavar="FILE", help="record every request (one line of JSON each)"
    )
    add_settings(parser, "pull")


def _work(options: Namespace, environment: Mapping[str, str]) -> Coroutine[Any, Any, int]:
    resolve_options("pull", options, environment, Path())
    for table, _query in options.query:
        if table not in options.tables:
            expected = f"{hint(table, options.tables)}; expected one of {', '.join(options.tables)}"
            raise UsageError(f"--query: {quoted(table)} is no table of --tables{expected}")
    return pull(options, environment)


def _tables(text: str) -> list[str]:
    names = list(dict.fromkeys(each.strip() for each in text.split(",")))
    wrong = next((each for each in names if not is_name(each)), None)
    if wrong is not None:
        raise ArgumentTypeError(f"invalid table {quoted(wrong)}: expected {NAME_WORDS}")
    return names


def _query(text: str) -> tuple[str, str]:
    table, mark, query = text.partition("=")
    if not mark or not is_name(table):
        raise ArgumentTypeError(f"invalid query {quoted(text)}: expected TABLE=ENCODED, such as incident=active=true")
    return table, query


def _rows(text: str) -> int:
    return _number(text, _MOST_ROWS, "number of rows")


def _levels(text: str) -> int:
    return _number(text, _MOST_LEVELS, "number of levels")


def _number(text: str, most: int, what: str) -> int:
    number = natural_number(text)
    if number is None or number > most:
        raise ArgumentTypeError(f"invalid {what} {quoted(text)}: expected 0 to {most}")
    return number
