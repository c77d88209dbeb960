"""The outbox: responses to deliver, stored in the response table itself.

A decision, its response and the queue's entry are written in one transaction, so no acknowledged decision is lost.
After a crash one may be sent twice; the console recognizes it by its RequestId.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from mock_servicenow.now_platform.dictionary.values import duration_seconds
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext, Session
from mock_servicenow.privilege_manager.approval_requests import ActivityTypes, ApprovalRequests
from mock_servicenow.privilege_manager.delivery_queue import DeliveryQueue, Entry
from mock_servicenow.privilege_manager.registrations import Configuration, Registrations
from mock_servicenow.privilege_manager.tables import AppTables, ResponseRow
from mock_servicenow.privilege_manager.wire_formats import format_clock
from privman_contracts.wire_names import WireNames

Wake = Callable[[str], None]
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One response on its way to the console.

    Attributes:
        retry: 0 for the first attempt, 1 for the first retry.
        decision: the body, by its keys on the wire.
    """

    response_id: str
    configuration: Configuration
    retry: int
    decision: dict[str, str]


class Outbox:
    """Writes responses, and decides which are still to be sent."""

    def __init__(
        self,
        tables: AppTables,
        names: WireNames,
        registrations: Registrations,
        activity_types: ActivityTypes,
        requests: ApprovalRequests,
    ) -> None:
        self.table = tables.response
        self._request = tables.request
        self._key = names.group("keys.decision")
        self._approve = names.word("response", "approve")
        self._retried = names.statuses("retried_statuses")
        self._registrations = registrations
        self._activity_types = activity_types
        self._requests = requests

    def rules(self, queue: DeliveryQueue, wake: Wake) -> list[BusinessRule]:
        """Return the rules that write a response for each decision, and remove a deleted one from the queue.

        Args:
            queue: the queue of deliveries.
            wake: called with the sys_id of a response once it is committed.
        """

        def respond(context: RuleContext) -> None:
            if self._requests.is_decision(context):
                response = self._respond(context)
                queue.add(context.session, response.sys_id, context.session.kernel.clock.now())
                context.session.on_commit(lambda: wake(response.sys_id))

        def forget(context: RuleContext) -> None:
            queue.forget(context.session, context.current["sys_id"])

        return [
            BusinessRule("Respond", self._request.name, "after", frozenset({"update"}), respond),
            BusinessRule("Forget the delivery", self.table.name, "after", frozenset({"delete"}), forget),
        ]

    def delivery(self, session: Session, response_id: str, attempts_made: int) -> Delivery | None:
        """Return the next delivery of a response, None if there is none.

        Args:
            session: reads the response and the request.
            response_id: sys_id of the response.
            attempts_made: so far; the response's own count is lower if a rule refused its updates.

        Raises:
            ConfigurationError: the registration is unusable.
        """
        response = self.table.get(session, response_id)
        request = None if response is None else self._request.get(session, response.request)
        if response is None or request is None:
            return None
        configuration = self._registrations.configuration(session, request.instance_id)
        if attempts_made > configuration.retries or self._is_final(response):
            return None
        return Delivery(response_id, configuration, attempts_made, self._decision(response, request.instance_id))

    def record(self, session: Session, response_id: str, status: int, retry: int) -> None:
        """Store status and retry number of an attempt, unless the response has been deleted meanwhile."""
        if self.table.get(session, response_id) is None:
            return
        values = {ResponseRow.response_status_code: str(status), ResponseRow.retry_attempts: str(retry)}
        self.table.update(session, response_id, values)

    def will_be_retried(self, delivery: Delivery, status: int) -> bool:
        """Return whether an attempt with that status is retried."""
        return status in self._retried and delivery.retry < delivery.configuration.retries

    def state(self, response: ResponseRow, entry: Entry) -> str:
        """Return ``pending``, ``delivered`` or ``failed``."""
        if entry.due is not None:
            return "pending"
        codes = [*(each.status for each in entry.attempts), self.status_code(response)]
        return "delivered" if any(code in _SUCCESS for code in codes) else "failed"

    def status_code(self, response: ResponseRow) -> int:
        """Return the status of the last attempt; 0 without an answer or an attempt."""
        return int(response.response_status_code or 0)

    def retries(self, response: ResponseRow) -> int:
        """Return the number of retries."""
        return int(response.retry_attempts or 0)

    def _is_final(self, response: ResponseRow) -> bool:
        attempted = response.response_status_code != ""
        return attempted and self.status_code(response) not in self._retried

    def _respond(self, context: RuleContext) -> ResponseRow:
        request = self._request.current(context)
        values = {
            ResponseRow.request_id: request.request_id,
            ResponseRow.response: request.status,
            ResponseRow.request: request.sys_id,
        }
        activity_type = self._activity_types.find(context.session, request.activity_type_id)
        if self._activity_types.includes_comment(activity_type):
            values[ResponseRow.comment] = request.comment
        if request.status == self._approve and self._activity_types.includes_duration(activity_type):
            values[ResponseRow.duration] = request.duration
        return self.table.insert(context.session, values)

    def _decision(self, response: ResponseRow, instance_id: str) -> dict[str, str]:
        duration = response.duration
        parts = {
            "RequestId": response.request_id,
            "Response": response.response,
            "Comment": response.comment,
            "Duration": duration and format_clock(timedelta(seconds=duration_seconds(duration))),
            "InstanceId": instance_id,
            "RespondedBy": response.created_by,
        }
        return {self._key[key]: value for key, value in parts.items() if value}
