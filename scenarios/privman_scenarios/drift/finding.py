"""What a recording shows otherwise than the contracts have it."""

from dataclasses import dataclass

from privman_contracts.wire_names import Value, WireName


@dataclass(frozen=True, slots=True)
class Renamed:
    """A name or rule of the wire that is another in the recording.

    Attributes:
        name: as the contracts have it.
        value: as the recording has it.
        label: where it was seen first.
    """

    name: WireName
    value: Value
    label: str

    def __str__(self) -> str:
        return f"{self.name.path} [{self.name.evidence}]: {self.value}, not {self.name.value} ({self.label})"


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A broken contract that no other name explains.

    Attributes:
        count: in how many exchanges it was seen.
    """

    message: str
    label: str
    count: int

    def __str__(self) -> str:
        return f"{self.message} ({self.label}{f' and {self.count - 1} more' if self.count > 1 else ''})"
