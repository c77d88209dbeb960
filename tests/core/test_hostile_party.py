"""A hostile program in the other party's place: each page is shown, without its markup and in bounded size."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar, web
from yarl import URL

from console_sim import ConsoleSim
from console_sim.settings import Settings
from privman_core.serving import serving

from .hostile_answers import BAD, MARKUP, hostile_answers

REQUEST = "a66f2ed9-089d-4712-bd45-d00b945e0e8b"
PAGES = {
    "": ["exchanges"],
    "?find=method:GET": ["exchanges"],
    "/exchanges/servicenow/1": ["1", "compared"],
    "/exchanges/servicenow/1/edit": ["1"],
    "/selection?x=servicenow-1": ["1"],
    "/selection/saved.yaml?find=": ["exchanges"],
    "/selection/exchanges.har?x=servicenow-1": ["1"],
    "/compare?x=servicenow-1&x=servicenow-1&all=1": ["1"],
    "/approvals": ["approvals"],
    f"/requests/{REQUEST}": ["request"],
    "/deliveries": ["deliveries", "clock"],
    "/sequence?find=method:GET": ["exchanges"],
    "/faults": ["faults"],
    "/clock": ["clock", "due"],
    "/journal/clear": ["exchanges"],
}
"""The cockpit's pages, and what each reads of the other party."""
FORMS = {
    "/exchanges/servicenow/1/replay": {},
    "/exchanges/servicenow/1/edit": {"method": "GET", "path": "/x", "headers": "", "body": ""},
    "/faults": {"party": "ServiceNow", "kind": BAD},
    "/faults/disarm": {"party": "ServiceNow", "number": "1"},
    "/clock": {"jump": "1h"},
    "/journal/clear": {},
}
_TOKEN = re.compile(r'name="cockpit_token" value="(\w+)"')
_LINK = re.compile(r'(?:href|action|src)="([^"]*)"')


