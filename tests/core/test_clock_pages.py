"""The cockpit's page of the clock."""

import re
from datetime import timedelta

import pytest
from aiohttp import ClientSession

from privman_core.clock import LAST, Label
from privman_core.virtual_clock import START

from .cockpit_browser import Browser
from .conftest import Party


async def _job() -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("50", "09:00:50"),
        ("90s", "09:01:30"),
        ("90.5 s", "09:01:30"),
        ("16:30:00", "01:30:00"),
        ("16h30", "01:30:00"),
        ("16 h 30 min", "01:30:00"),
        (" 1 Hour, 5 minutes ", "10:05:00"),
        ("2 days", "09:00:00"),
        ("+2d", "09:00:00"),
        ("until 18:00", "18:00:00"),
        ("until 08:59:59", "08:59:59"),
        ("until 2026-01-06 18:00", "18:00:00"),
        ("until 2026-01-06T18:00:00+01:00", "17:00:00"),
        ("until +2h", "11:00:00"),
        ("until now", "09:00:00"),
        ("until next", "09:20:00"),
        ("next", "09:20:00"),
        ("until next delivery", "09:40:00"),
        ("until next timeout", "10:00:00"),
        ("now", "09:00:00"),
    ],
)
async def test_clock_reads_times_as_people_write_them(party: Party, browser: Browser, text: str, time: str) -> None:
    """Spans, moments, and what falls due next."""
    for minutes, kind in ((20, "task"), (40, "delivery"), (60, "time-out")):
        party.clock.call_at(START + timedelta(minutes=minutes), _job, Label("Work", kind=kind))  # type: ignore[arg-type]
    status, html = await browser.post("/clock", {"jump": text})
    assert (status, f"{time} UTC</p>" in html) == (200, True)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "'' is no time; expected for example 50, 90s, 16h30"),
        ("soon", "'soon' is no time; expected for example 50, 90s"),
        ("-1", "'-1' is no time"),
        ("nan", "'nan' is no time"),
        ("16:30", "'16:30' may be a span or a time of day; write 16h30 for a span, until 16:30 for a time of day"),
        ("+ 7:05", "write 7h05 for a span, until 7:05 for a time of day"),
        ("1e99", "'1e99' is no time"),
        ("5 fortnights", "'5 fortnights' is no time"),
        ("until", "'until' is no time"),
        ("until 25:00", "'25:00' is no time; expected for example now, 18:00"),
        ("until 2026-01-05 08:00", "2026-01-05 08:00:00 has passed: it is 2026-01-05 09:00:00"),
        ("until 0001-01-01T00:00+05:00", "'0001-01-01t00:00+05:00' is no time; expected for example now, 18:00"),
        ("until 9999-12-31T23:59-05:00", "'9999-12-31t23:59-05:00' is no time; expected for example now, 18:00"),
        ("until next", "nothing falls due"),
        ("until next delivery", "no delivery falls due"),
        ("99999999999", "'99999999999' is too long; expected at most ten years"),
        (
            "until 9000-01-01 00:00",
            "9000-01-01 00:00:00 is too far from 2026-01-05 09:00:00; expected at most ten years",
        ),
        ("x" * 5_000, "is no time"),
    ],
)
async def test_invalid_jump_is_refused(browser: Browser, text: str, error: str) -> None:
    """The error is beside the field, and time stands still."""
    status, html = await browser.post("/clock", {"jump": text})
    assert (status, error in html.replace("&#39;", "'")) == (400, True)
    assert 'id="jump.error"' in html
    assert "2026-01-05 09:00:00 UTC</p>" in html


async def test_no_jump_passes_the_end_of_time(party: Party, browser: Browser) -> None:
    """Dates that are calculated from the time still have to exist."""
    party.clock.return_to(LAST - timedelta(days=1))
    status, page = await browser.post("/clock", {"jump": "2 days"})
    assert (status, "the clock ends on 9000-01-01" in page) == (400, True)


async def test_next_of_no_kind_names_what_falls_due(party: Party, browser: Browser) -> None:
    """The error lists the words that would lead somewhere."""
    party.clock.call_at(START + timedelta(hours=1), _job, Label("Work", kind="delivery"))
    _, html = await browser.post("/clock", {"jump": "until next token"})
    assert "no token falls due; expected until next delivery" in html


