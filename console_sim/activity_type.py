"""Activity types: kinds of requests and how they may be answered (integration 2.10, 3)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from console_sim import durations
from privman_contracts import WireNames

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - an instance writes durations as moments without a zone (platform 1.7)
_SPAN = re.compile(r"(?:(\d{4}-\d\d-\d\d) )?(\d{1,4}):([0-5]\d):([0-5]\d)", re.ASCII)


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

    def differences(self, names: WireNames, instance_id: str, shown: Mapping[str, str]) -> list[str]:
        """Return the columns that hold another value than was declared, or are not shown."""
        column = names.column("activity_type", "max_timeout")
        return [
            name
            for name, value in self.fields(names, instance_id).items()
            if _meant(value, is_span=name == column) != _meant(shown.get(name, ""), is_span=name == column)
        ]


def _meant(text: str, *, is_span: bool) -> object:
    """Return what a value means, however an instance writes it: a list in any order, a duration as a date."""
    if not is_span:
        return sorted(word.strip() for word in text.split(","))
    found = _SPAN.fullmatch(text)
    if found is None:
        return text
    day, *clock = found.groups()
    hours, minutes, seconds = map(int, clock)
    days = datetime.fromisoformat(day) - _EPOCH if day else timedelta()
    return days + timedelta(hours=hours, minutes=minutes, seconds=seconds)
