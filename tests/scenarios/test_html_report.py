"""The report as one page: its diagrams, its steps and its tables."""

import json
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from console_sim import Settings as ConsoleSettings
from privman_contracts import WireNames
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios import WorldFixture
from privman_scenarios.analysis.coverage import Coverage, CoveredItem
from privman_scenarios.commands.cli import main
from privman_scenarios.commands.reports.html import html
from privman_scenarios.commands.reports.sequence import DiagramMessage, sequence
from privman_scenarios.language.model import Scenario, Step
from privman_scenarios.playing.events import (
    Event,
    Failure,
    JournalsRead,
    RunStarted,
    ScenarioEnded,
    StepFailed,
    StepPassed,
)

from .recorded_runs import BAD, ENDED, GOOD, RUN, UNCOMPARED, recorded
from .stub_console import StubConsole


def exchange(number: int, direction: str, url: str, **values: Any) -> dict[str, Any]:
    """Return an exchange as the control plane prints it."""
    return {
        "number": number,
        "at": f"2026-01-05T09:00:{number:02}.000000+00:00",
        "direction": direction,
        "method": values.get("method", "POST"),
        "url": url,
        "request": {"headers": [["User-Agent", values.get("agent", "other")]], "body": values.get("asked", "")},
        "status": values.get("status", 200),
        "response": {"body": values.get("answered", "")},
        "error": values.get("error", ""),
        "fault": values.get("fault", ""),
    }


PEOPLE = {"agent": "privman-scenarios"}


def test_an_exchange_that_both_parties_journaled_is_one_message() -> None:
    """The journals are put in one order; what only one party has seen stands where that party had it."""
    servicenow = [
        exchange(1, "in", "/a?x=1", answered="kept"),
        exchange(2, "in", "/d", **PEOPLE, method="PATCH"),
        exchange(3, "out", "http://console/b", status=0, error="no answer"),
        exchange(4, "out", "http://console/gone", status=0, error="refused"),
    ]
    console = [
        exchange(1, "in", "/b", **PEOPLE),
        exchange(2, "out", "http://servicenow/a?x=1", answered="kept"),
        exchange(3, "out", "http://servicenow/lost", status=0, error="reset"),
        exchange(4, "in", "/b", status=503, fault="status"),
        exchange(5, "in", "/last"),
    ]
    assert [
        (each.sender, each.receiver, each.method, each.path, each.status, each.trouble)
        for each in sequence({"servicenow": servicenow, "console": console})
    ] == [
        ("people", "console", "POST", "/b", 200, ""),
        ("console", "servicenow", "POST", "/a", 200, ""),
        ("people", "servicenow", "PATCH", "/d", 200, ""),
        ("console", "servicenow", "POST", "/lost", 0, "reset"),
        ("servicenow", "console", "POST", "/b", 0, "fault status, no answer"),
        ("servicenow", "console", "POST", "/gone", 0, "refused"),
        ("servicenow", "console", "POST", "/last", 200, ""),
    ]


def test_crossing_exchanges_are_one_message_each() -> None:
    """What the parties began in different orders is told in the order of ServiceNow."""
    servicenow = [exchange(1, "in", "/a"), exchange(2, "out", "http://console/b")]
    console = [exchange(1, "in", "/b"), exchange(2, "out", "http://servicenow/a")]
    assert [each.path for each in sequence({"servicenow": servicenow, "console": console})] == ["/a", "/b"]


def test_a_party_without_a_journal() -> None:
    """A real console keeps none, so that what ServiceNow has is all that is known."""
    (message,) = sequence({"servicenow": [exchange(1, "in", "/a", asked="1", answered="2")]})
    assert message == DiagramMessage(
        "console", "servicenow", "2026-01-05T09:00:01.000000+00:00", "POST", "/a", 200, "1", "2", ""
    )


