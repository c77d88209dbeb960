"""Measures the cockpit's journal and its page of a request over two parties that have 10,000 exchanges each.

python benchmarks/cockpit.py

The exchanges are copies of those of real approvals, each with other identifiers, and polls and errors between them.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import cycle
from random import Random
from statistics import median
from time import process_time
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientSession, encode_basic_auth, web
from rich.console import Console as Terminal
from rich.table import Table

from console_sim.app import create_app as create_console
from console_sim.settings import Settings as ConsoleSettings
from mock_servicenow.app import create_app as create_instance
from mock_servicenow.settings import Settings as InstanceSettings
from privman_core.exchange import Exchange
from privman_core.ids import Ids
from privman_core.instruments import INSTRUMENTS
from privman_core.journal import Journal
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

KEPT, ROUNDS, GOAL_MS = 10_000, 7, 100
REQUESTS = 20
_GUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SYS_ID = re.compile(r"[0-9a-f]{32}")
PAGES = {
    "newest page": "",
    "status:4xx": "status:4xx",
    "status of none": "status:418",
    "table:": "table:request",
    "table of none": "table:nosuch",
    "path of none": "path:/nosuch",
    "-path: with few hits": "-path:/api",
    "body: with hits": 'body:"Elevate installers"',
    "body: with few hits": "body:needle",
    "body: with no hits": "body:nowhere",
    "text with no hits": "nowhere",
    "party:": "party:approver",
    "party: of none": "party:nobody",
    "verdict:broken": "verdict:broken",
    "verdict:large": "verdict:large",
    "request:": "request:",
    "page of a request": "/requests/",
}


async def main() -> None:
    """Print the milliseconds of processor time that each page takes at both parties, with its search and its reader."""
    table = Table(
        "Page or search",
        "First, of all until it is done (CPU ms)",
        "Median (CPU ms)",
        "Longest (CPU ms)",
        f"{GOAL_MS} ms",
    )
    async with both() as (url, request_id), ClientSession() as http:
        for name, line in PAGES.items():
            asked = f"{line}{request_id}" if line.startswith(("request:", "/")) else line
            page = (
                f"{url}/__cockpit{asked}" if line.startswith("/") else f"{url}/__cockpit?{urlencode({'find': asked})}"
            )
            first = [await _measured(http, page)]
            while first[-1][1]:
                first.append(await _measured(http, page))
            later = [(await _measured(http, page))[0] for _ in range(ROUNDS)]
            kept = "kept" if median(later) <= GOAL_MS else "broken"
            pages = f"{first[0][0]:.0f}" + f" of {sum(each for each, _ in first):.0f}" * (len(first) > 1)
            table.add_row(name, pages, f"{median(later):.0f}", f"{max(later):.0f}", kept)
    Terminal().print(table)


async def _measured(http: ClientSession, url: str) -> tuple[float, bool]:
    """Return the milliseconds of a page, and whether it goes on because exchanges were never judged."""
    start = process_time()
    async with http.get(url) as answer:
        assert answer.status == 200, await answer.text()  # noqa: PLR2004, S101 - it must be a page
        page = await answer.text()
    return (process_time() - start) * 1_000, "data-unfinished" in page


@asynccontextmanager
async def both() -> AsyncIterator[tuple[str, str]]:
    """Serve both parties with full journals; yields the instance's address and the RequestId of an old request."""
    clock, other_clock = VirtualClock(), VirtualClock()
    instance = create_instance(InstanceSettings(), clock=clock, ids=Ids(1))
    console = create_console(ConsoleSettings(), clock=other_clock, ids=Ids(1))
    async with serving(instance) as url, serving(console) as console_url, ClientSession() as http:
        setup = {"servicenow_url": url, "servicenow_user": "privman.integration", "servicenow_password": "admin"}
        await _send(http, "POST", f"{console_url}/__admin/setup", setup)
        for _ in range(REQUESTS):
            await _approve(http, url, console_url)
        await _send(http, "GET", f"{url}/api/now/table/nosuch")
        await clock.settle()
        ids = Random(1)  # noqa: S311 - no secret
        newest = max(each.about for each in _journal(instance).kept())[0]
        for app in (instance, console):
            _fill(_journal(app), ids)
        yield url, newest
        await clock.aclose()
        await other_clock.aclose()


async def _approve(http: ClientSession, url: str, console_url: str) -> None:
    asked = {"metadata": {"PolicyName": "Elevate installers"}}
    request = await _send(http, "POST", f"{console_url}/__admin/approval-requests", asked)
    table = f"{url}/api/now/table/x_thyti_thycotic_p_request"
    found = await _send(http, "GET", f"{table}?sysparm_query=request_id={request['request_id']}&sysparm_fields=sys_id")
    await _send(http, "PATCH", f"{table}/{found['result'][0]['sys_id']}", {"status": "Approve"})


async def _send(http: ClientSession, method: str, url: str, body: object = None) -> Any:  # noqa: ANN401 - JSON holds anything
    headers = {"Authorization": encode_basic_auth("admin", "admin")}
    async with http.request(method, url, json=body, headers={} if "/__admin" in url else headers) as answer:
        return await answer.json()


def _journal(app: web.Application) -> Journal:
    return app[INSTRUMENTS].journal


def _fill(journal: Journal, ids: Random) -> None:
    """Copy the exchanges until the journal is full; one in 2,500 mentions a needle."""
    for number, each in enumerate(_repeated(journal)):
        if journal.newest >= KEPT:
            return
        guid, sys_id = _guid(ids).encode(), f"{ids.getrandbits(128):032x}"
        body = _GUID.sub(guid, each.request_body) + (b" needle" if number % 2_500 == 0 else b"")
        answer = _GUID.sub(guid, each.response_body)
        copy = journal.begin(each.direction, each.method, _SYS_ID.sub(sys_id, each.url), each.request_headers, body)
        copy.request_size = len(body)
        copy.findings.about = (guid.decode(),) if each.about else ()
        journal.finish(copy, each.status, each.response_headers, answer)


def _repeated(journal: Journal) -> Iterator[Exchange]:
    return cycle(journal.kept())


def _guid(ids: Random) -> str:
    digits = f"{ids.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


asyncio.run(main())
