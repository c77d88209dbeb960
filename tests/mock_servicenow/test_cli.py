import asyncio
import os
import signal
import socket
import sqlite3
import ssl
import sys
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import ClientSession, encode_basic_auth
from yarl import URL

from .command import run_command, serving_command, start_command, started

ADMIN = {"Authorization": encode_basic_auth("admin", "admin")}


async def _users(url: str, tls: ssl.SSLContext | None = None) -> int:
    async with (
        ClientSession() as session,
        session.get(f"{url}/api/now/table/sys_user", headers=ADMIN, ssl=tls or True) as got,
    ):
        return got.status


async def test_serve() -> None:
    """The command serves until it is told to stop, and ends with 0."""
    async with serving_command("--clock", "virtual", "--seed", "1") as url, ClientSession() as session:
        assert await _users(url) == 200
        async with session.post(f"{url}/__admin/clock/advance", json={"seconds": 5}) as answer:
            assert await answer.json() == {"now": "2026-01-05T09:00:05+00:00"}


@pytest.mark.long
@pytest.mark.parametrize(
    "sent",
    [
        b"POST /api/now/table/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
        b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_a_client_that_waits_does_not_keep_it_from_ending(sent: bytes) -> None:
    """Half a request, and an answer that a fault holds back, end with the process."""
    async with serving_command("--clock", "virtual") as url, ClientSession() as session:
        await session.post(f"{url}/__admin/faults", json={"kind": "slow", "path": "/slow"})
        _, writer = await asyncio.open_connection("127.0.0.1", URL(url).port)
        writer.write(sent)
        await session.get(f"{url}/__admin/health")
    writer.close()


@pytest.mark.long
async def test_password_comes_from_the_environment() -> None:
    """With a password of one's own the default one is refused."""
    async with serving_command(MOCK_SERVICENOW_PASSWORD="another") as url:
        assert await _users(url) == 401


async def test_an_empty_token_is_refused() -> None:
    """It may be a secret that was not handed over, and would leave the control plane open."""
    code, out, err = await run_command("serve", "--port", "0", MOCK_SERVICENOW_ADMIN_TOKEN="")
    assert (code, out) == (2, "")
    assert err.startswith("mock-servicenow: MOCK_SERVICENOW_ADMIN_TOKEN is empty; expected a token, or ")


async def test_an_empty_password_is_refused() -> None:
    """It may be a secret that was not handed over, and would leave the default one."""
    code, out, err = await run_command("serve", "--port", "0", MOCK_SERVICENOW_PASSWORD="")
    assert (code, out) == (2, "")
    assert err.startswith("mock-servicenow: MOCK_SERVICENOW_PASSWORD is empty; expected a password, or the variable un")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("MOCK_SERVICENOW_PASWORD", "MOCK_SERVICENOW_PASSWORD"),
        ("MOCK_SERVICENOW_ADMIN_TOKN", "MOCK_SERVICENOW_ADMIN_TOKEN"),
    ],
)
async def test_a_misspelt_variable_is_refused(given: str, meant: str) -> None:
    """Without it, the instance would have its default password, and a control plane for everybody."""
    code, out, err = await run_command("serve", "--port", "0", **{given: "letmein"})
    assert (code, out) == (2, "")
    assert err == f"mock-servicenow: unknown variable {given} (did you mean {meant!r}?).\n"


@pytest.mark.long
async def test_a_database_does_not_keep_the_default_password(tmp_path: Path) -> None:
    """The administrator and the users of the app get the password that a later start names, once."""
    database = ("--database", f"sqlite:///{tmp_path / 'instance.db'}")
    opens = {}
    for password in ("", "another", "a third"):
        chosen = {"MOCK_SERVICENOW_PASSWORD": password} if password else {}
        async with serving_command(*database, **chosen) as url, ClientSession() as session:
            for name in ("admin", "privman.approver"):
                for tried in ("admin", "another", "a third"):
                    headers = {"Authorization": encode_basic_auth(name, tried)}
                    async with session.get(f"{url}/api/now/table/incident", headers=headers) as answer:
                        opens[name, password, tried] = answer.status
    kept = {(password, tried) for (_, password, tried), status in opens.items() if status == 200}
    assert kept == {("", "admin"), ("another", "another"), ("a third", "another")}
    assert sum(status == 200 for status in opens.values()) == 6


