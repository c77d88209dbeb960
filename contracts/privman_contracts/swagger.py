"""An OpenAPI 3.1 document turned into Swagger 2.0, as far as that can say it."""

from typing import Any
from urllib.parse import urlsplit

Node = dict[str, Any]
_JSON = "application/json"
# What a schema of Swagger 2.0 may have of ours; what is left out makes it more lenient.
_KEPT = ("title", "description", "enum", "pattern", "minLength", "minItems", "minProperties", "required")


def from_openapi(document: Node) -> Node:
    """Return the document in Swagger 2.0; conditions, constants and JSON inside of text are left out."""
    address = urlsplit(document["servers"][0]["url"])
    schemas: Node = document["components"]["schemas"]
    return {
        "swagger": "2.0",
        "info": document["info"],
        "host": address.netloc,
        "basePath": address.path or "/",
        "schemes": [address.scheme],
        "consumes": [_JSON],
        "produces": [_JSON],
        "securityDefinitions": {"bearer": {"type": "apiKey", "in": "header", "name": "Authorization"}},
        "security": document["security"],
        "paths": {
            path: {method: _operation(operation) for method, operation in operations.items()}
            for path, operations in document["paths"].items()
        },
        "definitions": {name: _schema(schema) for name, schema in schemas.items()},
    }


def _operation(operation: Node) -> Node:
    kept = {key: value for key, value in operation.items() if key not in ("requestBody", "responses", "parameters")}
    body = operation.get("requestBody")
    parameters = [{"in": "body", "name": "body", "required": True, "schema": _content(body)}] if body else []
    responses = {_status(status): _response(answer) for status, answer in operation["responses"].items()}
    return {**kept, "parameters": parameters, "responses": responses}


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
    if isinstance(schema.get("type"), str) and schema["type"] != "null":
        kept["type"] = schema["type"]
    if "properties" in schema:
        kept["properties"] = {name: _schema(inner) for name, inner in schema["properties"].items()}
    if "items" in schema:
        kept["items"] = _schema(schema["items"])
    if "additionalProperties" in schema:
        rule = schema["additionalProperties"]
        kept["additionalProperties"] = rule if isinstance(rule, bool) else _schema(rule)
    return kept
