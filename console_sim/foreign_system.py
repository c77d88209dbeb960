"""The ServiceNow instance that the console talks to, its webhook, and the console's records there."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from console_sim.errors import BadRequestError
from console_sim.remote_record import RemoteRecord
from privman_core.inputs import plain_url

WEBHOOK_EVENT = "Approval Request Event"
WEBHOOK_TYPE = "Webhook Resource (Resources)"
CREATED_BY = "Privilege Manager"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A row of the Messaging tab (integration 2.8, 2.11), created when a foreign system is saved with Use Webhook."""

    name: str
    description: str
    credential: str
    endpoint_url: str
    enabled: bool
    last_modified: datetime = field(compare=False)  # ignored in comparisons

    def to_json(self) -> dict[str, object]:
        """Return the columns of the list and the details."""
        return {
            "name": self.name,
            "description": self.description,
            "last_modified_by": CREATED_BY,
            "last_modified": self.last_modified.isoformat(),
            "type": WEBHOOK_TYPE,
            "event": WEBHOOK_EVENT,
            "credential": self.credential,
            "endpoint_url": self.endpoint_url,
            "enabled": self.enabled,
        }


FOREIGN_SYSTEM_TYPE = "Service Now Instance Resource (Resources)"


@dataclass(frozen=True, slots=True)
class ForeignSystem:
    """A ServiceNow instance (integration 2.6, 2.7).

    Attributes:
        base_url: without a trailing slash.
        credential: name of the ServiceNow user's credential.
        api_credential: name of the credential with which ServiceNow calls back.
        post_uri: the Privilege Manager Post Uri, to which decisions are delivered.
        registration: the Integration Configuration; its sys_id is the Instance Id.
        activity_type: its sys_id is the ActivityType Id.
        last_error: why ServiceNow differs from the console; empty if it does not.
        refused: whether ServiceNow refused the last update, and would refuse it again.
    """

    name: str
    base_url: str
    credential: str
    use_webhook: bool = False
    api_credential: str = ""
    post_uri: str = ""
    webhook: Webhook | None = None
    registration: RemoteRecord = field(default_factory=RemoteRecord)
    activity_type: RemoteRecord = field(default_factory=RemoteRecord)
    last_error: str = ""
    refused: bool = False

    @property
    def webhook_enabled(self) -> bool:
        """Whether approval requests are sent to it."""
        return self.webhook is not None and self.webhook.enabled

    def to_json(self) -> dict[str, object]:
        """Return what the Foreign Systems page shows."""
        return {
            "name": self.name,
            "type": FOREIGN_SYSTEM_TYPE,
            "base_url": self.base_url,
            "credential": self.credential,
            "use_webhook": self.use_webhook,
            "api_credential": self.api_credential,
            "post_uri": self.post_uri,
            **self.ids_to_json(),
        }

    def ids_to_json(self) -> dict[str, object]:
        """Return the ids assigned by ServiceNow, null if missing, and the webhook."""
        return {
            "instance_id": self.registration.sys_id or None,
            "activity_type_id": self.activity_type.sys_id or None,
            "webhook": None if self.webhook is None else self.webhook.to_json(),
        }

    def without_registration(self) -> Self:
        """Return the foreign system, to be registered again: at another instance, or after a reset of this one.

        The instance may know the console already, so the console looks for its own records first.
        """
        return replace(self.without_activity_type(), registration=RemoteRecord(doubtful=True))

    def without_activity_type(self) -> Self:
        """Return the foreign system, its activity type to be registered again."""
        return replace(self, activity_type=RemoteRecord(doubtful=True))


def read_url(key: str, text: str) -> str:
    """Return an http(s) address without a trailing slash; raises BadRequestError that names the key."""
    try:
        return plain_url(text)
    except ValueError as error:
        raise BadRequestError(f"{key!r} is {error}") from None
