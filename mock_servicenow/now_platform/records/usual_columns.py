"""The columns that a list shows if nobody chooses others; a large table has indexes for them."""

from collections.abc import Mapping

from mock_servicenow.now_platform.dictionary.definitions import SYSTEM_COLUMNS, Column

SYSTEM = {column.name for column in SYSTEM_COLUMNS}
CREATED = "sys_created_on"
_MOST_COLUMNS = 7


def usual_columns(columns: Mapping[str, Column], display: str) -> list[str]:
    """Return the display column, a few of a table's own in their order, and the creation time, as far as there are.

    Secrets and journals are left out. The sys_id is never the first column, where there is another.
    """
    listable = [name for name, column in columns.items() if not column.family.concealed]
    own = [name for name in listable if name not in SYSTEM and name != display][:_MOST_COLUMNS]
    usual = [*own, display, CREATED] if display == "sys_id" else [display, *own, CREATED]
    return [name for name in dict.fromkeys(usual) if name in listable]
