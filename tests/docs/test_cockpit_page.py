"""The page about the cockpit lists the tabs that both cockpits have."""

import re
from pathlib import Path

import pytest
from aiohttp import ClientSession

from console_sim import ConsoleSim
from mock_servicenow import MockServiceNow

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "cockpit.md").read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.parametrize("server", [MockServiceNow, ConsoleSim])
async def test_every_tab_is_listed(server: type[MockServiceNow | ConsoleSim]) -> None:
    """In the order in which the pages show them."""
    async with server(seed=0) as served, ClientSession(served.url) as session:
        shown = await (await session.get("/__cockpit")).text()
    navigation = shown.partition("<nav")[2].partition("</nav>")[0]
    tabs = re.findall(r">([A-Z]\w+)</a>", navigation)
    assert re.findall(r"^\| ([A-Z]\w+) \|", PAGE.partition("\n## ")[0], re.MULTILINE) == ["Tab", *tabs]
