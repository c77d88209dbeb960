"""What a database may do to an instance: be shared, foreign, older, locked, full, read-only, restarted."""

import asyncio
import hashlib
import os
import resource
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import ClientSession

from mock_servicenow.settings import Settings
from privman_core.clock import RealClock

from .command import run_command, serving_command, start_command, started
from .conftest import CONFIGURATION, REQUEST, Instance, StubConsole, running

PROBLEM = "/api/now/table/problem"
THING_ID = hashlib.md5(b"sys_db_object:u_thing", usedforsecurity=False).hexdigest()
UNAVAILABLE = {"message": "Database unavailable", "detail": "The operation was not carried out; try again later"}


@asynccontextmanager
async def _client(url: str) -> AsyncIterator[Instance]:
    async with ClientSession() as http:
        yield Instance(url, RealClock(), http, StubConsole())


async def _refusal(*arguments: str) -> str:
    """Return the one line with which the command refuses to start."""
    async with asyncio.timeout(60):
        code, out, err = await run_command("serve", "--port", "0", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    return err


@pytest.mark.long
async def test_a_second_process_on_a_file_is_refused(tmp_path: Path) -> None:
    """A file is served by one process; who was killed has left it, and PostgreSQL is named for several."""
    database = f"sqlite:///{tmp_path / 'instance.db'}"
    first = await start_command("serve", "--port", "0", "--database", database)
    await started(first)
    line = await _refusal("--database", database)
    assert f"database '{database}' is in use by another process" in line
    assert "postgresql+psycopg://" in line
    first.kill()
    await first.communicate()
    async with serving_command("--database", database):
        pass


@pytest.mark.long
@pytest.mark.parametrize("name", ["instance.db", "an instance.db"])
async def test_files_are_private(tmp_path: Path, name: str) -> None:
    """Nobody but their owner reads the files of a database: they hold Secrets."""
    database = f"sqlite:///{tmp_path / name}"
    async with serving_command("--database", database) as url, _client(url) as instance:
        assert (await instance.insert("problem", {})).status == 201
        modes = {file.name: oct(file.stat().st_mode & 0o777) for file in os.scandir(tmp_path)}
    assert modes == dict.fromkeys((name, f"{name}-wal", f"{name}-shm", f"{name}-lock"), "0o600")


@pytest.mark.long
async def test_a_start_waits_for_no_writer(postgresql: Any, first_state: str) -> None:
    """A process that starts on a database in use takes no lock that an open transaction of another one bars."""
    with (
        postgresql.database(first_state) as database,
        sa.create_engine(database, poolclass=sa.NullPool).connect() as writer,
    ):
        writer.execute(sa.text("UPDATE sys_user SET sys_mod_count = 1"))
        writer.execute(sa.text("UPDATE task SET sys_mod_count = 1"))
        async with serving_command("--database", database):
            pass


@pytest.mark.long
@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DROP TABLE mock_servicenow_schema", "has tables or views that no instance of this version has made; ex"),
        ("UPDATE mock_servicenow_schema SET version = 2", "has schema version 2; expected 7, or an empty database"),
        ("UPDATE mock_servicenow_schema SET version = 9", "has schema version 9; expected 7, or an empty database"),
    ],
    ids=["0.1.0", "older", "newer"],
)
async def test_a_database_of_another_version_is_refused(tmp_path: Path, statement: str, message: str) -> None:
    """What another version made is refused before anybody is served."""
    file = tmp_path / "instance.db"
    async with serving_command("--database", f"sqlite:///{file}"):
        pass
    with closing(sqlite3.connect(file, isolation_level=None)) as changed:
        changed.execute(statement)
    assert message in await _refusal("--database", f"sqlite:///{file}")


