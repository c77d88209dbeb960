"""Measures how long another caller waits during an attack, and how much memory the server takes."""

import asyncio
import multiprocessing
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from benchmarks.hostile.attack import LONGEST, Attack
from benchmarks.servers import Client, Server


@dataclass(slots=True)
class Seen:
    """The worst that an attack did: the longest wait of another caller in milliseconds, the memory over idle in MiB."""

    waited: float = 0
    memory: float = 0


def watched(server: Server, asked: str, attack: Attack) -> Seen:
    """Run the attack in a process of its own and return what was seen meanwhile."""
    client, seen = server.connect(), Seen()
    for _ in range(50):
        wait_of(client, asked)
    idle = server.resident
    ended = threading.Event()
    sampler = threading.Thread(target=sample, args=(server, seen, idle, ended))
    attacker = multiprocessing.get_context("fork").Process(target=run, args=(attack,))
    sampler.start()
    attacker.start()
    until = time.monotonic() + LONGEST + 5
    while attacker.is_alive() and time.monotonic() < until:
        seen.waited = max(seen.waited, wait_of(client, asked))
        time.sleep(0.002)
    attacker.kill()
    ended.set()
    sampler.join()
    return seen


def wait_of(client: Client, asked: str) -> float:
    """Return how many milliseconds any answer takes."""
    began = time.perf_counter()
    client.send("GET", asked).read()
    return (time.perf_counter() - began) * 1000


def sample(server: Server, seen: Seen, idle: float, ended: threading.Event) -> None:
    """Keep the largest memory of the server over its memory when idle."""
    while not ended.wait(0.02):
        seen.memory = max(seen.memory, server.resident - idle)


def run(attack: Attack) -> None:
    """Attack until the server has answered or time is up."""

    async def bounded() -> None:
        await asyncio.wait_for(attack(), LONGEST)

    with suppress(TimeoutError):
        asyncio.run(bounded())
