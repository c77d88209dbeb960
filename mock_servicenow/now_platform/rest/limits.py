"""How much a call may send (platform 5.3)."""

import re
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.errors import PayloadTooLarge

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.session import Session
    from mock_servicenow.now_platform.rest.call import Call

MEGABYTE = 1024 * 1024
LONGEST_BODY = 10 * MEGABYTE
"""How long a body may be unless a property says otherwise."""
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)


def longest_body(session: "Session") -> int:
    """Return how many bytes of a body the platform reads; files are not counted among them."""
    return megabytes(session, "glide.rest.max_content_length", LONGEST_BODY // MEGABYTE)


def check_length(call: "Call", most: int) -> None:
    """Raise PayloadTooLarge if the call's body has more bytes."""
    if len(call.body) > most:
        raise PayloadTooLarge(len(call.body), most)


def megabytes(session: "Session", name: str, default: int) -> int:
    """Return a property that counts megabytes, in bytes; the default where it holds no whole number."""
    number = session.property(name)
    return (int(number) if number and _WHOLE.fullmatch(number) else default) * MEGABYTE
