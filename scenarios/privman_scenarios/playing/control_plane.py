"""The ``/__admin`` of a fake."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any, Literal
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from privman_scenarios.playing.http_api import HttpApi
from privman_scenarios.playing.party_answer import (
    CONTROL_PLANE,
    PartyAnswer,
    Shape,
    header_pairs,
    moment,
    moment_or_null,
)

Journal = list[dict[str, Any]]
_MESSAGE: Shape = {"headers": header_pairs, "body": str}
_SHAPES: Mapping[str, Shape] = {
    "requests": {
        "number": int,
        "at": moment,
        "direction": str,
        "method": str,
        "url": str,
        "request": _MESSAGE,
        "status": int,
        "response": _MESSAGE,
        "error": str,
        "fault": str,
    },
    "findings": {"exchange": int, "kind": str, "rule": str, "message": str, "where": str, "evidence?": str},
}
_CLOCK: Shape = {"now": moment, "next": moment_or_null}
_PAGE = 1_000
Wiped = Literal["requests", "faults"]
_WIPES: Mapping[tuple[str, str], tuple[Wiped, ...]] = {
    ("DELETE", f"{CONTROL_PLANE}/requests"): ("requests",),
    ("DELETE", f"{CONTROL_PLANE}/faults"): ("faults",),
    ("POST", f"{CONTROL_PLANE}/reset"): ("requests", "faults"),
}


_RESTORING = re.compile(rf"{CONTROL_PLANE}/snapshots/[^/]+/restore")


def _wiped_by(method: str, path: str) -> tuple[Wiped, ...]:
    return ("requests", "faults") if _RESTORING.fullmatch(path) else _WIPES.get((method, path), ())


class WipeWatch:
    """Stands before a party of this process, and lets what must be remembered be read before anybody wipes it.

    Args:
        newest: returns the number of the party's newest exchange.

    Attributes:
        listeners: called with ``requests`` or ``faults`` before these are wiped, whoever does it.
    """

    def __init__(self, newest: Callable[[], int]) -> None:
        self.newest = newest
        self.listeners: list[Callable[[Wiped], Awaitable[None]]] = []

    @property
    def middleware(self) -> Middleware:
        """The middleware to put before all others of the party."""

        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            for what in _wiped_by(request.method, request.path):
                for listener in self.listeners:
                    await listener(what)
            return await handler(request)

        return watch


@dataclass(frozen=True, slots=True)
class IdleFault:
    """An armed fault that has struck no request, or fewer than it is to strike.

    Attributes:
        left: how many more it is to strike; None where any number will do.
    """

    struck: int
    left: int | None

    @property
    def done(self) -> str:
        """The requests that it has struck, for people."""
        return f"{self.struck} of {self.struck + self.left} requests" if self.struck and self.left else "no request"

    @property
    def wanted(self) -> str:
        """The requests that are missing, for people."""
        number = self.left or 1
        more = " more" if self.struck else ""
        return f"{'at least ' if self.left is None else ''}{number}{more} request{'' if number == 1 else 's'}"


class ControlPlane:
    """Journal, findings, faults, clock and reset of one party; every call raises ExpectationError when refused.

    Attributes:
        before_forgetting: given the journal each time before it is emptied.
        watch: over who wipes it; None where the party runs elsewhere.
    """

    def __init__(self, api: HttpApi, watch: WipeWatch | None = None) -> None:
        self._api = api
        self.watch = watch
        self.before_forgetting: list[Callable[[Journal], None]] = []

    async def journal(self) -> Journal:
        """Return every exchange in order, secrets masked."""
        return await self._all("requests")

    async def last_exchanges(self, most: int) -> Journal:
        """Return so many of the newest exchanges, in order."""
        answer = await self.read(f"/requests?last={most}", {"requests": [_SHAPES["requests"]]})
        exchanges: Journal = answer["requests"]
        return exchanges

    async def newest_number(self) -> int:
        """Return the number of the newest exchange; 0 for none."""
        if self.watch:
            return self.watch.newest()
        return next((each["number"] for each in await self.last_exchanges(1)), 0)

    async def forget_journal(self) -> None:
        """Empty the journal, findings included; the next exchange is number 1."""
        if self.before_forgetting:
            journal = await self.journal()
            for note in self.before_forgetting:
                note(journal)
        await self.call("DELETE", "/requests")

    async def findings(self) -> list[dict[str, Any]]:
        """Return what was swallowed and which contracts were broken."""
        return await self._all("findings")

    async def arm(self, fault: Mapping[str, Any]) -> int:
        """Arm a fault and return its number."""
        number: int = (await self.ask("POST", "/faults", fault)).read({"number": int})["number"]
        return number

    async def idle_faults(self) -> dict[int, IdleFault]:
        """Return the armed faults that have struck no request, or fewer than they are to strike, by number."""
        shape = {"faults": [{"number": int, "struck": int, "times": int | None}]}
        armed = await self.read("/faults", shape)
        idle = (each for each in armed["faults"] if not each["struck"] or each["times"] is not None)
        return {each["number"]: IdleFault(each["struck"], each["times"]) for each in idle}

    async def clear_faults(self) -> None:
        """Disarm every fault."""
        await self.call("DELETE", "/faults")

    async def now(self) -> str:
        """Return the time on the party's clock, in ISO 8601."""
        now: str = (await self.read("/clock", _CLOCK))["now"]
        return now

    async def quiet_for(self) -> float:
        """Return how many seconds of virtual time pass until something falls due; infinity when nothing does."""
        clock = await self.read("/clock", _CLOCK)
        if clock["next"] is None:
            return inf
        return (datetime.fromisoformat(clock["next"]) - datetime.fromisoformat(clock["now"])).total_seconds()

    async def advance(self, seconds: float) -> None:
        """Let virtual time jump; returns when everything that fell due has been answered."""
        await self.call("POST", "/clock/advance", {"seconds": seconds})

    async def take_snapshot(self, name: str) -> None:
        """Keep the party's stored state under a name."""
        await self.call("POST", "/snapshots", {"name": name})

    async def restore_snapshot(self, name: str) -> None:
        """Return to a snapshot: journal and faults are empty then."""
        await self.call("POST", f"/snapshots/{quote(name, safe='')}/restore")

    async def delete_snapshot(self, name: str) -> None:
        """Forget a snapshot."""
        await self.call("DELETE", f"/snapshots/{quote(name, safe='')}")

    async def snapshots(self) -> list[str]:
        """Return the names of all snapshots."""
        return [each["name"] for each in (await self.read("/snapshots", {"snapshots": [{"name": str}]}))["snapshots"]]

    async def reset(self) -> None:
        """Bring the party back to its state at start."""
        await self.call("POST", "/reset")

    async def clear(self) -> None:
        """Forget journal and faults, and keep everything else."""
        await self.forget_journal()
        await self.clear_faults()

    async def _all(self, name: str) -> list[dict[str, Any]]:
        """Return a list that is read page by page."""
        items: list[dict[str, Any]] = []
        after, following = -1, 0
        while following > after:
            after = following
            shape = {name: [_SHAPES[name]], "next?": int | None}
            page = await self.read(f"/{name}?after={after}&limit={_PAGE}", shape)
            items += page[name]
            following = page.get("next") or 0
        return items

    async def read(self, path: str, shape: Shape) -> Any:  # noqa: ANN401 - JSON of that shape
        """Return what a GET is answered; raises ExpectationError where that has another shape."""
        return (await self.ask("GET", path)).read(shape)

    async def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON holds anything
        """Return the answer's JSON."""
        answer = await self.ask(method, path, body)
        answer.raise_if_refused(f"{method} {CONTROL_PLANE}{path} to be answered")
        return answer.json

    async def ask(self, method: str, path: str, body: object = None) -> PartyAnswer:
        """Return the answer, refused or not."""
        token = self._api.admin_token.value
        header_pairs = {"X-Admin-Token": token} if token else None
        return await self._api.send_unchecked(method, f"{CONTROL_PLANE}{path}", body, headers=header_pairs)
