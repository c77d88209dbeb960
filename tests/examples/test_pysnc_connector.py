"""A connector written with PySNC, ServiceNow's own Python client."""

import pysnc

from privman_scenarios import ConsoleFixture, ServiceNowFixture, WorldFixture


def client_of(servicenow: ServiceNowFixture) -> pysnc.ServiceNowClient:
    """Return PySNC's client, which wants https, but does not know http when it is written in capitals."""
    return pysnc.ServiceNowClient(servicenow.url.replace("http:", "HTTP:"), servicenow.auth)


def approve(client: pysnc.ServiceNowClient, policy: str) -> int:
    """Approve every pending request of one policy, as the connector under test; returns how many there were."""
    record = client.GlideRecord("x_thyti_thycotic_p_request")
    record.add_query("status", "Pending")
    record.add_query("metadata", "LIKE", f'"PolicyName":"{policy}"')
    record.query()
    approved = 0
    while record.next():
        record.status = "Approve"
        record.duration = "00:30:00"
        assert record.update()
        approved += 1
    return approved


def test_a_policy_is_approved(servicenow: ServiceNowFixture, console: ConsoleFixture) -> None:
    """The console has the decision with its duration; another policy's request stays open."""
    request_id, other = console.ask({"PolicyName": "Installers"}), console.ask({"PolicyName": "Scripts"})
    assert approve(client_of(servicenow), "Installers") == 1
    servicenow.decision(request_id).delivered()
    assert console.approval(request_id)["duration"] == "00:30:00"
    assert console.approval(other)["state"] == "Pending"


def test_a_request_that_timed_out_is_let_alone(world: WorldFixture) -> None:
    """Sixteen and a half hours pass at once; the connector finds nothing to approve, and both parties agree."""
    request_id = world.console.ask({"PolicyName": "Installers"})
    world.clock.advance("16:30:00")
    assert approve(client_of(world.servicenow), "Installers") == 0
    assert world.console.approval(request_id)["state"] == "TimedOut"
