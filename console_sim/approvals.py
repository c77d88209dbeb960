"""Approval requests: asked for, sent, decided and looked up (integration 3, 4)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from hashlib import sha256
from typing import Any

import msgspec
import orjson

from console_sim.approval_items import ApprovalProcess, Policy
from console_sim.approval_request import (
    ApprovalDecision,
    ApprovalRequest,
    DeliveredDecision,
    LatestRequest,
    RequestState,
)
from console_sim.automation import Automation, Route
from console_sim.background_tasks import BackgroundTasks
from console_sim.console_store import ConsoleStore
from console_sim.errors import BadRequestError, ConflictError, NotFoundError
from console_sim.json_object import GUID, bare_guid, near, shown, without_braces
from console_sim.messenger import Messenger
from console_sim.pending_requests import PendingRequests
from console_sim.request_sender import RequestSender
from privman_contracts import WireNames
from privman_core.clock import Clock
from privman_core.ids import Ids

_PASCAL_CASE = re.compile(r"[A-Z][A-Za-z0-9]*", re.ASCII)
MOST_ENTRIES = 1_000
"""Entries of the metadata of a request."""
MOST_AT_ONCE = 100
"""Requests that are decided at once."""
_GUIDS = frozenset({"PolicyId", "InitiatorId", "AgentId", "ProcessId"})


class MetadataWriter:
    """Turns an endpoint's report into JSON with PascalCase keys and GUIDs in braces."""

    def __init__(self, names: WireNames, ids: Ids) -> None:
        self._spelling = names.group("keys.metadata")
        self._ids = ids

    def write(self, reported: Mapping[str, Any], policy: Policy | None) -> str:
        """Return the JSON text, with the policy's id and name if the report has none; raises BadRequestError."""
        known = {"PolicyId": self._ids.guid()} if policy is None else {"PolicyId": policy.id, "PolicyName": policy.name}
        return orjson.dumps(self._spelled({**known, **reported})).decode()

    def check(self, reported: Mapping[str, Any]) -> None:
        """Raise BadRequestError as `write` does."""
        self._spelled(reported)

    def _spelled(self, reported: Mapping[str, Any]) -> dict[str, str]:
        if len(reported) > MOST_ENTRIES:
            raise BadRequestError(f"'metadata' has {len(reported):,} entries; expected at most {MOST_ENTRIES:,}")
        return {self._key(key): _value(key, value) for key, value in reported.items()}

    def _key(self, key: str) -> str:
        if _PASCAL_CASE.fullmatch(key) is None:
            raise BadRequestError(f"'metadata' has key {shown(key)}{near(key, self._spelling)}; expected PascalCase")
        return self._spelling.get(key, key)


