"""What people read in place of a stored value: labels, names of referenced records, journals."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from typing import assert_never

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import JOURNAL_LIST, Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.sql_tables import text_literal
from mock_servicenow.now_platform.dictionary.values import duration_seconds
from mock_servicenow.now_platform.records.display_formats import currency, duration_words
from mock_servicenow.now_platform.records.rows import Record, Values
from mock_servicenow.now_platform.records.view import View

ENTRIES = "sys_journal_field"
USERS = "sys_user"
MOST_ENTRIES, LONGEST_HISTORY = 1_000, 256 * 1024
"""Entries of a record that are displayed, the newest ones, and characters of them (I)."""
MOST_NAMED = 1_000
"""Entries of a list that are displayed by their names; the others appear as they are stored (I)."""
PASSWORD_MASK = "********"  # noqa: S105 - shown instead of one
_LONGEST_NAME = 255
"""Characters of a name in a list of them, which may repeat it any number of times."""
_LONGEST_AUTHOR = 151
"""Characters of an author that each of their entries repeats: the defined length of the name's column."""
_DEEPEST_DISPLAY = 4  # a display column may itself be a reference; a cycle must end
Path = tuple[str, ...]
Words = Callable[[str], str]


class Displays:
    """Displays the records of one view; referenced records are fetched together and kept until something is written.

    Attributes:
        view: what the user can read.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self._words: dict[tuple[str, str], Words] = {}

    def text(self, record: Record, name: str) -> str:
        """Return what people read in a column of a record."""
        column, value = self.view.dictionary.columns(record.table)[name], record.values[name]
        if column.family is Family.JOURNAL:
            if name in self.view.sight.hidden(record.table):
                return ""
            return self._history(record, column)
        if not value:
            return value
        words = self._words.get((record.table, name))
        if words is None:
            words = self._words[record.table, name] = self.words_of(column)
        return words(value)

    def words_of(self, column: Column) -> Words:
        """Return the function from a column's stored values to the words that people read."""
        if column.is_reference:
            return partial(self.name, column)
        if column.choices:
            labels = {choice.value: choice.label for choice in reversed(column.choices)}
            return lambda value: labels.get(value, value)
        return self._words_by_type(column)

    def referenced(self, column: Column, sys_id: str) -> Record | None:
        """Return the record that a value of a reference column means."""
        table = column.reference or ""
        if (table, sys_id) not in self._known:
            self._fetch({table: {sys_id}})
        return self._known[table, sys_id]

    def fetch(self, column: Column, sys_ids: Iterable[str]) -> None:
        """Fetch with one statement what several values of a reference column mean."""
        self._fetch({column.reference or "": set(sys_ids)})

    def name(self, column: Column, sys_id: str, depth: int = _DEEPEST_DISPLAY) -> str:
        """Return the display value of the record that is meant; the value itself if there is none."""
        record = self.referenced(column, sys_id)
        if record is None or depth == 0:
            return sys_id
        name = self.view.dictionary.display_column(column.reference or "")
        shown = self.view.dictionary.columns(column.reference or "")[name]
        if shown.is_reference and record[name]:
            return self.name(shown, record[name], depth - 1)
        return self.text(record, name)

    def walk(self, record: Record, path: Path) -> tuple[Record, str] | None:
        """Follow references; return the last record with the name of its column, None if one is empty."""
        for name in path[:-1]:
            column = self.view.dictionary.columns(record.table)[name]
            found = self.referenced(column, record[name]) if record[name] else None
            if found is None:
                return None
            record = found
        return record, path[-1]

    def prefetch(self, records: Iterable[Record], paths: Iterable[Path]) -> None:
        """Fetch with one statement a table what the paths of all the records lead to, step by step."""
        ends = [(list(records), path) for path in paths]
        while ends:
            steps = [(self._values(reached, path[0]), path[1:]) for reached, path in ends]
            self._fetch(_wanted(values for values, _ in steps))
            ends = [(self._targets(values), rest) for values, rest in steps if rest]

    def prefetch_entries(self, records: Iterable[Record]) -> None:
        """Fetch the entries of all the records together; the transaction remembers them until something is written."""
        missing: dict[str, list[str]] = {}
        for record in records:
            root = self.view.dictionary.root(record.table)
            if (root, record.sys_id) not in self.view.work.entries:
                missing.setdefault(root, []).append(record.sys_id)
        for root, sys_ids in missing.items():
            self.view.work.entries.update({(root, each): _shown(rows) for each, rows in self._newest(root, sys_ids)})

    @property
    def _known(self) -> dict[tuple[str, str], Record | None]:
        """What has been fetched, as the session's user sees it."""
        return self.view.work.referenced.setdefault(self.view.sight, {})

    def _values(self, records: Iterable[Record], name: str) -> list[tuple[Column, str]]:
        """Return the different values in a column of the records, each with the column of its class."""
        found = {(record.table, value) for record in records if (value := record.values[name])}
        return [(self.view.dictionary.columns(table)[name], value) for table, value in found]

    def _targets(self, values: Iterable[tuple[Column, str]]) -> list[Record]:
        targets = (self.referenced(column, value) for column, value in values if column.is_reference)
        return [target for target in targets if target is not None]

    def _fetch(self, wanted: dict[str, set[str]]) -> None:
        view, known = self.view, self._known
        for table, sys_ids in wanted.items():
            missing = [sys_id for sys_id in sorted(sys_ids) if (table, sys_id) not in known]
            found = {} if table in view.sight.closed else view.get_many(table, missing)
            known.update({(table, sys_id): None for sys_id in missing})
            known.update({(table, sys_id): Record(table, each.values) for sys_id, each in found.items()})

    def _history(self, record: Record, column: Column) -> str:
        """Return the entries of the column, the newest first, as they are displayed."""
        self.prefetch_entries([record])
        known = self.view.work.entries[self.view.dictionary.root(record.table), record.sys_id]
        labels = self._elements(record.table, column)
        entries = [entry for entry in known if entry["element"] in labels]
        names = {name: self._author(name) for name in {entry["sys_created_by"] for entry in entries}}
        moment = self.view.formats.date_time
        heads = (f"{moment(entry['sys_created_on'])} - {names[entry['sys_created_by']]}" for entry in entries)
        return "".join(
            f"{head} ({labels[entry['element']]})\n{entry['value']}\n\n"
            for head, entry in zip(heads, entries, strict=True)
        )

    def _elements(self, table: str, column: Column) -> dict[str, str]:
        """Return the columns whose entries a journal column shows, with their labels."""
        if column.type != JOURNAL_LIST:
            return {column.name: column.label}
        columns, hidden = self.view.dictionary.columns(table), self.view.sight.hidden(table)
        journals = self.view.dictionary.columns_of(table, Family.JOURNAL)
        return {name: columns[name].label for name in journals if name not in hidden}

    def _newest(self, root: str, sys_ids: list[str]) -> Iterable[tuple[str, list[Values]]]:
        """Return the newest entries of each of these records of a hierarchy."""
        tables = entry_tables(self.view, root)
        rows, whole = self.view.work.newest_with_values(ENTRIES, {"element_id": sys_ids, "name": tables}, MOST_ENTRIES)
        if not whole and len(sys_ids) > 1:
            return [found for each in sys_ids for found in self._newest(root, [each])]
        of_each: dict[str, list[Values]] = {sys_id: [] for sys_id in sys_ids}
        for row in rows:
            of_each[row["element_id"]].append(row)
        return of_each.items()

    def _author(self, user_name: str) -> str:
        closed = USERS in self.view.sight.closed
        author = None if closed else self.view.find(USERS, user_name=user_name)
        return (user_name if author is None else author["name"] or author["user_name"])[:_LONGEST_AUTHOR]

    def _words_by_type(self, column: Column) -> Words:  # noqa: C901, PLR0911 - one case a family
        formats = self.view.formats
        match column.family:
            case Family.INTEGER:
                return lambda value: f"{int(value):,}"
            case Family.DECIMAL:
                return lambda value: f"{float(value):,.15g}"
            case Family.DATE:
                return formats.date
            case Family.DATE_TIME:
                return formats.date_time
            case Family.DURATION:
                return lambda value: duration_words(duration_seconds(value))
            case Family.CURRENCY:
                return currency
            case Family.LIST:
                return partial(self._list, column)
            case Family.CLASS:
                return self._class
            case Family.PASSWORD:
                return lambda _value: PASSWORD_MASK
            case Family.TEXT | Family.BOOLEAN | Family.REFERENCE | Family.IDENTIFIER | Family.PAIRS | Family.JOURNAL:
                return str
        assert_never(column.family)

    def _list(self, column: Column, value: str) -> str:
        if column.reference is None:
            return value.replace(",", ", ")
        items = value.split(",", MOST_NAMED)
        self.fetch(column, items[:MOST_NAMED])
        names = [self.name(column, item)[:_LONGEST_NAME] for item in items[:MOST_NAMED]]
        return ", ".join([*names, *items[MOST_NAMED:]])

    def _class(self, value: str) -> str:
        table = self.view.dictionary.table(value)
        return value if table is None else table.label


