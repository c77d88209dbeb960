"""The fake beside an instance, trap by trap."""

from collections.abc import Iterator
from dataclasses import dataclass

from privman_scenarios.fidelity.prober import Prober
from privman_scenarios.fidelity.trap import Trap


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the fake does otherwise than the instance."""

    what: str
    fake: str
    instance: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a trap was found on both sides.

    Attributes:
        left_out: why it was not probed; empty when it was.
        trouble: why the probe was given up; empty when it was not.
        left_behind: records on the instance that could not be deleted, each with the reason.
    """

    trap: Trap
    differences: tuple[Difference, ...]
    left_out: str
    trouble: str
    left_behind: tuple[str, ...]


async def compare(trap: Trap, fake: Prober, instance: Prober) -> Comparison:
    """Play the trap's probe on both sides."""
    here, there = await fake.probe(trap), await instance.probe(trap)
    differences = tuple(_differences(here.seen, there.seen))
    return Comparison(trap, differences, there.left_out, there.trouble, tuple(there.left_behind))


def _differences(fake: dict[str, str], instance: dict[str, str]) -> Iterator[Difference]:
    """Yield what differs of what both were asked; a probe that fails early asks no more."""
    for what, seen in fake.items():
        if what in instance and instance[what] != seen:
            yield Difference(what, seen, instance[what])
