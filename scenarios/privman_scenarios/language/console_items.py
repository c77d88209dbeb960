"""The console's things that steps make and later steps name: approval processes, types, policies and the like."""

from collections import defaultdict
from collections.abc import Iterator

from privman_core.near_words import advice, misspelt
from privman_scenarios.language.checks import allowed_or_denied
from privman_scenarios.language.known import ITEMS, ItemKind, nearly
from privman_scenarios.language.model import Arguments, Own
from privman_scenarios.language.vocabulary import Verb

# The console names a new API user after the day on which it was created.
_DATED = "API User Created On "


def _named(verb: Verb, arguments: Arguments) -> Iterator[tuple[str, ItemKind, str]]:
    """Yield argument, kind and name of each thing that a step names and that must be there."""
    for argument in verb.arguments:
        name = allowed_or_denied(arguments.get(argument.name))
        if argument.item and name and isinstance(name, str):
            yield argument.name, argument.item, name
    for kind, name in verb.within(arguments):
        if name:
            yield "PolicyName", kind, name


class ConsoleItems:
    """What the console in use has after the steps so far; a misspelt name would make a scenario of another thing.

    Args:
        own: names that the scenario declares as the console's own.
    """

    def __init__(self, own: Own) -> None:
        self._own = own.get("names", ())
        self._made: dict[str, dict[ItemKind, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._console = ""

    def use(self, console: str) -> None:
        """Let the steps that follow be about the console of that name."""
        self._console = console

    def add(self, verb: Verb, arguments: Arguments) -> None:
        """Add what a step makes."""
        for kind, name in verb.makes(arguments):
            self._made[self._console][kind].append(name)

    def flaws(self, verb: Verb, arguments: Arguments) -> Iterator[str]:
        """Yield a sentence for each thing that a step names and the console lacks, or makes and the console has."""
        for place, kind, name in _named(verb, arguments):
            if not self._has(kind, name):
                yield (
                    f"{place}: no earlier step has made the {kind} {name!r}. "
                    f"{self._help(kind, name)} If the console has it all the same, list it under 'own: names'."
                )
        if verb.creates:
            yield from self._taken(verb, arguments)
        for kind, name in verb.makes(arguments) if verb.creates else verb.may_make(arguments):
            if near := misspelt(name, [*self._known(kind), *self._own]):
                yield nearly(kind, name, near)

    def _taken(self, verb: Verb, arguments: Arguments) -> Iterator[str]:
        for kind, name in verb.makes(arguments):
            if name in self._known(kind):
                yield f"{kind} {name!r} exists already. Expected a new name; console.change-… changes what exists."

    def _has(self, kind: ItemKind, name: str) -> bool:
        is_filled_in = "${" in name or (kind == "API user" and name.startswith(_DATED))
        return is_filled_in or name in (*self._known(kind), *self._own)

    def _help(self, kind: ItemKind, name: str) -> str:
        known = self._known(kind)
        if kind == "API user":
            known = [*known, f"{_DATED}<date>"]
        return advice(name, known) if known else f"There is no {kind} yet."

    def _known(self, kind: ItemKind) -> list[str]:
        return [*ITEMS.get(kind, ()), *self._made[self._console][kind]]