def _value(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadRequestError(f"{key!r} of 'metadata' is {shown(value)}; expected text")
    bare = without_braces(value)
    if key in _GUIDS and GUID.fullmatch(bare) is not None:
        return f"{{{bare}}}"
    if key == "PolicyId":
        raise BadRequestError(f"{key!r} of 'metadata' is {shown(value)}; expected a GUID")
    return value


def metadata_facts(metadata: str) -> dict[str, str]:
    """Return the keys and values of the JSON text; empty if it was damaged in the database."""
    try:
        return msgspec.json.decode(metadata, type=dict[str, str])
    except msgspec.MsgspecError:
        return {}


_USER = ("InitiatorUserName", "UserName", "InitiatorId")
_COMPUTER = ("AgentId", "AgentName")
_POLICY = ("PolicyId", "PolicyName")
_FILE = ("Sha1Hash", "FilePath", "ProcessName")


def what_is_asked(reported: Mapping[str, str], route: Route) -> str:
    """Return a word for who asks for what: two reports with the same word mean one approval (integration 8).

    Of the policy and the file only those count for which the approval type is specific. The word is empty for a report
    that lacks user, computer, or what the type is specific to: such a report is like no other.
    """
    facts = [_fact(reported, _USER), _fact(reported, _COMPUTER)]
    if route.type.policy_specific:
        facts.append(_fact(reported, _POLICY) if route.policy is None else route.policy.id)
    if route.type.file_specific:
        facts.append(_fact(reported, _FILE))
    return sha256(orjson.dumps([route.type.id, *facts])).hexdigest() if all(facts) else ""


def _fact(reported: Mapping[str, str], keys: tuple[str, ...]) -> str:
    """Return the first of the keys that the report has, with its value; empty if it has none.

    As on Windows, case does not matter; a GUID is the same also in braces. ``lower`` keeps apart what Windows keeps
    apart, such as "straße" and "strasse", which ``casefold`` would not.
    """
    key = next((each for each in keys if reported.get(each)), "")
    if not key:
        return ""
    return f"{key}={bare_guid(reported[key]).lower()}"


@dataclass(frozen=True, slots=True)
class EndpointAnswer:
    """The answer to an endpoint: its request, and whether that is a new one."""

    request: ApprovalRequest
    is_new: bool


class RunOutcome(StrEnum):
    """What happens when the application starts."""

    ALLOWED = "allowed"
    PENDING = "pending"
    ASKED = "asked"


class Approvals:
    """The approval requests that the console owns."""

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        *,
        store: ConsoleStore,
        clock: Clock,
        ids: Ids,
        automation: Automation,
        metadata: MetadataWriter,
        sender: RequestSender,
        messenger: Messenger,
        background: BackgroundTasks,
    ) -> None:
        self._store = store
        self._requests = store.approval_requests
        self._latest = store.latest_requests
        self._clock = clock
        self._ids = ids
        self._automation = automation
        self._metadata = metadata
        self._sender = sender
        self._messenger = messenger
        self._background = background
        self._pending = PendingRequests()

    async def ask(self, reported: Mapping[str, Any]) -> EndpointAnswer:
        """Keep a request and attempt once to send it; while one for the same is pending, return that.

        Raises BadRequestError for the metadata, ConflictError for a policy under which no endpoint asks.
        """
        route = self._automation.route(reported)
        metadata = self._metadata.write(reported, route.policy)
        asked_for = what_is_asked(reported, route)
        known = self._latest_for(asked_for)
        if known is not None and known.state(self._clock.now()) is RequestState.PENDING:
            return EndpointAnswer(known, is_new=False)
        request = self._keep(self._new(metadata, route.process), asked_for)
        return EndpointAnswer(await self._background.result_of(self._announce(request)), is_new=True)

    async def run(self, reported: Mapping[str, Any]) -> tuple[RunOutcome, ApprovalRequest]:
        """Start the application: an approval allows it, else the endpoint asks as `ask` does; raises the same."""
        known, now = self.last_for(reported), self._clock.now()
        if known is not None and known.state(now) is RequestState.APPROVED:
            return RunOutcome.ALLOWED, self._requests.put(known.run(now))
        asked = await self.ask(reported)
        return RunOutcome.ASKED if asked.is_new else RunOutcome.PENDING, asked.request

    def last_for(self, reported: Mapping[str, Any]) -> ApprovalRequest | None:
        """Return the last request for the same, None if there is none; raises as `ask` does."""
        self._metadata.check(reported)
        return self._latest_for(what_is_asked(reported, self._automation.route(reported)))

    def resume(self) -> None:
        """Let requests that were made while the clock was ahead start waiting now, as ServiceNow does."""
        now = self._clock.now()
        for request in self._requests:
            asked = request.asked_by(now)
            if asked is not request:
                self._requests.put(asked)
            if asked.state(now) is RequestState.PENDING:
                self._pending.add(asked, now)

    def pending(self, *, manual_only: bool = False) -> list[str]:
        """Return the ids of the requests that wait for a decision, oldest first.

        ``manual_only`` leaves out those that ServiceNow decides.
        """
        return self._pending.ids(self._clock.now(), manual_only=manual_only)

    def forget(self) -> None:
        """Forget which requests wait."""
        self._pending.clear()

    def find(self, request_id: str) -> ApprovalRequest:
        """Return the request; raises NotFoundError."""
        request = self._requests.get(bare_guid(request_id))
        if request is None:
            raise NotFoundError(f"unknown approval request {request_id!r}")
        return request

    def take_delivered(self, delivered: DeliveredDecision) -> tuple[ApprovalRequest, bool]:
        """Take a decision that ServiceNow delivers (integration 4); return the request and whether it was new.

        Raises NotFoundError for a request that was never sent for that instance, ConflictError for one that was decided
        differently or has timed out, which keeps the refused decision for people to see.
        """
        request = self.find(delivered.request_id)
        if delivered.instance_id not in {"", request.instance_id.lower()}:
            raise NotFoundError(f"approval request {request.request_id} was not sent for {delivered.instance_id!r}")
        try:
            decided = request.decided(delivered.decision, self._clock.now())
        except ConflictError as error:
            self._requests.put(request.refusing(delivered.decision, str(error)))
            raise
        self._pending.remove(request.request_id)
        return self._requests.put(decided.delivered()), decided is not request

    async def decide_here(self, request_id: str, decision: ApprovalDecision) -> ApprovalRequest:
        """Decide in the console and attempt once to record it in ServiceNow; raises as `take_delivered` does."""
        await self.decide_all([request_id], decision)
        return self.find(request_id)

    async def decide_all(self, request_ids: Iterable[str], decision: ApprovalDecision) -> None:
        """Decide all of the requests in the console, or none, and attempt once to record each in ServiceNow.

        Raises as `take_delivered` does, and BadRequestError for more than `MOST_AT_ONCE`.
        """
        now, given = self._clock.now(), list(request_ids)
        if len(given) > MOST_AT_ONCE:
            raise BadRequestError(f"{len(given):,} requests are given; expected at most {MOST_AT_ONCE} at once")
        before = {each.request_id: each for each in map(self.find, given)}.values()
        after = [request.decided(decision, now) for request in before]
        new = [replace(each, decided_here=True) for each, was in zip(after, before, strict=True) if each is not was]
        with self._store.transaction():
            for request in new:
                self._requests.put(request)
        for request in new:
            self._pending.remove(request.request_id)
        await self._background.run_all(partial(self._send, request) for request in new)

    def _latest_for(self, asked_for: str) -> ApprovalRequest | None:
        latest = self._latest.get(asked_for) if asked_for else None
        return None if latest is None else self._requests.get(latest.request_id)

    def _new(self, metadata: str, process: ApprovalProcess) -> ApprovalRequest:
        now = self._clock.now()
        new = ApprovalRequest(
            self._requests.unused(self._ids.guid), metadata, now, process=process.name, server_id=process.server_id
        )
        if process.is_manual:
            return new
        lacking = "" if process.server_id else f"not sent: approval process {process.name!r} has no ServiceNow server"
        return replace(new, times_out_at=now + process.timeout, last_error=lacking)

    def _keep(self, request: ApprovalRequest, asked_for: str) -> ApprovalRequest:
        with self._store.transaction():
            self._requests.put(request)
            if asked_for:
                self._latest.put(LatestRequest(asked_for, request.request_id))
        self._pending.add(request, self._clock.now())
        return request

    async def _announce(self, request: ApprovalRequest) -> ApprovalRequest:
        """Attempt once to send it to ServiceNow, post it to the webhooks made by hand, and return its new state."""
        sent = await self._send(request)
        await self._messenger.post(sent)
        return sent

    async def _send(self, request: ApprovalRequest) -> ApprovalRequest:
        """Attempt once to send what ServiceNow lacks of it, and return its new state."""
        if not request.is_unfinished:
            return request
        await self._sender.send(request.request_id)
        return self._requests.get(request.request_id) or request
