"""A target that answers oddly fails the step that met it, with the exchange shown, and the run goes on."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

import pytest
from aiohttp import ClientSession, DummyCookieJar, web
from yarl import URL

from privman_core.clock import RealClock
from privman_core.serving import serving
from privman_scenarios.errors import TargetUnreachableError
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.events import Event, ScenarioEnded
from privman_scenarios.playing.log_in import Credentials
from privman_scenarios.playing.target import Target
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

from .shared_instance import APP

BUSY = f"""
title: Everything that is read
steps:
- console.ask:
- console.expect-approval: Pending
- servicenow.expect-request: Pending
- servicenow.insert:
    table: request
    values:
      request_id: "${{new_guid}}"
      instance_id: "${{instance_id}}"
      activity_type_id: "${{activity_type_id}}"
      metadata: '{{"PolicyId":"{{140a5e8c-1c3f-4d0a-9e0b-0d5a3e3a3f10}}"}}'
- servicenow.create-user: {{name: other, roles: [{APP}.approver]}}
- servicenow.approve: {{by: other}}
- clock.advance: 1 minute
- servicenow.expect-response: Approve
- console.expect-approval: Approved
- console.expect-webhooks: [{{event: Approval Request Event}}]
- console.expect-exchanges: {{path: "*/approve", statuses: [200]}}
- servicenow.expect-exchanges: {{path: "*/approve", statuses: [200], waits: []}}
"""
ODD = {
    "a page": (200, b"<html>"),
    "half a body": (200, b'{"result": [{"sys_id": "'),
    "nothing": (200, b""),
    "a list": (200, b"[]"),
    "a list of numbers": (200, b"[1, 2]"),
    "a number": (200, b"1"),
    "null": (200, b"null"),
    "an empty object": (200, b"{}"),
    "objects that are null": (200, b'{"result": null, "requests": null, "findings": null, "steps": null, "now": null}'),
    "lists of null": (200, b'{"result": [null], "requests": [null], "findings": [null], "steps": [null], "now": 1}'),
    "records without a sys_id": (
        200,
        b'{"result": [{"name": "x"}], "requests": [{}], "findings": [{}], "steps": [{}]}',
    ),
    "numbers for texts": (201, b'{"result": {"sys_id": 7}, "request_id": 7, "sent": 7, "state": 7, "webhooks": [7]}'),
    "a date that there is not": (200, b'{"now": "2026-99-99", "next": "noon", "requests": [], "findings": []}'),
    "deep nesting": (200, b"[" * 100_000),
    "a refusal": (500, b"no"),
}
STRIDE = 5
OF_THE_WIRE = ("Content-Length", "Content-Encoding", "Transfer-Encoding")
Odd = tuple[int, bytes] | None


@asynccontextmanager
async def in_front_of(url: str, odd: Callable[[web.Request], Odd]) -> AsyncIterator[str]:
    """Serve what stands in front of a party and answers some requests by itself; gives its address."""

    async def forward(request: web.Request) -> web.Response:
        if answer := odd(request):
            return web.Response(status=answer[0], body=answer[1], content_type="application/json")
        target = URL(f"{url}{request.raw_path}", encoded=True)
        headers = {name: value for name, value in request.headers.items() if name != "Content-Length"}
        async with session.request(request.method, target, data=await request.read() or None, headers=headers) as got:
            kept = {key: value for key, value in got.headers.items() if key not in OF_THE_WIRE}
            return web.Response(status=got.status, body=await got.read(), headers=kept)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    skipped = {"Content-Type", "Accept", "User-Agent"}
    async with ClientSession(cookie_jar=DummyCookieJar(), skip_auto_headers=skipped) as session, serving(app) as served:
        yield served


@asynccontextmanager
async def oddly(odd: Callable[[web.Request], Odd]) -> AsyncIterator[WorldBuilder]:
    """Return worlds of two fakes that run elsewhere, whose answers to the harness are odd."""
    async with (
        WorldBuilder(1).open() as one,
        WorldBuilder(2).open() as other,
        in_front_of(one.servicenow.url, odd) as servicenow,
        in_front_of(other.console.url, odd) as console,
    ):
        yield WorldBuilder(
            0, servicenow=Target(servicenow, Credentials("admin", "admin")), console=Target(console), reset=True
        )


async def play(worlds: WorldBuilder, *texts: str) -> list[ScenarioEnded]:
    """Play the scenarios one after the other."""
    loaded = [scenario for text in texts for scenario in Loader(vocabulary()).parse(text, "t.yaml")]
    events: list[Event] = []
    await Engine(vocabulary(), worlds, [events.append], RealClock()).run(loaded, 0)
    return [event for event in events if isinstance(event, ScenarioEnded)]


def is_asked_by_the_harness(request: web.Request) -> bool:
    """Tell whether the harness asks, and has begun to play."""
    opening = ("/health", "/reset", "/clock/advance", "sysparm_limit=1", "/version/")
    by_harness = request.headers.get("User-Agent") == "privman-scenarios"
    return by_harness and not any(path in request.raw_path for path in opening)


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("name", ODD)
async def test_an_odd_answer_fails_its_step_alone(name: str) -> None:
    """Of the answers to the harness one is odd: the scenario fails or does not care, and nothing else is raised."""
    state = {"turn": -1, "asked": 0}

    def odd(request: web.Request) -> Odd:
        if not is_asked_by_the_harness(request):
            return None
        state["asked"] += 1
        return ODD[name] if state["asked"] == state["turn"] else None

    async with oddly(odd) as worlds:
        (ended,) = await play(worlds, BUSY)
        assert (ended.outcome, ended.failure) == ("passed", None)
        # Each answer has its turn with some oddity, and each oddity with some answers.
        for turn in range([*ODD].index(name) % STRIDE + 1, state["asked"] + 1, STRIDE):
            state.update(turn=turn, asked=0)
            (ended,) = await play(worlds, BUSY)
            assert ended.outcome in ("passed", "failed")


@pytest.mark.long
@pytest.mark.parametrize("name", ["a list", "records without a sys_id", "half a body"])
async def test_the_run_goes_on_after_an_odd_answer(name: str) -> None:
    """The failure names the step and shows the exchange; the next scenario passes."""
    times = count()

    def odd(request: web.Request) -> Odd:
        asked = request.method == "POST" and request.path.endswith("/sys_user") and next(times) == 0
        return ODD[name] if asked else None

    async with oddly(odd) as worlds:
        first, second = await play(worlds, BUSY, BUSY)
    assert first.failure is not None
    assert (first.outcome, second.outcome) == ("failed", "passed")
    assert first.failure.step == "servicenow.create-user"
    assert "POST /api/now/table/sys_user" in first.failure.got


async def test_an_answer_of_another_shape_is_shown() -> None:
    """A control plane is read by the keys that it must have; the failure names the first that is wrong."""
    asks = {"POST /__admin/approval-requests"}
    story = "title: T\nsteps:\n- console.ask:\n"
    async with oddly(lambda request: (201, b"[]") if f"{request.method} {request.path}" in asks else None) as worlds:
        (ended,) = await play(worlds, story)
    assert ended.failure is not None
    assert "POST /__admin/approval-requests" in ended.failure.got


@pytest.mark.parametrize("path", ["/__admin/reset", "/api/now/table/sys_user", "/Tms/services/api/v1/version/Current"])
async def test_a_target_that_answers_oddly_from_the_start_is_none(path: str) -> None:
    """One line says what it answered."""
    async with oddly(lambda request: (400, b"[]") if request.path == path else None) as worlds:
        with pytest.raises(TargetUnreachableError, match=r"^http://127\.0\.0\.1:\d+ (cannot be controlled|is not a )"):
            await play(worlds, BUSY)
