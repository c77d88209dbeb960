"""An instance and two consoles against a small model, whatever befalls them and in whatever order."""

import heapq
import json
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from itertools import count

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from privman_core.loop_thread import LoopThread
from privman_scenarios import strategies
from privman_scenarios.fixtures import ConsoleFixture, ServiceNowFixture, WorldFixture
from privman_scenarios.language.kinds import to_seconds
from privman_scenarios.playing.world import World, find_all
from privman_scenarios.playing.world_builder import WorldBuilder
from privman_scenarios.strategies import ApproverAnswer
from tests.generated import examples

WAIT, RETRIES, TIMEOUT, TOKEN_LIFETIME = 50, 3, 59_400, 1_200
MOST_REQUESTS = 4
CONSOLES = (0, 1)
STATES = {"Approve": "Approved", "Deny": "Denied"}


@dataclass
class ModelRequest:
    """What both parties should know of a request of one of the consoles."""

    console: int
    asked_at: int
    deleted: bool = False
    decision: ApproverAnswer | None = None
    taken_at: int | None = None
    status: str = ""

    @property
    def taken(self) -> ApproverAnswer:
        """The decision that the console has; an empty one before it has any."""
        return self.decision if self.decision and self.taken_at is not None else ApproverAnswer("")

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
class ModelConsole:
    """One console: how often it fails yet, and whether ServiceNow can log on and has a token."""

    failures: int = 0
    secret_known: bool = True
    token_until: int = -1
    has_token: bool = False


@dataclass
class Model:
    """The integration in a few lines: two consoles, one instance, seconds that pass."""

    now: int = 0
    requests: dict[str, ModelRequest] = field(default_factory=dict)
    consoles: tuple[ModelConsole, ...] = field(default_factory=lambda: tuple(ModelConsole() for _ in CONSOLES))
    due: list[tuple[int, int, int, str]] = field(default_factory=list)
    turns: Iterator[int] = field(default_factory=count)

    @property
    def order_is_known(self) -> bool:
        """Whether no two attempts are due at the same moment, whose order a restart may change."""
        return len({at for at, *_ in self.due}) == len(self.due)

    def decide(self, request_id: str, answer: ApproverAnswer) -> bool:
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

    def delete(self, request_id: str) -> None:
        """Delete a request in ServiceNow, with which its attempts end."""
        self.requests[request_id].deleted = True
        self.due = [each for each in self.due if each[-1] != request_id]
        heapq.heapify(self.due)

    def restart_servicenow(self) -> None:
        """Forget every token; what is due stays due."""
        for console in self.consoles:
            console.has_token = False

    def _attempt(self, request_id: str, retry: int) -> None:
        request = self.requests[request_id]
        request.status = self._send(request, self.consoles[request.console])
        if request.status in ("0", "503") and retry < RETRIES:
            heapq.heappush(self.due, (self.now + WAIT, next(self.turns), retry + 1, request_id))

    def _send(self, request: ModelRequest, console: ModelConsole) -> str:
        """Return the status of an attempt; a dead token is renewed once."""
        for _ in range(2):
            if not console.has_token and not console.secret_known:
                return "401"
            if not console.has_token:
                console.has_token, console.token_until = True, self.now + TOKEN_LIFETIME
            if console.failures:
                console.failures -= 1
                return "503"
            if self.now < console.token_until:
                return self._take(request)
            console.has_token = False
        raise AssertionError("a token that was renewed a moment ago cannot be dead")

    def _take(self, request: ModelRequest) -> str:
        if self.now >= request.asked_at + TIMEOUT:
            return "409"
        request.taken_at = self.now
        return "200"


