"""What several tests of this folder need."""

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

import mock_servicenow.app
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock
from privman_core.ids import Ids
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.fixtures import WorldFixture

LOGON = "/Tms/services/api/logon/token"
APPROVE = "/Tms/services/api/v1/approval/approve"


class Eavesdropper:
    """Stands where ServiceNow logs on, for a moment, and so learns Client Id and Secret as ServiceNow knows them."""

    def __init__(self) -> None:
        self.logon: dict[str, str] = {}

    def app(self) -> web.Application:
        """Return the application that ServiceNow is sent to."""
        app = web.Application()
        app.router.add_post(LOGON, self.listen)
        return app

    async def listen(self, request: web.Request) -> web.Response:
        """Remember what ServiceNow logs on with, and refuse it."""
        self.logon = await request.json()
        return web.Response(status=400)


@pytest.fixture
def logon(world: WorldFixture, privman_loop: LoopThread) -> dict[str, str]:
    """Return the body with which ServiceNow logs on to the console."""
    ear = Eavesdropper()
    served = serving(ear.app())
    url = privman_loop.run(served.__aenter__())
    world.console.save_foreign_system(post_uri=f"{url}{APPROVE}")
    world.decide(world.console.ask({}), "Deny")
    world.console.save_foreign_system(post_uri=f"{world.console.url}{APPROVE}")
    privman_loop.run(served.__aexit__(None, None, None))
    world.servicenow.tolerate("error-envelope")  # that refusal has no body
    world.servicenow.forget_journal()
    world.console.forget_journal()
    return ear.logon


@pytest.fixture
def real_instance(privman_loop: LoopThread, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Serves an instance that has no control plane, and has these names of the wire otherwise; gives its address."""
    stack = AsyncExitStack()

    async def start(names: str) -> str:
        inferred, clock = tmp_path / "theirs.yaml", RealClock()
        inferred.write_text(names, encoding="utf-8")
        stack.push_async_callback(clock.aclose)
        settings = Settings(control_plane=False, inferred=inferred)
        app = mock_servicenow.app.create_app(settings, clock=clock, ids=Ids(1))
        return await stack.enter_async_context(serving(app))

    yield lambda names: privman_loop.run(start(names))
    privman_loop.run(stack.aclose())
