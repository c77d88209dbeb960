"""Clients of a server with several workers, and the processes behind its port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import ClientSession, DummyCookieJar, TCPConnector, encode_basic_auth

from tests.preloaded import Process

ADMIN = {"Authorization": encode_basic_auth("admin", "admin")}
INCIDENTS = "/api/now/table/incident"


@asynccontextmanager
async def open_clients(url: str, count: int = 2) -> AsyncIterator[list[ClientSession]]:
    """Give clients with one connection each, made one after the other."""
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(count):
            connector = TCPConnector(limit=1, ssl=False)
            client = ClientSession(url, connector=connector, cookie_jar=DummyCookieJar())
            clients.append(await stack.enter_async_context(client))
            async with client.get(f"{INCIDENTS}?sysparm_limit=1", headers=ADMIN) as answer:
                assert answer.status == 200
        yield clients


def workers_of(process: Process) -> list[int]:
    """Return the processes that a server has started, in that order."""
    return list(map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()))


def server_of(ports: tuple[int, int], processes: list[int]) -> int:
    """Return which process has the other end of the connection from a port to a port."""
    theirs, its = (f":{port:04X}" for port in ports)
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    [inode] = [line[9] for line in lines if (line[2][-5:], line[1][-5:]) == (theirs, its)]
    [holder] = [pid for pid in processes if f"socket:[{inode}]" in open_files(pid)]
    return holder


def ports_of(connection: asyncio.BaseTransport | asyncio.StreamWriter) -> tuple[int, int]:
    """Return the ports of this end of a connection, and of the other end."""
    return connection.get_extra_info("sockname")[1], connection.get_extra_info("peername")[1]


def open_files(pid: int) -> list[str]:
    """Return what the process has open, as Linux names it."""
    return [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]


def has_ended(pid: int) -> bool:
    """Tell whether a process is gone, or a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True
