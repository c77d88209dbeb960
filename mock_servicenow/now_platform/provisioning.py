"""A new instance: its first rows and its administrator, with what clients' test-suites rely on (platform 8.2)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mock_servicenow.now_platform import dictionary_rows, numbering
from mock_servicenow.now_platform.intake import is_sys_id
from mock_servicenow.now_platform.passwords import hash_password
from mock_servicenow.now_platform.row_files import packaged_rows, read_rows
from mock_servicenow.now_platform.seed_ids import seed_id
from mock_servicenow.now_platform.users import User

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from mock_servicenow.now_platform.dictionary import Column
    from mock_servicenow.now_platform.instance import Instance
    from mock_servicenow.now_platform.session import Session

ADMIN_ID = "6816f79cc0a8016401c5a33be04be441"
ADMIN_ROLE_ID = "2831a114c611228501d4ea6c309d626d"
OTHER_ADMINISTRATORS = 12
LOG_ENTRIES = 620
Values = dict[str, str]
Rows = Iterable[tuple[str, Values]]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the administrator logs in with."""

    username: str = "admin"
    password: str = field(default="admin", repr=False)


def provision(instance: "Instance", administrator: Credentials, *extra: "Traversable") -> None:
    """Create the tables and, in an empty database, the first rows.

    Args:
        instance: has an empty database, or one that was provisioned before and keeps its rows.
        administrator: the one user who can log in.
        extra: further YAML files or folders of rows.
    """
    if not instance.store.create_tables():
        _complete_counters(instance)
        return
    sources = (packaged_rows(), *extra)
    founder = User(ADMIN_ID, administrator.username, "System Administrator", unrestricted=True)
    with instance.transaction(founder) as session:
        store_rows(session, (row for source in sources for row in read_rows(source, instance.dictionary)))
        store_rows(session, dictionary_rows.rows(instance.dictionary))
        store_rows(session, numbering.counters(instance.dictionary))
        store_rows(session, instance.release.rows())
        store_rows(session, _bulk())
        store_rows(session, [("sys_user", _administrator(session, administrator))])


def _complete_counters(instance: "Instance") -> None:
    """Give numbered tables that have been added since their counters."""
    with instance.transaction(instance.system) as session:
        known = {counter["category"] for counter in session.find_all(numbering.COUNTERS)}
        missing = [row for row in numbering.counters(instance.dictionary) if row[1]["category"] not in known]
        store_rows(session, missing)


def store_rows(session: "Session", rows: Rows) -> None:
    """Store rows without business rules; a reference may name its target as `seed_id` does."""
    by_table: dict[str, list[Values]] = {}
    for table, values in rows:
        by_table.setdefault(table, []).append(_with_ids(session, table, values))
    for table, found in by_table.items():
        session.store_rows(table, found)


def _with_ids(session: "Session", table: str, values: Mapping[str, str]) -> Values:
    columns = session.dictionary.columns(table)
    resolved = {
        name: seed_id(column.reference or "", value) if _is_named(column := columns[name], value) else value
        for name, value in values.items()
    }
    shown = "user_name" if table == "sys_user" else session.dictionary.display_column(table)
    named = values.get(shown, "") if shown in {"user_name", "number", "name"} else ""
    key = named or "/".join(values.values())
    return {"sys_id": seed_id(table, key)} | resolved


def _is_named(column: "Column", value: str) -> bool:
    return column.type == "reference" and bool(value) and not is_sys_id(value)


def _administrator(session: "Session", administrator: Credentials) -> Values:
    return {
        "sys_id": ADMIN_ID,
        "user_name": administrator.username,
        "user_password": hash_password(administrator.password, session.ids),
        "name": "System Administrator",
        "first_name": "System",
        "last_name": "Administrator",
        "email": "admin@example.com",
        "department": "a581ab703710200044e0bfc8bcbe5de8",
    }


def _bulk() -> Iterator[tuple[str, Values]]:
    for number in range(1, OTHER_ADMINISTRATORS + 1):
        name = f"admin.{number:02d}"
        yield "sys_user", {"user_name": name, "name": f"Administrator {number:02d}", "email": f"{name}@example.com"}
        yield "sys_user_has_role", {"user": name, "role": ADMIN_ROLE_ID}
    for number in range(1, LOG_ENTRIES + 1):
        yield "syslog", {"level": "0", "source": "worker", "message": f"Completed: scheduled job {number:04d}"}
