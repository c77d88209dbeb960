"""Activity types: kinds of requests and how they may be answered (integration 2.10, 3)."""

from dataclasses import dataclass
from datetime import timedelta

from console_sim import durations
from privman_contracts import WireNames


@dataclass(frozen=True, slots=True)
class ActivityType:
    """A kind of request; the defaults are the one that the vendor prints."""

    max_timeout: timedelta
    name: str = "PM Approval Request"
    description: str = "Approve or deny PM request"

    def fields(self, names: WireNames, instance_id: str) -> dict[str, str]:
        """Return the columns that declare the activity type to ServiceNow."""
        responses = [names.word("response", "approve"), names.word("response", "deny")]
        values = {
            "name": self.name,
            "description": self.description,
            "valid_responses": ",".join(responses),
            "max_timeout": durations.to_text(self.max_timeout),
            "include_comment": "true",
            "include_duration": "true",
            "instance_id": instance_id,
        }
        return {names.column("activity_type", column): value for column, value in values.items()}
