"""A test waits for the delivery of a decision."""

from datetime import timedelta

import pytest
import requests

import mock_servicenow.app
from mock_servicenow.settings import Settings
from privman_core.clock import UNLISTED, Label, RealClock
from privman_core.ids import Ids
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_core.tls import issue_certificate
from privman_core.virtual_clock import VirtualClock
from privman_scenarios.decision import Decision, DecisionDelivery
from privman_scenarios.errors import ExpectationError
from privman_scenarios.fixtures import ConsoleFixture, ServiceNowFixture, WorldFixture
from privman_scenarios.playing.world import World

pytest_plugins = ["pytester"]


@pytest.mark.long
def test_an_option_names_the_certificate_of_an_instance(
    pytester: pytest.Pytester, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instance whose certificate no authority of this machine has signed is trusted with --privman-ca-file."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    authority = pytester.path / "ca.pem"
    tls = issue_certificate("127.0.0.1", authority)
    served = serving(mock_servicenow.app.create_app(Settings(), clock=VirtualClock(), ids=Ids(0)), tls=tls)
    options = ("--privman-servicenow-url", privman_loop.run(served.__aenter__()), "--privman-ca-file", str(authority))
    pytester.makepyfile("def test_it(servicenow): assert servicenow.find('request') == []")
    pytester.runpytest_inprocess("-p", "no:asyncio", *options).assert_outcomes(passed=1)
    privman_loop.run(served.__aexit__(None, None, None))


@pytest.mark.parametrize("failures", [0, 1, 3])
def test_a_delivery_is_waited_for(world: WorldFixture, failures: int) -> None:
    """Virtual time jumps to each retry, and no further than the one that succeeds."""
    if failures:
        world.console.faults.arm("status", status=503, path="*/approval/approve", times=failures)
    decision = world.decide(world.console.ask({}), "Approve")
    before = world.clock.now()
    delivery = decision.delivered()
    assert (decision.status, delivery.status, delivery.retries) == (200, 200, failures)
    assert world.clock.now() - before == timedelta(seconds=50) * failures


async def test_a_delivery_is_awaited(world: WorldFixture) -> None:
    """In an asynchronous test the loop goes on while the delivery is waited for."""
    world.console.faults.arm("reset", path="*/approval/approve")
    delivery = await world.decide(world.console.ask({}), "Approve").delivered()
    assert delivery.retries == 1


FORGETTING = """
import asyncio
def test_it(world):
    request_id = world.console.ask({{}})
    async def work():
        decision = world.decide(request_id, "Approve")
        {within}
    asyncio.run(work())
    {after}
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("within", "after"),
    [
        ("decision.delivered()", ""),
        ("asyncio.ensure_future(decision.delivered())", ""),
        ("await decision.delivered()", "world.servicenow.decision(request_id)"),
        ("await decision.delivered()", "world.servicenow.decision(request_id).delivered"),
    ],
)
def test_a_delivery_that_nothing_waits_for_fails_the_test(pytester: pytest.Pytester, within: str, after: str) -> None:
    """At its end: nothing would have been noticed."""
    pytester.makepyfile(FORGETTING.format(within=within, after=after))
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "-W", "ignore")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["the test ended before the decision on * was delivered. Expected a call of '.delivered()' on each decision*"]
    )


@pytest.mark.long
def test_a_jump_that_nothing_waits_for_fails_the_test(pytester: pytest.Pytester) -> None:
    """Time has not moved; one that fails has been waited for."""
    pytester.makepyfile("""
import asyncio
import pytest
from privman_scenarios import UnknownWordError
def test_forgetting(world):
    request_id = world.console.ask({})
    world.clock.advance_async("17:00:00")
    assert world.console.approval(request_id)["state"] == "Pending"
def test_waiting(world):
    asyncio.run(world.clock.advance_async("17:00:00"))
    with pytest.raises(UnknownWordError, match="soon"):
        asyncio.run(world.clock.advance_async("soon"))
""")
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "-W", "ignore")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["the test ended before clock.advance_async('17:00:00') returned. Expected *"])


@pytest.mark.long
def test_a_delivery_is_waited_for_with_a_loop_and_without(pytester: pytest.Pytester) -> None:
    """As often as a test likes."""
    within = "await asyncio.gather(decision.delivered(), decision.delivered())"
    pytester.makepyfile(FORGETTING.format(within=within, after="world.servicenow.decision(request_id).delivered()"))
    pytester.runpytest_inprocess("-p", "no:asyncio", "-W", "ignore").assert_outcomes(passed=1)


def test_a_refused_decision_is_not_delivered(world: WorldFixture) -> None:
    """The delivery of the decision before it is another's."""
    request_id = world.console.ask({})
    world.decide(request_id, "Approve").delivered()
    with pytest.raises(ExpectationError, match="403 from ServiceNow, which refused it"):
        world.decide(request_id, "Deny").delivered()


async def test_a_refused_decision_is_not_delivered_to_who_awaits_it(world: WorldFixture) -> None:
    """The reason is raised where it is awaited, and nothing is left to wait for."""
    request_id = world.console.ask({})
    await world.decide(request_id, "Approve").delivered()
    with pytest.raises(ExpectationError, match="403 from ServiceNow, which refused it"):
        await world.decide(request_id, "Deny").delivered()


def test_a_decision_without_the_comments_that_its_type_excludes_is_delivered(world: WorldFixture) -> None:
    """A comment that is missing, or another one, is somebody else's decision unless the activity type has none."""
    commented = world.decide(world.console.ask({}), "Deny", comment="Not today")
    (response,) = world.servicenow.find("response")
    table = "x_thyti_thycotic_p_response"
    url = f"{world.servicenow.url}/api/now/table/{table}/{response['sys_id']}"
    assert requests.patch(url, json={"comment": ""}, auth=world.servicenow.auth, timeout=10).status_code == 200
    with pytest.raises(ExpectationError, match="to be delivered; got the comment ''"):
        commented.delivered()
    url = f"{world.servicenow.url}/api/now/table/x_thyti_thycotic_p_activity_type/{world.console.activity_type_id}"
    requests.patch(url, json={"include_comment": "false"}, auth=world.servicenow.auth, timeout=10)
    assert commented.delivered().status == 200


def test_a_delivery_that_is_given_up_is_told(world: WorldFixture) -> None:
    """The status of the last attempt is named."""
    world.console.faults.arm("status", status=503, path="*/approval/approve", times=None)
    decision = world.decide(world.console.ask({}), "Approve")
    with pytest.raises(ExpectationError, match=r"^expected the decision on .* to be delivered; got 503 after 3 retr"):
        decision.delivered()


def test_a_request_that_nobody_decided_has_no_delivery(servicenow: ServiceNowFixture, console: ConsoleFixture) -> None:
    """Waiting for it is told at once, rather than for ever."""
    request_id = console.ask({})
    with pytest.raises(ExpectationError, match="to be delivered; got no decision"):
        servicenow.decision(request_id).delivered()


class Passing(RealClock):
    """Real time that passes as soon as somebody waits."""

    def __init__(self, world: World, speed: int = 10) -> None:
        super().__init__()
        self._world = world
        self._speed = speed

    async def sleep(self, seconds: float, _label: Label = UNLISTED) -> None:
        """Let as much pass at both parties, times the speed."""
        await self._world.advance(seconds * self._speed)


@pytest.mark.long
def test_a_delivery_of_systems_that_keep_real_time(privman_loop: LoopThread, world: WorldFixture) -> None:
    """The Responses table is looked at again and again, for a while."""
    world.console.faults.arm("status", status=503, path="*/approval/approve")
    request_id, undecided = world.console.ask({}), world.console.ask({})
    world.decide(request_id, "Approve")
    world.world.virtual = False
    clock = Passing(world.world)
    assert Decision(privman_loop, world.world, clock, request_id).delivered() == DecisionDelivery(200, 1)
    with pytest.raises(ExpectationError, match="to be delivered; got no decision"):
        Decision(privman_loop, world.world, clock, undecided).delivered()


@pytest.mark.long
@pytest.mark.parametrize(("patience", "delivered"), [(49, False), (50, True)])
def test_a_delivery_in_the_last_second_of_the_patience(
    privman_loop: LoopThread, world: WorldFixture, patience: int, *, delivered: bool
) -> None:
    """It is looked for once more after the last pause."""
    world.console.faults.arm("status", status=503, path="*/approval/approve")
    request_id = world.console.ask({})
    world.decide(request_id, "Approve")
    world.world.virtual, world.world.patience = False, patience
    decision = Decision(privman_loop, world.world, Passing(world.world, 1), request_id)
    if delivered:
        assert decision.delivered() == DecisionDelivery(200, 1)
        return
    with pytest.raises(ExpectationError, match="to be delivered; got 503"):
        decision.delivered()
