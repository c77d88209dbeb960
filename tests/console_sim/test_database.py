"""A console with a database: nothing that it has acknowledged is lost (interfaces: Commands)."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from console_sim.settings import Settings

from .command import serve
from .conftest import (
    ACTIVITY_TYPES,
    BUSY,
    REGISTRATIONS,
    REQUESTS,
    StubServiceNow,
    answering,
    hanging,
    statuses,
)
from .on_file import calling, console_on, shown, write


async def test_restart_keeps_everything(file: Path, servicenow: StubServiceNow) -> None:
    """Another process on the same file shows the same state and takes decisions with the same credentials."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
        asked = [await console.ask(UserReason="Ünï\U0001f6e0") for _ in range(3)]
        await console.deliver(console.decision(asked[0]["request_id"], Comment="ok", Duration="01:00:00"))
        await console.admin("POST", f"/approval-requests/{asked[1]['request_id']}/decide", {"response": "Deny"})
        before = await shown(console)
    async with console_on(file, servicenow) as console:
        assert await shown(console) == before
        calls = len(servicenow.calls)
        assert (await console.deliver(console.decision(asked[2]["request_id"])))[0] == 200
        assert len(servicenow.calls) == calls


async def test_ids_of_before_are_not_given_again(file: Path, servicenow: StubServiceNow) -> None:
    """With the same seed after a restart, a new request does not take the place of an old one."""
    async with console_on(file, servicenow) as console:
        asked = [(await console.ask())["request_id"] for _ in range(3)]
    async with console_on(file, servicenow) as console:
        asked += [(await console.ask())["request_id"] for _ in range(3)]
        kept = (await console.admin("GET", "/approval-requests"))["approval_requests"]
    assert len(set(asked)) == 6
    assert [request["request_id"] for request in kept] == asked


async def test_waiting_request_is_sent_after_a_restart(file: Path, servicenow: StubServiceNow) -> None:
    """What waits for a retry when the process ends is sent by the next one."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
        servicenow.conditions.append(BUSY)
        assert not (await console.ask())["sent"]
    async with console_on(file, servicenow) as console:
        await console.advance(0)
        (request,) = (await console.admin("GET", "/approval-requests"))["approval_requests"]
        assert (request["sent"], request["attempts"], request["last_error"]) == (True, 2, "")


async def test_refused_request_stays_refused_after_a_restart(file: Path, servicenow: StubServiceNow) -> None:
    """What ServiceNow has refused is not sent again because of a restart."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
        servicenow.conditions.append(answering(403))
        await console.ask()
    calls = len(servicenow.calls)
    async with console_on(file, servicenow) as console:
        await console.advance(0)
        assert len(servicenow.calls) == calls
        await console.admin("POST", "/foreign-system", {})
        assert (await console.admin("GET", "/approval-requests"))["approval_requests"][0]["sent"]


async def test_activity_type_is_registered_after_a_restart(file: Path, servicenow: StubServiceNow) -> None:
    """An activity type that waits for a retry is registered by the next process, though the console itself is."""
    async with console_on(file, servicenow) as console:
        servicenow.conditions.extend([None, BUSY])
        await console.set_up()
        assert (len(servicenow.rows(REGISTRATIONS)), servicenow.rows(ACTIVITY_TYPES)) == (1, [])
    async with console_on(file, servicenow) as console:
        await console.advance(0)
        assert len(servicenow.rows(ACTIVITY_TYPES)) == 1


@pytest.mark.parametrize(("condition", "registered"), [(BUSY, 1), (answering(403), 0)])
async def test_registration_goes_on_after_a_restart(
    file: Path, servicenow: StubServiceNow, condition: Any, registered: int
) -> None:
    """A registration that waits for a retry is made by the next process; one that was refused is not."""
    async with console_on(file, servicenow) as console:
        servicenow.conditions.append(condition)
        await console.set_up()
    async with console_on(file, servicenow) as console:
        await console.advance(0)
        assert len(servicenow.rows(REGISTRATIONS)) == len(servicenow.rows(ACTIVITY_TYPES)) == registered


