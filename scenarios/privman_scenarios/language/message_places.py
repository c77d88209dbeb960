"""The keys of messages, place by place, in the packaged spelling."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from typing import Any, Literal, get_args

from privman_contracts import Contracts, PartyName
from privman_contracts.exchanges import ExchangeContract
from privman_scenarios.language import known

Schema = Mapping[str, Any]
Part = Literal["request", "response"]
# What the console returns of a decision, of which the envelope's contract leaves open what it is.
_RESULT: Schema = {"properties": {"RequestId": {}, "State": {"enum": list(known.STATES)}}}
_CONTAINERS = ("object", "array")
_COLUMNS = {"metadata": "request-metadata", "instance_metadata": "instance-metadata"}
_REFUSED = "400"


@dataclass(frozen=True, slots=True)
class Place:
    """One place in the body of a message, by the schemas of whatever may be there.

    Attributes:
        exact: whether they are all that may be there, so that no other word than theirs may be.
    """

    schemas: tuple[Schema, ...]
    exact: bool = True

    def __bool__(self) -> bool:
        return bool(self.schemas)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that an object in this place may have."""
        return tuple(dict.fromkeys(key for schema in self.schemas for key in schema.get("properties", ())))

    @property
    def is_container(self) -> bool:
        """Whether an object or a list must be here, and no plain value."""
        return bool(self) and all(schema.get("type") in _CONTAINERS for schema in self.schemas)

    @property
    def is_json_text(self) -> bool:
        """Whether a text that holds JSON must be here."""
        return bool(self) and all("contentSchema" in schema for schema in self.schemas)

    @property
    def words(self) -> tuple[str, ...]:
        """The words that a text in this place may be; none where it may be any text."""
        enums = [schema.get("enum", [schema["const"]] if "const" in schema else []) for schema in self.schemas]
        words = dict.fromkeys(chain.from_iterable(enums))
        is_closed = self.exact and all(enums) and all(isinstance(each, str) for each in words)
        return tuple(words) if is_closed else ()

    @property
    def may_be_list(self) -> bool:
        """Whether a list may be here."""
        return not self or any(map(_may_be_list, self.schemas))

    def below(self, key: str) -> "Place":
        """Return the place of a key's value."""
        found = (schema["properties"][key] for schema in self.schemas if key in schema.get("properties", ()))
        return replace(self, schemas=tuple(found))

    def items(self) -> "Place":
        """Return the place of a list's items."""
        return replace(self, schemas=tuple(schema["items"] for schema in self.schemas if "items" in schema))

    def parsed(self) -> "Place":
        """Return the place of what the JSON in a text is."""
        found = (schema["contentSchema"] for schema in self.schemas if "contentSchema" in schema)
        return replace(self, schemas=tuple(found))

    def paths_to(self, key: str) -> list[str]:
        """Return where below this place the key, in any case, is; the nearest first."""
        found = {path for path in self.paths() if path.rpartition(".")[2].lower() == key.lower()}
        return sorted(found, key=lambda path: (path.count("."), path))

    def paths(self, before: str = "") -> Iterator[str]:
        """Yield each key below this place with those before it, ``json`` where it is within a text."""
        for key in self.keys:
            yield f"{before}{key}"
            yield from self.below(key).paths(f"{before}{key}.")
        if any("items" in schema for schema in self.schemas):
            yield from self.items().paths(before)
        if any("contentSchema" in schema for schema in self.schemas):
            yield from self.parsed().paths(f"{before}json.")


def _may_be_list(schema: Schema) -> bool:
    return "enum" not in schema and schema.get("type", "array") == "array"


@cache
def every_key() -> frozenset[str]:
    """Return each key of any message."""
    of_columns = (key for column in _COLUMNS for key in of_column(column).paths())
    of_bodies = (key for part in get_args(Part) for key in _of(_contracts().exchanges, part).paths())
    return frozenset(path.rpartition(".")[2] for path in (*of_columns, *of_bodies))


def of_column(column: str) -> Place:
    """Return the place of a column that holds the JSON of a message."""
    return Place(({"type": "string", "contentSchema": _contracts().schemas[_COLUMNS[column]]},))


def of_answer(server: PartyName, method: str, path: str, status: object) -> Place:
    """Return the place of the answer with this status to a request; of any answer where no contract says what it is."""
    exchange = _contracts().match(server, method, path.partition("?")[0])
    exchanges = [exchange] if exchange else _asked_of([server])
    place = _of(exchanges, "response", status) or _of(exchanges, "response")
    return replace(place, exact=exchange is not None)


def of_any_answer(server: PartyName) -> Place:
    """Return the place of whatever a party answers."""
    return _of(_asked_of([server]), "response")


def of_refusal(server: PartyName, status: object) -> Place:
    """Return the place of a refusal with this status; of any where no contract says what it is."""
    exchanges = _asked_of([server])
    return _of(exchanges, "response", status, refused=True) or _of(exchanges, "response", refused=True)


def of_exchanges(servers: Sequence[PartyName], method: str, glob: str, part: Part) -> Place:
    """Return the place of the bodies of exchanges whose path fits; of all where none does."""
    fitting = [
        each
        for each in _asked_of(servers)
        if method in ("", each.method) and known.fits(glob, known.with_sys_id(each.path))
    ]
    return _of(fitting, part) or replace(_of(_asked_of(servers), part), exact=False)


def _asked_of(servers: Sequence[PartyName]) -> list[ExchangeContract]:
    return [each for each in _contracts().exchanges if each.server in servers]


def _of(exchanges: Iterable[ExchangeContract], part: Part, status: object = None, *, refused: bool = False) -> Place:
    found = {
        (message, exchange.path): None
        for exchange in exchanges
        for message in (_messages(exchange, status, refused=refused) if part == "response" else [exchange.request])
        if message
    }
    return Place(tuple(_schema(*each) for each in found))


def _messages(exchange: ExchangeContract, status: object, *, refused: bool) -> Iterator[str]:
    for answer in exchange.answers:
        is_asked = status is None or answer.status in (str(status), f"{str(status)[0]}xx")
        if is_asked and not (refused and answer.status < _REFUSED):
            yield from (answer.schema, answer.shaped)


@cache
def _contracts() -> Contracts:
    return Contracts(known.names())


@cache
def _schema(name: str, path: str) -> Schema:
    """Return the schema of a message, with the columns of the table that the path names."""
    tables = (table for table, wire in known.names().group("tables").items() if f"/{wire}" in path)
    columns = {column: known.words(table, column) for table in tables for column in known.columns(table)}
    return _filled(_contracts().schemas[name], columns)


def _filled(schema: Schema, columns: Mapping[str, Sequence[str]]) -> Schema:
    filled = dict(schema)
    field = schema.get("additionalProperties")
    if isinstance(field, Mapping) and "properties" in field:
        of_columns = {column: {**field, "enum": words} if words else field for column, words in columns.items()}
        filled["properties"] = {**of_columns, **schema.get("properties", {})}
    elif "properties" in schema:
        filled["properties"] = {
            key: _RESULT if key == "Result" else _filled(each, columns) for key, each in schema["properties"].items()
        }
    if "items" in schema:
        filled["items"] = _filled(schema["items"], columns)
    return filled
