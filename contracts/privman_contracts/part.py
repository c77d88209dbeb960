"""The parts that the contracts consist of, each with its evidence."""

from collections.abc import Iterator
from dataclasses import dataclass

from privman_contracts.evidence import Evidence
from privman_contracts.index import ExchangeContract
from privman_contracts.spelling import Schema
from privman_contracts.wire_name import WireName


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a contract demands.

    Attributes:
        message: of which it is a part: a message, an exchange, or ``inferred.yaml``.
        path: where in it, such as ``$.metadata.PolicyId``.
        name: what it is called on the wire.
        source: section of the reference that tells of it.
        secret: whether its value must never be shown.
    """

    message: str
    path: str
    evidence: Evidence
    name: str
    source: str
    secret: bool = False


def of_message(message: str, schema: Schema) -> Iterator[Part]:
    """Yield the body itself where it is marked, and each property, inside of JSON text as well."""
    if "x-evidence" in schema:
        yield _part(message, "$", message, schema, schema["x-source"])
    yield from _below(message, "$", schema, schema["x-source"])


def of_exchange(exchange: ExchangeContract) -> Iterator[Part]:
    """Yield the method and path, and each status."""
    line = f"{exchange.method} {exchange.path}"
    yield Part(exchange.name, line, exchange.evidence, exchange.name, exchange.source)
    for answer in exchange.answers:
        yield Part(exchange.name, f"{line} {answer.status}", answer.evidence, answer.status, exchange.source)


def of_name(name: WireName) -> Part:
    """Return the part that a table, word, role or rule is."""
    return Part("inferred.yaml", name.path, name.evidence, str(name.value), "integration 1, 3, 4")


def _below(message: str, where: str, schema: Schema, source: str) -> Iterator[Part]:
    source = schema.get("x-source", source)
    for name, value in schema.get("properties", {}).items():
        yield _part(message, f"{where}.{name}", name, value, source)
        yield from _below(message, f"{where}.{name}", value, source)
    for keyword, step in (("contentSchema", ""), ("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(schema.get(keyword), dict):
            yield from _below(message, f"{where}{step}", schema[keyword], source)


def _part(message: str, path: str, name: str, schema: Schema, source: str) -> Part:
    return Part(message, path, schema["x-evidence"], name, source, secret=schema.get("x-secret", False))
