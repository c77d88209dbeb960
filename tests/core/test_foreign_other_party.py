"""A foreign program in the other party's place: what it says is bounded, and how long it takes, too."""

import asyncio
import json
import re
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, CookieJar, web

from console_sim import ConsoleSim
from console_sim.settings import Settings
from privman_core.cockpit.other_party import OtherParty
from privman_core.cockpit.party_facts import Marks
from privman_core.cockpit.shown_party import UnusablePartyError
from privman_core.outbound import HttpAnswer
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

NOW = "2026-01-05T09:00:00Z"
HELLO = {"name": "ServiceNow", "version": "1", "now": NOW}
ROW = {"number": 1, "at": NOW, "direction": "in", "method": "GET", "url": "/", "other_party": "x", "contract": ""}
ROW |= {"status": 200, "error": "", "fault": "", "verdict": "none", "findings": 0}
PRINTED = {"direction": "in", "method": "GET", "url": "/x", "request": {"headers": [], "body": ""}, "status": 200}
PRINTED |= {"response": {"headers": [], "body": ""}, "error": "", "fault": "", "findings": []}
EXCHANGES = {"rows": [ROW], "newest": 1}
UNREADABLE = "answers what this version cannot read"
_TOKEN = re.compile(r'name="cockpit_token" value="(\w+)"')


@asynccontextmanager
async def foreign(answers: Mapping[str, Any]) -> AsyncIterator[tuple[str, list[str]]]:
    """Serve a console whose other party gives these answers by the last part of the path; yield what it was asked.

    None lets whoever asks wait.
    """
    asked: list[str] = []
    async with (
        serving(_app(answers, asked), "127.0.0.1", 0) as url,
        ConsoleSim(Settings(servicenow_url=url), seed=1) as console,
    ):
        yield console.url, asked


