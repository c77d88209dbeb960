"""Marks by which the two parties of one exchange find it in each other's journal, if both run on this machine."""

import os
from collections.abc import Mapping
from itertools import count

from multidict import CIMultiDict

from privman_core.inputs import is_loopback_name

MARK = "x-privman-exchange"
"""The header with the mark; no journal and no product sees it."""
_LONGEST = 40
_numbers = count(1)


def new_mark(host: str | None) -> dict[str, str]:
    """Return the header that marks a request to this machine; none for any other host."""
    return {MARK: f"{os.getpid()}.{next(_numbers)}"} if is_loopback_name(host or "") else {}


def take_mark(headers: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """Return the mark of a request that has one, and its headers without it."""
    others = CIMultiDict(headers)
    return others.pop(MARK)[:_LONGEST], others
