import asyncio
from typing import Any

import pytest
from aiohttp import ClientError

from mock_servicenow.conditions import CONDITIONS
from privman_core.fault_kinds import GENERIC
from privman_core.faults import FaultKind

from .conftest import Party


async def _arm(party: Party, **fault: Any) -> None:
    status, body = await party.call("POST", "/__admin/faults", json=fault)
    assert status == 201, body


async def test_status_fault_strikes_once(party: Party) -> None:
    """A status fault answers in the handler's place, once unless told otherwise."""
    await _arm(party, kind="status", status=429, headers={"Retry-After": "7"}, body="later")
    assert await party.call("GET", "/") == (429, "later")
    assert (await party.call("GET", "/"))[0] == 200
    assert party.handled == 1


async def test_fault_fits_method_path_and_turn(party: Party) -> None:
    """A fault strikes only its method and path, after the given number of fitting requests, whatever the case."""
    await _arm(party, kind="status", method="post", path="/API/*", skip=1)
    for method, path, wanted in [
        ("GET", "/api/x", 200),
        ("POST", "/other", 200),
        ("POST", "/api/x", 200),
        ("POST", "/api/x", 503),
        ("POST", "/api/x", 200),
    ]:
        assert (await party.call(method, path))[0] == wanted


async def test_fault_begins_later(party: Party) -> None:
    """A fault armed for later does nothing before its time."""
    await _arm(party, kind="status", after=30, times=None)
    assert (await party.call("GET", "/"))[0] == 200
    await party.clock.advance(30)
    assert [(await party.call("GET", "/"))[0] for _ in range(2)] == [503, 503]


async def test_fault_ends(party: Party) -> None:
    """A fault that lasts strikes all requests until it is over, and says so when it is listed."""
    await _arm(party, kind="status", after=10, lasts=20)
    for seconds, wanted in [(0, 200), (10, 503), (19.5, 503), (0.5, 200), (1, 200)]:
        await party.clock.advance(seconds)
        assert [(await party.call("GET", "/"))[0] for _ in range(2)] == [wanted] * 2
    (listed,) = (await party.call("GET", "/__admin/faults"))[1]["faults"]
    assert (listed["times"], listed["lasts"], listed["struck"]) == (None, 20, 4)


async def test_fault_ends_with_the_first_of_both(party: Party) -> None:
    """Its last turn, or its time."""
    await _arm(party, kind="status", lasts=20, times=1)
    assert [(await party.call("GET", "/"))[0] for _ in range(2)] == [503, 200]


async def test_faults_are_listed_and_cleared(party: Party) -> None:
    """The armed faults can be read with what is left of their counts and how often they struck, and disarmed."""
    await _arm(party, kind="status", status=500, times=2)
    await party.call("GET", "/")
    listed = {"kind": "status", "method": "", "path": "*", "skip": 0, "times": 1, "after": 0, "status": 500}
    listed |= {"number": 1, "struck": 1}
    assert await party.call("GET", "/__admin/faults") == (200, {"faults": [listed]})
    assert (await party.call("DELETE", "/__admin/faults"))[0] == 204
    assert (await party.call("GET", "/"))[0] == 200


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"kind": "stauts"}, "'kind' is 'stauts' (did you mean 'status'?); expected one of "),
        ({"knid": "slow"}, "unknown key 'knid' (did you mean 'kind'?); expected one of "),
        ({}, "'kind' is ''; expected one of answer-lost, duplicated, malformed, reset, slow, status, truncated"),
        (
            {"kind": "slow", "secconds": 1},
            "unknown key 'secconds' of the fault 'slow' (did you mean 'seconds'?); expected one of after, kind",
        ),
        ({"kind": "reset", "status": 503}, "unknown key 'status' of the fault 'reset'; expected one of after, kind"),
        ({"kind": ["slow"]}, "'kind' is ['slow'] (did you mean 'slow'?); expected one of"),
        ({"kind": "slow", "seconds": "1"}, "'seconds' is '1'; expected a number of seconds from 0 to 316224000"),
        ({"kind": "slow", "times": True}, "'times' is True; expected a whole number from 1 to 1000000000, or null"),
        ({"kind": "slow", "skip": -1}, "'skip' is -1; expected a whole number from 0 to 1000000000"),
        ({"kind": "slow", "lasts": 0}, "'lasts' is 0; expected a number of seconds above 0, up to 316224000"),
        ({"kind": "status", "status": 99}, "'status' is 99; expected a status from 200 to 599"),
        ({"kind": "status", "headers": {"a": 1}}, "'headers' is {'a': 1}; expected an object of header texts"),
        (
            {"kind": "status", "headers": {"a": "x\r\ny"}},
            "'headers' is {'a': 'x\\r\\ny'}; expected an object of header texts",
        ),
        (
            {"kind": "status", "headers": {"content-Length": "\u0663"}},
            "'headers' is {'content-Length': '\u0663'}; expected an object of header texts, of digits for Content",
        ),
        ({"kind": "status", "headers": {"Content-Length": "9" * 19}}, "'headers' is {'Content-Length': '9999"),
        ({"kind": "status", "times": 0}, "'times' is 0; expected a whole number from 1 to 1000000000, or null"),
    ],
)
async def test_wrong_fault_is_refused(party: Party, fault: dict[str, Any], message: str) -> None:
    """A fault that cannot be armed is refused with the key, its value and the nearest valid word."""
    status, body = await party.call("POST", "/__admin/faults", json=fault)
    assert status == 400
    assert body["error"].startswith(message)
    assert party.faults.armed == []


