"""Rules that keep the names of what exists, keep what ships, and delete what depends on a deleted record."""

from mock_servicenow.now_platform.dictionary.access_records import (
    RULE_ROLES,
    RULES,
    rules_of,
    shipped_role_of,
    shipped_rules,
)
from mock_servicenow.now_platform.dictionary.dictionary_rows import CHOICES, COLUMNS, TABLES
from mock_servicenow.now_platform.dictionary.shipped_records import shipped_choices, shipped_columns, shipped_tables
from mock_servicenow.now_platform.dictionary.stored_definitions import DEFINITIONS
from mock_servicenow.now_platform.dictionary.view_records import VIEW_FIELDS, VIEW_TABLES, VIEWS, shipped_views
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext

DELETED_CHOICES = "sys_deleted_choice"
"""The sys_ids of choices that were deleted, which a start on the same database does not add again."""
_ACTING = (
    ("sys_script", "collection"),
    ("sys_data_policy2", "model_table"),
    ("sys_transform_map", "source_table"),
    ("sys_transform_map", "target_table"),
)
"""Records that act on a table, and the column that names it. They go with it: the next of its name may hold users."""
_UPDATES: frozenset[Operation] = frozenset({"update"})
_DELETIONS: frozenset[Operation] = frozenset({"delete"})
_CHANGES = _UPDATES | _DELETIONS
_WRITES: frozenset[Operation] = frozenset({"insert", "update"})


def dictionary_rules() -> list[BusinessRule]:
    """Return the rules of the tables that define tables."""
    return [
        BusinessRule("keep_table_name", TABLES, "before", _UPDATES, _keep_table_name),
        BusinessRule("keep_column_name", COLUMNS, "before", _UPDATES, _keep_column_name),
        BusinessRule("keep_table", TABLES, "before", _DELETIONS, _keep_table),
        BusinessRule("keep_column", COLUMNS, "before", _DELETIONS, _keep_column),
        BusinessRule("delete_definitions", TABLES, "after", _DELETIONS, _delete_definitions),
        BusinessRule("delete_choices", COLUMNS, "after", _DELETIONS, _delete_choices),
        BusinessRule("note_deleted_choice", CHOICES, "after", _DELETIONS, _note_choice),
        BusinessRule("keep_access_rule", RULES, "before", _DELETIONS, _keep_rule),
        BusinessRule("keep_role_of_rule", RULE_ROLES, "before", _CHANGES, _keep_role),
        BusinessRule("name_view", VIEWS, "before", _WRITES, _name_view),
        BusinessRule("keep_view", VIEWS, "before", _DELETIONS, _keep_view),
        BusinessRule("keep_table_of_view", VIEW_TABLES, "before", _DELETIONS, _keep_view),
        BusinessRule("delete_tables_of_view", VIEWS, "after", _DELETIONS, _delete_tables_of_view),
        BusinessRule("delete_fields_of_view", VIEW_TABLES, "after", _DELETIONS, _delete_fields_of_view),
    ]


def _keep_table_name(context: RuleContext) -> None:
    shipped = shipped_tables(context.kernel.first.dictionary).get(context.current["sys_id"])
    kept = context.work.get(DEFINITIONS, context.current["sys_id"])
    name = kept["name"] if kept else shipped.name if shipped else ""
    if name and context.changed("name") and context.current["name"] != name:
        context.abort(f"table '{name}' exists, and its name cannot be changed")


def _keep_column_name(context: RuleContext) -> None:
    shipped = shipped_columns(context.kernel.first.dictionary).get(context.current["sys_id"])
    kept = shipped.described if shipped else context.work.get(DEFINITIONS, context.current["sys_id"])
    if kept is None:
        return
    for key in ("name", "element"):
        if context.changed(key) and context.current[key] != kept[key]:
            where = f"column '{kept['name']}.{kept['element']}'"
            context.abort(f"{where} exists, and its {key} cannot be changed")


def _keep_table(context: RuleContext) -> None:
    sys_id = context.current["sys_id"]
    table = shipped_tables(context.kernel.first.dictionary).get(sys_id)
    if table is not None:
        context.abort(f"table '{table.name}' ships, or comes from a file, and cannot be deleted")
    kept = context.work.get(DEFINITIONS, sys_id)
    if kept is not None and context.session.find_all(DEFINITIONS, super_class=kept["name"]):
        context.abort(f"table '{kept['name']}' is extended by others and cannot be deleted")


