"""Faults: armed by a test, they strike the next requests that match."""

import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any, Literal

from aiohttp import web
from msgspec import Struct, field
from msgspec.structs import asdict

from privman_core.clock import MOST_SECONDS, Clock, later
from privman_core.inputs import CONTROL, quoted
from privman_core.near_words import hint

_MOST_COUNT = 1_000_000_000
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(r"[0-9]{1,18}")
KEPT_SPENT = 20
"""Faults that are used up and still shown."""
_MOST_NAMED = 10  # invalid keys in one message
_WITHOUT_BODY = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


class Option(Struct, frozen=True):
    """The valid values of a fault's key.

    Attributes:
        holds: whether a value is valid.
        expected: valid values in words, for messages.
        typed: the same for people who type into a form; empty for no other words.
    """

    holds: Callable[[object], bool]
    expected: str
    typed: str = ""

    def wrong(self, value: object) -> str:
        """Return what is wrong with a value that was typed into a form; empty for a valid one."""
        return "" if self.holds(value) else f"{quoted(value)} is invalid; expected {self.typed or self.expected}"


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_SECONDS


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_COUNT


def _is_status(value: object) -> bool:
    return isinstance(value, int) and 200 <= value <= 599  # noqa: PLR2004 - the final statuses of HTTP


def _are_headers(value: object) -> bool:
    return isinstance(value, dict) and all(_is_header(name, text) for name, text in value.items())


def _is_header(name: str, text: object) -> bool:
    if not _NAME.fullmatch(name) or not isinstance(text, str) or CONTROL.search(text):
        return False
    return name.lower() != "content-length" or _LENGTH.fullmatch(text) is not None  # the web server counts with it


TEXT = Option(_is_text, "a text")
NUMBER = Option(
    _is_number,
    f"a number of seconds from 0 to {MOST_SECONDS}",
    f"a number of seconds from 0 to {MOST_SECONDS:,}",
)
COUNT = Option(_is_count, f"a whole number from 0 to {_MOST_COUNT}", f"a whole number from 0 to {_MOST_COUNT:,}")
TURNS = Option(
    lambda value: value is None or (value != 0 and _is_count(value)),
    f"a whole number from 1 to {_MOST_COUNT}, or null",
    f"a whole number from 1 to {_MOST_COUNT:,}, or nothing for all",
)
SPAN = Option(
    lambda value: _is_number(value) and value != 0,
    f"a number of seconds above 0, up to {MOST_SECONDS}",
    f"a number of seconds above 0, up to {MOST_SECONDS:,}, or nothing for no limit",
)
STATUS = Option(_is_status, "a status from 200 to 599")
HEADERS = Option(_are_headers, "an object of header texts, of digits for Content-Length")

