"""Callers who claim to be a party, or to send the tester's replay: the journals show each as it is."""

import json

import pytest
from aiohttp import encode_basic_auth

from privman_core.exchange import Exchange
from privman_core.exchange_marks import MARK
from privman_core.own_replays import REPLAY, replaying

from .desk import TABLE, Desk

pytestmark = pytest.mark.asyncio(loop_scope="session")
CONSOLE = {"User-Agent": "PrivilegeManager/11.1.0"}
FORGED = {MARK: "0123456789abcdef" * 2} | CONSOLE
ARCHIVE = "/selection/exchanges.har?find="


def _as_approver(password: str) -> dict[str, str]:
    return {"Authorization": encode_basic_auth("privman.approver", password)}


async def _send(desk: Desk, method: str, url: str, headers: dict[str, str], values: object = None) -> int:
    async with desk.fakes.http.request(method, url, headers=headers, json=values) as answer:
        return answer.status


async def test_a_forged_mark_hides_no_exchange(desk: Desk) -> None:
    """Two requests with one mark are two rows, at either party, since none of them is the other's."""
    asked = await desk.ask()
    fakes = desk.fakes
    await _send(desk, "GET", f"{fakes.console}/Tms/services/api/v1/status", FORGED)
    record = f"{fakes.servicenow}/api/now/table/{TABLE}/{asked['sys_id']}"
    await _send(desk, "PATCH", record, FORGED | _as_approver("admin"), {"status": "Approve"})
    for url in (fakes.console, fakes.servicenow):
        entries = json.loads(await fakes.look(url, ARCHIVE))["log"]["entries"]
        methods = [each["request"]["method"] for each in entries]
        assert (methods.count("PATCH"), "GET" in methods) == (1, True)


async def test_a_stolen_mark_replaces_no_exchange(desk: Desk) -> None:
    """A request with the mark of another one is not taken for it, even if it asks for the same."""
    await desk.ask()
    url = f"{desk.fakes.servicenow}/api/now/table"
    [sent] = (await desk.console("GET", "/cockpit/exchanges?find=method:POST+path:*_request"))["rows"]
    for path in ("incident", TABLE):
        stolen = {MARK: sent["mark"]} | CONSOLE | _as_approver("wrong")
        assert await _send(desk, "POST", f"{url}/{path}?forged=1", stolen, {}) == 401
        shown = await desk.look(desk.fakes.servicenow, f"?find=path:*/{path}+status:401")
        assert ("API client (as Console) → ServiceNow" in shown, " 201 " in shown) == (True, False), shown


async def test_who_guesses_a_mark_is_no_party(desk: Desk) -> None:
    """Without a log-in a mark that the console has not sent proves nothing."""
    await _send(desk, "GET", f"{desk.fakes.servicenow}/api/now/table/incident", FORGED)
    shown = await desk.look(desk.fakes.servicenow, "?find=path:*/incident")
    assert "API client (as Console) → ServiceNow" in shown


async def test_few_exchanges_of_a_mark_are_returned(desk: Desk) -> None:
    """However often a mark was sent, the other party gets enough to see that it was sent twice."""
    for _ in range(4):
        await _send(desk, "GET", f"{desk.fakes.servicenow}/api/now/table/incident", FORGED)
    rows = await desk.servicenow("POST", "/cockpit/marked", {"marks": [FORGED[MARK]]})
    assert len(rows) == 2


async def test_nobody_guesses_the_name_of_a_replay(desk: Desk) -> None:
    """While a replay is on its way no other request passes for it."""
    taken: list[Exchange] = []
    with replaying(taken.append) as header:
        for name in ("", *map(str, range(100))):
            await _send(desk, "GET", f"{desk.fakes.servicenow}/api/now/table/incident", {REPLAY: name})
        assert taken == []
        await _send(desk, "GET", f"{desk.fakes.servicenow}/api/now/table/problem", header)
    assert [each.url for each in taken] == ["/api/now/table/problem"]
