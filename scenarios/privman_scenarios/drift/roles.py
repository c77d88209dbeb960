"""Roles that an instance does not have."""

from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs, urlsplit

from privman_contracts import Contracts
from privman_scenarios.recordings.bodies import to_json
from privman_scenarios.recordings.recorded import Recorded


def missing_roles(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[tuple[Recorded, str]]:
    """Yield each look-up of a role of the app that found none, with what it means."""
    roles = {f"name={name.value}": name for name in contracts.names if name.group == "roles"}
    for recorded in recording:
        parts = urlsplit(recorded.url)
        query = parse_qs(parts.query).get("sysparm_query", [""])[0]
        found = to_json(recorded.response)
        if parts.path.endswith("/table/sys_user_role") and query in roles and found == {"result": []}:
            name = roles[query]
            yield recorded, f"{name.path} [{name.evidence}]: no role is called {name.value}."
