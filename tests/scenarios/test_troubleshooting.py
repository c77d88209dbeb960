"""Each message of the page for troubleshooting is provoked, in the order of the page, and reads as the page says."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import console_sim.cli
import mock_servicenow.app
import mock_servicenow.cli
import privman_scenarios.commands.cli
from console_sim import ConsoleSim
from mock_servicenow import MockServiceNow, Settings
from privman_core.clock import RealClock
from privman_core.ids import Ids
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_core.tls import issue_certificate

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^\| `(.+?)` \| ", PAGE, re.MULTILINE)
NOWHERE = "http://127.0.0.1:9"

ACT = "title: A denial\nsteps:\n  - console.ask:\n"
DENIAL = f"{ACT}  - servicenow.deny:\n  - console.expect-approval: Denied\n"
DECIDED = """
def test_it(servicenow, console):
    console.faults.arm(kind="status", path="*/approval/approve", status=400, times=None)
    request_id = console.ask({"PolicyName": "Elevate installers"})
    if %s:
        import requests
        [record] = servicenow.find("request", request_id=request_id)
        path = f"/api/now/table/x_thyti_thycotic_p_request/{record['sys_id']}"
        requests.patch(servicenow.url + path, json={"status": "Approve"}, auth=servicenow.auth)
    servicenow.decision(request_id).delivered()
"""
ASK = """
def test_it(console):
    console.ask({"PolicyName": "Elevate instalers"})
"""
CALL = """
import requests

def test_it(servicenow):
    requests.%s(servicenow.url + "/api/now/table/%s", json={"request_id": "1"}, auth=servicenow.auth)
"""
RESTRICTED = """
sys_properties:
  - {name: glide.authenticate.basic_auth.restriction.active, value: "true"}
  - {name: glide.authenticate.basic_auth.restriction.enforce, value: "true"}
"""
REFUSED = """
import pytest

@pytest.mark.servicenow(release="zurich", data=["rows.yaml"])
def test_it(console):
    pass
