"""What a page shows once after a form was posted, such as a new Secret."""

from collections.abc import Mapping

MOST_NOTES = 100
LONGEST_VALUE = 4_000
"""Characters; a longer value is left out."""


class OneTimeNotes:
    """A note for each of the `MOST_NOTES` sessions that left one last, in memory only.

    A posted form is answered with a redirect, so that going back or reloading posts nothing again. The note has what
    must not be in the address of the next page.
    """

    def __init__(self) -> None:
        self._notes: dict[str, tuple[str, dict[str, str]]] = {}

    def leave(self, session_id: str, page: str, values: Mapping[str, str]) -> None:
        """Leave a note for a page in place of the session's earlier one."""
        self._notes.pop(session_id, None)
        self._notes[session_id] = (page, {name: text for name, text in values.items() if len(text) <= LONGEST_VALUE})
        if len(self._notes) > MOST_NOTES:
            del self._notes[next(iter(self._notes))]

    def take(self, session_id: str, page: str) -> dict[str, str]:
        """Return the session's note for that page, which is forgotten; empty if there is none."""
        if self._notes.get(session_id, ("",))[0] != page:
            return {}
        return self._notes.pop(session_id)[1]
