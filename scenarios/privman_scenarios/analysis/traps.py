"""Traps of a real ServiceNow instance, with the probes that ``traps.yaml`` has for them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

from privman_contracts import files
from privman_scenarios.playing.party_answer import PartyAnswer

_METHODS = ("GET", "POST", "PATCH")


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One request of a probe; texts in it may hold places such as ``<sys_id>``.

    Attributes:
        user: who asks: the prober, nobody, or a stranger.
        compare: what must be the same on the fake and on the instance.
    """

    method: str
    path: str
    compare: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    text: str = ""
    user: Literal["prober", "nobody", "stranger"] = "prober"


@dataclass(frozen=True, slots=True)
class Trap:
    """One thing in which a real instance surprises.

    Attributes:
        number: in the project's collection.
        source: document or thread that tells of it.
        table: of the scratch record; empty when the probe only reads.
        values: of the scratch record; one of them is the mark, by which it is found again.
        needs: an address that must answer 200; empty for none.
    """

    id: str
    number: str
    source: str
    tells: str
    steps: tuple[ProbeStep, ...]
    table: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Unprobed:
    """A trap without a probe, and why."""

    number: str
    tells: str
    because: str


def load_traps() -> tuple[list[Trap], list[Unprobed]]:
    """Return the traps with a probe and those without."""
    content = files.load_yaml(resources.files("privman_scenarios.analysis") / "traps.yaml")
    return [_trap(entry) for entry in content["traps"]], [Unprobed(**entry) for entry in content["unprobed"]]


def _trap(entry: Mapping[str, Any]) -> Trap:
    rest = {key: value for key, value in entry.items() if key != "steps"}
    return Trap(steps=tuple(_probe_step(step) for step in entry["steps"]), **rest)


def _probe_step(entry: Mapping[str, Any]) -> ProbeStep:
    (method,) = (key for key in entry if key in _METHODS)
    rest = {key: value for key, value in entry.items() if key not in {method, "compare", "as"}}
    return ProbeStep(method, entry[method], tuple(entry["compare"]), user=entry.get("as", "prober"), **rest)


ABSENT = "absent"
_SYS_ID = re.compile(r"\b[0-9A-Fa-f]{32}\b")
_TIME = re.compile(r"\b(?!1970)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b")


def observe(answer: PartyAnswer, what: str, own: Mapping[str, str]) -> str:
    """Return what stands in the answer where ``what`` points, such as ``value /error/message``.

    Args:
        answer: the answer.
        what: a kind, and the place for it.
        own: texts of this instance and this run, each with what is written for it.
    """
    kind, _, place = what.partition(" ")
    return _general(_KINDS[kind](answer, place), own)


def _general(text: str, own: Mapping[str, str]) -> str:
    for particular, general in own.items():
        text = text.replace(particular, general)
    return _TIME.sub("<time>", _SYS_ID.sub("<sys_id>", text))


def _observed_status(answer: PartyAnswer, _place: str) -> str:
    return str(answer.status) if answer.status else "no answer"


def _body(answer: PartyAnswer, _place: str) -> str:
    if not answer.body:
        return "none"
    if answer.json is not None:
        return "JSON"
    start = answer.body.lstrip()[:5].lower()
    return "XML" if start == b"<?xml" else "a page" if start.startswith(b"<") else "text"


def _header(answer: PartyAnswer, name: str) -> str:
    return answer.headers.get(name, ABSENT)


def _has_header(answer: PartyAnswer, name: str) -> str:
    return "present" if name in answer.headers else ABSENT


def _value(answer: PartyAnswer, pointer: str) -> str:
    found = _find(answer, pointer)
    return ABSENT if found is _NOTHING else repr(found)


def _type(answer: PartyAnswer, pointer: str) -> str:
    found = _find(answer, pointer)
    if isinstance(found, dict):
        return f"object of {', '.join(sorted(found))}"
    if isinstance(found, str):
        return "text" if found else "empty text"
    return ABSENT if found is _NOTHING else "null" if found is None else type(found).__name__


def _count(answer: PartyAnswer, pointer: str) -> str:
    found = _find(answer, pointer)
    return str(len(found)) if isinstance(found, list) else _type(answer, pointer)


def _keys(answer: PartyAnswer, pointer: str) -> str:
    found = _find(answer, pointer)
    return ", ".join(sorted(found)) if isinstance(found, dict) else _type(answer, pointer)


_NOTHING = object()


def _find(answer: PartyAnswer, pointer: str) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return what stands at a JSON pointer, `_NOTHING` where there is nothing."""
    found: Any = answer.json
    for step in pointer.split("/")[1:]:
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return _NOTHING
    return found


_KINDS: dict[str, Callable[[PartyAnswer, str], str]] = {
    "status": _observed_status,
    "body": _body,
    "header": _header,
    "has-header": _has_header,
    "value": _value,
    "type": _type,
    "count": _count,
    "keys": _keys,
}
