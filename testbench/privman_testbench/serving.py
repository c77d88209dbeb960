"""Serving an application at an address."""

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from privman_testbench.command_line import UsageError

# Long enough for an application to say itself that an address is too long.
LONGEST_LINE = 64 * 1024


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve until the body ends and give the origin, such as ``http://127.0.0.1:8080``; port 0 takes a free one.

    Raises UsageError when nobody can listen there.
    """
    # A handler whose client has gone is cancelled, so that a slow answer that nobody waits for does not hold the clock.
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=0, max_line_size=LONGEST_LINE
    )
    await runner.setup()
    try:
        await _listen(web.TCPSite(runner, host, port, ssl_context=tls), host, port)
        scheme = "http" if tls is None else "https"
        named = f"[{host}]" if ":" in host else host
        yield f"{scheme}://{named}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def until_stopped() -> None:
    """Wait for SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, stopped.set)
    await stopped.wait()


async def _listen(site: web.TCPSite, host: str, port: int) -> None:
    try:
        await site.start()
    except OSError as error:
        reason = (error.strerror or str(error)).rpartition(": ")[2]
        raise UsageError(f"cannot listen on {host}:{port}: {reason}") from None
