"""How pytest's fixtures log in to an instance."""

import pytest

from .log_in_mocks import (
    APPROVER,
    CLIENT,
    CONSOLE,
    SETTINGS,
    Serve,
    sent_by_the_run,
)

pytest_plugins = ["pytester"]

CONNECTOR = """
import requests

def test_it(servicenow, console):
    request_id = console.ask({"PolicyName": "Elevate installers"})
    table = f"{servicenow.url}/api/now/table/x_thyti_thycotic_p_request"
    query = {"sysparm_query": f"request_id={request_id}"}
    [found] = requests.get(table, query, headers=servicenow.integration.headers, timeout=30).json()["result"]
    values = {"status": "Approve"}
    requests.patch(f"{table}/{found['sys_id']}", json=values, headers=servicenow.approver.headers, timeout=30)
    servicenow.decision(request_id).delivered()
    assert (servicenow.approver.name, servicenow.approver.auth[0]) == ("privman.approver", "privman.approver")
    assert servicenow.headers["Authorization"].startswith("Bearer ")
    assert servicenow.integration.auth == ("privman.integration", "admin")
    assert servicenow.auth == ("admin", "admin")
"""


@pytest.mark.long
def test_fixtures_log_in(pytester: pytest.Pytester, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connector under test gets what it logs in with, as approver and as the console's user."""
    for name, value in {**SETTINGS["password-grant"], **CONSOLE, **APPROVER}.items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile(CONNECTOR)
    options = ("--privman-servicenow-url", serve(), "--privman-servicenow-auth", "password-grant")
    pytester.runpytest_inprocess("-p", "no:asyncio", *options).assert_outcomes(passed=1)


OWN = """
import pytest
import requests

def test_it(servicenow):
    for user in (servicenow.approver, servicenow.integration):
        answer = requests.get(f"{servicenow.url}/api/now/table/incident", auth=user.auth, timeout=30)
        assert (answer.status_code, user.name.split(".")[0]) == (200, "scenario")
        assert set(user.headers) == {"Authorization"}
"""


@pytest.mark.long
def test_fixtures_create_users_in_our_own_instance(pytester: pytest.Pytester) -> None:
    """Nobody has named existing ones."""
    pytester.makepyfile(OWN)
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


KEYED = """
import pytest
from privman_scenarios.errors import ExpectationError

def test_it(servicenow):
    assert list(servicenow.headers) == ["x-sn-apikey"]
    for name in ("auth", "basic_auth"):
        with pytest.raises(ExpectationError, match="a log-in with user name and password; got the API key"):
            getattr(servicenow, name)
"""


@pytest.mark.long
def test_all_tests_try_a_password_once(
    pytester: pytest.Pytester, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five tests with a wrong password would lock the user out; each of them fails in the same line."""
    url = serve()
    monkeypatch.setenv("SERVICENOW_PASSWORD", "Wrong-0123456789")
    pytester.makepyfile(
        "import pytest\n\n@pytest.mark.parametrize('n', range(5))\ndef test_it(servicenow, n):\n    pass"
    )
    refused = pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-servicenow-url", url)
    refused.assert_outcomes(errors=5)
    refused.stdout.fnmatch_lines(["*refused the credentials of 'admin' from SERVICENOW_PASSWORD (401). Tried once: *"])
    assert [each["status"] for each in sent_by_the_run(url)].count(401) == 1


@pytest.mark.long
def test_fixtures_without_a_password(pytester: pytest.Pytester, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has none says so; an existing user who is refused fails each test in one line."""
    for name, value in {**SETTINGS["api-key"], "SERVICENOW_AUTH": "api-key"}.items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile(KEYED)
    options = ("-p", "no:asyncio", "--privman-servicenow-url", serve())
    pytester.runpytest_inprocess(*options).assert_outcomes(passed=1)
    kinds = {"SERVICENOW_AUTH": "api-key", "SERVICENOW_APPROVER_AUTH": "password-grant"}
    for name, value in {**CLIENT, **APPROVER, **kinds, "SERVICENOW_APPROVER_PASSWORD": "Wrong"}.items():
        monkeypatch.setenv(name, value)
    refused = pytester.runpytest_inprocess(*options)
    refused.assert_outcomes(errors=1)
    refused.stdout.fnmatch_lines(
        ["*refused the OAuth password grant of 'privman.approver' from SERVICENOW_CLIENT_SECRET and SERVICENOW_APP*"]
    )