class BothSides(RuleBasedStateMachine):
    """Asks, decides, fails, waits, restarts, deletes, resets the Secret and logs out, on two consoles at once."""

    requests = Bundle("requests")
    loop: LoopThread
    worlds: WorldBuilder

    def __init__(self) -> None:
        super().__init__()
        self._opened: AbstractAsyncContextManager[World] = self.worlds.open()
        self.parties = parties = self.loop.run(self._opened.__aenter__())
        self.loop.run(parties.another_console())
        self.servicenow = ServiceNowFixture(self.loop, parties)
        self.consoles = [ConsoleFixture(self.loop, replace(parties, console=console)) for console in parties.consoles]
        self.world = WorldFixture(self.loop, parties, self.servicenow, self.consoles[0])
        self.model = Model()
        # Doing the same again at once tries nothing new.
        self.waited = self.befell = False

    def teardown(self) -> None:
        """Close the world; every message kept its contract."""
        broken = [str(each) for each in self.loop.run(find_all(self.parties)) if each.kind == "violation"]
        self.loop.run(self._opened.__aexit__(None, None, None))
        assert broken == []

    @initialize(target=requests, console=st.sampled_from(CONSOLES), metadata=strategies.metadata())
    def ask_first(self, console: int, metadata: dict[str, str]) -> str:
        """Nothing is worth trying before somebody has asked."""
        return self.ask(console, metadata)

    @precondition(lambda self: len(self.model.requests) < MOST_REQUESTS)
    @rule(target=requests, console=st.sampled_from(CONSOLES), metadata=strategies.metadata())
    def ask_again(self, console: int, metadata: dict[str, str]) -> str:
        """An endpoint user asks."""
        return self.ask(console, metadata)

    @rule(request_id=requests, answer=strategies.answers(), failures=st.sampled_from([0, 1, 3, 4]))
    def decide(self, request_id: str, answer: ApproverAnswer, failures: int) -> None:
        """An approver decides, perhaps too late or for the second time, while the console fails so often."""
        self.waited = self.befell = False
        console = self.model.requests[request_id].console
        self.consoles[console].faults.clear()
        if failures:
            self.consoles[console].faults.arm(
                "status", status=503, path="*/approval/approve", times=failures, optional=True
            )
        self.model.consoles[console].failures = failures
        accepted = self.model.decide(request_id, answer)
        assert self.world.decide(request_id, answer.response, **answer.values).status == (200 if accepted else 403)

    @rule(request_id=consumes(requests))
    def delete(self, request_id: str) -> None:
        """An administrator deletes a request, decided or not."""
        self.waited = self.befell = False
        (row,) = self.servicenow.find("request", request_id=request_id)
        assert self.loop.run(self._delete(row["sys_id"])) == HTTPStatus.NO_CONTENT
        self.model.delete(request_id)

    @precondition(lambda self: not self.waited)
    @rule(seconds=st.sampled_from([1, 49, 50, 150, 1_200, 59_399]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.waited, self.befell = True, False
        self.world.clock.advance(seconds)
        self.model.wait(seconds)

    @precondition(lambda self: not self.befell)
    @rule(
        console=st.sampled_from(CONSOLES),
        event=st.sampled_from(["restart", "log out", "reset the Secret", "update the Secret"]),
    )
    def befall(self, console: int, event: str) -> None:
        """Something befalls a console after which every token of it is dead."""
        self.waited, self.befell = False, True
        held, model = self.consoles[console], self.model.consoles[console]
        if event == "restart":
            held.restart()
        elif event == "log out":
            held.log_out()
        else:
            model.secret_known = updated = event == "update the Secret"
            model.has_token = model.has_token and not updated  # it was had for the Secret before
            held.reset_secret(update_credential=updated)
        model.token_until = self.model.now

    @precondition(lambda self: self.model.order_is_known)
    @rule()
    def restart_servicenow(self) -> None:
        """The instance's process starts again."""
        self.servicenow.restart()
        self.model.restart_servicenow()

    def ask(self, console: int, metadata: dict[str, str]) -> str:
        """Ask both parties, and in the model."""
        request_id = self.consoles[console].ask(metadata)
        self.model.requests[request_id] = ModelRequest(console, self.model.now)
        (row,) = self.servicenow.find("request", request_id=request_id)
        asked = json.loads(row["metadata"])
        assert {key: asked.get(key) for key in metadata} == metadata
        return request_id

    @invariant()
    def both_sides_agree_with_the_model(self) -> None:
        """State, comment and duration in the consoles, status in ServiceNow, status and comment of each delivery."""
        requests = self.model.requests.items()
        statuses = {each["request_id"]: each["status"] for each in self.servicenow.find("request")}
        assert statuses == {key: each.in_servicenow(self.model.now) for key, each in requests if not each.deleted}
        responses = sorted(
            (each["request_id"], each["response_status_code"], each["comment"])
            for each in self.servicenow.find("response")
        )
        assert responses == sorted(
            (key, each.status, each.decision.comment) for key, each in requests if each.decision is not None
        )
        for console, held in enumerate(self.consoles):
            assert {
                each["request_id"]: (each["state"], each["comment"], each["duration"]) for each in held.approvals()
            } == {
                key: (each.in_console(self.model.now), each.taken.comment, each.taken.duration)
                for key, each in requests
                if each.console == console
            }

    async def _delete(self, sys_id: str) -> int:
        servicenow = self.parties.servicenow
        return (await servicenow.delete("request", sys_id, servicenow.admin)).status


@pytest.mark.once
@pytest.mark.hypothesis
def test_both_sides_agree_with_the_model(privman_loop: LoopThread, privman_worlds: WorldBuilder) -> None:
    """However asking, deciding, failing, waiting, restarting, deleting and new Secrets mix, all end as the model."""
    BothSides.loop, BothSides.worlds = privman_loop, privman_worlds
    run_state_machine_as_test(BothSides, settings=examples(60, stateful_step_count=15))
