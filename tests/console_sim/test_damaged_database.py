"""A console whose database is unusable, fails or was changed by others."""

import resource
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from console_sim.cli import main

from .command import run, serve
from .conftest import (
    REQUESTS,
    StubServiceNow,
)
from .on_file import calling, console_on, write


async def test_second_process_is_refused(file: Path, servicenow: StubServiceNow) -> None:
    """Two processes never share a file."""
    async with console_on(file, servicenow):
        answer = await run("serve", "--port", "0", "--database", f"sqlite:///{file}")
    told = f"console-sim: database '{file}' cannot be used: another process has it open; each console needs a file of "
    assert answer == (2, "", f"{told}its own\n")


def _garbage(file: Path) -> None:
    file.write_text("This is no database. " * 100)


def _of_somebody_else(file: Path) -> None:
    write(file, "CREATE TABLE incident (number TEXT)")


def _of_views(file: Path) -> None:
    write(file, "CREATE VIEW seven AS SELECT 7 AS number")


def _of_another_version(file: Path) -> None:
    write(file, "CREATE TABLE document (number TEXT)", "PRAGMA application_id=1347240787", "PRAGMA user_version=7")


def _of_other_columns(file: Path) -> None:
    write(file, "CREATE TABLE document (kind TEXT)", "PRAGMA application_id=1347240787", "PRAGMA user_version=1")


def _of_a_damaged_schema(file: Path) -> None:
    write(file, "CREATE TABLE document (number TEXT)")
    file.write_bytes(file.read_bytes().replace(b"CREATE TABLE", b"CREATE\xe5TABLE"))


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (_of_a_damaged_schema, "database '{file}' cannot be used: malformed database schema"),
        (_garbage, "database '{file}' cannot be used: file is not a database"),
        (_of_somebody_else, "database '{file}' is not a console's; expected a new file, or one that console-sim wrote"),
        (_of_views, "database '{file}' is not a console's; expected a new file, or one that console-sim wrote"),
        (_of_another_version, "database '{file}' has version 7; this console reads version 1: start the console that"),
        (_of_other_columns, "database '{file}' is not a console's; expected a new file"),
        (Path.mkdir, "database '{file}' cannot be opened: Is a directory"),
    ],
)
def test_unusable_file_is_refused(
    file: Path, capsys: pytest.CaptureFixture[str], prepare: Callable[[Path], None], told: str
) -> None:
    """A file that is not the console's own is named in one line."""
    prepare(file)
    code = main(["serve", "--port", "0", "--database", f"sqlite:///{file}"])
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"console-sim: {told.format(file=file)}")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("console.db", "invalid database URL 'console.db': expected the URL of an SQLite file, such as sqlite:///cons"),
        ("postgresql://ada:pw@db/x", "unsupported database 'postgresql://…': expected the URL of an SQLite file"),
        ("postgresql//ada:pw@db/x", "invalid database URL '…@db/x': expected the URL of an SQLite file"),
        ("sqlite://ada@x:pw@db:port/x", "invalid database URL '…@db:port/x': expected the URL of an SQLite file"),
        ("sqlite:///x?mode=ro", "unsupported database 'sqlite://…': expected the URL of an SQLite file"),
        ("sqlite:////none/console.db", "database '/none/console.db' cannot be opened: No such file or directory"),
        ("sqlite:///%00", "database '\\x00' cannot be opened: "),
    ],
)
def test_unusable_url_is_refused(capsys: pytest.CaptureFixture[str], url: str, told: str) -> None:
    """A URL that names no SQLite file is refused in one line without its password."""
    code = main(["serve", "--port", "0", "--database", url])
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"console-sim: {told}")


