"""OpenAPI documents of both parties, made from the index, the schemas and the examples."""

from collections.abc import Iterable, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import orjson

from privman_contracts import swagger
from privman_contracts.contracts import Contracts
from privman_contracts.exchanges import AnswerContract, ExchangeContract, PartyName
from privman_contracts.files import load_yaml
from privman_contracts.schemas import Schema
from privman_contracts.wire_names import WireNames


class Examples:
    """Valid examples in the spelling of one instance; the files have the packaged spelling."""

    def __init__(self, names: WireNames) -> None:
        self._names = names
        self._packaged = WireNames.load()

    def valid(self, message: str, schema: Schema) -> dict[str, Any]:
        """Return name to body of each valid example of the message."""
        files = sorted((_folder() / message).iterdir(), key=lambda file: file.name)
        bodies = ((file.name.removesuffix(".json"), orjson.loads(file.read_bytes())) for file in files)
        return {name: self._spell(body, schema) for name, body in bodies}

    def _spell(self, node: Any, schema: Schema) -> Any:  # noqa: ANN401 - any node of a JSON document
        if isinstance(node, dict):
            return dict(self._spell_keys(node, schema))
        if isinstance(node, list):
            return [self._spell(item, schema.get("items", {})) for item in node]
        if isinstance(node, str) and "contentSchema" in schema:
            return orjson.dumps(self._spell(orjson.loads(node), schema["contentSchema"])).decode()
        if isinstance(node, str) and "x-listed" in schema:
            words = self._respelled([schema["x-listed"]])
            return ",".join(words.get(word, word) for word in node.split(","))
        if isinstance(node, str):
            return self._respelled(schema.get("x-words", [])).get(node, node)
        return node

    def _spell_keys(self, node: dict[str, Any], schema: Schema) -> Iterator[tuple[str, Any]]:
        spellings = self._respelled([schema["x-names"]] if "x-names" in schema else [])
        for key, value in node.items():
            spelled = spellings.get(key, key)
            yield spelled, self._spell(value, schema.get("properties", {}).get(spelled, {}))

    def _respelled(self, groups: list[str]) -> dict[str, str]:
        """Return this instance's spelling of all names in the groups, by their packaged spelling."""
        return {
            str(packaged.value): str(self._names.find(packaged.path).value)
            for packaged in self._packaged
            if packaged.group in groups or packaged.path in groups
        }


def _folder() -> Traversable:
    return resources.files("privman_contracts") / "examples" / "valid"


_OURS = {
    *("$schema", "x-names", "x-words", "x-listed", "x-expected", "x-secret", "x-ignore-case"),
    *("x-calendar", "x-doubt", "x-doubt-keys"),
}


def servicenow(contracts: Contracts, server_url: str) -> dict[str, Any]:
    """Return the document of the API that an instance at ``server_url`` offers to the console and to approvers."""
    return _Document(contracts, "servicenow").build(server_url)


def console(contracts: Contracts, server_url: str) -> dict[str, Any]:
    """Return the document of the API of a console at ``server_url``."""
    return _Document(contracts, "console").build(server_url)


def console_at_docs(contracts: Contracts, server_url: str) -> dict[str, Any]:
    """Return what a console serves at ``swagger/docs/v1``: Swagger 2.0, unless the rule ``api_document`` differs."""
    document = console(contracts, server_url)
    return swagger.from_openapi(document) if contracts.names.choice("api_document") == "swagger-2.0" else document


class _Document:
    """The document of one party."""

    def __init__(self, contracts: Contracts, party: PartyName) -> None:
        self._contracts = contracts
        self._party = party
        self._texts = load_yaml(resources.files("privman_contracts") / "openapi.yaml")[party]
        self._headers: dict[str, Any] = self._texts["headers"]
        self._examples = Examples(contracts.names)

    def build(self, server_url: str) -> dict[str, Any]:
        """Return the whole document."""
        exchanges = [exchange for exchange in self._contracts.exchanges if exchange.server == self._party]
        paths: dict[str, Any] = {}
        for exchange in exchanges:
            paths.setdefault(exchange.path, {})[exchange.method.lower()] = self._operation(exchange)
        return {
            "openapi": "3.1.0",
            "info": self._texts["info"],
            "servers": [{"url": server_url}],
            "security": self._texts["security"],
            "paths": paths,
            "components": {
                "securitySchemes": self._texts["securitySchemes"],
                "schemas": {message: self._schema(message) for message in _messages(exchanges)},
            },
        }

    def _operation(self, exchange: ExchangeContract) -> dict[str, Any]:
        operation: dict[str, Any] = {
            "operationId": exchange.operation_id,
            "summary": exchange.summary,
            **({"tags": [exchange.tag]} if exchange.tag else {}),
            "x-evidence": exchange.evidence,
            "x-source": exchange.source,
            "parameters": [*self._parameters(exchange)],
            "responses": {answer.status.upper(): self._response(answer) for answer in exchange.answers},
        }
        if exchange.request:
            named = {swagger.BODY_NAME: exchange.body_name} if exchange.body_name else {}
            operation["requestBody"] = {
                "required": not exchange.bodiless,
                "content": _content(exchange.request),
                **named,
            }
        if exchange.open:
            operation["security"] = []
        return operation

    def _parameters(self, exchange: ExchangeContract) -> Iterator[dict[str, Any]]:
        for name, parameter in self._texts["parameters"].items():
            described = {key: value for key, value in parameter.items() if key != "of"}
            if not {exchange.kind, exchange.name}.isdisjoint(parameter["of"]):
                yield {"name": name, **described}

    def _response(self, answer: AnswerContract) -> dict[str, Any]:
        response: dict[str, Any] = {"description": answer.meaning, "x-evidence": answer.evidence}
        if answer.schema:
            response["content"] = _content(answer.shaped or answer.schema)
        headers = {**self._headers.get(answer.status, {}), **self._headers.get(answer.schema, {})}
        return {**response, "headers": headers} if headers else response

    def _schema(self, message: str) -> Schema:
        schema = self._contracts.schemas[message]
        examples = self._examples.valid(message, schema)
        return {**_public(schema), "examples": list(examples.values())}


def _content(message: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{message}"}}}


def _messages(exchanges: Iterable[ExchangeContract]) -> list[str]:
    """Return every message that a document of these exchanges refers to."""
    answers = {answer.shaped or answer.schema for exchange in exchanges for answer in exchange.answers}
    return sorted((answers | {exchange.request for exchange in exchanges}) - {""})


def _public(node: Any) -> Any:  # noqa: ANN401 - any node of a schema
    """Return the schema without the keywords that only this package understands."""
    if isinstance(node, list):
        return [_public(item) for item in node]
    if not isinstance(node, dict):
        return node
    # Receivers ignore unknown keys, so the document does not forbid them.
    silent = _OURS | ({"additionalProperties"} if node.get("x-doubt-keys") == "unknown" else set())
    return {key: _public(value) for key, value in node.items() if key not in silent}
