"""One approval request as the instance's cockpit shows it."""

from collections.abc import Callable, Iterator
from datetime import datetime

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.privilege_manager.approval_services import REQUESTED_ITEMS
from mock_servicenow.privilege_manager.deliverer import KnownDelivery
from mock_servicenow.privilege_manager.delivery_queue import Attempt
from mock_servicenow.privilege_manager.registrations import Configuration, ConfigurationError
from mock_servicenow.privilege_manager.scoped_app import PrivilegeManagerApp
from mock_servicenow.privilege_manager.tables import RequestRow
from mock_servicenow.privilege_manager.wire_formats import json_object, parse_moment
from mock_servicenow.ui.instance_reasons import INSTANCE_REASONS, InstanceCase
from privman_contracts.state_reasons import documented
from privman_contracts.wire_names import WireNames
from privman_core.cockpit.approval_facts import (
    AttemptRow,
    DatedEvent,
    DeliveryState,
    LabeledFact,
    RequestDetail,
    RequestOutcome,
)
from privman_core.cockpit.bounded_texts import Tone
from privman_core.cockpit.time_words import moment_in_words
from privman_core.cuts import cut

_ATTEMPTS = 20
_LONGEST = 200
_TONES: dict[str, Tone] = {"delivered": "good", "failed": "bad"}


_ITEM_OUTCOMES: dict[str, RequestOutcome] = {
    "approved": "approved",
    "rejected": "denied",
    "pending": "open",
    "invalid": "denied",  # as the console takes it
}


