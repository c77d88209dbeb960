"""Both sides against a small model, whatever befalls them and in whatever order."""

import heapq
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from privman_scenarios import strategies
from privman_scenarios.held import HeldConsole, HeldServiceNow, HeldWorld
from privman_scenarios.loop import LoopThread
from privman_scenarios.spans import to_seconds
from privman_scenarios.strategies import Answer
from privman_scenarios.targets import Targets
from privman_scenarios.world import WorldBuilder
from tests.generated import examples

WAIT, RETRIES, TIMEOUT, TOKEN_LIFETIME = 50, 3, 59_400, 1_200
MOST_REQUESTS = 4
STATES = {"Approve": "Approved", "Deny": "Denied"}


@dataclass
class ModelRequest:
    """What both sides should know of a request."""

    asked_at: int
    decision: Answer | None = None
    taken_at: int | None = None
    status: str = ""

    @property
    def taken(self) -> Answer:
        """The decision that the console has; an empty one before it has any."""
        return self.decision if self.decision and self.taken_at is not None else Answer("")

    def in_servicenow(self, now: int) -> str:
        """Return the status that the Requests table should show."""
        if self.decision is not None:
            return self.decision.response
        return "Pending" if now < self.asked_at + TIMEOUT else "TimedOut"

    def in_console(self, now: int) -> str:
        """Return the state that the console should show."""
        if self.taken_at is None:
            return "Pending" if now < self.asked_at + TIMEOUT else "TimedOut"
        if self.taken.duration and now >= self.taken_at + to_seconds(self.taken.duration):
            return "Expired"
        return STATES[self.taken.response]


@dataclass
class Model:
    """The integration in a few lines: one console, one instance, seconds that pass."""

    now: int = 0
    requests: dict[str, ModelRequest] = field(default_factory=dict)
    failures: int = 0
    secret_known: bool = True
    token_until: int = -1
    has_token: bool = False
    due: list[tuple[int, int, int, str]] = field(default_factory=list)
    turns: Iterator[int] = field(default_factory=count)

    def decide(self, request_id: str, answer: Answer) -> bool:
        """Take a decision in ServiceNow and send it; returns whether it may be taken."""
        request = self.requests[request_id]
        if request.in_servicenow(self.now) != "Pending":
            return False
        request.decision = answer
        self._attempt(request_id, 0)
        return True

    def wait(self, seconds: int) -> None:
        """Let time pass, making the attempts that fall due."""
        target = self.now + seconds
        while self.due and self.due[0][0] <= target:
            self.now, _, retry, request_id = heapq.heappop(self.due)
            self._attempt(request_id, retry)
        self.now = target

    def _attempt(self, request_id: str, retry: int) -> None:
        request = self.requests[request_id]
        request.status = self._send(request)
        if request.status in ("0", "503") and retry < RETRIES:
            heapq.heappush(self.due, (self.now + WAIT, next(self.turns), retry + 1, request_id))

    def _send(self, request: ModelRequest) -> str:
        """Return the status of an attempt; a dead token is renewed once."""
        for _ in range(2):
            if not self.has_token and not self.secret_known:
                return "401"
            if not self.has_token:
                self.has_token, self.token_until = True, self.now + TOKEN_LIFETIME
            if self.failures:
                self.failures -= 1
                return "503"
            if self.now < self.token_until:
                return self._take(request)
            self.has_token = False
        raise AssertionError("a token that was renewed a moment ago cannot be dead")

    def _take(self, request: ModelRequest) -> str:
        if self.now >= request.asked_at + TIMEOUT:
            return "409"
        request.taken_at = self.now
        return "200"


