"""The cockpit's page of faults."""

import re

import pytest

from .cockpit_browser import Browser
from .conftest import Party

_ALL = {"party": "Echo", "kind": "status", "method": "POST", "path": "/api/*", "status": "429", "times": ""}


def _shown(html: str) -> str:
    """Return the text of the part of a page that shows the faults."""
    part = html.split('id="faults"', 1)[1].split("</section>", 1)[0].replace("&#39;", "'").replace("&#34;", '"')
    return " ".join(re.sub(r"<[^>]+>", " ", part.partition(">")[2]).split())


async def test_fault_is_armed_and_disarmed(party: Party, browser: Browser) -> None:
    """The form arms what the control plane arms; each fault says what it strikes and has a button that disarms it."""
    status, html = await browser.post("/faults", _ALL | {"headers": '{"A": "b"}'})
    assert status == 200
    assert _shown(html) == (
        'armed Echo status status: 429 headers: {"A":"b"} Disarm Strikes all POST requests to /api/*. '
        '- echo.fault: {kind: status, method: POST, path: "/api/*", times: null, '
        'options: {status: 429, headers: {A: "b"}}} Disarm all of Echo'
    )
    await browser.post("/faults", {"kind": "slow", "after": "5", "lasts": "3600", "skip": "2", "times": "3"})
    assert [fault.to_json()["kind"] for fault in party.faults.armed] == ["status", "slow"]
    _, html = await browser.post("/faults/disarm", {"number": "1"})
    assert _shown(html).startswith(
        "waiting Echo slow Disarm "
        "Strikes the next 3 requests, once 2 more have passed from 09:00:05 until 10:00:05. "
        "- echo.fault: {kind: slow, skip: 2, times: 3, after: 5 seconds, lasts: 1 hour}"
    )
    _, html = await browser.post("/faults/disarm", {"number": "all"})
    assert "No fault is armed" in html


async def test_only_the_named_fault_is_disarmed(party: Party, browser: Browser) -> None:
    """A number that no fault has, or a text that is no number, disarms none; neither does the call."""
    for _ in range(2):
        await party.call("POST", "/__admin/faults", json={"kind": "reset"})
    for number in ("0", "77"):
        assert (await browser.post("/faults/disarm", {"number": number}))[0] == 400
        message = {"error": f"Echo has no fault {number}"}
        assert await party.call("DELETE", f"/__admin/faults/{number}") == (404, message)
    for number in ("", "two", "-1", "\u0661", "9" * 5_000):
        status, html = await browser.post("/faults/disarm", {"number": number})
        assert (status, "expected the number of a fault, or all" in html) == (422, True)
    assert [fault.number for fault in party.faults.known] == [1, 2]
    assert (await party.call("DELETE", "/__admin/faults/2"))[0] == 204
    assert [fault.number for fault in party.faults.known] == [1]


async def test_fault_says_whom_it_hit_and_is_shown_when_used_up(party: Party, browser: Browser) -> None:
    """Each hit links to its exchange; the head of every page counts what is armed."""
    await party.call("POST", "/__admin/faults", json={"kind": "status", "status": 502, "times": 2})
    assert "1 fault armed" in (await browser.get())[1]
    await party.call("GET", "/one?a=b")
    assert "Strikes the next request. It has struck 1 request. Exchange 1" in _shown((await browser.get("/faults"))[1])
    await party.call("POST", "/two")
    await party.call("GET", "/three")
    _, html = await browser.get("/faults")
    assert _shown(html) == (
        "struck Echo status status: 502 Forget Used up: it struck 2 requests. "
        "Exchange 2 of Echo at 2026-01-05 09:00:00 UTC: POST /two 502 "
        "Exchange 1 of Echo at 2026-01-05 09:00:00 UTC: GET /one?a=b 502 Disarm all of Echo"
    )
    assert 'href="/__cockpit/exchanges/echo/2"' in html
    assert "armed</a>" not in html
    party.journal.clear()
    assert "2 earlier ones" not in _shown((await browser.get("/faults"))[1])
    assert "No fault is armed" in (await browser.post("/faults/disarm", {"number": "1"}))[1]


async def test_long_fault_is_cut(party: Party, browser: Browser) -> None:
    """A body, a path or an address of any length leaves the page readable."""
    await party.call("POST", "/__admin/faults", json={"kind": "status", "body": "x" * 900_000, "times": None})
    await party.call("GET", f"/{'y' * 5_000}")
    _, html = await browser.get("/faults")
    assert len(html) < 30_000
    assert "# The step has 900,0" in html


async def test_step_of_a_fault_has_headers_of_any_name(party: Party, browser: Browser) -> None:
    """Also one with the name of a key that is a span of time."""
    await party.call("POST", "/__admin/faults", json={"kind": "status", "status": 502, "headers": {"after": "x"}})
    assert '{status: 502, headers: {after: "x"}}' in _shown((await browser.get("/faults"))[1])


