"""The exchanges of a scenario in one order, each once, though both parties have journaled it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from privman_core.exchange import path_of
from privman_scenarios.output import mask
from privman_scenarios.playing.control_plane import Journal
from privman_scenarios.playing.merged_journals import in_order, is_of_people

Lifeline = Literal["people", "console", "servicenow"]
LIFELINES: tuple[Lifeline, ...] = ("people", "console", "servicenow")
_OTHER: Mapping[str, Lifeline] = {"console": "servicenow", "servicenow": "console"}


@dataclass(frozen=True, slots=True)
class DiagramMessage:
    """One exchange.

    Attributes:
        at: when it began, as its party's clock shows it.
        path: of the request, without its query.
        status: of the answer, 0 where none came.
        trouble: the fault that touched it, or why no answer came; empty when all went well.
    """

    sender: Lifeline
    receiver: Lifeline
    at: str
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
    merged = in_order(journals.get("servicenow", []), journals.get("console", []))
    return [_message(party, exchange) for party, exchange in merged]


def _message(party: str, exchange: Mapping[str, Any]) -> DiagramMessage:
    sender, receiver = _ends(party, exchange)
    return DiagramMessage(
        sender,
        receiver,
        exchange["at"],
        exchange["method"],
        mask(path_of(exchange["url"])),
        exchange["status"],
        mask(exchange["request"]["body"]),
        mask(exchange["response"]["body"]),
        ", ".join(filter(None, (exchange["fault"] and f"fault {exchange['fault']}", exchange["error"]))),
    )


def _ends(party: str, exchange: Mapping[str, Any]) -> Sequence[Lifeline]:
    here: Lifeline = "console" if party == "console" else "servicenow"
    if exchange["direction"] == "out":
        return here, _OTHER[here]
    return "people" if is_of_people(exchange) else _OTHER[here], here
