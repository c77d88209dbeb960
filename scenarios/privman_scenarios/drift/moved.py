"""Messages that went to an address that no contract has."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from privman_contracts import Contracts
from privman_contracts.exchanges import ExchangeContract
from privman_scenarios.recordings.bodies import to_json
from privman_scenarios.recordings.recorded import Recorded

_TELLING = 2  # keys that a message must have to be known by them
_CONTROL_PLANE = "/__"


def moved_messages(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[tuple[Recorded, str]]:
    """Yield each message of a kind that the recording shows at no address of its contract, and only elsewhere."""
    found = [contracts.find(recorded.method, recorded.url) for recorded in recording]
    seen = {exchange.request for exchange in found if exchange}
    missing = [each for each in contracts.exchanges if each.request not in seen and _is_telling(each, contracts)]
    for recorded, known in zip(recording, found, strict=True):
        path = urlsplit(recorded.url).path
        if known or path.startswith(_CONTROL_PLANE) or not isinstance(to_json(recorded.request), dict):
            continue
        for exchange in missing:
            if exchange.method == recorded.method and _keeps(exchange.request, recorded, contracts):
                yield recorded, f"{exchange.name} was sent to {path}. Expected {exchange.path} [{exchange.evidence}]."
                break


def _is_telling(exchange: ExchangeContract, contracts: Contracts) -> bool:
    return bool(exchange.request) and len(contracts.schemas[exchange.request].get("required", ())) >= _TELLING


def _keeps(message: str, recorded: Recorded, contracts: Contracts) -> bool:
    return all(violation.doubtful for violation in contracts.check_body(message, recorded.request))
