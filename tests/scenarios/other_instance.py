"""An instance with an app like the vendor's, written from the screenshots and the platform's documentation alone.

It has names of its own, columns of other types, and another body for the decision that it posts; nothing in it comes
from our contracts.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from itertools import count

from aiohttp import ClientSession, web

Row = dict[str, str]
SCOPE = "x_dlna_pam"
# Label, then each column with its label, type, and what it refers to.
APP: Mapping[str, tuple[str, Mapping[str, tuple[str, str, str]]]] = {
    f"{SCOPE}_integration": ("Integration Configuration", {"setup": ("Instance metadata", "name_values", "")}),
    f"{SCOPE}_kind": (
        "Activity Details",
        {
            "u_title": ("Name", "string", ""),
            "u_text": ("Description", "string", ""),
            "answers": ("Valid Responses", "string", ""),
            "longest": ("Max timeout", "glide_duration", ""),
            "with_comment": ("Include comment", "boolean", ""),
            "with_duration": ("Include duration", "boolean", ""),
            "integration": ("Integration", "reference", f"{SCOPE}_integration"),
        },
    ),
    f"{SCOPE}_approval": (
        "Requests",
        {
            "foreign_id": ("Request Id", "string", ""),
            "state": ("Status", "choice", ""),
            "details": ("Metadata", "string", ""),
            "integration": ("Integration", "reference", f"{SCOPE}_integration"),
            "kind": ("Kind", "reference", f"{SCOPE}_kind"),
            "remark": ("Remark", "string", ""),
            "granted_for": ("Granted for", "glide_duration", ""),
        },
    ),
    f"{SCOPE}_outcome": (
        "Responses",
        {
            "foreign_id": ("Request Id", "string", ""),
            "answer": ("Response", "string", ""),
            "http_status": ("Response status code", "integer", ""),
            "retries": ("Retry attempts", "integer", ""),
            "remark": ("Comment", "string", ""),
            "granted_for": ("Duration", "glide_duration", ""),
        },
    ),
}
INTEGRATION, KIND, APPROVAL, OUTCOME = APP
STATES = ("Waiting", "Approve", "Deny", "Lapsed")
ROLES = (f"{SCOPE}.administrator", f"{SCOPE}.approver")
_EPOCH = "1970-01-01 "


class OtherInstance:
    """As much of such an instance as a round trip needs.

    Attributes:
        tables: rows by table.
        keys: of the decision that it posts, for those that a scenario knows; it posts none where there are none.
    """

    def __init__(self) -> None:
        self.keys = {"RequestId": "RequestGuid", "Response": "Response", "Comment": "Remark"}
        self.tables: dict[str, list[Row]] = {
            "sys_properties": [{"sys_id": "p1", "name": "glide.buildname", "value": "Yokohama"}],
            "sys_db_object": [{"sys_id": t, "name": t, "label": APP[t][0], "sys_scope.scope": SCOPE} for t in APP],
            "sys_dictionary": [*_dictionary()],
            "sys_choice": [
                {"sys_id": state, "name": APPROVAL, "element": "state", "value": state, "inactive": "false"}
                for state in STATES
            ],
            "sys_user_role": [{"sys_id": name, "name": name} for name in ROLES],
        }
        self._passwords = {"integration": "s3cret"}
        self._numbers = count(1)

    def app(self) -> web.Application:
        """Return the web application; there is nothing under /__admin."""
        app = web.Application()
        app.router.add_get("/api/now/table/{table}", self.find)
        app.router.add_post("/api/now/table/{table}", self.create)
        app.router.add_get("/api/now/table/{table}/{sys_id}", self.read)
        app.router.add_patch("/api/now/table/{table}/{sys_id}", self.update)
        app.router.add_delete("/api/now/table/{table}/{sys_id}", self.delete)
        return app

    async def find(self, request: web.Request) -> web.Response:
        """Return the rows that equal the query's terms; it knows no other operator."""
        self._user(request)
        terms = [term.split("=", 1) for term in request.query.get("sysparm_query", "").split("^") if "=" in term]
        rows = [row for row in self._rows(request) if all(row.get(column) == value for column, value in terms)]
        return web.json_response({"result": [self._shown(request, row) for row in rows]})

    async def create(self, request: web.Request) -> web.Response:
        """Insert a row."""
        self._user(request)
        table, sent = request.match_info["table"], _stored(await request.json())
        row = {"sys_id": f"{next(self._numbers):032x}", "sys_mod_count": "0", **sent}
        if table == "sys_user":
            self._passwords[row["user_name"]] = row.pop("user_password")
        if table == APPROVAL:
            row = {"state": STATES[0], "remark": "", "granted_for": "", **row}
        self._rows(request).append(row)
        return web.json_response({"result": self._shown(request, row)}, status=201)

    async def read(self, request: web.Request) -> web.Response:
        """Return a row."""
        self._user(request)
        return web.json_response({"result": self._shown(request, self._row(request))})

    async def update(self, request: web.Request) -> web.Response:
        """Change a row, and deliver it when it is a decision."""
        user, row = self._user(request), self._row(request)
        row.update(_stored(await request.json()), sys_mod_count="1")
        if request.match_info["table"] == APPROVAL and self.keys:
            await self._deliver(row, user)
        return web.json_response({"result": self._shown(request, row)})

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a row."""
        self._user(request)
        self._rows(request).remove(self._row(request))
        return web.Response(status=204)

    async def _deliver(self, row: Row, user: str) -> None:
        registration = next(each for each in self.tables[INTEGRATION] if each["sys_id"] == row["integration"])
        setup = json.loads(registration["setup"])
        decision = {
            self.keys["RequestId"]: row["foreign_id"],
            self.keys["Response"]: row["state"],
            self.keys["Comment"]: row["remark"],
            "InstanceId": row["integration"],
            "RespondedBy": user,
        }
        async with ClientSession() as session:
            logon = {"UserName": setup["Username"], "Password": setup["Password"]}
            async with session.post(setup["Token Url"], json=logon) as answer:
                headers = {"Authorization": f"Bearer {await answer.json()}"}
            async with session.post(setup["Endpoint Url"], json=decision, headers=headers) as answer:
                status = str(answer.status)
        kept = {"foreign_id": row["foreign_id"], "answer": row["state"], "remark": row["remark"], "granted_for": ""}
        outcome = {"sys_id": f"{next(self._numbers):032x}", **kept, "http_status": status, "retries": "0"}
        self.tables.setdefault(OUTCOME, []).append(outcome)

    def _user(self, request: web.Request) -> str:
        name, _, password = base64.b64decode(request.headers["Authorization"][6:]).decode().partition(":")
        if self._passwords.get(name) != password:
            raise web.HTTPUnauthorized
        return name

    def _shown(self, request: web.Request, row: Row) -> dict[str, object]:
        """Return a row with its references as the Table API shows them."""
        columns = APP.get(request.match_info["table"], ("", {}))[1]
        refers = {name for name, (_, _, reference) in columns.items() if reference}
        if request.query.get("sysparm_exclude_reference_link") == "true":
            refers = set()
        link = f"{request.url.origin()}/api/now/table/x/"
        return {
            name: {"link": f"{link}{value}", "value": value} if name in refers else value for name, value in row.items()
        }

    def _rows(self, request: web.Request) -> list[Row]:
        return self.tables.setdefault(request.match_info["table"], [])

    def _row(self, request: web.Request) -> Row:
        for row in self._rows(request):
            if row["sys_id"] == request.match_info["sys_id"]:
                return row
        raise web.HTTPNotFound


def _dictionary() -> Iterator[Row]:
    for table, (_, columns) in APP.items():
        for column, (label, type_, reference) in columns.items():
            row = {"name": table, "element": column, "column_label": label, "internal_type": type_}
            default = STATES[0] if column == "state" else ""
            shown = {**row, "reference": reference, "max_length": "4000", "default_value": default}
            yield {"sys_id": f"{table}.{column}", **shown}


def _stored(row: Row) -> Row:
    """Return the row with its durations as an instance keeps them."""
    spans = {column: f"{_EPOCH}{row[column]}" for column in ("longest", "granted_for") if row.get(column)}
    return {**row, **spans}
