"""A console that keeps its state in a file."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, DummyCookieJar

from console_sim.app import create_app
from console_sim.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

from .command import Served
from .conftest import (
    ConsoleUnderTest,
    StubServiceNow,
)

DEFAULT = Settings()


@asynccontextmanager
async def console_on(
    file: Path, servicenow: StubServiceNow, settings: Settings = DEFAULT
) -> AsyncIterator[ConsoleUnderTest]:
    """Serve a console that keeps its state there, on a virtual clock; every one has the same seed."""
    clock = VirtualClock()
    app = create_app(replace(settings, database=f"sqlite:///{file}"), clock=clock, ids=Ids(1))
    async with serving(app) as url, ClientSession(cookie_jar=DummyCookieJar()) as session:
        yield ConsoleUnderTest(url, clock, session, servicenow)
        await clock.aclose()


@asynccontextmanager
async def calling(served: Served, servicenow: StubServiceNow) -> AsyncIterator[ConsoleUnderTest]:
    """Give what the clients of that process do."""
    async with ClientSession(cookie_jar=DummyCookieJar()) as session:
        yield ConsoleUnderTest(served.url, VirtualClock(), session, servicenow)


async def shown(console: ConsoleUnderTest) -> Any:
    """Return everything that the console shows of its state."""
    paths = ("approval-requests", "api-user", "foreign-system", "webhooks")
    return [await console.admin("GET", f"/{path}") for path in paths]


def write(file: Path, *statements: str) -> None:
    """Change the file as another program would."""
    with closing(sqlite3.connect(file)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
