"""Either end real: an independent stub stands for a ServiceNow instance without a control plane."""

import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

import pytest
from aiohttp import ClientSession, web

from privman_scenarios.catalog import catalog_files
from privman_scenarios.engine import Engine
from privman_scenarios.errors import ExpectationError
from privman_scenarios.events import Event, ScenarioEnded
from privman_scenarios.loader import Loader
from privman_scenarios.model import Scenario
from privman_scenarios.verbs import vocabulary
from privman_scenarios.world import Remote, WorldBuilder
from privman_testbench.real_clock import RealClock
from privman_testbench.serving import serving

Row = dict[str, str]
CONFIGURATION, REQUEST, RESPONSE = (
    f"x_thyti_thycotic_p_{table}" for table in ("integration_configuration", "request", "response")
)


EPOCH = "1970-01-01 "


def as_stored(row: Row) -> Row:
    """Return the row with its durations as an instance keeps them (platform 1.7)."""
    spans = {column: f"{EPOCH}{row[column]}" for column in ("max_timeout", "duration") if row.get(column)}
    return {**row, **spans}


class StubInstance:
    """As much of a ServiceNow instance as the integration needs, written without a look at the mock.

    Attributes:
        tables: rows by table.
        deleted: how many rows were deleted.
        late: how many times a response is left out before it is shown.
    """

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {"sys_user_role": [{"sys_id": "r1", "name": "x_thyti_thycotic_p.approver"}]}
        self.deleted = 0
        self.late = 0
        self._passwords = {"integration": "s3cret"}
        self._numbers = count(1)

    def app(self) -> web.Application:
        """Return the web application; there is nothing under /__admin."""
        app = web.Application()
        app.router.add_post("/api/now/table/{table}", self.create)
        app.router.add_get("/api/now/table/{table}", self.find)
        app.router.add_get("/api/now/table/{table}/{sys_id}", self.read)
        app.router.add_patch("/api/now/table/{table}/{sys_id}", self.update)
        app.router.add_delete("/api/now/table/{table}/{sys_id}", self.delete)
        return app

    async def create(self, request: web.Request) -> web.Response:
        """Insert a row."""
        self._user(request)
        row = {"sys_id": f"{next(self._numbers):032x}", **as_stored(await request.json())}
        if request.match_info["table"] == "sys_user":
            self._passwords[row["user_name"]] = row.pop("user_password")
        if request.match_info["table"] == REQUEST:
            row = {"status": "Pending", "comment": "", "duration": "", **row}
        self._rows(request).append(row)
        return web.json_response({"result": row}, status=201)

    async def find(self, request: web.Request) -> web.Response:
        """Return the rows whose columns equal the query's terms."""
        self._user(request)
        terms = [term.split("=", 1) for term in request.query.get("sysparm_query", "").split("^") if "=" in term]
        rows = [row for row in self._rows(request) if all(row.get(column) == value for column, value in terms)]
        if request.match_info["table"] == RESPONSE and self.late:
            self.late -= 1
            rows = []
        return web.json_response({"result": rows})

    async def read(self, request: web.Request) -> web.Response:
        """Return a row."""
        self._user(request)
        return web.json_response({"result": self._row(request)})

    async def update(self, request: web.Request) -> web.Response:
        """Change a row, and deliver it when it is a decision."""
        user, row = self._user(request), self._row(request)
        row.update(as_stored(await request.json()))
        if request.match_info["table"] == REQUEST:
            await self._deliver(row, user)
        return web.json_response({"result": row})

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a row."""
        self._user(request)
        self._rows(request).remove(self._row(request))
        self.deleted += 1
        return web.Response(status=204)

    async def _deliver(self, row: Row, user: str) -> None:
        registration = next(each for each in self.tables[CONFIGURATION] if each["sys_id"] == row["instance_id"])
        pairs = json.loads(registration["instance_metadata"])
        logon = {"UserName": pairs["Username"], "Password": pairs["Password"]}
        decision = {
            "RequestId": row["request_id"],
            "Response": row["status"],
            "InstanceId": row["instance_id"],
            "RespondedBy": user,
        } | {key: row[key.lower()].removeprefix(EPOCH) for key in ("Comment", "Duration") if row[key.lower()]}
        async with ClientSession() as session:
            async with session.post(pairs["Token Url"], json=logon) as answer:
                headers = {"Authorization": f"Bearer {await answer.json()}"}
            async with session.post(pairs["Endpoint Url"], json=decision, headers=headers) as answer:
                status = str(answer.status)
        response = {"response": row["status"], "response_status_code": status, "retry_attempts": "0"}
        kept = {key: row[key] for key in ("request_id", "comment", "duration")}
        self.tables.setdefault(RESPONSE, []).append({"sys_id": f"{next(self._numbers):032x}", **kept, **response})

    def _user(self, request: web.Request) -> str:
        name, _, password = base64.b64decode(request.headers["Authorization"][6:]).decode().partition(":")
        if self._passwords.get(name) != password:
            raise web.HTTPUnauthorized
        return name

    def _rows(self, request: web.Request) -> list[Row]:
        return self.tables.setdefault(request.match_info["table"], [])

    def _row(self, request: web.Request) -> Row:
        return next(row for row in self._rows(request) if row["sys_id"] == request.match_info["sys_id"])


class Hurried(RealClock):
    """A clock on which waiting takes no time."""

    async def sleep(self, seconds: float) -> None:
        """Return at once."""


def scenarios(*files: str) -> list[Scenario]:
    """Return the scenarios of these files of the catalog."""
    return Loader(vocabulary()).load([path for path in catalog_files() if path.stem in files])


async def play(worlds: WorldBuilder, played: Sequence[Scenario]) -> list[ScenarioEnded]:
    """Play the scenarios and return how each ended."""
    events: list[Event] = []
    await Engine(vocabulary(), worlds, [events.append], Hurried()).run(played, 0)
    return [event for event in events if isinstance(event, ScenarioEnded)]


@pytest.fixture
async def stub() -> AsyncIterator[tuple[StubInstance, WorldBuilder]]:
    """Return a stub instance that is being served, and worlds of it and a console of ours."""
    instance = StubInstance()
    async with serving(instance.app()) as url:
        yield instance, WorldBuilder(0, servicenow=Remote(url, "integration", "s3cret"))


async def test_the_catalog_plays_against_a_real_instance(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """What needs neither virtual time nor faults is played as it stands."""
    ended = await play(stub[1], scenarios("approve", "deny", "decision-with-comment-and-duration", "setup-every-step"))
    assert [(each.outcome, each.failure) for each in ended] == [("passed", None)] * 7


async def test_what_a_target_cannot_do_is_skipped_with_its_reason(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Never called passed: the reason names step, line and what is missing."""
    faulty, timeout = await play(stub[1], scenarios("timeout", "request-answer-lost"))
    assert (timeout.outcome, faulty.outcome) == ("skipped", "skipped")
    assert timeout.reason.startswith("clock.advance in line 7 needs a virtual time: http://127.0.0.1:")
    assert timeout.reason.endswith(" keeps real time")
    assert faulty.reason.startswith("servicenow.fault in line 6 needs a servicenow control plane: http://")
    assert faulty.reason.endswith(" has none")


