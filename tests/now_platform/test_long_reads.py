"""Reads that are given up because they take long, and made again elsewhere."""

import asyncio
import resource
import sqlite3
from contextlib import closing
from hashlib import pbkdf2_hmac
from pathlib import Path

import pytest
import sqlalchemy as sa

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.kernel import Fact
from mock_servicenow.now_platform.running import Repeatable
from mock_servicenow.now_platform.storage.database import open_copies
from mock_servicenow.now_platform.storage.long_reads import LARGEST_COPY, Aside, Here, NotAsideError
from privman_core.findings import Finding, Findings

TOYS = Fact("toys read aside", "u_toy")
COUNTING = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT count(*) FROM n"
FINDING = Finding("swallowed", "field-ignored", "it was ignored")


@pytest.mark.long
async def test_a_write_after_a_long_read_happens_once(instance: Instance) -> None:
    """It reads in vain twice, and then on the instance's own connection; it finds nothing twice."""
    begun, findings = [], Findings()

    def work() -> int:
        begun.append(instance.store.is_aside)
        findings.append(FINDING)
        with instance.transaction(instance.system) as session:
            counted = session.work.transaction.execute(sa.text(COUNTING)).scalar_one()
            session.insert("u_toy", {"u_name": "Ball"})
        return int(counted)

    assert await instance.run_again(Repeatable(work, findings, light=False)) == 1_000_000
    with instance.transaction(instance.system) as session:
        assert len(session.find_all("u_toy", u_name="Ball")) == 1
    if instance.store.embedded:
        assert begun == [False, True, False]
    assert findings == [FINDING]


@pytest.mark.long
async def test_work_that_has_written_is_not_repeated(instance: Instance) -> None:
    """However long it reads afterwards."""
    begun = []

    def work() -> None:
        begun.append(1)
        with instance.transaction(instance.system) as session:
            session.insert("u_toy", {"u_name": "Ball"})
        with instance.transaction(instance.system) as session:
            session.work.transaction.execute(sa.text(COUNTING)).scalar_one()

    await instance.run_again(Repeatable(work, []))
    assert begun == [1]


@pytest.mark.long
async def test_facts_read_aside_are_not_kept(instance: Instance) -> None:
    """It may be outdated by then."""
    if not instance.store.embedded:
        return
    loaded = []

    def work() -> None:
        with instance.transaction(instance.system) as session:
            session.work.transaction.execute(sa.text(COUNTING)).scalar_one()
            instance.cache.get(TOYS, "", lambda: loaded.append(1))

    await instance.run_again(Repeatable(work, []))
    await instance.run_again(Repeatable(work, []))
    assert loaded == [1, 1]


@pytest.mark.long
@pytest.mark.parametrize("light", [True, False])
async def test_a_long_read_begins_when_the_last_has_ended(instance: Instance, light: bool) -> None:  # noqa: FBT001
    """However soon nobody waited for that any more: each of them may have a copy of the database."""
    if not instance.store.embedded:
        return
    steps, begun, loop = [], asyncio.Event(), asyncio.get_running_loop()

    def first() -> None:
        instance.store.end_brief()
        loop.call_soon_threadsafe(begun.set)
        pbkdf2_hmac("sha256", b"", b"", 1_000_000)  # nothing ends it
        steps.append("the first one has ended")

    def second() -> None:
        instance.store.end_brief()
        steps.append("the second one has begun")

    waiting = asyncio.create_task(instance.run_again(Repeatable(first, [], light)))
    await begun.wait()
    waiting.cancel()
    await instance.run_again(Repeatable(second, [], light))
    assert steps == ["the first one has ended", "the second one has begun"]


@pytest.mark.long
def test_no_large_copy_is_made() -> None:
    """It would take as much memory again."""
    engine = sa.create_engine("sqlite://", poolclass=sa.NullPool)
    with closing(sqlite3.connect(":memory:")) as source:
        source.execute("CREATE TABLE large AS SELECT zeroblob(?) AS content", [LARGEST_COPY])
        with pytest.raises(NotAsideError):
            Aside(engine, source, Here()).run(lambda: 1)


def test_a_copy_is_in_a_temporary_file() -> None:
    """Work with it takes hardly any memory; where the disk has no room, nothing is done aside."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(sqlite3.connect(":memory:")) as source:
        source.execute("CREATE TABLE large AS SELECT zeroblob(?) AS content", [16 * 1024 * 1024])
        here = Here()

        def place() -> object:
            assert here.connection is not None
            return here.connection.exec_driver_sql("SELECT length(content) FROM large").scalar_one()

        assert Aside(open_copies(), source, here).run(place) == 16 * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            with pytest.raises(NotAsideError):
                Aside(open_copies(), source, here).run(place)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_without_a_second_connection_nothing_is_done_aside(tmp_path: Path) -> None:
    """A file may be gone, and a process may have too many open."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'missing' / 'instance.db'}")
    with pytest.raises(NotAsideError):
        Aside(engine, None, Here()).run(lambda: 1)


def test_work_stopped_before_it_began_ends_soon() -> None:
    """Its caller goes away while a copy is made."""
    engine, here = sa.create_engine("sqlite://", poolclass=sa.NullPool), Here()
    with closing(sqlite3.connect(":memory:")) as source:
        aside = Aside(engine, source, here)
        aside.stop()

        def count() -> object:
            assert here.connection is not None
            return here.connection.exec_driver_sql(COUNTING).scalar_one()

        with pytest.raises(sa.exc.OperationalError, match="interrupted"):
            aside.run(count)
    assert here.connection is None
