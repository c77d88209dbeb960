"""What accompanies the deletion of a table, a column or a choice from the dictionary."""

from mock_servicenow.now_platform.dictionary.dictionary_rows import CHOICES, COLUMNS, TABLES, seed_id
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext

DELETED_CHOICES = "sys_deleted_choice"
"""The sys_ids of choices that were deleted, which a start on the same database does not add again."""
_DELETIONS: frozenset[Operation] = frozenset({"delete"})


def dictionary_rules() -> list[BusinessRule]:
    """Return the rules of the tables that define tables."""
    return [
        BusinessRule("keep_table", TABLES, "before", _DELETIONS, _keep_table),
        BusinessRule("keep_column", COLUMNS, "before", _DELETIONS, _keep_column),
        BusinessRule("delete_definitions", TABLES, "after", _DELETIONS, _delete_definitions),
        BusinessRule("delete_choices", COLUMNS, "after", _DELETIONS, _delete_choices),
        BusinessRule("note_deleted_choice", CHOICES, "after", _DELETIONS, _note_choice),
    ]


def _keep_table(context: RuleContext) -> None:
    name, sys_id = context.current["name"], context.current["sys_id"]
    if sys_id == seed_id(TABLES, name) and context.kernel.first.dictionary.table(name) is not None:
        context.abort(f"table '{name}' ships, or comes from a file, and cannot be deleted")
    if any(context.session.find_all(TABLES, super_class=each) for each in (sys_id, name)):
        context.abort(f"table '{name}' is extended by others and cannot be deleted")


def _keep_column(context: RuleContext) -> None:
    table, column = context.current["name"], context.current["element"]
    first = context.kernel.first.dictionary
    ships = first.table(table) is not None and column in first.columns(table)
    if ships and context.current["sys_id"] == seed_id(COLUMNS, f"{table}.{column}"):
        context.abort(f"column '{table}.{column}' ships, or comes from a file, and cannot be deleted")


def _delete_definitions(context: RuleContext) -> None:
    for table in (COLUMNS, CHOICES):
        _delete_all(context, table, name=context.current["name"])


def _delete_choices(context: RuleContext) -> None:
    _delete_all(context, CHOICES, name=context.current["name"], element=context.current["element"])


def _delete_all(context: RuleContext, table: str, **equal: str) -> None:
    for record in context.session.find_all(table, **equal):
        context.session.work.delete(table, record.sys_id)


def _note_choice(context: RuleContext) -> None:
    key = f"{context.current['name']}.{context.current['element']}.{context.current['value']}"
    if context.current["sys_id"] == seed_id(CHOICES, key):
        context.session.replace_row(DELETED_CHOICES, {"sys_id": context.current["sys_id"]})
