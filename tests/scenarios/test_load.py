"""``privman-scenarios load``: Locust against both fakes, and the checks of what arrived."""

import csv
import re
import socket
import ssl
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from aiohttp import web

import console_sim.app
import mock_servicenow.app
from privman_core.clock import Clock, RealClock
from privman_core.ids import Ids
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock
from privman_scenarios.analysis.acknowledged import Acknowledged
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
LONG = ("--run-time", "10m")
"""Longer than any run takes, which ends itself."""
RUN = ("--users", "4", "--spawn-rate", "4", *LONG, "--locustfile", "brief.py")
INFERRED = """
tables: {request: u_approvals}
columns: {request: {status: u_status}}
words: {request_status: {pending: New}}
"""
HEADINGS = "Name,Request Count,Failure Count,Requests/s,50%,95%\n"
# Deletes a request that has been decided, and empties the console, as nobody must; ends when the master knows.
VANDAL = """
import os
import gevent
import requests
from locust import events
from locust.exception import StopUser
from privman_scenarios import load_users
TABLE = os.environ["SERVICENOW_URL"] + "/api/now/table/x_thyti_thycotic_p_request"
ADMIN = ("admin", "admin")
class Vandal(load_users.EndpointUser):
    def on_start(self):
        super().on_start()
        for _ in range(2):
            self.ask()
        approver = load_users.Approver(self.environment)
        approver.on_start()
        approver.decide()
        for record in requests.get(TABLE, auth=ADMIN).json()["result"]:
            if record["status"] != "Pending":
                requests.delete(TABLE + "/" + record["sys_id"], auth=ADMIN)
        token = {"X-Admin-Token": os.environ["CONSOLE_ADMIN_TOKEN"]}
        requests.post(load_users.CONSOLES[0] + "/__admin/reset", headers=token).raise_for_status()
        raise StopUser
@events.init.add_listener
def begin(environment, **_):
    @environment.events.worker_report.add_listener
    def end(data, **_):
        if data["acknowledged"]["decisions"]:
            gevent.spawn(environment.runner.quit)
"""
# Asks for Locust's page as soon as it is served.
WEB = """
import gevent
import requests
from locust import events
from privman_scenarios.load_users import EndpointUser
@events.init.add_listener
def begin(environment, web_ui, **_):
    gevent.spawn(lambda: print(requests.get(f"http://127.0.0.1:{web_ui.port}/").status_code, flush=True))
"""
SECRET = "secret-of-the-client-0123"
OAUTH = f"oauth_entity: [{{name: Client, client_id: load, client_secret: {SECRET}, user: System Administrator}}]\n"
ONE = "--servicenow-url http://127.0.0.1:1"
TWO = f"{ONE} --console-url http://127.0.0.1:2"
Serve = Callable[..., str]


@pytest.fixture
def serve(privman_loop: LoopThread) -> Iterator[Serve]:
    """Serves an application, which is created with the clock, and gives its address."""
    with ExitStack() as ends:

        def serve(create: Callable[[Clock], web.Application], clock: Clock | None = None, **options: object) -> str:
            kept = clock or RealClock()
            served = serving(create(kept), **options)  # type: ignore[arg-type]
            url = privman_loop.run(served.__aenter__())
            ends.callback(lambda: privman_loop.run(kept.aclose()))
            ends.callback(lambda: privman_loop.run(served.__aexit__(None, None, None)))
            return url

        yield serve


def mock(**settings: object) -> Callable[[Clock], web.Application]:
    """Return what creates a mock."""
    given = mock_servicenow.Settings(**settings)  # type: ignore[arg-type]
    return lambda clock: mock_servicenow.app.create_app(given, clock=clock, ids=Ids())


def simulator(**settings: object) -> Callable[[Clock], web.Application]:
    """Return what creates a console."""
    given = console_sim.Settings(**settings)  # type: ignore[arg-type]
    return lambda clock: console_sim.app.create_app(given, clock=clock, ids=Ids())


