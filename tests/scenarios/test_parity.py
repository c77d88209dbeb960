"""``privman-scenarios parity``: stories over both integrations."""

from dataclasses import replace
from pathlib import Path

import pytest

from privman_scenarios.analysis.parity_stories import Ending, Parity
from privman_scenarios.commands.cli import main

README = Path(__file__).parents[2] / "README.md"
ENDING = Ending("Approved", "Fine", "", 0.0, 1, 2, ("Approve",))


def block(text: str) -> list[str]:
    """Return the lines of the README that the command has printed."""
    return text.partition("```text\nstory ")[2].partition("```")[0].splitlines()[1:]


@pytest.mark.long
def test_every_story_ends_alike(capsys: pytest.CaptureFixture[str]) -> None:
    """And README shows what the command prints."""
    assert main(["parity"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == "6 stories, 0 end differently"
    shown = block(README.read_text(encoding="utf-8"))
    assert len(shown) > 5
    for line in shown:
        assert line in printed


def test_another_state_or_comment_is_a_difference() -> None:
    """But not where one of the integrations has no such step, nor another time or number of calls."""
    assert not Parity("T", ENDING, replace(ENDING, waited=20.0, to_servicenow=9, records=())).differs
    assert Parity("T", ENDING, replace(ENDING, state="Denied")).differs
    assert Parity("T", ENDING, replace(ENDING, comment="")).differs
    assert not Parity("T", ENDING, replace(ENDING, state="Pending", impossible="no duration")).differs
