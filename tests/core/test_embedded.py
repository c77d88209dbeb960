"""Both servers in a test's own process: `MockServiceNow` and `ConsoleSim`."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from aiohttp import ClientSession, encode_basic_auth, web

from console_sim import ConsoleSim
from console_sim.errors import NotFoundError, StepFailedError
from mock_servicenow import MockServiceNow, Settings, SnapshotError
from mock_servicenow.blueprint import StartError
from privman_core.clock import Clock, ClockIsRealError
from privman_core.command_line import UsageError
from privman_core.embedded import NotRunningError
from privman_core.faults import FaultError
from privman_core.ids import Ids
from privman_core.streaming import answer_in_parts

INCIDENT = "/api/now/table/incident"


def _approve(servicenow: MockServiceNow, request_id: str) -> None:
    (request,) = servicenow.find("request", request_id=request_id)
    url = f"{servicenow.url}/api/now/table/x_thyti_thycotic_p_request/{request['sys_id']}"
    assert requests.patch(url, json={"status": "Approve"}, auth=servicenow.auth, timeout=30).status_code == 200


@pytest.mark.long
def test_an_approval_goes_round() -> None:
    """A console beside an instance is set up against it, and keeps its clock."""
    with MockServiceNow() as servicenow, ConsoleSim(servicenow=servicenow) as console:
        request_id = console.ask({"PolicyName": "Elevate installers"})
        assert console.approval(request_id)["state"] == "Pending"
        _approve(servicenow, request_id)
        servicenow.clock.settle()
        assert console.approval(request_id)["state"] == "Approved"
        assert [each["request_id"] for each in console.find(state="Approved")] == [request_id]
        (response,) = servicenow.find("response", request_id=request_id)
        assert response["response_status_code"] == "200"
        assert servicenow.findings == console.findings == []


def test_an_application_starts() -> None:
    """As `run` of the fixture: pending until somebody approves, then once."""
    report = {"UserName": "Jane Doe", "AgentName": "WS-0042", "FilePath": "setup.exe"}
    with MockServiceNow() as servicenow, ConsoleSim(servicenow=servicenow) as console:
        request_id = console.ask(report)
        assert (console.run(report)["outcome"], console.run(report)["request_id"]) == ("pending", request_id)
        _approve(servicenow, request_id)
        servicenow.clock.settle()
        assert [console.run(report)["outcome"] for _ in range(2)] == ["allowed", "asked"]


def test_time_is_moved_by_either() -> None:
    """A request that nobody decides times out on the clock that both keep."""
    with MockServiceNow() as servicenow, ConsoleSim(servicenow=servicenow) as console:
        request_id, before = console.ask({}), servicenow.clock.now()
        console.clock.advance(17 * 3600)
        assert servicenow.clock.now() - before == timedelta(hours=17)
        assert console.approval(request_id)["state"] == "TimedOut"
        assert servicenow.find("request", request_id=request_id)[0]["status"] == "TimedOut"


async def test_in_an_event_loop() -> None:
    """`async with` serves while the caller's own loop goes on."""
    async with MockServiceNow() as servicenow, ConsoleSim(servicenow=servicenow) as console, ClientSession() as session:
        request_id = console.ask({})
        auth = {"Authorization": encode_basic_auth(*servicenow.auth)}
        async with session.get(f"{servicenow.url}{INCIDENT}", headers=auth) as answer:
            assert answer.status == 200
        await servicenow.clock.advance_async(17 * 3600)
        await servicenow.clock.settle_async()
        assert console.approval(request_id)["state"] == "TimedOut"
        await servicenow.reset_async()
        assert servicenow.find("request") == servicenow.journal == []


def test_faults_strike_and_are_listed() -> None:
    """A fault is armed by name; one that no server knows is refused."""
    with MockServiceNow() as servicenow:
        number = servicenow.faults.arm("status", status=503, path="*/incident")
        assert servicenow.faults.armed[0]["number"] == number
        assert requests.get(f"{servicenow.url}{INCIDENT}", auth=servicenow.auth, timeout=30).status_code == 503
        assert servicenow.faults.armed == []
        servicenow.faults.arm("slow", seconds=5)
        servicenow.faults.clear()
        assert servicenow.faults.armed == []
        with pytest.raises(FaultError, match=r"'kind' is 'stauts' \(did you mean 'status'\?\)"):
            servicenow.faults.arm("stauts")


