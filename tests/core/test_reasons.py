"""The reasons of both products: each says in a sentence what is true of a request, and what gives it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, Literal, TypeVar, get_args

import pytest
from msgspec.structs import replace

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


def instance_case(**changes: Any) -> InstanceCase:
    """Return what ServiceNow knows of a request that is decided and has no response to deliver, but for the changes."""
    usual: dict[str, Any] = {
        "names": NAMES,
        "now": NOW,
        "request": row(RequestRow, request_id="r", sys_created_by="console"),
        "pending": False,
        "timed_out": False,
        "changed_at": EARLIER,
        "asked_at": EARLIER,
        "terms": Terms("registered", "1", ("Approve", "Deny"), None, comment=True, duration=True),
        "kind": None,
        "delivery": None,
        "configuration": CONFIGURATION,
        "approvers": ("approver", "admin"),
    }
    return InstanceCase(**usual | changes)


def console_case(request: ApprovalRequest, **changes: Any) -> ConsoleCase:
    """Return what the console knows of a request, and of its server and its next attempt by changes alone."""
    usual: dict[str, Any] = {"server": "", "account": "", "failed": None, "task": None, "mask": str}
    return ConsoleCase(names=NAMES, now=NOW, request=request, **usual | changes)


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
    for delivery, configuration in product((None, *deliveries()), (None, CONFIGURATION)):
        yield instance_case(delivery=delivery, configuration=configuration)
    kinds = (None, *(row(ActivityTypeRow, max_timeout=each) for each in ("", "1970-01-01 16:30:00")))
    states: tuple[State, ...] = get_args(State)
    for pending, state, limit, kind in product((True, False), states, (None, timedelta(hours=1)), kinds):
        terms = Terms(state, "1", ("Approve",), limit, comment=True, duration=True)
        yield instance_case(terms=terms, kind=kind, pending=pending, timed_out=not pending)


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
        yield console_case(request, server=server, account="me", task=task)


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


def found_in(case: InstanceCase | ConsoleCase) -> Iterator[tuple[object, StateReason]]:
    """Yield the reasons that hold of a request, each with what it says."""
    table: ReasonTable[Any] = INSTANCE_REASONS if isinstance(case, InstanceCase) else CONSOLE_REASONS
    yield from ((reason, found) for reason in table if (found := reason(case)))


REQUEST = ApprovalRequest("r", "{}", EARLIER, process="Ask ServiceNow")
ONE_RUN = ApprovalDecision(Response.APPROVE, "", None, "me", one_time=True)
HALF_AN_HOUR = ApprovalDecision(Response.APPROVE, "", timedelta(minutes=30), "me")
TASK = WaitingTask("t", 1, LATER)


def asked(**values: Any) -> ApprovalRequest:
    """Return a request that the console sends to a server."""
    return replace(REQUEST, server_id="1", **values)


def decided(decision: ApprovalDecision, **values: Any) -> ApprovalRequest:
    """Return a request about which ServiceNow has delivered a decision."""
    return asked(sent=True, decision=decision, decided_at=EARLIER, **values)


def delivering(state: str, *attempts: Attempt, retries: int = 3, error: str = "") -> InstanceCase:
    """Return a request that an approver has approved, with the attempts to deliver that."""
    response = row(
        ResponseRow, request_id="r", response="Approve", sys_created_by="ann", sys_created_on="2030-01-01 08:40:00"
    )
    entry = Entry(LATER if state == "pending" else None, leased=False, attempts=attempts, error=error)
    return instance_case(
        delivery=KnownDelivery(response, entry, state),
        configuration=Configuration(
            "me", "secret", timedelta(minutes=1), "http://c/token", "http://c/approve", retries
        ),
    )


def attempt(status: int, **values: Any) -> Attempt:
    """Return an attempt to deliver."""
    return Attempt(EARLIER.isoformat(), status, **values)


def waiting(state: State, limit: timedelta | None, kind: str | None = None, **changes: Any) -> InstanceCase:
    """Return a pending request whose activity type has that state and Max timeout."""
    terms = Terms(state, "1", ("Approve", "Deny"), limit, comment=True, duration=True)
    types = None if kind is None else row(ActivityTypeRow, max_timeout=kind)
    return instance_case(**{"pending": True, "terms": terms, "kind": types} | changes)


ANN_APPROVED = "ann answered Approve at 2030-01-01 08:40:00 UTC."
WAITS = (
    "It has waited since 2030-01-01 08:40:00 UTC for a user with the role approver or admin, "
    "who may answer Approve or Deny."
)
NEVER = "It never times out: its approval process was manual."
ACCEPTED = "The console accepted a delivered decision at 2030-01-01 08:40:00 UTC: Approve by me."
WAITS_FOR_PEOPLE = (
    "It has been pending since 2030-01-01 08:40:00 UTC and waits for a decision in Manage "
    "Approvals: 'Ask ServiceNow' had no ServiceNow server when it was asked for."
)
ENDS = "It times out at 2030-01-01 09:20:00 UTC: the time-out of 'Ask ServiceNow' was 40 min when it was asked for."
STORIES: list[tuple[InstanceCase | ConsoleCase, list[str]]] = [
    (
        instance_case(),
        ["Its status was last changed at 2030-01-01 08:40:00 UTC; ServiceNow has no response to deliver."],
    ),
    (delivering("pending"), ["The decision is about to be sent.", ANN_APPROVED]),
    (
        delivering("pending", attempt(503)),
        [
            (
                "The console has not acknowledged the decision yet: attempt 1 was answered with 503, "
                "which is tried again. The next attempt is due at 2030-01-01 09:20:00 UTC, 40 min later; "
                "the registration allows 3 more."
            ),
            ANN_APPROVED,
        ],
    ),
    (
        delivering("pending", attempt(0), retries=1),
        [
            (
                "The console has not acknowledged the decision yet: attempt 1 got no answer, which is "
                "tried again. The next attempt is due at 2030-01-01 09:20:00 UTC, 40 min later; it is the"
                " last one."
            ),
            ANN_APPROVED,
        ],
    ),
    (
        delivering("pending", attempt(0, token=True)),
        [
            (
                "The decision was not sent, because the token call before it got no usable answer. "
                "ServiceNow logs in with the Username and Password of the registration, as 'me'."
            ),
            (
                "The console has not acknowledged the decision yet: attempt 1 got no token, which is "
                "tried again. The next attempt is due at 2030-01-01 09:20:00 UTC, 40 min later; the "
                "registration allows 3 more."
            ),
            ANN_APPROVED,
        ],
    ),
    (
        delivering("delivered", attempt(200)),
        [ANN_APPROVED, "The console acknowledged the decision at the first attempt, 2030-01-01 08:40:00 UTC."],
    ),
    (
        delivering("failed", attempt(404)),
        ["The console has not acknowledged the decision: it answered 404, which is not tried again.", ANN_APPROVED],
    ),
    (
        delivering("failed", attempt(418)),
        ["The console has not acknowledged the decision: it answered 418, which is not tried again.", ANN_APPROVED],
    ),
    (
        delivering("failed", attempt(503), retries=0),
        [
            (
                "The console has not acknowledged the decision: attempt 1 was answered with 503, and the "
                "registration allows no more."
            ),
            ANN_APPROVED,
        ],
    ),
    (
        delivering("failed", attempt(401, token=True)),
        [
            (
                "The decision was not sent, because the token call before it was answered with 401. "
                "ServiceNow logs in with the Username and Password of the registration, as 'me'."
            ),
            "No attempt follows: 401 is not tried again.",
            ANN_APPROVED,
        ],
    ),
    (
        delivering("failed", attempt(401, token=True, answered=401)),
        [
            (
                "The console answered the decision with 401, and the token call after it was answered "
                "with 401. ServiceNow logs in with the Username and Password of the registration, as "
                "'me'."
            ),
            "No attempt follows: 401 is not tried again.",
            ANN_APPROVED,
        ],
    ),
    (
        delivering("failed", attempt(200, refused=True), error="the console refused it in an envelope"),
        ["The console refused it in an envelope.", ANN_APPROVED],
    ),
    (
        delivering("failed", error="the Endpoint Url is not an address"),
        ["The decision was not sent: the Endpoint Url is not an address.", ANN_APPROVED],
    ),
    (
        waiting("registered", timedelta(hours=1), "1970-01-01 01:00:00"),
        [WAITS, "It times out at 2030-01-01 09:40:00 UTC: the Max timeout of its activity type is 1 h."],
    ),
    (waiting("registered", None, ""), [WAITS, "It never times out: its activity type has no Max timeout."]),
    (
        waiting("registered", None, "9999-01-01 00:00:00"),
        [WAITS, "It never times out: the Max timeout of its activity type is longer than any that is counted."],
    ),
    (
        waiting("deleted", None),
        [WAITS, "Its activity type does not exist any more; it can be decided with the terms that it had then."],
    ),
    (
        waiting("unknown", None),
        [WAITS, "Its activity type does not exist any more; it can be decided without a time limit."],
    ),
    (
        waiting("registered", timedelta(minutes=10), "1970-01-01 00:10:00", pending=False, timed_out=True),
        [
            (
                "ServiceNow recorded no decision within the Max timeout of its activity type (10 min), so"
                " it timed out at 2030-01-01 08:40:00 UTC. No decision is sent."
            )
        ],
    ),
    (console_case(REQUEST), [WAITS_FOR_PEOPLE, NEVER]),
    (console_case(asked(), server="Dev"), ["The request is being sent to Dev.", NEVER]),
    (
        console_case(asked(last_error="it answered 503"), server="Dev", task=TASK),
        [
            (
                "ServiceNow has not acknowledged the request yet: it answered 503. It is sent again at "
                "2030-01-01 09:20:00 UTC, in 20 min."
            ),
            NEVER,
        ],
    ),
    (
        console_case(asked(last_error="it answered 403", refused=True), server="Dev"),
        [
            ("ServiceNow has not acknowledged the request: it answered 403. A refusal is not tried again by itself."),
            NEVER,
        ],
    ),
    (
        console_case(asked(sent=True, times_out_at=LATER), server="Dev"),
        [
            (
                "It has been pending since 2030-01-01 08:40:00 UTC: no decision has been accepted. "
                "Dev posts decisions to the console."
            ),
            ENDS,
        ],
    ),
    (
        console_case(asked(sent=True, times_out_at=NOW, refused_decision="Deny by me: it is late"), server="Dev"),
        [
            "A delivered decision was refused: Deny by me: it is late.",
            (
                "No decision was accepted within 20 min, the time-out that the approval process 'Ask "
                "ServiceNow' had when it was asked for, so it timed out at 2030-01-01 09:00:00 UTC. A "
                "decision that arrives later is refused."
            ),
        ],
    ),
    (
        console_case(replace(REQUEST, last_error="not sent: the server is gone", times_out_at=LATER)),
        ["The request was not sent: the server is gone.", WAITS_FOR_PEOPLE, ENDS],
    ),
    (
        console_case(decided(ONE_RUN, recorded=True), server="Dev"),
        [ACCEPTED, "The approval allows one run, which is still to come."],
    ),
    (
        console_case(decided(ONE_RUN, recorded=True, used_at=NOW), server="Dev"),
        ["The approval allowed one run, which was made at 2030-01-01 09:00:00 UTC.", ACCEPTED],
    ),
    (
        console_case(decided(ONE_RUN, recorded=True, unmatched="a user"), server="Dev"),
        [ACCEPTED, "No run can use the approval: the request was made without a user."],
    ),
    (
        console_case(decided(HALF_AN_HOUR, recorded=True, integration=IntegrationKind.SOAP), server="Dev"),
        [
            "ServiceNow approved it; the console learned that at 2030-01-01 08:40:00 UTC.",
            ("The approval lasts until 2030-01-01 09:10:00 UTC, 30 min after the decision: it has a Duration."),
        ],
    ),
    (
        console_case(decided(HALF_AN_HOUR, decided_here=True), server="Dev"),
        [
            "The decision is being sent to Dev.",
            "It was approved in the console at 2030-01-01 08:40:00 UTC; Dev has not yet acknowledged that.",
            ("The approval lasts until 2030-01-01 09:10:00 UTC, 30 min after the decision: it has a Duration."),
        ],
    ),
]


@pytest.mark.parametrize(("case", "sentences"), STORIES)
def test_the_reasons_of_a_request_are_these(case: InstanceCase | ConsoleCase, sentences: list[str]) -> None:
    """All that hold and no other, in the order of the page."""
    assert [found.sentence for _, found in found_in(case)] == sentences


def test_every_reason_has_a_request_for_which_its_sentence_is_true() -> None:
    """A new reason needs its case in `STORIES`."""
    told = {reason for case, _ in STORIES for reason, _ in found_in(case)}
    assert told == {*INSTANCE_REASONS, *CONSOLE_REASONS}
