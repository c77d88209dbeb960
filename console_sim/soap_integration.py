"""The older SOAP integration: three scripted services, which the console calls and polls."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial

from msgspec.structs import replace

from console_sim.approval_decision import ApprovalDecision, Response
from console_sim.approval_request import ApprovalRequest, IntegrationKind, RequestState
from console_sim.console_store import ConsoleStore
from console_sim.error_texts import brief
from console_sim.errors import BrokenAnswerError, RefusedError, ResetError
from console_sim.foreign_system import ForeignSystem
from console_sim.foreign_systems import Connector
from console_sim.pending_requests import PendingRequests
from console_sim.request_metadata import read_metadata
from console_sim.server_tasks import ServerTasks, WorkReport
from privman_contracts import WireNames
from privman_core.clock import Clock, Label, Timer
from privman_core.outbound import Purpose

_LONGEST_ID = 256
_SHORTEST_WAIT = timedelta(seconds=1)
_BY = "ServiceNow"
"""Whom a decision names: the services do not say who decided."""
_NOT_RECORDED = "not recorded: the SOAP integration takes no decision of the console"
_CHECK = "Ask ServiceNow for the decision"
_WHY = "The request timed out in Privilege Manager"


class SoapIntegration:
    """Sends requests to the services, asks for their decisions, and cancels those that time out.

    Each request has a timer until it is decided: a failed check is followed by the next one, a failed cancellation is
    retried as every server task.
    """

    def __init__(  # noqa: PLR0913 - what it brings together
        self,
        *,
        store: ConsoleStore,
        names: WireNames,
        clock: Clock,
        connector: Connector,
        server_tasks: ServerTasks,
        pending: PendingRequests,
    ) -> None:
        self._systems = store.foreign_systems
        self._requests = store.approval_requests
        self._clock = clock
        self._connector = connector
        self._server_tasks = server_tasks
        self._pending = pending
        self._names = names
        self._service = names.group("words.soap_service")
        self._status = {word: canonical for canonical, word in names.group("words.soap_status").items()}
        self._metadata = names.group("keys.metadata")
        self._one_time = names.choice("approval_without_duration") == "one_time"
        self._timers: dict[str, Timer] = {}

    async def send(self, system: ForeignSystem, request: ApprovalRequest) -> None:
        """Let ServiceNow make an item of the request, and begin to ask for its decision."""
        if request.decision is not None:
            raise RefusedError(_NOT_RECORDED)
        self._requests.change(
            request.request_id, lambda current: replace(current, instance_id="", attempts=current.attempts + 1)
        )
        services = self._connector.open_services(system, Purpose((request.request_id,)))
        outputs = await services.execute(self._service["create"], self._inputs(request))
        name = self._names.key("soap_created", "PMRequestId")
        item = outputs.get(name, "")
        if not 0 < len(item) <= _LONGEST_ID:
            raise BrokenAnswerError(f"the answer has {name} {brief(item)}; expected 1 to {_LONGEST_ID} characters")
        url = services.url(self._service["create"])
        self._requests.change(request.request_id, lambda current: current.acknowledged(item, url, IntegrationKind.SOAP))
        self._watch(request)

    async def record(self, system: ForeignSystem, request: ApprovalRequest, decision: ApprovalDecision) -> None:  # noqa: ARG002 - as `Integration` has it
        """Raise RefusedError: no service takes a decision."""
        raise RefusedError(_NOT_RECORDED)

    def resume(self) -> None:
        """Go on with the requests of the previous process."""
        for request in self._requests:
            if self._is_open(request):
                self._watch(request)

    def forget(self) -> None:
        """Stop asking, after a reset."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    @staticmethod
    def _is_open(request: ApprovalRequest) -> bool:
        """Return whether ServiceNow has the request, and a decision or cancellation is still to come."""
        by_soap = request.integration is IntegrationKind.SOAP
        return by_soap and request.sent and request.decision is None and not request.recorded

    def _inputs(self, request: ApprovalRequest) -> Mapping[str, str]:
        """Return the inputs by their names: each is named as its key of the metadata, after ``PM``."""
        reported = read_metadata(request.metadata)
        values = {"PMApprovalId": request.request_id, "PMInitiatorName": self._initiator(reported)}
        return {
            name: values.get(key) or reported.get(self._metadata.get(key.removeprefix("PM"), ""), "")
            for key, name in self._names.group("keys.soap_create").items()
        }

    def _initiator(self, reported: Mapping[str, str]) -> str:
        given = (reported.get(self._metadata[key], "") for key in ("InitiatorUserName", "UserName"))
        return next(filter(None, given), "")

    def _watch(self, request: ApprovalRequest) -> None:
        """Look after the request when it is to be checked, or times out, whichever is first."""
        check_at = self._clock.now() + max(request.check_every, _SHORTEST_WAIT)
        when = min(check_at, request.times_out_at or check_at)
        look, label = partial(self._look_after, request.request_id), Label(_CHECK, request.request_id, "check")
        self._timers[request.request_id] = self._clock.call_at(when, look, label)

    async def _look_after(self, request_id: str) -> None:
        self._timers.pop(request_id, None)
        request = self._requests.get(request_id)
        system = None if request is None else self._systems.get(request.server_id)
        if request is None or system is None or not self._is_open(request):
            return
        with suppress(ResetError):
            if request.state(self._clock.now()) is RequestState.TIMED_OUT:
                work = partial(self._cancel, system, request)
                await self._server_tasks.run(f"Cancel approval request {request_id}", work, about=request_id)
                return
            work = partial(self._check, system, request)
            name = f"Check approval request {request_id}"
            await self._server_tasks.run(name, work, retried=False, about=request_id)
            current = self._requests.get(request_id)
            if current is not None and self._is_open(current):
                self._watch(current)

    async def _check(self, system: ForeignSystem, request: ApprovalRequest) -> WorkReport:
        """Take the decision, if there is one; raises ServiceNowError."""
        name, comment = (self._names.key("soap_checked", each) for each in ("PMApprovalStatus", "PMComment"))
        inputs = {self._names.key("soap_check", "PMGetRequestId"): request.sys_id}
        services = self._connector.open_services(system, Purpose((request.request_id,)))
        outputs = await services.execute(self._service["check"], inputs)
        word = outputs.get(name, "")
        status = self._status.get(word)
        if status is None:
            raise BrokenAnswerError(f"the answer has {name} {brief(word)}; expected one of {', '.join(self._status)}")
        if status == "pending":
            return WorkReport("ServiceNow has no decision yet")
        taken = self._take(request.request_id, self._decision(status, outputs.get(comment, "")))
        ours = "taken" if taken else "not taken, because the request does not wait any more"
        return WorkReport(f"ServiceNow's decision, {word}, was {ours}")

    def _decision(self, status: str, comment: str) -> ApprovalDecision:
        """Return the decision; what is invalid is denied."""
        response = Response.APPROVE if status == "approved" else Response.DENY
        return ApprovalDecision(response, comment, None, _BY, self._one_time and response is Response.APPROVE)

    def _take(self, request_id: str, decision: ApprovalDecision) -> bool:
        """Take a decision, unless the request was decided in the console, or timed out, during the call."""
        now, current = self._clock.now(), self._requests.get(request_id)
        if current is None or current.state(now) is not RequestState.PENDING:
            return False
        self._requests.put(current.decided(decision, now).delivered())
        self._pending.remove(request_id)
        return True

    async def _cancel(self, system: ForeignSystem, request: ApprovalRequest) -> WorkReport:
        """Take the request back; raises ServiceNowError."""
        key = self._names.group("keys.soap_cancel")
        inputs = {key["PMCancelRequestId"]: request.sys_id, key["PMCancelComment"]: _WHY}
        services = self._connector.open_services(system, Purpose((request.request_id,)))
        await services.execute(self._service["cancel"], inputs)
        self._requests.change(request.request_id, lambda current: replace(current, recorded=True))
        return WorkReport("ServiceNow acknowledged the cancellation")
