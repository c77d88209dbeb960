"""Addresses and certificate files that users give, and how messages show values and system errors."""

import os
import re
import ssl
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Literal

from yarl import URL

from privman_core.cuts import cut
from privman_core.regular_files import read_regular

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]")
"""A control character, line end or lone surrogate; also a control that reverses the direction of text.

`str.isprintable` refuses more: every character that is newer than Python's Unicode tables, such as a new emoji.
"""
_PLAIN_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", re.IGNORECASE)
_NUMBERS = re.compile(r"[0-9.]+")


EXAMPLE_URL = "https://example.service-now.com"


def plain_url(text: str, example: str = EXAMPLE_URL) -> str:
    """Return an http(s) address without a trailing slash; raises ValueError for anything else, or with a login.

    Its host is an IP address, or a name in ASCII that can be looked up. The error shows the example.
    """
    if not _PLAIN_URL.fullmatch(text) or not text.isprintable() or not _has_host(text):
        raise ValueError(f"{_without_secrets(text)}; expected an address such as {example}")
    return text.rstrip("/")


def _without_secrets(text: str) -> str:
    """Return how an error shows the address: not at all if it may have a password or a token."""
    parts = {"@": "a user", "?": "a query", "#": "a fragment"}
    return next((f"an address with {part}" for mark, part in parts.items() if mark in text), quoted(text))


def without_login(text: str) -> str:
    """Return an unparsable address for a message: without the part before its last ``@``, which may be a password."""
    _, at, rest = text.rpartition("@")
    return f"…@{rest}" if at else text


def _has_host(text: str) -> bool:
    try:
        host = URL(text, encoded=True).host or ""  # as it is sent: it must be ASCII
        if _NUMBERS.fullmatch(host):
            IPv4Address(host)
    except ValueError:
        return False
    return can_be_looked_up(host)


def can_be_looked_up(host: str) -> bool:
    """Return whether a name or an address can be asked of the resolver: no label is empty or too long."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return bool(host)


def is_loopback_name(host: str) -> bool:
    """Return whether a host is this machine, under whatever network it is in."""
    try:
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:  # another name, or none
        return False


_MOST_BYTES = 16 * 1024 * 1024
Trust = ssl.SSLContext | Literal[True]


def trust(ca_file: Path | None) -> Trust:
    """Return a TLS setting that trusts the machine's CAs and those in the PEM file.

    A self-signed certificate in the file is trusted, too. Raises OSError for a file without a certificate.
    """
    if ca_file is None:
        return True
    read_regular(ca_file, _MOST_BYTES)  # the library would read a device without an end
    context = ssl.create_default_context()
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(ca_file)
    return context


_LONGEST_SHOWN = 80
_MOST_BITS = 8_192
"""Python writes longer numbers only in hexadecimal."""
_WINSOCK = 10_000
"""The first number of Windows' socket errors, which `os.strerror` does not know."""


def can_be_path(text: str) -> bool:
    """Return whether a file can have this name; opening one with NUL or a lone surrogate raises ValueError."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


# How versions of OpenSSL report an answer without TLS.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"})


def reason_of(error: OSError) -> str:
    """Return the system's message in one line, the same on every version of Python.

    asyncio has its own wording for socket errors, and none for a connection that ends while TLS begins; failed name
    look-ups have negative numbers.
    """
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return "the server answered without TLS, as one of plain HTTP does"
    if error.errno is not None and 0 < error.errno < _WINSOCK and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno)
    return " ".join((error.strerror or str(error)).partition(" (_ssl")[0].split()) or "it broke off"


def escape_controls(text: str) -> str:
    """Return the text in one line that a terminal shows as it is: each character of `CONTROL` is escaped."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def visible(text: str) -> str:
    """Return the text as `escape_controls` does, but with its lines and tabs."""
    return CONTROL.sub(lambda found: found[0] if found[0] in "\n\t" else escape_controls(found[0]), text)


def visible_lines(text: str) -> str:
    """Return the text as `visible` does, with lines that end as those of a posted form, too."""
    return visible(text.replace("\r\n", "\n"))


def quoted(value: object) -> str:
    """Return the value's repr, truncated; the mark of a cut text is within its quotes."""
    return repr(cut(value, _LONGEST_SHOWN)) if isinstance(value, str) else cut(repr(value), _LONGEST_SHOWN)


def quoted_toml(value: object) -> str:
    """Return a value of a TOML file as the file may have it, truncated."""
    return cut(_toml(value), _LONGEST_SHOWN)


def _toml(value: object) -> str:
    match value:
        case str():
            return quoted(value)
        case bool():
            return str(value).lower()
        case int():
            return str(value) if value.bit_length() < _MOST_BITS else f"{value:#x}"
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return f"{{{', '.join(f'{key} = {_toml(each)}' for key, each in value.items())}}}"
    return str(value)  # a float, a date or a time
