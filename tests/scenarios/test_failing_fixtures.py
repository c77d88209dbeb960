"""What a user is shown where a fixture, or a test that uses it, fails."""

from pathlib import Path
from types import ModuleType

import pytest

import mock_servicenow.app
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock
from privman_core.ids import Ids
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_core.tls import issue_certificate

pytest_plugins = ["pytester"]


def test_certificates_after_a_run_within_this_one(pytester: pytest.Pytester, tmp_path: Path) -> None:
    """What an inner run has loaded is forgotten; certificates can be issued all the same."""
    pytester.makepyfile("def test_it():\n    import trustme\n    trustme.CA().issue_cert('localhost')\n")
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)
    issue_certificate("127.0.0.1", tmp_path / "authority.pem")


@pytest.mark.long
@pytest.mark.parametrize(
    ("content", "password", "complaint"),
    [
        ("tabels: {}", "A-long-Pass-0123456789", "*names.yaml: unknown wire name 'tabels'. Did you mean 'tables'?"),
        ("", "\udcff", "SERVICENOW_PASSWORD: invalid secret: expected UTF-8 text."),
    ],
    ids=["names", "password"],
)
def test_a_mistake_is_told_in_a_line(
    content: str, password: str, complaint: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a traceback, which would show the password among the local variables."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", password)
    pytester.makepyfile("def test_it(servicenow):\n    pass\n")
    names = pytester.makefile(".yaml", names=content)
    target = ["--privman-servicenow-url", "http://127.0.0.1:9", "--privman-inferred", str(names), "--showlocals"]
    result = pytester.runpytest_inprocess("-p", "no:asyncio", *target)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([complaint])
    assert "WorldBuilder" not in result.stdout.str()
    assert "During handling" not in result.stdout.str()
    assert password not in result.stdout.str()


SHOWING = """
import requests
def test_it(servicenow):
    auth = servicenow.auth
    answer = requests.get(servicenow.url + "/api/now/table/sys_user", auth=auth)
    assert answer.status_code == 200
    print(auth)
    assert auth is None
"""


@pytest.mark.long
def test_a_traceback_shows_no_password(pytester: pytest.Pytester) -> None:
    """Neither do local variables and what a test prints; the client gets it all the same."""
    pytester.makepyfile(SHOWING)
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--showlocals")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert ('admin', '[*][*][*]') is None", "auth *= ('admin', '[*][*][*]')"])
    assert "('admin', 'admin')" not in result.stdout.str()


WRONG = """
import requests

TABLE = "/api/now/table/x_thyti_thycotic_p_request"

def approve(servicenow, request_id, status):
    (record,) = servicenow.find("request", request_id=request_id)
    url = f"{servicenow.url}{TABLE}/{record['sys_id']}"
    requests.patch(url, json={"status": status}, auth=servicenow.auth)

def test_wait(servicenow, console):
    request_id = console.ask({})
    approve(servicenow, request_id, "Approved")
    servicenow.decision(request_id).delivered()  # the line of the user

async def test_asynchronous_wait(servicenow, console):
    request_id = console.ask({})
    console.faults.arm("status", status=400)
    await servicenow.decision(request_id).delivered()  # the line of the user

def test_assertion(servicenow, session_console):
    decision = servicenow.decision(session_console.ask({}))
    assert session_console.approvals()[0]["state"] == "Approved"  # the line of the user

def test_key(console):
    console.ask({"PolicyNam": "Elevate installers"})  # the line of the user

def test_span(servicenow):
    servicenow.clock.advance("soon")  # the line of the user

def test_request(console):
    console.approval("none")  # the line of the user
"""


@pytest.mark.long
def test_a_failure_shows_the_users_line_and_what_explains_it(pytester: pytest.Pytester) -> None:
    """No frame of ours, no second failure for what may have caused the first, or come of it; the last exchanges."""
    pytester.makepyfile(WRONG)
    result = pytester.runpytest_inprocess("-o", "asyncio_mode=auto", "-W", "ignore")
    result.assert_outcomes(failed=6)
    out = result.stdout.str()
    assert out.count(">       ") == out.count("  # the line of the user\n") == 6
    assert "privman_scenarios/" not in out
    assert "asyncio" not in out.partition("= FAILURES =")[2].replace("asyncio_mode", "")
    result.stdout.fnmatch_lines(
        [
            "*expected the decision on * to be delivered; got no decision",
            "* broken contracts *",
            (
                'servicenow PATCH * breaks the contract decision-update, evidence P: status has value "Approved". '
                'Expected * To allow it, call servicenow.tolerate("decision-update").'
            ),
            "* last exchanges *",
            "servicenow received #* PATCH /api/now/table/x_thyti_thycotic_p_request/*",
            '  > {"status": "Approved"}',
        ]
    )


RESTRICTED = """
sys_properties:
  - {name: glide.authenticate.basic_auth.restriction.active, value: "true"}
  - {name: glide.authenticate.basic_auth.restriction.enforce, value: "true"}
"""
REFUSED = """
import pytest

@pytest.mark.servicenow(release="zurich", data=["rows.yaml"])
def test_it(world):
    pass
"""


@pytest.mark.long
def test_a_refused_password_is_explained(pytester: pytest.Pytester) -> None:
    """ServiceNow's 401 says nothing of its reason, so the finding does; it explains, and is no failure itself."""
    pytester.makefile(".yaml", rows=RESTRICTED)
    pytester.makepyfile(REFUSED)
    result = pytester.runpytest_inprocess("-W", "ignore")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "* findings *",
            (
                "servicenow POST *integration_configuration (#1): basic-refused: 'admin' has the right password, but * "
                "which glide.authenticate.basic_auth.restriction.enforce requires. Add "
                "a role of the user to that property by a row in --data, "
                "or set web_service_access_only of the user."
            ),
            "* last exchanges *",
        ]
    )
    result.stdout.no_fnmatch_line("* broken contracts *")


ASKING = """
def test_it(world):
    world.console.ask({})
    world.console.approval("none")
"""


@pytest.mark.long
def test_a_failed_test_shows_its_own_exchanges(pytester: pytest.Pytester) -> None:
    """Not those of the set-up; the line of the summary begins with what failed."""
    pytester.makepyfile(test_a=ASKING)
    result = pytester.runpytest_inprocess("-W", "ignore")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["* last exchanges *", "FAILED test_a.py::test_it - ControlRefusedError: *"])
    assert "instance_metadata" not in result.stdout.str()


VANISHING = """
def test_it(servicenow, vanish):
    vanish()
    assert {passes}
"""


@pytest.mark.long
@pytest.mark.parametrize("passes", [True, False])
def test_a_fake_that_has_vanished_is_named(
    passes: bool,  # noqa: FBT001 - of the inner test
    pytester: pytest.Pytester,
    privman_loop: LoopThread,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody knows what it has seen: a test that passes fails for it, and one that fails has one failure."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    clock = RealClock()
    served = serving(mock_servicenow.app.create_app(Settings(), clock=clock, ids=Ids(5)))
    url = privman_loop.run(served.__aenter__())
    vanish = ModuleType("vanish")
    vanish.vanish = pytest.fixture(lambda: lambda: privman_loop.run(served.__aexit__(None, None, None)), name="vanish")  # type: ignore[attr-defined]
    pytester.makepyfile(VANISHING.format(passes=passes))
    options = ("-p", "no:asyncio", "--privman-servicenow-url", url, "--privman-reset")
    result = pytester.runpytest_inprocess(*options, plugins=[vanish])
    privman_loop.run(clock.aclose())
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["expected an answer; got GET /__admin/*"])
