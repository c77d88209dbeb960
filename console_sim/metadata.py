"""Metadata of an approval request: JSON text with PascalCase keys, GUIDs in braces (integration 3)."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from console_sim.bodies import GUID, near, shown
from console_sim.errors import BadRequestError
from privman_contracts import WireNames
from privman_core.ids import Ids

_PASCAL_CASE = re.compile(r"[A-Z][A-Za-z0-9]*", re.ASCII)
_GUIDS = frozenset({"PolicyId", "InitiatorId", "AgentId", "ProcessId"})


class MetadataWriter:
    """Turns what an endpoint reports into the text that goes on the wire."""

    def __init__(self, names: WireNames, ids: Ids) -> None:
        self._spelling = names.group("keys.metadata")
        self._ids = ids

    def write(self, reported: Mapping[str, Any]) -> str:
        """Return the JSON text; a report without PolicyId gets one. Raises BadRequestError."""
        complete = {"PolicyId": self._ids.guid(), **reported}
        return orjson.dumps({self._key(key): _value(key, value) for key, value in complete.items()}).decode()

    def _key(self, key: str) -> str:
        if _PASCAL_CASE.fullmatch(key) is None:
            raise BadRequestError(f"'metadata' has key {shown(key)}{near(key, self._spelling)}; expected PascalCase")
        return self._spelling.get(key, key)


def _value(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadRequestError(f"{key!r} of 'metadata' is {shown(value)}; expected text")
    bare = value.removeprefix("{").removesuffix("}")
    if key in _GUIDS and GUID.fullmatch(bare) is not None:
        return f"{{{bare}}}"
    if key == "PolicyId":
        raise BadRequestError(f"{key!r} of 'metadata' is {shown(value)}; expected a GUID")
    return value


def facts(metadata: str) -> dict[str, str]:
    """Return what the JSON text says; nothing if somebody has spoilt it in the file."""
    try:
        return msgspec.json.decode(metadata, type=dict[str, str])
    except msgspec.MsgspecError:
        return {}
