"""A ServiceNow instance that the console talks to, and the console's records there."""

from typing import Self

from msgspec import Struct, field
from msgspec.structs import replace

from console_sim.errors import BadRequestError
from console_sim.remote_record import RemoteRecord
from privman_core.inputs import plain_url

FOREIGN_SYSTEM_TYPE = "Service Now Instance Resource (Resources)"


class ForeignSystem(Struct, frozen=True):
    """A ServiceNow instance.

    Attributes:
        id: a GUID in lower case, so that renaming keeps the registration.
        base_url: as it was typed; see `address`.
        credential: name of the ServiceNow user's credential; empty before one is selected.
        api_credential: name of the credential with which ServiceNow calls back.
        post_uri: the Privilege Manager Post Uri, to which decisions are delivered.
        registration: the Integration Configuration; its sys_id is the Instance Id.
        activity_type: its sys_id is the ActivityType Id.
        last_error: why ServiceNow differs from the console; empty if it does not.
        refused: whether ServiceNow refused the last update, and would refuse it again.
    """

    id: str
    name: str
    base_url: str
    credential: str
    description: str = ""
    use_webhook: bool = False
    api_credential: str = ""
    post_uri: str = ""
    registration: RemoteRecord = field(default_factory=RemoteRecord)
    activity_type: RemoteRecord = field(default_factory=RemoteRecord)
    last_error: str = ""
    refused: bool = False

    @property
    def address(self) -> str:
        """The Base URL without a slash at its end, which makes no difference."""
        return self.base_url.rstrip("/")

    def to_json(self) -> dict[str, object]:
        """Return what the Foreign Systems page shows; the ids that ServiceNow assigned are null if missing."""
        return {
            "name": self.name,
            "description": self.description,
            "type": FOREIGN_SYSTEM_TYPE,
            "base_url": self.base_url,
            "credential": self.credential,
            "use_webhook": self.use_webhook,
            "api_credential": self.api_credential,
            "post_uri": self.post_uri,
            "instance_id": self.registration.sys_id or None,
            "activity_type_id": self.activity_type.sys_id or None,
        }

    def without_registration(self) -> Self:
        """Return the foreign system, to be registered again: at another instance, or after a reset of this one.

        The instance may know the console already, so the console looks for its own records first.
        """
        return replace(self.without_activity_type(), registration=RemoteRecord(may_exist=True))

    def without_activity_type(self) -> Self:
        """Return the foreign system, its activity type to be registered again."""
        return replace(self, activity_type=RemoteRecord(may_exist=True))


def read_url(key: str, text: str) -> str:
    """Return an http(s) address without a trailing slash; raises BadRequestError that names the key."""
    try:
        return plain_url(text)
    except ValueError as error:
        raise BadRequestError(f"{key!r} is {error}") from None


def read_base_url(key: str, text: str) -> str:
    """Return an http(s) address as it was given; raises BadRequestError that names the key."""
    read_url(key, text)
    return text
