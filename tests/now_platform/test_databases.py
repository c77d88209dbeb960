"""Databases that outlive the process, and one that several processes share."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Protocol

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.definitions import Column, Table
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.table_files import load_dictionary
from mock_servicenow.now_platform.errors import (
    AbortedByRule,
    DatabaseUnavailable,
    NotAuthenticated,
    UniqueKeyViolation,
)
from mock_servicenow.now_platform.identity.authentication import Evidence
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.provisioning.provisioning import Administrator, FirstRows, provision
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext
from mock_servicenow.now_platform.storage.database import Database
from mock_servicenow.now_platform.storage.store import Store
from privman_core.ids import Ids
from privman_core.virtual_clock import VirtualClock

from .conftest import CHAIN, CLOSED, STAGING, TOY, VAULT

ADMIN = Evidence({"Authorization": "Basic YWRtaW46YWRtaW4="})


def open_instance(url: str, dictionary: Dictionary, seed: int) -> Instance:
    """Return an instance on a database, provisioned."""
    store = Store(Database(url, dictionary.sql))
    instance = Instance(dictionary=dictionary, store=store, clock=VirtualClock(), ids=Ids(seed))
    provision(instance, FirstRows(Administrator()))
    return instance


@pytest.mark.long
def test_a_file_keeps_its_rows(tmp_path: Path, dictionary: Dictionary) -> None:
    """An instance opened again on the same file has the rows of before, and is not filled anew."""
    url = f"sqlite:///{tmp_path / 'instance.db'}"
    with closing(open_instance(url, dictionary, 1).store) as store:
        instance = Instance(dictionary=dictionary, store=store, clock=VirtualClock(), ids=Ids(2))
        with instance.transaction(instance.system) as session:
            number = session.insert("problem", {})["number"]
            users = session.count("sys_user")
    again = open_instance(url, dictionary, 3)
    with closing(again.store), again.transaction(again.system) as session:
        assert session.find("problem", number=number) is not None
        assert session.count("sys_user") == users
        assert session.insert("problem", {})["number"] > number


@pytest.mark.long
def test_a_numbered_table_may_be_added_later(tmp_path: Path, dictionary: Dictionary) -> None:
    """Tables that a later version defines are created and numbered in an existing database."""
    url = f"sqlite:///{tmp_path / 'instance.db'}"
    open_instance(url, dictionary, 1).store.close()
    later = load_dictionary(tables=[Table("u_ticket", columns=(Column("number"),), number_prefix="TCK")])
    again = open_instance(url, later, 2)
    with closing(again.store), again.transaction(again.system) as session:
        assert session.insert("u_ticket", {})["number"] == "TCK0010001"


@pytest.mark.long
def test_a_table_may_be_wide(tmp_path: Path) -> None:
    """Records of more columns than a function of the database takes arguments are read whole."""
    columns = {f"u_column_{number}": str(number) for number in range(300)}
    wide = load_dictionary(tables=[Table("u_wide", columns=tuple(Column(name) for name in columns))])
    instance = open_instance(f"sqlite:///{tmp_path / 'instance.db'}", wide, 1)
    with closing(instance.store), instance.transaction(instance.system) as session:
        sys_id = session.insert("u_wide", columns).sys_id
        read = session.get("u_wide", sys_id)
        assert read is not None
        assert {name: read[name] for name in columns} == columns


class Server(Protocol):
    """A PostgreSQL server."""

    def database(self) -> AbstractContextManager[str]:
        """Give the SQLAlchemy URL of a new database."""


@pytest.fixture
def shared(postgresql: Server, dictionary: Dictionary) -> Iterator[tuple[Instance, Instance]]:
    """Return two instances on one fresh PostgreSQL database, as two processes would have."""
    with postgresql.database() as url:
        first, second = (open_instance(url, dictionary, seed) for seed in (1, 2))
        with closing(first.store), closing(second.store):
            yield first, second


Two = tuple[Instance, Instance]


@pytest.mark.long
def test_processes_read_each_others_writes(shared: Two) -> None:
    """Inserts, queries, updates and deletes are seen across processes."""
    first, second = shared
    with first.transaction(first.system) as session:
        toy = session.insert("u_toy", {"u_name": "a", "u_pieces": "7", "u_weight": "1.5", "u_notes": "hello"})
    with second.transaction(second.system) as session:
        [found] = session.query("u_toy", "u_pieces>6^u_weight<2^ORDERBYu_name")
        assert (found["u_name"], found["u_pieces"], found["u_weight"]) == ("a", "7", "1.5")
        assert session.display(found, "u_notes").endswith("hello\n\n")
        session.update("u_toy", toy.sys_id, {"u_pieces": "8"})
    with first.transaction(first.system) as session:
        assert [toy["u_pieces"] for toy in session.query("u_toy")] == ["8"]
        session.delete("u_toy", toy.sys_id)
        assert session.count("u_toy") == 0


@pytest.mark.long
def test_duplicates_are_refused(shared: Two) -> None:
    """Unique columns and primary keys hold across processes, on insert and update."""
    first, second = shared
    with first.transaction(first.system) as session:
        toy = session.insert("u_toy", {"u_name": "a"})
        other = session.insert("u_toy", {"u_name": "b"})
    for values in ({"u_name": "a"}, {"sys_id": toy.sys_id}):
        with pytest.raises(UniqueKeyViolation), second.transaction(second.system) as session:
            session.insert("u_toy", values)
    with pytest.raises(UniqueKeyViolation), second.transaction(second.system) as session:
        session.update("u_toy", other.sys_id, {"u_name": "a"})


@pytest.mark.long
def test_rules_and_users_of_one_process_apply_in_the_other(shared: Two) -> None:
    """Nothing that another process may change is remembered."""
    first, second = shared
    assert second.authentication.user(ADMIN).user_name == "admin"
    with first.transaction(first.system) as session:
        session.update("sys_user", "6816f79cc0a8016401c5a33be04be441", {"active": "false"})
        rule = {"collection": "problem", "when": "before", "action_insert": "true", "abort_action": "true"}
        session.insert("sys_script", {**rule, "name": "no", "filter_condition": "short_descriptionLIKEx"})
    with pytest.raises(NotAuthenticated):
        second.authentication.user(ADMIN)
    with pytest.raises(AbortedByRule), second.transaction(second.system) as session:
        session.insert("problem", {"short_description": "x"})
    with second.transaction(second.system) as session:
        assert session.insert("problem", {"short_description": "y"})["number"] == "PRB0010001"


@pytest.mark.long
async def test_concurrent_decisions_have_one_winner(shared: Two) -> None:
    """Two processes that decide the same record at the same moment: the second sees the first's decision."""

    def decide_once(context: RuleContext) -> None:
        if context.previous is not None and context.previous["u_color"]:
            context.abort("decided already")

    for instance in shared:
        instance.add_rule(BusinessRule("decide once", "u_toy", "before", frozenset({"update"}), decide_once))
    first = shared[0]
    with first.transaction(first.system) as session:
        toys = [session.insert("u_toy", {"u_name": str(number)}).sys_id for number in range(20)]

    def decide(instance: Instance, sys_id: str, color: str) -> bool:
        try:
            with instance.transaction(instance.system) as session:
                session.update("u_toy", sys_id, {"u_color": color})
        except AbortedByRule:
            return False
        return True

    async def race(sys_id: str) -> int:
        deciders = zip(shared, "rb", strict=True)
        runs = [one.run(lambda one=one, color=color: decide(one, sys_id, color)) for one, color in deciders]  # type: ignore[misc]
        return sum(await asyncio.gather(*runs))

    assert [await race(toy) for toy in toys] == [1] * 20


