"""An instance that can only be read: definitions and rows as a test writes them, and answers that go wrong."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from aiohttp import web

Row = Mapping[str, object]
# Label, type and what it refers to; a column's name is the key.
Columns = Mapping[str, tuple[str, str, str]]
# Learns from an instance; gives exit code, output and errors.
Learn = Callable[..., tuple[int, str, str]]

SCOPE = "x_thyti_thycotic_p_"
CONFIGURATION: Columns = {"instance_metadata": ("Instance metadata", "name_values", "")}
ACTIVITY_TYPE: Columns = {
    "name": ("Name", "string", ""),
    "description": ("Description", "string", ""),
    "valid_responses": ("Valid Responses", "string", ""),
    "max_timeout": ("Max timeout", "glide_duration", ""),
    "include_comment": ("Include comment", "boolean", ""),
    "include_duration": ("Include duration", "boolean", ""),
    "instance_id": ("Instance Id", "reference", f"{SCOPE}integration_configuration"),
}
REQUEST: Columns = {
    "request_id": ("Request Id", "string", ""),
    "status": ("Status", "string", ""),
    "metadata": ("Metadata", "string", ""),
    "instance_id": ("Instance Id", "string", ""),
    "activity_type_id": ("ActivityType Id", "string", ""),
    "comment": ("Comment", "string", ""),
    "duration": ("Duration", "glide_duration", ""),
}
RESPONSE: Columns = {
    "request_id": ("Request Id", "string", ""),
    "response": ("Response", "string", ""),
    "response_status_code": ("Response status code", "integer", ""),
    "retry_attempts": ("Retry attempts", "integer", ""),
}
TABLES: Mapping[str, tuple[str, Columns]] = {
    f"{SCOPE}integration_configuration": ("Integration Configuration", CONFIGURATION),
    f"{SCOPE}activity_type": ("Activity Details", ACTIVITY_TYPE),
    f"{SCOPE}request": ("Request", REQUEST),
    f"{SCOPE}response": ("Response", RESPONSE),
}
ROLES = ("x_thyti_thycotic_p.admin", "x_thyti_thycotic_p.approver")


class ReadInstance:
    """Lists the rows that it has, whatever the query says.

    Attributes:
        tables: rows by table.
        answers: what the next requests about a table are answered with instead; the last of several answers them all.
        methods: of the requests that came.
        queries: `sysparm_query` of the requests about each table.
    """

    def __init__(self, tables: Mapping[str, tuple[str, Columns]] = TABLES) -> None:
        self.tables: dict[str, list[Row]] = {
            "sys_user": [{"user_name": "admin"}],
            "sys_db_object": [{"name": name, "label": label} for name, (label, _) in tables.items()],
            "sys_dictionary": [*_dictionary(tables)],
            "sys_user_role": [{"name": name} for name in ROLES],
        }
        self.answers: dict[str, list[Callable[[], web.Response]]] = {}
        self.methods: list[str] = []
        self.queries: dict[str, list[str]] = {}

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_route("*", "/api/now/table/{table}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a request about a table."""
        self.methods.append(request.method)
        table = request.match_info["table"]
        self.queries.setdefault(table, []).append(request.query.get("sysparm_query", ""))
        if others := self.answers.get(table):
            made = others[0] if len(others) == 1 else others.pop(0)
            return made()
        return self.listed(table)

    def listed(self, table: str) -> web.Response:
        """Return the rows of a table, each with a sys_id."""
        rows = self.tables.get(table, [])
        return listing([{"sys_id": f"{number:032x}", **row} for number, row in enumerate(rows)])


def _dictionary(tables: Mapping[str, tuple[str, Columns]]) -> Iterator[Row]:
    for table, (_, columns) in tables.items():
        for column, (label, type_, reference) in columns.items():
            length = "65000" if type_ == "string" else "40"
            row = {"name": table, "element": column, "column_label": label, "internal_type": type_}
            yield {**row, "max_length": length, "reference": reference, "default_value": ""}


def listing(rows: Sequence[Row], total: int | None = None) -> web.Response:
    """Return a list of the Table API, perhaps with how many rows there are in all."""
    headers = {} if total is None else {"X-Total-Count": str(total)}
    return web.json_response({"result": rows}, headers=headers)


def refusal(status: int, message: str = "No") -> Callable[[], web.Response]:
    """Return what refuses as an instance does; who asks again need not wait."""
    body = json.dumps({"error": {"message": message, "detail": None}, "status": "failure"})
    headers = {"Retry-After": "0"}
    return lambda: web.Response(status=status, text=body, content_type="application/json", headers=headers)


def page() -> web.Response:
    """Return the page of an instance that hibernates."""
    return web.Response(text="<html>Your instance is hibernating</html>", content_type="text/html")


def half_a_list() -> web.Response:
    """Return a list that a quota has cut off, with an error beside it."""
    error = {"message": "Transaction cancelled: maximum execution time exceeded", "detail": ""}
    return web.json_response({"result": [{"name": "x"}], "error": error, "status": "failure"})


def too_many(retry_after: str) -> Callable[[], web.Response]:
    """Return what says when to ask again."""
    headers = {"Retry-After": retry_after} if retry_after else {}
    body = json.dumps({"error": {"message": "Rate limit exceeded", "detail": ""}, "status": "failure"})
    return lambda: web.Response(status=429, text=body, content_type="application/json", headers=headers)
