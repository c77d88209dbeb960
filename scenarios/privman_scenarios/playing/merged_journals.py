"""The journals of both parties in one order, each exchange once, though both have journaled it."""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any

from privman_core.exchange import path_of
from privman_scenarios.playing.control_plane import Journal
from privman_scenarios.playing.http_api import USER_AGENT

_Key = tuple[str, str, str]


def in_order(servicenow: Journal, console: Journal) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each exchange with the party whose journal has it, in the order in which they began."""
    yield from _merged(servicenow, console, _pairs(servicenow, console))


def _pairs(first: Journal, second: Journal) -> dict[int, int]:
    """Return which exchange of the second journal is the same as one of the first, by their places."""
    waiting: dict[_Key, deque[int]] = defaultdict(deque)
    for place, exchange in enumerate(second):
        waiting[_key(exchange, exchange["direction"])].append(place)
    pairs = {}
    for place, exchange in enumerate(first):
        received = exchange["direction"] == "in"
        others = waiting.get(_key(exchange, "out" if received else "in"))
        if others and not (received and is_of_people(exchange)):
            pairs[place] = others.popleft()
    return pairs


def _key(exchange: Mapping[str, Any], direction: str) -> _Key:
    """Return what both journals say of an exchange, with the direction of the one that is looked for."""
    of_people = direction == exchange["direction"] == "in" and is_of_people(exchange)
    return "people" if of_people else direction, exchange["method"], path_of(exchange["url"])


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
    """Return the exchange with what either of the two knows of its trouble; the sender knows what it received."""
    sent = one if one["direction"] == "out" else other
    known = {"status": sent["status"], "error": sent["error"], "fault": one["fault"] or other["fault"]}
    return {**one, **known, "response": sent["response"]}


def is_of_people(received: Mapping[str, Any]) -> bool:
    """Return whether a received exchange came from the harness, which acts for people."""
    headers = received["request"]["headers"]
    return any(name.lower() == "user-agent" and value == USER_AGENT for name, value in headers)
