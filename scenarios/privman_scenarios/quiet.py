"""Expectations that something does not happen: where time is real, one look cannot prove them."""

from collections.abc import Mapping
from http import HTTPStatus

from privman_scenarios.known import names
from privman_scenarios.model import Arguments
from privman_scenarios.patterns import is_found
from privman_scenarios.vocabulary import Verb

_PENDING = names().word("request_status", "pending")
_NOTHING = (None, "", 0, "0")
# Steps after which nobody decides, so that a request which is pending has merely arrived.
PREPARING = (
    *("console.use", "console.set-up", "console.ask", "console.fault", "console.clear-faults"),
    *("servicenow.create-user", "servicenow.find", "servicenow.fault", "servicenow.clear-faults"),
)


def forbids(verb: Verb, arguments: Arguments, *, decided: bool) -> bool:
    """Tell whether the step expects that something does not happen.

    It does with ``not``, ``absent: true``, a value or pattern that is empty or 0, a list (which is complete), a
    ``count``, a status of 404, and with the state that a request begins in. An answer that came before cannot change,
    so it is left out.

    Args:
        verb: of the step.
        arguments: of the step.
        decided: whether a step has acted after which a request may be decided; before, ``Pending`` says it has arrived.
    """
    if verb.excuses:
        return False
    if "count" in arguments or arguments.get("status") == HTTPStatus.NOT_FOUND:
        return True
    expected = [arguments.get(each.name, True) for each in verb.arguments if each.kind.expects]
    return any(_forbids(each) or (decided and _holds_pending(each)) for each in expected)


def _forbids(expected: object) -> bool:
    if isinstance(expected, Mapping):
        if set(expected) == {"matches"}:
            return is_found(str(expected["matches"]), "")
        return "not" in expected or expected.get("absent") is True or any(map(_forbids, expected.values()))
    return isinstance(expected, list) or (expected in _NOTHING and expected is not False)


def _holds_pending(expected: object) -> bool:
    if isinstance(expected, Mapping):
        if set(expected) == {"matches"}:
            return is_found(str(expected["matches"]), _PENDING)
        return any(map(_holds_pending, expected.values()))
    return expected == _PENDING
