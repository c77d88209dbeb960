"""A value that was compared with what a scenario expects of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where a value is not as expected.

    Attributes:
        where: path into the value, such as ``metadata.PolicyId``; empty for the value itself.
    """

    where: str
    expected: str
    came: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A value and where it is not as expected.

    Attributes:
        what: names the value, such as ``request #3``, and begins each difference's path; perhaps empty.
        value: as it came.
    """

    what: str
    value: object
    differences: tuple[Difference, ...]