class InstanceRequests:
    """Describes the approval requests of an instance.

    Args:
        mask: hides secrets that a console's messages may repeat.
    """

    def __init__(
        self, instance: Instance, app: PrivilegeManagerApp, names: WireNames, mask: Callable[[str], str]
    ) -> None:
        self._instance = instance
        self._app = app
        self._names = names
        self._mask = mask
        status, response = names.group("words.request_status"), names.group("words.response")
        self._pending, self._timed_out = status["pending"], status["timed_out"]
        self._outcomes: dict[str, RequestOutcome] = {
            status["pending"]: "open",
            status["timed_out"]: "timed out",
            response["approve"]: "approved",
            response["deny"]: "denied",
        }

    async def find(self, request_id: str) -> RequestDetail | None:
        """Return a request as the instance knows it; None if it has none with that RequestId."""
        deliveries = await self._app.deliverer.of_request(request_id)
        return await self._instance.run(lambda: self._find(request_id, deliveries))

    def delivery(self, known: KnownDelivery) -> DeliveryState:
        """Return a delivery as the cockpit shows it."""
        attempts = known.entry.attempts
        shown = [_attempt(each) for each in attempts[-_ATTEMPTS:]]
        return DeliveryState(
            name=known.response.response,
            state=known.state,
            tone=_TONES.get(known.state, "quiet"),
            about=known.response.request_id,
            attempts=shown,
            earlier=len(attempts[:-_ATTEMPTS]),
            next_at=known.next_at,
            error=self._mask(known.entry.error),
        )

    def _find(self, request_id: str, deliveries: list[KnownDelivery]) -> RequestDetail | None:
        table = self._app.tables.request
        with self._instance.transaction(self._instance.system) as session:
            record = session.find_alike(table.name, **{table[RequestRow.request_id]: request_id})
            return self._item(session, request_id) if record is None else self._detail(session, record, deliveries)

    def _item(self, session: Session, request_id: str) -> RequestDetail | None:
        """Return a request of the older integration, which is a requested item of the catalog."""
        item = self._app.soap.item_of(session, request_id)
        if item is None:
            return None
        page, status = self._page(REQUESTED_ITEMS, item.sys_id), self._app.soap.status_of(item)
        sentence = (
            f"It is the requested item {item['number']}, made by a scripted SOAP service; its status is {status}."
        )
        return RequestDetail(
            request_id=request_id,
            state=status,
            outcome=_ITEM_OUTCOMES[status],
            page=page,
            facts=[LabeledFact("Requested item", item["number"], page)],
            reasons=[documented("D", "set-up-servicenow.md", sentence)],
        )

    def _detail(self, session: Session, record: Record, deliveries: list[KnownDelivery]) -> RequestDetail:
        case = self._case(session, record, deliveries)
        request = case.request
        registrations = [each for each in (request.instance_id, request.activity_type_id) if each]
        return RequestDetail(
            request_id=request.request_id,
            state=request.status,
            outcome=self._outcomes.get(request.status, "open"),
            page=self._page(self._app.tables.request.name, request.sys_id),
            facts=list(self._facts(case)),
            reasons=INSTANCE_REASONS.apply(case),
            events=list(_events(case)),
            deliveries=[self.delivery(each) for each in deliveries],
            registrations=[each.lower() for each in registrations],
        )

    def _case(self, session: Session, record: Record, deliveries: list[KnownDelivery]) -> InstanceCase:
        tables = self._app.tables
        request = tables.request.row(record)
        asked_at, now = parse_moment(request.created_on), self._instance.clock.now()
        return InstanceCase(
            names=self._names,
            now=now,
            request=request,
            pending=request.status == self._pending,
            timed_out=request.status == self._timed_out,
            changed_at=parse_moment(record["sys_updated_on"]) or asked_at or now,
            asked_at=asked_at,
            terms=self._app.activity_types.terms(session, request.activity_type_id),
            kind=tables.activity_type.get(session, request.activity_type_id),
            delivery=deliveries[0] if deliveries else None,
            configuration=self._configuration(session, request.instance_id),
            approvers=(tables.approver_role, tables.admin_role),
        )

    def _configuration(self, session: Session, instance_id: str) -> Configuration | None:
        try:
            return self._app.registrations.configuration(session, instance_id)
        except ConfigurationError:
            return None

    def _facts(self, case: InstanceCase) -> Iterator[LabeledFact]:
        tables, request = self._app.tables, case.request
        yield LabeledFact("Status", request.status, self._page(tables.request.name, request.sys_id))
        if policy := self._policy(request.metadata):
            yield LabeledFact("Policy", policy)
        if case.asked_at is not None:
            yield LabeledFact("Received", moment_in_words(case.asked_at))
        if case.kind is not None:
            yield LabeledFact("Activity type", case.kind.name, self._page(tables.activity_type.name, case.kind.sys_id))
        registration = self._page(tables.configuration.name, request.instance_id)
        yield LabeledFact("Instance Id", request.instance_id, registration)
        if request.comment:
            yield LabeledFact("Comment", self._mask(cut(request.comment, _LONGEST)))
        if case.delivery is not None:
            response = case.delivery.response
            yield LabeledFact("Decision", response.response, self._page(tables.response.name, response.sys_id))
            yield LabeledFact("By", response.created_by)

    def _policy(self, metadata: str) -> str:
        key = self._names.group("keys.metadata")
        known = json_object(metadata) or {}
        found = known.get(key["PolicyName"]) or known.get(key["PolicyId"]) or ""
        return self._mask(cut(str(found), _LONGEST))

    @staticmethod
    def _page(table: str, sys_id: str) -> str:
        return f"/{table}.do?sys_id={sys_id}"


def _events(case: InstanceCase) -> Iterator[DatedEvent]:
    """Yield what happened to a request, and what falls due."""
    if case.pending and case.deadline is not None:
        yield DatedEvent(case.deadline, "times out, unless a decision is recorded", due=True)
    if case.timed_out:
        yield DatedEvent(case.changed_at, "times out: no decision was recorded", "bad")
    if case.delivery is None:
        return
    response, due = case.delivery.response, case.delivery.next_at
    made = parse_moment(response.created_on) or case.changed_at
    yield DatedEvent(made, f"{response.created_by} has answered {response.response}", order="received")
    if due is not None:
        yield DatedEvent(due, "sends the decision again" if case.last else "sends the decision", due=True)


def _attempt(attempt: Attempt) -> AttemptRow:
    outcome = str(attempt.status or "no answer")
    if attempt.refused:
        outcome = f"{outcome} with an error"
    if attempt.token:
        outcome = f"{outcome} to the token call"
    return AttemptRow(datetime.fromisoformat(attempt.at), outcome)