def test_html_is_one_page_with_everything_escaped() -> None:
    """The page needs no other file, shows titles as they are, and marks what differs."""
    page = html(recorded(RunStarted(3, 4), StepPassed(BAD, Step("console.ask", {}, 4)), *ENDED))
    assert "<h1>Scenarios: 1 passed, 1 failed, 1 skipped; interrupted</h1>" in page
    assert "<dt>Seed</dt><dd>4</dd>" in page
    assert "Approve &lt;it&gt;" in page
    assert "some/b.yaml:9: console.expect-approval: expected state &#x27;Denied&#x27;" in page
    assert "<mark>&gt;   &quot;state&quot;: &quot;Pending&quot;  &lt;- expected &#x27;Denied&#x27;</mark>" in page
    assert "clock.advance in line 7 needs virtual time" in page
    assert "<td>servicenow: rule-aborted: kept</td>" in page
    assert not any(word in page for word in ("src=", 'href="h', "url(", "@import"))


def test_html_lists_the_steps() -> None:
    """Those that passed, and the one that did not, which is marked."""
    failed = ScenarioEnded(BAD, "failed", 0.5, failure=UNCOMPARED)
    steps: list[Event] = [StepPassed(BAD, Step("console.ask", {}, 4)), StepFailed(BAD, UNCOMPARED)]
    page = html(recorded(*steps, failed, ScenarioEnded(GOOD, "passed", 0.1)))
    assert page.count('<ol class="steps"><li>console.ask</li><li class=bad>findings</li></ol>') == 1
    assert page.count('<ol class="steps"') == 1


def test_html_draws_each_scenario() -> None:
    """A diagram has an arrow for each exchange; trouble is marked, and long texts are cut."""
    journal = [
        exchange(1, "in", f"/{'long/' * 20}end", asked="<&>", answered="x" * 5000),
        exchange(2, "out", "http://console/b", status=0, error="refused"),
        exchange(3, "out", "http://console/c", status=503),
    ]
    page = html(recorded(JournalsRead(GOOD, {"servicenow": journal}), *ENDED))
    assert page.count("<svg ") == 1
    assert page.count('<line class="asks"') == 3
    assert page.count('<line class="answers') == 2
    assert page.count('<line class="answers bad"') == 1
    assert re.search('<text class="outcome bad" [^>]*>refused</text>', page)
    assert "long/end</text>" in page
    assert "&gt; &lt;&amp;&gt;" in page
    assert "x" * 600 not in page


def test_html_shows_the_contract_coverage() -> None:
    """What was exercised, and what was not."""
    items = (
        CoveredItem("decision <1>", "status", "200", "D", exercised=True),
        CoveredItem("other", "fault", "slow", "I"),
    )
    page = html(recorded(*RUN, coverage=Coverage(items)))
    assert "<summary>Contract coverage</summary>" in page
    assert (
        "<tr><td>decision &lt;1&gt;</td><td></td><td></td><td></td><td>1/1</td><td></td><td></td><td>100%</td></tr>"
        in page
    )
    assert "<tr><td>other</td><td>fault</td><td>slow</td><td>I</td></tr>" in page


ARGUMENTS = {"metadata": {"PolicyName": "<b>", "Password": "s3cret"}}


def test_html_shows_the_arguments_of_each_step() -> None:
    """As the scenario has them, those of the failed one too; secrets are masked, and long ones are cut."""
    bad, long = Step("console.run", {"outcome": "asked"}, 7), Step("console.ask", {"text": "x" * 5000}, 5)
    scenario = Scenario("T", (Step("console.ask", ARGUMENTS, 4), long, bad), "a.yaml", 1)
    failure = Failure("console.run", "a.yaml", 7, "1", "2")
    passed = [StepPassed(scenario, step) for step in scenario.steps[:2]]
    page = html(recorded(*passed, ScenarioEnded(scenario, "failed", 0.1, failure=failure)))
    assert "<code>{&quot;metadata&quot;: {&quot;PolicyName&quot;: &quot;&lt;b&gt;&quot;, &quot;Password&quot;: " in page
    assert "s3cret" not in page
    assert "<li class=bad>console.run <code>{&quot;outcome&quot;: &quot;asked&quot;}</code></li>" in page
    assert "x" * 1001 not in page


