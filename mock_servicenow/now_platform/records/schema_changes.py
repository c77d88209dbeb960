"""Tables and columns that records of the dictionary define, from the commit that writes such a record on."""

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.sql_tables import SchemaChange
from mock_servicenow.now_platform.dictionary.stored_definitions import MOST_ROWS, SOURCES, StoredDefinitions
from mock_servicenow.now_platform.records.kernel import Compiled, Fact, Kernel, Schema
from mock_servicenow.now_platform.records.rows import Work
from privman_core.findings import Finding

TABLE_RECORDS = Fact("tables and columns", *SOURCES)
"""Another process learns of another version of the tables where it learns of that of the facts."""
_MOST_REPORTED = 20


def changed_schema(kernel: Kernel, work: Work) -> Schema | None:
    """Give the database the tables that its records define, with the commit of the transaction.

    What records say without effect becomes findings.

    Returns:
        The tables for `Kernel.adopt` after the commit; None if nothing has changed.
    """
    work.transaction.reserve("tables")
    before = work.schema
    found = _stored(kernel, work)
    for message in sorted(found.ignored - before.ignored)[:_MOST_REPORTED]:
        work.findings.append(Finding("swallowed", "definition-ignored", f"dictionary: {message}: it has no effect"))
    if found.tables == tuple(before.dictionary):
        return None if found.ignored == before.ignored else before._replace(ignored=found.ignored)
    dictionary = Dictionary(found.tables)
    if _shape(before.dictionary) == _shape(dictionary):  # labels, choices, defaults: the statements stay
        dictionary.sql = before.dictionary.sql  # of which they are made
        version = kernel.store.renew_tables(work.transaction)
        return Schema(dictionary, *Compiled.of(dictionary), before.statements, version, found.ignored)
    kernel.store.change_tables(work.transaction, _change(before.dictionary, dictionary))
    return _schema(kernel, dictionary, found.ignored, kernel.store.renew_tables(work.transaction))


def stored_schema(kernel: Kernel, work: Work, version: int = 0) -> Schema:
    """Return the tables that the records of a database define, which has them already."""
    found = _stored(kernel, work)
    if found.tables == tuple(kernel.first.dictionary):
        return kernel.first._replace(version=version, ignored=found.ignored)
    return _schema(kernel, Dictionary(found.tables), found.ignored, version)


def _stored(kernel: Kernel, work: Work) -> StoredDefinitions:
    rows = {table: work.find(table, {}, most=MOST_ROWS) for table in SOURCES}
    return StoredDefinitions.read(kernel.first.dictionary, rows)


def _schema(kernel: Kernel, dictionary: Dictionary, ignored: frozenset[str], version: int) -> Schema:
    return Schema(dictionary, *Compiled.of(dictionary), kernel.store.new_statements(), version, ignored)


def _shape(dictionary: Dictionary) -> list[object]:
    """Return what statements and physical tables follow from."""
    return [
        (table.name, table.parent, table.extendable, [(each.name, each.type, each.unique) for each in table.columns])
        for table in dictionary
    ]


def _change(old: Dictionary, new: Dictionary) -> SchemaChange:
    gone = [table.name for table in old if new.table(table.name) is None]
    classes = [(old.root(name), name) for name in gone if new.table(old.root(name)) is not None]
    return SchemaChange(old.sql, new.sql, classes)