async def test_restart_without_webhook_sends_nothing(file: Path, servicenow: StubServiceNow) -> None:
    """Without a webhook a restarted console makes no call."""
    async with console_on(file, servicenow) as console:
        await console.set_up(use_webhook=False)
    async with console_on(file, servicenow) as console:
        await console.advance(0)
    assert servicenow.calls == []


async def test_other_foreign_system_is_the_only_one_after_a_restart(file: Path, servicenow: StubServiceNow) -> None:
    """A foreign system that took another one's place is the one that is kept."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
        await console.admin("POST", "/foreign-system", {"name": "Other"})
    async with console_on(file, servicenow) as console:
        assert (await console.admin("GET", "/foreign-system"))["name"] == "Other"


async def test_reset_empties_the_database(file: Path, servicenow: StubServiceNow) -> None:
    """A reset forgets what the file keeps, too."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
        await console.ask()
        await console.admin("POST", "/reset")
    async with console_on(file, servicenow) as console:
        assert (await console.admin("GET", "/approval-requests"))["approval_requests"] == []
        assert (await console.call("GET", "/__admin/foreign-system"))[0] == 404
        await console.set_up()


async def test_secret_of_an_interrupted_set_up_is_replaced(file: Path, servicenow: StubServiceNow) -> None:
    """A Secret that no process can read any more is reset by the set-up, so that decisions get through."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
    # As if the process had been killed after it created the user.
    write(file, "DELETE FROM document WHERE kind IN ('credential', 'foreign system')")
    async with console_on(file, servicenow) as console:
        await console.set_up()
        assert await console.log_on()


async def test_a_credential_without_name_is_reported(file: Path, servicenow: StubServiceNow) -> None:
    """An earlier version could save one; it is skipped, and the set-up makes another one."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
    unnamed = "UPDATE document SET key = '', body = json_replace(CAST(body AS TEXT), '$.name', '')"
    write(file, f"{unnamed} WHERE key = 'ServiceNow user'")
    async with console_on(file, servicenow) as console:
        (finding,) = (await console.admin("GET", "/findings"))["findings"]
        assert finding["rule"] == "unreadable-row"
        assert "of kind 'credential': a credential has no name" in finding["message"]
        assert statuses(await console.set_up()) == {}