@pytest.mark.long
def test_html_says_what_was_played_against_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Date, versions, targets, profile, seed and the counts by evidence; no folder of this machine."""
    other = tmp_path / "elsewhere" / "stories"
    other.mkdir(parents=True)
    (other / "a.yaml").write_text("title: T\nsteps: [{console.ask: }, {console.expect-approval: Denied}]\n")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "privman.toml").write_text("[profiles.gate]\nmax-skipped = 1\n")
    (tmp_path / "here" / "own.yaml").write_text("[{name: u_own, columns: {u_a: {type: string}}}]\n")
    (tmp_path / "names.yaml").write_text("{}\n")
    named = ["--tables", "own.yaml", "--release", "yokohama", "--inferred", str(tmp_path / "names.yaml")]
    named += ["--strict", "--exitfirst", "--build", "App <2>"]
    run = ["run", str(other / "a.yaml"), "--profile", "gate", "--seed", "7", *named]
    assert main([*run, "--html", "r.html", "--json", "r.json", "--junit-xml", "r.xml"]) == 1
    capsys.readouterr()
    page = Path("r.html").read_text()
    assert re.search(r"<dt>Date</dt><dd>20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00</dd>", page)
    assert "<dt>ServiceNow</dt><dd>mock-servicenow</dd>" in page
    assert "<dt>Profile</dt><dd>gate</dd>" in page
    assert "<dt>Seed</dt><dd>7</dd>" in page
    assert re.search(
        r"<dd>mock-servicenow [\d.]+, Python 3\.\d+\.\d+, contracts [0-9a-f]{12}, tables [0-9a-f]{12}</dd>", page
    )
    assert "<dt>Build</dt><dd>App &lt;2&gt;</dd>" in page
    options = {"Release": "yokohama", "Tables": "own.yaml", "Inferred names": f"{tmp_path.name}/names.yaml"}
    options |= {"Strict": "yes", "Other options": "--exitfirst", "Evidence": WireNames.load().how_known}
    assert all(f"<dt>{name}</dt><dd>{text}</dd>" in page for name, text in options.items())
    assert json.loads(Path("r.json").read_text())["context"]["options"] == options
    assert re.search(r"<dt>Exercised by evidence</dt><dd>S \d+ of \d+, D \d+ of \d+, ", page)
    assert "stories/a.yaml:2: console.expect-approval" in page
    for name in ("r.html", "r.json", "r.xml"):
        assert str(tmp_path) not in Path(name).read_text()


@pytest.mark.long
def test_reports_name_the_versions_of_targets(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    privman_loop: LoopThread,
    real_instance: Callable[[str], str],
    world: WorldFixture,
) -> None:
    """A console says its own to everybody, and so does a fake; the build of an instance is not known without rights."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    story, report = tmp_path / "a.yaml", tmp_path / "r.json"
    story.write_text("title: T\ngiven: nothing\nsteps: [console.call: /Tms/services/api/v1/version/Current]\n")
    served = serving(StubConsole().app())
    consoles = {privman_loop.run(served.__aenter__()): "11.1.0", world.console.url: ConsoleSettings().version}
    mocks = {real_instance(""): "unknown", world.servicenow.url: version("mock-servicenow")}
    for servicenow_url, instance in mocks.items():
        for console_url, own in consoles.items():
            urls = ["--servicenow-url", servicenow_url, "--console-url", console_url]
            main(["run", str(story), *urls, "--json", str(report)])
            versions = json.loads(report.read_text())["context"]["versions"]
            assert (versions["ServiceNow"], versions["Privilege Manager"]) == (instance, own)
    privman_loop.run(served.__aexit__(None, None, None))
