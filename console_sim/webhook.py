"""A webhook, a row of the Messaging tab."""

from dataclasses import dataclass, field
from enum import StrEnum

from console_sim.shelf import Moment

WEBHOOK_TYPE = "Webhook Resource (Resources)"
CREATED_BY = "Privilege Manager"


class WebhookEvent(StrEnum):
    """The events of webhooks: that of ServiceNow foreign systems (S), and the generic one."""

    APPROVAL_REQUEST = "Approval Request Event"
    SYSTEM_APPROVAL_REQUEST = "System Approval Request Event"


@dataclass(frozen=True, slots=True)
class Webhook:
    """The address to which the console posts approval requests.

    Attributes:
        id: of its foreign system if that created it, else of its own.
        credential: name of the credential with which they are sent; empty for none.
        endpoint_url: the Endpoint URL, or Request URL.
        made_by_hand: whether a person created it, for any endpoint.
    """

    id: str
    name: str
    credential: str
    endpoint_url: str
    event: WebhookEvent
    enabled: bool
    last_modified: Moment = field(compare=False)  # a save without changes keeps the older time
    description: str = ""
    made_by_hand: bool = False

    @property
    def posts_messages(self) -> bool:
        """Return whether it posts a message of its own, for any endpoint, and inserts no record in ServiceNow."""
        return self.made_by_hand or self.event is WebhookEvent.SYSTEM_APPROVAL_REQUEST

    def to_json(self) -> dict[str, object]:
        """Return the columns of the list and the details."""
        return {
            "name": self.name,
            "description": self.description,
            "last_modified_by": CREATED_BY,
            "last_modified": self.last_modified.isoformat(),
            "type": WEBHOOK_TYPE,
            "event": self.event,
            "credential": self.credential,
            "endpoint_url": self.endpoint_url,
            "enabled": self.enabled,
        }
