"""Verbs: a decorated function each, whose signature and docstring are the verb's arguments, its schema and its help.

A parameter of the function is an argument of the verb, ``as_`` is ``as``. One without a default is required; one that a
step leaves out has its default, which is `ABSENT` where the step has to have said something::

    CONSOLE = Verbs(needs={"a console control plane"})


    @CONSOLE.verb(shorthand="api_enabled")
    async def change_api_settings(
        play: Play, party: PartyName, api_enabled: Annotated[bool, Arg(FLAG, "API Enabled.")]
    ) -> None:
        \"\"\"Advanced, API Settings.\"\"\"
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, get_type_hints

from privman_contracts import PartyName
from privman_scenarios.language.captures import as_text
from privman_scenarios.language.checks import Check, Flaw, nothing
from privman_scenarios.language.kinds import Kind
from privman_scenarios.language.known import READING, ItemKind
from privman_scenarios.language.model import SET_UP, Arguments

Party = Literal["servicenow", "console", "clock", "world"]
Need = Literal[
    "a console control plane",
    "a console of its own",
    "a console that is set up",
    "an instance of its own",
    "a request_id of its own",
    "a second console",
    "a second instance",
    "a servicenow control plane",
    "a shared clock",
    "users of its own",
    "virtual time",
]
Needs = AbstractSet[Need]
Handler = Callable[..., Awaitable[None]]
Value = TypeVar("Value")


class _Absent:
    def __bool__(self) -> bool:
        return False


ABSENT: Any = _Absent()
"""The value of an argument that a step leaves out."""


def given(**arguments: object) -> dict[str, Any]:
    """Return the arguments that a step has given."""
    return {name: value for name, value in arguments.items() if value is not ABSENT}


@dataclass(frozen=True, slots=True)
class ByParty(Generic[Value]):
    """A fact that differs by party, for a verb that both parties have."""

    of: Callable[[Any], Value]


def _of(party: Party, fact: Value | ByParty[Value]) -> Value:
    return fact.of(party) if isinstance(fact, ByParty) else fact


@dataclass(frozen=True, slots=True)
class Arg:
    """An argument, as the annotation of a parameter describes it.

    Attributes:
        check: finds the unknown words in a value.
        name: of the argument; empty for that of the parameter.
        only: the party whose verb has the argument; empty for both.
        item: the kind of a thing of the console that the argument names, which is there already; empty for any text.
    """

    kind: Kind | ByParty[Kind]
    doc: str
    check: Check | ByParty[Check] = nothing
    name: str = ""
    only: Party | Literal[""] = ""
    item: ItemKind | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a verb.

    Attributes:
        parameter: of the verb's function.
        check: finds the unknown words in a value.
        item: the kind of a thing of the console that it names; empty for none.
    """

    name: str
    parameter: str
    kind: Kind
    doc: str
    required: bool
    check: Check
    item: ItemKind | Literal[""]


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that a step can do or expect.

    Attributes:
        name: party and verb, such as ``console.ask``.
        doc: one sentence, shown by editors.
        handler: does it; raises ExpectationError when what it expects does not hold.
        shorthand: the argument that a plain value stands for, as in ``clock.advance: 50 seconds``.
        checks: whether it expects something.
        excuses: whether it expects that the step before was refused.
        forbids: whether it expects that something does not happen, whatever its arguments are. On a system that keeps
            real time such a step is watched, as are steps whose arguments expect that (`step_player.forbids`).
        prepares: whether no request can be decided because of it.
        one_of: arguments of which one must be given, where the verb without any would pass whatever happened.
        table: of the app, in which it looks; empty where its arguments name one, or none.
        saves: yields the names that a step with these arguments saves, each with an example.
        captures: the party whose answer it saves under the name in ``as``; empty for a verb that saves none.
        makes: yields the things of the console that a step with these arguments makes, each with its kind and name.
        within: yields the things that a step names within an argument, such as the policy of a report.
        may_make: yields the things that a step makes unless they are there.
        creates_user: the argument that names the user whom it creates; empty for a verb that creates none.
        needs: what the world must offer; where it does not, the scenario is skipped.
        bare_needs: what is enough for a step without arguments; None for the same.
        further_needs: what some arguments need as well.
    """

    name: str
    doc: str
    handler: Handler
    arguments: tuple[Argument, ...] = ()
    shorthand: str = ""
    checks: bool = False
    excuses: bool = False
    forbids: bool = False
    prepares: bool = False
    one_of: tuple[str, ...] = ()
    table: str = ""
    saves: Callable[[Arguments], Iterable[tuple[str, str]]] = lambda _arguments: ()
    captures: PartyName | Literal[""] = ""
    makes: Callable[[Arguments], Iterable[tuple[ItemKind, str]]] = lambda _arguments: ()
    within: Callable[[Arguments], Iterable[tuple[ItemKind, str]]] = lambda _arguments: ()
    may_make: Callable[[Arguments], Iterable[tuple[ItemKind, str]]] = lambda _arguments: ()
    creates_user: str = ""
    needs: Needs = frozenset()
    bare_needs: Needs | None = None
    further_needs: Callable[[Arguments], Needs] = lambda _arguments: frozenset()

    async def perform(self, play: object, arguments: Arguments) -> None:
        """Do it; raises ExpectationError when what it expects does not hold."""
        parameters = {each.parameter: arguments[each.name] for each in self.arguments if each.name in arguments}
        await self.handler(play, self.name.partition(".")[0], **parameters)

    def flaws(self, arguments: Arguments, own: Mapping[str, Any]) -> Iterator[tuple[str, Flaw]]:
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
            name: as_text(value) if name in texts and isinstance(before, str) else value
            for name, (before, value) in found.items()
        }

    def needs_of(self, arguments: Arguments) -> Needs:
        """Return what the world must offer for a step with these arguments."""
        needs = self.needs if arguments or self.bare_needs is None else self.bare_needs
        return needs | self.further_needs(arguments)

    def may_be_repeated(self, arguments: Arguments) -> bool:
        """Tell whether a step with these arguments changes nothing, so that it may be taken again until it holds."""
        return self.only_looks or (self.name.endswith(".call") and arguments.get("method", "GET") in READING)

    @property
    def only_looks(self) -> bool:
        """Whether it changes nothing, so that a scenario goes the same way without it."""
        return ".expect-" in self.name

    @property
    def creates(self) -> bool:
        """Whether the things that it makes are not there before."""
        return ".create-" in self.name


@dataclass(frozen=True, slots=True)
class _Row:
    """A decorated function, and what its decorator says of it."""

    handler: Handler
    facts: Mapping[str, Any]
    one_beside: tuple[str, ...] | None

    def verb(self, party: Party) -> Verb:
        """Return the verb of a party."""
        function = self.handler
        arguments = tuple(_arguments(function, party))
        name = function.__name__.replace("_", "-")
        facts = {key: _of(party, fact) for key, fact in self.facts.items()}
        optional = [each.name for each in arguments if not each.required]
        return Verb(
            **{"checks": name.startswith("expect-"), **facts},
            name=f"{party}.{name}",
            doc=_help(function),
            handler=function,
            arguments=arguments,
            one_of=() if self.one_beside is None else tuple(each for each in optional if each not in self.one_beside),
        )


def _help(function: Handler) -> str:
    return (inspect.getdoc(function) or "").partition("\n\n")[0]


def _arguments(function: Handler, party: Party) -> Iterator[Argument]:
    """Yield the arguments that a function's parameters are, but for its first two."""
    hints = get_type_hints(function, include_extras=True)
    for parameter in [*inspect.signature(function).parameters.values()][2:]:
        (described,) = hints[parameter.name].__metadata__
        if described.only not in ("", party):
            continue
        yield Argument(
            name=described.name or parameter.name.rstrip("_"),
            parameter=parameter.name,
            kind=_of(party, described.kind),
            doc=described.doc,
            required=parameter.default is parameter.empty,
            check=_of(party, described.check),
            item=described.item,
        )


