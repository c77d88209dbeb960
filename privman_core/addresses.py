"""Addresses that people give."""

import re

from yarl import URL

_PLAIN_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", re.IGNORECASE)


def plain_url(text: str) -> str:
    """Return the address without a trailing slash; raises ValueError when it is no plain http(s) address."""
    if not _PLAIN_URL.fullmatch(text) or not text.isprintable() or not _has_host(text):
        # A password in an address would show up wherever the address does.
        shown = "an address with a user" if "@" in text else repr(text)
        raise ValueError(f"{shown}; expected an address such as https://example.service-now.com")
    return text.rstrip("/")


def without_login(text: str) -> str:
    """Return an address that no parser takes as messages show it: without what is before its last ``@``."""
    _, at, rest = text.rpartition("@")
    return f"…@{rest}" if at else text


def _has_host(text: str) -> bool:
    try:
        return bool(URL(text).host)
    except ValueError:
        return False
