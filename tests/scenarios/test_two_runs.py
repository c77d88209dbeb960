"""Runs at the same time, and runs after one that was killed, on one instance that others use."""

from asyncio import gather, to_thread
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

import mock_servicenow.app
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_scenarios.language.loader import Loader, catalog_files
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.events import ScenarioEnded
from privman_scenarios.playing.log_in import Credentials
from privman_scenarios.playing.target import Target
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world import World
from privman_scenarios.playing.world_builder import WorldBuilder
from tests import preloaded

from .shared_instance import fill, read_all

PLAYED = ("approve", "setup-documented-roles-suffice", "two-consoles", "setup-post-uri-changed")


def files(*stems: str) -> list[Path]:
    """Return these files of the catalog."""
    return [path for path in catalog_files() if path.stem in stems]


@pytest.fixture
async def shared() -> AsyncIterator[str]:
    """Serve a mock without a control plane that holds records of others; gives its address."""
    clock = RealClock()
    app = mock_servicenow.app.create_app(Settings(control_plane=False), clock=clock, ids=Ids(5))
    async with serving(app) as url:
        yield url
    await clock.aclose()


@dataclass(frozen=True)
class Opened:
    """A world that is open already."""

    world: World

    @asynccontextmanager
    async def open(self, _seed: int | None = None, _start: datetime | None = None, /) -> AsyncIterator[World]:
        """Return it."""
        yield self.world


async def play(world: World, played: Sequence[Path]) -> list[ScenarioEnded]:
    """Play the first scenario of each file in a world and return how it ended."""
    engine = Engine(vocabulary(), Opened(world), [], RealClock())
    return [await engine.play(Loader(vocabulary()).load([file])[0]) for file in played]


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("stem", PLAYED)
async def test_two_worlds_at_once_share_an_instance(stem: str, shared: str) -> None:
    """Both are opened before either plays, so that each meets what the other has created; both leave nothing."""
    await to_thread(fill, shared)
    before = await to_thread(read_all, shared)
    async with AsyncExitStack() as stack:
        worlds = [
            WorldBuilder(7, servicenow=Target(shared, Credentials("admin", "admin")), quiet_time=0) for _ in range(2)
        ]
        opened = [await stack.enter_async_context(each.open()) for each in worlds]
        ended = [end for world in opened for end in await play(world, files(stem))]
    assert {(each.outcome, each.failure) for each in ended} == {("passed", None)}
    assert await to_thread(read_all, shared) == before


@pytest.mark.long
async def test_a_run_after_one_that_was_killed(shared: str) -> None:
    """What the first one has created is still there, users among it, as it has never come to tidying up."""
    async with WorldBuilder(7, servicenow=Target(shared, Credentials("admin", "admin")), quiet_time=0).open() as killed:
        await play(killed, files("approve", "deny"))
        before = await to_thread(read_all, shared)
        code, printed = await run(shared, ("approve", "deny"))
        assert (code, await to_thread(read_all, shared) == before) == (0, True), printed


ROTATED = """
title: A user of this run gets a new password
steps:
  - servicenow.create-user: {name: theirs, roles: [x_thyti_thycotic_p.approver]}
  - servicenow.call: {path: "/api/now/table/${table.request}", by: theirs}
  - servicenow.change-password: theirs
  - servicenow.call: {path: "/api/now/table/${table.request}", by: theirs}
"""


@pytest.mark.long
async def test_a_run_changes_the_password_of_its_own_user(shared: str) -> None:
    """The user logs on with the new one, and is deleted like any other record of the run."""
    before = await to_thread(read_all, shared)
    (scenario,) = Loader(vocabulary()).parse(ROTATED, "rotated.yaml")
    worlds = WorldBuilder(7, servicenow=Target(shared, Credentials("admin", "admin")), quiet_time=0)
    ended = await Engine(vocabulary(), worlds, [], RealClock()).play(scenario)
    assert (ended.outcome, ended.failure, ended.checks) == ("passed", None, 2)
    assert await to_thread(read_all, shared) == before


@pytest.mark.long
async def test_two_commands_at_once_share_an_instance(shared: str) -> None:
    """Two processes play the same scenarios; both pass, and each deletes only what it has created."""
    await to_thread(fill, shared)
    before = await to_thread(read_all, shared)
    outcomes = await gather(*(run(shared, PLAYED) for _ in range(2)))
    assert [code for code, _ in outcomes] == [0, 0], outcomes
    assert await to_thread(read_all, shared) == before


async def run(url: str, stems: Sequence[str]) -> tuple[int | None, str]:
    """Play scenarios in a process of its own; returns its exit code and what it printed."""
    arguments = ["run", *map(str, files(*stems)), "--servicenow-url", url, "--seed", "7", "--quiet-time", "0"]
    process = await preloaded.start("privman-scenarios", *arguments, in_one=True)
    printed, _ = await process.communicate()
    return process.returncode, printed.decode()