def entry_tables(view: View, table: str) -> tuple[str, ...]:
    """Return the names by which entries say that a record of the table's hierarchy is theirs.

    Another table may have a record with the same sys_id, which whoever inserts it chooses.
    """
    return view.dictionary.family(view.dictionary.root(table))


def delete_entries(view: View, record: Record) -> None:
    """Delete the entries of a record's journal columns."""
    tables, stored = entry_tables(view, record.table), view.dictionary.sql_table(ENTRIES)
    names: list[sa.ColumnElement[str]] = [sa.literal_column(text_literal(name)) for name in tables]
    of_record = stored.c.element_id == sa.bindparam("id"), stored.c.name.in_(names)
    deletion = view.schema.statements.prepared(("delete", ENTRIES, tables), lambda: sa.delete(stored).where(*of_record))
    view.work.transaction.run(deletion, {"id": record.sys_id})


def _shown(entries: list[Values]) -> list[Values]:
    """Return the first entries, as far as `LONGEST_HISTORY` goes."""
    if sum(len(entry["value"]) for entry in entries) <= LONGEST_HISTORY:
        return entries
    shown, left = [], LONGEST_HISTORY
    for entry in entries:
        if left > 0:
            shown.append({**entry, "value": entry["value"][:left]})
        left -= len(entry["value"])
    return shown


def _wanted(groups: Iterable[Iterable[tuple[Column, str]]]) -> dict[str, set[str]]:
    wanted: dict[str, set[str]] = {}
    for column, value in chain.from_iterable(groups):
        if column.reference is not None:
            wanted.setdefault(column.reference, set()).update(value.split(",", MOST_NAMED)[:MOST_NAMED])
    return wanted
