"""What fails a test of a user at its end: broken contracts, faults that never struck, findings in a strict test."""

from collections.abc import Callable

import pytest

from privman_scenarios.errors import ExpectationError, UnknownWordError
from privman_scenarios.fixtures import ServiceNowFixture, WorldFixture

pytest_plugins = ["pytester"]
BREAKING = """
def test_it(servicenow, console):
    {tolerate}
    import json, requests
    metadata = json.dumps({{"PolicyId": "{{85d71683-7dac-4762-8120-76a9a564fdc1}}"}})
    values = {{"instance_id": console.instance_id, "activity_type_id": console.activity_type_id,
               "request_id": "none", "metadata": metadata}}
    url = f"{{servicenow.url}}/api/now/table/x_thyti_thycotic_p_request"
    assert requests.post(url, json=values, auth=servicenow.auth).status_code == 403
"""


@pytest.mark.long
def test_a_broken_contract_fails_the_test(pytester: pytest.Pytester) -> None:
    """Once, in one sentence without a traceback; the last exchanges explain it."""
    pytester.makepyfile(BREAKING.format(tolerate=""))
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "-r", "N")
    result.assert_outcomes(failed=1)
    assert result.stdout.str().count("breaks the contract") == 1
    result.stdout.fnmatch_lines(
        [
            (
                "servicenow POST /api/now/table/* (#*) breaks the contract approval-request, evidence P: request_id "
                'has value "none". Expected a GUID such as *. To allow it, call servicenow.tolerate(*).'
            ),
            "* last exchanges *",
            "servicenow received #* POST *",
        ]
    )


@pytest.mark.long
def test_a_broken_contract_is_not_forgotten_with_the_journal(pytester: pytest.Pytester) -> None:
    """A test that empties the journal half way is red all the same."""
    pytester.makepyfile(BREAKING.format(tolerate="") + "    servicenow.forget_journal()\n")
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(failed=1)


@pytest.mark.long
@pytest.mark.parametrize("wipe", ["requests.post(f'{servicenow.url}/__admin/reset')", "requests.delete(journal)"])
def test_a_broken_contract_is_not_forgotten_by_a_wipe(wipe: str, pytester: pytest.Pytester) -> None:
    """Whoever empties the journal through the control plane itself."""
    file = BREAKING.format(tolerate="") + f"    journal = f'{{servicenow.url}}/__admin/requests'\n    {wipe}\n"
    pytester.makepyfile(file)
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(failed=1)


IDLE = """
import requests

def test_it(console):
    console.faults.arm("status", status=503, path="*/approval/approve", method="GET", times=2{optional})
    {clear}
"""


@pytest.mark.long
@pytest.mark.parametrize(
    "clear",
    [
        "",
        "console.faults.clear()",
        "requests.delete(f'{console.url}/__admin/faults')",
        "requests.post(f'{console.url}/__admin/reset')",
    ],
)
def test_a_fault_that_never_strikes_fails_the_test(clear: str, pytester: pytest.Pytester) -> None:
    """At its end, cleared or not; one that is optional may strike nothing."""
    pytester.makepyfile(IDLE.format(optional="", clear=clear))
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            (
                "*console: the fault 'status' on GET */approval/approve has struck no request. "
                "Expected 2 requests that it fits, or optional=True."
            ),
        ]
    )
    pytester.makepyfile(IDLE.format(optional=", optional=True", clear=clear))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (1, "has struck no request. Expected 1 request that it fits, or"),
        (3, "has struck no request. Expected 3 requests that it fits, or"),
        (None, "has struck no request. Expected at least 1 request that it fits, or"),
    ],
)
def test_an_idle_fault_says_what_is_missing(times: int | None, told: str, servicenow: ServiceNowFixture) -> None:
    """It has struck nothing so far."""
    servicenow.faults.arm("status", status=503, times=times, optional=False)
    [words] = servicenow.faults.idle()
    assert told in words
    servicenow.faults.reset()