async def test_full_disk(file: Path, servicenow: StubServiceNow) -> None:
    """On a full disk nothing is acknowledged that is not kept: an error and one line in the log; later it goes on."""
    served = await serve("--database", f"sqlite:///{file}")
    async with calling(served, servicenow) as console:
        await console.set_up()
        asked = await console.ask()
        token, decision = await console.log_on(), console.decision(asked["request_id"])
        unlimited = resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (1, unlimited[1]))
        status, answer = await console.deliver(decision, token)
        assert (status, answer["Status"], answer["Messages"][0][:30]) == (
            500,
            "error",
            "the console's database failed:",
        )
        assert (await console.call("POST", "/__admin/approval-requests", {"metadata": {}}))[0] == 500
        assert (await console.request(asked["request_id"]))["state"] == "Pending"
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, unlimited)
        assert (await console.deliver(decision, token))[0] == 200
    complaints = (await served.stop()).splitlines()
    assert complaints == [f"database '{file}' failed: disk I/O error"]


async def test_database_that_fails_for_a_while(file: Path, servicenow: StubServiceNow) -> None:
    """What fails because of the database is attempted again, and ServiceNow gets each request once."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
    write(
        file,
        "CREATE TABLE failures (number INTEGER PRIMARY KEY)",
        "INSERT INTO failures VALUES (1), (2), (3), (4)",
        "CREATE TRIGGER fail BEFORE UPDATE ON document WHEN EXISTS (SELECT 1 FROM failures) BEGIN "
        "DELETE FROM failures WHERE number = (SELECT min(number) FROM failures); "
        "SELECT RAISE(FAIL, 'disk I/O error'); END",
    )
    async with console_on(file, servicenow) as console:
        assert not (await console.ask())["sent"]
        await console.advance(60 + 120 + 240)
        (request,) = (await console.admin("GET", "/approval-requests"))["approval_requests"]
        assert (request["sent"], request["last_error"]) == (True, "")
        assert len(servicenow.rows(REQUESTS)) == 1


async def test_reset_that_fails_changes_nothing(file: Path, servicenow: StubServiceNow) -> None:
    """A reset that the database refuses is answered with an error, and the console goes on as it was."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
        await console.ask()
    write(file, "CREATE TRIGGER fail BEFORE DELETE ON document BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END")
    async with console_on(file, servicenow) as console:
        token = await console.log_on()
        answer = await console.call("POST", "/__admin/reset")
        assert answer == (500, {"error": "the console's database failed: disk I/O error"})
        (request,) = (await console.admin("GET", "/approval-requests"))["approval_requests"]
        assert (await console.deliver(console.decision(request["request_id"]), token))[0] == 200


@pytest.mark.parametrize("ending", ["ABORT", "ROLLBACK"])  # SQLite ends a transaction itself, or leaves that to us
async def test_rename_that_fails_changes_nothing(file: Path, servicenow: StubServiceNow, ending: str) -> None:
    """A foreign system is renamed as a whole or not at all."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
    write(
        file,
        "CREATE TRIGGER fail BEFORE UPDATE ON document WHEN NEW.kind = 'webhook' "
        f"BEGIN SELECT RAISE({ending}, 'database or disk is full'); END",
    )
    async with console_on(file, servicenow) as console:
        change = {"name": "Other", "base_url": "http://localhost:1"}
        assert (await console.call("POST", "/__admin/foreign-system", change))[0] == 500
        assert (await console.admin("GET", "/foreign-system"))["name"] == "ServiceNow"
        assert (await console.ask())["sent"]


@pytest.mark.long
@pytest.mark.parametrize(
    "value",
    [
        "'{'",
        "5",
        "X'FF'",
        "CAST(X'FF' AS TEXT)",
        "replace(CAST(body AS TEXT), 'PolicyId', CAST(X'41FF42' AS TEXT))",
        "replace(CAST(body AS TEXT), 'Z\"', '\"')",  # moments without a time zone
        "replace(CAST(body AS TEXT), 'true', '\"maybe\"')",
    ],
)
async def test_a_spoilt_request_is_skipped_and_shown(file: Path, servicenow: StubServiceNow, value: str) -> None:
    """A document that somebody has spoilt is a finding, and no endpoint or page fails because of it."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
        spoilt, kept = [(await console.ask())["request_id"] for _ in range(2)]
    write(file, f"UPDATE document SET body = {value} WHERE key = '{spoilt}'")  # noqa: S608
    async with console_on(file, servicenow) as console:
        for request_id, status in ((spoilt, 404), (kept, 200)):
            assert (await console.call("GET", f"/__admin/approval-requests/{request_id}"))[0] == status
            path = f"/__admin/approval-requests/{request_id}/decide"
            assert (await console.call("POST", path, {"response": "Deny"}))[0] == status
        assert (await console.deliver(console.decision(spoilt)))[0] == 404
        for path in ("/", "/manage-approvals", "/__cockpit/approvals", "/__cockpit/deliveries"):
            async with console.session.get(console.url + path) as page:
                assert page.status == 200
        listed = (await console.admin("GET", "/approval-requests"))["approval_requests"]
        assert [each["request_id"] for each in listed] == [kept]
        (finding,) = (await console.admin("GET", "/findings"))["findings"]
        assert finding["rule"] == "unreadable-row"
        assert "of kind 'approval request'" in finding["message"]


