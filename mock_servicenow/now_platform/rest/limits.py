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
LONGEST_PATH = 16_000
"""How long a path with its query may be to be routed (platform 1.9)."""
LONGEST_URL = 128 * 1024
"""How long a URL in a body may be: an item's of a batch, or one to be made short (I)."""
LONGEST_HEADER = 8_190
"""How long a header may be; the web server refuses longer ones."""
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