async def test_file_holds_no_secret_that_is_only_compared(file: Path, servicenow: StubServiceNow) -> None:
    """The file is private; tokens are not in it, and the Secret only as the credential that is sent to ServiceNow."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
        token = await console.log_on()
        modes = {each.name: each.stat().st_mode & 0o777 for each in file.parent.iterdir()}
    assert modes == {"console.db": 0o600, "console.db-wal": 0o600}
    assert _kinds_with(file, token) == []
    # The copy that is sent to ServiceNow.
    assert _kinds_with(file, servicenow.metadata()["Password"]) == ["credential"]


def _kinds_with(file: Path, text: str) -> list[str]:
    """Return the kinds of the documents in which that text is."""
    with closing(sqlite3.connect(file)) as database:
        return [kind for kind, body in database.execute("SELECT kind, body FROM document") if text.encode() in body]


@pytest.mark.long
async def test_killed_process_loses_nothing(file: Path, servicenow: StubServiceNow) -> None:
    """After kill -9 the next process has every acknowledged request, decision and credential."""
    database = ("--database", f"sqlite:///{file}")
    served = await serve(*database)
    async with calling(served, servicenow) as console:
        await console.set_up()
        asked = [await console.ask() for _ in range(2)]
        assert (await console.deliver(console.decision(asked[0]["request_id"])))[0] == 200
        await served.kill()
    served = await serve(*database)
    async with calling(served, servicenow) as console:
        requests = (await console.admin("GET", "/approval-requests"))["approval_requests"]
        assert [request["request_id"] for request in requests] == [each["request_id"] for each in asked]
        assert [request["state"] for request in requests] == ["Approved", "Pending"]
        assert (await console.deliver(console.decision(asked[1]["request_id"])))[0] == 200
    assert await served.stop() == ""


@pytest.mark.long
async def test_killed_while_it_sends(file: Path, servicenow: StubServiceNow) -> None:
    """A request whose send was under way is sent by the next process, and ServiceNow has it once."""
    database = ("--database", f"sqlite:///{file}")
    served = await serve(*database)
    async with calling(served, servicenow) as console:
        await console.set_up()
        servicenow.conditions.append(working_in_silence)
        servicenow.asked.clear()
        asking = asyncio.create_task(console.call("POST", "/__admin/approval-requests", {"metadata": {}}))
        await servicenow.asked.wait()
        await served.kill()
        await asyncio.gather(asking, return_exceptions=True)
    servicenow.asked.clear()
    served = await serve(*database)
    await servicenow.asked.wait()
    async with calling(served, servicenow) as console:
        (row,) = servicenow.rows(REQUESTS)
        assert (await console.deliver(console.decision(row["request_id"])))[0] == 200
    await served.stop()


@pytest.mark.long
async def test_killed_while_it_registers(file: Path, servicenow: StubServiceNow) -> None:
    """A registration that ServiceNow has made is found by the next process, which makes no second one."""
    database = ("--database", f"sqlite:///{file}", "--console-url", "http://console.example")
    served = await serve(*database)
    async with calling(served, servicenow) as console:
        servicenow.conditions.append(working_in_silence)
        setting_up = asyncio.create_task(console.set_up())
        await servicenow.asked.wait()
        await served.kill()
        await asyncio.gather(setting_up, return_exceptions=True)
    served = await serve(*database)
    async with calling(served, servicenow) as console:
        await console.set_up()
        assert len(servicenow.rows(REGISTRATIONS)) == 1
    await served.stop()


@pytest.mark.long
async def test_stop_while_it_sends(file: Path, servicenow: StubServiceNow) -> None:
    """A process that is stopped during a send, its own or one that it resumed, ends without a complaint."""
    database = ("--database", f"sqlite:///{file}")
    served = await serve(*database)
    async with calling(served, servicenow) as console:
        await console.set_up()
        servicenow.conditions.append(hanging)
        servicenow.asked.clear()
        asking = asyncio.create_task(console.call("POST", "/__admin/approval-requests", {"metadata": {}}))
        await servicenow.asked.wait()
        assert await served.stop() == ""
        await asyncio.gather(asking, return_exceptions=True)
    servicenow.conditions.append(hanging)
    servicenow.asked.clear()
    served = await serve(*database)
    await servicenow.asked.wait()
    assert await served.stop() == ""


@pytest.mark.long
async def test_names_may_change_over_a_restart(file: Path, servicenow: StubServiceNow, tmp_path: Path) -> None:
    """Requests of a console that spelled the wire's names otherwise are still shown and decided."""
    inferred = tmp_path / "inferred.yaml"
    inferred.write_text("keys: {metadata: {PolicyId: Policy, PolicyName: Title}}\n", encoding="utf-8")
    async with console_on(file, servicenow, Settings(inferred=inferred)) as console:
        await console.set_up()
        asked = await console.ask()
    async with console_on(file, servicenow) as console:
        async with console.session.get(f"{console.url}/manage-approvals") as answer:
            assert answer.status == 200
        assert (await console.deliver(console.decision(asked["request_id"])))[0] == 200


async def working_in_silence(stub: StubServiceNow, request: web.Request) -> web.StreamResponse:
    """Do what is asked, and never answer."""
    await stub.work(request)
    return await hanging(stub, request)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
