"""Who asks, and when."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo


@dataclass(frozen=True, slots=True)
class QueryContext:
    """What the meaning of a query depends on beside its text.

    Attributes:
        now: the time, aware; what "today" and "an hour ago" are counted from.
        user_id: sys_id of the user who asks.
        user_name: the same user's name.
        timezone: where that user's days begin.
        invalid_returns_no_rows: the property ``glide.invalid_query.returns_no_rows`` (platform 2.6).
    """

    now: datetime
    user_id: str = ""
    user_name: str = ""
    timezone: tzinfo = UTC
    invalid_returns_no_rows: bool = False

    @property
    def local_now(self) -> datetime:
        """The time on the user's wall clock, naive, in whole seconds."""
        return self.now.astimezone(self.timezone).replace(tzinfo=None, microsecond=0)

    def stored(self, local: datetime) -> str:
        """Return a time on the user's wall clock in the form in which columns hold it: UTC."""
        utc = local.replace(tzinfo=self.timezone).astimezone(UTC)
        return utc.replace(tzinfo=None).isoformat(" ")
