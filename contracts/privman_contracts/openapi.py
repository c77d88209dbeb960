"""OpenAPI documents of both sides, made from the index, the schemas and the examples."""

from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

from privman_contracts import swagger, yaml_file
from privman_contracts.contracts import Contracts
from privman_contracts.examples import Examples
from privman_contracts.index import AnswerContract, ExchangeContract, Side
from privman_contracts.spelling import Schema

_OURS = {
    *("$schema", "x-names", "x-words", "x-listed", "x-expected", "x-secret", "x-ignore-case"),
    *("x-calendar", "x-doubt", "x-doubt-keys"),
}


def servicenow(contracts: Contracts, server_url: str) -> dict[str, Any]:
    """Return the document of what an instance at ``server_url`` offers the console and the approvers."""
    return _Document(contracts, "servicenow").build(server_url)


def console(contracts: Contracts, server_url: str) -> dict[str, Any]:
    """Return the document of what a console at ``server_url`` offers the ServiceNow app.

    It is an OpenAPI 3.1 document, or Swagger 2.0 where the rule ``api_document`` says so.
    """
    document = _Document(contracts, "console").build(server_url)
    is_swagger = contracts.names.find("rules.api_document").value == "swagger-2.0"
    return swagger.from_openapi(document) if is_swagger else document


class _Document:
    """The document of one side."""

    def __init__(self, contracts: Contracts, side: Side) -> None:
        self._contracts = contracts
        self._side = side
        self._texts = yaml_file.load(resources.files("privman_contracts") / "openapi.yaml")[side]
        self._headers: dict[str, Any] = self._texts["headers"]
        self._examples = Examples(contracts.names)

    def build(self, server_url: str) -> dict[str, Any]:
        """Return the whole document."""
        exchanges = [exchange for exchange in self._contracts.exchanges if exchange.server == self._side]
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
            "x-evidence": exchange.evidence,
            "x-source": exchange.source,
            "parameters": [*self._parameters(exchange)],
            "responses": {answer.status.upper(): self._response(answer) for answer in exchange.answers},
        }
        if exchange.request:
            operation["requestBody"] = {"required": True, "content": _content(exchange.request)}
        if exchange.open:
            operation["security"] = []
        return operation

    def _parameters(self, exchange: ExchangeContract) -> Iterator[dict[str, Any]]:
        for name, parameter in self._texts["parameters"].items():
            described = {key: value for key, value in parameter.items() if key != "of"}
            if exchange.kind in parameter["of"]:
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
    return {key: _public(value) for key, value in node.items() if key not in _OURS}