@pytest.fixture
def targets(serve: Serve) -> list[str]:
    """Two fakes that already run, and demand tokens."""
    servicenow, console = serve(mock(admin_token="one")), serve(simulator(admin_token="two"))
    return ["--servicenow-url", servicenow, "--console-url", console]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in a folder of one's own, with the tokens of the targets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVICENOW_ADMIN_TOKEN", "one")
    monkeypatch.setenv("CONSOLE_ADMIN_TOKEN", "two")
    files = {"brief": BRIEF, "vandal": VANDAL, "web": WEB, "broken": "import nowhere\n", "empty": ""}
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "tables.yaml").write_text("[]\n")
    return tmp_path


@pytest.mark.long
def test_a_run_starts_both_fakes_and_checks_what_arrived(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Both obey the settings, each decision arrives once, and the statistics are there to compare."""
    # No variable can name such a file.
    (folder / "a::b.yaml").write_text("[{name: incident, columns: {u_site: {type: string}}}]\n")
    (folder / "inferred.yaml").write_text(INFERRED)
    settings = ["--tables", "a::b.yaml", "--inferred", "inferred.yaml", "--release", "yokohama", "--patience", "60"]
    assert main(["load", *settings, *RUN, "--csv", "new/one"]) == 0
    out, err = capfd.readouterr()
    assert out.endswith(" refused (403): each arrived once\n")
    assert "Traceback" not in err
    assert counts_of_file(folder / "new" / "one_stats.csv") == counts_of_table(err)
    assert main(["load-compare", "new/one", "new/one"]) == 1  # so short a run proves nothing
    assert "Aggregated" in capfd.readouterr().out


def counts_of_table(printed: str) -> dict[str, str]:
    """Return the number of requests of each name in the table that Locust prints at the end."""
    return {row[1]: row[2] for row in re.finditer(r"^\S* +(\w+) +(\d+) +\d+\(", printed, re.MULTILINE)}


def counts_of_file(file: Path) -> dict[str, str]:
    """Return the same of the file that Locust writes."""
    with file.open(newline="", encoding="utf-8") as opened:
        return {row["Name"]: row["Request Count"] for row in csv.DictReader(opened)}


@pytest.mark.long
def test_consoles_and_users_behind_mutual_tls_and_oauth(
    folder: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each console registers itself; users show the certificate and log in with a token, as the consoles need not."""
    (folder / "rows.yaml").write_text(OAUTH)
    url = serve(mock(data=(folder / "rows.yaml",), admin_token="one"), tls=mutual_tls(folder))
    log_in = {
        "AUTH": "password-grant",
        "CLIENT_ID": "load",
        "CLIENT_SECRET": SECRET,
        "USER": "admin",
        "PASSWORD": "admin",
    }
    for name, value in log_in.items():
        monkeypatch.setenv(f"SERVICENOW_{name}", value)
    tls = ["--ca-file", "ca.pem", "--servicenow-cert", "client.pem"]
    assert main(["load", "--servicenow-url", url, *tls, "--consoles", "2", *RUN]) == 0
    out, err = capfd.readouterr()
    assert " requests of 2 consoles, " in out
    assert out.endswith(" refused (403): each arrived once\n")
    assert " log in " in err
    assert SECRET not in out + err


def mutual_tls(folder: Path) -> ssl.SSLContext:
    """Return TLS that demands the certificate in ``client.pem``; ``ca.pem`` is to be trusted."""
    servers, clients = trustme.CA(), trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    servers.issue_cert("127.0.0.1").configure_cert(context)
    clients.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    servers.cert_pem.write_to_path(folder / "ca.pem")
    clients.issue_cert("load@example.com").private_key_and_cert_chain_pem.write_to_path(folder / "client.pem")
    return context


@pytest.mark.long
async def test_a_master_judges_what_users_of_its_workers_were_told(targets: list[str], folder: Path) -> None:
    """The worker makes the requests; what was acknowledged and lost is named, and the exit code is 1."""
    port = free_port()
    shared = [*targets, "--master-port", port, "--locustfile", "vandal.py"]
    worker = await start("privman-scenarios", "load", *shared, "--worker", "--processes", "1")
    of_master = ("--master", "--expect-workers", "1", "--patience", "1", "--csv", "run", *LONG)
    master = await start("privman-scenarios", "load", *shared, *of_master)
    out, err = await master.communicate()
    await worker.communicate()
    said = out.decode()
    assert (master.returncode, worker.returncode) == (1, 0), err.decode()
    assert said.count(": a console acknowledged it and has no such request\n") == 2
    assert said.count(": ServiceNow has 0 records of it, expected 1\n") == 1
    assert said.count(" and has no such record\n") == 1
    assert said.endswith("2 requests, 0 decisions, 0 refused (403): 4 failures\n")
    assert "two" not in said
    counts = counts_of_table(err.decode())
    assert counts["Aggregated"] != "0"
    assert counts_of_file(folder / "run_stats.csv") == counts


def free_port() -> str:
    """Return a port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


@pytest.mark.long
async def test_locusts_web_page_is_served_until_an_interrupt() -> None:
    """The page answers, and both fakes end with the command."""
    process = await start("privman-scenarios", "load", "--web", "--web-port", free_port(), "--locustfile", "web.py")
    assert await process.line() == "200"
    process.send_signal(2)
    await process.communicate()
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("states", "statuses", "attempts", "acknowledged", "broken"),
    [
        (["Approved"], ["Approve"], [500, None, 200], ["Approve"], []),
        (["Pending"], ["Pending"], [], [], []),
        ([], ["Pending"], [], [], ["a console acknowledged it and has no such request"]),
        (["Pending"], [], [], [], ["ServiceNow has 0 records of it, expected 1"]),
        (["Approved"], ["Approve", "Approve"], [200], [], ["ServiceNow has 2 records of it, expected 1"]),
        (["Pending"], ["Deny"], [500], ["Deny"], ["has 'Deny', the console 'Pending'", "arrived 0 times, expected 1"]),
        (["Denied"], ["Pending"], [], [], ["ServiceNow has 'Pending', the console 'Denied'"]),
        (["Pending"], ["Pending"], [200], [], ["a decision arrived 1 times, expected 0"]),
        (["Approved"], ["Approve"], [200, 200], ["Approve"], ["a decision arrived 2 times, expected 1"]),
        (["Pending"], ["Pending"], [], ["Deny"], ["ServiceNow acknowledged 'Deny' and has 'Pending'"]),
        (["Approved"], ["Approve"], [200], ["Approve", "Deny"], ["ServiceNow acknowledged 'Deny' and has 'Approve'"]),
        ([], [], [], ["Deny"], ["acknowledged it", "has 0 records", "acknowledged 'Deny' and has no such record"]),
    ],
)
def test_what_did_not_arrive_once(
    states: Sequence[str],
    statuses: Sequence[str],
    attempts: Sequence[int | None],
    acknowledged: Sequence[str],
    broken: Sequence[str],
) -> None:
    """A decision arrives once, whatever it takes, and both parties have what they acknowledged."""
    outcome = judge(
        [{"request_id": "r", "state": state} for state in states],
        [{"sys_id": "s", "request_id": "r", "status": status} for status in statuses],
        [{"request_id": "r", "attempts": [{"status": each} for each in attempts]}],
        Acknowledged(["r"], [("s", each) for each in acknowledged], late=2),
    )
    assert outcome.late == 2
    assert len(outcome.broken) == len(broken)
    assert all(part in line for part, line in zip(broken, outcome.broken, strict=True))


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        ("ask,500,0,5,100,219\nAggregated,500,0,5,100,219\n", ""),
        ("ask,500,0,5,100,241\nAggregated,500,0,5,100,219\n", "slower"),
        ("ask,499,0,5,100,241\nAggregated,500,0,5,100,219\n", "too few"),
        ("ask,500,1,5,100,200\nAggregated,500,0,5,100,219\n", "more fail"),
        ("ask,10,1,5,100,200\nAggregated,500,0,5,100,219\n", "more fail"),
        ("other,500,0,5,100,N/A\nAggregated,500,0,5,100,219\n", "missing"),
        ("ask,0,0,5,100,200\nmore,1,0,5,1,1\nAggregated,500,0,5,100,219\n", "too few"),
    ],
)
def test_two_runs_are_compared(folder: Path, new: str, verdict: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A request that fails more, is slower than allowed or is missing makes the second run worse."""
    (folder / "a_stats.csv").write_text(f"{HEADINGS}ask,500,0,5,100,200\nAggregated,500,0,5,100,200\n")
    (folder / "b_stats.csv").write_text(HEADINGS + new)
    assert main(["load-compare", "a", "b_stats.csv"]) == (verdict in {"slower", "more fail", "missing"})
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("ask "))
    assert row.endswith(verdict or "5.0 → 5.0")


