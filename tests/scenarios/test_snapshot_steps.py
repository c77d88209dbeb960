"""Snapshots of both parties: in fixtures, and as steps of a scenario."""

from pathlib import Path

import pytest
import requests

from privman_scenarios.commands.cli import main
from privman_scenarios.errors import ExpectationError, ScenarioFileError
from privman_scenarios.fixtures import WorldFixture
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.verbs import vocabulary

from .played_story import play_stories

pytest_plugins = ["pytester"]


@pytest.mark.long
def test_both_parties_return(world: WorldFixture) -> None:
    """To requests, users, retries and time; as often as a test likes."""
    world.console.faults.arm("status", status=503, path="*/approval/approve", times=1)
    retried, asked = world.console.ask({"PolicyName": "Elevate installers"}), world.console.ask({"UserName": "Ada"})
    world.decide(retried, "Approve")
    at = world.clock.now()
    world.take_snapshot("retrying")
    seen: list[list[str]] = []
    for response in ("Approve", "Deny"):
        assert (world.clock.now(), world.servicenow.journal if seen else []) == (at, [])
        assert world.console.approval(retried)["state"] == "Pending"
        world.servicenow.decision(retried).delivered()
        world.decide(asked, response).delivered()
        seen.append([each["state"] for each in world.console.approvals()])
        world.clock.advance("1 day")
        world.restore_snapshot("retrying")
    assert seen == [["Approved", "Approved"], ["Approved", "Denied"]]


def test_a_snapshot_is_of_both_or_of_none(world: WorldFixture) -> None:
    """One that only one of them can take is not kept."""
    requests.post(f"{world.console.url}/__admin/snapshots", json={"name": "mine"}, timeout=10)
    world.take_snapshot("first")
    with pytest.raises(ExpectationError, match="there is a snapshot 'mine'"):
        world.take_snapshot("mine")
    listed = requests.get(f"{world.servicenow.url}/__admin/snapshots", timeout=10).json()["snapshots"]
    assert [each["name"] for each in listed] == ["first"]
    with pytest.raises(ExpectationError, match=r"unknown snapshot 'firts' \(did you mean 'first'\?\)"):
        world.restore_snapshot("firts")


JUDGED = """
import requests

def test_broken(session_world):
    session_world.take_snapshot("clean")
    table = f"{session_world.servicenow.url}/api/now/table/x_thyti_thycotic_p_request"
    requests.post(table, json={"request_id": "none"}, auth=session_world.servicenow.auth)
    session_world.restore_snapshot("clean")

def test_clean(session_world):
    session_world.take_snapshot("clean")
"""


@pytest.mark.long
def test_what_a_restore_undoes_is_judged(pytester: pytest.Pytester) -> None:
    """A broken contract of before fails the test; the next one begins without snapshots."""
    pytester.makepyfile(JUDGED)
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "-rf")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED *::test_broken - *"])


UNASKED = """
title: Undone, and seen all the same
steps:
  - world.take-snapshot: start
  - servicenow.call: {method: GET, path: "/api/now/table/sys_user?sysparm_query=nosuch=1", by: administrator}
  - world.restore-snapshot: start
  - console.ask:
  - console.expect-approval: Pending
"""

IDLE = """
title: A fault that a restore disarms
steps:
  - world.take-snapshot: start
  - console.fault: {kind: status, path: "*/approval/approve", options: {status: 503}}
  - world.restore-snapshot: start
  - console.ask:
  - console.expect-approval: Pending
"""


@pytest.mark.long
def test_findings_and_idle_faults_of_before_count() -> None:
    """A restore hides nothing."""
    (seen,) = play_stories(UNASKED)
    assert "query-term-ignored" in str(seen.findings)
    (idle,) = play_stories(IDLE)
    assert "to strike before it is cleared" in str(idle.failure)


@pytest.mark.long
def test_a_recording_has_what_a_restore_undoes(tmp_path: Path) -> None:
    """And no variation of such a scenario is played."""
    story, out = tmp_path / "one.yaml", tmp_path / "one.har"
    story.write_text(UNASKED, encoding="utf-8")
    assert main(["record", str(story), "--out", str(out)]) == 0
    assert "nosuch" in out.read_text(encoding="utf-8")
    assert main(["run", str(story), "--sweep"]) == 1


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ("[{world.restore-snapshot: start}]", "no earlier step takes a snapshot. Expected world.take-snapshot before."),
        (
            "[{world.take-snapshot: start}, {world.restore-snapshot: stert}]",
            "unknown snapshot 'stert'. Did you mean 'start'?",
        ),
        (
            "[{world.take-snapshot: start}, {world.take-snapshot: start}]",
            "duplicate snapshot 'start'. Expected another name.",
        ),
        (
            "[{world.take-snapshot: start}, {world.restore-snapshot: start}]\ncheck: invariants",
            "it undoes what invariants judge. Expected 'check: steps'.",
        ),
    ],
)
def test_snapshots_are_checked_at_load(steps: str, complaint: str) -> None:
    """Each in one line, with the nearest name."""
    with pytest.raises(ScenarioFileError) as raised:
        Loader(vocabulary()).parse(f"title: One\nsteps: {steps}\n", "one.yaml")
    assert str(raised.value).endswith(complaint)