async def test_memory_is_a_database_too(url: str, servicenow: StubServiceNow) -> None:
    """The URL of a database in memory keeps nothing in any file."""
    served = await serve("--database", url)
    async with calling(served, servicenow) as console:
        await console.ask()
    assert await served.stop() == ""


async def test_an_approval_of_the_last_second_of_the_calendar_counts_from_the_start(
    file: Path, servicenow: StubServiceNow
) -> None:
    """The start moves it to now, so that its end is within the calendar."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
        request_id = (await console.ask())["request_id"]
        decision = console.decision(request_id) | {"Duration": "02:00:00"}
        assert (await console.deliver(decision))[0] == 200
    edge = 'replace(CAST(body AS TEXT), \'"decided_at":"20\', \'"decided_at":"9999-12-31T23:59:59Z","was":"20\')'
    write(file, f"UPDATE document SET body = {edge} WHERE key = '{request_id}'")  # noqa: S608
    async with console_on(file, servicenow) as console:
        request = await console.request(request_id)
        assert (request["state"], request["expires_at"]) == ("Approved", "2026-01-05T11:00:00+00:00")


async def test_pages_of_a_database(file: Path, servicenow: StubServiceNow) -> None:
    """The history of approvals reads page by page from the file, newest first."""
    async with console_on(file, servicenow) as console:
        asked = [(await console.ask(PolicyName=f"Policy {number}"))["request_id"] for number in range(30)]
        async with console.session.get(f"{console.url}/manage-approvals/history?page=2") as answer:
            html = await answer.text()
        assert "26 to 30 of 30, newest first" in html
        assert [each for each in asked if f'id="{each}"' in html] == asked[:5]


async def test_cookieless_json_of_a_database(file: Path, servicenow: StubServiceNow) -> None:
    """The list of requests is complete and in order, however many the file holds."""
    async with console_on(file, servicenow) as console:
        asked = [(await console.ask())["request_id"] for _ in range(3)]
        answer = json.dumps(await console.admin("GET", "/approval-requests"))
    assert sorted(asked, key=answer.index) == asked


async def test_a_request_that_was_made_ahead_times_out_from_the_restart_on(
    file: Path, servicenow: StubServiceNow
) -> None:
    """A virtual clock begins anew, and nobody waits until it is where it was; what was decided stays so."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
        await console.advance(9 * 365 * 86_400)
        ahead, decided = [(await console.ask())["request_id"] for _ in range(2)]
        assert (await console.deliver(console.decision(decided)))[0] == 200
    async with console_on(file, servicenow) as console:
        assert (await console.request(ahead))["state"] == "Pending"
        await console.advance(1_199)
        assert (await console.request(ahead))["state"] == "Pending"
        await console.advance(1)
        assert (await console.request(ahead))["state"] == "TimedOut"
        assert (await console.request(decided))["state"] == "Approved"


async def test_an_approval_that_was_made_ahead_lasts_from_the_restart_on(
    file: Path, servicenow: StubServiceNow
) -> None:
    """A timed one has its duration then, whether its request was made ahead, too, or before."""
    report = {"UserName": "Ada", "AgentName": "pc", "FilePath": "/bin/ls"}
    async with console_on(file, servicenow) as console:
        await console.set_up()
        early = (await console.ask(**report))["request_id"]
        await console.advance(600)
        decision = console.decision(early, Duration="01:00:00")
        assert (await console.deliver(decision))[0] == 200
        await console.advance(5 * 365 * 86_400)
        late = (await console.ask(**report))["request_id"]
        assert (await console.deliver(console.decision(late, Duration="01:00:00")))[0] == 200
    async with console_on(file, servicenow) as console:
        for each in (early, late):
            shown = await console.request(each)
            assert (shown["state"], shown["decided_at"]) == ("Approved", "2026-01-05T09:00:00+00:00")
        await console.advance(3_600)
        assert {(await console.request(each))["state"] for each in (early, late)} == {"Expired"}
        assert (await console.admin("POST", "/run", {"metadata": report}))["outcome"] == "asked"
