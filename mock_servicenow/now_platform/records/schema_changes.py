"""Tables and columns that records of the dictionary define, from the commit that writes such a record on."""

from collections.abc import Collection, Iterable, Mapping

from mock_servicenow.now_platform.dictionary.access_records import ROLES, RULE_ROLES, RULES, StoredRules
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
from mock_servicenow.now_platform.query import Compilations
from mock_servicenow.now_platform.records.kernel import Compiled, Fact, Kernel, Schema
from mock_servicenow.now_platform.records.rows import Values, Work
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.storage.transaction import DuplicateError
from privman_core.findings import Finding

TABLE_RECORDS = Fact("tables and columns", *SOURCES, RULES, RULE_ROLES, ROLES)
"""Another process learns of another version of the tables where it learns of that of the facts."""
_MOST_REPORTED = 20


def apply_definitions(kernel: Kernel, work: Work) -> Schema | None:
    """Give the database the tables that its records define, with the commit of the transaction.

    What records say without effect becomes findings.

    Returns:
        The tables for `Kernel.adopt` after the commit; None if nothing has changed.
    """
    work.transaction.reserve("tables")
    before = work.schema
    found = _known_definitions(kernel, work) or _read_definitions(kernel, work)
    tables = before if found is before.defined else _with_tables(kernel, work, found)
    rules = _read_rules(kernel, work, tables.dictionary)
    ignored = found.ignored.union(rules.ignored)
    for message in sorted(ignored - before.ignored)[:_MOST_REPORTED]:
        work.findings.append(Finding("swallowed", "definition-ignored", f"dictionary: {message}: it has no effect"))
    schema = _with_rules(tables, rules)._replace(defined=found, ignored=ignored)
    if schema.dictionary is before.dictionary:
        return None if ignored == before.ignored and before.defined is not None else schema
    return schema._replace(version=kernel.store.renew_tables(work.transaction))


def _known_definitions(kernel: Kernel, work: Work) -> StoredDefinitions | None:
    """Return what the records define by now but for access rules, if no record of them has changed."""
    known = work.schema.defined
    if known is None or not work.written.isdisjoint(SOURCES):
        return None
    current = kernel.store.embedded or kernel.store.versions(work.transaction)[1] == work.schema.version
    return known if current else None


def _read_definitions(kernel: Kernel, work: Work) -> StoredDefinitions:
    return StoredDefinitions.read(kernel.first.dictionary, _records(work, SOURCES), _acting_definitions(work))


def _read_rules(kernel: Kernel, work: Work, dictionary: Dictionary) -> StoredRules:
    return StoredRules.read(kernel.first.dictionary, dictionary, _records(work, (RULES, RULE_ROLES, ROLES)))


def _with_tables(kernel: Kernel, work: Work, found: StoredDefinitions) -> Schema:
    """Give the database the tables that records define by now, and return them, those that have changed without rules.

    The schema is that of the transaction if nothing has changed.
    """
    before, base, kept = work.schema, kernel.first.dictionary, _acting_definitions(work)
    known = tuple(base) if before.defined is None else before.defined.tables
    if found.tables == known and set(found.acting) == set(kept):
        return before
    added = [each for each in found.acting if each not in kept]
    _note_acting(work, added, {each.sys_id for each in kept if each not in found.acting})
    dictionary, old = Dictionary(found.tables), before.dictionary
    if any(_may_hold_values(old, definition) for definition in added):
        old = Dictionary(StoredDefinitions.read(base, _rows_without(_records(work, SOURCES), added), kept).tables)
        _change_tables(kernel, work, before.dictionary, old)
    elif _shape(old) == _shape(dictionary):  # labels, choices, defaults: the statements stay
        dictionary.sql = old.sql  # of which they are made
        return Schema(dictionary, *Compiled.of(dictionary), before.statements)
    _change_tables(kernel, work, old, dictionary)
    return _schema(kernel, dictionary)


def _with_rules(schema: Schema, rules: StoredRules) -> Schema:
    """Return the tables with these access rules, which queries alone follow."""
    dictionary = schema.dictionary.with_rules(rules.by_table)
    if dictionary is schema.dictionary:
        return schema
    return schema._replace(dictionary=dictionary, queries=Compilations(dictionary))


def with_defined_tables(session: Session) -> Session:
    """Return the session with the tables that records define by now, for the rest of the transaction."""
    schema = apply_definitions(session.kernel, session.work)
    if schema is not None:
        session.work.define(schema)
    return session.acting_for(session.user)


def stored_schema(kernel: Kernel, work: Work, version: int = 0) -> Schema:
    """Return the tables that the records of a database define, which has them already."""
    first, found = kernel.first, _read_definitions(kernel, work)
    tables = first if found.tables == tuple(first.dictionary) else _schema(kernel, Dictionary(found.tables))
    rules = _read_rules(kernel, work, tables.dictionary)
    ignored = found.ignored.union(rules.ignored)
    return _with_rules(tables, rules)._replace(version=version, defined=found, ignored=ignored)


def _records(work: Work, tables: Iterable[str]) -> dict[str, list[Values]]:
    return {table: work.find(table, {}, most=MOST_ROWS) for table in tables}


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


def _schema(kernel: Kernel, dictionary: Dictionary) -> Schema:
    return Schema(dictionary, *Compiled.of(dictionary), kernel.store.new_statements())


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