"""


class Place:
    """An empty folder where commands run in this process; each method returns what a command has printed."""

    def __init__(
        self,
        stack: ExitStack,
        pytester: pytest.Pytester,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        loop: LoopThread,
    ) -> None:
        self._stack = stack
        self._pytester = pytester
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self._loop = loop

    def play(self, *options: str, scenario: str = DENIAL, **environment: str) -> str:
        """Play a scenario."""
        (self._pytester.path / "denial.yaml").write_text(scenario)
        return self._print(privman_scenarios.commands.cli.main, ["run", "denial.yaml", *options], environment)

    def play_with(self, file: str, text: str, *options: str, **environment: str) -> str:
        """Play a scenario beside a file."""
        (self._pytester.path / file).write_text(text)
        return self.play(*options, **environment)

    def play_on(self, settings: Settings, *options: str, fault: str = "", **environment: str) -> str:
        """Play a scenario on a mock that already runs, in which a fault may be armed for good."""
        instance = self._stack.enter_context(MockServiceNow(settings))
        if fault:
            instance.faults.arm(fault, times=None)
        return self.play(
            "--servicenow-url", instance.url, *options, scenario=f"{ACT}  - clock.advance: 1 minute\n", **environment
        )

    def play_on_console(self) -> str:
        """Play a scenario on a console that already runs and knows no ServiceNow."""
        console = self._stack.enter_context(ConsoleSim())
        return self.play("--console-url", console.url)

    def play_on_https(self, scheme: str) -> str:
        """Play a scenario on a mock with a certificate of its own."""
        app = mock_servicenow.app.create_app(Settings(), clock=RealClock(), ids=Ids(0))
        served = serving(app, tls=issue_certificate("127.0.0.1", self._pytester.path / "ca.pem"))
        url = self._loop.run(served.__aenter__())
        self._stack.callback(lambda: self._loop.run(served.__aexit__(None, None, None)))
        return self.play("--servicenow-url", f"{scheme}://{urlsplit(url).netloc}")

    def play_on_http(self, scheme: str) -> str:
        """Play a scenario on a mock without TLS."""
        instance = self._stack.enter_context(MockServiceNow())
        return self.play("--servicenow-url", f"{scheme}://{urlsplit(instance.url).netloc}")

    def serve_where_another_does(self) -> str:
        """Start a mock at a port that is taken."""
        url = self._stack.enter_context(MockServiceNow()).url
        return self.serve("--port", str(urlsplit(url).port))

    def serve(self, *options: str) -> str:
        """Start a mock in vain."""
        return self._print(mock_servicenow.cli.main, ["serve", *options], {})

    def serve_with_tables(self, text: str) -> str:
        """Start a mock with tables that it refuses."""
        (self._pytester.path / "tables.yaml").write_text(text)
        return self.serve("--port", "0", "--tables", "tables.yaml")

    def set_up(self, *options: str) -> str:
        """Set up a console."""
        return self._print(console_sim.cli.main, ["setup", *options], {})

    def run_without_the_harness(self) -> str:
        """Run a command where a package cannot be imported."""
        (self._pytester.path / "re2.py").write_text("raise ModuleNotFoundError('none', name='re2')\n")
        command = [sys.executable, "-m", "privman_scenarios", "run"]
        environment = {**os.environ, "PYTHONPATH": str(self._pytester.path)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stderr  # noqa: S603 - our own command

    def test(self, text: str, *options: str) -> str:
        """Run a test of pytest."""
        self._pytester.makefile(".yaml", rows=RESTRICTED)
        self._pytester.makepyfile(text)
        result = self._pytester.runpytest_inprocess("-p", "no:asyncio", "-p", "no:cacheprovider", *options)
        return f"{result.stdout}\n{result.stderr}"

    def _print(self, main: Callable[[list[str]], int], arguments: list[str], environment: dict[str, str]) -> str:
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)
        try:
            code: object = main(arguments)
        except SystemExit as ended:
            code = ended.code
        assert code in {1, 2, 3}
        return "".join(self._capsys.readouterr())


URL = f'[servicenow]\nurl = "{NOWHERE}"\n'
CASES: Sequence[Callable[[Place], str]] = (
    lambda here: here.serve_where_another_does(),
    lambda here: here.serve("--host", "0.0.0.0"),
    lambda here: here.run_without_the_harness(),
    lambda here: here.set_up("--console-url", NOWHERE, "--servicenow-url", NOWHERE, "--servicenow-user", "admin"),
    lambda here: here.serve_with_tables("- name: incident\n  columns:\n    u_severity: {type: intger}\n"),
    lambda here: here.play("--servicenow-url", NOWHERE),
    lambda here: here.play_on_https("https"),
    lambda here: here.play_on_http("https"),
    lambda here: here.play_on_https("http"),
    lambda here: here.play_on(Settings(), SERVICENOW_PASSWORD="wrong"),
    lambda here: here.play_on(Settings(), fault="hibernating"),
    lambda here: here.play_on(Settings(), fault="rate-limited"),
    lambda here: here.play_on(Settings(admin_token="secret"), "--reset"),
    lambda here: here.play_on(Settings(admin_token="secret"), SERVICENOW_ADMIN_TOKEN="wrong"),
    lambda here: here.play_on(Settings(control_plane=False), "--reset"),
    lambda here: here.play_with("privman.toml", "[profiles.test]\n", "--profile", "tset"),
    lambda here: here.play_with("privman.toml", '[servicenow]\nurll = ""\n'),
    lambda here: here.play_with("privman.toml", f'{URL}password-variable = "TEST_PASSWORD"\n'),
    lambda here: here.play(SERVICENOW_URL=""),
    lambda here: here.play_with("ours.yaml", "keys: {decision: {Coment: Reason}}\n", "--inferred", "ours.yaml"),
    lambda here: here.play(scenario=DENIAL.replace("deny", "dney")),
    lambda here: here.play(scenario=DENIAL.replace("ask:", "ask: {metadata: {PolicyName: Elevate instalers}}")),
    lambda here: here.play(scenario=DENIAL.replace("deny:", 'deny: {comment: "${env.GROUP}"}')),
    lambda here: here.play(scenario=ACT),
    lambda here: here.play("-k", "none"),
    lambda here: here.play_on(Settings()),
    lambda here: here.play_on_console(),
    lambda here: here.play_on(Settings()),
    lambda here: here.test("", "-p", "no:privman", "--privman-strict"),
    lambda here: here.test(CALL % ("post", "x_thyti_thycotic_p_request")),
    lambda here: here.test(CALL % ("get", "incident?sysparm_query=nam=1"), "--privman-strict"),
    lambda here: here.test(REFUSED),
    lambda here: here.test(DECIDED % False),
    lambda here: here.test(DECIDED % True),
    lambda here: here.test(ASK),
)


@pytest.fixture
def here(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    privman_loop: LoopThread,
) -> Iterator[Place]:
    """Give an empty folder; what it has started ends with the test."""
    with ExitStack() as stack:
        yield Place(stack, pytester, monkeypatch, capsys, privman_loop)


@pytest.mark.long
@pytest.mark.parametrize(("message", "provoke"), [*zip(MESSAGES, CASES, strict=True)], ids=range(len(CASES)))
def test_the_message_is_met(message: str, provoke: Callable[[Place], str], here: Place) -> None:
    """Word by word, but for what … stands for."""
    printed = provoke(here)
    pattern = ".*".join(map(re.escape, message.split("…")))
    assert re.search(pattern, " ".join(printed.split())), f"{message}\n\n{printed}"
