"""Faults to arm: what a party does to the next requests that fit."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from privman_core.clock import Clock, later
from privman_core.options import COMMON, Options
from privman_core.reasons import shown

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
FaultKind = Callable[["Fault", web.Request, Handler], Awaitable[web.StreamResponse]]


class FaultError(ValueError):
    """Raised for a fault that cannot be armed; the message names the key and shows its value.

    Attributes:
        key: the key, for whoever shows the message beside its field.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(slots=True)
class Fault:
    """One armed fault.

    Attributes:
        kind: what happens, by name.
        method: the method it waits for; empty for any.
        path: a glob over the path, such as ``/api/now/table/*_request``; compared in lower case.
        skip: how many fitting requests pass untouched first.
        times: how many fitting requests are touched then; None for all.
        after: seconds from arming until it begins to count.
        options: what the kind needs, such as ``status`` or ``seconds``.
        number: counts from 1 in the order of arming.
        struck: how many requests it has touched.
    """

    kind: str
    method: str = ""
    path: str = "*"
    skip: int = 0
    times: int | None = 1
    after: float = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    begins: datetime | None = None
    number: int = 0
    struck: int = 0

    def fits(self, request: web.Request) -> bool:
        """Tell whether the request is one that the fault waits for."""
        return self.method in ("", request.method) and fnmatchcase(request.path.lower(), self.path.lower())

    def to_json(self) -> dict[str, Any]:
        """Return the fault as it may be armed again, with what is left of its counts."""
        common = {
            "method": self.method,
            "path": self.path,
            "skip": self.skip,
            "times": self.times,
            "after": self.after,
        }
        return {"kind": self.kind, **common, **self.options}


class Faults:
    """The faults armed on one party, first armed first served."""

    def __init__(self, clock: Clock, kinds: Mapping[str, FaultKind], options: Options) -> None:
        self._clock = clock
        self._kinds = kinds
        self._options = options
        self._armings = 0
        self.armed: list[Fault] = []

    @property
    def kinds(self) -> dict[str, str]:
        """What can be armed: name to what it does."""
        return {name: " ".join((kind.__doc__ or "").split()) for name, kind in self._kinds.items()}

    @property
    def options(self) -> list[str]:
        """The keys that some kinds take beside the common ones."""
        return list(dict.fromkeys(key for options in self._options.values() for key in options))

    def arm(self, spec: Mapping[str, Any]) -> Fault:
        """Arm a fault given as JSON; raises FaultError with the key and the nearest valid word."""
        kind = spec.get("kind", "")
        if not isinstance(kind, str) or kind not in self._kinds:
            raise FaultError(
                "kind", f"'kind' is {shown(kind)}{_hint(str(kind), self._kinds)}; expected one of {_words(self._kinds)}"
            )
        for key, value in spec.items():
            self._check(kind, key, value)
        common = {key: value for key, value in spec.items() if key in COMMON}
        options = {key: value for key, value in spec.items() if key not in COMMON}
        fault = Fault(**common, options=options)
        fault.method = fault.method.upper()
        fault.begins = later(self._clock.now(), fault.after)
        self._armings += 1
        fault.number = self._armings
        self.armed.append(fault)
        return fault

    def clear(self) -> None:
        """Disarm everything."""
        self.armed.clear()

    def disarm(self, number: int) -> None:
        """Disarm the fault of that number; harmless if it is gone."""
        self.armed = [fault for fault in self.armed if fault.number != number]

    def take(self, request: web.Request) -> Fault | None:
        """Return the fault that touches this request, its counts taken down."""
        now = self._clock.now()
        for fault in self.armed:
            if fault.begins is not None and fault.begins <= now and fault.fits(request):
                return self._count(fault)
        return None

    async def apply(self, fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Do to the request what the fault's kind says."""
        return await self._kinds[fault.kind](fault, request, handler)

    def _count(self, fault: Fault) -> Fault | None:
        if fault.skip:
            fault.skip -= 1
            return None
        fault.struck += 1
        if fault.times is not None:
            fault.times -= 1
        if fault.times == 0:
            self.armed.remove(fault)
        return fault

    def _check(self, kind: str, key: str, value: object) -> None:
        keys = {**COMMON, **self._options.get(kind, {})}
        if key not in keys:
            message = f"unknown key {shown(key)} of a {kind!r} fault{_hint(key, keys)}; expected one of {_words(keys)}"
            raise FaultError(key, message)
        if not keys[key].holds(value):
            raise FaultError(key, f"{key!r} is {shown(value)}; expected {keys[key].expected}")


def _words(valid: Mapping[str, object]) -> str:
    return ", ".join(sorted(valid))


def _hint(word: str, valid: Mapping[str, object]) -> str:
    near = get_close_matches(word, valid, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
