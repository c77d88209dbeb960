"""One world, the fixtures that are made of it, and what fails a test at its end."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

from privman_core.cuts import cut
from privman_core.loop_thread import LoopThread
from privman_scenarios.errors import ExpectationError, ScenariosError
from privman_scenarios.fixtures import ConsoleFixture, ServiceNowFixture, WorldFixture
from privman_scenarios.output import presentable
from privman_scenarios.party_fixture import PartyFixture
from privman_scenarios.playing.world import Activity, PartyFinding, find_all
from privman_scenarios.playing.world_builder import WorldBuilder

_WAITING = "Expected a call of '.delivered()' on each decision, and 'await' before each call in an 'async def'"
_MOST_OTHERS = 5
_LINE = 240  # of a long body or path its beginning says which it is


class FixtureSet:
    """The fixtures of one test, or of several, each of which begins clean.

    Opening it raises ScenariosError.

    Attributes:
        parties: both, nothing set up.
    """

    def __init__(self, loop: LoopThread, builder: WorldBuilder) -> None:
        self._loop = loop
        self._tables = builder.tables
        self._opened = builder.open()
        self.parties = loop.run(self._opened.__aenter__())
        self._made: dict[str, PartyFixture] = {}
        self._clean: Activity | None = None
        self._has_failed = False

    @cached_property
    def servicenow(self) -> ServiceNowFixture:
        """The instance."""
        made = self._made["servicenow"] = ServiceNowFixture(self._loop, self.parties, self._tables)
        return made

    @cached_property
    def console(self) -> ConsoleFixture:
        """The console, set up against the instance; raises ExpectationError where that fails."""
        made = ConsoleFixture(self._loop, self.parties)
        self.parties.begun = self._loop.run(self.parties.numbers())
        self._made["console"] = made
        return made

    @cached_property
    def world(self) -> WorldFixture:
        """Both."""
        return WorldFixture(self._loop, self.parties, self.servicenow, self.console)

    @property
    def why_never_clean(self) -> str:
        """Why the parties cannot be reset between tests; empty where they can."""
        kept = [party for party in self.parties.parties.values() if not party.has_control]
        return kept[0].why_no_control if kept else ""

    def reset(self) -> None:
        """Bring both parties back to their initial state, unless nothing has used them since the last reset.

        Raises ExpectationError where the console cannot be set up again.
        """
        if self.is_used:
            self._loop.run(self.parties.reset())
            for made in self._made.values():
                made.reset()
            self.parties.begun = self._loop.run(self.parties.numbers())
            self.remember_clean()
        self._has_failed = False

    def remember_clean(self) -> None:
        """Take the present state as the one in which each test begins; both parties need a control plane."""
        self._clean = self._loop.run(self.parties.activity())

    @property
    def is_used(self) -> bool:
        """Whether anything has used a party since the state in which each test begins."""
        return self._clean is None or self._loop.run(self.parties.activity()) != self._clean

    def explanations(self, *, strict: bool) -> list[tuple[str, str]]:
        """Return what may explain the failure of a test, each text with a heading; it has no further complaints then.

        Broken contracts are left out where they are the failure, and so is what a strict test fails for.
        """
        has_complaints, self._has_failed = self._has_failed, True
        try:
            if not self.is_used:
                return []
            broken = [] if has_complaints else self._broken_contracts(strict=strict)
            others = [] if strict else self._other_findings()
            exchanges = self._loop.run(self.parties.last_exchanges())
        except ExpectationError as error:
            broken, others, exchanges = [], [], [str(error)]
        texts = {"broken contracts": broken, "findings": others, "last exchanges": [*map(_brief, exchanges)]}
        return [(heading, presentable("\n".join(lines))) for heading, lines in texts.items() if lines]

    def complaints(self, *, strict: bool) -> list[str]:
        """Return what fails a test: broken contracts, idle faults, and what nobody has waited for.

        None of a test that has failed already: they may follow from that.

        Args:
            strict: whether findings that break no contract fail it, too.
        """
        if self._has_failed:
            return []
        try:
            found = self._complaints(strict=strict)
        except ExpectationError as error:
            found = [str(error)]
        self._has_failed = bool(found)
        return found

    def _other_findings(self) -> list[str]:
        """Return the newest findings that break no contract, such as the reason of a 401 that names none."""
        found = [each for each in self._loop.run(find_all(self.parties)) if each.kind == "swallowed"]
        return [_sentence(each.party, [each]) for each in found[-_MOST_OTHERS:]]

    def _broken_contracts(self, *, strict: bool) -> list[str]:
        return [line for name, made in self._made.items() for line in _broken(name, made, strict=strict)]

    def _complaints(self, *, strict: bool) -> list[str]:
        if not self.is_used:
            return []
        found = [line for name, made in self._made.items() for line in _of_party(name, made, strict=strict)]
        servicenow = self.parties.servicenow
        if strict and not servicenow.has_control:
            found.append(f"--privman-strict cannot be checked, as no findings are seen: {servicenow.why_no_control}.")
        if self.parties.unawaited:
            found.append(f"the test ended before {' and '.join(self.parties.unawaited.values())}. {_WAITING}.")
        return found

    def end(self, *, strict: bool) -> list[str]:
        """End the test and close; returns the complaints of both."""
        try:
            found = self.complaints(strict=strict)
        finally:
            left = self.close()
        return [*found, *left]

    def close(self) -> list[str]:
        """End what was started, and delete what was created on a target; returns why something stays there."""
        try:
            self._loop.run(self._opened.__aexit__(None, None, None))
        except ScenariosError as error:
            return [str(error)]
        return []


def _brief(text: str) -> str:
    return "\n".join(cut(line, _LINE) for line in text.split("\n"))


def _of_party(name: str, party: PartyFixture, *, strict: bool) -> list[str]:
    return [*_broken(name, party, strict=strict), *_idle(name, party)]


def _broken(name: str, party: PartyFixture, *, strict: bool) -> list[str]:
    """Return one sentence about a broken part, or several under a headline, and how a test allows them.

    A part is named once, whichever exchanges break it.
    """
    places: dict[tuple[str, ...], list[PartyFinding]] = defaultdict(list)
    for each in party.broken_contracts(strict=strict):
        places[each.kind, each.rule, each.message, each.evidence, each.asked].append(each)
    rules = dict.fromkeys(found[0].rule for found in places.values())
    calls = " and ".join(f'{name}.tolerate("{rule}")' for rule in rules)
    sentences = [_sentence(name, found) for found in places.values()]
    if len(sentences) > 1:
        return [f"{name} has {len(sentences)} findings. To allow them, call {calls}.", *sentences]
    return [f"{sentence} To allow it, call {calls}." for sentence in sentences]


def _sentence(name: str, found: Sequence[PartyFinding]) -> str:
    one = found[0]
    numbers = ", ".join(f"#{each.exchange}" for each in found if each.exchange)
    where = " ".join(filter(None, [name, cut(one.asked, _LINE), f"({numbers})" if numbers else ""]))
    if one.evidence:
        return f"{where} breaks the contract {one.rule}, evidence {one.evidence}: {_ended(one.message)}"
    return f"{where}: {one.rule}: {_ended(one.message)}"


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?")) else f"{sentence}."


def _idle(name: str, party: PartyFixture) -> list[str]:
    return [f"{name}: {sentences}" for sentences in party.idle_faults()]
