"""Checks of the tables, columns and responses that steps and fixtures name."""

from collections.abc import Iterator
from typing import Any

from privman_core.near_words import misspelt
from privman_scenarios.language import checks, known, request_checks
from privman_scenarios.language.checks import Check, Flaw
from privman_scenarios.language.model import Arguments, Own, file_columns
from privman_scenarios.playing.product_facts import servicenow_tables

A_TABLE = checks.word("table", lambda: (*known.TABLES, *servicenow_tables()), "tables")
A_RESPONSE = checks.word("response", known.responses, "words")


def _of_any_table(check: Check) -> Check:
    """Return a check of columns that also finds those that are nearly one of a table of the platform.

    Others are an instance's own: every customer adds some.
    """

    def checked(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        flaws = list(check(value, arguments, own))
        yield from flaws
        known_flaws = {flaw.path[:1] for flaw in flaws}
        table = arguments.get("table", "")
        is_known = table in known.TABLES or file_columns(own, table)
        there = () if is_known else servicenow_tables().get(table, ())
        for column in value:
            is_judged = column in own.get("columns", ()) or (column,) in known_flaws
            near = "" if is_judged else misspelt(column, there)
            if near:
                nearly = f"column {column!r} of {table} is nearly {near!r}"
                yield Flaw((column,), f"{nearly}. If it is your own, list it under 'own: columns'.")

    return checked


SENT = _of_any_table(request_checks.sent_columns)
SELECTING = _of_any_table(request_checks.where)
EXPECTED = _of_any_table(request_checks.columns)
