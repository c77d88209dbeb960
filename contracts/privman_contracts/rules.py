"""The values that each inferred rule may have."""

import re
from collections.abc import Callable, Mapping

from msgspec import Struct

_CLASS = re.compile(r"[345]xx")
_WITHOUT_BODY = (204, 205)
_MOST_RENEWALS = 10
_MOST_WAIT = 86_400
# Each retry is kept with its response.
_MOST_RETRIES = 10_000
# A time-out must end before the last date that Python can represent.
_LONGEST_TIMEOUT = 900 * 366 * 24  # a test's clock may be at the year 9000, and dates end with 9999


class RuleValue(Struct, frozen=True):
    """The values that a rule may have; ``expected`` is the same in words, ``choices`` has them if they are few."""

    is_one: Callable[[object], bool]
    expected: str
    choices: tuple[str | int, ...] = ()


def _is_number(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_failure(value: object) -> bool:
    return _is_number(value, 300, 599) or (isinstance(value, str) and _CLASS.fullmatch(value) is not None)


def _is_answered(value: object) -> bool:
    return value not in _WITHOUT_BODY and (_is_number(value, 200, 299) or _is_number(value, 400, 599))


def _are(value: object, is_one: Callable[[object], bool]) -> bool:
    return isinstance(value, list) and all(map(is_one, value)) and len({*map(str, value)}) == len(value)


def _one_of(*words: str | int) -> RuleValue:
    return RuleValue(
        lambda value: any(type(value) is type(word) and value == word for word in words),
        " or ".join(map(str, words)),
        words,
    )


ANSWERED = RuleValue(_is_answered, "a status from 200 to 299 or 400 to 599 that has a body")
SUCCESS = RuleValue(lambda value: _is_number(value, 200, 299), "a status from 200 to 299")
ACCEPTED = RuleValue(
    lambda value: value == 403 or (_is_answered(value) and _is_number(value, 200, 299)),  # noqa: PLR2004 - a status
    "a status from 200 to 299 that has a body, or 403 as a business rule refuses",
)
FAILURES = RuleValue(
    lambda value: _are(value, _is_failure), "statuses of failure such as [429, 5xx], each once, from 300 to 599"
)
ATTEMPTS = RuleValue(
    lambda value: _are(value, lambda each: each == 0 or _is_failure(each)),
    "statuses of failure such as [0, 429, 5xx], each once, from 300 to 599, or 0 for no answer",
)
WAIT = RuleValue(lambda value: _is_number(value, 0, _MOST_WAIT), f"a whole number of seconds from 0 to {_MOST_WAIT}")
SECONDS = RuleValue(lambda value: _is_number(value, 1, _MOST_WAIT), f"a whole number of seconds from 1 to {_MOST_WAIT}")
RETRIES = RuleValue(lambda value: _is_number(value, 1, _MOST_RETRIES), f"a whole number from 1 to {_MOST_RETRIES}")
TIMEOUT = RuleValue(
    lambda value: _is_number(value, 1, _LONGEST_TIMEOUT), f"a whole number of hours from 1 to {_LONGEST_TIMEOUT}"
)
RENEWALS = RuleValue(lambda value: _is_number(value, 0, _MOST_RENEWALS), f"a whole number from 0 to {_MOST_RENEWALS}")

RULES: Mapping[str, RuleValue] = {
    "retried_statuses": ATTEMPTS,
    "token_renewed_statuses": FAILURES,
    "token_renewals": RENEWALS,
    "shortest_wait": WAIT,
    "most_retries": RETRIES,
    "longest_timeout": TIMEOUT,
    "duplicate_request_status": ACCEPTED,
    "approver_changes": _one_of("decision", "everything"),
    "ended_client_tokens": _one_of("refused", "accepted"),
    "error_envelope_delivery": _one_of("failed", "delivered"),
    "error_answer_status": _one_of("http", 200),
    "decision_instance_id": _one_of("compared", "optional", "ignored"),
    "same_decision_status": ANSWERED,
    "other_decision_status": ANSWERED,
    "unknown_request_status": ANSWERED,
    "unknown_item_status": ANSWERED,
    "bad_request_status": ANSWERED,
    "dead_token_status": ANSWERED,
    "api_disabled_status": ANSWERED,
    "not_allowed_status": ANSWERED,
    "method_not_allowed_status": ANSWERED,
    "unsupported_media_type_status": ANSWERED,
    "failure_statuses": FAILURES,
    "log_out_status": SUCCESS,
    "token_lifetime": SECONDS,
    "first_retry_wait": SECONDS,
    "longest_retry_wait": SECONDS,
    "process_timeout": SECONDS,
    "approval_without_duration": _one_of("one_time", "unlimited"),
    "report_answer": _one_of("bare", "envelope"),
    "api_document": _one_of("swagger-2.0", "openapi-3.1"),
}

REFUSALS_OF_OPERATIONS = (
    "other_decision_status",
    "unknown_request_status",
    "unknown_item_status",
    "not_allowed_status",
)
"""The rules that ``error_answer_status: 200`` sets to 200; a dead token or a broken body is refused before."""
