"""Statuses that nobody documents follow the file of inferred rules (integration 4)."""

from pathlib import Path

import pytest

from console_sim.settings import Settings

from .conftest import ConsoleUnderTest

UNKNOWN = "85d71683-7dac-4762-8120-76a9a564fdc1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Answer other statuses than the packaged rules say."""
    inferred = tmp_path / "ours.yaml"
    inferred.write_text(
        "rules: {same_decision_status: 208, other_decision_status: 422, unknown_request_status: 410}", encoding="utf-8"
    )
    return Settings(inferred=inferred)


async def test_statuses_follow_the_file(console: ConsoleUnderTest) -> None:
    """The same decision again, another one, and one for an unknown request are answered as the file says."""
    request_id = (await console.ask())["request_id"]
    decisions = [
        console.decision(request_id),
        console.decision(request_id),
        console.decision(request_id, "Deny"),
        console.decision(UNKNOWN),
    ]
    statuses = [(await console.deliver(decision))[0] for decision in decisions]
    assert statuses == [200, 208, 422, 410]
