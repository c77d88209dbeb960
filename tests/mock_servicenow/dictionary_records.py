"""Records of sys_db_object, sys_dictionary and sys_choice, which define tables, columns and choices."""

from .conftest import Instance

TABLE, COLUMN, CHOICE = "sys_db_object", "sys_dictionary", "sys_choice"
SHOWN = {"sysparm_display_value": "true", "sysparm_exclude_reference_link": "true"}


async def make_record(instance: Instance, table: str, **values: str) -> str:
    """Return the sys_id of a new record."""
    answer = await instance.insert(table, values)
    assert answer.status == 201, answer.body
    return str(answer.result["sys_id"])


async def change_record(instance: Instance, table: str, sys_id: str, **values: str) -> int:
    """Return the status of an update."""
    return (await instance.update(table, sys_id, values)).status


async def delete_record(instance: Instance, table: str, sys_id: str) -> int:
    """Return the status of a deletion."""
    return (await instance.call("DELETE", f"/api/now/table/{table}/{sys_id}")).status


async def ignored(instance: Instance) -> list[str]:
    """Return what records say without effect, as findings have it."""
    found = await instance.findings("definition-ignored")
    return [text.removeprefix("dictionary: ").removesuffix(": it has no effect") for text in found]
