"""Both journals as text that is the same for the same seed, byte for byte."""

import json
from collections.abc import Mapping
from typing import Any

from privman_scenarios.targets import Targets


async def journal_text(targets: Targets) -> str:
    """Return both journals, an exchange a line; the parties' names stand for their addresses, which differ by run."""
    parties = {"servicenow": targets.servicenow, "console": targets.console}
    journals = await targets.journals()
    text = "".join(f"{name} {_line(exchange)}\n" for name, journal in journals.items() for exchange in journal)
    for name, party in parties.items():
        text = text.replace(party.url.partition("://")[2], name)
    return text


def _line(exchange: Mapping[str, Any]) -> str:
    answer = exchange["response"]
    kept = [header for header in answer["headers"] if not _varies(header[0], answer["headers"])]
    return json.dumps({**exchange, "response": {**answer, "headers": kept}}, ensure_ascii=False)


def _varies(name: str, headers: list[list[str]]) -> bool:
    """Tell whether a header says something of this run: real time, or how well this run's ports compress."""
    compressed = any(other.lower() == "content-encoding" for other, _ in headers)
    return name.lower() == "date" or (name.lower() == "content-length" and compressed)