@pytest.mark.long
async def test_the_administrator_is_named_by_an_option() -> None:
    """With --username another administrator logs in, and admin is nobody."""
    async with serving_command("--username", "boss") as url, ClientSession() as session:
        for name, status in (("boss", 200), ("admin", 401)):
            headers = {"Authorization": encode_basic_auth(name, "admin")}
            async with session.get(f"{url}/api/now/table/sys_user", headers=headers) as answer:
                assert answer.status == status


@pytest.mark.long
async def test_a_database_keeps_its_administrator(tmp_path: Path) -> None:
    """Another name than his is refused in one line; without one the greeting tells his."""
    database = f"sqlite:///{tmp_path / 'instance.db'}"
    async with serving_command("--database", database, "--username", "boss"):
        pass
    code, out, err = await run_command("serve", "--port", "0", "--database", database, "--username", "admin")
    assert (code, out) == (2, "")
    assert "--username is 'admin'; the administrator of the database is 'boss': leave --username out" in err
    assert err.count("\n") == 1
    process = await start_command("serve", "--port", "0", "--database", database)
    assert "(user boss, " in await process.line()
    process.terminate()
    assert await process.wait() == 0
    async with serving_command("--database", database) as url, ClientSession() as session:
        async with session.post(f"{url}/__admin/reset") as answer:
            assert answer.status == 204
        for name, status in (("boss", 200), ("admin", 401)):
            headers = {"Authorization": encode_basic_auth(name, "admin")}
            async with session.get(f"{url}/api/now/table/sys_user?sysparm_limit=1", headers=headers) as answer:
                assert answer.status == status


@pytest.mark.long
@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nFOO / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"\0\xff\r\n\r\n",
        b"POST /api/now/table/problem HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx",
    ],
)
async def test_what_is_no_http_leaves_no_trace_in_the_log(sent: bytes) -> None:
    """A client that speaks no HTTP is told so with 400; on the error output there is nothing."""
    async with serving_command() as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(url).port)
        writer.write(sent)
        assert b" 400 Bad Request\r\n" in await asyncio.wait_for(reader.read(), 20)
        writer.close()
        await writer.wait_closed()


@pytest.mark.long
async def test_links_begin_with_the_instances_own_url() -> None:
    """1.5: links name the URL of the instance, not the Host of the request."""
    origin = "https://dev12345.service-now.com"
    async with serving_command("--url", f"{origin}/") as url, ClientSession() as session:
        answer = await session.get(f"{url}/api/now/table/problem?sysparm_limit=1", headers=ADMIN)
        assert answer.headers["Link"].startswith(f"<{origin}/api/now/table/problem?")


@pytest.mark.long
async def test_no_control_plane() -> None:
    """With --no-admin there is no control plane to find: its address is answered like any other that is none."""
    async with serving_command("--no-admin") as url, ClientSession() as session:
        assert await _users(url) == 200
        answers = [await session.get(f"{url}/{path}", headers=ADMIN) for path in ("__admin/health", "__other/health")]
        first, other = [(answer.status, answer.headers["Content-Type"], await answer.text()) for answer in answers]
        assert first == other
        assert first[0] == 404


@pytest.mark.long
async def test_file_database_keeps_its_rows(tmp_path: Path) -> None:
    """What was written to a database in a file is there after a restart."""
    database = f"sqlite:///{tmp_path / 'instance.db'}"
    for wanted in (201, 200):
        async with serving_command("--database", database) as url, ClientSession() as session:
            problem = f"{url}/api/now/table/problem"
            record = {"sys_id": "0" * 32}
            send = session.post(problem, json=record, headers=ADMIN) if wanted == 201 else None
            async with send or session.get(f"{problem}/{'0' * 32}", headers=ADMIN) as answer:
                assert answer.status == wanted


