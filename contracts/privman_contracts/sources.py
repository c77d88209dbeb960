"""The pages from which evidence is cited."""

from dataclasses import dataclass

from privman_contracts.evidence import Evidence
from privman_contracts.files import PACKAGED, load_yaml


@dataclass(frozen=True, slots=True)
class SourcePage:
    """A page, a picture, or a client's module.

    Attributes:
        name: as marks cite it.
        mark: the evidence that it gives.
        at: where it is: the repository and the path in it, or an address.
    """

    name: str
    mark: Evidence
    at: str


def load_pages() -> dict[str, SourcePage]:
    """Return every page of ``sources.yaml`` by its name."""
    return {name: SourcePage(name, **entry) for name, entry in load_yaml(PACKAGED / "sources.yaml").items()}
