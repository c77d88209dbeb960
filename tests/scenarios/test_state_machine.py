"""Two instances and two consoles against a small model, whatever befalls them and in whatever order."""

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
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
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

WAIT, RETRIES, TIMEOUT, TOKEN_LIFETIME = 50, 3, 59_400, 43_200
MOST_REQUESTS = 5
CONSOLES = (0, 1)
STATES = {"Approve": "Approved", "Deny": "Denied"}


@dataclass(frozen=True)
class Process:
    """An approval process that every console has: its ServiceNow, and the console's own time-out."""

    name: str
    server: int | None = None
    timeout: int | None = None


# One gives up before ServiceNow, one after it, and people in the console never do.
PROCESSES = (
    Process("ServiceNow Approval Process", 0, 1_200),
    Process("Subsidiary Approval Process", 1, 80_000),
    Process("Default Manual Approval Process"),
)
SERVERS = (0, 1)
# Each policy with its approval type; at first the process of either has the same place in the list.
POLICIES = {
    "Elevate installers": "Default Execute Application Request Type",
    "Elevate at the subsidiary": "Requests of the subsidiary",
}


A_CONSOLE, A_POLICY, A_PROCESS = (st.sampled_from(each) for each in (CONSOLES, range(len(POLICIES)), PROCESSES))


@dataclass
class ModelRequest:
    """What both parties should know of a request of one of the consoles."""

    console: int
    policy: int
    process: Process
    metadata: dict[str, str]
    asked_at: int
    deleted: bool = False
    decision: ApproverAnswer | None = None
    taken_at: int | None = None
    used: bool = False
    status: str = ""

    @property
    def taken(self) -> ApproverAnswer:
        """The decision that the console has; an empty one before it has any."""
        return self.decision if self.decision and self.taken_at is not None else ApproverAnswer("")

    @property
    def is_one_time(self) -> bool:
        """Whether the console has an approval for one run."""
        return self.taken.response == "Approve" and not self.taken.duration

    def in_servicenow(self, now: int) -> str:
        """Return the status that the Requests table should show."""
        if self.decision is not None:
            return self.decision.response
        return "Pending" if now < self.asked_at + TIMEOUT else "TimedOut"

    def in_console(self, now: int) -> str:
        """Return the state that the console should show."""
        if self.taken_at is None:
            return "TimedOut" if self.has_timed_out(now) else "Pending"
        ended = self.taken.duration and now >= self.taken_at + to_seconds(self.taken.duration)
        return "Expired" if self.used or ended else STATES[self.taken.response]

    def has_timed_out(self, now: int) -> bool:
        """Tell whether the console's own time limit is over."""
        return self.process.timeout is not None and now >= self.asked_at + self.process.timeout


@dataclass
class ModelUser:
    """An API user of a console: whether its ServiceNow knows the Secret and has a token."""

    secret_known: bool = True
    token_until: int = -1
    has_token: bool = False


@dataclass
class ModelConsole:
    """One console: how often it fails yet, its API users by server, and the process of each policy."""

    failures: int = 0
    users: tuple[ModelUser, ...] = field(default_factory=lambda: tuple(ModelUser() for _ in SERVERS))
    processes: list[Process] = field(default_factory=lambda: list(PROCESSES[: len(POLICIES)]))