def test_journal_findings_and_reset() -> None:
    """What was swallowed is a finding of its exchange; a reset forgets both."""
    with MockServiceNow() as servicenow:
        params = {"sysparm_query": "no_such_column=1"}
        requests.get(f"{servicenow.url}{INCIDENT}", params, auth=servicenow.auth, timeout=30)
        (exchange,) = servicenow.journal
        assert (exchange["method"], exchange["status"]) == ("GET", 200)
        assert {(each["exchange"], each["kind"]) for each in servicenow.findings} == {(exchange["number"], "swallowed")}
        servicenow.reset()
        assert servicenow.journal == servicenow.findings == []


def test_snapshots_are_taken_and_restored() -> None:
    """Of each server; where both keep one clock, time returns with the first."""
    with MockServiceNow(seed=1) as servicenow, ConsoleSim(servicenow=servicenow, seed=2) as console:
        for each in (servicenow, console):
            each.snapshots.take("set-up")
        begun = console.clock.now()
        first = console.ask({"PolicyName": "Elevate installers"})
        console.clock.advance(60)
        for each in (servicenow, console):
            each.snapshots.restore("set-up")
        assert servicenow.find("request") == console.find() == servicenow.journal == []
        assert console.clock.now() == begun
        assert console.ask({"PolicyName": "Elevate installers"}) == first
        servicenow.snapshots.delete("set-up")
        assert (servicenow.snapshots.names, console.snapshots.names) == ([], ["set-up"])
        with pytest.raises(SnapshotError, match=r"unknown snapshot 'set-pu' \(did you mean 'set-up'\?\)"):
            console.snapshots.restore("set-pu")


async def test_snapshots_beside_a_loop_of_the_test() -> None:
    """They are awaited, as a reset is."""
    async with MockServiceNow() as servicenow, ConsoleSim(servicenow=servicenow) as console:
        await servicenow.snapshots.take_async("before")
        console.ask({"PolicyName": "Elevate installers"})
        await servicenow.snapshots.restore_async("before")
        assert servicenow.find("request") == []


def test_tables_of_the_platform_go_by_their_own_names() -> None:
    """`find` reads any table."""
    with MockServiceNow() as servicenow:
        assert [each["name"] for each in servicenow.find("sys_user", user_name="admin")] != []


def test_a_console_alone_is_set_up_by_hand() -> None:
    """Before the set-up it has no login; a step that fails is named."""
    with ConsoleSim() as console, MockServiceNow() as servicenow:
        with pytest.raises(NotFoundError, match="run the set-up first"):
            console.auth  # noqa: B018 - it raises
        with pytest.raises(StepFailedError, match="register: "):
            console.set_up(servicenow.url, "admin", "wrong")
        assert {step["status"] for step in console.set_up(servicenow.url, *servicenow.auth)} == {"ok"}
        login = dict(zip(("UserName", "Password"), console.auth, strict=True))
        answer = requests.post(f"{console.url}/Tms/services/api/logon/token", json=login, timeout=30)
        assert answer.status_code == 200


def test_real_time_does_not_jump() -> None:
    """A clock that is real says so."""
    with MockServiceNow(clock="real") as servicenow, pytest.raises(ClockIsRealError):
        servicenow.clock.advance(1)


def test_one_seed_gives_one_journal() -> None:
    """What is drawn follows the seed, in each run of the same server too."""
    served, drawn = MockServiceNow(seed=7), list[list[str]]()
    for _ in range(2):
        with served:
            requests.post(f"{served.url}{INCIDENT}", json={}, auth=served.auth, timeout=30)
            drawn.append([each["sys_id"] for each in served.find("incident")])
    assert drawn[0] == drawn[1]


def test_nothing_is_read_outside_of_the_block() -> None:
    """The error says what to do, for the server itself and for the one that a console is beside."""
    servicenow = MockServiceNow()
    with pytest.raises(NotRunningError, match="MockServiceNow is not running; use it in a 'with' block"):
        servicenow.url  # noqa: B018 - it raises
    with pytest.raises(NotRunningError), ConsoleSim(servicenow=servicenow):
        pass


