"""What several tests of this folder need."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

import mock_servicenow.app
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock
from privman_core.ids import Ids
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.commands.cli import main
from privman_scenarios.fixtures import WorldFixture
from privman_scenarios.playing.log_in import Credentials
from privman_scenarios.playing.target import Target
from privman_scenarios.playing.world_builder import WorldBuilder

from .read_instance import Learn, ReadInstance
from .recorded_entries import Entry
from .shared_instance import shared_mock
from .stub_instance import StubInstance
from .targets import Hurried, packaged

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
def logon(world: WorldFixture, privman_loop: LoopThread) -> dict[str, str]:
    """Return the body with which ServiceNow logs on to the console."""
    ear = Eavesdropper()
    served = serving(ear.app())
    url = privman_loop.run(served.__aenter__())
    world.console.save_foreign_system(post_uri=f"{url}{APPROVE}")
    world.decide(world.console.ask({}), "Deny")
    world.console.save_foreign_system(post_uri=f"{world.console.url}{APPROVE}")
    privman_loop.run(served.__aexit__(None, None, None))
    world.servicenow.tolerate("error-envelope")  # that refusal has no body
    world.servicenow.forget_journal()
    world.console.forget_journal()
    return ear.logon


@pytest.fixture
def real_instance(privman_loop: LoopThread, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Serves an instance that has no control plane, and has these names of the wire otherwise; gives its address."""
    stack = AsyncExitStack()

    async def start(names: str) -> str:
        inferred, clock = tmp_path / "theirs.yaml", RealClock()
        inferred.write_text(names, encoding="utf-8")
        stack.push_async_callback(clock.aclose)
        settings = Settings(control_plane=False, inferred=inferred)
        app = mock_servicenow.app.create_app(settings, clock=clock, ids=Ids(1))
        return await stack.enter_async_context(serving(app))

    yield lambda names: privman_loop.run(start(names))
    privman_loop.run(stack.aclose())


@pytest.fixture
async def stub() -> AsyncIterator[tuple[StubInstance, WorldBuilder]]:
    """Return a stub instance that is being served, and worlds of it and a console of ours."""
    instance = StubInstance()
    async with serving(instance.app()) as instance.url:
        yield (
            instance,
            WorldBuilder(0, servicenow=Target(instance.url, Credentials("integration", "s3cret")), pauses=Hurried()),
        )


@pytest.fixture
def drift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what compares entries, and gives the exit code, the override and the comments."""

    def run(*entries: Entry) -> tuple[int, Any, list[str]]:
        file = tmp_path / "real.har"
        file.write_text(json.dumps({"log": {"entries": entries}}), encoding="utf-8")
        code = main(["drift", str(file)])
        out = capsys.readouterr().out
        comments = [line[2:].replace(str(file), "real.har") for line in out.splitlines() if line.startswith("#")]
        return code, yaml.safe_load(out), comments

    return run


@pytest.fixture
def compare(
    tmp_path: Path, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[StubInstance], str]:
    """Return what records a denial on an instance, and gives the last line that drift prints of it."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "s3cret")
    deny = packaged("deny")

    def run(stub: StubInstance) -> str:
        served, out = serving(stub.app()), tmp_path / "real.har"
        target = ["--servicenow-url", privman_loop.run(served.__aenter__()), "--servicenow-user", "integration"]
        assert main(["record", deny, *target, "--quiet-time", "0", "--out", str(out)]) == 0
        privman_loop.run(served.__aexit__(None, None, None))
        main(["drift", str(out)])
        return capsys.readouterr().out.splitlines()[-1]

    return run


@pytest.fixture
def learned_file(tmp_path: Path) -> Path:
    """Where the names are written."""
    return tmp_path / "ours.yaml"


@pytest.fixture
def learn(learned_file: Path, privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]) -> Iterator[Learn]:
    """Return what learns from an instance, and gives exit code, output and errors, without the instance's address."""
    with ExitStack() as stack:

        def run(instance: ReadInstance, *more: str) -> tuple[int, str, str]:
            served = serving(instance.app())
            url = privman_loop.run(served.__aenter__())
            stack.callback(lambda: privman_loop.run(served.__aexit__(None, None, None)))
            code = main(["learn", "--servicenow-url", url, "--out", str(learned_file), "--date", "2026-11-29", *more])
            printed = capsys.readouterr()
            return code, *(text.replace(url, "URL").replace(str(learned_file), "OUT") for text in printed)  # type: ignore[return-value]  # two

        yield run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder where the commands run, which is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def instance(privman_loop: LoopThread) -> Iterator[str]:
    """Serve an instance that others share, and return its address."""
    with shared_mock(privman_loop) as url:
        yield url
