"""The reasons of both products: each can be reached, and says in a sentence what gives it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, Literal, TypeVar, get_args

import pytest

from console_sim.approval_decision import ApprovalDecision, Response
from console_sim.approval_request import ApprovalRequest, IntegrationKind
from console_sim.server_tasks import WaitingTask
from console_sim.ui.console_reasons import CONSOLE_REASONS, ConsoleCase
from mock_servicenow.privilege_manager.approval_requests import Terms
from mock_servicenow.privilege_manager.deliverer import KnownDelivery
from mock_servicenow.privilege_manager.delivery_queue import Attempt, Entry
from mock_servicenow.privilege_manager.registrations import Configuration
from mock_servicenow.privilege_manager.tables import ActivityTypeRow, RequestRow, ResponseRow, Row
from mock_servicenow.ui.instance_reasons import INSTANCE_REASONS, InstanceCase
from privman_contracts import WireNames
from privman_contracts.evidence import load_pages
from privman_contracts.state_reasons import ReasonTable
from privman_core.cockpit.approval_facts import StateReason

NAMES, PAGES = WireNames.load(), load_pages()
NOW = datetime(2030, 1, 1, 9, tzinfo=UTC)
EARLIER, LATER = NOW - timedelta(minutes=20), NOW + timedelta(minutes=20)
CONFIGURATION = Configuration("me", "secret", timedelta(minutes=1), "http://c/token", "http://c/approve", 3)
State = Literal["registered", "deleted", "unknown"]
AnyRow = TypeVar("AnyRow", bound=Row)


def row(kind: type[AnyRow], **values: str) -> AnyRow:
    """Return a row of a table of the app."""
    return kind({"sys_id": "1", **values}, {name: name for name in values})


def deliveries() -> Iterator[KnownDelivery]:
    """Yield deliveries in each state, before any attempt and after each kind of attempt."""
    response = row(ResponseRow, request_id="r", response="Approve")
    at = EARLIER.isoformat()
    refused, unauthorized = Attempt(at, 200, refused=True), Attempt(at, 401, token=True, answered=401)
    others = (Attempt(at, status) for status in (200, 404, 418, 503))
    tokens = (Attempt(at, status, token=True) for status in (0, 401))
    lists = [(), *((each,) for each in (refused, unauthorized, *others, *tokens))]
    for state, attempts, leased in product(("pending", "delivered", "failed"), lists, (False, True)):
        yield KnownDelivery(response, Entry(LATER if state == "pending" else None, leased, attempts, "no"), state)


def instance_cases() -> Iterator[InstanceCase]:
    """Yield what ServiceNow may know of requests: decided ones with each delivery, others with each activity type."""
    usual: dict[str, Any] = {
        "names": NAMES,
        "now": NOW,
        "request": row(RequestRow, request_id="r"),
        "changed_at": EARLIER,
        "asked_at": EARLIER,
        "terms": Terms("registered", "1", ("Approve", "Deny"), None, comment=True, duration=True),
        "kind": None,
        "delivery": None,
        "configuration": CONFIGURATION,
        "approvers": ("approver", "admin"),
    }
    for delivery, configuration in product((None, *deliveries()), (None, CONFIGURATION)):
        changed = {"delivery": delivery, "configuration": configuration}
        yield InstanceCase(**usual | changed, pending=False, timed_out=False)
    kinds = (None, *(row(ActivityTypeRow, max_timeout=each) for each in ("", "1970-01-01 16:30:00")))
    states: tuple[State, ...] = get_args(State)
    for pending, state, limit, kind in product((True, False), states, (None, timedelta(hours=1)), kinds):
        terms = Terms(state, "1", ("Approve",), limit, comment=True, duration=True)
        yield InstanceCase(**usual | {"terms": terms, "kind": kind}, pending=pending, timed_out=not pending)


def console_cases() -> Iterator[ConsoleCase]:
    """Yield what the console may know of requests: sent or not, decided by each party or by none, and timed out."""
    approved = ApprovalDecision(Response.APPROVE, "", None, "me", one_time=True)
    timed = ApprovalDecision(Response.APPROVE, "", timedelta(minutes=30), "me")
    denied = ApprovalDecision(Response.DENY, "", None, "me")
    flags = (False, True)
    decisions = product((None, approved, timed, denied), flags, (None, EARLIER), ("", "a user"))
    ways = product(("", "server"), flags, ("", "no answer"), (None, WaitingTask("t", 1, LATER)), IntegrationKind)
    limits = None, LATER, EARLIER
    for (decision, here, used, lacks), way, limit in product(decisions, list(ways), limits):
        server, sent, error, task, integration = way
        request = ApprovalRequest(
            "r",
            "{}",
            EARLIER,
            times_out_at=limit,
            server_id=server,
            integration=integration,
            sent=sent,
            last_error=error,
            refused=sent,
            decision=decision,
            decided_at=EARLIER if decision else None,
            decided_here=here and decision is not None,
            recorded=sent,
            used_at=used if decision else None,
            unmatched=lacks,
            refused_decision="Deny by me: it is late" if lacks else "",
        )
        yield ConsoleCase(
            names=NAMES, now=NOW, request=request, server=server, account="me", failed=None, task=task, mask=str
        )


def is_sound(reason: StateReason) -> bool:
    """Return whether the sentences are whole, and the rule or page that is cited gives the evidence."""
    is_whole = reason.sentence.endswith(".") and (not reason.cause or reason.cause.endswith("."))
    if reason.rule:
        return is_whole and NAMES.find(reason.rule).evidence == reason.evidence
    if reason.evidence == "I":
        return is_whole and reason.source in {"", *PAGES}
    return is_whole and PAGES[reason.source].mark == reason.evidence


@pytest.mark.parametrize(("table", "cases"), [(INSTANCE_REASONS, instance_cases), (CONSOLE_REASONS, console_cases)])
def test_each_reason_can_be_reached_and_cites_what_gives_it(table: ReasonTable[Any], cases: Any) -> None:
    """It is a sentence, and names a rule of ``inferred.yaml`` or a page of ``sources.yaml``."""
    reached = set()
    for case, reason in product(cases(), table):
        if found := reason(case):
            reached.add(reason)
            assert is_sound(found), found
    assert reached == {*table}
