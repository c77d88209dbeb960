"""A synchronous connector, written with requests, that approves what a policy allows."""

from collections.abc import Iterator

import requests

from privman_scenarios import ConsoleFixture, ServiceNowFixture

TABLE = "/api/now/table/x_thyti_thycotic_p_request"
INSTALLERS = '"PolicyName":"Elevate installers"'


class Connector:
    """The connector under test: approves what is pending, where its policy is one of those it was given."""

    def __init__(self, url: str, auth: tuple[str, str], allowed: str) -> None:
        self._url = f"{url}{TABLE}"
        self._session = requests.Session()
        self._session.auth = auth
        self._allowed = allowed

    def work(self) -> None:
        """Approve once whatever may be approved."""
        for record in self._pending():
            if self._allowed in record["metadata"]:
                decision = {"status": "Approve", "comment": "By policy", "duration": "02:00:00"}
                self._session.patch(f"{self._url}/{record['sys_id']}", json=decision).raise_for_status()

    def _pending(self) -> Iterator[dict[str, str]]:
        answer = self._session.get(self._url, params={"sysparm_query": "status=Pending"})
        answer.raise_for_status()
        yield from answer.json()["result"]


def test_what_the_policy_allows_is_approved(servicenow: ServiceNowFixture, console: ConsoleFixture) -> None:
    """The console ends with the decision, its comment and how long it lasts; what is not allowed stays open."""
    allowed = console.ask({"PolicyName": "Elevate installers"})
    other = console.ask({"PolicyName": "Run as administrator"})
    Connector(servicenow.url, servicenow.auth, INSTALLERS).work()
    assert servicenow.decision(allowed).delivered().retries == 0
    approval = console.approval(allowed)
    assert (approval["state"], approval["comment"], approval["duration"]) == ("Approved", "By policy", "02:00:00")
    assert console.approval(other)["state"] == "Pending"


def test_a_decision_survives_a_console_that_is_down(servicenow: ServiceNowFixture, console: ConsoleFixture) -> None:
    """ServiceNow tries again after the minimum wait time; nobody sleeps, since time is virtual."""
    console.faults.arm("status", status=503, path="*/approval/approve", times=2)
    request_id = console.ask({"PolicyName": "Elevate installers"})
    Connector(servicenow.url, servicenow.auth, INSTALLERS).work()
    assert servicenow.decision(request_id).delivered().retries == 2
    assert console.approval(request_id)["state"] == "Approved"
