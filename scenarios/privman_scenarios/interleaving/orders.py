"""The orders in which the steps of a ``together`` can happen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice, permutations, product
from math import factorial, prod
from random import Random

from privman_scenarios.model import Scenario, Step

Order = tuple[tuple[Step, ...], ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """How many orders of a scenario are played at most, and the seed by which they are chosen where there are more."""

    orders: int
    seed: int


def orders(scenario: Scenario, bound: Bound) -> Iterator[Scenario]:
    """Yield the scenario once for each order, as written first; one without a ``together`` is not yielded."""
    stretches = [tuple(steps) for _, steps in groupby(scenario.steps, key=lambda step: step.together)]
    if not any(stretch[0].together for stretch in stretches):
        return
    for order in _bounded(stretches, bound):
        steps = tuple(step for stretch in order for step in stretch)
        yield replace(scenario, title=f"{scenario.name}; {_told(steps)}", steps=steps, example={})


def _bounded(stretches: Sequence[tuple[Step, ...]], bound: Bound) -> Iterator[Order]:
    ways = [_ways(stretch) for stretch in stretches]
    if prod(ways) <= bound.orders:
        yield from product(*(permutations(stretch) if stretch[0].together else (stretch,) for stretch in stretches))
        return
    # As written first; a mapping keeps what is drawn twice once, and in the order in which it was drawn.
    drawn = dict.fromkeys([tuple(tuple(range(len(stretch))) for stretch in stretches)])
    random = Random(bound.seed)  # noqa: S311 - repeatable by design
    while len(drawn) < bound.orders:
        drawn.setdefault(tuple(_shuffled(stretch, random) for stretch in stretches))
    for order in islice(drawn, bound.orders):
        yield tuple(tuple(stretch[turn] for turn in turns) for stretch, turns in zip(stretches, order, strict=True))


def _ways(stretch: Sequence[Step]) -> int:
    return factorial(len(stretch)) if stretch[0].together else 1


def _shuffled(stretch: Sequence[Step], random: Random) -> tuple[int, ...]:
    turns = range(len(stretch))
    return tuple(random.sample(turns, len(turns))) if stretch[0].together else tuple(turns)


def _told(steps: Sequence[Step]) -> str:
    return ", ".join(step.verb for step in steps if step.together)
