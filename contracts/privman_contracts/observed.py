"""One exchange as it was seen on the wire."""

from dataclasses import dataclass, field

from privman_contracts.index import Side


@dataclass(frozen=True, slots=True)
class Body:
    """A body and what it is said to be; both empty when there was none."""

    data: bytes = b""
    content_type: str = ""

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.content_type.partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Observed:
    """One exchange as it was seen on the wire, by whichever side.

    Attributes:
        server: the side that answered.
        target: path, with its query if any; or an absolute address.
        status: 0 when there was no answer.
    """

    server: Side
    method: str
    target: str
    request: Body = field(default_factory=Body)
    status: int = 0
    answer: Body = field(default_factory=Body)
