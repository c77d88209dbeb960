"""Traps and their probes, as they stand in ``traps.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

from privman_contracts import files

_METHODS = ("GET", "POST", "PATCH")


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a probe; texts in it may hold places such as ``<sys_id>``.

    Attributes:
        user: who asks: the prober, nobody, or a stranger.
        compare: what must be the same on both sides.
    """

    method: str
    path: str
    compare: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    text: str = ""
    user: Literal["prober", "nobody", "stranger"] = "prober"


@dataclass(frozen=True, slots=True)
class Trap:
    """One thing in which a real instance surprises.

    Attributes:
        number: in the project's collection.
        source: document or thread that tells of it.
        table: of the scratch record; empty when the probe only reads.
        values: of the scratch record; one of them is the mark, by which it is found again.
        needs: an address that must answer 200; empty for none.
    """

    id: str
    number: str
    source: str
    tells: str
    steps: tuple[Step, ...]
    table: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Unprobed:
    """A trap without a probe, and why."""

    number: str
    tells: str
    because: str


def load_traps() -> tuple[list[Trap], list[Unprobed]]:
    """Return the traps with a probe and those without."""
    content = files.load_yaml(resources.files("privman_scenarios.fidelity") / "traps.yaml")
    return [_trap(entry) for entry in content["traps"]], [Unprobed(**entry) for entry in content["unprobed"]]


def _trap(entry: Mapping[str, Any]) -> Trap:
    rest = {key: value for key, value in entry.items() if key != "steps"}
    return Trap(steps=tuple(_step(step) for step in entry["steps"]), **rest)


def _step(entry: Mapping[str, Any]) -> Step:
    (method,) = (key for key in entry if key in _METHODS)
    rest = {key: value for key, value in entry.items() if key not in {method, "compare", "as"}}
    return Step(method, entry[method], tuple(entry["compare"]), user=entry.get("as", "prober"), **rest)
