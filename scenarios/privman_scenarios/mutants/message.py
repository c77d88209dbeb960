"""A message between the parties, before it arrives."""

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import orjson

Side = Literal["request", "answer"]


@dataclass(frozen=True, slots=True)
class Message:
    """A request on its way to a party, or its answer on the way back.

    Attributes:
        path: of the request as it is on the wire, without its query.
        headers: in the order in which they were sent.
        status: 0 in a request; in an answer, 0 when none came.
        again: how many times the request goes out once more before its answer counts.
    """

    side: Side
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    status: int = 0
    again: int = 0

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON holds anything
        """The body as JSON, None where it is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    def with_json(self, value: object) -> Self:
        """Return the message with another body."""
        return replace(self, body=orjson.dumps(value))

    def with_header(self, name: str, value: str | None) -> Self:
        """Return the message with a header replaced, or left out."""
        kept = tuple(header for header in self.headers if header[0].lower() != name.lower())
        return replace(self, headers=kept if value is None else (*kept, (name, value)))
