"""Evidence for the parts of a contract, the pages that give it, and violations."""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Literal, get_args

from msgspec import Struct

from privman_contracts.files import PACKAGED, load_yaml

Evidence = Literal["S", "D", "P", "C", "O", "I"]

MEANING: dict[Evidence, str] = {
    "S": "stated on the vendor's page about the webhook",
    "D": "stated in the vendor's other documentation, or in ServiceNow's",
    "P": "printed on a screenshot in the documentation",
    "C": "seen in a third party's working client",
    "O": "observed on a real instance",
    "I": "inferred; no source documents it",
}
MARKS: tuple[Evidence, ...] = get_args(Evidence)


class SourcePage(Struct, frozen=True):
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


class Observation(Struct, frozen=True):
    """How a name was learned from an instance; as text it is one line.

    Attributes:
        release: the instance's, or ``unknown``.
        how: the clue that showed it, without any value that may be a secret.
    """

    date: date
    release: str
    how: str

    def __str__(self) -> str:
        return f"observed on {self.date}, release {self.release}: {self.how}"


def in_words(marks: Iterable[Evidence]) -> str:
    """Return how many of the marks are documented, observed and inferred, for people."""
    counts = Counter(marks)
    documented = counts.total() - counts["I"] - counts["O"]
    return f"{documented} documented, {counts['O']} observed, {counts['I']} inferred"


class Part(Struct, frozen=True):
    """One thing that a contract demands.

    Attributes:
        message: of which it is a part: a message, an exchange, or ``inferred.yaml``.
        path: where in it, such as ``$.metadata.PolicyId``.
        name: what it is called on the wire.
        source: the pages that say it, by their names in ``sources.yaml``; of an I, those that suggest it.
        secret: whether its value must never be shown.
    """

    message: str
    path: str
    evidence: Evidence
    name: str
    source: str
    secret: bool = False


class Violation(Struct, frozen=True):
    """One place in which an exchange breaks its contract.

    Attributes:
        message: names the place, shows the value unless it is a secret, says what was expected.
        schema: message whose contract is broken, or name of the exchange for a status.
        where: JSON path, into JSON text as well; ``status`` or ``Content-Type`` beside the body.
        evidence: how well the broken part is known.
        doubtful: whether the contract allows it, but the sender hardly intended it, so that nothing is broken.
    """

    message: str
    schema: str
    where: str
    evidence: Evidence
    doubtful: bool = False
