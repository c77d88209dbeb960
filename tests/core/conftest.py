"""A ten-line party: an echo, with everything of privman_core around it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import current_thread, main_thread
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar, web

from privman_core.bodies import receive
from privman_core.clock import Clock, Due, RealClock
from privman_core.cockpit.approval_facts import ApprovalState, DeliveryState, RequestDetail
from privman_core.cockpit.cockpit import Cockpit, CockpitKeys
from privman_core.cockpit.contract_comparison import ContractComparison
from privman_core.cockpit.exchange_facts import ExchangeToSave
from privman_core.cockpit.product import Explanation
from privman_core.cockpit.recipes import Recipe
from privman_core.exchange import Exchange
from privman_core.fault_kinds import GENERIC
from privman_core.findings import Finding
from privman_core.ids import Ids
from privman_core.instruments import Instruments
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.snapshots import StateCopy, States, require_room
from privman_core.virtual_clock import VirtualClock
from tests.own_network import is_allowed

from .cockpit_browser import Browser

# They call from another address: containers often refuse the network that this takes.
collect_ignore = [] if is_allowed() else ["test_other_machines.py"]

TOKEN = "a-token-for-the-control-plane"


def judge(exchange: Exchange) -> Iterable[Finding]:
    """Find fault with every body that says so."""
    if b"wrong" in exchange.request_body:
        yield Finding("violation", "wrong-body", "body is 'wrong'; expected anything else", "$")


class EchoProduct:
    """What the echo knows: the other party's name, and that only POST has a contract."""

    name = "Echo"
    way_to_other = "Start another echo."

    def explain(self, exchange: Exchange) -> Explanation:
        """Name the other party and the contract."""
        party = "Caller" if exchange.direction == "in" else "Callee"
        return Explanation(party, "Post" if exchange.method == "POST" else "")

    def scenario(self, title: str, exchanges: Sequence[ExchangeToSave]) -> str:
        """Write what was asked, a line each, and a last one if others are served meanwhile."""
        lines = [title, *(f"{each.method} {each.target} {each.status}" for each in exchanges)]
        if current_thread() is not main_thread():
            lines.append("# others are served")
        return "\n".join(lines)

    def compare(self, _exchange: Exchange, _printed: dict[str, Any]) -> ContractComparison:
        """Know no contract's parts."""
        return ContractComparison()

    async def approvals(self, _most: int) -> list[ApprovalState]:
        """Know no approval requests."""
        return []

    async def deliveries(self, _most: int) -> list[DeliveryState]:
        """Know no deliveries."""
        return []

    async def due(self, _most: int) -> list[Due]:
        """Know of nothing that falls due."""
        return []

    def recipes(self) -> list[Recipe]:
        """Know a single one."""
        return [Recipe("down", "The echo is down", "Strikes all.", {"kind": "reset"}, {"from": "now", "for": "2 h"})]

    async def request(self, _request_id: str) -> RequestDetail | None:
        """Know no approval request."""
        return None

    async def other_urls(self) -> list[str]:
        """Know no other party."""
        return []


@dataclass
class Party:
    """An app that echoes what it is sent, and a client of it.

    Attributes:
        gate: changes of its state wait until it is set.
        changes: those that have begun and ended.
    """

    clock: Clock = field(default_factory=VirtualClock)
    kept: tuple[int, int] = (5, 40_000)
    url: str = ""
    token: str = ""
    resets: int = 0
    handled: int = 0
    stored: int = 1_000_000
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    changes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()
        self.secrets = Secrets()
        self.journal = Journal(self.clock, self.secrets, judge, kept_exchanges=self.kept[0], kept_bytes=self.kept[1])
        self.instruments = Instruments(
            clock=self.clock,
            ids=Ids(1),
            secrets=self.secrets,
            journal=self.journal,
            kinds=GENERIC,
            user_agent="echo/1.0",
            log=logging.getLogger("echo"),
        )
        self.faults, self.caller = self.instruments.faults, self.instruments.caller

    @property
    def states(self) -> States:
        """What it has stored, a number that is its size."""
        return States(self._resetting, self._copy, self._restoring)

    async def _copy(self, most_bytes: int) -> StateCopy:
        await self._change("copy")
        require_room(self.stored, most_bytes)
        return StateCopy(self.stored, self.stored)

    @asynccontextmanager
    async def _restoring(self, copy: StateCopy) -> AsyncIterator[None]:
        await self._change("return")
        yield
        self.stored = copy.value

    @asynccontextmanager
    async def _resetting(self) -> AsyncIterator[None]:
        await self._change("reset")
        self.resets += 1
        yield

    async def _change(self, name: str) -> None:
        self.changes.append(f"{name} begins")
        await self.gate.wait()
        self.changes.append(f"{name} ends")

    async def echo(self, request: web.Request) -> web.Response:
        """Answer what was sent; the echo cannot handle the body ``bug``, and ``half`` only by half."""
        self.handled += 1
        body = (await receive(request)).read()
        if body == b"half":
            answer = web.StreamResponse(headers={"Content-Length": "4"})
            await answer.prepare(request)
            await answer.write(b"ha")
            raise RuntimeError("the echo is broken")
        if body == b"bug":
            raise RuntimeError("the echo is broken")
        return web.Response(body=body, headers={"Set-Cookie": "session=hidden"})

    def app(self) -> web.Application:
        """Return the application."""
        app = self.instruments.app(self.states, self.token, pages=frozenset())
        keys = CockpitKeys.draw(EchoProduct.name, self.token, Ids(1))
        Cockpit(EchoProduct(), self.instruments, keys).add_to(app)
        app.add_routes([web.route("*", "/{path:.*}", self.echo)])
        return app

    async def call(self, method: str, path: str, **arguments: Any) -> tuple[int, Any]:
        """Send a request and return status and JSON, or text that is no JSON."""
        async with ClientSession() as session, session.request(method, self.url + path, **arguments) as answer:
            return answer.status, await _read(answer)


async def _read(answer: ClientResponse) -> object:
    return await (answer.json() if answer.content_type == "application/json" else answer.text(errors="replace"))


async def _serve(party: Party) -> AsyncIterator[Party]:
    runner = web.AppRunner(party.app(), handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    party.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield party
    await party.caller.aclose()
    await party.clock.aclose()
    await runner.cleanup()


@pytest.fixture
async def party() -> AsyncIterator[Party]:
    """Serve the echo in virtual time."""
    async for served in _serve(Party()):
        yield served


@pytest.fixture
async def guarded_party() -> AsyncIterator[Party]:
    """Serve the echo with a token for its control plane."""
    async for served in _serve(Party(token=TOKEN)):
        yield served


@pytest.fixture
async def real_party() -> AsyncIterator[Party]:
    """Serve the echo in real time."""
    async for served in _serve(Party(RealClock())):
        yield served


@pytest.fixture
async def roomy_party() -> AsyncIterator[Party]:
    """Serve the echo with a journal that keeps a hundred exchanges."""
    async for served in _serve(Party(kept=(100, 40_000_000))):
        yield served


@pytest.fixture
async def http() -> Any:
    """Open a client that keeps cookies of plain addresses."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        yield session


@pytest.fixture
def browser(party: Party, http: ClientSession) -> Browser:
    """Look at the echo."""
    return Browser(party, http)
