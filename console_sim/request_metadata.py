"""The metadata of approval requests: what an endpoint reports, as JSON text."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from console_sim.approval_items import Policy
from console_sim.error_texts import brief
from console_sim.errors import BadRequestError
from console_sim.json_object import GUID, without_braces
from privman_contracts import WireNames
from privman_core.ids import Ids
from privman_core.near_words import hint

_PASCAL_CASE = re.compile(r"[A-Z][A-Za-z0-9]*", re.ASCII)
MOST_ENTRIES = 1_000
"""Entries that the metadata of one request may have when it is reported."""
_GUIDS = frozenset({"PolicyId", "InitiatorId", "AgentId", "ProcessId"})


class MetadataWriter:
    """Writes an endpoint's report as JSON with the wire's keys, in PascalCase, and GUIDs in braces."""

    def __init__(self, names: WireNames, ids: Ids) -> None:
        self._spelling = names.group("keys.metadata")
        self._ids = ids

    def write(self, reported: Mapping[str, Any], policy: Policy | None) -> str:
        """Return the JSON text; the policy's id and name are added if the report lacks them.

        A report without any policy gets a random PolicyId. Raises BadRequestError that names the key.
        """
        known = {"PolicyId": self._ids.guid()} if policy is None else {"PolicyId": policy.id, "PolicyName": policy.name}
        self._require_few(reported)
        return orjson.dumps(self._spelled({**known, **reported})).decode()

    def check(self, reported: Mapping[str, Any]) -> None:
        """Raise BadRequestError as `write` does."""
        self._require_few(reported)
        self._spelled(reported)

    def _require_few(self, reported: Mapping[str, Any]) -> None:
        if len(reported) > MOST_ENTRIES:
            raise BadRequestError(f"'metadata' has {len(reported):,} entries; expected at most {MOST_ENTRIES:,}")

    def _spelled(self, entries: Mapping[str, Any]) -> dict[str, str]:
        return {self._key(key): _value(key, value) for key, value in entries.items()}

    def _key(self, key: str) -> str:
        if _PASCAL_CASE.fullmatch(key) is None:
            raise BadRequestError(f"'metadata' has key {brief(key)}{hint(key, self._spelling)}; expected PascalCase")
        return self._spelling.get(key, key)


def _value(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadRequestError(f"{key!r} of 'metadata' is {brief(value)}; expected text")
    bare = without_braces(value)
    if key in _GUIDS and GUID.fullmatch(bare) is not None:
        return f"{{{bare}}}"
    if key == "PolicyId":
        raise BadRequestError(f"{key!r} of 'metadata' is {brief(value)}; expected a GUID")
    return value


def read_metadata(metadata: str) -> dict[str, str]:
    """Return the entries of the JSON text; none if the database damaged it."""
    try:
        return msgspec.json.decode(metadata, type=dict[str, str])
    except msgspec.MsgspecError:
        return {}
