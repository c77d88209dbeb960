"""One exchange of a recording."""

from dataclasses import dataclass, field
from datetime import datetime

from privman_contracts import Body, Contracts, Observed

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One exchange of a recording.

    Attributes:
        at: when it began.
        url: the absolute address.
        status: 0 when there was no answer.
        page: what it belongs to, such as a scenario.
        complete: whether the bodies were kept.
        label: where it was found, for people.
    """

    at: datetime
    method: str
    url: str
    request_headers: Headers = ()
    request: bytes = b""
    status: int = 0
    response_headers: Headers = ()
    response: bytes = b""
    page: str = ""
    complete: bool = True
    label: str = field(default="", compare=False)

    def observed(self, contracts: Contracts) -> Observed | None:
        """Return the exchange as contracts judge it, None when they know of none such."""
        contract = contracts.find(self.method, self.url)
        if contract is None:
            return None
        request = Body(self.request, content_type(self.request_headers))
        answer = Body(self.response, content_type(self.response_headers))
        return Observed(contract.server, self.method, self.url, request, self.status, answer)


def content_type(headers: Headers) -> str:
    """Return the content type, empty for none."""
    return next((value for name, value in headers if name.lower() == "content-type"), "")
