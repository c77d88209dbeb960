"""What went over the wire, as commands that send it again."""

import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from privman_scenarios.invariants.evidence import from_harness
from privman_scenarios.targets import Targets

_LOGON = {
    "servicenow": ' -u "$SERVICENOW_USER:$SERVICENOW_PASSWORD"',
    "console": ' -H "Authorization: Bearer $TOKEN"',
}


async def transcript(targets: Targets) -> str:
    """Return a curl command for each message that either party received, secrets masked; the same in every run.

    The parties' names stand for their addresses, which differ by run. What the harness only looked up is left out.
    """
    parties = {"servicenow": targets.servicenow, "console": targets.console}
    lines = [
        _command(name, exchange)
        for name, party in parties.items()
        for exchange in await party.control.journal()
        if exchange["direction"] == "in" and not (exchange["method"] == "GET" and from_harness(exchange))
    ]
    text = "\n".join(lines)
    for name, party in parties.items():
        text = text.replace(urlsplit(party.url).netloc, name)
    return text


def _command(name: str, exchange: Mapping[str, Any]) -> str:
    outcome = exchange["status"] or exchange["error"]
    fault = f" ({exchange['fault']})" if exchange["fault"] else ""
    body = exchange["request"]["body"]
    data = f" -H 'Content-Type: application/json' --data {_quoted(body)}" if body else ""
    logon = "" if exchange["url"].endswith("/logon/token") else _LOGON[name]
    url = _quoted(f"http://{name}{exchange['url']}")
    return f"# {exchange['at']} {name}: {outcome}{fault}\ncurl -X {exchange['method']} {url}{logon}{data}"


def _quoted(text: str) -> str:
    """Return the text as a shell reads it, on one line."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + text.encode("unicode_escape").decode().replace("'", "\\'") + "'"