@dataclass
class Model:
    """The integration in a few lines: two consoles, two instances, seconds that pass."""

    now: int = 0
    requests: dict[str, ModelRequest] = field(default_factory=dict)
    consoles: tuple[ModelConsole, ...] = field(default_factory=lambda: tuple(ModelConsole() for _ in CONSOLES))
    due: list[tuple[int, int, int, str]] = field(default_factory=list)
    turns: Iterator[int] = field(default_factory=count)

    @property
    def order_is_known(self) -> bool:
        """Whether no two attempts are due at the same moment, whose order a restart may change."""
        return len({at for at, *_ in self.due}) == len(self.due)

    def latest(self, request_id: str) -> str:
        """Return the newest request for the same application."""
        metadata = self.requests[request_id].metadata
        return next(key for key in reversed(self.requests) if self.requests[key].metadata == metadata)

    def run(self, request_id: str) -> str:
        """Start the application of the newest request for it; returns the outcome."""
        request = self.requests[request_id]
        state = request.in_console(self.now)
        if state == "Approved":
            request.used = request.is_one_time
            return "allowed"
        return "pending" if state == "Pending" else "asked"

    def decide(self, request_id: str, answer: ApproverAnswer) -> bool:
        """Take a decision in ServiceNow and send it; returns whether it may be taken."""
        request = self.requests[request_id]
        if request.in_servicenow(self.now) != "Pending":
            return False
        request.decision = answer
        self._attempt(request_id, 0)
        return True

    def decide_here(self, request_id: str, answer: ApproverAnswer) -> int:
        """Take a decision in the console; returns the status of the answer."""
        request = self.requests[request_id]
        if request.decision is None:
            request.decision, request.taken_at = answer, self.now
        return 200 if request.decision == answer else 409

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

    def restart_servicenow(self, server: int) -> None:
        """Forget every token of an instance; what is due stays due."""
        for console in self.consoles:
            console.users[server].has_token = False

    def _attempt(self, request_id: str, retry: int) -> None:
        request = self.requests[request_id]
        assert request.process.server is not None
        console = self.consoles[request.console]
        request.status = self._send(request, console, console.users[request.process.server])
        if request.status in ("0", "503") and retry < RETRIES:
            heapq.heappush(self.due, (self.now + WAIT, next(self.turns), retry + 1, request_id))

    def _send(self, request: ModelRequest, console: ModelConsole, user: ModelUser) -> str:
        """Return the status of an attempt; a dead token is renewed once."""
        for _ in range(2):
            if not user.has_token and not user.secret_known:
                return "401"
            if not user.has_token:
                user.has_token, user.token_until = True, self.now + TOKEN_LIFETIME
            if console.failures:
                console.failures -= 1
                return "503"
            if self.now < user.token_until:
                return self._take(request)
            user.has_token = False
        raise AssertionError("a token that was renewed a moment ago cannot be dead")

    def _take(self, request: ModelRequest) -> str:
        if request.has_timed_out(self.now):
            return "409"
        request.taken_at = self.now
        return "200"


