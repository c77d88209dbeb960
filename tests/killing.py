"""Processes that are killed at any moment while clients go on."""

import asyncio
import json
import socket
import sys
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import ClientConnectionError, ClientPayloadError, ClientSession, web


@dataclass(frozen=True, slots=True)
class Figures:
    """The outcome of many kills.

    Attributes:
        counted: how much was done, by what it is.
        lost: what was acknowledged and is missing in the end, or differs.
    """

    kills: int
    counted: Mapping[str, int]
    lost: list[str]
    seconds: float


def free_ports(number: int) -> list[int]:
    """Return ports at which nobody listens now."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in taken]


class Processes:
    """Processes on one database, each always at the same port."""

    def __init__(self, http: ClientSession, command: str, database: str, ports: list[int]) -> None:
        self._http = http
        self._command = Path(sys.executable).with_name(command)
        self._database = database
        self._running: dict[int, Process] = {}
        self.ports = ports

    async def start(self, port: int) -> None:
        """Start a process and wait until it serves."""
        arguments = ("serve", "--port", str(port), "--database", self._database)
        process = self._running[port] = await create_subprocess_exec(self._command, *arguments, stdout=DEVNULL)
        while (await self.call(port, "GET", "/__admin/health"))[0] == 0:
            if process.returncode is not None:
                raise AssertionError("it does not start on its own database")
            await asyncio.sleep(0.01)

    async def kill(self, port: int) -> None:
        """Kill a process."""
        process = self._running.pop(port)
        process.kill()
        await process.wait()

    async def call(
        self, port: int, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Return status and JSON of an answer; status 0 when there was none. Raises AssertionError for a failure."""
        url = f"http://127.0.0.1:{port}{path}"
        try:
            async with self._http.request(method, url, json=body, headers=headers) as answer:
                text = await answer.text()
        except (ClientConnectionError, ClientPayloadError, TimeoutError):
            return 0, None
        if answer.status == web.HTTPInternalServerError.status_code:
            raise AssertionError(f"{method} {path} was answered with 500: {text}")
        return answer.status, json.loads(text) if text else None

    @asynccontextmanager
    async def all_running(self) -> AsyncIterator[None]:
        """Run every process until the body ends, and kill those that run then."""
        try:
            for port in self.ports:
                await self.start(port)
            yield
        finally:
            for port in tuple(self._running):
                await self.kill(port)


async def kill_now_and_then(
    processes: Processes, kills: int, random: Random, longest_life: float, busy: Iterable[Coroutine[Any, Any, None]]
) -> None:
    """Kill one of the processes that often while clients are busy; raises the error of a client that failed."""
    tasks = [asyncio.create_task(each) for each in busy]
    try:
        for _ in range(kills):
            await asyncio.sleep(random.uniform(0, longest_life))
            port = random.choice(processes.ports)
            await processes.kill(port)
            await processes.start(port)
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
