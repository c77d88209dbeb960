"""``privman-scenarios load``: Locust against both fakes, and the checks of what arrived."""

import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import requests

from privman_core.loop_thread import LoopThread
from privman_scenarios.analysis.load_outcome import judge
from privman_scenarios.commands.cli import main
from tests.preloaded import start

# Ends the run with the first decision.
BRIEF = """
import gevent
from locust import events
from privman_scenarios.load_users import Approver, EndpointUser
@events.init.add_listener
def begin(environment, **_):
    @environment.events.request.add_listener
    def end(name, **_):
        if name == "decide":
            gevent.spawn(environment.runner.quit)
"""
RUN = ("--users", "3", "--spawn-rate", "3", "--run-time", "60s", "--locustfile", "brief.py")
HEADINGS = "Name,Request Count,Failure Count,Requests/s,50%,95%\n"
# Deletes the requests that it has made, as nobody must.
VANDAL = """
import os
import gevent
import requests
from privman_scenarios import load_users
TABLE = os.environ["SERVICENOW_URL"] + "/api/now/table/x_thyti_thycotic_p_request"
AUTH = (os.environ["SERVICENOW_USER"], os.environ["SERVICENOW_PASSWORD"])
class Vandal(load_users.EndpointUser):
    def on_start(self):
        super().on_start()
        for _ in range(2):
            self.ask()
        for record in requests.get(TABLE, auth=AUTH).json()["result"]:
            requests.delete(TABLE + "/" + record["sys_id"], auth=AUTH)
        gevent.spawn(self.environment.runner.quit)
"""


@asynccontextmanager
async def serving(*options: str, **environment: str) -> AsyncIterator[list[str]]:
    """Serve both fakes, and give the options that name them."""
    async with AsyncExitStack() as stack:
        named = []
        for option, command in (("--servicenow-url", "mock-servicenow"), ("--console-url", "console-sim")):
            process = await start(command, "serve", "--port", "0", *options, environment=environment)
            stack.push_async_callback(process.wait)
            stack.callback(process.terminate)
            named += [option, (await process.line()).split()[2]]
        yield named


@pytest.fixture
def targets(privman_loop: LoopThread) -> Iterator[list[str]]:
    """Two fakes that already run, and demand tokens."""
    opened = serving(MOCK_SERVICENOW_ADMIN_TOKEN="one", CONSOLE_SIM_ADMIN_TOKEN="two")
    yield privman_loop.run(opened.__aenter__())
    privman_loop.run(opened.__aexit__(None, None, None))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in a folder of one's own, with the tokens of the targets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVICENOW_ADMIN_TOKEN", "one")
    monkeypatch.setenv("CONSOLE_ADMIN_TOKEN", "two")
    (tmp_path / "brief.py").write_text(BRIEF)
    (tmp_path / "vandal.py").write_text(VANDAL)
    return tmp_path