class Verbs:
    """Collects the functions that are verbs of one party, or of both.

    Args:
        facts: of every verb, unless its own decorator says otherwise; fields of `Verb`.
    """

    def __init__(self, **facts: Any) -> None:  # noqa: ANN401 - fields of a verb
        self._facts = facts
        self._rows: list[_Row] = []

    def verb(self, *, one_beside: tuple[str, ...] | None = None, **facts: Any) -> Callable[[Handler], Handler]:  # noqa: ANN401 - fields of a verb
        """Return the decorator of a function that is a verb.

        Args:
            one_beside: the optional arguments beside which another one must be given; None where none has to be.
            facts: fields of `Verb`; ``forbids`` is one that a verb must say whose name or help text has a negation.
        """

        def add(function: Handler) -> Handler:
            _require_forbids(function, facts)
            self._rows.append(_Row(function, {**self._facts, **facts}, one_beside))
            return function

        return add

    def of(self, party: Party) -> list[Verb]:
        """Return the verbs of a party."""
        return [row.verb(party) for row in self._rows]


_NEGATION = re.compile(r"\b(no|nobody|none|not|nothing|never|without)\b", re.IGNORECASE)


def _require_forbids(function: Handler, facts: Mapping[str, Any]) -> None:
    """Raise TypeError for a verb that seems to expect that something does not happen, and does not say whether."""
    name = function.__name__.replace("_", "-")
    if not (name.startswith("expect-") or facts.get("checks")) or "forbids" in facts:
        return
    if _NEGATION.search(f"{name} {_help(function)}"):
        raise TypeError(f"{name}: expected forbids=True or False, as name or help text say that something must not be")


class Vocabulary:
    """Every verb a scenario may use."""

    def __init__(self, verbs: Iterable[Verb]) -> None:
        self._verbs = {verb.name: verb for verb in verbs}

    def __iter__(self) -> Iterator[Verb]:
        return iter(self._verbs.values())

    def __getitem__(self, name: str) -> Verb:
        return self._verbs[name]

    def __contains__(self, name: object) -> bool:
        return name in self._verbs

    @property
    def given(self) -> tuple[Argument, ...]:
        """The arguments that ``given`` takes, those of the set-up."""
        return self[SET_UP].arguments

    def names(self) -> list[str]:
        """Return the name of each verb."""
        return list(self._verbs)