COMMON: Mapping[str, Option] = {
    "kind": TEXT,
    "method": TEXT,
    "path": TEXT,
    "skip": COUNT,
    "times": TURNS,
    "after": NUMBER,
    "lasts": SPAN,
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WrongKey(Struct, frozen=True):
    """What is wrong with a key of a fault; ``words`` say it beside the field of a form, and ``message`` anywhere."""

    key: str
    message: str
    words: str


class FaultError(ValueError):
    """A fault is invalid; the message names each invalid key and shows its value.

    Attributes:
        errors: what is wrong, by key, so that a form can show it beside its fields.
    """

    def __init__(self, *wrong: WrongKey) -> None:
        super().__init__("; ".join(each.message for each in wrong[:_MOST_NAMED]))
        self.errors = {each.key: each.words for each in wrong[:_MOST_NAMED]}


FaultStage = Literal["waiting", "armed", "struck", "over"]
"""Of a fault: before its time, striking, used up, after its time."""


class Fault(Struct):
    """One armed fault.

    Attributes:
        kind: its name.
        method: of the requests it matches; empty for any.
        path: a glob, such as ``/api/now/table/*_request``; case-insensitive.
        skip: how many matching requests pass first.
        times: how many matching requests it strikes then; None for all, which is usual for one that lasts.
        after: seconds from arming until it starts to match.
        lasts: seconds until it stops to match; None for never.
        options: of its kind, such as ``status`` or ``seconds``.
        number: counts from 1 in order of arming.
        struck: how many requests it has struck.
        striking: how many of these are not answered yet.
    """

    kind: str
    method: str = ""
    path: str = "*"
    skip: int = 0
    times: int | None = 1
    after: float = 0
    lasts: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    begins: datetime | None = None
    ends: datetime | None = None
    number: int = 0
    struck: int = 0
    striking: int = 0

    def fits(self, request: web.Request) -> bool:
        """Return whether the fault matches the request."""
        return self.method in ("", request.method) and fnmatchcase(request.path.lower(), self.path.lower())

    def is_in_force(self, now: datetime) -> bool:
        """Return whether it has begun and not ended."""
        return self.begins is not None and self.begins <= now and (self.ends is None or now < self.ends)

    def stage(self, now: datetime) -> FaultStage:
        """Return how far it has come."""
        if self.times == 0:
            return "struck"
        if self.ends is not None and self.ends <= now:
            return "over"
        return "waiting" if self.begins is not None and now < self.begins else "armed"

    def to_json(self) -> dict[str, Any]:
        """Return the fault as JSON that arms it again, with the remaining counts."""
        common = {
            "method": self.method,
            "path": self.path,
            "skip": self.skip,
            "times": self.times,
            "after": self.after,
        }
        if self.lasts is not None:
            common["lasts"] = self.lasts
        return {"kind": self.kind, **common, **self.options}


class Strike(Struct):
    """One request that a fault strikes.

    Attributes:
        options: what the fault was armed with for its kind.
        hung_up: whether the connection was dropped.
        spared: whether the request got its true answer, because the fault cannot change such an answer.
    """

    options: Mapping[str, Any]
    request: web.Request
    clock: Clock
    handler: Handler
    hung_up: bool = False
    spared: bool = False

    async def proceed(self) -> web.StreamResponse:
        """Do what was asked and return the answer, which may be an exception of aiohttp such as that for no route."""
        try:
            return await self.handler(self.request)
        except web.HTTPException as error:
            return web.Response(status=error.status, reason=error.reason, headers=error.headers, body=error.body)

    def sends_body(self, answer: web.StreamResponse) -> bool:
        """Return whether HTTP lets the answer to this request have a body."""
        return self.request.method != "HEAD" and answer.status not in _WITHOUT_BODY

    def spare(self, answer: web.StreamResponse) -> web.StreamResponse:
        """Return an answer that the fault cannot change; the request does not count as struck."""
        self.spared = True
        return answer

    def hang_up(self, answer: web.StreamResponse) -> web.StreamResponse:
        """Drop the connection in place of the answer, or after what was sent of it."""
        self.request.protocol.force_close()
        self.hung_up = True
        return answer


Effect = Callable[[Strike], Awaitable[web.StreamResponse]]


class FaultKind(Struct, frozen=True):
    """A kind of fault: its effect, whose docstring is the help text, and the options it takes.

    Attributes:
        holds: whether it only holds the true answer back on the clock.
        spares_posts: whether it never strikes a POST.
    """

    effect: Effect
    options: Mapping[str, Option]
    holds: bool = False
    spares_posts: bool = False

    @property
    def summary(self) -> str:
        """The help text, in one line."""
        return " ".join((self.effect.__doc__ or "").split())


class DescribedKind(Struct, frozen=True):
    """A kind of fault for people; ``options`` are its keys, each with its valid values in words."""

    kind: str
    does: str
    options: dict[str, str]


class FaultKinds(dict[str, FaultKind]):
    """Kinds of faults by name."""

    @property
    def holding(self) -> frozenset[str]:
        """The kinds that only hold the true answer back."""
        return frozenset(name for name, kind in self.items() if kind.holds)

    @property
    def striking_posts(self) -> list[str]:
        """The kinds that may strike a POST."""
        return [name for name, kind in self.items() if not kind.spares_posts]

    def kind(
        self, name: str, /, *, holds: bool = False, spares_posts: bool = False, **options: Option
    ) -> Callable[[Effect], Effect]:
        """Add the decorated function as the kind of that name."""

        def add(effect: Effect) -> Effect:
            self[name] = FaultKind(effect, options, holds, spares_posts)
            return effect

        return add


class Faults:
    """The faults armed on one server, first armed first served.

    Attributes:
        known: the armed ones, and those that are used up and strike a request that is not answered yet.
        spent: the last `KEPT_SPENT` that are used up, oldest first.
        changes: how often one was armed or disarmed, or matched a request.
    """

    def __init__(self, clock: Clock, kinds: Mapping[str, FaultKind]) -> None:
        self._clock = clock
        self._kinds = kinds
        self._armings = 0
        self.known: list[Fault] = []
        self.spent: deque[Fault] = deque(maxlen=KEPT_SPENT)
        self.changes = 0

    @property
    def armed(self) -> list[Fault]:
        """The faults that may strike further requests."""
        return [fault for fault in self.known if fault.times != 0]

    @property
    def options(self) -> list[str]:
        """The option names of all kinds."""
        return list(dict.fromkeys(key for kind in self._kinds.values() for key in kind.options))

    @property
    def described(self) -> list[DescribedKind]:
        """Every kind, with what it does and its options."""
        return [DescribedKind(name, kind.summary, _expected(kind.options)) for name, kind in self._kinds.items()]

    def to_json(self) -> dict[str, object]:
        """Return what can be armed: each kind with its options, and the keys that every fault has."""
        return {"fault_kinds": [asdict(each) for each in self.described], "fault_keys": _expected(COMMON)}

    def arm(self, spec: Mapping[str, Any]) -> Fault:
        """Arm a fault given as JSON; raises FaultError with each invalid key and the nearest valid word."""
        if "kind" not in spec:
            self._refuse_unknown(spec)
        kind = spec.get("kind", "")
        if not isinstance(kind, str) or kind not in self._kinds:
            what = f"{quoted(kind)}{hint(str(kind), self._kinds)}; expected one of {_words(self._kinds)}"
            raise FaultError(WrongKey("kind", f"'kind' is {what}", f"no kind is {what}"))
        if wrong := [each for key, value in spec.items() for each in self._wrong(kind, key, value)]:
            raise FaultError(*wrong)
        common = {key: value for key, value in spec.items() if key in COMMON}
        options = {key: value for key, value in spec.items() if key not in COMMON}
        fault = Fault(**common, options=options)
        fault.method = fault.method.upper()
        fault.begins = later(self._clock.now(), fault.after)
        if fault.lasts is not None:
            fault.ends = later(fault.begins, fault.lasts)
            fault.times = spec.get("times")
        self._armings += 1
        self.changes += 1
        fault.number = self._armings
        self.known.append(fault)
        return fault

    def clear(self) -> None:
        """Disarm everything, and forget what is used up."""
        self.changes += 1
        self.known.clear()
        self.spent.clear()

    def disarm(self, number: int) -> bool:
        """Disarm the fault with that number, or forget it if it is used up; return whether there is one."""
        for faults in (self.known, self.spent):
            for fault in [fault for fault in faults if fault.number == number]:
                faults.remove(fault)
                self.changes += 1
                return True
        return False

    def take(self, request: web.Request) -> Fault | None:
        """Return the fault that strikes this request, if any, and update its counts."""
        now = self._clock.now()
        for fault in self.armed:
            if fault.is_in_force(now) and fault.fits(request):
                return self._count(fault)
        return None

    async def apply(self, fault: Fault, request: web.Request, handler: Handler) -> tuple[web.StreamResponse, Strike]:
        """Let a fault that `take` returned strike the request; return the answer and what became of it."""
        strike = Strike(fault.options, request, self._clock, handler)
        fault.striking += 1
        try:
            return await self._kinds[fault.kind].effect(strike), strike
        finally:
            fault.striking -= 1
            self._settle(fault, strike)

    def _settle(self, fault: Fault, strike: Strike) -> None:
        """Give a fault the turn back that it spared a request; disarm it after its last."""
        if strike.spared:
            fault.struck -= 1
            fault.times = None if fault.times is None else fault.times + 1
        if fault.times == 0 and not fault.striking and fault in self.known:
            self.known.remove(fault)
            self.spent.append(fault)

    def _count(self, fault: Fault) -> Fault | None:
        self.changes += 1
        if fault.skip:
            fault.skip -= 1
            return None
        fault.struck += 1
        if fault.times is not None:
            fault.times -= 1
        return fault

    def _refuse_unknown(self, spec: Mapping[str, Any]) -> None:
        """Raise FaultError for a key that no fault has, which may be a misspelt ``kind``."""
        keys = dict.fromkeys((*COMMON, *self.options), True)
        for key in spec:
            if key not in keys:
                message = f"unknown key {quoted(key)}{hint(key, keys)}; expected one of {_words(keys)}"
                raise FaultError(WrongKey(key, message, message))

    def _wrong(self, kind: str, key: str, value: object) -> Iterator[WrongKey]:
        keys = {**COMMON, **self._kinds[kind].options}
        if key not in keys:
            unknown = f"unknown key {quoted(key)} of the fault {kind!r}{hint(key, keys)}"
            message = f"{unknown}; expected one of {_words(keys)}"
            yield WrongKey(key, message, message)
        elif words := keys[key].wrong(value):
            yield WrongKey(key, f"{key!r} is {quoted(value)}; expected {keys[key].expected}", words)


def _expected(options: Mapping[str, Option]) -> dict[str, str]:
    return {name: option.expected for name, option in options.items()}


def _words(valid: Mapping[str, object]) -> str:
    return ", ".join(sorted(valid))
