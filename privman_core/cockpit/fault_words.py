"""A fault in words, and as the step of a scenario that arms it."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from privman_core.cockpit.party_facts import FaultState
from privman_core.cockpit.time_words import date_time
from privman_core.cuts import cut
from privman_core.faults import COMMON

LONGEST_STEP = 4_000
_LONGEST_OPTION = 200
_PLAIN = re.compile(r"[A-Za-z][A-Za-z-]*")
_TIMES = ("after", "lasts")
_UNITS = {"day": 86_400, "hour": 3_600, "minute": 60}


def step(party: str, fault: Mapping[str, Any]) -> str:
    """Return the step of a scenario that arms the fault at that party, in YAML; a comment in place of a long one."""
    default_times = None if fault.get("lasts") is not None else 1
    usual = {"method": "", "path": "*", "skip": 0, "after": 0, "times": default_times}
    keys = {key: value for key, value in fault.items() if key in COMMON and (key not in usual or value != usual[key])}
    options = {key: value for key, value in fault.items() if key not in COMMON}
    given = keys | ({"options": options} if options else {})
    text = f"- {party.lower()}.fault: {{{', '.join(f'{key}: {_value(key, value)}' for key, value in given.items())}}}"
    return text if len(text) <= LONGEST_STEP else f"# The step has {len(text):,} characters, too many to show."


def in_words(fault: FaultState) -> str:
    """Return what the fault strikes or has struck, in a sentence."""
    if fault.stage == "struck":
        return f"Used up: it struck {_count(fault.struck)} {_which(fault)}."
    if fault.stage == "over":
        return f"Over since {_moment(fault, fault.ends)}: it struck {_count(fault.struck)} {_which(fault)}."
    return f"Strikes {_next(fault.spec['times'])} {_which(fault)}{_passing(fault.spec['skip'])}{_within(fault)}."


def span_words(seconds: float) -> str:
    """Return a span as scenarios write it, such as ``2 hours``."""
    for unit, size in _UNITS.items():
        if seconds >= size and seconds % size == 0:
            return _counted(int(seconds // size), unit)
    return _counted(seconds, "second")


def effect(fault: FaultState) -> dict[str, str]:
    """Return the options of the fault in words, by name."""
    return {key: _shown(value) for key, value in fault.spec.items() if key not in COMMON}


def _counted(number: float, unit: str) -> str:
    return f"{number:g} {unit}{'' if number == 1 else 's'}"


def _next(times: int | None) -> str:
    if times is None:
        return "all"
    return "the next" if times == 1 else f"the next {times:,}"


def _count(struck: int) -> str:
    return "no" if not struck else f"{struck:,}"


def _which(fault: FaultState) -> str:
    spec, number = fault.spec, fault.spec["times"] if fault.stage in {"armed", "waiting"} else fault.struck
    noun = "request" if number == 1 else "requests"
    method, path = spec["method"], spec["path"]
    return f"{method} {noun}".strip() + ("" if path == "*" else f" to {cut(path, _LONGEST_OPTION)}")


def _passing(skip: int) -> str:
    return f", once {skip:,} more {'has' if skip == 1 else 'have'} passed" if skip else ""


def _within(fault: FaultState) -> str:
    begins = f" from {_moment(fault, fault.begins)}" if fault.stage == "waiting" else ""
    return begins + (f" until {_moment(fault, fault.ends)}" if fault.ends else "")


def _moment(fault: FaultState, moment: datetime | None) -> str:
    """Return a moment, with its date unless all of the fault is on one day."""
    days = {each.date() for each in (fault.begins, fault.ends) if each}
    return "" if moment is None else f"{moment:%H:%M:%S}" if len(days) == 1 else date_time(moment)


def _shown(value: object) -> str:
    return cut(value if isinstance(value, str) else orjson.dumps(value).decode(), _LONGEST_OPTION)


def _value(key: str, value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return the value of a key of a fault."""
    if key in _TIMES:
        return span_words(value)
    if key in {"kind", "method"} and _PLAIN.fullmatch(value):
        return str(value)
    return _yaml(value)


def _yaml(value: object) -> str:
    """Return a value in flow style: JSON is YAML."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_name(name)}: {_yaml(each)}' for name, each in value.items())}}}"
    return orjson.dumps(value).decode()


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else orjson.dumps(name).decode()
