"""Mutants: one duty of a party is broken at a time, in a proxy, and some scenario must notice."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from aiohttp import ClientError, ClientSession, DummyCookieJar, web
from yarl import URL

from privman_contracts import files
from privman_core import interrupts
from privman_core.clock import RealClock
from privman_core.outbound import read_bounded
from privman_core.serving import serving
from privman_scenarios.analysis import message_changes
from privman_scenarios.analysis.message_changes import HttpMessage, changes
from privman_scenarios.analysis.message_filter import MessageFilter, TouchCounter
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.engine import Engine, Worlds
from privman_scenarios.playing.events import Failure, ScenarioEnded
from privman_scenarios.playing.http_api import HttpApi
from privman_scenarios.playing.mock_options import MockOptions
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world import World
from privman_scenarios.playing.world_builder import WorldBuilder


@dataclass(frozen=True, slots=True)
class Mutant:
    """One duty of a party, broken.

    Attributes:
        name: in kebab case.
        duty: what a party must do and now does not.
        change: what is done to the messages: names of `changes` with their arguments, in order.
        reveal: path in a changed message to the path in an earlier request whose value the message now shows.
        noticed_by: file of the catalog, without its ending, that is expected to notice; it is played first.
    """

    name: str
    duty: str
    touches: MessageFilter
    noticed_by: str
    change: Mapping[str, Any] = field(default_factory=dict)
    reveal: Mapping[str, str] = field(default_factory=dict)


def load_mutants() -> list[Mutant]:
    """Return the packaged mutants in the order of their file."""
    entries = files.load_yaml(resources.files("privman_scenarios.analysis") / "mutants.yaml")
    return [_mutant(entry) for entry in entries]


def _mutant(entry: Mapping[str, Any]) -> Mutant:
    return Mutant(**{**entry, "touches": MessageFilter(**entry["touches"])})


class Tampering:
    """Changes the messages that a mutant touches, in one world, in front of one party.

    Attributes:
        has_struck: whether a message arrived otherwise than it was sent.
    """

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._changes = changes()
        self._counter = TouchCounter(mutant.touches)
        self._kept: dict[str, Any] = {}
        self.has_struck = False

    def __call__(self, message: HttpMessage) -> HttpMessage:
        """Return what arrives instead."""
        if message.side == "request":
            self._keep(message)
        if not self._counter.touches(message):
            return message
        changed = self._changed(message)
        self.has_struck = self.has_struck or changed.differs(message)
        return changed

    def _changed(self, message: HttpMessage) -> HttpMessage:
        for name, argument in self._mutant.change.items():
            message = self._changes[name](message, argument)
        if self._kept:
            message = self._changes["set"](message, self._kept)
        return message

    def _keep(self, request: HttpMessage) -> None:
        """Remember what a later answer is to show."""
        for shown, path in self._mutant.reveal.items():
            for value in message_changes.find_at(request.json, path):
                self._kept[shown] = value


def untouched(message: HttpMessage) -> HttpMessage:
    """Let everything pass."""
    return message


Tamper = Callable[[HttpMessage], HttpMessage]
_PER_HOP = frozenset({"content-length", "content-encoding", "transfer-encoding", "connection"})


class Proxy:
    """A reverse proxy in front of one party.

    The caller's Host header goes on, so that addresses in answers lead through the proxy again; a request that gets no
    answer gets none here either.
    """

    def __init__(self, session: ClientSession, upstream: str, tamper: Tamper) -> None:
        self._session = session
        self._upstream = upstream
        self._tamper = tamper

    def app(self) -> web.Application:
        """Return the application to serve."""
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self.forward)
        return app

    async def forward(self, request: web.Request) -> web.Response:
        """Send the request on and give the answer back, each as the tampering makes it."""
        headers = _kept(request.headers.items())
        path = request.rel_url.raw_path
        sent = self._tamper(HttpMessage("request", request.method, path, headers, await request.read()))
        query = request.rel_url.raw_query_string if sent.path == path else ""
        got = sent if sent.side == "answer" else await self._answered(sent, query)
        return _to_response(request, got)

    async def _answered(self, sent: HttpMessage, query: str) -> HttpMessage:
        got = self._tamper(await self._send(sent, query))
        again = sent.with_values(got.again_with) if got.again_with else sent
        for _ in range(got.again):
            got = await self._send(again, query)
        return got

    async def _send(self, sent: HttpMessage, query: str) -> HttpMessage:
        url = URL.build(path=sent.path, query_string=query, encoded=True)
        try:
            async with self._session.request(
                sent.method,
                URL(self._upstream).join(url),
                headers=sent.headers,
                data=sent.body or None,
                allow_redirects=False,
            ) as answer:
                body = await read_bounded(answer)
                headers = _kept(answer.headers.items())
                return HttpMessage("answer", sent.method, sent.path, headers, body, answer.status, asked=sent.body)
        except ClientError:
            return HttpMessage("answer", sent.method, sent.path, asked=sent.body)


def _to_response(request: web.Request, got: HttpMessage) -> web.Response:
    if not got.status:
        request.protocol.force_close()
        return web.Response()
    return web.Response(status=got.status, body=got.body, headers=got.headers)


def _kept(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in headers if name.lower() not in _PER_HOP)


class TamperedWorlds:
    """Worlds with a mutant in them; with none, everything passes through untouched."""

    def __init__(self, worlds: Worlds, mutant: Mutant | None) -> None:
        self._worlds = worlds
        self._mutant = mutant
        self._tamperings: list[Tampering] = []

    @property
    def has_struck(self) -> bool:
        """Whether the mutant changed a message in any world."""
        return any(each.has_struck for each in self._tamperings)

    @asynccontextmanager
    async def open(self, seed: int | None = None, start: datetime | None = None) -> AsyncIterator[World]:
        """Return both parties behind their proxies."""
        async with AsyncExitStack() as stack:
            world = await stack.enter_async_context(self._worlds.open(seed, start))
            session = ClientSession(cookie_jar=DummyCookieJar(), skip_auto_headers={"Accept-Encoding", "User-Agent"})
            await stack.enter_async_context(session)

            async def proxied(party: str, url: str) -> HttpApi:
                proxy = Proxy(session, url, self._tamper(party))
                return HttpApi(session, await stack.enter_async_context(serving(proxy.app())))

            servicenow, console = world.servicenow, world.console
            yield replace(
                world,
                servicenow=servicenow.at(await proxied("servicenow", servicenow.url)),
                console=console.at(await proxied("console", console.url)),
                consoles=[],
                instances=[],
            )

    def _tamper(self, party: str) -> Tamper:
        if self._mutant is None or self._mutant.touches.at != party:
            return untouched
        tampering = Tampering(self._mutant)
        self._tamperings.append(tampering)
        return tampering


Fate = Literal["noticed", "survived", "never struck"]


@dataclass(frozen=True, slots=True)
class MutantVerdict:
    """The fate of a mutant.

    Attributes:
        has_struck: whether it changed a message in any scenario.
        failure: of the first scenario that failed; None where none did.
    """

    mutant: Mutant
    has_struck: bool
    failure: Failure | None = None

    @property
    def fate(self) -> Fate:
        """Whether a scenario noticed it, none did, or none did what it breaks."""
        if self.failure:
            return "noticed"
        return "survived" if self.has_struck else "never struck"


@dataclass(frozen=True, slots=True)
class MutantTrials:
    """Plays scenarios between proxies, with a mutant in them or without; can be sent to another process."""

    scenarios: Sequence[Scenario]
    seed: int
    mock: MockOptions

    def failure_without_mutant(self, scenario: Scenario) -> str:
        """Return why the scenario fails though nothing is broken; empty when it holds."""
        ended = self._play(scenario, TamperedWorlds(WorldBuilder(self.seed, mock=self.mock), None))
        return ended.failure.message if ended.failure else ""

    def verdict(self, mutant: Mutant) -> MutantVerdict:
        """Play scenarios against the mutant until one fails, those that are expected to notice it first."""
        worlds = TamperedWorlds(WorldBuilder(self.seed, mock=self.mock), mutant)
        for scenario in sorted(self.scenarios, key=lambda each: Path(each.file).stem != mutant.noticed_by):
            ended = self._play(scenario, worlds)
            if ended.failure:
                return MutantVerdict(mutant, worlds.has_struck, ended.failure)
        return MutantVerdict(mutant, worlds.has_struck)

    @staticmethod
    def _play(scenario: Scenario, worlds: TamperedWorlds) -> ScenarioEnded:
        return interrupts.run(Engine(vocabulary(), worlds, [], RealClock()).play(scenario))
