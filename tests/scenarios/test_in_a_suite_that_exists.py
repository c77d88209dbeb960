"""A project with a suite of its own: its options, its fixture `console`, its tables, strict types, two processes."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
from collections.abc import Iterator
from pathlib import Path

import pytest
from mock_servicenow import MockServiceNow, Settings


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--servicenow-url", default="https://dev.example", help="of the project")
    parser.addoption("--console-url", default="https://console.example", help="of the project")


class ConsoleClient:
    def __init__(self, url: str) -> None:
        self.url = url


@pytest.fixture
def console(pytestconfig: pytest.Config) -> ConsoleClient:
    url: str = pytestconfig.getoption("--console-url")
    return ConsoleClient(url)


@pytest.fixture(scope="session")
def instance() -> Iterator[MockServiceNow]:
    with MockServiceNow(Settings(tables=(Path(__file__).with_name("tables.yaml"),))) as running:
        yield running
"""

TABLES = """
- name: u_laptop
  label: Laptop
  columns:
    u_serial: {display: true, mandatory: true}
- name: incident
  columns:
    u_laptop: {reference: u_laptop}
    u_severity: {type: integer}
"""

CONNECTOR = """
import httpx


class Connector:
    def __init__(self, url: str, auth: tuple[str, str]) -> None:
        self._client = httpx.Client(base_url=f"{url}/api/now/table/", auth=auth)

    def create(self, table: str, **values: str) -> dict[str, str]:
        created: dict[str, str] = self._client.post(table, json=values).raise_for_status().json()["result"]
        return created

    def find(self, table: str, query: str) -> list[dict[str, str]]:
        parameters = {"sysparm_query": query, "sysparm_exclude_reference_link": "true"}
        found: list[dict[str, str]] = self._client.get(table, params=parameters).raise_for_status().json()["result"]
        return found

    def approve(self, request_id: str) -> None:
        (record,) = self.find("x_thyti_thycotic_p_request", f"request_id={request_id}")
        path = f"x_thyti_thycotic_p_request/{record['sys_id']}"
        self._client.patch(path, json={"status": "Approve"}).raise_for_status()
"""

SUITE = """
import pytest
from mock_servicenow import MockServiceNow
from privman_scenarios import ConsoleFixture, DecisionDelivery, ExpectationError, ServiceNowFixture, WorldFixture

from conftest import ConsoleClient
from connector import Connector


@pytest.fixture(scope="session")
def connector(session_servicenow: ServiceNowFixture) -> Connector:
    return Connector(session_servicenow.url, session_servicenow.auth)


@pytest.mark.parametrize("policy", ["Elevate installers", "Elevate installers 2"])
def test_an_approval_is_delivered(
    policy: str, connector: Connector, session_world: WorldFixture, console: ConsoleClient
) -> None:
    assert console.url == "https://console.example"
    request_id = session_world.console.ask({"PolicyName": policy}, own={"names": [policy]})
    connector.approve(request_id)
    delivery: DecisionDelivery = session_world.servicenow.decision(request_id).delivered()
    assert (delivery.status, delivery.retries) == (200, 0)
    assert [each["state"] for each in session_world.console.approvals()] == ["Approved"]


def test_a_refusal_is_named(servicenow: ServiceNowFixture, privman_console: ConsoleFixture) -> None:
    with pytest.raises(ExpectationError, match="unknown approval request"):
        privman_console.approval("none")
    assert servicenow.journal


@pytest.mark.servicenow(tables=["tables.yaml"])
def test_tables_of_ours(servicenow: ServiceNowFixture, pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getoption("--servicenow-url") == "https://dev.example"
    connector = Connector(servicenow.url, servicenow.auth)
    laptop = connector.create("u_laptop", u_serial="L-1")
    connector.create("incident", short_description="It is hot", u_laptop=laptop["sys_id"], u_severity="2")
    (incident,) = connector.find("incident", "u_laptop.u_serial=L-1^u_severity>1")
    assert (incident["short_description"], incident["u_laptop"]) == ("It is hot", laptop["sys_id"])


def test_an_instance_of_ours(instance: MockServiceNow) -> None:
    Connector(instance.url, instance.auth).create("incident", short_description="It is hot", u_severity="2")
    (incident,) = instance.find("incident", u_severity="2")
    assert incident["short_description"] == "It is hot"
    assert instance.findings == []
"""

INI = """
[pytest]
pythonpath = .
privman_stories = stories
"""

STORY = """
title: A denial reaches the console
steps:
  - console.ask:
  - servicenow.deny:
  - console.expect-approval: Denied
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Return a project as a team has it."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_suite=SUITE, connector=CONNECTOR)
    pytester.makefile(".yaml", tables=TABLES)
    pytester.mkdir("stories").joinpath("denial.yaml").write_text(STORY.lstrip())
    pytester.makeini(INI)
    return pytester


@pytest.mark.once
def test_it_passes_in_two_processes(project: pytest.Pytester) -> None:
    """Their options, fixtures and tables beside ours, and a story beside the tests."""
    result = project.runpytest_subprocess("-n", "2", "-p", "no:cacheprovider", "-p", "no:asyncio", "--privman-strict")
    result.assert_outcomes(passed=6)


@pytest.mark.once
def test_it_is_typed(project: pytest.Pytester) -> None:
    """Strictly: what the packages export has types, and no name needs a deeper module."""
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--cache-dir",
            ".mypy",
            "conftest.py",
            "connector.py",
            "test_suite.py",
        ],
        cwd=project.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stdout == "Success: no issues found in 3 source files\n", checked.stdout + checked.stderr
