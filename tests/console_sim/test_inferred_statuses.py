"""Statuses that nobody documents follow the file of inferred rules (integration 4)."""

from pathlib import Path

import pytest

from console_sim.settings import Settings

from .conftest import TOKEN, ConsoleUnderTest

UNKNOWN = "85d71683-7dac-4762-8120-76a9a564fdc1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Answer other statuses than the packaged rules say."""
    inferred = tmp_path / "ours.yaml"
    inferred.write_text(
        "rules: {same_decision_status: 208, other_decision_status: 422, unknown_request_status: 410,"
        " log_out_status: 200, dead_token_status: 440, bad_request_status: 418}",
        encoding="utf-8",
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


async def test_refusals_and_the_log_out_follow_the_file(console: ConsoleUnderTest) -> None:
    """A log-out whose status has a body answers the envelope; a dead token and a bad body have their own statuses."""
    headers = {"Authorization": f"Bearer {await console.log_on()}"}
    assert await console.call("DELETE", TOKEN, headers=headers) == (
        200,
        {"Result": None, "Status": "ok", "Messages": []},
    )
    assert (await console.call("DELETE", TOKEN, headers=headers))[0] == 440
    assert (await console.deliver({}))[0] == 418


class TestConflict:
    """Where the same decision again is a conflict."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        """Refuse a repetition."""
        inferred = tmp_path / "ours.yaml"
        inferred.write_text("rules: {same_decision_status: 409}", encoding="utf-8")
        return Settings(inferred=inferred)

    async def test_the_same_decision_again_is_refused(self, console: ConsoleUnderTest) -> None:
        """The envelope says error, and what was decided stays."""
        request_id = (await console.ask())["request_id"]
        assert (await console.deliver(console.decision(request_id)))[0] == 200
        status, answer = await console.deliver(console.decision(request_id))
        assert (status, answer["Status"]) == (409, "error")
        assert (await console.request(request_id))["state"] == "Approved"
