"""Refusals of messages that should pass: the receiver reads them by other names."""

from collections.abc import Iterator, Sequence

from privman_contracts import Contracts
from privman_contracts.wire_names import WireName
from privman_scenarios.drift.dictionary import mend
from privman_scenarios.drift.given import SUCCESS, Given
from privman_scenarios.recordings.bodies import to_json
from privman_scenarios.recordings.recorded import Recorded

_REFUSED = (400, 403, 404)
_GROUPS = {
    "register": "columns.integration_configuration",
    "update_registration": "columns.integration_configuration",
    "register_activity_type": "columns.activity_type",
    "update_activity_type": "columns.activity_type",
    "request_approval": "columns.request",
    "decide": "columns.request",
    "deliver_decision": "keys.decision",
}
# Refused by access control, whatever the columns are called (platform 1.9).
_ACCESS = ("ACL", "Not Authorized", "security constraints")


def unexpected_refusals(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[tuple[Recorded, str]]:
    """Yield each refusal of a message that keeps its contract and names records that the instance has given."""
    given = Given(recording, contracts)
    for recorded in recording:
        exchange = contracts.find(recorded.method, recorded.url)
        body = to_json(recorded.request)
        if exchange and exchange.name in _GROUPS and isinstance(body, dict):
            names = _names_refused(exchange.name, recorded, contracts, given)
            if names and _is_sound(exchange.request, recorded, contracts) and given.fits(exchange.name, recorded):
                yield recorded, _told(exchange.name, recorded, names)
        given.remember(recorded)


def _is_refused(exchange: str, recorded: Recorded, contracts: Contracts) -> bool:
    if exchange == "deliver_decision":
        return recorded.status == contracts.names.number("bad_request_status")
    return recorded.status in _REFUSED and not _is_denied(recorded)


def _is_denied(recorded: Recorded) -> bool:
    """Tell whether access control has refused it."""
    text = recorded.response.decode(errors="replace")
    return recorded.status not in SUCCESS and any(word in text for word in _ACCESS)


def _is_sound(message: str, recorded: Recorded, contracts: Contracts) -> bool:
    return all(violation.doubtful for violation in contracts.check_body(message, recorded.request))


def _names_refused(exchange: str, recorded: Recorded, contracts: Contracts, given: Given) -> Sequence[WireName]:
    """Return the names for which a message may have been refused, the likeliest first; none where it was not."""
    if exchange == "decide" and _is_denied(recorded) and given.by_approvers(recorded):
        return [contracts.names.find("roles.approver")]
    return _likeliest(exchange, recorded, contracts) if _is_refused(exchange, recorded, contracts) else ()


def _likeliest(exchange: str, recorded: Recorded, contracts: Contracts) -> Sequence[WireName]:
    """Return the names that the message has, the inferred ones; what is read off a screenshot where it has no other."""
    body = to_json(recorded.request)
    names = [name for name in contracts.names if name.group == _GROUPS[exchange] and name.value in body]
    inferred = sorted((name for name in names if name.evidence == "I"), key=lambda name: not name.word.endswith("_id"))
    if exchange != "decide" or inferred:
        return inferred or names
    said = body.get(contracts.names.column("request", "status"))
    return [*(name for name in contracts.names if name.group == "words.response" and name.value == said), *names]


def _told(exchange: str, recorded: Recorded, names: Sequence[WireName]) -> str:
    proposed = "; ".join(f"{name.path} [{name.evidence}], {mend(name, 'NAME')}" for name in names)
    return (
        f"{exchange} keeps its contract and was refused with {recorded.status}. Likeliest called otherwise: {proposed}."
    )