async def test_clock_lists_what_falls_due_and_for_whom(party: Party, browser: Browser) -> None:
    """Each has a link to its request, and a button that jumps there; housekeeping is left out."""
    party.clock.call_at(START + timedelta(seconds=50), _job, Label("Deliver", "a66f2ed9", "delivery"))
    party.clock.call_at(START + timedelta(seconds=20), _job)
    _, html = await browser.get("/clock")
    table = html.split("<tbody>")[1].split("</tbody>")[0]
    assert " ".join(re.sub(r"<[^>]+>", " ", table).split()) == "09:00:50 Deliver Jump here Echo a66f2ed9…"
    assert 'href="/__cockpit/requests/a66f2ed9"' in table
    found = re.search(r'name="jump" value="([^"]+)" aria-label="Jump here: 09:00:50, Deliver"', table)
    assert found is not None
    assert "09:00:50 UTC</p>" in (await browser.post("/clock", {"jump": found[1]}))[1]


async def test_clock_tells_what_fell_due_in_the_last_jump(party: Party, browser: Browser) -> None:
    """Also what came up only then, as long as time has stood still since, and at most the first hundred deadlines."""
    clock = party.clock

    async def fail() -> None:
        clock.call_at(clock.now() + timedelta(hours=16), _job, Label("Deliver again", "a66f2ed9", "delivery"))

    clock.call_at(START + timedelta(seconds=50), fail, Label("Deliver", "a66f2ed9", "delivery"))
    clock.call_at(START + timedelta(days=2), _job, Label("Much later"))
    _, html = await browser.post("/clock", {"jump": "1 day"})
    told = html.split('id="passed"')[1].split("</section>")[0]
    rows = " ".join(re.sub(r"<[^>]+>", " ", told.split("<tbody>")[1]).split())
    assert rows == "09:00:50 Deliver Echo a66f2ed9… 2026-01-06 01:00:50 Deliver again Echo a66f2ed9…"
    assert told.count('href="/__cockpit/requests/a66f2ed9"') == 2
    assert 'href="/__cockpit?find=after:2026-01-05T09:00:00"' in told
    await clock.advance(1)
    assert "last jump" not in (await browser.get("/clock"))[1]
    for second in range(120):
        clock.call_at(clock.now() + timedelta(seconds=second), _job, Label("Check"))
    _, html = await browser.post("/clock", {"jump": "1 hour"})
    assert "10:00:01 UTC</p>" in html
    assert (html.count(">Check<"), "Only what fell due first is listed." in html) == (100, True)


async def test_clock_lists_when_faults_begin_and_end(browser: Browser) -> None:
    """A jump leads to either."""
    await browser.post("/faults", {"kind": "reset", "after": "60", "lasts": "60"})
    assert "09:01:00 UTC</p>" in (await browser.post("/clock", {"jump": "until next fault"}))[1]
    _, html = await browser.post("/clock", {"jump": "+1"})
    assert "Fault &#39;reset&#39; begins" not in html
    assert "Fault &#39;reset&#39; ends" in html


async def test_real_clock_cannot_be_advanced(real_party: Party, http: ClientSession) -> None:
    """The form is disabled, and the page says why."""
    browser = Browser(real_party, http)
    _, html = await browser.get("/clock")
    assert "The time of Echo is real and cannot jump." in html
    assert html.count("<fieldset disabled") + html.count('class="row" disabled') == 2
    status, html = await browser.post("/clock", {"jump": "1"})
    assert (status, "The time of Echo is real and cannot jump" in html) == (400, True)


async def test_control_plane_moves_to_a_moment(party: Party) -> None:
    """Twice is no later than once; what is no moment is refused."""
    for until in ("2026-01-05T10:00:00", "2026-01-05T10:00:00Z", "2026-01-05T09:30:00+00:00"):
        answer = await party.call("POST", "/__admin/clock/advance", json={"until": until})
        assert answer == (200, {"now": "2026-01-05T10:00:00+00:00"})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"until": "soon"}, "'until' is 'soon'; expected a time such as 2026-01-05T18:00:00Z"),
        ({"until": None}, "'until' is None; expected a time"),
        ({"until": "2100-01-01"}, "'until' is '2100-01-01'; expected at most ten years from now"),
        ({"until": "2026-01-06", "seconds": 5}, "'seconds' and 'until' exclude each other"),
    ],
)
async def test_control_plane_refuses_what_is_no_moment(party: Party, body: dict[str, object], error: str) -> None:
    """The message shows the value."""
    status, answer = await party.call("POST", "/__admin/clock/advance", json=body)
    assert (status, answer["error"].startswith(error)) == (400, True)


async def test_real_clock_moves_to_no_moment(real_party: Party) -> None:
    """As it jumps by no seconds."""
    status, answer = await real_party.call("POST", "/__admin/clock/advance", json={"until": "2026-01-06"})
    assert (status, "it is real (start with --clock virtual)" in answer["error"]) == (400, True)