@pytest.mark.long
@pytest.mark.parametrize("store", ["file", "postgresql"])
async def test_a_database_of_views_is_refused(request: pytest.FixtureRequest, tmp_path: Path, store: str) -> None:
    """A database that holds only views is somebody's, and nothing is created in it."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'instance.db'}"
        if store == "postgresql":
            url = stack.enter_context(request.getfixturevalue("postgresql").database())
        engine = sa.create_engine(url)
        stack.callback(engine.dispose)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE VIEW seven AS SELECT 7 AS number"))
        assert "has tables or views that no instance of this version has made; ex" in await _refusal("--database", url)
        assert (sa.inspect(engine).get_table_names(), sa.inspect(engine).get_view_names()) == ([], ["seven"])


@pytest.mark.long
@pytest.mark.parametrize(
    ("table", "column", "value", "found"),
    [
        (f"{CONFIGURATION}_secret", "secret", "X'FF00FF'", "BLOB value in TEXT"),
        (CONFIGURATION, "instance_metadata", "CAST('{}' AS BLOB)", "BLOB value in TEXT"),
        ("sys_user", "failed_attempts", "'many'", "TEXT value in INTEGER"),
    ],
    ids=["secret", "configuration", "number"],
)
async def test_a_value_of_another_type_is_kept_out_of_a_file(
    tmp_path: Path, table: str, column: str, value: str, found: str
) -> None:
    """Whatever tool writes to the file: no start has to look for such values, and no request can meet one."""
    file = tmp_path / "instance.db"
    async with ClientSession() as http, serving_command("--database", f"sqlite:///{file}") as url:
        await Instance(url, RealClock(), http, StubConsole(url="http://console.example")).register()
        with (
            closing(sqlite3.connect(file, isolation_level=None)) as tool,
            pytest.raises(sqlite3.IntegrityError, match=f"cannot store {found} column {table}.{column}"),
        ):
            tool.execute(f"UPDATE {table} SET {column} = {value}")  # noqa: S608


@pytest.mark.long
async def test_a_read_only_database_is_refused(tmp_path: Path) -> None:
    """A database that cannot be written is no place for an instance."""
    file = tmp_path / "instance.db"
    async with serving_command("--database", f"sqlite:///{file}"):
        pass
    with file.open("r+b") as stored:  # as a newer SQLite marks what this one may only read
        stored.seek(18)
        stored.write(b"\3")
    line = await _refusal("--database", f"sqlite:///{file}")
    assert "cannot be written: attempt to write a readonly database" in line


@pytest.mark.long
async def test_a_folder_is_no_database(tmp_path: Path) -> None:
    """A path that cannot be a file is told in one line."""
    (tmp_path / "instance.db-lock").mkdir()
    assert "cannot be written: Is a directory" in await _refusal("--database", f"sqlite:///{tmp_path / 'instance.db'}")
    assert "cannot be opened: " in await _refusal("--database", f"sqlite:///{tmp_path}")


@pytest.mark.long
async def test_rows_that_cannot_be_one_of_a_kind_are_refused(tmp_path: Path) -> None:
    """Tables that want a value only once cannot be laid over rows that have it twice."""
    database, tables = f"sqlite:///{tmp_path / 'instance.db'}", tmp_path / "tables.yaml"
    tables.write_text("- name: u_thing\n  columns:\n    u_name: {}\n")
    async with serving_command("--database", database, "--tables", str(tables)) as url, _client(url) as instance:
        for _turn in range(2):
            await instance.insert("u_thing", {"u_name": "a"})
    tables.write_text("- name: u_thing\n  columns:\n    u_name: {unique: true}\n")
    line = await _refusal("--database", database, "--tables", str(tables))
    assert "the database cannot be used: UNIQUE constraint failed" in line


@pytest.mark.long
async def test_a_disk_that_is_full_before_the_first_start(tmp_path: Path) -> None:
    """An instance that finds no room for its first rows says so in one line."""
    bounded = ("sh", "-c", 'ulimit -f 600 && exec "$0" "$@"')
    command = (Path(sys.executable).with_name("mock-servicenow"), "serve", "--port", "0")
    database = ("--database", f"sqlite:///{tmp_path / 'instance.db'}")
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    process = await asyncio.create_subprocess_exec(
        *bounded, *command, *database, stdout=PIPE, stderr=PIPE, env=unmeasured
    )
    out, err = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert err == b"mock-servicenow: the database cannot be used: disk I/O error\n"


@pytest.mark.long
async def test_a_full_disk_is_an_error_until_there_is_room(tmp_path: Path) -> None:
    """Without room a write gets the platform's error and one line in the log; with room again it goes on."""
    process = await start_command("serve", "--port", "0", "--database", f"sqlite:///{tmp_path / 'instance.db'}")
    async with _client(await started(process)) as instance:
        assert (await instance.insert("problem", {"short_description": "before"})).status == 201
        written = (tmp_path / "instance.db-wal").stat().st_size
        _soft, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (written, resource.RLIM_INFINITY))
        answer = await instance.insert("problem", {"short_description": "x" * 10_000})
        assert (answer.status, answer.body["error"]) == (500, UNAVAILABLE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert (await instance.insert("problem", {"short_description": "after"})).status == 201
        kept = await instance.read("problem", sysparm_fields="short_description")
        assert {"before", "after"} <= {row["short_description"] for row in kept}
    process.terminate()
    _, err = await process.communicate()
    assert err.decode().splitlines() == ["database: disk I/O error"]


@pytest.mark.long
async def test_a_locked_file_is_an_error_until_it_is_free(tmp_path: Path) -> None:
    """While a tool has the file locked reads are answered and writes fail; pages say so, too."""
    file = tmp_path / "instance.db"
    process = await start_command("serve", "--port", "0", "--database", f"sqlite:///{file}")
    async with _client(await started(process)) as instance:
        with closing(sqlite3.connect(file, isolation_level=None)) as tool:
            tool.execute("BEGIN IMMEDIATE")
            answer = await instance.insert("problem", {})
            assert (answer.status, answer.body["error"]) == (500, UNAVAILABLE)
            assert (await instance.call("GET", PROBLEM)).status == 200
            form = {"grant_type": "password", "username": "admin", "password": "admin"}
            client = {"client_id": "3f1c9a7be52d4c08a6d90b5e7714c2fd", "client_secret": "ready-made-secret"}
            assert (await instance.call("POST", "/oauth_token.do", None, data=form | client)).status == 500
            assert (await instance.call("POST", "/__admin/reset", None)).body["error"] == UNAVAILABLE
        assert (await instance.insert("problem", {})).status == 201
    process.terminate()
    _, err = await process.communicate()
    assert set(err.decode().splitlines()) == {"database: database is locked"}


@pytest.mark.long
@pytest.mark.parametrize("path", ["/__admin/reset", "/__admin/restart"])
async def test_deliveries_go_on_after_a_reset_that_failed(tmp_path: Path, path: str) -> None:
    """A reset or restart that the database cannot carry out changes nothing: what was to be sent is sent."""
    file = tmp_path / "instance.db"
    async with running(Settings(database=f"sqlite:///{file}")) as instance:
        instance.console.statuses = [503]
        sys_id = await instance.asked(await instance.set_up())
        await instance.update(REQUEST, sys_id, {"status": "Approve"})
        await instance.clock.settle()
        with closing(sqlite3.connect(file, isolation_level=None)) as tool:
            tool.execute("BEGIN IMMEDIATE")
            answer = await instance.call("POST", path, None)
        assert answer.status in {204, 500}
        await instance.clock.advance(60)
        assert len(instance.console.decisions) == 2


@pytest.mark.long
async def test_a_restarted_server_is_found_again(own_postgresql: Any) -> None:
    """While PostgreSQL is down every call gets the platform's error; as soon as it is up again they are carried out."""
    with own_postgresql.database() as database:
        process = await start_command("serve", "--port", "0", "--database", database)
        async with _client(await started(process)) as instance:
            for _turn in range(3):  # several connections are in the pool
                await asyncio.gather(*(instance.insert("problem", {}) for _ in range(6)))
                own_postgresql.halt()
                assert (await instance.insert("problem", {})).status == 500
                own_postgresql.resume()
                answers = await asyncio.gather(*(instance.insert("problem", {}) for _ in range(6)))
                assert [answer.status for answer in answers] == [201] * 6
        process.terminate()
        _, err = await process.communicate()
        assert {line.partition(": ")[0] for line in err.decode().splitlines()} == {"database"}


THINGS = "- name: u_thing\n  columns:\n    u_name: {unique: true}\n    u_owner: {reference: sys_user}\n    u_key: {}\n"


def _files(folder: Path, rows: str) -> list[str]:
    """Write a file of tables and one of rows and return the options that name them."""
    tables, data = folder / "tables.yaml", folder / "data.yaml"
    tables.write_text(THINGS)
    data.write_text(f"u_thing:\n{rows}")
    return ["--tables", str(tables), "--data", str(data)]


@pytest.mark.long
async def test_rows_of_files_are_taken_in_by_a_database_that_has_rows(tmp_path: Path, lasting: str) -> None:
    """With --data an existing database gets the rows it lacks, and those it has get the file's values; others stay."""
    first = "  - {sys_id: 1b3d5f, u_name: a, u_owner: Joe Employee, u_key: one}\n"
    options = _files(tmp_path, first)
    async with serving_command("--database", lasting, *options) as url, _client(url) as instance:
        await instance.insert("u_thing", {"u_name": "mine", "u_key": "kept"})
        await instance.update("u_thing", "1b3d5f", {"u_key": "changed", "u_owner": ""})
    options = _files(tmp_path, first + "  - {sys_id: 2b3d5f, u_name: b, u_owner: admin}\n")
    for _turn in range(2):
        async with serving_command("--database", lasting, *options) as url, _client(url) as instance:
            rows = await instance.read("u_thing", sysparm_fields="u_name,u_key,u_owner.user_name")
            assert sorted(tuple(row.values()) for row in rows) == [
                ("a", "one", "employee"),
                ("b", "", "admin"),
                ("mine", "kept", ""),
            ]


@pytest.mark.long
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "  - {u_nam: a}\n",
            "data.yaml:2: table 'u_thing', row 1 has column 'u_nam' (did you mean 'u_name'?), which is not defined",
        ),
        ("  - {sys_id: 3b3d5f, u_name: mine}\n", "data.yaml:2: table 'u_thing', row 1 cannot be stored: "),
        ("  - {sys_id: 1b3d5f, u_name: mine}\n", "data.yaml:2: table 'u_thing', row 1 cannot be stored: "),
    ],
    ids=["column", "inserted", "changed"],
)
async def test_rows_that_an_existing_database_cannot_take_are_refused(tmp_path: Path, rows: str, message: str) -> None:
    """Rows that do not fit are told in one line, whether the database is new or not, and none is stored."""
    database = f"sqlite:///{tmp_path / 'instance.db'}"
    options = _files(tmp_path, "  - {sys_id: 1b3d5f, u_name: a}\n  - {u_name: mine}\n")
    async with serving_command("--database", database, *options):
        pass
    assert message in await _refusal("--database", database, *_files(tmp_path, rows))