@pytest.mark.long
async def test_further_tables_and_rows(tmp_path: Path) -> None:
    """Tables and rows of the user's own are served like the packaged ones."""
    tables, data = tmp_path / "tables.yaml", tmp_path / "data.yaml"
    tables.write_text(
        "- name: u_thing\n  columns:\n    u_name: {display: true}\n    u_of: {reference: u_thing}\n"
        "    u_owner: {reference: sys_user}\n    u_task: {reference: task}\n"
    )
    data.write_text(
        "u_thing:\n  - {u_name: first, u_owner: admin, u_task: INC0000060}\n"
        "  - {u_name: second, u_of: first, u_owner: Joe Employee}\n"
    )
    fields = "u_name,u_of.u_name,u_owner.user_name,u_owner,u_task.number&sysparm_exclude_reference_link=true"
    async with serving_command("--tables", str(tables), "--data", str(data)) as url, ClientSession() as session:
        answer = await session.get(f"{url}/api/now/table/u_thing?sysparm_fields={fields}", headers=ADMIN)
        things = [list(thing.values()) for thing in (await answer.json())["result"]]
    assert things == [
        ["first", "", "admin", "6816f79cc0a8016401c5a33be04be441", "INC0000060"],
        ["second", "first", "employee", "681ccaf9c0a8016400b98a06818d57c7", ""],
    ]


