"""A mutant: one duty of a party, and the message in which it is broken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any, Literal

from privman_contracts import files
from privman_scenarios.mutants import json_path
from privman_scenarios.mutants.message import Message, Side


@dataclass(frozen=True, slots=True)
class Touched:
    """Which messages a mutant touches.

    Attributes:
        at: the party in front of which they are touched.
        path: a glob of the path, in lower case.
        status: of the answers; None for any.
        where: what stands in the body, by path.
        skip: how many pass untouched first.
        times: how many are touched; None for all.
    """

    at: Literal["servicenow", "console"]
    side: Side
    path: str
    method: str = ""
    status: int | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    skip: int = 0
    times: int | None = None

    def fits(self, message: Message) -> bool:
        """Tell whether the message is one of them, but for how many there were."""
        return (
            message.side == self.side
            and self.method in ("", message.method)
            and fnmatchcase(message.path.lower(), self.path)
            and self.status in (None, message.status)
            and all(json_path.find(message.json, path) == [value] for path, value in self.where.items())
        )


@dataclass(frozen=True, slots=True)
class Mutant:
    """One duty of a party, broken.

    Attributes:
        name: in kebab case.
        duty: what a party must do and now does not.
        change: what is done to the messages: names of `changes` with their arguments, in order.
        reveal: path in an answer to the path in an earlier request whose value the answer now shows.
        noticed_by: file of the catalog, without its ending, that is expected to notice; it is played first.
    """

    name: str
    duty: str
    touches: Touched
    noticed_by: str
    change: Mapping[str, Any] = field(default_factory=dict)
    reveal: Mapping[str, str] = field(default_factory=dict)


def load_all() -> list[Mutant]:
    """Return the packaged mutants in the order of their file."""
    entries = files.load_yaml(resources.files("privman_scenarios.mutants") / "mutants.yaml")
    return [_mutant(entry) for entry in entries]


def _mutant(entry: Mapping[str, Any]) -> Mutant:
    return Mutant(**{**entry, "touches": Touched(**entry["touches"])})