async def test_fault_after_its_time_is_not_armed(party: Party, browser: Browser) -> None:
    """It says since when, and counts nowhere."""
    await browser.post("/faults", {"kind": "reset", "lasts": "60"})
    await party.clock.advance(60)
    _, html = await browser.get("/faults")
    assert "Over since 09:01:00: it struck no requests." in _shown(html)
    assert "armed</a>" not in html


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("status", "teapot", "'teapot' is invalid; expected a status from 200 to 599"),
        ("skip", "-1", "-1 is invalid; expected a whole number from 0"),
        ("skip", "9" * 5_000, "expected a whole number from 0"),
        ("after", "1e300", "1e+300 is invalid; expected a number of seconds from 0 to 316,224,000"),
        ("times", "all", "'all' is invalid; expected a whole number from 1 to 1,000,000,000, or nothing for all"),
        ("headers", "A: b", "'A: b' is invalid; expected an object of header texts"),
        ("after", "9" * 5_000, "expected a number of seconds from 0 to 316,224,000"),
        ("kind", "statos", "no kind is 'statos' (did you mean 'status'?)"),
        ("party", "Console", "the party 'Console' is not shown: No other party is known yet."),
    ],
)
async def test_invalid_fault_is_refused(browser: Browser, key: str, value: str, error: str) -> None:
    """The form is shown again with the values and the error; nothing is armed."""
    status, html = await browser.post("/faults", {"kind": "status", "path": "/mine"} | {key: value})
    assert (status, error in html.replace("&#39;", "'")) == (400, True)
    assert ('value="/mine"' in html) is (key != "kind")
    assert ('aria-invalid="true"' in html) is (key != "party")
    assert browser.party.faults.armed == []


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"kind": "status", "skip": "abc", "times": "0", "status": "999"}, ["skip", "times", "status"]),
        ({"recipe": "down", "from": "noon", "for": "a while"}, ["echo-down-from", "echo-down-for"]),
    ],
)
async def test_every_invalid_field_has_its_error(browser: Browser, values: dict[str, str], wrong: list[str]) -> None:
    """All at once, each beside its field and nowhere else."""
    _, html = await browser.post("/faults", values)
    assert re.findall(r'id="([\w-]+)"[^>]*aria-invalid="true"', html) == wrong
    assert re.findall(r'class="error" id="([\w-]+)\.error"', html) == wrong
    assert re.findall(r'role="alert"[^>]*>([^<]*)', html) == ["The fault was not armed."]


async def test_fault_of_a_party_that_is_not_shown_goes_nowhere_else(browser: Browser) -> None:
    """The page says so, keeps the party and what is typed, and is refused as long as that party is not shown."""
    status, html = await browser.get("/faults?party=Console&kind=status&status=401")
    assert (status, "The fault cannot be armed: the party &#39;Console&#39; is not shown" in html) == (400, True)
    assert "status at Console" in html
    assert '<option value="Console" selected>Console (not shown)' in html
    status, html = await browser.post("/faults", {"party": "Console", "kind": "status", "status": "401"})
    assert (status, 'name="party" value="Console"' in html, 'value="401"' in html) == (400, True, True)
    assert browser.party.faults.armed == []


async def test_address_opens_the_form_filled_in(browser: Browser) -> None:
    """An exchange links to it; a status makes it that kind, and only the options of the kind are offered."""
    _, html = await browser.get("/faults?party=Echo&method=POST&path=/orders&status=404")
    assert '<h3 id="arm">status at Echo</h3>' in html
    for part in ('value="/orders"', 'value="404"', '<option value="POST" selected>'):
        assert part in html
    assert 'name="seconds" value=""' in (await browser.get("/faults?kind=slow"))[1]
    assert 'name="headers"' not in (await browser.get("/faults?kind=slow"))[1]
    assert 'name="path"' not in (await browser.get("/faults"))[1]
    assert "Echo has no fault nothing." in (await browser.get("/faults?kind=nothing"))[1]


async def test_fault_kinds_are_explained(browser: Browser) -> None:
    """The page describes every kind that can be armed."""
    _, html = await browser.get("/faults")
    assert "<dt>answer-lost</dt><dd>Do what was asked, then drop the connection instead of answering.</dd>" in html


async def test_recipe_is_armed_for_a_while(party: Party, browser: Browser) -> None:
    """Its fields take times as people write them."""
    status, html = await browser.post("/faults", {"recipe": "down", "from": "18:00", "for": "2 h"})
    assert (status, "Strikes all requests from 18:00:00 until 20:00:00." in _shown(html)) == (200, True)
    (fault,) = party.faults.armed
    assert (fault.after, fault.lasts, fault.times) == (32_400, 7_200, None)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"recipe": "down", "from": "noon", "for": "2 h"}, "'noon' is no time; expected for example now, 18:00"),
        ({"recipe": "down", "from": "now", "for": "a while"}, "'a while' is no time; expected for example 90s"),
        ({"recipe": "down", "from": "now", "for": "0"}, "'0' is invalid; expected more than no time"),
        ({"recipe": "up"}, "Echo has no recipe 'up'"),
    ],
)
async def test_invalid_recipe_is_refused(browser: Browser, values: dict[str, str], error: str) -> None:
    """The values stay, and nothing is armed."""
    status, html = await browser.post("/faults", values)
    assert (status, error in html.replace("&#39;", "'")) == (400, True)
    assert all(f'value="{value}"' in html for value in values.values() if values["recipe"] == "down")
    assert browser.party.faults.armed == []