@pytest.mark.long
async def test_a_misspelt_property_in_a_file_is_said_at_the_start(tmp_path: Path) -> None:
    """Nothing reads it; of many the first are shown."""
    data = tmp_path / "data.yaml"
    names = [f"glide.export.csv.charset{letter}" for letter in "tabcdefghijklmnopqrsu"]
    data.write_text("sys_properties:\n" + "".join(f"  - {{name: {name}, value: utf-8}}\n" for name in names))
    process = await start_command("serve", "--port", "0", "--data", str(data))
    await started(process)
    process.send_signal(signal.SIGTERM)
    complaint = (await process.communicate())[1].decode()
    why = "'glide.export.csv.charsett' is not the name of a property that is read"
    assert f"{why}; did you mean 'glide.export.csv.charset" in complaint
    assert "\nmock-servicenow: 1 more findings: GET /__admin/findings\n" in complaint


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["serve", "--port", "70000"],
            "mock-servicenow serve: argument --port: invalid port '70000': expected 0 to 65535",
        ),
        (["serve", "--port", "x"], "mock-servicenow serve: argument --port: invalid port 'x': expected 0 to 65535"),
        (["serve", "--clock", "sun"], "argument --clock: invalid choice 'sun'; expected one of real, virtual"),
        (["serve", "--clock", "vitual"], "argument --clock: invalid choice 'vitual' (did you mean 'virtual'?)"),
        (["serve", "--sed", "1"], "mock-servicenow serve: unknown option '--sed' (did you mean '--seed'?)"),
        (["sreve"], "argument COMMAND: invalid choice 'sreve' (did you mean 'serve'?)"),
        (["--verison"], "mock-servicenow: unknown option '--verison' (did you mean '--version'?)"),
        (["serve", "--host", "0.0.0.0"], "--host is '0.0.0.0', which others may reach; set MOCK_SERVICENOW_PASSWORD"),
        (["serve", "--host", "example.com"], "--host is 'example.com', which others may reach"),
        (["serve", "--database", "mysql://x"], "database URL 'mysql://…' is not usable"),
        (["serve", "--database", "nonsense"], "database URL 'nonsense' is not usable"),
        (["serve", "--database", "sqlite:////no/such/x.db"], "database 'sqlite:////no/such/x.db' cannot be opened: "),
        (
            ["serve", "--database", "postgresql+psycopg://me:hidden@127.0.0.1:1/x"],
            "database 'postgresql+psycopg://me:***@127.0.0.1:1/x' cannot be opened: ",
        ),
        (["serve", "--database", "postgresql+psycopg//me:hidden@db/x"], "database URL '…@db/x' is not usable"),
        (
            ["serve", "--database", "postgresql+psycopg://me@x:hidden@db:port/x"],
            "database URL '…@db:port/x' is not usable",
        ),
        (
            ["serve", "--database", "postgresql+psycopg://127.0.0.1:1/x?user=me&password=hidden"],
            "database 'postgresql+psycopg://127.0.0.1:1/x' cannot be opened: ",
        ),
        (
            ["serve", "--database", "sqlite:///%00.db"],
            "'sqlite:///%00.db' cannot be opened: ",
        ),
        (["serve", "--database", "sqlite://me:hidden@/x"], "cannot be opened: Invalid SQLite URL: sqlite://me:***@/x"),
        *(
            (
                ["serve", "--database", f"sqlite:///x.db?{query}"],
                "database URL 'sqlite:///x.db' is not usable with a query: expected none",
            )
            for query in ("x=1", "timeout=soon", "mode=foo&uri=true", "isolation_level=foo", "password=hidden")
        ),
        (["serve", "--ca-file", "no.pem"], "no certificate in 'no.pem': No such file or directory; expected a PEM"),
        (["serve", "--ca-file", "/dev/null"], "no certificate in '/dev/null': "),
        (["serve", "--username", ""], "argument --username: invalid user name '': expected UTF-8 text without con"),
        (["serve", "--username", "a\tb"], r"argument --username: invalid user name 'a\tb': expected UTF-8 text"),
        (["serve", "--username", "joe:x"], "invalid user name 'joe:x': expected no ':', which Basic cannot send"),
        (["serve", "--inferred", "no.yaml"], "no.yaml: "),
        (["serve", "--release", "zurick"], "did you mean 'zurich'?"),
        (["serve", "--tables", "no.yaml"], "no.yaml: No such file or directory"),
        (["serve", "--data", "no.yaml"], "no.yaml: No such file or directory"),
    ],
)
async def test_unusable_arguments(arguments: list[str], message: str) -> None:
    """An option, address or file that cannot be used is told in one line with exit code 2 and no traceback."""
    code, out, err = await run_command(*arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("mock-servicenow")
    assert message in line
    assert "hidden" not in line


async def test_a_refused_database_url_leaves_no_file(tmp_path: Path) -> None:
    """A URL that SQLite does not take is refused before its file is created."""
    code, _, err = await run_command("serve", "--database", f"sqlite://me:hidden@/{tmp_path / 'x.db'}")
    assert (code, err.count("Invalid SQLite URL")) == (2, 1)
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - nothing else runs


async def test_a_database_of_another_program(tmp_path: Path) -> None:
    """A database with tables of another program is refused in one line, and left as it is."""
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE sys_user (name TEXT)")
    code, _, err = await run_command("serve", "--database", f"sqlite:///{file}")
    assert code == 2
    assert err.startswith(
        f"mock-servicenow: database 'sqlite:///{file}' has tables or views that no instance of this version has"
    )
    assert err.count("\n") == 1
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("sys_user",)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("ModuleNotFoundError(\"No module named 'psycopg'\", name='psycopg')", "No module named 'psycopg'"),
        ("ImportError('no pq wrapper available.\\nAttempts made: …')", "no pq wrapper available. Attempts made: …"),
    ],
)
async def test_a_driver_that_cannot_be_imported(tmp_path: Path, error: str, reason: str) -> None:
    """The command names the extra that has the package for PostgreSQL, and the library that it needs."""
    (tmp_path / "psycopg.py").write_text(f"raise {error}\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = (Path(sys.executable).with_name("mock-servicenow"), "serve", "--database", "postgresql+psycopg://x@/y")
    environment = {**os.environ, "PYTHONPATH": path}
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE, env=environment)
    _, err = await process.communicate()
    assert process.returncode == 2
    said = err.decode()
    assert said.endswith(f"cannot be opened: {reason}; expected the extra 'mock-servicenow[postgresql]'\n")
    assert said.count("\n") == 1


@pytest.mark.long
async def test_the_package_is_the_command() -> None:
    """``python -m mock_servicenow`` does what the command does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mock_servicenow", "--version", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out.decode().split()[0] == "mock-servicenow"
    assert process.returncode == 0


async def test_port_in_use() -> None:
    """A port that somebody else has is named."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = await run_command("serve", "--port", str(port))
    assert code == 2
    assert err.startswith(f"mock-servicenow: cannot listen on 127.0.0.1:{port}: ")


async def test_version_and_help() -> None:
    """The command tells its version and its options."""
    for arguments in (["--version"], ["serve", "--version"]):
        code, out, _ = await run_command(*arguments)
        assert (code, out.partition(" 0.")[0]) == (0, "mock-servicenow")
    assert "MOCK_SERVICENOW_PASSWORD" in (await run_command("serve", "--help"))[1]


@pytest.mark.long
async def test_release_profile() -> None:
    """A release can be chosen; one that restricts passwords on new instances works like an upgraded one."""
    async with serving_command("--release", "zurich") as url:
        assert await _users(url) == 200
