"""Parts of the addresses that a journal has, and the addresses of the cockpit's own pages."""

import re
from urllib.parse import urlencode

from privman_core.cockpit.search_line import written
from privman_core.control import COCKPIT
from privman_core.exchange import path_of

_TABLE = re.compile(r"/(?:table|import|aggregate|stats)/([^/?]+)", re.IGNORECASE)
_SEARCHED = 80
"""Characters at the end of a path by which others like it are searched: a search line is short."""


def target_of(url: str) -> str:
    """Return path and query of a URL."""
    _, mark, query = url.partition("?")
    return f"{path_of(url)}{mark}{query}"


def table_of(url: str) -> str:
    """Return the table that a URL of ServiceNow names; empty for none."""
    found = _TABLE.search(url)
    return found[1] if found else ""


def line_like(path: str, **others: str) -> str:
    """Return the search line for exchanges with a path, or a long path's end; ``others`` are further words."""
    return written(**others, path=path if len(path) <= _SEARCHED else f"*{path[-_SEARCHED:]}")


def exchange_name(party: str, number: int) -> str:
    """Return the name of an exchange in the journal of a party, such as ``servicenow-5``."""
    return f"{party.lower()}-{number}"


def exchange_page(party: str, number: int) -> str:
    """Return the address of the page of an exchange."""
    return f"{COCKPIT}/exchanges/{party.lower()}/{number}"


def search_page(path: str = "", text: str = "", **words: str) -> str:
    """Return the address of a page with a search, by default of the journal; see `written`."""
    return f"{COCKPIT}{path}?{urlencode({'find': written(text, **words)}, safe=':')}"
