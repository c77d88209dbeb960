"""GUIDs, by which the console names its requests and its API Client Users."""

import re

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_guid(text: str) -> bool:
    """Tell whether it is a GUID as the console writes them, without braces."""
    return _GUID.fullmatch(text) is not None
