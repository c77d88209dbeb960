"""A client's values in their stored form, completed with defaults, stamps and a number."""

from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import CompareAs, Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.dictionary_rows import TABLES
from mock_servicenow.now_platform.dictionary.sql_tables import Folded
from mock_servicenow.now_platform.dictionary.values import has_uncertain_form, is_storable, is_sys_id
from mock_servicenow.now_platform.records.plans import LONGEST_INDEXED, stored_length
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record, Values
from mock_servicenow.now_platform.records.view import View
from mock_servicenow.now_platform.users import one_way
from privman_core.findings import Finding
from privman_core.near_words import hint

COUNTERS = "sys_number"
FIRST = 10_001
DIGITS = 7
_MOST_DIGITS = 40
_LAST = 2**63 - 1  # the largest count that the database holds
_MOST_CHANGES = 2**63 - 2  # a client may write any count that the database holds
LONGEST_VALUE = LONGEST_INDEXED
"""Characters of a number, a date, a duration or a reference: parsing more may take seconds."""
_MOST_COMPARED, _MOST_COLUMNS = 5, 1_000
"""At most so many unknown names of a record get the nearest column, and only of so many columns: comparing is slow."""
_OF_ANY_LENGTH = frozenset({CompareAs.TEXT, CompareAs.BOOLEAN})
_WRITABLE_SYSTEM_COLUMNS = frozenset(
    {"sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by", "sys_mod_count"}
)


_ANY_CHOICE = Property("glide.rest.choice.allow_non_existing_value")


class Intake:
    """Converts a client's values for one table to their stored form; dropped and changed values become findings.

    Args:
        system_columns: whether sys_created_on and the like are written too.
    """

    def __init__(self, view: View, table: str, *, system_columns: bool = False) -> None:
        self._view = view
        self._table = table
        self._plan = view.schema.plans[table]
        self._locked = view.sight.locked(table)
        self._writable = _WRITABLE_SYSTEM_COLUMNS if system_columns else frozenset()

    def take(self, values: Mapping[str, str], *, with_sys_id: bool) -> Values:
        """Return the stored form of the values that can be written."""
        lengths, verbatim_choices, locked, taken = self._plan.lengths, self._plan.verbatim_choices, self._locked, {}
        compared = 0
        for name, text in values.items():
            column = self._plan.columns.get(name)
            is_plain = len(text) <= lengths.get(name, -1) and text.isascii() and "\0" not in text
            if (is_plain or text in verbatim_choices.get(name, ())) and name not in locked:  # most values
                taken[name] = text
            elif column is None:
                near = hint(name, self._plan.columns, _MOST_COLUMNS) if compared < _MOST_COMPARED else ""
                compared += 1
                self._report("column-ignored", name, f"has no column '{name}'{near}: the value was ignored")
            elif self._is_fixed(column, with_sys_id=with_sys_id):
                if name != "sys_id":
                    self._report("column-read-only", name, f"column '{name}' cannot be written: the value was ignored")
            elif (stored := self._stored(column, text)) is not None:
                taken[name] = stored
        return taken

    def _is_fixed(self, column: Column, *, with_sys_id: bool) -> bool:
        if column.name == "sys_id":
            return not with_sys_id
        if column.name in self._locked:
            return True
        return column.read_only and column.name not in self._writable

    def _stored(self, column: Column, text: str) -> str | None:
        if not text:
            return ""
        if column.family is Family.PASSWORD and is_storable(text):
            return self._secret(column, text)
        stored = column.to_stored(text) if _is_value(column, text) else None
        if stored is None or (column.name == "sys_id" and not is_sys_id(stored)):
            given = "a text with NUL or half a character" if column.family is Family.PASSWORD else _quoted(text)
            self._report("value-ignored", column.name, f"{column.type} column '{column.name}' got {given}: ignored")
            return None
        if column.is_reference:
            return self._reference(column, stored)
        if column.family is Family.DATE_TIME and has_uncertain_form(text):
            what = f"column '{column.name}' got '{text}', and no source says what an instance makes of that form"
            self._report("value-form-unknown", column.name, f"{what}: stored as {stored}")
        if column.choices and all(choice.value != stored for choice in column.choices):
            return self._unknown_choice(column, stored)
        # Pairs cut short could not be read, nor a Secret in them be found; rules refuse long ones.
        most = len(stored) if column.family is Family.PAIRS else stored_length(column)
        if len(stored) > most or (len(stored) > column.max_length and column.type == "string"):
            fits = f"column '{column.name}' holds {column.max_length} characters, not {len(stored)}"
            outcome = "whole" if len(stored) <= most else f"as far as {most}"
            self._report("value-too-long", column.name, f"{fits}: stored {outcome}")
        return stored[:most]

    def _secret(self, column: Column, text: str) -> str:
        view, store = self._view, one_way(self._view.dictionary.root(self._table), column.name, column.type)
        if column.type != "password":  # a user's own, which may be any word
            view.kernel.secrets.add_chosen(text)
        return text if store is None else store(text, view.ids)

    def _unknown_choice(self, column: Column, text: str) -> str | None:
        """Return the value, unless a system property forbids values that are no choices."""
        taken = self._view.system_property(_ANY_CHOICE) != "false"
        outcome = "stored as given" if taken else "ignored"
        self._report("choice-unknown", column.name, f"column '{column.name}' offers no '{text}': {outcome}")
        return text if taken else None

    def _reference(self, column: Column, text: str) -> str:
        """Return the sys_id of the only record with that display value; else nothing.

        A domain has its path as well as a sys_id, and a table its name, which says what a record would define.
        """
        if is_sys_id(text) or column.reference is None or column.type != "reference":
            return text
        found = self._view.by_display(column.reference, text)
        if found is not None:
            return found
        kept, outcome = (text, "stored as given") if column.reference == TABLES else ("", "left empty")
        unresolved = f"reference '{column.name}' got '{text}', no sys_id and displayed by no single record"
        self._report("reference-unresolved", column.name, f"{unresolved} of {column.reference}: {outcome}")
        return kept

    def _report(self, rule: str, column: str, what: str) -> None:
        self._view.findings.append(Finding("swallowed", rule, f"table {self._table}: {what}", column))


