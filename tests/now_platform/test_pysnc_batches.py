"""ServiceNow's own client, released, with files and batches: synchronous and asynchronous."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pysnc
import pytest
import requests
from pysnc.asyncio import AsyncServiceNowClient

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext
from privman_core.virtual_clock import VirtualClock

ADMIN = "6816f79cc0a8016401c5a33be04be441"
TEXT = "this is a sample attachment\nwith\nmulti\nlines"
BYTES = b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"
LONG_QUERY = "AAAA=BBBB^" * 2_300 + f"sys_id={ADMIN}"


class Pysnc:
    """Runs blocking work with a client beside the server."""

    def __init__(self, origin: str) -> None:
        self._origin = origin

    async def run(self, work: Callable[[Any], None]) -> None:
        """Run work with a client of the administrator that is closed afterwards."""

        def run() -> None:
            with requests.Session() as session:
                session.auth = ("admin", "admin")
                work(pysnc.ServiceNowClient(self._origin, session))

        await asyncio.to_thread(run)


@pytest.fixture
def synchronous(origin: str) -> Pysnc:
    """Return the synchronous client."""
    return Pysnc(origin)


@pytest.fixture
async def asynchronous(https: tuple[str, str]) -> AsyncIterator[Any]:
    """Return the asynchronous client."""
    url, bundle = https
    client = AsyncServiceNowClient(url, ("admin", "admin"), verify=ssl.create_default_context(cafile=bundle))
    yield client
    await client.close()


def make_problems(client: Any, count: int) -> None:
    """Insert problems."""
    for number in range(count):
        problem = client.GlideRecord("problem")
        problem.initialize()
        problem.short_description = f"Unit test BUNKZZ {number}"
        assert problem.insert()


def found(client: Any, text: str) -> Any:
    """Return the problems whose short description contains the text."""
    problems = client.GlideRecord("problem")
    problems.add_query("short_description", "LIKE", text)
    problems.query()
    return problems


@pytest.mark.long
async def test_attachments(synchronous: Pysnc) -> None:
    """8.3 attachment::test_add_delete_get: upload, exact Location, list, read, find; gone with the record."""

    def work(client: Any) -> None:
        problem = client.GlideRecord("problem")
        problem.initialize()
        problem.insert()
        location = problem.add_attachment("test.txt", TEXT)
        problem.add_attachment("test.bin", BYTES)
        attachments = problem.get_attachments()
        assert len(attachments) == 2
        assert attachments.next()
        assert attachments.get_link() == location
        assert attachments.readlines() == TEXT.split("\n")
        assert attachments.next()
        assert attachments.read() == BYTES
        with attachments.as_temp_file() as file:
            assert file.read() == BYTES
        attachments.delete()
        by_name = client.Attachment("problem")
        by_name.add_query("file_name", "test.txt")
        by_name.query()
        assert by_name.next()
        assert client.Attachment("problem").get(by_name.sys_id)
        problem.delete()
        assert not client.Attachment("problem").get(by_name.sys_id)

    await synchronous.run(work)


@pytest.mark.long
async def test_delete_multiple(synchronous: Pysnc) -> None:
    """8.3 write::test_multi_delete: a batch of DELETEs, and one of nothing."""

    def work(client: Any) -> None:
        make_problems(client, 5)
        assert found(client, "BUNKZZ").delete_multiple()
        assert len(found(client, "BUNKZZ")) == 0
        assert found(client, "BUNKZZ").delete_multiple()

    await synchronous.run(work)


@pytest.mark.long
async def test_update_multiple(synchronous: Pysnc) -> None:
    """8.3 write::test_multi_update: only changed rows are sent, and answered in the order of the request."""

    def work(client: Any) -> None:
        make_problems(client, 10)
        changed: list[str] = []
        seen: list[str] = []
        problems = found(client, "BUNKZZ")
        for position, problem in enumerate(problems):
            if position % 2 == 0:
                problem.short_description += " APPENDEDZZ"
                changed.append(problem.get_value("sys_id"))
        problems.update_multiple(lambda answer: seen.append(answer.json()["result"]["sys_id"]["value"]))
        assert seen == changed
        assert len(found(client, "APPENDEDZZ")) == 5

    await synchronous.run(work)


async def test_update_multiple_with_failures(synchronous: Pysnc) -> None:
    """8.3 write::test_multi_update_with_failures, 8.5: a rule stored at run time aborts only its items."""

    def work(client: Any) -> None:
        rule = client.GlideRecord("sys_script")
        rule.initialize()
        rule.name = "no EICAR"
        rule.collection = "problem"
        rule.active = rule.action_insert = rule.action_update = rule.abort_action = True
        rule.when = "before"
        rule.filter_condition = "short_descriptionLIKEEICAR^ORdescriptionLIKEEICAR^EQ"
        assert rule.insert()
        make_problems(client, 4)
        problems = found(client, "BUNKZZ")
        for position, problem in enumerate(problems):
            problem.short_description += " EICAR" if position % 2 == 0 else " APPENDEDZZ"
        assert not problems.update_multiple()
        assert len(found(client, "APPENDEDZZ")) == 2
        assert len(found(client, "EICAR")) == 0

    await synchronous.run(work)


async def test_a_query_of_more_than_10000_characters(synchronous: Pysnc) -> None:
    """8.3 query::test_extra_long_query: a long list goes through a batch."""

    def work(client: Any) -> None:
        users = client.GlideRecord("sys_user")
        users.add_encoded_query(LONG_QUERY)
        users.query()
        assert len(users) == 1
        assert users.next()
        assert users.user_name == "admin"

    await synchronous.run(work)


class SlowClock(VirtualClock):
    """A clock that goes on while work is done."""

    worked = timedelta()

    def now(self) -> Any:
        """Return the time, that of the work included."""
        return super().now() + self.worked


class TestUnserviced:
    """A batch whose time is used up."""

    @pytest.fixture
    def clock(self) -> SlowClock:
        """Return a clock that goes on while work is done."""
        return SlowClock()

    @pytest.mark.long
    async def test_what_is_left_is_sent_again(self, synchronous: Pysnc, instance: Instance, clock: SlowClock) -> None:
        """3.2: the client resends the items that were not serviced, and no others."""
        updated: list[str] = []

        def work_long(context: RuleContext) -> None:
            clock.worked += timedelta(seconds=15)
            updated.append(context.current["sys_id"])

        def work(client: Any) -> None:
            make_problems(client, 5)
            problems = found(client, "BUNKZZ")
            for problem in problems:
                problem.short_description += " APPENDEDZZ"
            assert problems.update_multiple()
            assert len(found(client, "APPENDEDZZ")) == 5

        instance.add_rule(BusinessRule("long", "problem", "after", frozenset({"update"}), work_long))
        await synchronous.run(work)
        assert len(updated) == len(set(updated)) == 5


async def make_problem(client: Any, text: str) -> Any:
    """Return a new problem."""
    problem = await client.GlideRecord("problem")
    problem.initialize()
    problem.short_description = text
    assert await problem.insert()
    return problem


async def find(client: Any, text: str) -> Any:
    """Return the problems whose short description contains the text."""
    problems = await client.GlideRecord("problem")
    problems.add_query("short_description", "LIKE", text)
    await problems.query()
    return problems


@pytest.mark.long
async def test_asynchronous_attachments(asynchronous: Any) -> None:
    """8.4: the asynchronous client's round with files."""
    problem = await make_problem(asynchronous, "x")
    # Through the record it would use a client of its own, which nobody closes.
    attachments = await asynchronous.Attachment("problem")
    attachments.add_query("table_sys_id", problem.sys_id)
    location = await attachments.add_attachment(problem.sys_id, "test.txt", TEXT)
    await attachments.add_attachment(problem.sys_id, "test.bin", BYTES)
    await attachments.query()
    assert len(attachments) == 2
    assert await attachments.next()
    assert attachments.get_link() == location
    assert await attachments.readlines() == TEXT.split("\n")
    assert await attachments.next()
    assert await attachments.read() == BYTES
    await problem.delete()
    assert not await (await asynchronous.Attachment("problem")).get(attachments.sys_id)


@pytest.mark.long
async def test_asynchronous_batches(asynchronous: Any, swallowed: Callable[[], list[str]]) -> None:
    """8.4: items whose query is the printed form of a byte string are serviced; display values stay off."""
    for number in range(4):
        await make_problem(asynchronous, f"BUNKZZ {number}")
    problems = await find(asynchronous, "BUNKZZ")
    changed: list[str] = []
    seen: list[str] = []
    async for problem in problems:
        problem.short_description += " APPENDEDZZ"
        changed.append(problem.get_value("sys_id"))
    await problems.update_multiple(lambda answer: seen.append(answer.json()["result"]["sys_id"]))
    assert seen == changed
    assert len(changed) == 4
    assert swallowed().count("parameter-ignored") == 4
    assert await (await find(asynchronous, "BUNKZZ")).delete_multiple()
    assert len(await find(asynchronous, "BUNKZZ")) == 0
