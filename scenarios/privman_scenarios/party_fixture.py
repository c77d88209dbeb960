"""What the fixtures of both parties have: clock, faults, journal and findings."""

import re
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, TypeVar

from privman_contracts import PartyName
from privman_core.clock import RealClock
from privman_core.loop_thread import LoopThread
from privman_scenarios.errors import UnknownWordError
from privman_scenarios.language import checks, request_checks
from privman_scenarios.language.checks import Flaw
from privman_scenarios.language.expectation import holds_word, is_glob
from privman_scenarios.language.kinds import to_seconds
from privman_scenarios.language.model import FileTables, Own, with_tables
from privman_scenarios.playing.control_plane import ControlPlane, IdleFault, Wiped
from privman_scenarios.playing.party import Party
from privman_scenarios.playing.shared_verbs import every_rule
from privman_scenarios.playing.world import PartyFinding, World, find_all
from privman_scenarios.short_tracebacks import is_for_users

__tracebackhide__ = is_for_users
_T = TypeVar("_T")
_OF_SCENARIOS = re.compile(r"list it under 'own: (\w+)'")


class ClockFixture:
    """The clock of both parties."""

    __slots__ = ("_loop", "_party", "_world")

    def __init__(self, loop: LoopThread, world: World, party: Party) -> None:
        self._loop = loop
        self._world = world
        self._party = party

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.fromisoformat(self._loop.run(self._party.control.now()))

    def advance(self, span: float | str) -> None:
        """Let virtual time jump, by seconds or by a span such as ``16:30:00``.

        Returns when everything that fell due has been answered.

        Raises:
            ExpectationError: time is real.
            UnknownWordError: the text is no span.
        """
        self._loop.run(self._world.advance(_seconds(span)))

    def settle(self) -> None:
        """Return once what is under way has arrived, so that a test can check for what must not arrive.

        In virtual time that is at once; in real time, after the quiet time of the run.
        """
        self._loop.run(self._settle())

    async def _settle(self) -> None:
        await self._world.settle()
        if not self._world.virtual:
            await RealClock().sleep(self._world.quiet_time)

    def advance_async(self, span: float | str) -> Coroutine[Any, Any, None]:
        """As `advance`, while the caller's own loop goes on, as when the test itself serves what is called.

        To be awaited: a test that forgets it fails at its end.
        """
        jump = object()
        self._world.unawaited[jump] = f"clock.advance_async({span!r}) returned"
        return self._advance_async(jump, span)

    async def _advance_async(self, jump: object, span: float | str) -> None:
        try:
            await self._loop.wait(self._world.advance(_seconds(span)))
        except Exception:  # but no cancellation: time may not have moved
            del self._world.unawaited[jump]
            raise
        del self._world.unawaited[jump]


class FaultsFixture:
    """The faults of one party.

    Args:
        tables: those that files of the run define or change.
    """

    __slots__ = ("_armed", "_control", "_flaws", "_idle_before", "_loop", "_tables")

    def __init__(self, loop: LoopThread, control: ControlPlane, party: PartyName, tables: FileTables) -> None:
        self._loop = loop
        self._control = control
        self._flaws = request_checks.asked_path(party)
        self._tables = tables
        self._armed: dict[int, str] = {}
        self._idle_before: list[str] = []

    def arm(self, kind: str, *, own: Own = MappingProxyType({}), optional: bool = False, **options: object) -> None:
        """Arm a fault, such as ``arm("status", status=503, path="*/approve", times=2)``.

        ``after`` and ``lasts`` are seconds or spans such as ``2 minutes``.
        One that strikes nothing fails the test at its end, unless it is ``optional``.
        Raises ExpectationError; UnknownWordError for text that is no span, and for a path that nobody asks this party
        for, which ``own={"paths": [...]}`` lets pass, as in a scenario.
        """
        refuse_unknown([*self._flaws(options.get("path", "*"), {}, with_tables(own, self._tables))])
        number = self._loop.run(self._control.arm({"kind": kind, **in_seconds(options, "after", "lasts")}))
        if not optional:
            self._armed[number] = (
                f"the fault {kind!r} on {options.get('method', 'any method')} {options.get('path', '*')}"
            )

    def clear(self) -> None:
        """Disarm every fault; one that should have struck and has not fails the test at its end all the same."""
        self._loop.run(self._clear())

    async def _clear(self) -> None:
        await self.remember_idle()
        await self._control.clear_faults()

    async def remember_idle(self) -> None:
        """Remember which faults have struck nothing, before all are disarmed."""
        self._idle_before, self._armed = await self._idle_now(), {}

    def idle(self) -> list[str]:
        """Return two sentences about each fault that should have struck and has not."""
        return self._loop.run(self._idle_now())

    def reset(self) -> None:
        """Forget what was armed before."""
        self._armed, self._idle_before = {}, []

    async def _idle_now(self) -> list[str]:
        idle = await self._control.idle_faults() if self._armed else {}
        return [
            *self._idle_before,
            *(_idle(self._armed[number], idle[number]) for number in self._armed if number in idle),
        ]


