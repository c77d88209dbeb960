"""Every part that is only inferred has an override: nothing inferred stays as it is where all of them differ."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from privman_contracts import Contracts, Part

OTHER_RULES = {
    "retried_statuses": [503],
    "token_renewed_statuses": [440],
    "token_renewals": 3,
    "shortest_wait": 7,
    "most_retries": 4,
    "longest_timeout": 5,
    "duplicate_request_status": 202,
    "approver_changes": "everything",
    "ended_client_tokens": "accepted",
    "error_envelope_delivery": "delivered",
    "error_answer_status": 200,
    "decision_instance_id": "optional",
    "same_decision_status": 208,
    "other_decision_status": 411,
    "unknown_request_status": 410,
    "unknown_item_status": 406,
    "report_answer": "envelope",
    "bad_request_status": 422,
    "dead_token_status": 440,
    "api_disabled_status": 451,
    "not_allowed_status": 423,
    "method_not_allowed_status": 501,
    "unsupported_media_type_status": 416,
    "failure_statuses": [520],
    "log_out_status": 200,
    "token_lifetime": 300,
    "first_retry_wait": 5,
    "longest_retry_wait": 50,
    "process_timeout": 60,
    "approval_without_duration": "unlimited",
    "api_document": "openapi-3.1",
}


def test_nothing_inferred_is_fixed(names_file: Callable[[str], Path], contracts: Contracts) -> None:
    """A name, status or form marked I is another, wherever a message or an exchange has it."""
    tree: dict[str, Any] = {"rules": OTHER_RULES}
    for name in contracts.names:
        if name.group == "rules":
            continue
        node = tree
        for word in name.group.split("."):
            node = node.setdefault(word, {})
        node[name.word] = f"{name.value}_x" if name.path.startswith(("tables.", "columns.")) else f"our_{name.word}"
    theirs = Contracts.load(names_file(yaml.safe_dump(tree)))
    assert OTHER_RULES.keys() == {name.word for name in contracts.names if name.group == "rules"}
    assert _inferred(contracts) & _inferred(theirs) == set()


def _inferred(contracts: Contracts) -> set[tuple[str, str]]:
    """Return the inferred parts of what the exchanges have, by message or exchange and place."""
    used = {exchange.name for exchange in contracts.exchanges}
    used |= {exchange.request for exchange in contracts.exchanges}
    used |= {webhook.message for webhook in contracts.webhooks}
    used |= {answer.schema for exchange in contracts.exchanges for answer in exchange.answers}
    return {_place(part) for part in contracts.parts() if part.evidence == "I" and part.message in used}


def _place(part: Part) -> tuple[str, str]:
    return part.message, part.path
