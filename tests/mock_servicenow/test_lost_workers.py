"""Workers that are killed, hang or start while the server ends."""

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count, islice
from pathlib import Path

import psycopg
import pytest
from aiohttp import ClientSession
from yarl import URL

from tests.preloaded import Process

from .command import start_command, started
from .worker_processes import has_ended, open_clients, ports_of, server_of, workers_of

PREPARING = 0x6D6F636B


def _ports(client: ClientSession) -> list[tuple[int, int]]:
    """Return the ports of a client's connections, the client's first."""
    held = client.connector._conns  # type: ignore[union-attr] # noqa: SLF001 - no public name
    transports = [protocol.transport for each in held.values() for protocol, _ in each]
    return [ports_of(transport) for transport in transports if transport is not None]


def _free_descriptors(pid: int) -> Iterator[int]:
    """Yield the numbers that a process's next open files get."""
    used = {int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()}
    return (number for number in count() if number not in used)


async def _until_ended(pids: list[int]) -> None:
    async with asyncio.timeout(60):
        while not all(map(has_ended, pids)):
            await asyncio.sleep(0)


@asynccontextmanager
async def _waiting(database: str) -> AsyncIterator[Process]:
    """Start two workers that wait for another process to prepare the database, which may take long."""
    with psycopg.connect(database.replace("+psycopg", "")) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (PREPARING,))
        process = await start_command("serve", "--port", "0", "--workers", "2", "--database", database)
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while other.execute(waiting).fetchone() != (2,):
            await asyncio.sleep(0)
        yield process


@pytest.mark.long
async def test_a_lost_worker_ends_the_server(database: str) -> None:
    """The message names it; whoever started the server can start it again."""
    process = await start_command("serve", "--port", "0", "--workers", "2", "--database", database)
    await started(process)
    first, second = workers_of(process)
    os.kill(second, signal.SIGKILL)
    _, err = await process.communicate()
    lost = f"worker 2 (process {second}) was killed by SIGKILL"
    assert err.decode() == f"mock-servicenow: {lost}; the other workers have been stopped\n"
    assert process.returncode == 1
    assert has_ended(first)


@pytest.mark.long
async def test_a_lost_worker_may_have_connections_to_take(database: str) -> None:
    """They are lost with it, and its end is reported all the same."""
    process = await start_command("serve", "--port", "0", "--workers", "2", "--database", database)
    url = URL(await started(process))
    first, _ = workers_of(process)
    os.kill(first, signal.SIGSTOP)
    for _ in range(2):
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.close()
    os.kill(first, signal.SIGKILL)
    _, err = await process.communicate()
    assert (process.returncode, f"worker 1 (process {first}) was killed by SIGKILL" in err.decode()) == (1, True)


@pytest.mark.long
async def test_workers_end_with_a_killed_server(database: str) -> None:
    """Even with SIGKILL, which it cannot pass on; they keep standard output and standard error open until they end."""
    process = await start_command("serve", "--port", "0", "--workers", "2", "--database", database)
    await started(process)
    workers = workers_of(process)
    process.kill()
    assert await process.communicate() == (b"", b"")
    await _until_ended(workers)


@pytest.mark.long
async def test_workers_that_start_end_with_a_killed_server(database: str) -> None:
    """As soon as the database lets them."""
    async with _waiting(database) as process:
        workers = workers_of(process)
        process.kill()
        await process.wait()
    assert await process.communicate() == (b"", b"")
    await _until_ended(workers)


@pytest.mark.long
async def test_an_interrupt_reaches_all_processes_of_a_terminal(database: str) -> None:
    """Workers leave it to the first process to end them."""
    process = await start_command("serve", "--port", "0", "--workers", "2", "--database", database)
    await started(process)
    for pid in (*workers_of(process), process.pid):
        os.kill(pid, signal.SIGINT)
    assert await process.communicate() == (b"", b"")
    assert process.returncode == 0


@pytest.mark.long
async def test_a_start_can_be_interrupted(database: str) -> None:
    """Workers that serve nobody yet are not waited for."""
    async with _waiting(database) as process:
        workers = workers_of(process)
        process.terminate()
        _, err = await process.communicate()
    assert (process.returncode, err.decode()) == (130, "mock-servicenow: interrupted by SIGTERM\n")
    assert all(map(has_ended, workers))


@pytest.mark.long
async def test_a_worker_lost_at_the_start_ends_the_server(database: str) -> None:
    """Before there is an address to print."""
    async with _waiting(database) as process:
        first, _ = workers_of(process)
        os.kill(first, signal.SIGKILL)
        out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert f"worker 1 (process {first}) was killed by SIGKILL" in err.decode()


@pytest.mark.long
async def test_a_worker_that_takes_no_connections_holds_nobody_up(database: str) -> None:
    """The others get all connections once as many wait for it as it can have; if none takes any, all wait."""
    process = await start_command("serve", "--port", "0", "--workers", "2", "--database", database)
    url = URL(await started(process))
    stopped, other = workers_of(process)
    os.kill(stopped, signal.SIGSTOP)
    for _ in range(100):
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.close()
    async with open_clients(str(url), 4) as clients:
        connections = [ports for each in clients for ports in _ports(each)]
        assert {server_of(ports, [stopped, other]) for ports in connections} == {other}
    os.kill(other, signal.SIGSTOP)
    waiting = [await asyncio.open_connection(url.host, url.port) for _ in range(50)]
    for _, writer in waiting:
        writer.write(b"GET /api HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    os.kill(stopped, signal.SIGCONT)
    assert {await reader.readline() for reader, _ in waiting[-1:]} == {b"HTTP/1.1 404 Not Found\r\n"}
    os.kill(other, signal.SIGCONT)
    assert {await reader.readline() for reader, _ in waiting[:-1]} == {b"HTTP/1.1 404 Not Found\r\n"}
    for _, writer in waiting:
        writer.close()
    process.terminate()
    assert await process.communicate() == (b"", b"")
    assert process.returncode == 0


@pytest.mark.long
@pytest.mark.once
async def test_a_worker_that_hangs_is_killed_at_the_end(database: str) -> None:
    """Its server waits for it for a while, and then ends as always."""
    process = await start_command("serve", "--port", "0", "--workers", "2", "--database", database)
    await started(process)
    os.kill(workers_of(process)[0], signal.SIGSTOP)
    process.terminate()
    assert await process.communicate() == (b"", b"")
    assert process.returncode == 0


@pytest.mark.long
async def test_a_server_out_of_descriptors_recovers(database: str) -> None:
    """Connections that it cannot accept are dropped, and later ones are served."""
    process = await start_command("serve", "--port", "0", "--workers", "2", "--database", database)
    url = URL(await started(process))
    most = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    _, too_many = islice(_free_descriptors(process.pid), 2)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (too_many, most[1]))  # so one connection, but no copy of it
    reader, writer = await asyncio.open_connection(url.host, url.port)
    assert await reader.read() == b""
    writer.close()
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, most)
    async with open_clients(str(url)):
        process.terminate()
        await process.communicate()  # asyncio has complained, as it does in a server without workers
        assert process.returncode == 0
