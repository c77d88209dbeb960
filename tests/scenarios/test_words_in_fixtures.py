"""Words that tests hand to the fixtures: a typo is refused."""

import re
from collections.abc import Callable

import pytest

from privman_scenarios.errors import ExpectationError, UnknownWordError
from privman_scenarios.fixtures import ConsoleFixture, ServiceNowFixture, WorldFixture


def test_fixtures_refuse_typos(world: WorldFixture) -> None:
    """A misspelt column, word, table or response raises, and never finds everything."""
    with pytest.raises(UnknownWordError, match=r"unknown column of request 'staus'. Did you mean 'status'"):
        world.servicenow.find("request", staus="Approve")
    with pytest.raises(UnknownWordError, match=r"unknown request\.status 'Aprove'"):
        world.servicenow.find("request", status="Aprove")
    with pytest.raises(UnknownWordError, match=r"'request_id' is .*, which selects nothing. Expected a GUID."):
        world.servicenow.find("request", request_id=world.console.instance_id)
    with pytest.raises(UnknownWordError, match=r"'sys_id' is .*, which selects nothing. Expected a sys_id."):
        world.servicenow.find("request", sys_id="85d71683-7dac-4762-8120-76a9a564fdc1")
    with pytest.raises(UnknownWordError, match="unknown table 'requst'"):
        world.servicenow.find("requst")
    with pytest.raises(UnknownWordError, match=r"unknown path '\*/aprove'"):
        world.console.faults.arm("status", status=503, path="*/aprove")
    with pytest.raises(UnknownWordError, match="unknown response 'Aprove'"):
        world.decide("85d71683-7dac-4762-8120-76a9a564fdc1", "Aprove")


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"InitatorUserName": "x"}, "unknown key 'InitatorUserName'. Did you mean 'InitiatorUserName'?"),
        ({"policyName": "Elevate installers"}, "unknown key 'policyName'. Did you mean 'PolicyName'?"),
        ({"PolicyName": "Elevate instalers"}, "policy 'Elevate instalers' is nearly 'Elevate installers'."),
        ({"PolicyName": "Elevate script"}, "policy 'Elevate script' is nearly 'Elevate scripts'."),
        ("setup.exe", "the metadata are 'setup.exe'. Expected a mapping of what the endpoint reports"),
    ],
)
def test_fixtures_refuse_metadata_that_are_nearly_right(
    metadata: dict[str, str], told: str, console: ConsoleFixture
) -> None:
    """A test of another key, or of another policy, would pass without what it is about."""
    console.create_policy("Elevate scripts")
    for report in (console.ask, console.run):
        with pytest.raises(UnknownWordError, match=re.escape(told)):
            report(metadata)
    assert console.approvals() == []


def test_fixtures_take_metadata_of_ones_own(console: ConsoleFixture) -> None:
    """Declared as in a scenario, or like nothing that is known."""
    own = {"keys": ["PolcyName"], "names": ["Elevate instalers"]}
    console.ask({"PolcyName": "x", "PolicyName": "Elevate instalers", "Vendor": "y", "Sha256Hash": "z"}, own=own)
    assert console.run({"PolicyName": "Something else"})["outcome"] == "asked"


@pytest.mark.parametrize("nothing", [None, 5, 5.0, True])
def test_fixtures_find_nothing_by_what_no_text_is(servicenow: ServiceNowFixture, nothing: object) -> None:
    """A value that a test has not got, or of another type, selects neither nothing nor everything."""
    with pytest.raises(UnknownWordError, match=r"'request_id' is .*, which selects nothing"):
        servicenow.find("request", request_id=nothing)  # type: ignore[arg-type]  # that is the point


def test_fixtures_find_by_numbers_and_truths(servicenow: ServiceNowFixture, console: ConsoleFixture) -> None:
    """Where a column holds such."""
    found = servicenow.find("activity_type", include_comment=True, sys_mod_count=0)  # type: ignore[arg-type]
    assert [each["sys_id"] for each in found] == [console.activity_type_id]


def test_a_caret_ends_no_condition(world: WorldFixture) -> None:
    """Nothing escapes it in a query, so that other records would be found."""
    world.console.ask({})
    with pytest.raises(ExpectationError, match="a value of 'comment' without '\\^', which ends a condition"):
        world.servicenow.find("request", comment="x^NQstatus=Pending")


def test_fixtures_take_no_duration_in_words(world: WorldFixture) -> None:
    """As in a scenario, it is written as the console writes it."""
    request_id = world.console.ask({})
    with pytest.raises(UnknownWordError, match="invalid duration '2 hours'"):
        world.decide(request_id, "Approve", duration="2 hours")
    assert world.console.approval(request_id)["state"] == "Pending"


def test_fixtures_say_in_python_how_a_word_is_declared(world: WorldFixture) -> None:
    """Not by the key of a scenario file."""
    calls: dict[str, Callable[[], object]] = {
        "names": lambda: world.console.ask({"PolicyName": "Elevate instalers"}),
        "keys": lambda: world.console.run({"policyName": "Elevate installers"}),
        "columns": lambda: world.servicenow.find("request", staus="x"),
        "words": lambda: world.decide("x", "Aprove"),
        "findings": lambda: world.servicenow.tolerate("aproval-request"),
    }
    for kind, call in calls.items():
        with pytest.raises(UnknownWordError) as refused:
            call()
        assert f'pass own={{"{kind}": [...]}}.' in str(refused.value)
        assert "'own: " not in str(refused.value)


def test_fixtures_take_own_words(world: WorldFixture) -> None:
    """A response of the user's own is tried, and a column of their own is asked for."""
    request_id = world.console.ask({})
    world.servicenow.tolerate("decision-update")
    assert world.decide(request_id, "Maybe", own={"words": ["Maybe"]}).status == 403
    assert world.servicenow.find("request", own={"columns": ["sys_tags"]}, request_id=request_id)


def test_several_words_are_no_status(servicenow: ServiceNowFixture) -> None:
    """Only the valid responses of an activity type are several words."""
    with pytest.raises(UnknownWordError, match=r"unknown request\.status 'Pending,Approve'"):
        servicenow.find("request", status="Pending,Approve")
    assert servicenow.find("activity_type", valid_responses="Deny,Approve") == []
