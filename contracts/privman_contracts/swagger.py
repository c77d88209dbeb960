"""Converts an OpenAPI 3.1 document to Swagger 2.0, as far as Swagger can express it."""

import re
from typing import Any
from urllib.parse import urlsplit

import orjson

Node = dict[str, Any]
BODY_NAME = "x-body-name"
"""The keyword of an OpenAPI document for the name that Swagger 2.0 gives a body."""
BASE_PATH = "/Tms/services"
_API = f"{BASE_PATH}/api/"
_JSON = "application/json"
_REFUSED = "400"
_REFERENCE = re.compile('"#/definitions/([^"]+)"')
# Keywords that Swagger 2.0 has, too; leaving out the others makes a schema more lenient.
_KEPT = ("title", "description", "enum", "pattern", "minLength", "minItems", "minProperties", "required")


def from_openapi(document: Node) -> Node:
    """Return the document in Swagger 2.0, with the paths below ``BASE_PATH``; that of the document itself is left out.

    Conditions, constants, JSON inside text, and which calls need no token are left out.
    """
    address = urlsplit(document["servers"][0]["url"])
    paths = {path.removeprefix(BASE_PATH): each for path, each in document["paths"].items() if path.startswith(_API)}
    translated = {path: _operations(operations) for path, operations in paths.items()}
    used = _REFERENCE.findall(orjson.dumps(translated).decode())
    return {
        "swagger": "2.0",
        "info": document["info"],
        "host": address.netloc,
        "basePath": f"{address.path}{BASE_PATH}",
        "schemes": [address.scheme],
        "consumes": [_JSON],
        "securityDefinitions": {"bearer": {"type": "apiKey", "in": "header", "name": "Authorization"}},
        "security": document["security"],
        "tags": [{"name": tag} for tag in sorted(_tags(translated), key=str.lower)],
        "paths": translated,
        "definitions": {name: _schema(document["components"]["schemas"][name]) for name in sorted(set(used))},
    }


def _tags(paths: Node) -> set[str]:
    return {tag for operations in paths.values() for operation in operations.values() for tag in operation["tags"]}


def _operations(operations: Node) -> Node:
    return {method: _operation(operation) for method, operation in operations.items()}


def _operation(operation: Node) -> Node:
    left = ("requestBody", "responses", "parameters", "security")
    kept = {key: value for key, value in operation.items() if key not in left}
    parameters = [*map(_parameter, operation["parameters"]), *_body(operation)]
    responses = {_status(status): _response(answer) for status, answer in operation["responses"].items()}
    answers_json = any("schema" in response for status, response in responses.items() if status < _REFUSED)
    produces = {"produces": [_JSON]} if answers_json else {}
    return {**kept, **produces, "parameters": parameters, "responses": responses}


def _parameter(parameter: Node) -> Node:
    return {**{key: value for key, value in parameter.items() if key != "schema"}, **parameter["schema"]}


def _body(operation: Node) -> list[Node]:
    if "requestBody" not in operation:
        return []
    body: Node = operation["requestBody"]
    name = body.get(BODY_NAME, "body")
    return [{"in": "body", "name": name, "required": body["required"], "schema": _content(body)}]


def _status(status: str) -> str:
    return "default" if status.endswith("XX") else status


def _response(answer: Node) -> Node:
    schema = {"schema": _content(answer)} if "content" in answer else {}
    return {"description": answer["description"], "x-evidence": answer["x-evidence"], **schema}


def _content(node: Node) -> Node:
    reference: str = node["content"][_JSON]["schema"]["$ref"]
    return {"$ref": reference.replace("#/components/schemas/", "#/definitions/")}


def _schema(schema: Node) -> Node:
    kept: Node = {key: schema[key] for key in _KEPT if key in schema}
    if kind := _type(schema.get("type", "null")):
        kept["type"] = kind
    if "properties" in schema:
        kept["properties"] = {name: _schema(inner) for name, inner in schema["properties"].items()}
    if "items" in schema:
        kept["items"] = _schema(schema["items"])
    if "additionalProperties" in schema:
        rule = schema["additionalProperties"]
        kept["additionalProperties"] = rule if isinstance(rule, bool) else _schema(rule)
    if schema.get("examples"):
        kept["example"] = schema["examples"][0]
    return kept


def _type(kind: str | list[str]) -> str:
    """Return the type; the list for a body that may be a list or an object; empty for any type."""
    if isinstance(kind, list):
        return "array" if "array" in kind else ""
    return "" if kind == "null" else kind
