"""The calls of a control plane, read from its routes: for its index, and for an OpenAPI document."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

from aiohttp import hdrs, web
from msgspec import Struct

PREFIX = "/__admin"
_TAG = "control plane"
_PARAMETER = re.compile(r"\{(\w+)\}")
_JSON_OBJECT = {"application/json": {"schema": {"type": "object"}}}


class ControlCall(Struct, frozen=True):
    """One call.

    Attributes:
        path: with ``{name}`` for variable parts.
        does: what it does, in one line.
    """

    method: str
    path: str
    does: str

    def to_json(self) -> dict[str, str]:
        """Return the row of the index."""
        return {"method": self.method, "path": self.path, "does": self.does}

    def to_operation(self) -> dict[str, Any]:
        """Return the operation of an OpenAPI document."""
        named = {"in": "path", "required": True, "schema": {"type": "string"}}
        return {
            "operationId": re.sub(r"\W+", "_", f"control_{self.method.lower()}{self.path.removeprefix(PREFIX)}"),
            "summary": self.does,
            "tags": [_TAG],
            "security": [{"admin_token": []}],
            "parameters": [{"name": name, **named} for name in _PARAMETER.findall(self.path)],
            "responses": {
                "2XX": {"description": "done"},
                "default": {"description": "refused; `error` says why", "content": _JSON_OBJECT},
            },
            **({"requestBody": {"content": _JSON_OBJECT}} if self.method == hdrs.METH_POST else {}),
        }


def calls_of(app: web.Application) -> Iterator[ControlCall]:
    """Yield the calls of the application's control plane, in the order of its routes."""
    for route in app.router.routes():
        path = "" if route.resource is None else route.resource.canonical
        if (path == PREFIX or path.startswith(f"{PREFIX}/")) and route.method != hdrs.METH_HEAD:
            first, _, _ = (inspect.getdoc(route.handler) or "").partition("\n\n")
            yield ControlCall(route.method, path, " ".join(first.split()))


def with_control_plane(document: dict[str, Any], app: web.Application) -> dict[str, Any]:
    """Return an OpenAPI document of the product that has the calls of its control plane, too."""
    paths: dict[str, dict[str, Any]] = {}
    for call in calls_of(app):
        paths.setdefault(call.path, {})[call.method.lower()] = call.to_operation()
    components = document["components"]
    token = {"type": "apiKey", "in": "header", "name": "X-Admin-Token"}
    return {
        **document,
        "paths": {**document["paths"], **paths},
        "components": {**components, "securitySchemes": {**components["securitySchemes"], "admin_token": token}},
    }