def _is_value(column: Column, text: str) -> bool:
    """Return whether the length and the characters of a text allow it in the column."""
    return is_storable(text) and (len(text) <= LONGEST_VALUE or column.family.compare_as in _OF_ANY_LENGTH)


def _quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= LONGEST_VALUE else f"{len(text):,} characters"


def default_values(view: View, table: str) -> Values:
    """Return a new record of the table: every column, empty or with its default."""
    plan = view.schema.plans[table]
    values = {**plan.defaults}
    for name, call in plan.scripted:
        values[name] = call(view)
    return values


def new_values(view: View, table: str) -> Values:
    """Return `default_values` with the stamps that say who creates the record when."""
    values, now, user_name = default_values(view, table), view.now, view.user.user_name
    values["sys_created_on"] = values["sys_updated_on"] = now
    values["sys_created_by"] = values["sys_updated_by"] = user_name
    values["sys_mod_count"] = "0"
    if "sys_class_name" in values:
        values["sys_class_name"] = table
    return values


def update_stamps(view: View, previous: Record) -> Values:
    """Return who changes a record when, and how often it has been changed."""
    return {
        "sys_updated_on": view.now,
        "sys_updated_by": view.user.user_name,
        "sys_mod_count": str(min(int(previous["sys_mod_count"] or 0), _MOST_CHANGES) + 1),
    }


def pop_entries(view: View, table: str, values: dict[str, str]) -> dict[str, str]:
    """Remove the new entries of journal columns from a record's values and return them by column."""
    entries = {}
    for name in view.schema.plans[table].journals:
        if values[name]:
            entries[name], values[name] = values[name], ""
    return entries


def assign_number(view: View, table: str, values: dict[str, str]) -> None:
    """Give a new record its number, unless the table has no counter or the record has one.

    A record of `COUNTERS` says how: its prefix and digits. An administrator may delete, empty or exhaust one: then
    there is no number, and a finding says so of a table that a file numbers.
    """
    plan = view.schema.plans[table]
    if not plan.may_be_numbered or values.get("number"):
        return
    prefix = plan.table.number_prefix
    counter = view.schema.statements.prepared(COUNTERS, lambda: _count(view.dictionary))
    counted = view.work.transaction.run(counter, {"table": table})
    if counted:
        number, own, digits = counted[0]
        width = max(0, min(int(digits or DIGITS), _MOST_DIGITS))
        values["number"] = f"{own or prefix or ''}{number:0{width}d}"
    elif prefix is not None:
        view.findings.append(Finding("swallowed", "number-missing", f"table {table}: no counter gives a number"))


def _count(dictionary: Dictionary) -> sa.ClauseElement:
    """Return the statement that takes the table's next count; others wait for this transaction to end for theirs."""
    rows = dictionary.sql_table(COUNTERS)
    table: sa.ColumnElement[str] = sa.bindparam("table", type_=rows.c.category.type)
    # Indexes on texts are folded: the first condition finds the row, the second proves it.
    found = sa.and_(Folded(rows.c.category) == Folded(table), rows.c.category == table)
    counter = sa.select(sa.func.min(rows.c.sys_id)).where(found).scalar_subquery()
    one, last = sa.literal_column("1", sa.BigInteger), sa.literal_column(str(_LAST), sa.BigInteger)
    counting = sa.update(rows).where(rows.c.sys_id == counter, rows.c.number < last)
    return counting.values(number=rows.c.number + one).returning(
        rows.c.number - one, rows.c.prefix, rows.c.maximum_digits
    )


def counters(dictionary: Dictionary) -> Iterator[tuple[str, dict[str, str]]]:
    """Return a row for each numbered table, from which its numbers are counted."""
    for table in dictionary:
        if table.number_prefix is not None:
            yield COUNTERS, {"category": table.name, "prefix": table.number_prefix, "number": str(FIRST)}