async def test_a_header_may_have_a_new_emoji(party: Party) -> None:
    """One that is newer than the Unicode tables of Python 3.11."""
    await _arm(party, kind="status", headers={"X-Mood": "\U0001fae9"})
    assert await party.call("GET", "/") == (503, "")


@pytest.mark.parametrize(("kind", "handled"), [("reset", 0), ("answer-lost", 1), ("truncated", 1)])
async def test_hanging_up(party: Party, kind: str, handled: int) -> None:
    """A dropped connection leaves the caller without an answer, before or after the work was done."""
    await _arm(party, kind=kind)
    with pytest.raises(ClientError):
        await party.call("POST", "/", data="some work")
    assert party.handled == handled
    _, journal = await party.call("GET", "/__admin/requests")
    assert journal["requests"][0]["fault"] == kind
    assert journal["requests"][0]["error"] == f"the connection was dropped by the fault '{kind}'"


async def test_slow_answer_waits_on_the_clock(party: Party) -> None:
    """A slow request is handled only once the clock has passed its seconds."""
    await _arm(party, kind="slow", seconds=10)
    call = asyncio.create_task(party.call("POST", "/", data="x"))
    while not party.journal.kept():
        await asyncio.sleep(0)
    await party.clock.advance(9)
    assert party.handled == 0
    await party.clock.advance(1)
    assert await call == (200, "x")


async def test_malformed_answer(party: Party) -> None:
    """A malformed answer keeps the true status; the work was done."""
    await _arm(party, kind="malformed", body="{nonsense")
    _, journal = await party.call("GET", "/__admin/requests")
    assert journal["requests"] == []
    async with asyncio.timeout(5):
        with pytest.raises(ValueError, match="Expecting property name"):
            await party.call("POST", "/", data="x")
    assert party.handled == 1


async def test_duplicated_request_is_handled_twice(party: Party) -> None:
    """A duplicated request reaches the handler twice and is answered once; the journal has both arrivals."""
    await _arm(party, kind="duplicated", times=2)
    assert await party.call("POST", "/", data="x") == (200, "x")
    assert party.handled == 2
    assert (await party.call("POST", "/long", data="y", chunked=True))[0] == 200
    kept = [(each.url, each.status, each.fault, each.request_size) for each in party.journal.kept()]
    twice = [("/", 200, "", 1), ("/", 200, "duplicated", 1)]
    assert kept == [*twice, ("/long", 200, "", 1), ("/long", 200, "duplicated", 1)]


@pytest.mark.parametrize("kind", (GENERIC | CONDITIONS).values(), ids=[*GENERIC, *CONDITIONS])
def test_every_kind_has_a_help_text_that_names_its_options(kind: FaultKind) -> None:
    """The cockpit shows the docstring; an option that it does not mention stays unknown."""
    assert kind.summary.endswith((".", ")."))
    assert all(f"``{option}``" in kind.summary for option in kind.options)


def test_no_kind_of_the_mock_hides_a_generic_one() -> None:
    """Each name means one thing on both servers."""
    assert GENERIC.keys().isdisjoint(CONDITIONS)
