"""Find for each name the one thing of an instance that it stands for, by clues from the surest to the weakest."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from privman_contracts.wire_names import WireName

C = TypeVar("C", bound=Hashable)
Clue = Callable[[WireName, C], str]
"""Returns, in words, why a candidate is what a name stands for; empty where it does not say so."""


@dataclass(frozen=True, slots=True)
class Found(Generic[C]):
    """What a name stands for.

    Attributes:
        how: the clues, in words.
    """

    candidate: C
    how: str


class Narrowing(Generic[C]):
    """Narrows the candidates of each name until one is left; no two names stand for the same.

    Args:
        candidates: of each name.

    Attributes:
        found: by path.
    """

    def __init__(self, candidates: Mapping[WireName, Iterable[C]]) -> None:
        self._possible = {name: list(each) for name, each in candidates.items()}
        self._left = {name: list(each) for name, each in self._possible.items()}
        self._clues: dict[WireName, list[str]] = {name: [] for name in self._possible}
        self.found: dict[str, Found[C]] = {}

    @property
    def unresolved(self) -> dict[WireName, list[C]]:
        """The names that nothing was found for, each with the candidates that are left."""
        return dict(self._left)

    def is_narrowed(self, name: WireName) -> bool:
        """Return whether clues speak for several of its candidates, so that none can be chosen."""
        return bool(self._clues[name]) and len(self._left[name]) > 1

    def follow(self, clues: Iterable[Clue[C]]) -> None:
        """Follow the clues in their order, each as far as it leads."""
        for clue in clues:
            while self._follow(clue):
                pass

    def settle(self, names: Iterable[WireName], how: str) -> None:
        """Let each of these names have the only candidate that is left, ``how`` in words."""
        chosen = set(names)
        while self._take(
            {name: {left[0]: how} for name, left in self._left.items() if name in chosen and len(left) == 1}
        ):
            pass

    def _follow(self, clue: Clue[C]) -> bool:
        pointed: dict[WireName, dict[C, str]] = {}
        for name, left in self._left.items():
            if hits := {each: words for each in left if (words := clue(name, each))}:
                pointed[name] = hits
        self._narrow(pointed)
        return self._take({name: hits for name, hits in pointed.items() if len(hits) == 1})

    def _narrow(self, pointed: Mapping[WireName, Mapping[C, str]]) -> None:
        for name, hits in pointed.items():
            if len(hits) > 1:
                self._left[name] = list(hits)
                self._clues[name] = list(dict.fromkeys((*self._clues[name], *hits.values())))[:1]

    def _take(self, sole: Mapping[WireName, Mapping[C, str]]) -> bool:
        """Resolve the names whose one candidate no other of them claims; returns whether there were any."""
        claims = Counter(candidate for hits in sole.values() for candidate in hits)
        taken = {name: hits for name, hits in sole.items() if all(claims[candidate] == 1 for candidate in hits)}
        for name, hits in taken.items():
            ((candidate, words),) = hits.items()
            self.found[name.path] = Found(candidate, ", ".join(dict.fromkeys((*self._clues[name], words))))
            del self._left[name]
            self._remove(candidate)
        return bool(taken)

    def _remove(self, candidate: C) -> None:
        for name, left in self._left.items():
            for each in (left, self._possible[name]):
                if candidate in each:
                    each.remove(candidate)
            if not left:  # clues have narrowed it to what is another's, so they did not speak of it
                self._left[name], self._clues[name] = list(self._possible[name]), []
