"""Statuses and waits that nobody documents follow the file of inferred rules."""

from pathlib import Path

import pytest
from aiohttp import web

from console_sim.settings import Settings

from .conftest import TOKEN, ConsoleUnderTest, StubServiceNow, error

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


class TestOptionalInstance:
    """Where a decision may leave out its instance."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        """Compare what is given."""
        return _settings(tmp_path, "decision_instance_id: optional")

    async def test_an_instance_is_compared_where_it_is_given(self, console: ConsoleUnderTest) -> None:
        """Without one the decision is taken; another one is refused."""
        decision = console.decision((await console.ask())["request_id"])
        assert (await console.deliver({**decision, "InstanceId": "f" * 32}))[0] == 404
        assert (await console.deliver({**decision, "InstanceId": "f"}))[0] == 400
        del decision["InstanceId"]
        assert (await console.deliver(decision))[0] == 200
        rules = [each["rule"] for each in (await console.admin("GET", "/findings"))["findings"]]
        assert rules == ["decision"], "only the instance of one letter breaks the contract"


class TestIgnoredInstance:
    """Where nobody looks at a decision's instance."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        """Compare nothing."""
        return _settings(tmp_path, "decision_instance_id: ignored")

    async def test_any_instance_is_as_good_as_none(self, console: ConsoleUnderTest) -> None:
        """The decision is taken and breaks no contract."""
        decision = console.decision((await console.ask())["request_id"], InstanceId=["anything"])
        assert (await console.deliver(decision))[0] == 200
        assert (await console.admin("GET", "/findings"))["findings"] == []


class TestErrorsWith200:
    """Where refusals by an operation come with 200, as a client in the field expects."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        """Answer refusals with 200, but for those of unknown requests."""
        return _settings(tmp_path, "error_answer_status: 200, unknown_request_status: 404")

    async def test_only_the_envelope_tells_a_refusal(self, console: ConsoleUnderTest) -> None:
        """A conflict and a missing role say error with 200; a status of the file, a broken body and 401 stay."""
        request_id = (await console.ask())["request_id"]
        await console.deliver(console.decision(request_id))
        assert await _outcome(console, console.decision(request_id, "Deny")) == (200, "error")
        assert await _outcome(console, console.decision(UNKNOWN)) == (404, "error")
        assert await _outcome(console, {}) == (400, "error")
        assert (await console.deliver({}, "dead"))[0] == 401
        await console.admin("POST", "/api-user", {"role": "Privilege Manager Field Engineering"})
        assert await _outcome(console, console.decision(request_id)) == (200, "error")
        broken = [each["rule"] for each in (await console.admin("GET", "/findings"))["findings"]]
        assert set(broken) == {"decision"}, "of the empty decisions; every answer keeps its contract"


def _settings(folder: Path, rules: str) -> Settings:
    inferred = folder / "ours.yaml"
    inferred.write_text(f"rules: {{{rules}}}", encoding="utf-8")
    return Settings(inferred=inferred)


async def _outcome(console: ConsoleUnderTest, decision: dict[str, object]) -> tuple[int, str]:
    status, answer = await console.deliver(decision)
    return status, answer["Status"]


class TestWaits:
    """Where tokens and retries have other times."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        """Let tokens live for 5 minutes, and retries wait for 10, 20 and then 25 seconds."""
        inferred = tmp_path / "ours.yaml"
        rules = "rules: {token_lifetime: 300, first_retry_wait: 10, longest_retry_wait: 25}"
        inferred.write_text(rules, encoding="utf-8")
        return Settings(inferred=inferred)

    async def test_a_token_lives_as_long_as_the_file_says(self, console: ConsoleUnderTest) -> None:
        """It is dead at that second, and not before."""
        token = await console.log_on()
        request_id = (await console.ask())["request_id"]
        await console.advance(299)
        assert (await console.deliver(console.decision(request_id), token))[0] == 200
        await console.advance(1)
        assert (await console.deliver(console.decision(request_id), token))[0] == 401

    async def test_retries_wait_as_long_as_the_file_says(self, console: ConsoleUnderTest) -> None:
        """The wait doubles up to the longest."""
        console.servicenow.conditions += [unavailable] * 4
        request_id = (await console.ask())["request_id"]
        for seconds, attempts in ((9, 1), (1, 2), (19, 2), (1, 3), (24, 3), (1, 4), (25, 5)):
            await console.advance(seconds)
            request = await console.request(request_id)
            assert (request["attempts"], request["sent"]) == (attempts, attempts == 5)


class TestApprovals:
    """Where approvals and processes have other terms."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        """Wait a minute for a decision, and let an approval without Duration allow any number of runs."""
        inferred = tmp_path / "ours.yaml"
        rules = "rules: {process_timeout: 60, approval_without_duration: unlimited}"
        inferred.write_text(rules, encoding="utf-8")
        return Settings(inferred=inferred)

    async def test_terms_are_those_of_the_file(self, console: ConsoleUnderTest) -> None:
        """The process times out when the file says, and a second run is allowed."""
        report = {"metadata": {"UserName": "Ada", "AgentName": "pc", "FilePath": "/bin/ls"}}
        asked = await console.admin("POST", "/run", report)
        assert asked["times_out_at"] == "2026-01-05T09:01:00+00:00"
        assert (await console.deliver(console.decision(asked["request_id"])))[0] == 200
        assert [(await console.admin("POST", "/run", report))["outcome"] for _ in range(3)] == ["allowed"] * 3


async def unavailable(_stub: StubServiceNow, _request: web.Request) -> web.StreamResponse:
    """Answer 503."""
    return error(503, "Unavailable", None)
