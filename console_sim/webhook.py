"""A webhook: what the Messaging tab lists (integration 2.8, 2.11)."""

from dataclasses import dataclass, field
from datetime import datetime

EVENT = "Approval Request Event"
TYPE = "Webhook Resource (Resources)"
CREATED_BY = "Privilege Manager"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook; it is created in the background when its foreign system is saved with Use Webhook."""

    name: str
    description: str
    credential: str
    endpoint_url: str
    enabled: bool
    last_modified: datetime = field(compare=False)  # two webhooks that differ only in it are the same

    def to_json(self) -> dict[str, object]:
        """Return the columns of the list and the details behind it."""
        return {
            "name": self.name,
            "description": self.description,
            "last_modified_by": CREATED_BY,
            "last_modified": self.last_modified.isoformat(),
            "type": TYPE,
            "event": EVENT,
            "credential": self.credential,
            "endpoint_url": self.endpoint_url,
            "enabled": self.enabled,
        }