@pytest.mark.long
def test_files_are_read_once_by_a_server(tmp_path: Path) -> None:
    """However often it starts, as a run of scenarios starts it again for each."""
    rows = tmp_path / "rows.yaml"
    rows.write_text("incident: [{short_description: A laptop is lost}]", encoding="utf-8")
    servicenow = MockServiceNow(Settings(data=(rows,)))
    for _ in range(2):
        with servicenow:
            assert len(servicenow.find("incident", short_description="A laptop is lost")) == 1
        rows.unlink(missing_ok=True)


async def test_settings_that_cannot_be_used_are_refused() -> None:
    """Nothing is left running."""
    unusable = MockServiceNow(Settings(release="no-such-release"))
    with pytest.raises(StartError), unusable:
        pass
    with pytest.raises(StartError):
        async with unusable:
            pass


def test_a_set_up_that_fails_ends_the_console() -> None:
    """The instance goes on."""
    with MockServiceNow() as servicenow:
        servicenow.faults.arm("status", status=403, times=None)
        with pytest.raises(StepFailedError), ConsoleSim(servicenow=servicenow):
            pass
        assert servicenow.faults.armed != []


async def _raise(_request: web.Request) -> web.Response:
    raise RuntimeError("the handler failed")


async def _cut_off(request: web.Request) -> web.StreamResponse:
    return await answer_in_parts(request, _parts())


async def _parts() -> AsyncGenerator[bytes]:
    yield b"[" + b"1," * 1_000_000
    raise RuntimeError("the list failed")


class FailingMock(MockServiceNow):
    """A mock with pages that fail."""

    def create(self, clock: Clock, ids: Ids) -> web.Application:
        """Add the pages."""
        return _failing(super().create(clock, ids))


class FailingConsole(ConsoleSim):
    """A console with pages that fail."""

    def create(self, clock: Clock, ids: Ids) -> web.Application:
        """Add the pages."""
        return _failing(super().create(clock, ids))


def _failing(app: web.Application) -> web.Application:
    app.add_routes([web.get("/fails", _raise), web.get("/cut-off", _cut_off)])
    return app


PRODUCTS: dict[str, type[MockServiceNow | ConsoleSim]] = {"mock_servicenow": FailingMock, "console_sim": FailingConsole}


def fail(product: str) -> None:
    """Let a page of the product fail before its answer, and another one midway."""
    with PRODUCTS[product]() as server:
        assert requests.get(f"{server.url}/fails", timeout=30).status_code == 500
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            requests.get(f"{server.url}/cut-off", timeout=30)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # it has threads, and is forked
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_forked_process_leaves_the_server_alone(product: str) -> None:
    """It cannot use the server's methods, which would wait for a thread that it has not, and ends without ending it."""
    with PRODUCTS[product]() as server:
        forked = os.fork()
        if not forked:
            signal.alarm(20)  # it would wait for ever
            with pytest.raises(NotRunningError, match=f"runs in process {os.getppid()}; call its url from here"):
                _ = server.journal
            server.__exit__(None, None, None)
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 7
        assert server.journal == []


def test_wrong_arguments_are_named() -> None:
    """A clock that does not exist would otherwise be a real one."""
    with pytest.raises(ValueError, match="clock is 'Virtual'; expected 'virtual' or 'real'"):
        MockServiceNow(clock="Virtual")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="expected a port from 0 to 65535"), MockServiceNow(port=70000):
        pass
    with MockServiceNow() as servicenow, pytest.raises(ValueError, match="table 'incident' has no column 'sate'"):
        servicenow.find("incident", sate="1")


@pytest.mark.parametrize("product", PRODUCTS)
def test_everything_is_logged_under_the_product(product: str, caplog: pytest.LogCaptureFixture) -> None:
    """What the web server and the core have to say, too."""
    fail(product)
    assert len(caplog.records) == 2
    assert {record.name.partition(".")[0] for record in caplog.records} == {product}


@pytest.mark.long
@pytest.mark.parametrize("product", PRODUCTS)
def test_logs_are_quiet_by_default(product: str) -> None:
    """A program that has not asked for logs sees none of ours."""
    run = subprocess.run([sys.executable, __file__, product], capture_output=True, check=True)  # noqa: S603 - our own words
    assert (run.stdout, run.stderr) == (b"", b"")


if __name__ == "__main__":
    fail(sys.argv[1])
