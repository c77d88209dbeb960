"""Fixtures: both products as servers, a browser on each, and a gallery of screenshots."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from aiohttp import web

import console_sim.app
import console_sim.settings
import mock_servicenow.app
import mock_servicenow.settings
from privman_core.clock import RealClock
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

from .both_fakes import both_fakes
from .desk import Desk
from .gallery import Gallery

if TYPE_CHECKING:
    from tests.browser import Chromium, Page


@dataclass
class Products:
    """A browser page on each product, both empty."""

    console_url: str
    servicenow_url: str
    console_app: web.Application
    servicenow_app: web.Application
    console: "Page"
    servicenow: "Page"


@pytest.fixture
def servicenow_data() -> tuple[Path, ...]:
    """Return files of rows that the instance starts with: none."""
    return ()


@pytest_asyncio.fixture(loop_scope="session")
async def products(chromium: "Chromium", servicenow_data: tuple[Path, ...]) -> AsyncIterator[Products]:
    """Serve an empty console and an empty instance in real time, and open a page on each."""
    async with AsyncExitStack() as stack:
        clocks = RealClock(), RealClock()
        for clock in clocks:
            stack.push_async_callback(clock.aclose)
        settings = mock_servicenow.settings.Settings(data=servicenow_data)
        console = console_sim.app.create_app(console_sim.settings.Settings(), clock=clocks[0], ids=Ids())
        instance = mock_servicenow.app.create_app(settings, clock=clocks[1], ids=Ids())
        console_url = await stack.enter_async_context(serving(console, "127.0.0.1", 0))
        servicenow_url = await stack.enter_async_context(serving(instance, "127.0.0.1", 0))
        yield Products(
            console_url,
            servicenow_url,
            console,
            instance,
            await stack.enter_async_context(chromium.page(console_url)),
            await stack.enter_async_context(chromium.page(servicenow_url)),
        )


@pytest_asyncio.fixture(loop_scope="session")
async def desk() -> AsyncIterator[Desk]:
    """Serve both fakes, registered with each other."""
    clock = VirtualClock()
    async with both_fakes(clock, clock) as fakes:
        await fakes.set_up()
        opened = Desk(fakes)
        yield opened
        if opened.waiting:
            await opened.advance(60)
            await asyncio.gather(*opened.waiting)


@pytest.fixture(scope="session")
def gallery(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """Collect screenshots in the folder of ``--gallery``, each at every width; by default one of each step."""
    folder: Path | None = request.config.getoption("--gallery")
    collected = Gallery(folder or tmp_path_factory.mktemp("gallery"), every_width=folder is not None)
    yield collected
    collected.write()
