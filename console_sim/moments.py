"""Moments that the console keeps."""

from datetime import datetime


def refuse_naive(*moments: datetime | None) -> None:
    """Raise ValueError for a moment without a time zone: it cannot be compared with the clock's."""
    for moment in moments:
        if moment is not None and moment.tzinfo is None:
            raise ValueError(f"{moment.isoformat()} has no time zone")
