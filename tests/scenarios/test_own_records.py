"""Which records are a run's own, and that no other is touched."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from privman_core.serving import serving
from privman_scenarios.commands.cli import main
from privman_scenarios.errors import ExpectationError, TargetUnreachableError
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.http_api import HttpApi
from privman_scenarios.playing.log_in import Credentials
from privman_scenarios.playing.own_records import Mark, NotOwnError, OwnRecord, OwnRecords
from privman_scenarios.playing.party_answer import fault_of, header_pairs, moment
from privman_scenarios.playing.target import Target
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

from .stub_instance import REQUEST, StubInstance
from .targets import Hurried, packaged, play

ONE, OTHER = "1" * 32, "2" * 32


@pytest.fixture
async def instance() -> AsyncIterator[tuple[StubInstance, OwnRecords]]:
    """Return a stub instance that is being served, and the records of a run there."""
    stub = StubInstance()
    async with serving(stub.app()) as stub.url:
        worlds = WorldBuilder(0, servicenow=Target(stub.url, Credentials("integration", "s3cret")))
        async with worlds.open() as world:
            assert world.servicenow.own is not None
            yield stub, world.servicenow.own


SHOWN: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"name": "a"}, {"name": "a"}, ""),
    ({"name": "a"}, {"name": "b"}, "its name is 'b', and this run sent 'a'"),
    ({"name": "a"}, {}, "it shows nothing of what this run sent"),
    ({"name": "a", "password": "p"}, {"name": "a", "password": "***"}, ""),
    ({"name": "a", "span": "16:30:00"}, {"name": "a", "span": "1970-01-01 16:30:00"}, ""),
    ({"name": "a", "user": ONE}, {"name": "a", "user": {"link": "x", "value": ONE}}, ""),
    ({"flag": True, "number": 3, "none": None}, {"flag": "true", "number": "3", "none": "x"}, ""),
    ({"text": "x" * 100}, {"text": "x" * 40}, ""),
    ({"text": "x" * 100}, {"text": "x"}, "its text is 'x', and this run sent"),
    ({"pairs": '{"a":"1","b":"***"}'}, {"pairs": '{"b": "secret", "a": "1"}'}, ""),
    ({"pairs": '{"a":"1"}'}, {"pairs": '{"a": "2"}'}, "its pairs is"),
    ({"pairs": '{"a":"1"}'}, {"pairs": "[1]"}, "its pairs is '[1]'"),
    ({"name": "a", "sys_created_by": "me"}, {"name": "a", "sys_created_by": "admin"}, ""),
]


@pytest.mark.parametrize(("sent", "shown", "why"), SHOWN)
async def test_a_record_is_own_when_it_shows_what_was_sent(
    instance: tuple[StubInstance, OwnRecords], sent: dict[str, Any], shown: dict[str, Any], why: str
) -> None:
    """What cannot be seen, such as a password, does not count; what differs does."""
    stub, own = instance
    stub.tables["groups"] = [{"sys_id": ONE, **shown}]
    told = await own.delete(OwnRecord("groups", ONE, sent))
    assert (stub.tables["groups"] == []) is (told == "")
    assert why in told


@pytest.mark.parametrize("begins", range(40, 60, 3))
async def test_half_a_password_is_not_shown(begins: int, instance: tuple[StubInstance, OwnRecords]) -> None:
    """What an instance shows is masked before it is cut."""
    password = Target(instance[0].url, Credentials("a", "A-long-Pass-0123456789")).log_in.login[1]
    instance[0].tables["groups"] = [{"sys_id": ONE, "name": "x" * begins + password}]
    told = await instance[1].delete(OwnRecord("groups", ONE, {"name": "a"}))
    assert "its name is 'xxxx" in told
    assert "A" not in told


async def test_nothing_else_is_sent(instance: tuple[StubInstance, OwnRecords]) -> None:
    """Neither a deletion, nor to another record, nor for what has no sys_id or no table."""
    stub, own = instance
    stub.tables["groups"] = [{"sys_id": ONE, "name": "a"}, {"sys_id": OTHER, "name": "b"}]
    record = OwnRecord("groups", ONE, {"name": "a"})
    for method, path in (("DELETE", record.path), ("PATCH", f"/api/now/table/groups/{OTHER}")):
        with pytest.raises(NotOwnError):
            await own.send(method, record, path, {}, auth=None)
    for odd in (OwnRecord("groups", "", {}), OwnRecord("../groups", ONE, {}), OwnRecord("groups", f"{ONE}?", {})):
        with pytest.raises(NotOwnError, match="a sys_id of 32 hexadecimal digits"):
            await own.delete(odd)
    with pytest.raises(NotOwnError, match="to be the record that this run has created"):
        await own.require_own(OwnRecord("groups", OTHER, {"name": "a"}))
    assert len(stub.tables["groups"]) == 2


async def test_a_marked_record_holds_its_mark(instance: tuple[StubInstance, OwnRecords]) -> None:
    """An instance that ignores the query shows records of others, and such as have no sys_id."""
    stub, own = instance
    stub.deaf = True
    stub.tables["groups"] = [{"sys_id": ONE, "name": "m"}, {"sys_id": OTHER, "name": "b"}, {"sys_id": "x", "name": "m"}]
    assert [record.sys_id for record in await own.marked(Mark("groups", "name", "m", 1))] == [ONE]
    with pytest.raises(NotOwnError, match="at most 0 records"):
        await own.marked(Mark("groups", "name", "m", 0))
    stub.hidden = {"groups"}
    with pytest.raises(ExpectationError, match="the records of groups with name 'm'"):
        await own.marked(Mark("groups", "name", "m", 1))


@pytest.mark.long
def test_a_record_that_two_answers_name_is_deleted_once(real_instance: Callable[[str], str], tmp_path: Path) -> None:
    """An instance answers a repeated request with the record that it has."""
    repeated = packaged("duplicate-request")
    writes = tmp_path / "writes.jsonl"
    target = ["--servicenow-url", real_instance(""), "--quiet-time", "0"]
    assert main(["run", repeated, *target, "--writes", str(writes)]) == 0
    kept = [json.loads(line) for line in writes.read_text().splitlines()]
    deletions = [(entry["url"], entry["status"]) for entry in kept if entry["method"] == "DELETE"]
    assert {status for _, status in deletions} == {204}
    assert len(set(deletions)) == len(deletions)


async def test_a_record_that_is_shown_elsewhere_is_not_own() -> None:
    """An instance may answer another record than it was asked for."""

    async def other(_request: web.Request) -> web.Response:
        return web.json_response({"result": {"sys_id": OTHER, "name": "a"}})

    app = web.Application()
    app.router.add_get("/api/now/table/{path:.*}", other)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(StubInstance().app()))
        elsewhere = await stack.enter_async_context(serving(app))
        worlds = WorldBuilder(0, servicenow=Target(url, Credentials("integration", "s3cret")))
        world = await stack.enter_async_context(worlds.open())
        own = world.servicenow.own
        assert own is not None
        world.servicenow.api.url = elsewhere
        told = await own.delete(OwnRecord("groups", ONE, {"name": "a"}))
        world.servicenow.api.url = url
    assert f"the instance shows another record there, '{OTHER}'" in told


@pytest.mark.parametrize(
    ("value", "shape", "fault"),
    [
        ({"a": [1]}, {"a": [int], "b?": str}, ""),
        ({"a": [1, "x"]}, {"a": [int]}, "a[1] to be int"),
        ({"a": True}, {"a": int}, "a to be int"),
        ({}, {"a": int}, "a to be there"),
        ([], {"a": int}, "the answer to be an object"),
        ({}, [int], "the answer to be a list"),
        ("noon", moment, "the answer to be a moment in ISO 8601 with an offset"),
        ("2026-01-05T09:00:00", moment, "the answer to be a moment in ISO 8601 with an offset"),
        ([["a", 1]], header_pairs, "the answer to be a list of names and values"),
    ],
)
def test_a_shape_names_what_is_wrong(value: object, shape: Any, fault: str) -> None:
    """With its place."""
    assert fault_of(value, shape) == fault


class Crowded(StubInstance):
    """An instance on which somebody else makes a request of the same id a moment before."""

    async def create(self, request: web.Request) -> web.Response:
        """Insert a row, and before a request another one like it."""
        row = await request.json()
        if request.match_info["table"] == REQUEST:
            self.tables.setdefault(REQUEST, []).append({"status": "Pending", **row, "sys_id": OTHER})
        return await super().create(request)


LITERAL = """title: T
steps:
- servicenow.insert: {table: request, as: ours, values: {request_id: REQ-1, instance_id: "${instance_id}"}}
- servicenow.deny: {request: ours}
- servicenow.expect-request: {request: ours, count: 2}
"""


@pytest.mark.long
async def test_a_request_of_somebody_else_with_the_same_id_is_not_decided() -> None:
    """A run knows its own by the sys_id that the creation was answered with."""
    stub = Crowded()
    async with serving(stub.app()) as stub.url:
        worlds = WorldBuilder(0, servicenow=Target(stub.url, Credentials("integration", "s3cret")), pauses=Hurried())
        with pytest.raises(TargetUnreachableError, match="perhaps of another run"):
            await play(worlds, list(Loader(vocabulary()).parse(LITERAL, "t.yaml")))
        assert [(row["sys_id"], row["status"]) for row in stub.tables[REQUEST]] == [(OTHER, "Pending")]
        stub.tables[REQUEST] = []
        async with worlds.open() as world:
            world.servicenow.drawn.add("REQ-2")
            await world.servicenow.insert("request", {"request_id": "REQ-2"})
            world.servicenow.drawn.clear()
            assert world.servicenow.own is not None
            stub.tables[REQUEST] = [{"sys_id": OTHER, "request_id": "REQ-2"}]
            with pytest.raises(NotOwnError, match="a request REQ-2 that this run has created"):
                await world.servicenow.decide("REQ-2", "Deny", {})
        stub.tables[REQUEST], stub.answering = [], 1_000
        async with worlds.open() as world:
            drawn = world.servicenow.draw_request_id()
            stub.tables[REQUEST] = [{"sys_id": ONE, "request_id": drawn}]
            assert (await world.servicenow.decide(drawn, "Deny", {})).status == 200
        assert stub.tables[REQUEST] == []


DECIDED = """title: T
steps:
- servicenow.insert:
    {table: request, as: ours, values: {request_id: "${new_guid}", status: Pending, instance_id: "${instance_id}"}}