def _app(answers: Mapping[str, Any], asked: list[str]) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        name = request.path.rsplit("/", 1)[1]
        asked.append(name)
        if (found := {"cockpit": HELLO, **answers}[name]) is None:
            await asyncio.Event().wait()
        return web.Response(text=json.dumps(found), content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app


async def _page(url: str, path: str) -> str:
    async with ClientSession() as http, http.get(f"{url}/__cockpit{path}") as answer:
        return await answer.text()


def _exchange(**changes: Any) -> dict[str, Any]:
    return {"1": {"row": ROW, "printed": {**PRINTED, **changes}}}


@pytest.mark.parametrize(
    ("path", "answers", "words"),
    [
        ("/exchanges/servicenow/1", _exchange(method="GET $(touch PWNED)"), UNREADABLE),
        ("/exchanges/servicenow/1", _exchange(url="/\n$(touch PWNED)"), UNREADABLE),
        ("/exchanges/servicenow/1", _exchange(request={"headers": [["X A", "b"]], "body": ""}), UNREADABLE),
        ("/exchanges/servicenow/1", _exchange(request={"headers": [["X", "b\nA: b"]], "body": ""}), UNREADABLE),
        ("", {"exchanges": {"rows": [ROW | {"verdict": "odd"}]}}, UNREADABLE),
        ("", {"exchanges": {"rows": [ROW | {"at": "2026-01-05T09:00:00"}]}}, UNREADABLE),
        ("", {"exchanges": {"rows": [ROW] * 201}}, UNREADABLE),
        *(
            (
                "/approvals",
                {"approvals": [{"request_id": "1", "state": "a", "asked_at": NOW, "page": page}]},
                UNREADABLE,
            )
            for page in ("@b.c/d", "//b.c", "/\\b.c", "/__cockpit/b.c", "/./__cockpit/b.c", "/x/..//__cockpit/b.c")
        ),
        ("/approvals", {"cockpit": HELLO | {"name": "S" * 1_000_000}}, "is none of the simulators"),
        ("/approvals", {"cockpit": HELLO | {"name": "<b>"}}, "is none of the simulators"),
        ("/approvals", {"cockpit": HELLO | {"now": "2026-01-05T09:00:00"}}, "is none of the simulators"),
    ],
)
async def test_what_no_party_says_is_refused(path: str, answers: dict[str, Any], words: str) -> None:
    """The page says so; nothing of it gets into a link or a text to copy."""
    async with foreign({"marked": [], **answers}) as (url, _asked):
        html = await _page(url, path)
    assert (words in html, "PWNED" in html, "b.c" in html, len(html) < 20_000) == (True, False, False, True)


@pytest.mark.parametrize("due", ["2020-01-01T00:00:00Z", NOW], ids=["in the past", "always now"])
async def test_jump_ends_though_something_is_always_due(due: str) -> None:
    """It says why it goes no further."""
    clock = {"now": NOW, "due": due, "virtual": True}
    faults: dict[str, Any] = {"known": [], "kinds": []}
    answers = {"clock": clock, "due": [{"at": due, "what": "x"}], "advance": {}, "faults": faults, "marked": []}
    async with foreign(answers) as (url, asked), ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        found = _TOKEN.search(await _page(url, "/clock"))
        assert found is not None
        form = {"cockpit_token": found[1], "jump": "1h"}
        async with http.post(f"{url}/__cockpit/clock", data=form) as answer:
            html = await answer.text()
    assert "something falls due there again and again" in html
    assert asked.count("advance") < 50


async def test_silent_party_is_left_alone_for_a_while() -> None:
    """One page waits for it, the next ones do not."""
    async with foreign({"cockpit": None}) as (url, asked):
        assert "no answer within 1 s" in await _page(url, "/approvals")
        assert "did not answer in time. It is not asked again for 15 s." in await _page(url, "/approvals")
    assert asked == ["cockpit"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows connects to no unspecified address")
@pytest.mark.parametrize(("host", "is_unknown"), [("127.0.0.1", False), ("0.0.0.0", True)])
async def test_order_at_another_machine_is_unknown(host: str, *, is_unknown: bool) -> None:
    """The page says so of exchanges at the same virtual time: real time orders them on one machine only."""
    answers = {"exchanges": EXCHANGES, "marked": []}
    async with serving(_app(answers, []), "127.0.0.1", 0) as url:
        settings = Settings(servicenow_url=url.replace("127.0.0.1", host))
        async with ConsoleSim(settings, seed=1) as console, ClientSession() as http:
            async with http.get(f"{console.url}/Tms/services/api/v1/version/Current"):
                """Leave it in the journal."""
            for path in ("", "/sequence?find=GET"):
                html = await _page(console.url, path)
                assert ("may have happened in another order" in html) is is_unknown, path


async def test_party_that_has_started_again_is_news() -> None:
    """Pages say so, as its journal began anew."""
    answers: dict[str, Any] = {"cockpit": HELLO | {"started": "2026-01-05T08:00:00Z"}, "approvals": []}
    async with foreign(answers) as (url, _asked):
        assert "has started again" not in await _page(url, "/approvals")
        answers["cockpit"] = HELLO | {"started": "2026-01-05T08:30:00Z"}
        assert "ServiceNow has started again" in await _page(url, "/approvals")


class SlowClient:
    """Calls a party whose answers take four seconds each."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.left_alone: list[str] = []

    async def send(self, *_arguments: Any) -> HttpAnswer:
        """Return marks."""
        await self.clock.advance(4)
        return HttpAnswer(200, {}, msgspec.json.encode(Marks(0, 0, "")))

    def leave_alone(self, url: str, _reason: str, _span: timedelta) -> None:
        """Note the address."""
        self.left_alone.append(url)


async def test_party_that_takes_long_for_one_page_is_left_alone() -> None:
    """The next page has as much patience again."""
    client: Any = SlowClient()
    party = OtherParty("ServiceNow", "http://other.example", "", client)
    for _ in range(5):
        await party.marks()
    with pytest.raises(UnusablePartyError, match="took more than 20 s for the answers of one page"):
        await party.marks()
    assert client.left_alone == ["http://other.example"]
    assert await party.afresh().marks() == Marks(0, 0, "")
    await client.clock.aclose()


async def test_party_that_is_started_later_is_found_at_once() -> None:
    """Whoever refuses the connection has let nobody wait, so the next page asks again."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        settings = Settings(servicenow_url=f"http://127.0.0.1:{reserved.getsockname()[1]}")
        async with ConsoleSim(settings, seed=1) as console:
            assert "Only Console is shown" in await _page(console.url, "/approvals")
            runner = web.AppRunner(_app({"approvals": [], "marked": []}, []))
            await runner.setup()
            await web.SockSite(runner, reserved).start()
            assert "alone" not in await _page(console.url, "/approvals")
            await runner.cleanup()


async def test_selection_searches_each_journal_once() -> None:
    """However many paths its exchanges have: for what the line finds, and for the entries without a mark."""
    rows = [ROW | {"number": 40 - each, "url": f"/{each}", "other_party": "Console"} for each in range(40)]
    detail = {"row": ROW, "printed": PRINTED}
    answers = {"exchanges": {"rows": rows, "newest": 40}, "marked": [], **{str(each): detail for each in range(1, 41)}}
    async with foreign(answers) as (url, asked):
        assert (await _page(url, "/selection/exchanges.har?find=")).count("startedDateTime") == 40
    assert (asked.count("exchanges"), asked.count("marked")) == (2, 0)
