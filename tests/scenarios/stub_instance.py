"""A ServiceNow instance as the reference describes it, written without a look at the mock."""

import asyncio
import base64
import json
from collections import Counter
from itertools import count

from aiohttp import ClientSession, web

Row = dict[str, str]
CONFIGURATION, ACTIVITY_TYPE, REQUEST, RESPONSE = (
    f"x_thyti_thycotic_p_{table}" for table in ("integration_configuration", "activity_type", "request", "response")
)


EPOCH = "1970-01-01 "
REFUSED = {"error": {"message": "Operation Failed", "detail": "Decided already"}, "status": "failure"}


def as_stored(row: Row) -> Row:
    """Return the row with its durations as an instance keeps them."""
    spans = {column: f"{EPOCH}{row[column]}" for column in ("max_timeout", "duration") if row.get(column)}
    return {**row, **spans}


class StubInstance:
    """As much of a ServiceNow instance as the integration needs, written without a look at the mock.

    Attributes:
        url: where it is served.
        tables: rows by table.
        deleted: how many rows were deleted.
        late: how many times a response is left out before it is shown.
        deaf: whether it knows no column of a query, so that every row matches, as an instance has it.
        unasked: a column about which nobody may ask, so that a term of a query with it is ignored.
        stores: columns of a response that hold something else than what was decided.
        kept: tables whose rows nobody may delete.
        hidden: tables whose rows nobody may see.
        lacking: tables that are not there, each with the answer to every call about it.
        unread: a table whose rows are counted and not listed, as those that the user may not read (KB0546297).
        refused: tables in which nobody may create rows.
        answered_sys_id: what the next creation is answered with instead of its sys_id.
        foreign: the sys_id with which each creation in a table is answered, whatever it created.
        shown: what a list shows in columns, whatever they hold.
        broken: whether nothing is answered any more but 500.
        longest: how many rows a list has at most; the Link header says where the next page begins.
        endless: a table of which every page is full of rows that were not shown before.
        row_size: how many characters the sys_id of such a row has.
        lists: how many lists were asked for, by table.
        cancelled: a table of which every list that has rows is cut off, with an error beside them, as a quota does.
        answering: how many more lists of responses are answered before a decision is acted upon; 0 to act at once.
        decisions_answer: status and body with which every decision is answered, whoever answers it; None to decide.
        decided_once: whether a decided request is decided no second time.
        hanging: set once a decision has come that is never answered; None to answer it.
    """

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {"sys_user_role": [{"sys_id": "r1", "name": "x_thyti_thycotic_p.approver"}]}
        self.url = ""
        self.deleted = 0
        self.late = 0
        self.deaf = False
        self.unasked = ""
        self.stores: Row = {}
        self.kept: set[str] = set()
        self.hidden: set[str] = set()
        self.lacking: dict[str, type[web.HTTPError]] = {}
        self.unread = ""
        self.refused: set[str] = set()
        self.answered_sys_id: list[object] = []
        self.shown: dict[str, object] = {}
        self.foreign: dict[str, str] = {}
        self.broken = False
        self.longest = 10_000
        self.endless = ""
        self.row_size = 32
        self.lists: Counter[str] = Counter()
        self.cancelled = ""
        self.decided_once = False
        self.decisions_answer: tuple[int, str] | None = None
        self.answering = 0
        self._waiting: list[tuple[Row, str]] = []
        self.hanging: asyncio.Event | None = None
        self._passwords = {"integration": "s3cret"}
        self._numbers = count(1)

    def app(self) -> web.Application:
        """Return the web application; there is nothing under /__admin."""
        app = web.Application()
        app.router.add_post("/api/now/table/{table}", self.create)
        app.router.add_get("/api/now/table/{table}", self.find)
        app.router.add_get("/api/now/table/{table}/{sys_id}", self.read)
        app.router.add_patch("/api/now/table/{table}/{sys_id}", self.update)
        app.router.add_delete("/api/now/table/{table}/{sys_id}", self.delete)
        return app

    async def create(self, request: web.Request) -> web.Response:
        """Insert a row."""
        self._user(request)
        row = {"sys_id": f"{next(self._numbers):032x}", **as_stored(await request.json())}
        if request.match_info["table"] == "sys_user":
            self._passwords[row["user_name"]] = row.pop("user_password")
        if request.match_info["table"] == REQUEST:
            row = {"status": "Pending", "comment": "", "duration": "", **row}
        if request.match_info["table"] in self.refused:
            return web.json_response(REFUSED, status=400)
        self._rows(request).append(row)
        shown = {**row, "sys_id": self.answered_sys_id.pop()} if self.answered_sys_id else row
        if named := self.foreign.get(request.match_info["table"]):
            shown = {**shown, "sys_id": named}
        return web.json_response({"result": shown}, status=201)

    async def find(self, request: web.Request) -> web.Response:
        """Return the rows whose columns equal the query's terms."""
        self._user(request)
        if request.match_info["table"] in self.hidden:
            raise web.HTTPForbidden
        terms = [term.split("=", 1) for term in request.query.get("sysparm_query", "").split("^") if "=" in term]
        wanted = [] if self.deaf else [(column, value) for column, value in terms if column != self.unasked]
        await self._go_on(request)
        self.lists[request.match_info["table"]] += 1
        if request.match_info["table"] == self.endless:
            limit = int(request.query["sysparm_limit"])
            return web.json_response(
                {"result": [{"sys_id": f"{next(self._numbers):0{self.row_size}x}"} for _ in range(limit)]}
            )
        rows = [row for row in self._rows(request) if all(row.get(column) == value for column, value in wanted)]
        if request.match_info["table"] == RESPONSE and self.late:
            self.late -= 1
            rows = []
        if rows and request.match_info["table"] == self.cancelled:
            error = {"message": "Transaction cancelled: maximum execution time exceeded", "detail": ""}
            return web.json_response({"result": rows[:-1], "error": error, "status": "failure"})
        if request.match_info["table"] == self.unread:
            return web.json_response({"result": []}, headers={"X-Total-Count": str(len(rows))})
        return self._page(request, rows)

    async def _go_on(self, request: web.Request) -> None:
        """Act upon decisions that wait, once responses have been asked for often enough."""
        if self._waiting and request.match_info["table"] == RESPONSE:
            self.answering -= 1
            if not self.answering:
                await self.act_upon_decision()

    async def act_upon_decision(self) -> None:
        """Act upon the last decision that waits."""
        await self._deliver(*self._waiting.pop())

    def _page(self, request: web.Request, rows: list[Row]) -> web.Response:
        """Return one page of the rows, with the address of the next."""
        offset = int(request.query.get("sysparm_offset", "0"))
        end = offset + min(self.longest, int(request.query.get("sysparm_limit", "10000")))
        following = request.url.update_query(sysparm_offset=str(end))
        link = {"Link": f'<{following}>;rel="next"'} if end < len(rows) else {}
        listed = [{**row, **{key: self.shown[key] for key in self.shown if key in row}} for row in rows[offset:end]]
        return web.json_response({"result": listed}, headers=link)

    async def read(self, request: web.Request) -> web.Response:
        """Return a row."""
        self._user(request)
        return web.json_response({"result": self._row(request)})

    async def update(self, request: web.Request) -> web.Response:
        """Change a row, and deliver it when it is a decision."""
        user, row = self._user(request), self._row(request)
        if self.hanging is not None:
            self.hanging.set()
            await asyncio.Event().wait()
        if self.decisions_answer is not None:
            status, body = self.decisions_answer
            return web.Response(status=status, text=body)
        if self.decided_once and row.get("status", "Pending") != "Pending":
            return web.json_response(REFUSED, status=403)
        row.update(as_stored(await request.json()))
        if request.match_info["table"] == REQUEST and self.answering:
            self._waiting.append((row, user))
        elif request.match_info["table"] == REQUEST:
            await self._deliver(row, user)
        return web.json_response({"result": row})

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a row."""
        self._user(request)
        if request.match_info["table"] in self.kept:
            raise web.HTTPForbidden
        self._rows(request).remove(self._row(request))
        self.deleted += 1
        return web.Response(status=204)

    async def _deliver(self, row: Row, user: str) -> None:
        registration = next(each for each in self.tables[CONFIGURATION] if each["sys_id"] == row["instance_id"])
        pairs = json.loads(registration["instance_metadata"])
        logon = {"UserName": pairs["Username"], "Password": pairs["Password"]}
        decision = {
            "RequestId": row["request_id"],
            "Response": row["status"],
            "InstanceId": row["instance_id"],
            "RespondedBy": user,
        } | {key: row[key.lower()].removeprefix(EPOCH) for key in ("Comment", "Duration") if row[key.lower()]}
        async with ClientSession() as session:
            async with session.post(pairs["Token Url"], json=logon) as answer:
                headers = {"Authorization": f"Bearer {await answer.json()}"}
            async with session.post(pairs["Endpoint Url"], json=decision, headers=headers) as answer:
                status = str(answer.status)
        response = {"response": row["status"], "response_status_code": status, "retry_attempts": "0"}
        kept = {key: row[key] for key in ("request_id", "comment", "duration")}
        self.tables.setdefault(RESPONSE, []).append(
            {"sys_id": f"{next(self._numbers):032x}", **kept, **response, **self.stores}
        )

    def _user(self, request: web.Request) -> str:
        if self.broken:
            raise web.HTTPInternalServerError
        if refusal := self.lacking.get(request.match_info["table"]):
            raise refusal(text=json.dumps(REFUSED), content_type="application/json")
        name, _, password = base64.b64decode(request.headers["Authorization"][6:]).decode().partition(":")
        if self._passwords.get(name) != password:
            raise web.HTTPUnauthorized
        return name

    def _rows(self, request: web.Request) -> list[Row]:
        return self.tables.setdefault(request.match_info["table"], [])

    def _row(self, request: web.Request) -> Row:
        for row in self._rows(request):
            if row["sys_id"] == request.match_info["sys_id"]:
                return row
        raise web.HTTPNotFound
