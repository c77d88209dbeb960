"""A further table of the page."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """A titled table of texts, such as the contract coverage of a run."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
