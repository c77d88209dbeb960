"""Translate between the packaged spelling, in which scenarios are written, and that of an instance."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from privman_contracts import WireNames
from privman_contracts.wire_names import WireName

Record = dict[str, Any]
# Columns that hold the name of a user.
_USERS = ("user_name", "sys_created_by", "sys_updated_by")
_SENT_KEYS = ("decision", "token", "envelope")
# A webhook that was made by hand posts the last two, anywhere.
_RECEIVED_KEYS = (*_SENT_KEYS, "system_approval_request", "metadata")


class Spelling:
    """Translates what a team's file of inferred names spells differently; everything else stays as it is.

    Records go by the canonical names of their columns on this side.

    Attributes:
        users: the name in scenarios of each user that this run has created, by the name on the instance.
    """

    def __init__(self, names: WireNames) -> None:
        self._names = names
        self._column_words = {name.path: name.words for name in names if name.words}
        self._json_columns = {name.path: name.word for name in names if name.holds == "json"}
        self._message_words = {name.word: name.words[0] for name in names if name.words and _is_key(name)}
        self.users: dict[str, str] = {}

    def record_to_wire(self, table: str, values: Mapping[str, Any]) -> Record:
        """Return a record's values as they are sent."""
        columns = self._columns(table)
        return {
            columns.get(column, column): self._value(table, column, value, _forth) for column, value in values.items()
        }

    def record_from_wire(self, table: str, record: Mapping[str, Any]) -> Record:
        """Return a received record as scenarios speak of it."""
        columns = _back(self._columns(table))
        named = {columns.get(column, column): value for column, value in record.items()}
        return {column: self._value(table, column, value, _back) for column, value in named.items()}

    def body_to_wire(self, path: str, body: Any) -> Any:  # noqa: ANN401 - JSON holds anything
        """Return the JSON of any request as it is sent; the path tells whose it is."""
        table = self._table_in(path)
        if table is None or not isinstance(body, dict):
            return self.message_to_wire(body)
        return self.record_to_wire(table, body)

    def body_from_wire(self, path: str, body: Any) -> Any:  # noqa: ANN401 - JSON holds anything
        """Return the JSON of any exchange as scenarios speak of it; the path tells whose it is."""
        table = self._table_in(path)
        if table is None or not isinstance(body, dict):
            return self.message_from_wire(body)
        result = body.get("result")
        if isinstance(result, dict):
            return body | {"result": self.record_from_wire(table, result)}
        if isinstance(result, list):
            return body | {"result": [self._record_or_other(table, each) for each in result]}
        return self.record_from_wire(table, body)

    def _record_or_other(self, table: str, value: Any) -> Any:  # noqa: ANN401 - JSON holds anything
        return self.record_from_wire(table, value) if isinstance(value, dict) else value

    def message_to_wire(self, body: Any) -> Any:  # noqa: ANN401 - JSON holds anything
        """Return the JSON of a message between ServiceNow and the console's API as it is sent."""
        return _translated(body, self._keys(_SENT_KEYS), self._words())

    def message_from_wire(self, body: Any) -> Any:  # noqa: ANN401 - JSON holds anything
        """Return the JSON of a received message as scenarios speak of it."""
        keys = {
            wire: key for group in _RECEIVED_KEYS for wire, key in _back(self._names.changed(f"keys.{group}")).items()
        }
        words = {key: _back(word) for key, word in self._words().items()}
        wire_words = {**words, **{wire: words[key] for wire, key in keys.items() if key in words}}
        return self.users_from_wire(_translated(body, keys, wire_words))

    def users_from_wire(self, value: Any) -> Any:  # noqa: ANN401 - JSON holds anything
        """Return any JSON with the users of this run under their names in scenarios."""
        return _renamed(value, self.users) if self.users else value

    def column(self, table: str, column: str) -> str:
        """Return a column of one of the app's tables as it is sent."""
        return self._names.column(table, column)

    def response(self, word: str) -> str:
        """Return a response, such as ``Approve``, as it is sent."""
        return self._names.changed("words.response").get(word, word)

    def _table_in(self, path: str) -> str | None:
        return next((table for table, name in self._names.group("tables").items() if f"/{name}" in path), None)

    def _columns(self, table: str) -> dict[str, str]:
        """Return canonical name to spelling; none of a table that is not the app's."""
        known = table in self._names.group("tables")
        return self._names.group(f"columns.{table}") if known else {}

    def _value(self, table: str, column: str, value: object, way: "_Way") -> object:
        if not isinstance(value, str):
            return value
        users = way(_back(self.users))
        if value in users and (way is _back or column in _USERS):
            return users[value]
        words: dict[str, str] = {}
        for group in self._column_words.get(f"columns.{table}.{column}", ()):
            words |= way(self._names.changed(f"words.{group}"))
        if words:
            return ",".join(words.get(word, word) for word in value.split(","))
        keys = self._json_columns.get(f"columns.{table}.{column}")
        return self._json(value, keys, way) if keys else value

    def _json(self, text: str, group: str, way: "_Way") -> str:
        keys = self._names.changed(f"keys.{group}")
        words = self._words()
        if not keys and not any(words.values()):
            return text
        try:
            body = orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
        if way is _back:
            words = {keys.get(key, key): _back(word) for key, word in words.items()}
        return orjson.dumps(_translated(body, way(keys), words)).decode()

    def _keys(self, groups: tuple[str, ...]) -> dict[str, str]:
        return {key: spelled for group in groups for key, spelled in self._names.changed(f"keys.{group}").items()}

    def _words(self) -> dict[str, dict[str, str]]:
        return {key: self._names.changed(f"words.{group}") for key, group in self._message_words.items()}


def _is_key(name: WireName) -> bool:
    return name.path.startswith("keys.")


_Way = Callable[[Mapping[str, str]], dict[str, str]]


def _forth(spelled: Mapping[str, str]) -> dict[str, str]:
    return dict(spelled)


def _back(spelled: Mapping[str, str]) -> dict[str, str]:
    return {wire: name for name, wire in spelled.items()}


def _translated(body: Any, keys: Mapping[str, str], words: Mapping[str, Mapping[str, str]]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(body, list):
        return [_translated(item, keys, words) for item in body]
    if not isinstance(body, dict):
        return body
    return {keys.get(key, key): _word(words.get(key, {}), _translated(item, keys, words)) for key, item in body.items()}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON holds anything
    if isinstance(value, Mapping):
        return {key: _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return _word(names, value)


def _word(words: Mapping[str, str], value: Any) -> Any:  # noqa: ANN401 - JSON holds anything
    return words.get(value, value) if isinstance(value, str) else value