@pytest.mark.long
async def test_tables_of_files_stay_in_an_existing_database(tmp_path: Path) -> None:
    """Their records define them without the file, until they are deleted; rows then have no table."""
    database = f"sqlite:///{tmp_path / 'instance.db'}"
    options = _files(tmp_path, "  - {u_name: a}\n")
    async with serving_command("--database", database, *options):
        pass
    async with serving_command("--database", database, *options[2:]) as url, _client(url) as instance:
        assert len(await instance.read("u_thing", query="u_name=a")) == 1
        [column] = await instance.read("sys_dictionary", query="name=u_thing^element=u_key")
        assert (await instance.call("DELETE", f"/api/now/table/sys_dictionary/{column['sys_id']}")).status == 204
        [table] = await instance.read("sys_db_object", query="name=u_thing")
        assert (await instance.call("DELETE", f"/api/now/table/sys_db_object/{table['sys_id']}")).status == 204
    assert "data.yaml:1: table 'u_thing' is not defined" in await _refusal("--database", database, *options[2:])


@pytest.mark.long
async def test_a_seed_gives_other_identifiers_at_the_next_start(lasting: str) -> None:
    """With the same --seed a restarted instance, or another on the same rows, draws no identifier twice."""
    found = []
    for _turn in range(3):
        async with serving_command("--database", lasting, "--seed", "7") as url, _client(url) as instance:
            answer = await instance.insert("problem", {})
            assert answer.status == 201, answer.body
            found.append(answer.result["sys_id"])
    assert len(set(found)) == 3


