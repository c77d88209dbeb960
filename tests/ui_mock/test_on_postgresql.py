from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from mock_servicenow.app import create_app
from mock_servicenow.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock
from tests.conftest import PostgreSql

from .conftest import GUID, REQUEST, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def shared(settings: Settings, postgresql: PostgreSql) -> AsyncIterator[Site]:
    """Serve an instance whose records are in PostgreSQL."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(postgresql.database())
        clock, http = VirtualClock(), await stack.enter_async_context(ClientSession())
        app = create_app(replace(settings, database=database), clock=clock, ids=Ids(1))
        url = await stack.enter_async_context(serving(app, "127.0.0.1", 0))
        stack.push_async_callback(clock.aclose)
        yield Site(url, app, clock, http, stack, console="http://127.0.0.1:9")


@pytest.mark.long
async def test_pages_work_on_a_shared_database(shared: Site) -> None:
    """List, order, form, decision and cockpit work on PostgreSQL, and the second of two decisions is refused."""
    sys_id = await shared.ask()
    person = await shared.person("privman.approver")
    for order in ("", "ORDERBYDESCsys_created_on", "status=Pending^ORDERBYrequest_id"):
        assert f">{GUID}</a>" in (await person.get(f"/{REQUEST}_list.do?sysparm_query={order}")).html
    form = {"sys_mod_count": "0", "sys_action": "decide:Deny"}
    path = f"/{REQUEST}.do?sys_id={sys_id}"
    assert [(await person.post(path, form)).status for _ in range(2)] == [200, 409]
    await shared.clock.settle()
    assert GUID in (await person.get("/__cockpit/approvals")).html
    assert "pending" in (await person.get("/__cockpit/deliveries")).html
