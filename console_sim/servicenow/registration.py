"""The body of a registration: what the Integration Configuration tab shows (integration 3)."""

from collections.abc import Mapping

import orjson
from yarl import URL

from console_sim import paths
from console_sim.credential import Credential
from privman_contracts import WireNames

_MINIMUM_WAIT_TIME = "00:00:50"
_MAXIMUM_RETRY_ATTEMPTS = "3"


def registration_fields(names: WireNames, credential: Credential, post_uri: str) -> dict[str, str]:
    """Return the columns that tell the app how to call the console back."""
    pairs = {
        "Authentication Type": names.word("authentication_type", "get_token"),
        "Username": credential.account_name,
        "Password": credential.password,
        "Minimum wait time": _MINIMUM_WAIT_TIME,
        "Token Url": f"{URL(post_uri).origin()}{paths.TOKEN}",
        "Endpoint Url": post_uri,
        "Maximum retry attempts": _MAXIMUM_RETRY_ATTEMPTS,
    }
    spelled = {names.key("instance_metadata", key): value for key, value in pairs.items()}
    column = names.column("integration_configuration", "instance_metadata")
    return {column: orjson.dumps(spelled).decode()}


def differences(names: WireNames, sent: Mapping[str, str], shown: object) -> list[str]:
    """Return the keys that the Integration Configuration shows otherwise than they were sent.

    Client Id and Secret are not compared, because an instance may mask them.
    """
    column = names.column("integration_configuration", "instance_metadata")
    expected = orjson.loads(sent[column])
    found = _object(shown)
    masked = {names.key("instance_metadata", key) for key in ("Username", "Password")}
    return [key for key, value in expected.items() if key not in masked and found.get(key) != value]


def registered_client_id(names: WireNames, shown: object) -> object:
    """Return the Client Id that a registration shows, None where it shows none."""
    return _object(shown).get(names.key("instance_metadata", "Username"))


def _object(text: object) -> dict[str, object]:
    try:
        found = orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        found = None
    return found if isinstance(found, dict) else {}
