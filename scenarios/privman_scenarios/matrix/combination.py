"""A combination that may ship, and what speaks against it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from privman_contracts import Contracts, WireNames, wire_names
from privman_contracts.contracts import open_set


@dataclass(frozen=True, slots=True)
class ContractSet:
    """A contract set.

    Attributes:
        name: what the user calls it.
        inferred: a file of the names that it has otherwise than the packaged set, for a fake to start with.
    """

    name: str
    contracts: Contracts
    inferred: Path

    @classmethod
    def open(cls, name: str, inferred: Path) -> Self:
        """Return the set, and write the file ``inferred``; raises ContractError."""
        contracts = open_set(name)
        packaged = {each.path: each.value for each in WireNames.load()}
        changed = [each for each in contracts.names if packaged.get(each.path, each.value) != each.value]
        inferred.write_text(wire_names.override_text(changed), encoding="utf-8")
        return cls(name, contracts, inferred)


@dataclass(frozen=True, slots=True)
class Combination:
    """What the console keeps to, what the app keeps to, and the release that the app is installed on."""

    console: ContractSet
    app: ContractSet
    release: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a combination can ship.

    Attributes:
        reasons: why it cannot; none when it can.
    """

    combination: Combination
    reasons: tuple[str, ...]
