"""A foreign system: what the console knows of a ServiceNow instance (integration 2.6, 2.7)."""

from dataclasses import dataclass, field, replace

from console_sim.errors import BadRequestError
from console_sim.servicenow.remote_record import RemoteRecord
from console_sim.webhook import Webhook
from privman_core.addresses import plain_url

TYPE = "Service Now Instance Resource (Resources)"


@dataclass(frozen=True, slots=True)
class ForeignSystem:
    """A ServiceNow instance.

    Attributes:
        base_url: without a trailing slash.
        credential: name of the ServiceNow user's credential.
        api_credential: name of the credential with which ServiceNow calls back.
        post_uri: the Privilege Manager Post Uri, where decisions are to be delivered.
        registration: the Integration Configuration; its sys_id is the Instance Id.
        activity_type: its sys_id is the ActivityType Id.
        last_error: why ServiceNow is not in line with the console, empty when it is.
        refused: whether ServiceNow refused to be brought in line the last time, and would refuse it again.
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
    def listens(self) -> bool:
        """Whether approval requests are to be sent to it."""
        return self.webhook is not None and self.webhook.enabled

    def to_json(self) -> dict[str, object]:
        """Return what the Foreign Systems page shows."""
        return {
            "name": self.name,
            "type": TYPE,
            "base_url": self.base_url,
            "credential": self.credential,
            "use_webhook": self.use_webhook,
            "api_credential": self.api_credential,
            "post_uri": self.post_uri,
            **self.ids_to_json(),
        }

    def ids_to_json(self) -> dict[str, object]:
        """Return the ids that ServiceNow has given, null for the others, and the webhook."""
        return {
            "instance_id": self.registration.sys_id or None,
            "activity_type_id": self.activity_type.sys_id or None,
            "webhook": None if self.webhook is None else self.webhook.to_json(),
        }

    def without_registration(self) -> "ForeignSystem":
        """Return the foreign system as it is to be registered anew: elsewhere, or where the console was forgotten.

        ServiceNow may have known the console before, so the console looks for its own records first.
        """
        return replace(self.without_activity_type(), registration=RemoteRecord(doubtful=True))

    def without_activity_type(self) -> "ForeignSystem":
        """Return the foreign system as its activity type is to be registered anew."""
        return replace(self, activity_type=RemoteRecord(doubtful=True))


def read_url(key: str, text: str) -> str:
    """Return the address without a trailing slash; raises BadRequestError when it is no plain http(s) address."""
    try:
        return plain_url(text)
    except ValueError as error:
        raise BadRequestError(f"{key!r} is {error}") from None
