"""Worlds whose parties reach each other, and are reached, only through proxies."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime

from aiohttp import ClientSession, DummyCookieJar

from privman_core.serving import serving
from privman_scenarios.engine import Worlds
from privman_scenarios.http_api import HttpApi
from privman_scenarios.mutants.mutant import Mutant
from privman_scenarios.mutants.proxy import Proxy, Tamper
from privman_scenarios.mutants.tampering import Tampering, untouched
from privman_scenarios.targets import Targets


class TamperedWorlds:
    """Worlds with a mutant in them; with none, everything passes through untouched."""

    def __init__(self, worlds: Worlds, mutant: Mutant | None) -> None:
        self._worlds = worlds
        self._mutant = mutant

    @asynccontextmanager
    async def open(self, seed: int | None = None, start: datetime | None = None) -> AsyncIterator[Targets]:
        """Return both parties behind their proxies."""
        async with AsyncExitStack() as stack:
            targets = await stack.enter_async_context(self._worlds.open(seed, start))
            session = ClientSession(cookie_jar=DummyCookieJar(), skip_auto_headers={"Accept-Encoding", "User-Agent"})
            await stack.enter_async_context(session)

            async def proxied(party: str, url: str) -> HttpApi:
                proxy = Proxy(session, url, self._tamper(party))
                return HttpApi(session, await stack.enter_async_context(serving(proxy.app())))

            servicenow, console = targets.servicenow, targets.console
            yield replace(
                targets,
                servicenow=servicenow.at(await proxied("servicenow", servicenow.url)),
                console=console.at(await proxied("console", console.url)),
                consoles=[],
            )

    def _tamper(self, party: str) -> Tamper:
        if self._mutant is None or self._mutant.touches.at != party:
            return untouched
        return Tampering(self._mutant)