def test_short_runs_are_not_judged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A percentile of few requests is noise; a gate that judges nothing does not hold."""
    for name, slow in (("a", 100), ("b", 900)):
        (folder / f"{name}_stats.csv").write_text(f"{HEADINGS}ask,499,0,5,9,{slow}\nAggregated,499,0,5,9,{slow}\n")
    assert main(["load-compare", "a", "b"]) == 1
    out = capsys.readouterr().out
    assert (out.count("too few"), out.count("slower")) == (2, 0)
    assert out.endswith("\nTimes are compared from 500 requests in both runs (--min-requests); run longer.\n")
    assert main(["load-compare", "a", "a", "--min-requests", "499"]) == 0
    capsys.readouterr()
    assert main(["load-compare", "a", "b", "--min-requests", "499"]) == 1
    limit = "\nslower: the 95th percentile grew by more than 20 percent (--max-slower).\n"
    assert capsys.readouterr().out.endswith(limit)


@pytest.mark.long
def test_statistics_stay_where_a_run_cannot_begin(folder: Path) -> None:
    """Those of the last run are overwritten by the next one alone."""
    file = folder / "one_stats.csv"
    file.write_text(HEADINGS)
    assert main(["load", "--csv", "one", "--locustfile", "broken.py"]) == 2
    assert file.read_text() == HEADINGS


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--run-time 5q --csv run", "Locust: argument -t/--run-time: Invalid time span format."),
        ("--locustfile broken.py", "/broken.py:1: ModuleNotFoundError: No module named 'nowhere'"),
        ("--locustfile missing.py", "missing.py: no such file or directory"),
        ("--csv empty.py/run", "empty.py: file exists"),
        ("--web-port 9000", "--web-port requires --web."),
        ("--master-port 9000", "--master-port requires --master or --worker."),
        (f"{TWO} --worker --run-time 9s", "--worker and --run-time exclude each other."),
        (f"{TWO} --consoles 2", "--consoles is how many consoles to start"),
        (f"{TWO} --release zurich", "--release is about the mock"),
        (f"{TWO} --tables tables.yaml", "--tables is about the mock"),
        (f"{ONE} --worker", "--worker requires --servicenow-url and --console-url"),
        ("--master", "--master requires --servicenow-url and --console-url"),
    ],
)
def test_what_cannot_run(arguments: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is one line, before anything is sent or written."""
    assert main(["load", *arguments.split()]) == 2
    err = capsys.readouterr().err
    assert said.lower() in err.lower()
    assert err.count("\n") == 1
    assert not [*folder.glob("*.csv")]


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """It is named before anything is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["load", "--web", "--web-port", str(taken.getsockname()[1])]) == 2
    assert "cannot listen on 127.0.0.1:" in capsys.readouterr().err


def test_a_file_that_locust_has_not_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named, as is one that is missing."""
    (folder / "a_stats.csv").write_text("no statistics\n1\n")
    assert main(["load-compare", "a", "a"]) == 2
    assert "a_stats.csv: not Locust's statistics. Expected the --csv of an earlier run." in capsys.readouterr().err
    assert main(["load-compare", "b", "a"]) == 2
    assert "b_stats.csv: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("control_plane", "clock", "said"),
    [
        (True, VirtualClock(), "keeps virtual time. Expected a server with --clock real."),
        (False, RealClock(), "has no control plane. Expected a fake."),
    ],
)
def test_a_target_that_is_not_a_fake_in_real_time(
    serve: Serve, clock: Clock, said: str, capsys: pytest.CaptureFixture[str], *, control_plane: bool
) -> None:
    """It is refused before any load."""
    url = serve(mock(control_plane=control_plane, admin_token="one"), clock)
    assert main(["load", "--servicenow-url", url]) == 2
    assert said in capsys.readouterr().err


def test_a_target_that_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """It is one line."""
    assert main(["load", *TWO.split()]) == 3
    assert "could not be reached" in capsys.readouterr().err


def test_a_log_in_without_a_password(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The console needs one, whatever way the users log in."""
    monkeypatch.setenv("SERVICENOW_AUTH", "api-key")
    monkeypatch.setenv("SERVICENOW_API_KEY", "key")
    assert main(["load", *ONE.split()]) == 2
    assert "and a password (SERVICENOW_INTEGRATION_PASSWORD or " in capsys.readouterr().err


@pytest.mark.long
def test_a_set_up_that_fails(
    folder: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The steps that failed are shown."""
    (folder / "rows.yaml").write_text("sys_user: [{user_name: weak, user_password: weak}]\n")
    monkeypatch.setenv("SERVICENOW_INTEGRATION_USER", "weak")
    monkeypatch.setenv("SERVICENOW_INTEGRATION_PASSWORD", "weak")
    url = serve(mock(data=(folder / "rows.yaml",), admin_token="one"))
    assert main(["load", "--servicenow-url", url]) == 3
    err = capsys.readouterr().err
    assert "the set-up to succeed" in err
    assert err.count("\n") == 1


@pytest.mark.long
def test_an_instance_with_other_names(folder: Path, serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody could say what became of its requests, so nothing is set up."""
    (folder / "rows.yaml").write_text("x_thyti_thycotic_p_request: [{request_id: old}]\n")
    (folder / "inferred.yaml").write_text("columns: {request: {status: u_status}}\n")
    url = serve(mock(data=(folder / "rows.yaml",), admin_token="one"))
    assert main(["load", "--servicenow-url", url, "--inferred", "inferred.yaml"]) == 2
    assert (
        "lists requests without 'u_status'. Expected the names of that instance in --inferred."
        in capsys.readouterr().err
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        ("", 3, ["mock_servicenow did not start."]),
        ("import sys; sys.exit('crashed')", 3, ["crashed", "mock_servicenow did not start."]),
        ("import sys; print(*sys.argv[1:], file=sys.stderr); sys.exit(2)", 2, ["serve --port 0 --release=zurich"]),
        (
            "import sys; print('it serves http://127.0.0.1:0', flush=True); sys.exit('crashed')",
            3,
            ["crashed", "expected an answer with a list of records"],
        ),
    ],
)
def test_a_mock_that_fails(  # noqa: PLR0913, PLR0917 - fixtures
    folder: Path,
    program: str,
    code: int,
    said: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The error names it, or the option that it cannot use; nothing that it wrote to standard error is lost."""
    (folder / "mock_servicenow.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    assert main(["load", "--release", "zurich"]) == code
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(said)
    assert all(line.startswith(f"privman-scenarios: {text}") for line, text in zip(lines, said, strict=True))


def test_locust_is_an_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without it the command names the extra."""
    monkeypatch.setitem(sys.modules, "locust", None)
    assert main(["load"]) == 2
    assert "expected the extra 'mock-servicenow[load]'" in capsys.readouterr().err
