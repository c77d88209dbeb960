"""An instance that answers anything, and notes what is done to records of others."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

from aiohttp import web

from privman_contracts import WireNames

FOREIGN = [f"{number:x}" * 32 for number in range(10, 16)]
Answer = Callable[["HostileInstance", web.Request, dict[str, Any]], web.StreamResponse]


def answer(result: object, status: int = 200) -> web.Response:
    """Return an answer of the Table API."""
    return web.json_response({"result": result}, status=status)


def honest(instance: "HostileInstance", request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """Do what was asked."""
    table, sys_id = request.match_info["table"], request.match_info.get("sys_id", "")
    rows = instance.tables.setdefault(table, {})
    if request.method == "POST":
        sys_id = f"{next(instance.numbers):032x}"
        rows[sys_id] = {**body, "sys_id": sys_id}
        return answer(rows[sys_id], 201)
    if not sys_id:
        terms = [term.split("=", 1) for term in request.query.get("sysparm_query", "").split("^") if "=" in term]
        return answer([row for row in rows.values() if all(row.get(column) == value for column, value in terms)])
    if sys_id not in rows:
        return web.json_response({"error": {"message": "No Record found", "detail": ""}}, status=404)
    if request.method == "DELETE":
        del rows[sys_id]
        return web.Response(status=204)
    rows[sys_id].update(body)
    if table.endswith("_request") and "status" in body:
        response = {"sys_id": f"{next(instance.numbers):032x}", "request_id": rows[sys_id].get("request_id", "")}
        instance.tables.setdefault(table.replace("_request", "_response"), {})[response["sys_id"]] = response
    return answer(rows[sys_id])


def deaf(instance: "HostileInstance", request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """Ignore every query, so that each list has the records of everybody."""
    if request.method == "GET" and "sys_id" not in request.match_info:
        return answer([*instance.tables.setdefault(request.match_info["table"], {}).values()])
    return honest(instance, request, body)


def echoing(instance: "HostileInstance", request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """Show in every record of others whatever a query asks for."""
    if request.method == "GET" and "sys_id" not in request.match_info:
        terms = [term.split("=", 1) for term in request.query.get("sysparm_query", "").split("^") if "=" in term]
        rows = instance.tables.setdefault(request.match_info["table"], {}).values()
        return answer([{**row, **dict(terms), "sys_id": row["sys_id"]} for row in rows])
    return honest(instance, request, body)


def creating(sys_id: object) -> Answer:
    """Return what answers each creation with this sys_id."""

    def create(instance: "HostileInstance", request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if request.method != "POST":
            return honest(instance, request, body)
        honest(instance, request, body)
        return answer({**body, "sys_id": sys_id}, 201)

    return create


def located(instance: "HostileInstance", request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """Name a record of somebody else in the Location of each creation."""
    if request.method != "POST":
        return honest(instance, request, body)
    path = f"/api/now/table/{request.match_info['table']}/{FOREIGN[0]}"
    return web.Response(status=201, headers={"Location": path})


def undying(instance: "HostileInstance", request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """Answer each deletion as if the record were gone."""
    return web.Response(status=204) if request.method == "DELETE" else honest(instance, request, body)


def busy(method: str) -> Answer:
    """Return what answers 503 once: to the first deletion, or to the first look after it."""

    def reply(instance: "HostileInstance", request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        instance.deleting |= request.method == "DELETE"
        if not instance.deleting or instance.was_busy or request.method != method:
            return honest(instance, request, body)
        instance.was_busy = True
        return web.Response(status=503)

    return reply


def created_with(status: int, text: str = "") -> Answer:
    """Return what creates users, and answers that with this status, and with the text if there is one."""

    def create(instance: "HostileInstance", request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        reply = honest(instance, request, body)
        if request.method != "POST" or request.match_info["table"] != "sys_user":
            return reply
        return web.Response(text=text or reply.text, status=status, content_type="application/json")  # type: ignore[attr-defined]

    return create


def always(body: str, status: int = 200, content_type: str = "application/json") -> Answer:
    """Return what answers everything like this, but the log-on."""

    def reply(instance: "HostileInstance", request: web.Request, sent: dict[str, Any]) -> web.StreamResponse:
        if request.query.get("sysparm_fields") == "sys_id" and request.match_info["table"] == "sys_user":
            return honest(instance, request, sent)
        return web.Response(text=body, status=status, content_type=content_type)

    return reply


HOSTILITIES: dict[str, Answer] = {
    "honest": honest,
    "deaf": deaf,
    "echoing": echoing,
    "located": located,
    "foreign sys_id": creating(FOREIGN[0]),
    "path as sys_id": creating(f"../incident/{FOREIGN[0]}"),
    "query as sys_id": creating("?sysparm_query=active=true"),
    "empty sys_id": creating(""),
    "number as sys_id": creating(7),
    "sys_id missing": creating(None),
    "list as sys_id": creating([FOREIGN[0]]),
    "undying": undying,
    "busy at a deletion": busy("DELETE"),
    "busy after a deletion": busy("GET"),
    "created with 200": created_with(200),
    "created and refused": created_with(502, "<html>"),
    "a page": always("<html>", content_type="text/html"),
    "half a body": always('{"result": [{"sys_id": "'),
    "a list": always("[]"),
    "a text": always('"result"'),
    "a number": always("1"),
    "null": always("null"),
    "a list where a record was due": always('{"result": [{"sys_id": "' + FOREIGN[0] + '"}]}'),
    "a record where a list was due": always('{"result": {"sys_id": "' + FOREIGN[0] + '"}}'),
    "records that are numbers": always('{"result": [1, null, "x", []]}'),
    "a result that is null": always('{"result": null}'),
    "refusals": always('{"error": {"message": "No", "detail": null}}', 403),
    "created without a body": always("", 201),
    "nested": always("[" * 5_000 + "]" * 5_000),
    "a number that does not fit": always('{"result": ' + "9" * 5_000 + "}"),
    "not UTF-8": always('{"result": "\\ud800"}'),
}


class HostileInstance:
    """Answers the Table API as one hostility has it.

    Attributes:
        tables: rows by table and sys_id; those of `FOREIGN` are of others.
        harm: each request that changed or deleted a record of somebody else.
    """

    def __init__(self, hostility: str) -> None:
        self._answer = HOSTILITIES[hostility]
        self.numbers = count(1)
        self.deleting = self.was_busy = False
        self.harm: list[str] = []
        named = (*WireNames.load().group("tables").values(), "sys_user", "sys_user_group", "incident")
        self.tables: dict[str, dict[str, dict[str, Any]]] = {
            table: {sys_id: {"sys_id": sys_id, "name": "of others"} for sys_id in FOREIGN} for table in named
        }
        self.tables["sys_user_role"] = {"1" * 32: {"sys_id": "1" * 32, "name": "x_thyti_thycotic_p.approver"}}

    def app(self) -> web.Application:
        """Return the web application; there is nothing under /__admin."""
        app = web.Application()
        for path in ("/api/now/table/{table}", "/api/now/v2/table/{table}", "/api/now/v1/table/{table}"):
            app.router.add_route("*", path, self.handle)
            app.router.add_route("*", path + "/{sys_id:.*}", self.handle)
        app.router.add_route("*", "/{path:.*}", self.elsewhere)
        return app

    async def elsewhere(self, request: web.Request) -> web.StreamResponse:
        """Note what is sent to no table."""
        self._note(request, any(sys_id in request.path for sys_id in FOREIGN))
        raise web.HTTPNotFound

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer, and note what harms others."""
        sys_id = request.match_info.get("sys_id")
        self._note(request, sys_id is None or sys_id in FOREIGN or not sys_id.isalnum())
        try:
            body = await request.json()
        except (json.JSONDecodeError, UnicodeDecodeError):
            body = {}
        return self._answer(self, request, body if isinstance(body, dict) else {})

    def _note(self, request: web.Request, others: bool) -> None:  # noqa: FBT001 - called in two places above
        override = request.headers.get("X-HTTP-Method-Override", request.method)
        if others and (request.method in ("PATCH", "PUT", "DELETE") or override != request.method):
            self.harm.append(f"{request.method} {request.raw_path}")
