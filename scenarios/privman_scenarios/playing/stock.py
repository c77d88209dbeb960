"""The records that a table had before the run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from privman_scenarios.playing.http_api import HttpApi
from privman_scenarios.playing.log_in import LogIn
from privman_scenarios.playing.party_answer import PartyAnswer
from privman_scenarios.playing.record_pages import next_page

# The newest records of a table, at 100 bytes each.
MOST_LISTED = 1_000
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stock:
    """The records that a table had before the run, as far as known.

    Attributes:
        listed: the newest of them, or all.
        since: whatever was created later was not there: a moment as the instance writes it; empty where all are
            listed, None where nothing is known.
    """

    listed: frozenset[str] = frozenset()
    since: str | None = ""

    def why_doubtful(self, sys_id: str, shown: Mapping[str, Any]) -> str:
        """Return why a record may have been there before, empty where it cannot have been."""
        created = str(shown.get("sys_created_on"))
        is_later = self.since is not None and _MOMENT.fullmatch(created) is not None and created > self.since
        if sys_id not in self.listed and (self.since == "" or is_later):
            return ""
        return "it may have been there before this run"


COMPLETE, UNKNOWN = Stock(), Stock(since=None)


async def list_stock(api: HttpApi, table: str, reader: LogIn) -> Stock:
    """Return the stock of a table as the user sees it; `UNKNOWN` where it is not listed, the newest records first."""
    asked = {"sysparm_query": "ORDERBYDESCsys_created_on", "sysparm_fields": "sys_id,sys_created_on"}
    answer = await api.call(
        "GET", f"/api/now/table/{table}?{urlencode({**asked, 'sysparm_limit': MOST_LISTED})}", auth=reader
    )
    result = answer.json.get("result") if isinstance(answer.json, dict) and not answer.refused else None
    if not isinstance(result, list) or not all(isinstance(each, dict) for each in result):
        return UNKNOWN
    return Stock(frozenset(str(each.get("sys_id")) for each in result), _since(result, answer))


def _since(listed: list[Mapping[str, Any]], answer: PartyAnswer) -> str | None:
    if len(listed) < MOST_LISTED and not next_page(answer.headers.get("link", "")):
        return ""
    moments = [str(each.get("sys_created_on")) for each in listed]
    is_ordered = all(_MOMENT.fullmatch(each) for each in moments) and all(a >= b for a, b in pairwise(moments))
    return moments[-1] if moments and is_ordered else None