class BothSides(RuleBasedStateMachine):
    """Asks, runs, decides, routes, fails, waits, restarts, deletes, resets Secrets and logs out, on two consoles."""

    requests = Bundle("requests")
    loop: LoopThread
    worlds: WorldBuilder

    def __init__(self) -> None:
        super().__init__()
        self._opened: AbstractAsyncContextManager[World] = self.worlds.open()
        self.parties = parties = self.loop.run(self._opened.__aenter__())
        self.loop.run(parties.another_console())
        self.loop.run(parties.another_instance())
        self.instances = [
            ServiceNowFixture(self.loop, replace(parties, servicenow=instance)) for instance in parties.instances
        ]
        self.consoles = [ConsoleFixture(self.loop, replace(parties, console=console)) for console in parties.consoles]
        for console in parties.consoles:
            self._set_up_second_server(replace(parties, servicenow=parties.instances[1], console=console))
        self.model = Model()
        # Doing the same again at once tries nothing new.
        self.waited = self.befell = False

    def _set_up_second_server(self, parties: World) -> None:
        policy, approval_type = list(POLICIES.items())[1]
        names = {"name": "Subsidiary", "api_user": "Subsidiary", "policy": policy, "approval_type": approval_type}
        answer = self.loop.run(parties.set_up({**names, "process_timeout": PROCESSES[1].timeout}))
        assert {step["status"] for step in answer.json["steps"]} == {"ok"}

    def teardown(self) -> None:
        """Close the world; every message kept its contract."""
        broken = [str(each) for each in self.loop.run(find_all(self.parties)) if each.kind == "violation"]
        self.loop.run(self._opened.__aexit__(None, None, None))
        assert broken == []

    @initialize(target=requests, console=A_CONSOLE, policy=A_POLICY, process=A_PROCESS, metadata=strategies.metadata())
    def ask_first(self, console: int, policy: int, process: Process, metadata: dict[str, str]) -> str:
        """Nothing is worth trying before somebody has asked."""
        return self.ask(console, policy, process, metadata)

    @precondition(lambda self: len(self.model.requests) < MOST_REQUESTS)
    @rule(target=requests, console=A_CONSOLE, policy=A_POLICY, process=A_PROCESS, metadata=strategies.metadata())
    def ask_again(self, console: int, policy: int, process: Process, metadata: dict[str, str]) -> str:
        """An endpoint user asks under a policy whose type may have got another process just before."""
        return self.ask(console, policy, process, metadata)

    @precondition(lambda self: len(self.model.requests) < MOST_REQUESTS)
    @rule(target=requests, request_id=requests)
    def run(self, request_id: str) -> MultipleResults[str]:
        """The application starts on the endpoint, which asks anew unless a request for it is pending or approved."""
        return multiple(*self._start(request_id))

    @precondition(lambda self: len(self.model.requests) < MOST_REQUESTS)
    @rule(target=requests, request_id=requests, answer=strategies.answers(), runs=st.sampled_from([1, 2]))
    def decide_and_run(self, request_id: str, answer: ApproverAnswer, runs: int) -> MultipleResults[str]:
        """Somebody decides, and the application starts so often."""
        self.decide(request_id, answer, 0)
        return multiple(*(new for _ in range(runs) for new in self._start(request_id)))

    def _start(self, request_id: str) -> list[str]:
        """Start the application of a request; returns the request that is made, if one is."""
        latest = self.model.latest(request_id)
        request = self.model.requests[latest]
        expected = self.model.run(latest)
        started = self.consoles[request.console].run(request.metadata)
        assert (started["outcome"], started["request_id"] == latest) == (expected, expected != "asked")
        if expected != "asked":
            return []
        self._keep(started["request_id"], request.console, request.policy, request.metadata)
        return [started["request_id"]]

    @rule(request_id=requests, answer=strategies.answers(), failures=st.sampled_from([0, 1, 3, 4]))
    def decide(self, request_id: str, answer: ApproverAnswer, failures: int) -> None:
        """Somebody decides, perhaps too late or for the second time, while the console fails so often."""
        self.waited = self.befell = False
        request = self.model.requests[request_id]
        if request.process.server is None:
            decided = self.loop.run(self._decide_here(request, request_id, answer))
            assert decided == self.model.decide_here(request_id, answer)
            return
        console = self.consoles[request.console]
        console.faults.clear()
        if failures:
            console.faults.arm("status", status=503, path="*/approval/approve", times=failures, optional=True)
        self.model.consoles[request.console].failures = failures
        accepted = self.model.decide(request_id, answer)
        assert self._approver(request).decide(request_id, answer.response, **answer.values).status == (
            200 if accepted else 403
        )

    @rule(request_id=consumes(requests))
    def delete(self, request_id: str) -> None:
        """An administrator deletes a request, decided or not."""
        server = self.model.requests[request_id].process.server
        if server is None:
            return
        self.waited = self.befell = False
        (row,) = self.instances[server].find("request", request_id=request_id)
        assert self.loop.run(self._delete(server, row["sys_id"])) == HTTPStatus.NO_CONTENT
        self.model.delete(request_id)

    @precondition(lambda self: not self.waited)
    @rule(seconds=st.sampled_from([1, 49, 50, 150, 1_199, 1_200, 43_200, 59_399]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.waited, self.befell = True, False
        self.instances[0].clock.advance(seconds)
        self.model.wait(seconds)

    @precondition(lambda self: not self.befell)
    @rule(
        console=A_CONSOLE,
        server=st.sampled_from(SERVERS),
        event=st.sampled_from(["restart", "log out", "reset the Secret", "update the Secret"]),
    )
    def befall(self, console: int, server: int, event: str) -> None:
        """Something befalls a console after which every token of it is dead, or every one of an API user."""
        self.waited, self.befell = False, True
        held, users = self.consoles[console], self.model.consoles[console].users
        if event == "restart":
            held.restart()
        elif event == "log out":
            held.log_out()
        else:
            users = (self._reset_secret(console, server, updated=event == "update the Secret"),)
        for user in users:
            user.token_until = self.model.now

    @precondition(lambda self: self.model.order_is_known)
    @rule(server=st.sampled_from(SERVERS))
    def restart_servicenow(self, server: int) -> None:
        """An instance's process starts again."""
        self.instances[server].restart()
        self.model.restart_servicenow(server)

    def ask(self, console: int, policy: int, process: Process, reported: dict[str, str]) -> str:
        """Route the policy's type and ask, both parties and in the model; no two endpoints have one name."""
        if process != self.model.consoles[console].processes[policy]:
            self.consoles[console].change_type(list(POLICIES.values())[policy], process=process.name)
            self.model.consoles[console].processes[policy] = process
        names = {"PolicyName": list(POLICIES)[policy], "InitiatorUserName": "EXAMPLE\\jdoe", "ProcessName": "setup.exe"}
        metadata = {**reported, **names, "AgentName": f"WS-{len(self.model.requests)}", "AgentId": ""}
        request_id = self.consoles[console].ask(metadata)
        self._keep(request_id, console, policy, metadata)
        return request_id

    @invariant()
    def both_sides_agree_with_the_model(self) -> None:
        """State, comment and duration in the consoles, status in ServiceNow, status and comment of each delivery."""
        for server, instance in enumerate(self.instances):
            requests = [(key, each) for key, each in self.model.requests.items() if each.process.server == server]
            statuses = {each["request_id"]: each["status"] for each in instance.find("request")}
            assert statuses == {key: each.in_servicenow(self.model.now) for key, each in requests if not each.deleted}
            responses = sorted(
                (each["request_id"], each["response_status_code"], each["comment"])
                for each in instance.find("response")
            )
            assert responses == sorted(
                (key, each.status, each.decision.comment) for key, each in requests if each.decision is not None
            )
        for console, held in enumerate(self.consoles):
            assert {
                each["request_id"]: (
                    each["state"],
                    each["comment"],
                    each["duration"],
                    each["one_time"],
                    each["process"],
                )
                for each in held.approvals()
            } == {
                key: (
                    each.in_console(self.model.now),
                    each.taken.comment,
                    each.taken.duration,
                    each.is_one_time,
                    each.process.name,
                )
                for key, each in self.model.requests.items()
                if each.console == console
            }

    def _keep(self, request_id: str, console: int, policy: int, metadata: dict[str, str]) -> None:
        process = self.model.consoles[console].processes[policy]
        self.model.requests[request_id] = ModelRequest(console, policy, process, metadata, self.model.now)
        if process.server is not None:
            (row,) = self.instances[process.server].find("request", request_id=request_id)
            asked = json.loads(row["metadata"])
            assert {key: asked.get(key) for key in metadata} == metadata

    def _approver(self, request: ModelRequest) -> WorldFixture:
        server = request.process.server
        assert server is not None
        parties = replace(self.parties, servicenow=self.parties.instances[server])
        return WorldFixture(self.loop, parties, self.instances[server], self.consoles[request.console])

    def _reset_secret(self, console: int, server: int, *, updated: bool) -> ModelUser:
        user = self.model.consoles[console].users[server]
        user.secret_known = updated
        user.has_token = user.has_token and not updated  # it was had for the Secret before
        who = {"user": "Subsidiary"} if server else {}
        control = self.parties.consoles[console].control
        self.loop.run(control.call("POST", "/api-user/reset-secret", {**who, "update_credential": updated}))
        return user

    async def _decide_here(self, request: ModelRequest, request_id: str, answer: ApproverAnswer) -> int:
        control = self.parties.consoles[request.console].control
        path = f"/approval-requests/{request_id}/decide"
        return (await control.ask("POST", path, {"response": answer.response, **answer.values})).status

    async def _delete(self, server: int, sys_id: str) -> int:
        servicenow = self.parties.instances[server]
        return (await servicenow.delete("request", sys_id, servicenow.admin)).status


@pytest.mark.long
@pytest.mark.once
@pytest.mark.hypothesis
def test_both_sides_agree_with_the_model(privman_loop: LoopThread, privman_worlds: WorldBuilder) -> None:
    """However asking, running, deciding, routing, failing, waiting and restarting mix, all end as the model."""
    BothSides.loop, BothSides.worlds = privman_loop, privman_worlds
    run_state_machine_as_test(BothSides, settings=examples(60, stateful_step_count=15))
