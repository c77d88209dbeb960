"""The cockpit's journal: the exchanges of both ends in one list, found by a search line."""

from urllib.parse import urlencode

from aiohttp import web

from privman_core.cockpit.both_ends import BothEnds
from privman_core.cockpit.ends import EndError
from privman_core.cockpit.merged_rows import MergedPage, merged
from privman_core.cockpit.search import SEARCH_WORDS
from privman_core.control import COCKPIT
from privman_core.pages.rendering import see
from privman_core.pages.site import Visit

ROWS = 50
_MOST_DIGITS = 12


class JournalPages:
    """Shows and empties the journals."""

    def __init__(self, ends: BothEnds) -> None:
        self._ends = ends

    async def show(self, visit: Visit) -> web.Response:
        """Show the newest exchanges that the search line ``find`` fits, newest first."""
        ends, line = await self._ends.find(), visit.query.get("find", "").strip()
        page, error = MergedPage([], {}), ""
        found = []
        try:
            found = [(end, await end.find(line, ROWS, _before(visit, end.name))) for end in ends]
            page = merged(found)
        except EndError as refusal:
            error = str(refusal)
        return await visit.page(
            "cockpit/journal.html",
            400 if error else 200,
            title="Journal",
            ends=ends,
            page=page,
            line=line,
            error=error,
            words=SEARCH_WORDS,
            older=_older(line, page) if page.before else "",
            evicted={end.name: part.evicted for end, part in found if part.evicted},
        )

    async def clear(self, _visit: Visit) -> web.Response:
        """Empty the journals."""
        for end in await self._ends.find():
            await end.forget()
        return see(COCKPIT)


def _before(visit: Visit, name: str) -> int:
    text = visit.query.get(f"before-{name.lower()}", "")[:_MOST_DIGITS]
    return int(text) if text.isascii() and text.isdecimal() else 0


def _older(line: str, page: MergedPage) -> str:
    before = {f"before-{name.lower()}": str(number) for name, number in page.before.items()}
    return f"{COCKPIT}?{urlencode({**({'find': line} if line else {}), **before})}"