def _keep_column(context: RuleContext) -> None:
    known = shipped_columns(context.kernel.first.dictionary).get(context.current["sys_id"])
    if known is not None:
        where = f"column '{known.table.name}.{known.column.name}'"
        context.abort(f"{where} ships, or comes from a file, and cannot be deleted")


def _delete_definitions(context: RuleContext) -> None:
    """Delete the columns and choices of a table, and what acts on it; a record that defines none has none."""
    kept = context.work.get(DEFINITIONS, context.current["sys_id"])
    if kept is None:
        return
    columns = context.session.find_all(DEFINITIONS, name=kept["name"])
    for record in columns:
        context.work.delete(DEFINITIONS, record.sys_id)
        context.work.delete(COLUMNS, record.sys_id)
    shipped = shipped_columns(context.kernel.first.dictionary)
    for record in context.session.find_all(COLUMNS, name=kept["name"]):
        acts = record.sys_id in shipped or context.work.get(DEFINITIONS, record.sys_id) is not None
        if not acts:
            context.work.delete(COLUMNS, record.sys_id)
    _delete_all_choices(context, name=kept["name"])
    _delete_rules(context, kept["name"])
    for table, column in _ACTING:
        for record in context.session.find_all(table, **{column: kept["name"]}):
            context.work.delete(table, record.sys_id)


def _delete_rules(context: RuleContext, table: str) -> None:
    for sys_id in rules_of(table, (record.values for record in context.session.find_all(RULES))):
        context.work.delete(RULES, sys_id)


def _delete_choices(context: RuleContext) -> None:
    """Delete the choices of a column; a record that defines none has none."""
    kept = context.work.get(DEFINITIONS, context.current["sys_id"])
    if kept is not None:
        context.work.delete(DEFINITIONS, kept["sys_id"])
        _delete_all_choices(context, name=kept["name"], element=kept["element"])


def _delete_all_choices(context: RuleContext, **equal: str) -> None:
    for record in context.session.find_all(CHOICES, **equal):
        context.work.delete(CHOICES, record.sys_id)


def _note_choice(context: RuleContext) -> None:
    if context.current["sys_id"] in shipped_choices(context.kernel.first.dictionary):
        context.session.replace_row(DELETED_CHOICES, {"sys_id": context.current["sys_id"]})


def _keep_rule(context: RuleContext) -> None:
    if context.current["sys_id"] in shipped_rules(context.kernel.first.dictionary):
        name = context.current["name"]
        context.abort(f"access rule '{name}' ships, or comes from a file, and cannot be deleted; make it inactive")


def _keep_role(context: RuleContext) -> None:
    """Keep the roles of rules that ship: a rule without a role is everybody's."""
    if role := shipped_role_of(context.kernel.first.dictionary, context.current["sys_id"]):
        context.abort(f"role '{role}' of an access rule ships, or comes from a file, and cannot be changed or removed")


def _name_view(context: RuleContext) -> None:
    """Name a view as a table is named (Docs: create a database view)."""
    name = context.current["name"].lower().replace(" ", "_")
    if context.current["name"] != name:
        context.current["name"] = name


def _keep_view(context: RuleContext) -> None:
    name = shipped_views(context.kernel.first.dictionary).get(context.current["sys_id"])
    if name is not None:
        context.abort(f"view '{name}' ships, or comes from a file; it and its tables cannot be deleted")


def _delete_tables_of_view(context: RuleContext) -> None:
    """Delete the tables of a view, and its access rules, which the next one of its name would have."""
    for record in context.session.find_all(VIEW_TABLES, view=context.current["sys_id"]):
        context.session.delete(VIEW_TABLES, record.sys_id)
    _delete_rules(context, context.current["name"])


def _delete_fields_of_view(context: RuleContext) -> None:
    for record in context.session.find_all(VIEW_FIELDS, view_table=context.current["sys_id"]):
        context.work.delete(VIEW_FIELDS, record.sys_id)