@pytest.mark.long
@pytest.mark.parametrize("metadata", ["no JSON", "[]", '{"PolicyId": {}}'])
async def test_spoilt_metadata_is_left_out(file: Path, servicenow: StubServiceNow, metadata: str) -> None:
    """The request is there, and the page of all requests shows it without what was asked for."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
        request_id = (await console.ask())["request_id"]
    write(file, f"UPDATE document SET body = json_set(body, '$.metadata', '{metadata}') WHERE key = '{request_id}'")  # noqa: S608
    async with console_on(file, servicenow) as console:
        assert (await console.request(request_id))["metadata"] == metadata
        async with console.session.get(f"{console.url}/manage-approvals") as page:
            assert (page.status, request_id in await page.text()) == (200, True)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("api settings", "{"),
        ("api user", "{}"),
        ("credential", "[]"),
        ("foreign system", '{"name": 1}'),
        ("approval request", "{"),
    ],
)
async def test_a_console_starts_without_what_is_spoilt(
    file: Path, servicenow: StubServiceNow, caplog: pytest.LogCaptureFixture, kind: str, body: str
) -> None:
    """A document that cannot be read is skipped and logged; what else there is starts and is listed."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
        _, last = [(await console.ask())["request_id"] for _ in range(2)]
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE document SET body = ? WHERE kind = ? AND key != ?", [body, kind, last])
    async with console_on(file, servicenow) as console:
        for _ in range(2):
            listed = (await console.admin("GET", "/approval-requests"))["approval_requests"]
            assert listed[-1]["request_id"] == last
            assert len(listed) == 2 - (kind == "approval request")
            for path in ("/", "/manage-approvals"):
                async with console.session.get(console.url + path) as page:
                    assert page.status == 200
        assert (await console.call("POST", "/__admin/reset"))[0] == 204
        await console.set_up()
        assert (await console.ask())["sent"]
    logged = [record.message for record in caplog.records if record.name == "console_sim.database"]
    assert logged
    assert all(f"of kind '{kind}'" in each for each in logged)


async def test_requests_whose_foreign_system_is_lost_wait(file: Path, servicenow: StubServiceNow) -> None:
    """They say so, and the console goes on."""
    async with console_on(file, servicenow) as console:
        await console.set_up(use_webhook=False)
        request = await console.ask()
    write(file, "DELETE FROM document WHERE kind = 'foreign system'")
    async with console_on(file, servicenow) as console:
        path = f"/approval-requests/{request['request_id']}/decide"
        decided = await console.admin("POST", path, {"response": "Deny"})
        assert decided["last_error"] == "not sent: its foreign system does not exist any more"
        processes = (await console.admin("GET", "/approval-processes"))["approval_processes"]
        assert processes[-1]["server"] is None