def test_a_run_starts_both_fakes_and_checks_what_arrived(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Both obey the settings, each decision arrives once, and the statistics are there to compare."""
    (folder / "tables.yaml").write_text("[{name: incident, columns: {u_site: {type: string}}}]\n")
    (folder / "inferred.yaml").write_text("tables: {request: u_approvals}\n")
    settings = ["--tables", "tables.yaml", "--inferred", "inferred.yaml", "--release", "yokohama"]
    assert main(["load", *settings, *RUN, "--csv", "one"]) == 0
    out, err = capfd.readouterr()
    assert out.endswith("decisions: each arrived once\n")
    assert "Traceback" not in err
    assert main(["load", "compare", "one", "one"]) == 0
    assert "Aggregated" in capfd.readouterr().out


async def test_a_master_and_its_worker_use_targets_that_demand_tokens() -> None:
    """The worker makes the requests, the master checks; and the worker ends with it."""
    port = free_port()
    async with serving(MOCK_SERVICENOW_ADMIN_TOKEN="one", CONSOLE_SIM_ADMIN_TOKEN="two") as targets:
        worker = await start(
            "privman-scenarios", "load", *targets, "--worker", "--master-port", port, "--locustfile", "brief.py"
        )
        master = await start(
            "privman-scenarios", "load", *targets, "--master", "--expect-workers", "1", "--master-port", port, *RUN
        )
        out, err = await master.communicate()
        await worker.communicate()
    assert (master.returncode, worker.returncode) == (0, 0), err.decode()
    assert out.decode().endswith("decisions: each arrived once\n")
    assert "one" not in out.decode().replace("once", "")


def free_port() -> str:
    """Return a port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


async def test_locusts_web_page_is_served_until_an_interrupt() -> None:
    """The page answers, and both fakes end with the command."""
    port = free_port()
    process = await start("privman-scenarios", "load", "--web", "--web-port", port)
    while not answers(int(port)):
        assert process.returncode is None
    process.send_signal(2)
    await process.communicate()
    assert process.returncode == 130


def answers(port: int) -> bool:
    """Return whether the page is there."""
    try:
        return requests.get(f"http://127.0.0.1:{port}/", timeout=10).ok
    except requests.ConnectionError:
        return False


def test_a_lost_request_fails_the_run(targets: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Each is named, and the exit code is 1."""
    code = main(["load", *targets, "--patience", "1", "--locustfile", "vandal.py", "--run-time", "60s"])
    out = capfd.readouterr().out
    assert code == 1
    assert "ServiceNow has 0 records of it, expected 1\n" in out
    assert " failures\n" in out


@pytest.mark.parametrize(
    ("state", "statuses", "attempts", "broken"),
    [
        ("Approved", ["Approve"], [500, None, 200], []),
        ("Pending", ["Pending"], [], []),
        ("Pending", [], [], ["ServiceNow has 0 records of it, expected 1"]),
        ("Approved", ["Approve", "Approve"], [200], ["ServiceNow has 2 records of it, expected 1"]),
        ("Pending", ["Deny"], [500], ["has 'Deny', the console 'Pending'", "arrived 0 times, expected once"]),
        ("Approved", ["Approve"], [200, 200], ["arrived 2 times, expected once"]),
    ],
)
def test_what_did_not_arrive_once(
    state: str, statuses: Sequence[str], attempts: Sequence[int | None], broken: Sequence[str]
) -> None:
    """A decision arrives once, whatever it takes, and both parties agree on it."""
    records = [{"request_id": "r", "status": status} for status in statuses]
    delivery = {"request_id": "r", "attempts": [{"status": each} for each in attempts]}
    outcome = judge([{"request_id": "r", "state": state}], records, [delivery])
    assert len(outcome.broken) == len(broken)
    assert all(part in line for part, line in zip(broken, outcome.broken, strict=True))


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("ask,10,0,5,100,219\nAggregated,10,0,5,100,219\n", 0),
        ("ask,10,0,5,100,241\nAggregated,10,0,5,100,219\n", 1),
        ("ask,10,1,5,100,200\nAggregated,10,0,5,100,219\n", 1),
        ("other,10,0,5,100,N/A\nAggregated,10,0,5,100,219\n", 1),
        ("ask,0,0,5,100,200\nmore,1,0,5,1,1\nAggregated,10,0,5,100,219\n", 0),
    ],
)
def test_two_runs_are_compared(folder: Path, new: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A request that fails more, is slower than allowed or is missing makes the second run worse."""
    (folder / "a_stats.csv").write_text(f"{HEADINGS}ask,10,0,5,100,200\nAggregated,10,0,5,100,200\n")
    (folder / "b_stats.csv").write_text(HEADINGS + new)
    assert main(["load", "compare", "a", "b"]) == code
    assert ("worse" in capsys.readouterr().out) is bool(code)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["compare", "a"], 2, "invalid arguments 'compare a'. Expected none, or 'compare A B'."),
        (["compare", "a", "b"], 2, "a_stats.csv: no such file or directory"),
        (["--servicenow-url", "http://127.0.0.1:1"], 2, "load requires --servicenow-url and --console-url, or neither"),
        (["--worker"], 2, "a worker requires both"),
        (["--release", "nosuch"], 2, "release is 'nosuch'"),
        (["--tables", "missing.yaml"], 2, "missing.yaml"),
        (["--data", "missing.yaml"], 2, "missing.yaml"),
        (
            ["--servicenow-url", "http://127.0.0.1:1", "--console-url", "http://127.0.0.1:1", "--release", "zurich"],
            2,
            "--release is about the mock",
        ),
        (["--servicenow-url", "http://127.0.0.1:1", "--console-url", "http://127.0.0.1:1"], 3, "could not be reached"),
    ],
)
def test_what_cannot_run(arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is one line, before anything is sent."""
    assert main(["load", *arguments]) == code
    err = capsys.readouterr().err
    assert said.lower() in err.lower()
    assert err.count("\n") == 1


def test_a_file_that_locust_has_not_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named."""
    (folder / "a_stats.csv").write_text("no statistics\n1\n")
    assert main(["load", "compare", "a", "a"]) == 2
    assert "a_stats.csv: not Locust's statistics. Expected the --csv of an earlier run." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--clock", "virtual"], 2, "keeps virtual time. Expected a server with --clock real."),
        (["--no-admin"], 2, "has no control plane. Expected a fake, and its token if it has one."),
    ],
)
async def test_targets_that_are_not_fakes_in_real_time(
    options: list[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are refused before any load."""
    monkeypatch.delenv("SERVICENOW_ADMIN_TOKEN")
    async with serving(*options) as targets:
        process = await start("privman-scenarios", "load", *targets)
        _, err = await process.communicate()
    assert (process.returncode, said in err.decode()) == (code, True)


def test_a_user_without_a_password(
    targets: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Load logs in with Basic authentication only."""
    monkeypatch.setenv("SERVICENOW_AUTH", "api-key")
    monkeypatch.setenv("SERVICENOW_API_KEY", "key")
    assert main(["load", *targets]) == 2
    assert "load cannot log in with" in capsys.readouterr().err


def test_a_set_up_that_fails(
    targets: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The steps that failed are shown."""
    monkeypatch.setenv("SERVICENOW_INTEGRATION_USER", "nobody")
    monkeypatch.setenv("SERVICENOW_INTEGRATION_PASSWORD", "wrong")
    assert main(["load", *targets]) == 3
    err = capsys.readouterr().err
    assert "the set-up to succeed" in err
    assert err.count("\n") == 1


def test_a_fake_that_does_not_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named."""
    (folder / "mock_servicenow.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    assert main(["load"]) == 3
    assert capsys.readouterr().err == "privman-scenarios: mock_servicenow did not start.\n"


def test_locust_is_an_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without it the command names the extra."""
    monkeypatch.setitem(sys.modules, "locust", None)
    assert main(["load"]) == 2
    assert "expected the extra 'mock-servicenow[load]'" in capsys.readouterr().err
