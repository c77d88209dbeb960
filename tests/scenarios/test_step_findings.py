"""Findings and exchanges are shown with the step that they belong to."""

import json
import re
from pathlib import Path

import pytest

from privman_scenarios.commands.cli import main

CALL = 'servicenow.call: {method: GET, path: "/api/now/table/sys_user?sysparm_query=nosuch=1", by: administrator}'
FOUND = r"servicenow #\d+: query-term-ignored: [^\n]*"
STORY = f"""title: A story
steps:
  - console.ask:
  - {CALL}
  - clock.advance: 1 minute
  - console.expect-approval: {{state: STATE}}
    soft: true
  - {CALL.replace("nosuch", "other")}
  - servicenow.expect-request: STATUS
"""
RESTORED = f"""title: A restore
steps:
  - world.take-snapshot: start
  - {CALL}
  - world.restore-snapshot: start
  - {CALL.replace("nosuch", "other")}
  - console.ask:
  - console.expect-approval: Pending
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a story whose steps hold."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(story("Pending", "Pending"))
    return tmp_path


def story(state: str, status: str) -> str:
    """Return a story of two calls in which something is swallowed, and what it expects after each."""
    return STORY.replace("STATE", state).replace("STATUS", status)


@pytest.mark.long
def test_a_failure_shows_the_findings_before_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each once, with its step; the exchanges are those since the set-up."""
    (folder / "bad.yaml").write_text(story("Approved", "Approve"))
    assert main(["run", "bad.yaml", "--junit-xml", "junit.xml"]) == 1
    out = capsys.readouterr().out
    first, second = out.split("bad.yaml:9: servicenow.expect-request")
    assert re.findall("\n    finding  (.*)", first)[0].startswith("servicenow.call in line 4: servicenow #")
    assert re.findall("\n    finding  (.*)", second)[0].startswith("servicenow.call in line 8: servicenow #")
    assert out.count("    finding  ") == 2
    assert "| console sent #" in out or "| servicenow received #" in out
    assert "instance_metadata" not in out
    assert Path("junit.xml").read_text().count("finding: servicenow.call in line") == 2


@pytest.mark.long
def test_a_long_finding_is_shown_to_its_end(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its end says what was expected, or what became of it."""
    long = CALL.replace("nosuch", f"nosuch{'x' * 150}")
    (folder / "bad.yaml").write_text(story("Pending", "Approve").replace(CALL, long, 1))
    assert main(["run", "bad.yaml"]) == 1
    first, _ = re.findall("\n    finding  (.*)", capsys.readouterr().out)
    assert len(first) > 240
    assert first.endswith("x'")


@pytest.mark.long
def test_many_findings_are_cut(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest ones are shown, and the others are counted."""
    (folder / "bad.yaml").write_text(story("Pending", "Approve").replace(f"  - {CALL}\n", f"  - {CALL}\n" * 5))
    assert main(["run", "bad.yaml"]) == 1
    out = capsys.readouterr().out
    assert (out.count("    finding  "), "… and 3 earlier findings, in the reports" in out) == (3, True)


def test_what_was_swallowed_fails_at_the_line_of_its_step(capsys: pytest.CaptureFixture[str]) -> None:
    """Not at the title; each line on its own, with the step that would expect it."""
    assert main(["run", "good.yaml", "--strict"]) == 1
    out = capsys.readouterr().out
    assert re.findall(r"  good\.yaml:(\d+): findings", out) == ["4", "8"]
    assert "a later step 'servicenow.expect-finding: query-term-ignored' would expect it\n" in out


def test_a_restore_keeps_the_step_of_a_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Though exchanges are counted from 1 again."""
    (folder / "restored.yaml").write_text(RESTORED)
    assert main(["run", "restored.yaml", "--strict"]) == 1
    assert re.findall(r"  restored\.yaml:(\d+): findings", capsys.readouterr().out) == ["4", "6"]


@pytest.mark.long
def test_reports_show_a_finding_at_its_step(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page has failed scenarios first, and a list of the failures that leads to them."""
    (folder / "more.yaml").write_text(story("Approved", "Pending"))
    assert main(["run", "good.yaml", "more.yaml", "--html", "r.html", "--json", "r.json", "--github"]) == 1
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::warning")]
    assert [re.search(r"line=(\d+)", line)[1] for line in warnings] == ["4", "8"]  # type: ignore[index]
    page = Path("r.html").read_text()
    good, bad = page.index('id="scenario-1"'), page.index('id="scenario-2"')
    assert page.index('<a href="#scenario-2">A story</a>: more.yaml:6: ') < bad < good
    assert len(re.findall(f'</code><ul class="findings"><li>{FOUND}</li></ul>', page)) == 4
    assert f"<td>servicenow.call in line 4</td><td>{'servicenow #'}" in page
    assert page.index("Last exchanges before the failure") > page.index('<ol class="steps">')
    assert "<dt>Evidence marks</dt><dd>S: stated on the vendor&#x27;s page" in page
    steps = json.loads(Path("r.json").read_text())["scenarios"][0]["steps"]
    assert [len(each["findings"]) for each in steps] == [0, 0, 1, 0, 0, 1, 0]
