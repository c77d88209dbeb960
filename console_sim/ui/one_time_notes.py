"""Values that a page shows once after a form was posted, such as a new Secret."""

from collections.abc import Mapping

from yarl import URL

MOST_NOTES = 100
LONGEST_VALUE = 4_000
"""Characters; a longer value is left out."""

_Key = tuple[str, tuple[tuple[str, str], ...]]


class OneTimeNotes:
    """One note for each session, of the newest `MOST_NOTES`, in memory only.

    A posted form is answered with a redirect, so that reloading posts nothing again. The note has the values that the
    next page shows and that must not be in its address.
    """

    def __init__(self) -> None:
        self._notes: dict[str, tuple[_Key | None, dict[str, str]]] = {}

    def leave(self, session_id: str, page: str, values: Mapping[str, str]) -> None:
        """Leave a note for the page with that path and query; it replaces the session's earlier one."""
        self._notes.pop(session_id, None)
        kept = {name: text for name, text in values.items() if len(text) <= LONGEST_VALUE}
        self._notes[session_id] = (_key(URL(page)), kept)
        if len(self._notes) > MOST_NOTES:
            del self._notes[next(iter(self._notes))]

    def take(self, session_id: str, page: URL) -> dict[str, str]:
        """Return the session's note for that page and forget it; empty for none."""
        if self._notes.get(session_id, (None,))[0] != _key(page):
            return {}
        return self._notes.pop(session_id)[1]


def _key(page: URL) -> _Key:
    return page.path, tuple(page.query.items())