- servicenow.deny: {request: ours}
- servicenow.expect-request: {request: ours, status: Deny}
"""


async def test_a_request_that_a_step_has_decided_is_deleted(instance: tuple[StubInstance, OwnRecords]) -> None:
    """Its status is another than it was created with, and this run has changed it."""
    worlds = WorldBuilder(0, servicenow=Target(instance[0].url, Credentials("integration", "s3cret")), pauses=Hurried())
    (ended,) = await play(worlds, list(Loader(vocabulary()).parse(DECIDED, "t.yaml")))
    assert ended.outcome == "passed"
    assert not instance[0].tables[REQUEST]


@pytest.mark.parametrize("between", ["\n", "\t", "\r"])
async def test_a_path_is_sent_as_it_was_checked(between: str, instance: tuple[StubInstance, OwnRecords]) -> None:
    """What begins a control plane's path must not be hidden by what is left out on the way."""
    async with ClientSession() as session:
        api = HttpApi(session, instance[0].url, shared=True)
        with pytest.raises(ExpectationError, match="a path without control characters"):
            await api.call("POST", f"/_{between}_admin/reset")


INSERTED = """title: T
own: {tables: [incident], columns: [short_description, sys_created_on, sys_created_by]}
given: nothing
steps:
- servicenow.insert: {table: incident, values: {short_description: Printer, sys_created_on: "2026-01-05 09:00:01"}}
- servicenow.expect-records: {table: incident}
"""