def _idle(words: str, idle: IdleFault) -> str:
    return f"{words} has struck {idle.done}. Expected {idle.wanted} that it fits, or optional=True."


class PartyFixture:
    """One party.

    Args:
        tables: those that files of the run define or change.

    Attributes:
        url: its address, without a trailing slash.
        clock: moves the time of both parties.
    """

    __slots__ = (
        "_faults",
        "_found_before",
        "_loop",
        "_name",
        "_party",
        "_tables",
        "_tolerated",
        "_world",
        "clock",
        "url",
    )

    def __init__(self, loop: LoopThread, world: World, party: Party, name: PartyName, tables: FileTables) -> None:
        self._loop = loop
        self._tables = tables
        self._world = world
        self._party = party
        self._name = name
        self.url = party.url
        self.clock = ClockFixture(loop, world, party)
        self._tolerated: list[str] = []
        self._found_before: list[PartyFinding] = []
        self._faults: FaultsFixture | None = None
        watch = party.control.watch if party.has_control else None
        if watch:
            watch.listeners.append(self._remember)

    @property
    def faults(self) -> FaultsFixture:
        """The faults to arm on this party."""
        self._faults = self._faults or FaultsFixture(self._loop, self._party.control, self._name, self._tables)
        return self._faults

    def reset(self) -> None:
        """Forget what the test before has done; the party is in its state at start."""
        self._tolerated, self._found_before = [], []
        if self._faults:
            self._faults.reset()

    def idle_faults(self) -> list[str]:
        """Return two sentences about each fault that should have struck and has not."""
        return self._faults.idle() if self._faults else []

    @property
    def journal(self) -> list[dict[str, Any]]:
        """Every exchange of this party in order, secrets masked."""
        return self._loop.run(self._party.control.journal())

    def forget_journal(self) -> None:
        """Empty the journal, findings included; a contract that was broken before fails the test all the same."""
        self._found_before += self._found()
        self._loop.run(self._party.control.forget_journal())

    async def _remember(self, wiped: Wiped) -> None:
        """Remember broken contracts, or faults that struck nothing, before anybody wipes them."""
        if wiped == "requests":
            self._found_before += [each for each in await find_all(self._world) if each.party == self._name]
        elif self._faults:
            await self._faults.remember_idle()

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Findings: everything that this party swallowed, and each message that breaks its contract.

        Raises ExpectationError where there is no control plane: nobody sees what a real system swallows.
        """
        return self._loop.run(self._party.control.findings())

    def tolerate(self, rule: str, *, own: Own = MappingProxyType({})) -> None:
        """Let a test pass that breaks contracts of this rule (a glob) on purpose.

        Raises UnknownWordError for a rule that this party does not have, which ``own={"findings": ["acme-rule"]}`` lets
        pass, and for a glob that fits almost any rule; ``*`` is allowed, being plain.
        """
        if not isinstance(rule, str):
            raise UnknownWordError(f"{rule!r} names no rule. Expected text, in a call for each rule.")
        if rule != "*" and is_glob(rule) and not holds_word(rule):
            expected = "Expected a rule, a glob with a word, such as 'approval-*', or '*'."
            raise UnknownWordError(f"{rule!r} fits almost any rule. {expected}")
        is_known = checks.glob("rule of findings", lambda: every_rule(self._name), "findings")
        refuse_unknown([*is_known(rule, {}, own)])
        self._tolerated.append(rule)

    def broken_contracts(self, *, strict: bool = False) -> list[PartyFinding]:
        """Return each message that breaks its contract, except what is tolerated or answered by a fault.

        With ``strict``, also each thing that the party swallowed.
        """
        return [
            each
            for each in dict.fromkeys((*self._found_before, *self._found()))  # a wipe may have been noted twice
            if (strict or each.kind == "violation") and not self._is_tolerated(each)
        ]

    def _is_tolerated(self, finding: PartyFinding) -> bool:
        return any(fnmatchcase(finding.rule, rule) for rule in self._tolerated)

    def _found(self) -> list[PartyFinding]:
        return [each for each in self._loop.run(find_all(self._world)) if each.party == self._name]


def refuse_unknown(flaws: Sequence[Flaw]) -> None:
    """Raise UnknownWordError for the first flaw."""
    for flaw in flaws:
        raise UnknownWordError(in_python(flaw.message))


def in_python(message: str) -> str:
    """Return the message with the argument of a call in place of the key of a scenario."""
    return _OF_SCENARIOS.sub(r'pass own={"\1": [...]}', message)


def in_seconds(values: Mapping[str, object], *spans: str) -> dict[str, object]:
    """Return the values with these spans in seconds where they are text; raises UnknownWordError for other text."""
    return {**values, **{name: _seconds(values[name]) for name in spans if name in values}}


def _seconds(span: _T | str) -> _T | float:
    if not isinstance(span, str):
        return span
    try:
        return to_seconds(span)
    except ValueError as error:
        raise UnknownWordError(str(error)) from None
