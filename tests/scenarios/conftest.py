"""What several tests of this folder need."""

import pytest
from aiohttp import web

from privman_scenarios.held import HeldWorld
from privman_scenarios.loop import LoopThread
from privman_testbench.serving import serving

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
def logon(world: HeldWorld, privman_loop: LoopThread) -> dict[str, str]:
    """Return the body with which ServiceNow logs on to the console."""
    ear = Eavesdropper()
    served = serving(ear.app())
    url = privman_loop.run(served.__aenter__())
    world.console.save_foreign_system(post_uri=f"{url}{APPROVE}")
    world.decide(world.console.ask({}), "Deny")
    world.console.save_foreign_system(post_uri=f"{world.console.url}{APPROVE}")
    privman_loop.run(served.__aexit__(None, None, None))
    world.servicenow.forget_journal()
    world.console.forget_journal()
    return ear.logon