@pytest.mark.long
async def test_numbers_are_never_given_twice(shared: Two) -> None:
    """Concurrent inserts count on."""

    def insert(instance: Instance) -> str:
        with instance.transaction(instance.system) as session:
            return session.insert("problem", {})["number"]

    runs = [one.run(lambda one=one: insert(one)) for one in shared * 10]  # type: ignore[misc]
    assert len(set(await asyncio.gather(*runs))) == 20


@pytest.mark.long
def test_a_connection_that_breaks_in_a_transaction(shared: Two) -> None:
    """What was not committed when the server hangs up is undone, and the next transaction has another connection."""
    first, second = shared
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"

    def insert_two() -> None:
        with first.transaction(first.system) as session:
            session.insert("u_toy", {"u_name": "a"})
            with second.transaction(second.system) as other:
                other.work.transaction.execute(sa.text(f"{others} AND datname = current_database()"))
            session.insert("u_toy", {"u_name": "b"})

    with pytest.raises(DatabaseUnavailable):
        insert_two()
    with first.transaction(first.system) as session:
        assert session.count("u_toy") == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "allowed"), [("", "1min"), ("&options=-cstatement_timeout=5s", "5s")], ids=["by default", "by the URL"]
)
def test_statements_that_take_too_long_are_cancelled(
    postgresql: Server, dictionary: Dictionary, options: str, allowed: str
) -> None:
    """No statement takes longer than a minute, or than the URL allows."""
    with postgresql.database() as url:
        instance = open_instance(url + options, dictionary, 1)
        with closing(instance.store), instance.transaction(instance.system) as session:
            shown = session.work.transaction.execute(sa.text("SHOW statement_timeout"))
            assert shown.scalar_one() == allowed