async def test_invariants_are_asked_only_where_they_can_be_seen(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Whoever has no journal cannot tell what it was sent: the scenario is skipped, whatever its steps need."""
    (approve,) = scenarios("approve")
    (ended,) = await play(stub[1], [replace(approve, check="invariants")])
    assert ended.outcome == "skipped"
    assert ended.reason.startswith("the invariants need a servicenow control plane: http://")


def test_what_already_runs_is_played_on_by_one_at_a_time() -> None:
    """Worlds that are started for a scenario do not know of each other; one that runs is shared by all."""
    assert WorldBuilder(0).at_a_time(4) == 4
    assert WorldBuilder(0, console=Remote("http://127.0.0.1:1")).at_a_time(4) == 1
    assert WorldBuilder(0, servicenow=Remote("http://127.0.0.1:1")).at_a_time(4) == 1


async def test_a_real_instance_is_left_as_it_was(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Users, registration, activity type, requests and responses that a scenario made are deleted again."""
    await play(stub[1], scenarios("approve"))
    left = {table: rows for table, rows in stub[0].tables.items() if rows}
    assert list(left) == ["sys_user_role"]
    assert stub[0].deleted == 6


async def test_a_real_instance_gets_time_to_answer(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """What is not there yet is looked for again, a second apart."""
    stub[0].late = 3
    (ended,) = await play(stub[1], scenarios("deny"))
    assert ended.outcome == "passed"
    assert stub[0].late == 0


async def test_a_real_instance_has_no_control_plane(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Whoever asks for a journal there is told so."""
    async with stub[1].open() as targets:
        with pytest.raises(ExpectationError, match=r"expected a control plane at http.*/__admin; came nothing"):
            await targets.servicenow.control.journal()


async def test_a_failure_shows_the_calls_that_were_made(stub: tuple[StubInstance, WorldBuilder]) -> None:
    """Without a journal the harness shows its own last calls, secrets masked."""
    stub[0].late = 1_000
    (ended,) = await play(stub[1], scenarios("deny"))
    assert ended.failure is not None
    assert ended.failure.step == "servicenow.expect-response"
    shown = "\n".join(ended.failure.exchanges)
    assert f"servicenow: GET /api/now/table/{RESPONSE}?" in shown
    assert "console received #" in shown


@asynccontextmanager
async def real_console() -> AsyncIterator[str]:
    """Serve as much of a real console as tells that it is one."""

    async def version(_request: web.Request) -> web.Response:
        return web.json_response({"Result": "11.1.0", "Status": "ok", "Messages": []})

    app = web.Application()
    app.router.add_get("/Tms/services/api/v1/version/Current", version)
    async with serving(app) as url:
        yield url


async def test_a_console_that_cannot_be_told_to_ask_skips_everything() -> None:
    """A real console has no control plane, so a scenario that lets an endpoint user ask is skipped."""
    async with real_console() as url:
        ended = await play(WorldBuilder(0, console=Remote(url)), scenarios("approve", "console-api"))
    assert {each.outcome for each in ended} == {"skipped"}
    assert all(each.reason.startswith("console.set-up in line 2 needs a console control plane") for each in ended)


async def test_fakes_that_already_run_are_reset_and_played_on() -> None:
    """Two fakes elsewhere, each with its own virtual clock, play the catalog like those started here."""
    async with WorldBuilder(1).open() as one, WorldBuilder(2).open() as other:
        worlds = WorldBuilder(
            0, servicenow=Remote(one.servicenow.url, "admin", "admin"), console=Remote(other.console.url)
        )
        ended = await play(worlds, scenarios("approve", "retry-maximum", "timeout", "token-expired"))
    assert [(each.outcome, each.failure) for each in ended] == [("passed", None)] * 4
