"""The records that the console keeps in ServiceNow: its registration and its activity type."""

from collections.abc import Mapping
from datetime import timedelta

import orjson
from msgspec import Struct
from yarl import URL

from console_sim.accounts import Credential
from console_sim.approval_duration import duration_text, stored_duration
from console_sim.settings import TOKEN_PATH
from privman_contracts import WireNames


class ActivityType(Struct, frozen=True):
    """A kind of request; the defaults are the vendor's."""

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
            "max_timeout": duration_text(self.max_timeout),
            "include_comment": "true",
            "include_duration": "true",
            "instance_id": instance_id,
        }
        return {names.column("activity_type", column): value for column, value in values.items()}

    def differences(self, names: WireNames, instance_id: str, shown: Mapping[str, str]) -> list[str]:
        """Return the columns whose values differ from those declared, or are missing."""
        column = names.column("activity_type", "max_timeout")
        return [
            name
            for name, value in self.fields(names, instance_id).items()
            if _meaning(value, is_span=name == column) != _meaning(shown.get(name, ""), is_span=name == column)
        ]


def _meaning(text: str, *, is_span: bool) -> object:
    """Return a value in a form that compares equal for every spelling: a sorted list, or a timedelta."""
    if not is_span:
        return sorted(word.strip() for word in text.split(","))
    duration = stored_duration(text)
    return text if duration is None else duration


_MINIMUM_WAIT_TIME = "00:00:50"
_MAXIMUM_RETRY_ATTEMPTS = "3"


def registration_fields(names: WireNames, credential: Credential, post_uri: str) -> dict[str, str]:
    """Return the columns that declare how to call the console back."""
    pairs = {
        "Authentication Type": names.word("authentication_type", "get_token"),
        "Username": credential.account_name,
        "Password": credential.password,
        "Minimum wait time": _MINIMUM_WAIT_TIME,
        "Token Url": f"{URL(post_uri).origin()}{TOKEN_PATH}",
        "Endpoint Url": post_uri,
        "Maximum retry attempts": _MAXIMUM_RETRY_ATTEMPTS,
    }
    spelled = {names.key("instance_metadata", key): value for key, value in pairs.items()}
    column = names.column("integration_configuration", "instance_metadata")
    return {column: orjson.dumps(spelled).decode()}


def differences(names: WireNames, sent: Mapping[str, str], shown: object) -> list[str]:
    """Return the keys whose values in the Integration Configuration differ from those sent.

    Client Id and Secret are not compared, because an instance may mask them.
    """
    column = names.column("integration_configuration", "instance_metadata")
    expected = orjson.loads(sent[column])
    found = _object(shown)
    masked = {names.key("instance_metadata", key) for key in ("Username", "Password")}
    return [key for key, value in expected.items() if key not in masked and found.get(key) != value]


def registered_client_id(names: WireNames, shown: object) -> object:
    """Return the Client Id of a registration, None if it shows none."""
    return _object(shown).get(names.key("instance_metadata", "Username"))


def _object(text: object) -> dict[str, object]:
    try:
        found = orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        found = None
    return found if isinstance(found, dict) else {}
