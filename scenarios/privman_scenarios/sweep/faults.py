"""What may befall a message, by whom it was meant for."""

from collections.abc import Iterator, Mapping
from typing import Any

from privman_scenarios.sweep.messages import Message

Fault = Mapping[str, Any]
# Within the patience of either sender.
LATE = 20
_UNAUTHENTICATED = (
    '{"error":{"message":"User Not Authenticated","detail":"Required to provide Auth information"},"status":"failure"}'
)
_EITHER: Mapping[str, Fault] = {
    "lost before": {"kind": "reset"},
    "lost after commit": {"kind": "answer-lost"},
    "duplicated": {"kind": "duplicated"},
    "late": {"kind": "slow", "options": {"seconds": LATE}},
    "malformed": {"kind": "malformed"},
}
_SERVICENOW: Mapping[str, Fault] = {
    **_EITHER,
    "401": {
        "kind": "status",
        "options": {"status": 401, "headers": {"Content-Type": "application/json"}, "body": _UNAUTHENTICATED},
    },
    "429": {"kind": "rate-limited"},
    "503": {"kind": "maintenance"},
    "hibernation": {"kind": "hibernating"},
}
_CONSOLE: Mapping[str, Fault] = {
    **_EITHER,
    **{str(status): {"kind": "status", "options": {"status": status}} for status in (401, 429, 503)},
}


def faults_of(message: Message) -> Iterator[tuple[str, Fault]]:
    """Yield each fault that may befall the message, with its name.

    Only the console can receive messages in another order: whoever sends to ServiceNow waits for each answer.
    """
    yield from (_SERVICENOW if message.party == "servicenow" else _CONSOLE).items()
    if message.overtaken_after is not None:
        yield "reordered", {"kind": "slow", "options": {"seconds": message.overtaken_after}}
