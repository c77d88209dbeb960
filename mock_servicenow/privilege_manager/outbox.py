"""The outbox: responses to deliver, stored in the response table itself.

A decision, its response and the queue's entry are written in one transaction, so no acknowledged decision is lost.
After a crash one may be sent twice; the console recognizes it by its RequestId.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.values import duration_seconds
from mock_servicenow.now_platform.errors import OperationFailed, RecordNotFound
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext, Session
from mock_servicenow.privilege_manager.approval_requests import ActivityTypes, RequestRules
from mock_servicenow.privilege_manager.delivery_queue import Attempt, Attempts, DeliveryQueue, Entry
from mock_servicenow.privilege_manager.registrations import Configuration, ConfigurationError, Registrations
from mock_servicenow.privilege_manager.tables import AppTables, RequestRow, ResponseRow
from mock_servicenow.privilege_manager.wire_formats import format_clock
from privman_contracts.wire_names import WireNames

Wake = Callable[[str], None]
NO_ANSWER = 0
"""The status of an attempt without an answer."""
_SUCCESS = range(200, 300)


class Delivery(Struct, frozen=True):
    """One response on its way to the console, claimed by this process.

    Attributes:
        request_id: in lower case.
        attempts_made: the earlier attempts.
        decision: the body, by its keys on the wire.
    """

    response_id: str
    request_id: str
    configuration: Configuration
    attempts_made: Attempts
    decision: dict[str, str]


class Outbox:
    """Writes responses, decides which are still to be sent, and records the attempts."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it brings together
        self,
        tables: AppTables,
        names: WireNames,
        registrations: Registrations,
        activity_types: ActivityTypes,
        request_rules: RequestRules,
        queue: DeliveryQueue,
    ) -> None:
        self.responses = tables.response
        self._requests_table = tables.request
        self._keys = names.group("keys.decision")
        self._approve = names.word("response", "approve")
        self._retried = names.statuses("retried_statuses")
        self._registrations = registrations
        self._activity_types = activity_types
        self._request_rules = request_rules
        self._queue = queue

    def rules(self, wake: Wake) -> list[BusinessRule]:
        """Return the rules that write a response for each decision, and remove a deleted response from the queue.

        Args:
            wake: called with the sys_id of a response once it is committed.
        """

        def respond(context: RuleContext) -> None:
            if request := self._request_rules.decided(context):
                session, response = context.session, self._respond(context.session, request)
                self._queue.add(session, response.sys_id, session.kernel.clock.now())
                session.on_commit(partial(wake, response.sys_id))

        def forget(context: RuleContext) -> None:
            self._queue.forget(context.session, context.current["sys_id"])

        return [
            BusinessRule("Respond", self._requests_table.name, "after", frozenset({"update"}), respond),
            BusinessRule("Forget the delivery", self.responses.name, "after", frozenset({"delete"}), forget),
        ]

    def claim(self, session: Session, response_id: str, due: datetime) -> Delivery | None:
        """Return the delivery that this process must make now; None if another does, or nothing is due.

        Args:
            session: reads the response and the request.
            response_id: sys_id of the response.
            due: the due time that the caller has read; if the queue has another, a different process was faster.
        """
        made = self._queue.claim(session, response_id, session.kernel.clock.now(), due)
        if made is None:
            return None
        delivery, error = None, ""
        try:
            delivery = self._delivery(session, response_id, made)
        except ConfigurationError as unusable:
            refused = self._update(session, response_id, NO_ANSWER, 0)
            error = refused or str(unusable)
        if delivery is None:
            self._queue.settle(session, response_id, made, None, error)
        return delivery

    def record(self, session: Session, delivery: Delivery, attempt: Attempt, error: str) -> datetime | None:
        """Record an attempt and return the time of the next one.

        Args:
            session: writes the response, unless it has been deleted meanwhile.
            delivery: as claimed.
            attempt: the one that has just been made.
            error: why it failed; empty if the status says so.
        """
        retry, configuration = len(delivery.attempts_made), delivery.configuration
        again = attempt.status in self._retried and retry < configuration.retries
        due = session.kernel.clock.now() + configuration.wait if again else None
        refused = self._update(session, delivery.response_id, attempt.status, retry)
        self._queue.settle(session, delivery.response_id, (*delivery.attempts_made, attempt), due, refused or error)
        return due

    def state(self, response: ResponseRow, entry: Entry) -> str:
        """Return ``pending``, ``delivered`` or ``failed``."""
        if entry.due is not None:
            return "pending"
        if any(each.refused for each in entry.attempts):
            return "failed"
        codes = [*(each.status for each in entry.attempts), self.status_code(response)]
        return "delivered" if any(code in _SUCCESS for code in codes) else "failed"

    def status_code(self, response: ResponseRow) -> int:
        """Return the status of the last attempt; 0 without an answer or an attempt."""
        return int(response.response_status_code or 0)

    def retries(self, response: ResponseRow) -> int:
        """Return the number of retries."""
        return int(response.retry_attempts or 0)

    def _delivery(self, session: Session, response_id: str, made: Attempts) -> Delivery | None:
        """Return the next delivery of a response, None if there is none; raises ConfigurationError.

        ``made`` counts, because the response's own count of retries is lower if a rule refused its updates.
        """
        response = self.responses.get(session, response_id)
        request = None if response is None else self._requests_table.get(session, response.request)
        if response is None or request is None:
            return None
        configuration = self._registrations.configuration(session, request.instance_id)
        is_final = response.response_status_code != "" and self.status_code(response) not in self._retried
        if len(made) > configuration.retries or is_final:
            return None
        decision = self._decision(response, request.instance_id)
        return Delivery(response_id, response.request_id.lower(), configuration, made, decision)

    def _update(self, session: Session, response_id: str, status: int, retry: int) -> str:
        """Update the response; return why that was refused, or an empty text. The queue has the outcome anyway."""
        values = {ResponseRow.response_status_code: str(status), ResponseRow.retry_attempts: str(retry)}
        try:
            self.responses.update(session, response_id, values)
        except RecordNotFound:  # deleted meanwhile
            return ""
        except OperationFailed as refusal:  # by a business rule or a data policy
            return f"the response could not be updated: {refusal}"
        return ""

    def _respond(self, session: Session, request: RequestRow) -> ResponseRow:
        values = {
            ResponseRow.request_id: request.request_id,
            ResponseRow.response: request.status,
            ResponseRow.request: request.sys_id,
        }
        terms = self._activity_types.terms(session, request.activity_type_id)
        if terms.comment:
            values[ResponseRow.comment] = request.comment
        if request.status == self._approve and terms.duration:
            values[ResponseRow.duration] = request.duration
        return self.responses.insert(session, values)

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
        return {self._keys[key]: value for key, value in parts.items() if value}
