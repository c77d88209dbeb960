"""One world, the fixtures that are made of it, and what fails a test at its end."""

from functools import cached_property

from privman_core.loop_thread import LoopThread
from privman_scenarios.errors import ScenariosError
from privman_scenarios.fixtures import ConsoleFixture, PartyFixture, ServiceNowFixture, WorldFixture
from privman_scenarios.playing.world_builder import WorldBuilder


class FixtureSet:
    """The fixtures of one test, or of several, each of which begins clean.

    Opening it raises ScenariosError.

    Attributes:
        parties: both, nothing set up.
    """

    def __init__(self, loop: LoopThread, builder: WorldBuilder) -> None:
        self._loop = loop
        self._opened = builder.open()
        self.parties = loop.run(self._opened.__aenter__())
        self._made: dict[str, PartyFixture] = {}
        self._is_clean = True

    @cached_property
    def servicenow(self) -> ServiceNowFixture:
        """The instance."""
        made = self._made["servicenow"] = ServiceNowFixture(self._loop, self.parties)
        return made

    @cached_property
    def console(self) -> ConsoleFixture:
        """The console, set up against the instance; raises ExpectationError where that fails."""
        made = ConsoleFixture(self._loop, self.parties)
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

    def start_again(self) -> None:
        """Bring both parties back to the state in which the first test has found them.

        Raises ExpectationError where the console cannot be set up again.
        """
        if not self._is_clean:
            self._loop.run(self.parties.start_again())
            for made in self._made.values():
                made.start_again()
        self._is_clean = False

    def complaints(self, *, strict: bool) -> list[str]:
        """Return what fails a test: broken contracts, idle faults, and what nobody has waited for.

        Args:
            strict: whether what ServiceNow swallowed fails it, too.
        """
        found = [line for name, made in self._made.items() for line in _of_party(name, made, strict=strict)]
        servicenow = self.parties.servicenow
        if strict and not servicenow.has_control:
            found.append(
                f"--privman-strict has nothing to judge by, as no findings are seen: {servicenow.why_no_control}."
            )
        if self.parties.unawaited:
            message = f"nothing waited to the end for {', '.join(self.parties.unawaited.values())}"
            expected = (
                "Expected 'decision.delivered()', with 'await' where an event loop runs, and 'await' before the rest"
            )
            found.append(f"{message}. {expected}.")
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


def _of_party(name: str, party: PartyFixture, *, strict: bool) -> list[str]:
    return [*_broken(name, party, strict=strict), *_idle(name, party)]


def _broken(name: str, party: PartyFixture, *, strict: bool) -> list[str]:
    broken = party.broken_contracts(strict=strict)
    if not broken:
        return []
    what = "finding(s)" if strict else "broken contract(s)"
    return [f"{name} saw {len(broken)} {what}:", *broken]


def _idle(name: str, party: PartyFixture) -> list[str]:
    return [
        f"{name}: {fault} has struck no request, or fewer than its 'times'. Expected that, or optional=True."
        for fault in party.idle_faults()
    ]