def test_a_fault_that_struck_too_seldom_says_how_often(servicenow: ServiceNowFixture) -> None:
    """One that has struck as often as it was to is not idle, and one without a number is not once it struck."""
    servicenow.faults.arm("status", status=503, path="/api/now/table/sys_user", times=3)
    servicenow.faults.arm("status", status=503, path="/api/now/table/*_request", times=None)
    for table in ("sys_user", "request"):
        with pytest.raises(ExpectationError):
            servicenow.find(table)
    [words] = servicenow.faults.idle()
    assert words.endswith("has struck 1 of 3 requests. Expected 2 more requests that it fits, or optional=True.")
    servicenow.faults.reset()


SWALLOWING = """
def test_it(servicenow):
    {tolerate}
    import requests
    requests.get(f"{{servicenow.url}}/api/now/table/sys_user?sysparm_query=nosuch=1", auth=servicenow.auth)
"""


@pytest.mark.long
def test_what_servicenow_swallows_fails_a_strict_test(pytester: pytest.Pytester) -> None:
    """As --strict does for scenarios; a test that means it says so."""
    pytester.makepyfile(SWALLOWING.format(tolerate=""))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-strict")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["servicenow GET /api/now/table/sys_user (#1): query-term-ignored: *nosuch*. To allow it, call servicenow.*"]
    )
    pytester.makepyfile(SWALLOWING.format(tolerate="servicenow.tolerate('query-term-ignored')"))
    pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-strict").assert_outcomes(passed=1)


SEEING = """
def test_it(servicenow):
    assert servicenow.findings == []
"""


@pytest.mark.long
def test_findings_that_nobody_sees_are_not_none(pytester: pytest.Pytester, real_instance: Callable[[str], str]) -> None:
    """A real system has no control plane: a strict test, and one that expects no findings, cannot be checked."""
    target = ["-p", "no:asyncio", "--privman-servicenow-url", real_instance("")]
    pytester.makepyfile(SEEING)
    result = pytester.runpytest_inprocess(*target)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*expected a control plane at *"])
    pytester.makepyfile("def test_it(servicenow):\n    pass\n")
    pytester.runpytest_inprocess(*target).assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess(*target, "--privman-strict")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["--privman-strict cannot be checked, as no findings are seen: *"])


def test_a_pattern_that_fits_almost_any_rule_is_not_tolerated(servicenow: ServiceNowFixture) -> None:
    """Whoever means every rule says so."""
    servicenow.tolerate("*")
    with pytest.raises(UnknownWordError, match=r"'a\*' fits almost any rule. Expected a rule, a glob with a word"):
        servicenow.tolerate("a*")
    with pytest.raises(UnknownWordError, match=r"names no rule. Expected text, in a call for each"):
        servicenow.tolerate(["approval-request"])  # type: ignore[arg-type]  # what somebody may try


def test_a_rule_that_the_party_lacks_is_not_tolerated(world: WorldFixture) -> None:
    """A typo would tolerate nothing, and neither would a rule of the other party; an own rule is declared."""
    with pytest.raises(
        UnknownWordError, match=r"unknown rule of findings 'aproval-request'. Did you mean 'approval-re"
    ):
        world.servicenow.tolerate("aproval-request")
    with pytest.raises(UnknownWordError, match=r"unknown rule of findings 'quer-\*'"):
        world.servicenow.tolerate("quer-*")
    with pytest.raises(UnknownWordError, match="unknown rule of findings 'column-ignored'"):
        world.console.tolerate("column-ignored")
    world.console.tolerate("report-parameter-ignored")
    world.servicenow.tolerate("aproval-request", own={"findings": ["aproval-request"]})


@pytest.mark.long
def test_a_broken_contract_may_be_tolerated(pytester: pytest.Pytester) -> None:
    """A test that breaks a contract on purpose says so."""
    pytester.makepyfile(BREAKING.format(tolerate="servicenow.tolerate('approval-*')"))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


FILLING = """
def test_it(servicenow):
    import requests
    for _ in range(50):
        requests.post(f"{{servicenow.url}}/api/now/table/sys_user", data=b"x" * 1_048_576, auth=servicenow.auth)
        {after}
"""


@pytest.mark.long
def test_exchanges_that_left_the_journal_unchecked_fail_the_test(pytester: pytest.Pytester) -> None:
    """Nobody knows any more what they broke; findings that were read before are known."""
    pytester.makepyfile(FILLING.format(after=""))
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["servicenow: journal-evicted: * exchanges have left the journal unchecked. *"])
    pytester.makepyfile(FILLING.format(after="servicenow.findings"))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)
