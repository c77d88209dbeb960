"""Messages about what a posted form has done."""

from collections.abc import Callable, Sequence

from aiohttp import web

from console_sim.approval_decision import Response
from console_sim.approval_request import ApprovalRequest
from console_sim.errors import ServiceNowError
from console_sim.foreign_system import ForeignSystem
from console_sim.ui.console_gate import ConsoleVisit

_GOING_ON = "an attempt is going on"


def changes_text(before: object, after: object) -> str:
    """Return the message about a form that was saved."""
    return "Nothing was changed, because everything was saved already" if before == after else "Changes saved"


def renewed_text(before: ForeignSystem, after: ForeignSystem) -> str:
    """Return that ServiceNow had lost records, which the console has registered anew; empty if it had lost none."""
    records = {
        "registration": (before.registration, after.registration),
        "activity type": (before.activity_type, after.activity_type),
    }
    lost = [name for name, (then, now) in records.items() if then.sys_id and now.sys_id not in {"", then.sys_id}]
    if not lost or before.address != after.address:
        return ""
    return f"ServiceNow no longer had the {' and the '.join(lost)}, so the console has registered anew"


def see_registration(visit: ConsoleVisit, page: str, changes: str, failure: ServiceNowError | None) -> web.Response:
    """Redirect to a page that shows what was changed, and why the server task failed if it did."""
    if failure is None:
        return visit.see(page, changes)
    return visit.see(page, f"{changes}. ServiceNow has not acknowledged the registration: {failure}", "wait")


def see_decided(
    visit: ConsoleVisit,
    page: str,
    before: Sequence[ApprovalRequest],
    after: Sequence[ApprovalRequest],
    whose: Callable[[ApprovalRequest], str],
) -> web.Response:
    """Redirect to a page that shows what a decision has changed, and what of it ServiceNow has acknowledged.

    Args:
        visit: posted the decision.
        page: its address.
        before: the requests before the decision.
        after: the same requests after it.
        whose: names the user and policy of a request whose decision is not acknowledged.
    """
    new = [now for then, now in zip(before, after, strict=True) if then.decision is None]
    lacking = [each for each in new if each.unrecorded_decision is not None and each.server_id]
    told = [_decided(new), _decided_before(len(after) - len(new)), _acknowledged(new, lacking, whose)]
    return visit.see(page, ". ".join(filter(None, told)), "wait" if lacking or not new else "good")


def _decided(new: Sequence[ApprovalRequest]) -> str:
    if not new:
        return "Nothing was decided"
    verb = "Denied" if new[0].decision is not None and new[0].decision.response is Response.DENY else "Approved"
    return f"{verb} {_counted(len(new))}"


def _decided_before(count: int) -> str:
    return f"The same decision had been taken before about {_counted(count)}" if count else ""


def _acknowledged(
    new: Sequence[ApprovalRequest], lacking: Sequence[ApprovalRequest], whose: Callable[[ApprovalRequest], str]
) -> str:
    """Return how many decisions ServiceNow has acknowledged, and why one is not; empty if none is for ServiceNow."""
    sent = [each for each in new if each.server_id]
    if not sent:
        return ""
    told = f"ServiceNow has acknowledged {len(sent) - len(lacking):,} of {len(sent):,}"
    if not lacking:
        return told
    return f"{told}. It has not acknowledged that of {whose(lacking[0])}: {lacking[0].last_error or _GOING_ON}"


def _counted(count: int) -> str:
    return "1 request" if count == 1 else f"{count:,} requests"
