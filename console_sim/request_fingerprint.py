"""The fingerprint of an approval request: two reports with the same one ask for the same approval."""

from collections.abc import Mapping
from hashlib import sha256

import orjson

from console_sim.json_object import bare_guid
from console_sim.routing import Route

_USER = ("InitiatorUserName", "UserName", "InitiatorId")
_COMPUTER = ("AgentId", "AgentName")
_POLICY = ("PolicyId", "PolicyName")
_FILE = ("Sha1Hash", "FilePath", "ProcessName")


def fingerprint_of(reported: Mapping[str, str], route: Route) -> str:
    """Return the digest of user, computer and approval type, and of policy and file if the type is specific to them.

    Empty if a required fact is missing; such a report always creates a new request.
    """
    facts = list(_facts(reported, route).values())
    return sha256(orjson.dumps([route.type.id, *facts])).hexdigest() if all(facts) else ""


def missing_from(reported: Mapping[str, str], route: Route) -> str:
    """Return in words which required facts are missing from a report; empty for none."""
    return " and ".join(name for name, fact in _facts(reported, route).items() if not fact)


def _facts(reported: Mapping[str, str], route: Route) -> dict[str, str]:
    """Return the required facts by their names, those that are missing as empty texts."""
    facts = {"a user": _fact(reported, _USER), "a computer": _fact(reported, _COMPUTER)}
    if route.type.policy_specific:
        facts["a policy"] = _fact(reported, _POLICY) if route.policy is None else route.policy.id
    if route.type.file_specific:
        facts["a file"] = _fact(reported, _FILE)
    return facts


def _fact(reported: Mapping[str, str], keys: tuple[str, ...]) -> str:
    """Return the first key that has a value, with that value; empty if none has.

    Case does not matter, as on Windows, and neither do braces around a GUID. ``casefold`` would equate "straße" and
    "strasse", which Windows does not.
    """
    key = next((each for each in keys if reported.get(each)), "")
    if not key:
        return ""
    return f"{key}={bare_guid(reported[key]).lower()}"