class BothSides(RuleBasedStateMachine):
    """Asks, decides, fails, waits, restarts, resets the Secret and logs out."""

    requests = Bundle("requests")
    loop: LoopThread
    worlds: WorldBuilder

    def __init__(self) -> None:
        super().__init__()
        self._opened: AbstractAsyncContextManager[Targets] = self.worlds.open()
        targets = self.loop.run(self._opened.__aenter__())
        servicenow = HeldServiceNow(self.loop, targets)
        self.world = HeldWorld(self.loop, targets, servicenow, HeldConsole(self.loop, targets))
        self.model = Model()
        # Doing the same again at once tries nothing new.
        self.waited = self.befell = False

    def teardown(self) -> None:
        """Close the world; every message kept its contract."""
        broken = self.world.servicenow.broken_contracts() + self.world.console.broken_contracts()
        self.loop.run(self._opened.__aexit__(None, None, None))
        assert broken == []

    @initialize(target=requests, metadata=strategies.metadata())
    def ask_first(self, metadata: dict[str, str]) -> str:
        """Nothing is worth trying before somebody has asked."""
        return self.ask(metadata)

    @precondition(lambda self: len(self.model.requests) < MOST_REQUESTS)
    @rule(target=requests, metadata=strategies.metadata())
    def ask_again(self, metadata: dict[str, str]) -> str:
        """An endpoint user asks."""
        return self.ask(metadata)

    @rule(request_id=requests, answer=strategies.answers(), failures=st.sampled_from([0, 1, 3, 4]))
    def decide(self, request_id: str, answer: Answer, failures: int) -> None:
        """An approver decides, perhaps too late or for the second time, while the console fails so often."""
        self.waited = self.befell = False
        self.world.console.faults.clear()
        if failures:
            self.world.console.faults.arm("status", status=503, path="*/approval/approve", times=failures)
        self.model.failures = failures
        accepted = self.model.decide(request_id, answer)
        assert self.world.decide(request_id, answer.response, **answer.values).status == (200 if accepted else 403)

    @precondition(lambda self: not self.waited)
    @rule(seconds=st.sampled_from([1, 49, 50, 150, 1_200, 59_399]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.waited, self.befell = True, False
        self.world.clock.advance(seconds)
        self.model.wait(seconds)

    @precondition(lambda self: not self.befell)
    @rule(event=st.sampled_from(["restart", "log out", "reset the Secret", "update the Secret"]))
    def befall(self, event: str) -> None:
        """Something befalls the console after which every token is dead."""
        self.waited, self.befell = False, True
        if event == "restart":
            self.world.console.restart()
        elif event == "log out":
            self.world.console.log_out()
        else:
            self.model.secret_known = updated = event == "update the Secret"
            self.model.has_token = self.model.has_token and not updated  # it was had for the Secret before
            self.world.console.reset_secret(update_credential=updated)
        self.model.token_until = self.model.now

    def ask(self, metadata: dict[str, str]) -> str:
        """Ask on both sides, and in the model."""
        request_id = self.world.console.ask(metadata)
        self.model.requests[request_id] = ModelRequest(self.model.now)
        return request_id

    @invariant()
    def both_sides_agree_with_the_model(self) -> None:
        """State, comment and duration in the console, status in ServiceNow, status of each delivery."""
        approvals = self.world.console.approvals()
        statuses = {each["request_id"]: each["status"] for each in self.world.servicenow.find("request")}
        responses = [
            (each["request_id"], each["response_status_code"]) for each in self.world.servicenow.find("response")
        ]
        requests = self.model.requests.items()
        assert statuses == {request_id: request.in_servicenow(self.model.now) for request_id, request in requests}
        assert sorted(responses) == sorted((key, request.status) for key, request in requests if request.decision)
        assert {each["request_id"]: (each["state"], each["comment"], each["duration"]) for each in approvals} == {
            request_id: (request.in_console(self.model.now), request.taken.comment, request.taken.duration)
            for request_id, request in requests
        }


@pytest.mark.hypothesis
def test_both_sides_agree_with_the_model(privman_loop: LoopThread, privman_worlds: WorldBuilder) -> None:
    """However asking, deciding, failing, waiting, restarting and new Secrets are mixed, both sides end as the model."""
    BothSides.loop, BothSides.worlds = privman_loop, privman_worlds
    run_state_machine_as_test(BothSides, settings=examples(60, stateful_step_count=15))
