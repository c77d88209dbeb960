"""The exchanges of a scenario in one order, each once, though both parties have journaled it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from privman_scenarios.playing.control_plane import Journal
from privman_scenarios.playing.http_api import USER_AGENT

Lifeline = Literal["people", "console", "servicenow"]
LIFELINES: tuple[Lifeline, ...] = ("people", "console", "servicenow")
_OTHER: Mapping[str, Lifeline] = {"console": "servicenow", "servicenow": "console"}


@dataclass(frozen=True, slots=True)
class DiagramMessage:
    """One exchange.

    Attributes:
        path: of the request, without its query.
        status: of the answer, 0 where none came.
        trouble: the fault that touched it, or why no answer came; empty when all went well.
    """

    sender: Lifeline
    receiver: Lifeline
    method: str
    path: str
    status: int
    request: str
    response: str
    trouble: str


def sequence(journals: Mapping[str, Journal]) -> list[DiagramMessage]:
    """Return the messages in the order in which they began.

    What one party sent and the other received is one message. Parties may lack: a real system keeps no journal.
    """
    first, second = journals.get("servicenow", []), journals.get("console", [])
    pairs = _pairs(first, second)
    return [_message(party, exchange) for party, exchange in _merged(first, second, pairs)]


def _pairs(first: Journal, second: Journal) -> dict[int, int]:
    """Return which exchange of the second journal is the same as one of the first, by their places."""
    waiting = list(range(len(second)))
    pairs = {}
    for place, exchange in enumerate(first):
        same = next((each for each in waiting if _are_same(exchange, second[each])), None)
        if same is not None:
            pairs[place] = same
            waiting.remove(same)
    return pairs


def _are_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if one["direction"] == other["direction"] or one["method"] != other["method"]:
        return False
    received = one if one["direction"] == "in" else other
    return urlsplit(one["url"]).path == urlsplit(other["url"]).path and not _is_of_people(received)


def _merged(first: Journal, second: Journal, pairs: Mapping[int, int]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each exchange with its party; those of a pair keep the two journals in step."""
    paired = set(pairs.values())
    behind = 0
    for place, exchange in enumerate(first):
        alone = [each for each in range(behind, pairs.get(place, -1)) if each not in paired]
        yield from (("console", second[each]) for each in alone)
        behind = max(behind, pairs.get(place, -1) + 1)
        yield "servicenow", _fuller(exchange, second[pairs[place]]) if place in pairs else exchange
    yield from (("console", second[each]) for each in range(behind, len(second)) if each not in paired)


def _fuller(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the exchange with what either of the two knows of its trouble; the sender knows what came."""
    sent = one if one["direction"] == "out" else other
    known = {"status": sent["status"], "error": sent["error"], "fault": one["fault"] or other["fault"]}
    return {**one, **known, "response": sent["response"]}


def _message(party: str, exchange: Mapping[str, Any]) -> DiagramMessage:
    sender, receiver = _ends(party, exchange)
    return DiagramMessage(
        sender,
        receiver,
        exchange["method"],
        urlsplit(exchange["url"]).path,
        exchange["status"],
        exchange["request"]["body"],
        exchange["response"]["body"],
        ", ".join(filter(None, (exchange["fault"] and f"fault {exchange['fault']}", exchange["error"]))),
    )


def _ends(party: str, exchange: Mapping[str, Any]) -> Sequence[Lifeline]:
    here: Lifeline = "console" if party == "console" else "servicenow"
    if exchange["direction"] == "out":
        return here, _OTHER[here]
    return "people" if _is_of_people(exchange) else _OTHER[here], here


def _is_of_people(received: Mapping[str, Any]) -> bool:
    headers = received["request"]["headers"]
    return any(name.lower() == "user-agent" and value == USER_AGENT for name, value in headers)