@pytest.mark.long
async def test_changed_records_of_the_dictionary_keep_no_instance_from_starting(lasting: str, tmp_path: Path) -> None:
    """A start adds what is missing, unless its sys_id is somebody's: a counter was given to another table, say."""
    tables = tmp_path / "tables.yaml"
    tables.write_text("- name: u_thing\n  label: Thing\n  columns: {u_name: {}}\n", encoding="utf-8")
    async with serving_command("--database", lasting) as url, _client(url) as instance:
        [counter] = await instance.read("sys_number", query="category=incident")
        changed = await instance.update("sys_number", counter["sys_id"], {"category": "elsewhere"})
        assert changed.status == 200
        assert (await instance.insert("sys_choice", {"sys_id": THING_ID, "value": "1"})).result["sys_id"] == THING_ID
    async with serving_command("--database", lasting, "--tables", str(tables)) as url, _client(url) as instance:
        assert (await instance.read("sys_number", counter["sys_id"]))["category"] == "elsewhere"
        assert (await instance.insert("incident", {})).result["number"] == ""
        assert (await instance.insert("u_thing", {"u_name": "a"})).status == 201


@pytest.mark.long
async def test_text_in_a_file_that_is_not_utf_8_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    """Whatever has written it, requests that meet it go on: records, queries, groups and settings."""
    path = tmp_path / "instance.db"
    async with running(Settings(database=f"sqlite:///{path}")) as instance:
        await instance.insert("problem", {"short_description": "spoilt"})
    with closing(sqlite3.connect(path)) as connection:
        spoil = "UPDATE {} SET {} = CAST(x'ff68656c6c6f' AS TEXT) WHERE {}"
        for where in (
            ("task", "short_description", "short_description = 'spoilt'"),
            ("sys_user", "title", "user_name = 'admin'"),
            ("sys_metadata", "description", "name LIKE 'glide.oauth%'"),
        ):
            assert connection.execute(spoil.format(*where)).rowcount
        connection.commit()
    async with running(Settings(database=f"sqlite:///{path}")) as instance:
        for query in ("short_descriptionLIKEHELLO", "short_descriptionNOT LIKE\u00fc^ORDERBYshort_description"):
            rows = await instance.read("problem", query=query)
            assert "\ufffdhello" in [row["short_description"] for row in rows]
        grouped = "/api/now/stats/problem?sysparm_count=true&sysparm_group_by=short_description"
        assert (await instance.call("GET", grouped)).status == 200


@pytest.mark.long
async def test_an_instance_without_postgresql_loads_nothing_of_it() -> None:
    """That would take a tenth of its start."""
    code = "import sys, mock_servicenow.app; print([each for each in sys.modules if 'postgresql' in each])"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE)
    assert (await process.communicate())[0] == b"[]\n"
