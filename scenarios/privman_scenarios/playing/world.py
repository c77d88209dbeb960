"""The two parties that a scenario is played on, and the findings in their journals."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

from privman_core.client_settings import PATIENCE
from privman_core.clock import Clock
from privman_core.exchange import path_of
from privman_scenarios.errors import ExpectationError
from privman_scenarios.language.vocabulary import Need
from privman_scenarios.output import mask
from privman_scenarios.playing.control_plane import Journal
from privman_scenarios.playing.http_api import PartyCall, finished
from privman_scenarios.playing.merged_journals import in_order
from privman_scenarios.playing.party import ConsoleParty, Party
from privman_scenarios.playing.party_answer import PartyAnswer
from privman_scenarios.playing.reaching import Registration
from privman_scenarios.playing.servicenow import KnownUsers, ServiceNowParty

Activity = tuple[int, ...]
"""How many calls the harness has made, and the number of each party's last exchange."""
Numbers = Mapping[str, int]
"""By party, the number of an exchange in its journal."""
SHOWN_EXCHANGES = 6
# So many of each party are put in order: the other party's part of an early one might be missing.
_MERGED_EXCHANGES = 50
_P = TypeVar("_P", bound=Party)


@dataclass(slots=True)
class World:
    """Both parties.

    Attributes:
        virtual: whether the time of both is virtual.
        patience: for how many seconds an expectation is looked at again, once a second, where it is not.
        quiet_time: for how many seconds since the last step that acted what must not happen is watched there.
        clock: the virtual one that they share in this process; None where each has its own.
        lacking: what they do not offer, with the reason.
        registration: of a console without a control plane; None for any other.
        start_console: starts another console in its first state; None where "a second console" is lacking.
        start_instance: the same of an instance; None where "a second instance" is lacking.
        unawaited: what a test is to wait for and has not, or not to the end, each in words.
        consoles: every console, in the order in which they were started; `console` is the one that is spoken to.
        instances: the same of ServiceNow.
        begun: the newest exchanges when the set-up was over; none before that, or where they are forgotten.
    """

    servicenow: ServiceNowParty
    console: ConsoleParty
    virtual: bool = True
    patience: int = PATIENCE
    quiet_time: int = PATIENCE
    clock: Clock | None = None
    lacking: Mapping[Need, str] = field(default_factory=dict)
    registration: Registration | None = None
    start_console: Callable[[], Awaitable[ConsoleParty]] | None = None
    start_instance: Callable[[], Awaitable[ServiceNowParty]] | None = None
    unawaited: dict[object, str] = field(default_factory=dict)
    consoles: list[ConsoleParty] = field(default_factory=list)
    instances: list[ServiceNowParty] = field(default_factory=list)
    _known: dict[str, list[KnownUsers]] = field(default_factory=dict)
    begun: Numbers = field(default_factory=dict)
    _calls: int = 0
    _is_counted: bool = True
    _earlier: list[dict[str, Journal]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.consoles = self.consoles or [self.console]
        self.instances = self.instances or [self.servicenow]

    @property
    def parties(self) -> dict[str, ServiceNowParty | ConsoleParty]:
        """Both parties by their names; further instances and consoles are numbered."""
        return {**_numbered("servicenow", self.instances), **_numbered("console", self.consoles)}

    def name_of(self, party: Party) -> str:
        """Return the name of a party among `parties`."""
        return next(name for name, each in self.parties.items() if each is party)

    async def another_console(self) -> ConsoleParty:
        """Start another console in its first state; raises ExpectationError where none can be started."""
        if self.start_console is None:
            raise ExpectationError("a second console", self.lacking["a second console"])
        self.consoles.append(await self.start_console())
        return self.consoles[-1]

    async def another_instance(self) -> ServiceNowParty:
        """Start another instance in its first state; raises ExpectationError where none can be started."""
        if self.start_instance is None:
            raise ExpectationError("a second instance", self.lacking["a second instance"])
        self.instances.append(await self.start_instance())
        return self.instances[-1]

    async def reset(self) -> None:
        """Bring every party back to its state at start; raises ExpectationError where one has no control plane."""
        await self.settle()  # so that nothing of before is sent to a party that has been reset
        for console in self.consoles:
            await console.control.reset()
        for instance in self.instances:  # last, as what they do from the start on is on the clock that all share
            await instance.control.reset()
            instance.forget()
        for party in self.parties.values():
            for name in await party.control.snapshots():
                await party.control.delete_snapshot(name)
        self.unawaited.clear()
        self.begun = {}

    async def activity(self) -> Activity:
        """Return what differs once anything has used a party; this call does not count."""
        for party in self.parties.values():
            if self._count not in party.api.listeners:
                party.api.listeners.append(self._count)
        calls = self._calls
        numbers = [await party.control.newest_number() for party in self.parties.values()]
        self._calls = calls
        return calls, *numbers

    def _count(self, _call: PartyCall) -> None:
        self._calls += 1

    async def take_snapshot(self, name: str) -> None:
        """Keep the state of every party under a name, or of none; raises ExpectationError where one refuses."""
        await self.settle()  # so that nothing is on its way between two of them
        taken: list[Party] = []
        try:
            for party in self.parties.values():
                await party.control.take_snapshot(name)
                taken.append(party)
        except ExpectationError:
            for each in taken:
                await each.control.delete_snapshot(name)
            raise
        self._known[name] = [instance.known_users() for instance in self.instances]

    async def restore_snapshot(self, name: str) -> None:
        """Return every party to a snapshot, its time included; raises ExpectationError, as where there is none."""
        await self.settle()
        for instance in self.instances:  # first, as a console sends at once what it could not send before
            await instance.control.restore_snapshot(name)
        for console in self.consoles:
            await console.control.restore_snapshot(name)
        for instance, known in zip(self.instances, self._known[name], strict=True):
            instance.know_users(known)
        self.unawaited.clear()
        self.begun = {}

    async def set_up(self, options: Mapping[str, Any]) -> PartyAnswer:
        """Run the documented set-up on the console; its default user is ServiceNow's integration user."""
        user, password = await self.servicenow.console_login(options.get("servicenow_user", ""))
        defaults = {"servicenow_url": self.servicenow.url}
        credentials = {"servicenow_user": user, "servicenow_password": password}
        return await finished(self.console.set_up({**defaults, **options, **credentials}))

    async def settle(self) -> None:
        """Wait until everything that is under way has been sent and answered; at once where time is real."""
        if self.clock is not None:
            await self.clock.advance(0)
        elif self.virtual:
            await self.console.control.advance(0)
            await self.servicenow.control.advance(0)

    async def advance(self, seconds: float) -> None:
        """Let virtual time jump, for both parties."""
        if self.clock is None:
            await self._advance_both(seconds)
        else:
            await self.servicenow.control.advance(seconds)

    async def advance_until_due(self, least: float, most: float) -> float:
        """Let virtual time jump to where something falls due, and no further than ``most``; returns how far.

        Args:
            least: seconds to jump in any case, so that what falls due all the time costs no more.
            most: seconds.
        """
        due = min([await party.control.quiet_for() for party in (self.console, self.servicenow)])
        seconds = min(most, max(least, due))
        await self.advance(seconds)
        return seconds

    async def _advance_both(self, seconds: float) -> None:
        """Let two clocks go from deadline to deadline together.

        Whoever has something to send by then goes last, and so finds the other one at the same time.
        """
        while True:
            quiet = {control: await control.quiet_for() for control in (self.console.control, self.servicenow.control)}
            jump = min(seconds, *quiet.values())
            for control in sorted(quiet, key=quiet.__getitem__, reverse=True):
                await control.advance(jump)
            seconds -= jump
            if seconds <= 0:
                return

    async def journals(self) -> dict[str, Journal]:
        """Return every exchange, by party; none of a party that keeps no journal."""
        return {name: await party.control.journal() for name, party in self.parties.items() if party.has_control}

    async def keep_journals(self) -> None:
        """Keep every exchange until now for `all_journals`; the journals may be emptied."""
        self._earlier.append(await self.journals())

    async def all_journals(self) -> dict[str, Journal]:
        """Return every exchange, by party, those that `keep_journals` has kept first."""
        last = await self.journals()
        return {
            name: [*chain.from_iterable(each.get(name, []) for each in self._earlier), *journal]
            for name, journal in last.items()
        }

    async def numbers(self) -> Numbers:
        """Return the number of each journal's newest exchange; nothing once one could not be read, and ever after."""
        parties = self.parties if self._is_counted else {}
        try:
            return {name: await party.control.newest_number() for name, party in parties.items() if party.has_control}
        except ExpectationError:
            self._is_counted = False
            return {}

    async def last_exchanges(self) -> list[str]:
        """Return the last exchanges of both parties in one order, for people, secrets masked.

        Those of the set-up are left out, unless there are no later ones.
        """
        servicenow, console = await _last_exchanges(self.servicenow), await _last_exchanges(self.console)
        later = [
            _later(journal, self.begun.get(self.name_of(party), 0))
            for party, journal in ((self.servicenow, servicenow), (self.console, console))
        ]
        if any(later):
            servicenow, console = later
        without = {"servicenow": self.servicenow, "console": self.console}
        seen = [
            f"{name}: {answer}" for name, each in without.items() if not each.has_control for answer in each.api.recent
        ]
        merged = [_exchange_line(name, exchange) for name, exchange in in_order(servicenow, console)]
        return [*seen, *merged[-SHOWN_EXCHANGES:]]


def _numbered(name: str, parties: Sequence[_P]) -> dict[str, _P]:
    return {name if number == 1 else f"{name} {number}": party for number, party in enumerate(parties, start=1)}


async def _last_exchanges(party: ServiceNowParty | ConsoleParty) -> Journal:
    return await party.control.last_exchanges(_MERGED_EXCHANGES) if party.has_control else []


def _later(journal: Journal, number: int) -> Journal:
    return [exchange for exchange in journal if exchange["number"] > number]


def _exchange_line(name: str, exchange: Mapping[str, Any]) -> str:
    arrow = "received" if exchange["direction"] == "in" else "sent"
    head = f"{name} {arrow} #{exchange['number']} {exchange['method']} {exchange['url']}"
    asked, answered = exchange["request"]["body"], exchange["response"]["body"]
    outcome = exchange["status"] or exchange["error"]
    return mask(f"{head}\n  > {asked or '(no body)'}\n  < {outcome} {answered or '(no body)'}")


Answered = tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class PartyFinding:
    """One finding.

    Attributes:
        exchange: number of the exchange in the party's journal.
        kind: ``violation`` of a contract, or ``swallowed``.
        where: the place in the message.
        evidence: how well the broken part of a contract is known.
        asked: method and path of the exchange, where they are known.
    """

    party: str
    exchange: int
    kind: str
    rule: str
    message: str
    where: str
    evidence: str = ""
    asked: str = field(default="", compare=False)

    @classmethod
    def of(cls, party: str, each: Mapping[str, Any], asked: str = "") -> "PartyFinding":
        """Return a finding as the party's control plane prints it."""
        kind, rule, message, where = (each[key] for key in ("kind", "rule", "message", "where"))
        return cls(party, each["exchange"], kind, rule, message, where, each.get("evidence", ""), asked)

    def __str__(self) -> str:
        known = f" (evidence {self.evidence})" if self.evidence else ""
        return mask(f"{self.party} #{self.exchange}: {self.rule}: {self.message}{known}")


async def find_all(world: World) -> list[PartyFinding]:
    """Return the findings of both parties, but for what an armed fault answered: that was meant to be wrong."""
    controls = {name: party.control for name, party in world.parties.items() if party.has_control}
    findings = [(name, each) for name, control in controls.items() for each in await control.findings()]
    if not findings:
        return []
    journals = await world.journals()
    meant = _meant(journals)
    asked = {
        (name, each["number"]): f"{each['method']} {path_of(each['url'])}"
        for name, journal in journals.items()
        for each in journal
    }
    places = [((name, each["exchange"]), each) for name, each in findings]
    return [PartyFinding.of(at[0], each, asked.get(at, "")) for at, each in places if at not in meant]


def _meant(journals: Mapping[str, Journal]) -> set[tuple[str, int]]:
    """Return the exchanges that a fault answered, as both parties count them."""
    faulty = {_answered(exchange) for journal in journals.values() for exchange in journal if exchange["fault"]}
    return {
        (party, exchange["number"]) for party, journal in journals.items() for exchange in _touched(journal, faulty)
    }


def _touched(journal: Journal, faulty: set[Answered]) -> Iterable[dict[str, Any]]:
    return (exchange for exchange in journal if exchange["fault"] or _answered(exchange) in faulty)


def _answered(exchange: Mapping[str, Any]) -> Answered:
    path = path_of(exchange["url"])
    return exchange["method"], path, exchange["status"], exchange["response"]["body"]
