"""Generated requests and decisions, all the way round over HTTP in virtual time."""

import json

from hypothesis import HealthCheck, given, settings

from privman_scenarios import strategies
from privman_scenarios.held import HeldWorld
from privman_scenarios.strategies import Answer

# One world serves all examples of a test: each has a request of its own, and the journals are emptied in between.
GENERATED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
STATES = {"Approve": "Approved", "Deny": "Denied"}


@GENERATED
@given(metadata=strategies.metadata(), answer=strategies.answers())
def test_what_was_decided_is_what_the_console_ends_with(
    world: HeldWorld, metadata: dict[str, str], answer: Answer
) -> None:
    """Every request arrives as asked, every decision as made, once, and every message keeps its contract."""
    world.servicenow.forget_journal()
    world.console.forget_journal()
    request_id = world.console.ask(metadata)
    (request,) = world.servicenow.find("request", request_id=request_id)
    assert json.loads(request["metadata"]) == metadata
    assert world.decide(request_id, answer.response, **answer.values) == 200
    approval = world.console.approval(request_id)
    assert {key: approval[key] for key in ("state", "comment", "duration")} == {
        "state": STATES[answer.response],
        "comment": answer.comment,
        "duration": answer.duration,
    }
    assert [each["status"] for each in world.console.journal if each["url"].endswith("/approve")] == [200]
    assert world.servicenow.broken_contracts() + world.console.broken_contracts() == []
