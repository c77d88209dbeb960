"""The approval requests that are pending."""

from datetime import datetime
from heapq import nsmallest

from console_sim.approval_request import ApprovalRequest

_SMALLEST_LIMIT = 1_000


class PendingRequests:
    """Ids of the pending approval requests, oldest first, so that they are listed without reading all requests."""

    def __init__(self) -> None:
        self._times_out_at: dict[str, datetime | None] = {}
        self._limit = _SMALLEST_LIMIT

    def add(self, request: ApprovalRequest, now: datetime) -> None:
        """Add a request; each time the number has doubled, forget those that have timed out."""
        self._times_out_at[request.request_id] = request.times_out_at
        if len(self._times_out_at) > self._limit:
            self._limit = max(_SMALLEST_LIMIT, 2 * len(self.ids(now)))

    def remove(self, request_id: str) -> None:
        """Remove a request, if it is there."""
        self._times_out_at.pop(request_id, None)

    def ids(self, now: datetime, *, manual_only: bool = False) -> list[str]:
        """Return the ids of those that have not timed out, and forget the others.

        ``manual_only`` leaves out those that can time out: ServiceNow decides them.
        """
        self._times_out_at = {key: end for key, end in self._times_out_at.items() if end is None or end > now}
        return [key for key, end in self._times_out_at.items() if end is None or not manual_only]

    def coming(self, now: datetime, most: int) -> list[tuple[datetime, str]]:
        """Return the next time-outs with their requests, at most so many, earliest first."""
        ends = ((end, key) for key, end in self._times_out_at.items() if end is not None and end > now)
        return nsmallest(most, ends)

    def clear(self) -> None:
        """Forget all."""
        self._times_out_at.clear()