@asynccontextmanager
async def desk(answers: Mapping[str, Any], **statuses: int) -> AsyncIterator[tuple[ClientSession, list[str]]]:
    """Serve a console whose other party gives these answers, with a status for some."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        name = "request" if "/requests/" in request.path else request.path.rsplit("/", 1)[1]
        asked.append(name)
        if (found := answers.get(name, {})) is None:
            await asyncio.Event().wait()
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        headers = {"Location": f"http://{request.host}/elsewhere"}
        return web.Response(body=body, status=statuses.get(name, 200), headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with (
        serving(app, "127.0.0.1", 0) as url,
        ConsoleSim(Settings(servicenow_url=url), seed=1) as console,
        ClientSession(f"{console.url}/", cookie_jar=CookieJar(unsafe=True)) as http,
    ):
        yield http, asked


async def shown(http: ClientSession, page: str, **form: str) -> tuple[int, str]:
    """Open a page of the cockpit, or send a form to it."""
    method = "POST" if form else "GET"
    async with http.request(method, f"/__cockpit{page}", data=form or None, allow_redirects=False) as answer:
        return answer.status, await answer.text()


def harms(html: str) -> list[str]:
    """Return what a hostile text does to a page: it is markup, a template, or an address of its own."""
    links = [each for each in _LINK.findall(html) if each.lower().startswith(("javascript:", "data:"))]
    return [*(each for each in (MARKUP, "49}", "Traceback") if each in html), *links]


async def test_hostile_texts_stay_texts() -> None:
    """On every page, in every field of every shape that the other party answers."""
    async with desk(hostile_answers(3)) as (http, asked):
        for page, reads in PAGES.items():
            asked.clear()
            status, html = await shown(http, page)
            assert (page, status, set(reads) <= set(asked), "Only Console" in html) == (page, 200, True, False)
            if not page.startswith("/selection/"):
                assert (page, harms(html), len(html) < 200_000) == (page, [], True)


async def test_hostile_answers_to_forms() -> None:
    """A form that acts on the other party ends on a page, whatever that answers."""
    known, refusal = hostile_answers(1), {"error": BAD, "key": BAD}
    refused: dict[str, int] = dict.fromkeys(("replay", "advance", "requests"), 400)
    for statuses in ({}, refused):
        async with desk(known | dict.fromkeys(statuses, refusal), **statuses) as (http, _asked):
            token = _TOKEN.search((await shown(http, "/faults"))[1])
            assert token is not None
            for page, form in FORMS.items():
                found, html = await shown(http, page, cockpit_token=token[1], **form)
                assert (page, found in {200, 303, 400, 404, 409, 502}, harms(html)) == (page, True, [])


@pytest.mark.long
@pytest.mark.parametrize("rows", [200, 5_000, 100_000])
async def test_long_lists_are_bounded(rows: int) -> None:
    """Each page is shown, without the other party if that answers too much, and is never large."""
    for page in PAGES:
        async with desk(hostile_answers(rows)) as (http, _asked):
            status, html = await shown(http, page)
            assert (page, status in {200, 400, 404}, len(html) < 5_000_000) == (page, True, True)


async def test_form_without_an_answer_says_that_its_effect_is_not_known() -> None:
    """The other party may have done it."""
    async with desk(hostile_answers(1) | {"requests": b"<b>"}, requests=500) as (http, asked):
        found = _TOKEN.search((await shown(http, "/journal/clear"))[1])
        assert found is not None
        status, html = await shown(http, "/journal/clear", cockpit_token=found[1])
    assert (status, "answers with status 500. What it has done is not known." in html) == (502, True)
    assert asked.count("requests") == 1


UNUSABLE: dict[str, tuple[Any, int, str]] = {
    "an answer that never comes": (None, 200, "no answer within 5 s"),
    "a redirect": ({}, 302, "answers with status 302"),
    "HTML": (b"<b id=pwn>", 200, "answers what this version cannot read"),
    "HTML of an error": (b"<b id=pwn>", 500, "answers with status 500"),
    "a lone surrogate": (b'{"error": "\\ud800"}', 400, "answers with status 400"),
    "deep JSON": (b"[" * 100_000, 200, "answers what this version cannot read"),
    "a huge answer": (b" " * 5_000_000, 200, "5,000,000 bytes; expected at most 4,194,304"),
    "a moment that no clock has": ([{"request_id": "1", "state": "", "asked_at": "0001-01-01T00:00:00Z"}], 200, "0001"),
}


@pytest.mark.parametrize(
    "kind", [pytest.param(each, marks=[pytest.mark.long] * (each == "an answer that never comes")) for each in UNUSABLE]
)
async def test_page_is_shown_without_a_party_that_cannot_be_used(kind: str) -> None:
    """It says why; the next pages do not ask again for a while."""
    answer, status, reason = UNUSABLE[kind]
    async with desk({**hostile_answers(1), "approvals": answer}, approvals=status) as (http, asked):
        for _ in range(2):
            found, html = await shown(http, "/approvals")
            assert (found, "Only Console is shown" in html, reason in html, harms(html)) == (200, True, True, [])
    assert (asked.count("cockpit"), asked.count("approvals")) == (1, 1)


async def test_journal_with_a_target_that_no_parser_reads() -> None:
    """Two slashes begin a host, which may be none; every page and the control plane show the exchange."""
    async with ConsoleSim(seed=1) as console, ClientSession(f"{console.url}/") as http:
        url = URL(console.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(b"GET //[x/y HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        await reader.read()
        writer.close()
        async with http.get("/__admin/requests") as answer:
            assert (answer.status, len((await answer.json())["requests"])) == (200, 1)
        for page in ("", "/exchanges/console/1", "/selection?find=", "/compare?x=console-1&x=console-1&all=1"):
            assert (page, (await shown(http, page))[0]) == (page, 200)


async def test_other_party_has_another_name_than_this_one() -> None:
    """A program that calls itself like a browser, or like nobody, is none of the simulators."""
    for name in ("Browser", "Tester", "Console"):
        async with desk({"cockpit": {"name": name, "version": "1", "now": "2026-01-05T09:00:00Z"}}) as (http, _asked):
            assert (name, "Only Console is shown" in (await shown(http, "/approvals"))[1]) == (name, True)
