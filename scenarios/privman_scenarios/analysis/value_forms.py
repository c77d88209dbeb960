"""The forms that values of the app have, a row for each thing that a column or key may hold."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

SYS_ID = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_GUID = re.compile(r"\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9]{1,15}")
_FLAG = re.compile(r"true|false|0|1", re.IGNORECASE)
# A duration as an instance keeps it, and as it is written.
_DURATION = re.compile(r"(19[67][0-9]-[0-9]{2}-[0-9]{2} )?[0-9]{2,7}:[0-5][0-9]:[0-5][0-9]")
_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ValueForm:
    """A form of values.

    Attributes:
        words: what such values are called, in the plural.
        is_one: tells whether a text is one.
    """

    words: str
    is_one: Callable[[str], object]


def _is_json(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


FORMS: Mapping[str, ValueForm] = {
    "guid": ValueForm("GUIDs", _GUID.fullmatch),
    "number": ValueForm("numbers", _NUMBER.fullmatch),
    "flag": ValueForm("true or false", _FLAG.fullmatch),
    "json": ValueForm("JSON objects", _is_json),
    "duration": ValueForm("durations", _DURATION.fullmatch),
    "address": ValueForm("addresses", _ADDRESS.fullmatch),
    "reference": ValueForm("sys_ids", SYS_ID.fullmatch),
}
