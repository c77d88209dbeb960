"""A new instance: its first rows and its administrator, with what clients' test-suites rely on (platform 8.2)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.dictionary import dictionary_rows
from mock_servicenow.now_platform.dictionary.definitions import DictionaryError
from mock_servicenow.now_platform.dictionary.seed_ids import seed_id
from mock_servicenow.now_platform.identity.passwords import hash_password
from mock_servicenow.now_platform.identity.users import User
from mock_servicenow.now_platform.provisioning.row_files import packaged_rows, read_rows
from mock_servicenow.now_platform.provisioning.row_targets import NAMES, Targets
from mock_servicenow.now_platform.records import numbering
from mock_servicenow.now_platform.storage.store import DuplicateError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from mock_servicenow.now_platform.instance import Instance
    from mock_servicenow.now_platform.records.session import Session

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

    Raises:
        DictionaryError: a file of rows cannot be used, or two rows have a value that only one may have.
    """
    if not instance.store.create_tables():
        _complete_counters(instance)
        return
    sources = (packaged_rows(), *extra)
    founder = User(ADMIN_ID, administrator.username, "System Administrator", unrestricted=True)
    with instance.transaction(founder) as session:
        rows = chain(
            *(read_rows(source, instance.dictionary) for source in sources),
            dictionary_rows.rows(instance.dictionary),
            numbering.counters(instance.dictionary),
            instance.release.rows(),
            _bulk(),
            [("sys_user", _administrator(administrator))],
        )
        try:
            store_rows(session, rows)
        except DuplicateError as error:
            raise DictionaryError(f"the rows cannot be stored together: {error.text}") from None


def _complete_counters(instance: "Instance") -> None:
    """Give numbered tables that have been added since their counters."""
    with instance.transaction(instance.system) as session:
        known = {counter["category"] for counter in session.find_all(numbering.COUNTERS)}
        missing = [row for row in numbering.counters(instance.dictionary) if row[1]["category"] not in known]
        store_rows(session, missing)


def store_rows(session: "Session", rows: Rows) -> None:
    """Store rows without business rules; a reference may name its target among them, as `Targets` finds it."""
    found = [(table, _with_id(session, table, values)) for table, values in rows]
    targets = Targets(session.dictionary, found)
    by_table: dict[str, list[Values]] = {}
    for table, values in found:
        by_table.setdefault(table, []).append(targets.resolved(table, values))
    for table, stored in by_table.items():
        session.store_rows(table, stored)


def _with_id(session: "Session", table: str, values: Values) -> Values:
    shown = "user_name" if table == "sys_user" else session.dictionary.display_column(table)
    named = values.get(shown, "") if shown in NAMES else ""
    secret = {name: hash_password(values[name], session.ids) for name in _passwords(session, table) if values.get(name)}
    return {"sys_id": seed_id(table, named or "/".join(values.values()))} | values | secret


def _passwords(session: "Session", table: str) -> list[str]:
    return session.dictionary.columns_of_type(table, ("password",))


def _administrator(administrator: Credentials) -> Values:
    return {
        "sys_id": ADMIN_ID,
        "user_name": administrator.username,
        "user_password": administrator.password,
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