def rows(*seconds: int) -> list[dict[str, str]]:
    """Return equal incidents of others, created at these seconds."""
    return [
        {
            "sys_id": f"{number:032x}",
            "short_description": "Printer",
            "sys_created_on": f"2026-01-05 08:{second // 60:02}:{second % 60:02}",
        }
        for number, second in enumerate(seconds, start=1_000)
    ]


@pytest.mark.parametrize(
    ("before", "named"),
    [
        (rows(0), 0),
        (rows(*range(1_200, 0, -1)), 5),
        (rows(*range(1_200, 0, -1)), -1),
        (rows(*range(1_200)), -1),
        ([{**row, "sys_created_on": ""} for row in rows(*range(1_200))], -1),
    ],
    ids=["the only one", "a new one", "an old one", "unordered", "undated"],
)
async def test_an_older_record_with_equal_values_is_kept(
    before: list[dict[str, str]], named: int, instance: tuple[StubInstance, OwnRecords]
) -> None:
    """What answers a creation may name the record of somebody else, in a table of any size."""
    stub = instance[0]
    stub.tables["incident"] = [dict(row) for row in before]
    stub.answered_sys_id = [before[named]["sys_id"]]
    worlds = WorldBuilder(0, servicenow=Target(stub.url, Credentials("integration", "s3cret")), pauses=Hurried())
    with pytest.raises(TargetUnreachableError, match="it may have been there before this run"):
        await play(worlds, list(Loader(vocabulary()).parse(INSERTED, "t.yaml")))
    assert stub.tables["incident"][:-1] == before


