"""Approval requests: asked for, sent, decided and looked up (integration 3, 4)."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import orjson

from console_sim.approval_request import ApprovalDecision, ApprovalRequest, DeliveredDecision
from console_sim.console_store import ConsoleStore
from console_sim.errors import BadRequestError, NotFoundError
from console_sim.json_object import GUID, near, shown
from console_sim.request_sender import RequestSender
from privman_contracts import WireNames
from privman_core.clock import Clock
from privman_core.ids import Ids

_PASCAL_CASE = re.compile(r"[A-Z][A-Za-z0-9]*", re.ASCII)
_GUIDS = frozenset({"PolicyId", "InitiatorId", "AgentId", "ProcessId"})


class MetadataWriter:
    """Turns an endpoint's report into JSON with PascalCase keys and GUIDs in braces."""

    def __init__(self, names: WireNames, ids: Ids) -> None:
        self._spelling = names.group("keys.metadata")
        self._ids = ids

    def write(self, reported: Mapping[str, Any]) -> str:
        """Return the JSON text, with a PolicyId if the report has none; raises BadRequestError."""
        complete = {"PolicyId": self._ids.guid(), **reported}
        return orjson.dumps({self._key(key): _value(key, value) for key, value in complete.items()}).decode()

    def _key(self, key: str) -> str:
        if _PASCAL_CASE.fullmatch(key) is None:
            raise BadRequestError(f"'metadata' has key {shown(key)}{near(key, self._spelling)}; expected PascalCase")
        return self._spelling.get(key, key)


def _value(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadRequestError(f"{key!r} of 'metadata' is {shown(value)}; expected text")
    bare = value.removeprefix("{").removesuffix("}")
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


class Approvals:
    """The approval requests that the console owns."""

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        *,
        store: ConsoleStore,
        clock: Clock,
        ids: Ids,
        metadata: MetadataWriter,
        sender: RequestSender,
        max_timeout: timedelta,
    ) -> None:
        self._requests = store.approval_requests
        self._clock = clock
        self._ids = ids
        self._metadata = metadata
        self._sender = sender
        self._max_timeout = max_timeout

    async def ask(self, reported: Mapping[str, Any]) -> ApprovalRequest:
        """Keep a request and attempt once to send it; raises BadRequestError."""
        metadata = self._metadata.write(reported)
        now = self._clock.now()
        request = self._requests.put(ApprovalRequest(self._new_id(), metadata, now, now + self._max_timeout))
        return await self._send(request)

    def resume(self) -> None:
        """Let requests that were made while the clock was ahead start waiting now, as ServiceNow does."""
        now = self._clock.now()
        ahead = [each for each in self._requests if each.asked_by(now) is not each]
        for request in ahead:
            self._requests.put(request.asked_by(now))

    def find(self, request_id: str) -> ApprovalRequest:
        """Return the request; raises NotFoundError."""
        request = self._requests.get(request_id.lower())
        if request is None:
            raise NotFoundError(f"unknown approval request {request_id!r}")
        return request

    def take_delivered(self, delivered: DeliveredDecision) -> tuple[ApprovalRequest, bool]:
        """Take a decision that ServiceNow delivers (integration 4); return the request and whether it was new.

        Raises NotFoundError for a request that was never sent for that instance, ConflictError for one that was decided
        differently or has timed out.
        """
        request = self.find(delivered.request_id)
        if delivered.instance_id not in {"", request.instance_id.lower()}:
            raise NotFoundError(f"approval request {request.request_id} was not sent for {delivered.instance_id!r}")
        decided = request.decided(delivered.decision, self._clock.now())
        return self._requests.put(decided.delivered()), decided is not request

    async def decide_here(self, request_id: str, decision: ApprovalDecision) -> ApprovalRequest:
        """Decide in the console and attempt once to record it in ServiceNow; raises as `take_delivered` does."""
        request = self.find(request_id)
        decided = request.decided(decision, self._clock.now())
        if decided is request:
            return request
        return await self._send(self._requests.put(replace(decided, decided_here=True)))

    async def _send(self, request: ApprovalRequest) -> ApprovalRequest:
        """Attempt once to send it and return its new state."""
        await self._sender.send(request.request_id)
        return self._requests.get(request.request_id) or request

    def _new_id(self) -> str:
        # One seed gives the same identifiers after every restart, and the database still has the earlier ones.
        while self._requests.get(request_id := self._ids.guid()) is not None:
            pass
        return request_id
