"""Tables and columns that records of the dictionary define, from the commit that writes such a record on."""

from collections.abc import Collection, Mapping

from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.sql_tables import SchemaChange
from mock_servicenow.now_platform.dictionary.stored_definitions import (
    DEFINITIONS,
    MOST_ROWS,
    SOURCES,
    Definition,
    StoredDefinitions,
)
from mock_servicenow.now_platform.errors import OperationFailed
from mock_servicenow.now_platform.records.kernel import Compiled, Fact, Kernel, Schema
from mock_servicenow.now_platform.records.rows import Values, Work
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.storage.transaction import DuplicateError
from privman_core.findings import Finding

TABLE_RECORDS = Fact("tables and columns", *SOURCES)
"""Another process learns of another version of the tables where it learns of that of the facts."""
_MOST_REPORTED = 20


def apply_definitions(kernel: Kernel, work: Work) -> Schema | None:
    """Give the database the tables that its records define, with the commit of the transaction.

    What records say without effect becomes findings.

    Returns:
        The tables for `Kernel.adopt` after the commit; None if nothing has changed.
    """
    work.transaction.reserve("tables")
    before, base = work.schema, kernel.first.dictionary
    rows, kept = _dictionary_records(work), _acting_definitions(work)
    found = StoredDefinitions.read(base, rows, kept)
    for message in sorted(found.ignored - before.ignored)[:_MOST_REPORTED]:
        work.findings.append(Finding("swallowed", "definition-ignored", f"dictionary: {message}: it has no effect"))
    if found.tables == tuple(before.dictionary) and set(found.acting) == set(kept):
        return None if found.ignored == before.ignored else before._replace(ignored=found.ignored)
    added = [each for each in found.acting if each not in kept]
    _note_acting(work, added, {each.sys_id for each in kept if each not in found.acting})
    dictionary, old = Dictionary(found.tables), before.dictionary
    if any(_may_hold_values(old, definition) for definition in added):
        old = Dictionary(StoredDefinitions.read(base, _rows_without(rows, added), kept).tables)
        _change_tables(kernel, work, before.dictionary, old)
    elif _shape(old) == _shape(dictionary):  # labels, choices, defaults: the statements stay
        dictionary.sql = old.sql  # of which they are made
        version = kernel.store.renew_tables(work.transaction)
        return Schema(dictionary, *Compiled.of(dictionary), before.statements, version, found.ignored)
    _change_tables(kernel, work, old, dictionary)
    return _schema(kernel, dictionary, found.ignored, kernel.store.renew_tables(work.transaction))


def with_defined_tables(session: Session) -> Session:
    """Return the session with the tables that records define by now, for the rest of the transaction."""
    schema = apply_definitions(session.kernel, session.work)
    if schema is not None:
        session.work.define(schema)
    return session.acting_for(session.user)


def stored_schema(kernel: Kernel, work: Work, version: int = 0) -> Schema:
    """Return the tables that the records of a database define, which has them already."""
    found = StoredDefinitions.read(kernel.first.dictionary, _dictionary_records(work), _acting_definitions(work))
    if found.tables == tuple(kernel.first.dictionary):
        return kernel.first._replace(version=version, ignored=found.ignored)
    return _schema(kernel, Dictionary(found.tables), found.ignored, version)


def _dictionary_records(work: Work) -> dict[str, list[Values]]:
    return {table: work.find(table, {}, most=MOST_ROWS) for table in SOURCES}


def _acting_definitions(work: Work) -> tuple[Definition, ...]:
    """Return the definitions of the records that act before this commit."""
    rows = work.find(DEFINITIONS, {})
    return tuple(Definition(*(row[name] for name in Definition._fields)) for row in rows)


def _note_acting(work: Work, added: Collection[Definition], ended: Collection[str]) -> None:
    """Note the definitions of records that begin to act, and forget those of records that do no more."""
    for sys_id in ended:
        work.delete(DEFINITIONS, sys_id)
    if added:
        work.insert(DEFINITIONS, (definition._asdict() for definition in added))


def _may_hold_values(dictionary: Dictionary, new: Definition) -> bool:
    """Return whether the database has a table or column of that name, which may hold another record's values."""
    if dictionary.table(new.name) is None:
        return False
    return not new.element or new.element in dictionary.sql.columns(dictionary.root(new.name))


def _rows_without(rows: Mapping[str, list[Values]], added: Collection[Definition]) -> dict[str, list[Values]]:
    """Return the records without those that begin to act."""
    new = {definition.sys_id for definition in added}
    return {table: [row for row in found if row["sys_id"] not in new] for table, found in rows.items()}


def _change_tables(kernel: Kernel, work: Work, old: Dictionary, new: Dictionary) -> None:
    """Give the database other tables; raises OperationFailed where a unique column has equal values."""
    try:
        kernel.store.change_tables(work.transaction, _change(old, new))
    except DuplicateError as error:
        key = next(name for name in error.names if "." in name)
        detail = f"Unique Key violation detected by database (records have equal values for key '{key}')"
        raise OperationFailed(detail) from None


def _schema(kernel: Kernel, dictionary: Dictionary, ignored: frozenset[str], version: int) -> Schema:
    return Schema(dictionary, *Compiled.of(dictionary), kernel.store.new_statements(), version, ignored)


def _shape(dictionary: Dictionary) -> list[object]:
    """Return what statements and physical tables follow from."""
    return [
        (table.name, table.parent, table.extendable, table.joined, *map(_shape_of_column, table.columns))
        for table in dictionary
    ]


def _shape_of_column(column: Column) -> tuple[object, ...]:
    return column.name, column.type, column.unique


def _change(old: Dictionary, new: Dictionary) -> SchemaChange:
    gone = [table.name for table in old if new.table(table.name) is None]
    classes = [(old.root(name), name) for name in gone if new.table(old.root(name)) is not None]
    return SchemaChange(old.sql, new.sql, classes)
