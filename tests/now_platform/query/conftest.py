"""A small instance to ask: users, groups, roles and a task hierarchy, on any database."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.definitions import Column, Table
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.sql_tables import teach_casefold
from mock_servicenow.now_platform.query import QueryContext, Sight, compile_query, parse
from privman_core.findings import Finding

NOW = datetime(2026, 1, 7, 9, 30, tzinfo=UTC)  # a Wednesday
CONTEXT = QueryContext(NOW, user_id="abel", user_name="abel.tuter")

TABLES = (
    Table(
        "sys_user",
        columns=(
            Column("user_name", indexed=True),
            Column("name", display=True),
            Column("vip", type="boolean"),
            Column("manager", type="reference", reference="sys_user"),
            Column("department", type="reference", reference="cmn_department"),
        ),
    ),
    Table("cmn_department", columns=(Column("name"), Column("parent", type="reference", reference="cmn_department"))),
    Table("sys_user_group", columns=(Column("name"), Column("manager", type="reference", reference="sys_user"))),
    Table("sys_user_role", columns=(Column("name"),)),
    Table(
        "sys_group_has_role",
        columns=(
            Column("group", type="reference", reference="sys_user_group"),
            Column("role", type="reference", reference="sys_user_role"),
        ),
    ),
    Table(
        "task",
        columns=(
            Column("number", display=True, indexed=True),
            Column("short_description", max_length=160),
            Column("description", max_length=4000),
            Column("active", type="boolean"),
            Column("priority", type="integer"),
            Column("urgency", type="integer"),
            Column("cost", type="decimal"),
            Column("opened_at", type="glide_date_time"),
            Column("due_date", type="glide_date_time"),
            Column("planned", type="glide_date"),
            Column("duration", type="glide_duration"),
            Column("parent", type="reference", reference="task"),
            Column("opened_by", type="reference", reference="sys_user"),
            Column("group", type="reference", reference="sys_user_group"),
        ),
    ),
    Table("incident", parent="task", columns=(Column("caller_id", type="reference", reference="sys_user"),)),
    Table("major_incident", parent="incident"),
    Table("problem", parent="task"),
)


class Desk:
    """An instance with a connection: put rows in, ask encoded queries, get sys_ids back."""

    def __init__(self, dictionary: Dictionary, connection: sa.Connection) -> None:
        self.dictionary = dictionary
        self.connection = connection
        self.findings: tuple[Finding, ...] = ()

    def add(self, table: str, sys_id: str, **values: str | float | None) -> None:
        """Store one row; columns left out are empty."""
        if self.dictionary.has_classes(table):
            values["sys_class_name"] = table
        self.connection.execute(sa.insert(self.dictionary.sql_table(table)).values(sys_id=sys_id, **values))

    def ask(self, query: str, table: str = "incident", context: QueryContext = CONTEXT) -> list[str]:
        """Return the sys_ids of matching rows: in the query's order, or sorted if it has none."""
        compiled = compile_query(parse(query), table, Sight(self.dictionary), context)
        self.findings = compiled.findings
        key = self.dictionary.sql_table(table).c.sys_id
        statement = sa.select(key).where(compiled.where).order_by(*compiled.order_by)
        found = list(self.connection.scalars(statement))
        return found if compiled.order_by else sorted(found)

    def ignored(self) -> list[str]:
        """Return the messages of the findings of the last query."""
        return [finding.message for finding in self.findings]


@pytest.fixture(scope="session")
def dictionary() -> Dictionary:
    """The tables of the small instance."""
    return Dictionary(TABLES)


@pytest.fixture(scope="session")
def engine(dictionary: Dictionary, new_database: Callable[[str], AbstractContextManager[str]]) -> Iterator[sa.Engine]:
    """Connect to a database with the tables and no rows."""
    with new_database("") as url:
        engine = sa.create_engine(url)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", lambda connection, _record: teach_casefold(connection))
        with engine.begin() as connection:
            dictionary.sql.create_all(connection)
        yield engine
        engine.dispose()


@pytest.fixture
def desk(dictionary: Dictionary, engine: sa.Engine) -> Iterator[Desk]:
    """An instance without rows, undone after the test."""
    with engine.connect() as connection:
        yield Desk(dictionary, connection)
        connection.rollback()