@pytest.mark.parametrize("before", [[], rows(*range(1_200, 0, -1))], ids=["none", "many"])
async def test_a_new_record_is_deleted(before: list[dict[str, str]], instance: tuple[StubInstance, OwnRecords]) -> None:
    """It was created after the newest that were there."""
    stub = instance[0]
    stub.tables["incident"] = [dict(row) for row in before]
    worlds = WorldBuilder(0, servicenow=Target(stub.url, Credentials("integration", "s3cret")), pauses=Hurried())
    (ended,) = await play(worlds, list(Loader(vocabulary()).parse(INSERTED, "t.yaml")))
    assert (ended.outcome, ended.failure, stub.tables["incident"]) == ("passed", None, before)


async def test_a_record_of_another_user_is_kept(instance: tuple[StubInstance, OwnRecords]) -> None:
    """This run creates records as its own user."""
    worlds = WorldBuilder(0, servicenow=Target(instance[0].url, Credentials("integration", "s3cret")), pauses=Hurried())
    text = INSERTED.replace("sys_created_on:", "sys_created_by: somebody, sys_created_on:")
    with pytest.raises(TargetUnreachableError, match="'somebody' has created it, and this run is 'integration'"):
        await play(worlds, list(Loader(vocabulary()).parse(text, "t.yaml")))
    assert len(instance[0].tables["incident"]) == 1


async def test_a_table_that_is_not_listed_keeps_what_it_gets(instance: tuple[StubInstance, OwnRecords]) -> None:
    """Nobody knows what was there before."""
    stub = instance[0]
    stub.hidden = {"incident"}
    worlds = WorldBuilder(0, servicenow=Target(stub.url, Credentials("integration", "s3cret")), pauses=Hurried())
    with pytest.raises(TargetUnreachableError, match="it may have been there before this run"):
        await play(worlds, list(Loader(vocabulary()).parse(INSERTED, "t.yaml")))
    assert len(stub.tables["incident"]) == 1


async def test_no_role_is_given_to_somebody_else(instance: tuple[StubInstance, OwnRecords]) -> None:
    """An instance may answer a user whom it has already; the roles of a new one would be theirs."""
    stub, _ = instance
    stub.tables["sys_user"] = [{"sys_id": OTHER, "user_name": "colleague"}]
    worlds = WorldBuilder(0, servicenow=Target(stub.url, Credentials("integration", "s3cret")), pauses=Hurried())
    steps = "title: T\nsteps:\n- servicenow.create-user: {name: t, roles: [x_thyti_thycotic_p.approver]}\n"
    stub.foreign["sys_user"], stub.kept = OTHER, {"sys_user_has_role"}
    with pytest.raises(TargetUnreachableError, match="sys_user/2222"):
        await play(worlds, list(Loader(vocabulary()).parse(steps, "t.yaml")))
    assert not stub.tables.get("sys_user_has_role")


async def test_the_console_decides_no_request_of_somebody_else(instance: tuple[StubInstance, OwnRecords]) -> None:
    """An instance may answer the console with a request that it has already."""
    stub, _ = instance
    worlds = WorldBuilder(0, servicenow=Target(stub.url, Credentials("integration", "s3cret")), pauses=Hurried())
    stub.tables[REQUEST] = [{"sys_id": OTHER, "request_id": "theirs", "status": "Pending"}]
    async with worlds.open() as world:
        await world.set_up({})
        stub.foreign[REQUEST] = OTHER
        request_id = (await world.console.ask({})).json["request_id"]
        await world.console.control.ask("POST", f"/approval-requests/{request_id}/decide", {"response": "Deny"})
    assert stub.tables[REQUEST] == [{"sys_id": OTHER, "request_id": "theirs", "status": "Pending"}]


@pytest.mark.parametrize(
    ("shown", "outcome"),
    [("200", "passed"), ("200 OK", "failed"), (["200"], "failed"), ({"value": "500"}, "failed"), ("", "passed")],
)
async def test_an_odd_status_of_a_delivery_is_compared(
    shown: Any, outcome: str, instance: tuple[StubInstance, OwnRecords]
) -> None:
    """An instance may keep another text than a number there, or a reference, of which nobody knows what it is not."""
    stub = instance[0]
    text = """title: T
steps:
- servicenow.insert: {table: response, as: it, values: {request_id: "${new_guid}", response_status_code: "204"}}
- servicenow.expect-records: {table: response, values: {response_status_code: {not: 500}}}
"""
    stub.shown["response_status_code"] = shown
    worlds = WorldBuilder(
        0, servicenow=Target(stub.url, Credentials("integration", "s3cret")), pauses=Hurried(), quiet_time=0
    )
    (ended,) = await play(worlds, list(Loader(vocabulary()).parse(text, "t.yaml")))
    assert ended.outcome == outcome