@pytest.mark.long
def test_long_names_are_indexed_apart(tmp_path: Path) -> None:
    """Indexes of tables and columns with long names are distinct, and duplicates name their column."""
    columns = tuple(Column(f"u_a_rather_long_name_of_a_column_{end}", unique=True) for end in "ab")
    long = load_dictionary(tables=[Table("u_a_table_with_a_name_that_is_long", columns=columns)])
    instance = open_instance(f"sqlite:///{tmp_path / 'instance.db'}", long, 1)
    with closing(instance.store):
        with instance.transaction(instance.system) as session:
            session.insert("u_a_table_with_a_name_that_is_long", {columns[0].name: "x", columns[1].name: "y"})
        with (
            pytest.raises(UniqueKeyViolation, match="key 'u_a_rather_long_name_of_a_column_b'"),
            instance.transaction(instance.system) as session,
        ):
            session.insert("u_a_table_with_a_name_that_is_long", {columns[1].name: "y"})


@pytest.mark.long
def test_an_interrupted_start_is_repeated(tmp_path: Path, dictionary: Dictionary) -> None:
    """Tables without their first rows, as a kill during the first start leaves them, are made and filled again."""
    url = f"sqlite:///{tmp_path / 'instance.db'}"
    with closing(Store(Database(url, dictionary.sql))) as store:
        store.create()
        assert not store.is_made()
    again = open_instance(url, dictionary, 1)
    with closing(again.store), again.transaction(again.system) as session:
        assert again.store.is_made()
        assert session.count("sys_user")


@pytest.mark.long
def test_columns_and_tables_may_be_added_later(tmp_path: Path, dictionary: Dictionary) -> None:
    """What later definitions add to an existing database is there and described, and nothing else has changed."""
    url = f"sqlite:///{tmp_path / 'instance.db'}"
    open_instance(url, dictionary, 1).store.close()
    longer = replace(TOY, columns=(*TOY.columns, Column("u_age", type="integer", indexed=True)))
    later = load_dictionary(tables=[longer, VAULT, CHAIN, STAGING, CLOSED, Table("u_kite")])
    for seed in (2, 3):  # the second finds nothing to add
        again = open_instance(url, later, seed)
        with closing(again.store), again.transaction(again.system) as session:
            session.insert("u_toy", {"u_age": "7"})
            session.insert("u_kite", {})
            assert session.find("sys_db_object", name="u_kite") is not None
            assert len(session.find_all("sys_dictionary", name="u_toy", element="u_age")) == 1


RENAMED = sa.text("ALTER TABLE mock_servicenow_schema RENAME COLUMN facts TO other")


@pytest.mark.long
def test_a_write_that_other_processes_cannot_learn_of_is_undone(shared: Two) -> None:
    """A commit that cannot renew the version of facts fails, and so does a transaction that cannot read it."""
    first, second = shared

    def write() -> None:
        with first.transaction(first.system) as session:
            session.insert("sys_properties", {"name": "u_color", "value": "red"})
            session.work.transaction.execute(RENAMED)

    with pytest.raises(DatabaseUnavailable):
        write()
    with second.transaction(second.system) as session:
        assert session.find("sys_properties", name="u_color") is None
        session.work.transaction.execute(RENAMED)
    with pytest.raises(DatabaseUnavailable), first.transaction(first.system):
        pytest.fail("a session without facts is opened")
