"""``console-sim serve``: the console on a port, until it is told to stop."""

import asyncio
import signal
from argparse import Namespace

from aiohttp import web

from console_sim.app import create_app
from console_sim.settings import Settings
from console_sim.terminal import UsageError, say
from privman_testbench.clock import Clock
from privman_testbench.ids import Ids
from privman_testbench.real_clock import RealClock
from privman_testbench.virtual_clock import VirtualClock


async def serve(options: Namespace, settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM and return 0; raises UsageError when the address cannot be had."""
    clock: Clock = VirtualClock() if options.clock == "virtual" else RealClock()
    app = create_app(settings, clock=clock, ids=Ids(options.seed).fork("console"))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        url = await _listen(runner, options.host, options.port)
        told_to_stop = _told_to_stop()
        say(f"console-sim serves at {url}, its clock is {options.clock}")
        await told_to_stop.wait()
    finally:
        await clock.aclose()
        await runner.cleanup()
    return 0


async def _listen(runner: web.AppRunner, host: str, port: int) -> str:
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError as error:
        reason = (error.strerror or str(error)).rpartition(": ")[2]
        raise UsageError(f"cannot listen on {host}:{port}: {reason}") from None
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{runner.addresses[0][1]}"


def _told_to_stop() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop
