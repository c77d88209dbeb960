"""Marks by which the two parties of one exchange find it in each other's journal, if both run on this machine."""

import re
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import NamedTuple

from multidict import CIMultiDict

from privman_core.inputs import is_loopback_name

MARK = "x-privman-exchange"
"""The header with the mark; no journal and no product sees it."""
_UNSENT = "-"
"""Begins the mark of a request to another machine, which nobody else sees."""
_NAME, _LONGEST_URL = re.compile(r"[0-9a-f]{32}"), 100


class ExchangeMark(NamedTuple):
    """What an exchange has in the journal of the other party, too; ``sender`` is where its sender says it listens."""

    name: str = ""
    sender: str = ""


def draw_name() -> str:
    """Return the name of a mark that nobody can guess, even who has seen others."""
    return token_hex(16)


def new_mark(host: str | None, sender: str, draw: Callable[[], str] = draw_name) -> ExchangeMark:
    """Return the mark of a request, which is only sent to this machine."""
    name = draw()
    return ExchangeMark(name, sender) if is_loopback_name(host or "") else ExchangeMark(f"{_UNSENT}{name}")


def is_shared(name: str) -> bool:
    """Return whether the journal of the other party may have a mark, too."""
    return bool(name) and not name.startswith(_UNSENT)


def unshared(name: str) -> str:
    """Return the mark of an arrival that is not the one in the sender's journal; empty for none."""
    return f"{_UNSENT}{name}" if is_shared(name) else name


def is_same_request(one: str, other: str) -> bool:
    """Return whether two marks in one journal are those of arrivals of one request."""
    return bool(one) and one.removeprefix(_UNSENT) == other.removeprefix(_UNSENT)


def mark_header(mark: ExchangeMark) -> dict[str, str]:
    """Return the header with the mark; none for one that is not sent."""
    return {MARK: " ".join(mark).strip()} if is_shared(mark.name) else {}


def take_mark(headers: Mapping[str, str]) -> tuple[ExchangeMark, Mapping[str, str]]:
    """Return the mark of a request that has one, and its headers without it."""
    others = CIMultiDict(headers)
    name, _, sender = others.pop(MARK).partition(" ")
    return ExchangeMark(name if _NAME.fullmatch(name) else "", sender[:_LONGEST_URL]), others
