"""The words a scenario is written in: verbs, and the arguments of each."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from privman_scenarios.checks import Check, Flaw, nothing
from privman_scenarios.errors import ExpectationError
from privman_scenarios.kinds import Kind
from privman_scenarios.known import READING
from privman_scenarios.model import Arguments, Step
from privman_scenarios.play import Play
from privman_scenarios.targets import Need
from privman_scenarios.words import Own


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a verb.

    Attributes:
        check: finds the words in a value that nobody knows.
    """

    name: str
    kind: Kind
    doc: str
    required: bool = False
    check: Check = nothing


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing a step can do or expect.

    Attributes:
        name: party and verb, such as ``console.ask``.
        doc: one sentence, shown by editors.
        play: does it; raises ExpectationError when what it expects does not hold.
        shorthand: the argument that a plain value stands for, as in ``clock.advance: 50 seconds``.
        checks: whether it expects something.
        excuses: whether it expects that the step before was refused.
        one_of: arguments of which one must be given, where the verb without any would pass whatever happened.
        needs: what the targets must offer; where they do not, the scenario is skipped.
        bare_needs: what is enough for a step without arguments; None for the same.
        further_needs: what some arguments need besides.
    """

    name: str
    doc: str
    play: Callable[[Play, Arguments], Awaitable[None]]
    arguments: tuple[Argument, ...] = ()
    shorthand: str = ""
    checks: bool = False
    excuses: bool = False
    one_of: tuple[str, ...] = ()
    needs: frozenset[Need] = frozenset()
    bare_needs: frozenset[Need] | None = None
    further_needs: Callable[[Arguments], frozenset[Need]] = lambda _arguments: frozenset()

    def flaws(self, arguments: Arguments, own: Own) -> Iterator[tuple[str, Flaw]]:
        """Yield each flaw of arguments in which no ``${name}`` is left, with the name of the argument."""
        for argument in self.arguments:
            if argument.name not in arguments:
                continue
            value = arguments[argument.name]
            fault = argument.kind.fault_of(value) if argument.kind.expects else ""
            for flaw in [Flaw((), fault)] if fault else argument.check(value, arguments, own):
                yield argument.name, flaw

    def filled(self, arguments: Arguments, fill: Callable[[Any], Any]) -> Arguments:
        """Return the arguments as ``fill`` leaves them, text where an argument is text."""
        texts = {argument.name for argument in self.arguments if argument.kind.is_text}
        found = {name: (value, fill(value)) for name, value in arguments.items()}
        return {
            name: str(value) if name in texts and isinstance(before, str) else value
            for name, (before, value) in found.items()
        }

    def resolved(self, step: Step, play: Play) -> Arguments:
        """Return the step's arguments with what was saved; raises ExpectationError where that is no known word."""
        arguments = self.filled(step.arguments, play.resolve)
        if arguments != step.arguments:
            for name, flaw in self.flaws(self.filled(step.arguments, play.resolve_as_packaged), play.own):
                raise ExpectationError(f"{name} that could be", flaw.message)
        return arguments

    def needs_of(self, arguments: Arguments) -> frozenset[Need]:
        """Return what the targets must offer for a step with these arguments."""
        needs = self.needs if arguments or self.bare_needs is None else self.bare_needs
        return needs | self.further_needs(arguments)

    def may_be_repeated(self, arguments: Arguments) -> bool:
        """Tell whether a step with these arguments changes nothing, so that it may be taken again until it holds."""
        return self.only_looks or (self.name.endswith(".call") and arguments.get("method", "GET") in READING)

    @property
    def only_looks(self) -> bool:
        """Whether it changes nothing, so that a scenario goes the same way without it."""
        return ".expect-" in self.name


class Vocabulary:
    """Every verb a scenario may use."""

    def __init__(self, verbs: Iterable[Verb], given: Iterable[Argument]) -> None:
        self._verbs = {verb.name: verb for verb in verbs}
        self.given = tuple(given)

    def __iter__(self) -> Iterator[Verb]:
        return iter(self._verbs.values())

    def __getitem__(self, name: str) -> Verb:
        return self._verbs[name]

    def __contains__(self, name: object) -> bool:
        return name in self._verbs

    def names(self) -> list[str]:
        """Return the name of each verb."""
        return list(self._verbs)
