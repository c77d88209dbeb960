"""Tables and roles that an instance says it does not have; what it calls them instead it does not say."""

from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs, urlsplit

from privman_contracts import Contracts
from privman_scenarios.drift.dictionary import mend
from privman_scenarios.recordings.bodies import to_json
from privman_scenarios.recordings.recorded import Recorded

_BAD_REQUEST = 400


def missing_names(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[tuple[Recorded, str]]:
    """Yield each answer that tells of such a table or role, with what it means."""
    names = {f"{name.group}/{name.value}": name for name in contracts.names}
    for recorded in recording:
        name = names.get(_missing_table(recorded)) or names.get(_missing_role(recorded))
        if name:
            kind = name.group.removesuffix("s")
            yield recorded, f"{name.path} [{name.evidence}]: no {kind} is called {name.value}. {mend(name, 'NAME')}"


def _missing_table(recorded: Recorded) -> str:
    """Return the table that was asked for and, as the answer says, is none (platform 1.9)."""
    answer = to_json(recorded.response)
    error = answer.get("error") if isinstance(answer, dict) else None
    table = urlsplit(recorded.url).path.partition("/table/")[2].partition("/")[0]
    told = recorded.status == _BAD_REQUEST and isinstance(error, dict) and table in str(error.get("message"))
    return f"tables/{table}" if told else ""


def _missing_role(recorded: Recorded) -> str:
    """Return the role that was looked up and not found."""
    parts = urlsplit(recorded.url)
    query = parse_qs(parts.query).get("sysparm_query", [""])[0]
    none = parts.path.endswith("/table/sys_user_role") and to_json(recorded.response) == {"result": []}
    return f"roles/{query.removeprefix('name=')}" if none else ""
