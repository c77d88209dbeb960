"""What the keys of a fault may hold."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MOST_SECONDS = 10 * 366 * 86_400
"""Seconds of the longest wait or jump."""
_MOST_COUNT = 1_000_000_000
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Option:
    """What one key may hold.

    Attributes:
        expected: the same in words, for the message.
    """

    holds: Callable[[object], bool]
    expected: str


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_SECONDS


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_COUNT


def _is_status(value: object) -> bool:
    return isinstance(value, int) and 200 <= value <= 599  # noqa: PLR2004 - the final statuses of HTTP


def _are_headers(value: object) -> bool:
    return isinstance(value, dict) and all(_is_header(name, text) for name, text in value.items())


def _is_header(name: str, text: object) -> bool:
    if not _NAME.fullmatch(name) or not isinstance(text, str) or not text.isprintable():
        return False
    return name.lower() != "content-length" or _LENGTH.fullmatch(text) is not None  # the web server counts with it


TEXT = Option(_is_text, "a text")
NUMBER = Option(_is_number, f"a number from 0 to {MOST_SECONDS}")
COUNT = Option(_is_count, f"a whole number from 0 to {_MOST_COUNT}")
TURNS = Option(
    lambda value: value is None or (value != 0 and _is_count(value)),
    f"a whole number from 1 to {_MOST_COUNT}, or null",
)
STATUS = Option(_is_status, "a status from 200 to 599")
HEADERS = Option(_are_headers, "an object of header texts, of digits for Content-Length")

COMMON: Mapping[str, Option] = {
    "kind": TEXT,
    "method": TEXT,
    "path": TEXT,
    "skip": COUNT,
    "times": TURNS,
    "after": NUMBER,
}
# Kind of fault to the options that it takes.
Options = Mapping[str, Mapping[str, Option]]
GENERIC: Options = {
    "status": {"status": STATUS, "headers": HEADERS, "body": TEXT},
    "slow": {"seconds": NUMBER},
    "malformed": {"body": TEXT},
}
