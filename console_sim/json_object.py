"""JSON objects read key by key; each error names the key, shows its value and says what was expected."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from console_sim.error_texts import brief
from console_sim.errors import BadRequestError
from console_sim.names import name_error
from privman_core.clock import MOST_SECONDS
from privman_core.near_words import hint

GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
SYS_ID = re.compile(r"[0-9A-Fa-f]{32}")
_SECRET = re.compile("password|secret", re.IGNORECASE)
_WORDS: Mapping[type, str] = {str: "text", bool: "true or false", dict: "an object", list: "a list"}


class JsonObject:
    """A JSON object with known keys only; every method raises BadRequestError."""

    def __init__(self, values: Mapping[str, Any], known: Collection[str]) -> None:
        self._values = values
        for key in values:
            if key not in known:
                raise BadRequestError(f"unknown key {brief(key)}{hint(key, known)}; expected {', '.join(known)}")

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def text(self, key: str, default: str | None = None) -> str:
        """Return non-empty text; without a default the key is required."""
        text: str = self._get(key, str, default)
        if not text and key in self._values:
            raise BadRequestError(f"{key!r} is empty; expected text")
        return text

    def name(self, key: str, default: str | None = None) -> str:
        """Return a valid name without spaces around it; without a default it is required."""
        name = self.text(key, default).strip()
        if key in self._values and (reason := name_error(name)):
            raise BadRequestError(f"{key!r} {reason}")
        return name

    def any_text(self, key: str) -> str:
        """Return text, empty by default."""
        text: str = self._get(key, str, "")
        return text

    def text_or_null(self, key: str) -> str:
        """Return text, empty by default; null gives empty text."""
        return "" if self._values.get(key) is None else self.any_text(key)

    def any(self, key: str) -> object:
        """Return any JSON, null by default."""
        return self._values.get(key)

    def many(self, key: str, default: list[Any] | None = None) -> list[Any]:
        """Return a list; without a default the key is required."""
        values: list[Any] = self._get(key, list, default)
        return values

    def texts(self, key: str) -> list[str]:
        """Return a required list of texts."""
        values = self._get(key, list, None)
        for each in values:
            if not isinstance(each, str):
                raise BadRequestError(f"{key!r} has {brief(each)}; expected text")
        return list(values)

    def matching(self, key: str, form: re.Pattern[str], expected: str) -> str:
        """Return required text that matches."""
        text = self.text(key)
        if form.fullmatch(text) is None:
            raise BadRequestError(f"{key!r} is {brief(text)}; expected {expected}")
        return text

    def guid(self, key: str) -> str:
        """Return a required GUID in lower case; it may be given in braces."""
        text = self.text(key)
        bare = bare_guid(text)
        if GUID.fullmatch(bare) is None:
            raise BadRequestError(f"{key!r} is {brief(text)}; expected a GUID")
        return bare

    def one_of(self, key: str, words: Collection[str]) -> str:
        """Return required text that is one of the words."""
        text = self.text(key)
        if text not in words:
            raise BadRequestError(f"{key!r} is {brief(text)}{hint(text, words)}; expected one of {', '.join(words)}")
        return text

    def flag(self, key: str, *, default: bool | None = None) -> bool:
        """Return a boolean; without a default the key is required."""
        flag: bool = self._get(key, bool, default)
        return flag

    def seconds(self, key: str) -> float:
        """Return a required number of seconds from 0 to ten years."""
        value = self._values.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_SECONDS:
            raise BadRequestError(f"{key!r} is {brief(value)}; expected a number from 0 to {MOST_SECONDS}")
        return value

    def mapping(self, key: str) -> dict[str, Any]:
        """Return a required object."""
        values: dict[str, Any] = self._get(key, dict, None)
        return values

    def _get(self, key: str, kind: type, default: object) -> Any:  # noqa: ANN401 - of the kind that was asked for
        value = self._values.get(key, default)
        if isinstance(value, kind):
            return value
        if key not in self._values:
            raise BadRequestError(f"{key!r} is missing; expected {_WORDS[kind]}")
        seen = "not shown here" if _SECRET.search(key) else brief(value)
        raise BadRequestError(f"{key!r} is {seen}; expected {_WORDS[kind]}")


def spelled(values: Mapping[str, Any], known: Collection[str]) -> JsonObject:
    """Return the known keys of an API body, written in any case; others are ignored, as .NET does.

    Of a key that is given twice, in whatever case, the last one counts, as in Newtonsoft's Json.NET.
    """
    documented = {key.lower(): key for key in known}
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = documented.get(key.lower())
        if name is not None:
            found[name] = value
    return JsonObject(found, known)


def bare_guid(text: str) -> str:
    """Return a GUID in lower case, without the braces that it may be in; any other text as it is."""
    bare = without_braces(text)
    return bare.lower() if GUID.fullmatch(bare) else text


def without_braces(text: str) -> str:
    """Return a text without the pair of braces that it may be in."""
    return text[1:-1] if text.startswith("{") and text.endswith("}") else text
