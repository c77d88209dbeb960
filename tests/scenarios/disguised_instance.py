"""An instance whose columns have other types than those of the mock that stands behind it; it can only be read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession, web

_KEPT = ("link", "x-total-count")


@dataclass(frozen=True)
class Disguise:
    """What a column is shown as.

    Attributes:
        type: ServiceNow's name of it.
        label: None for that of the mock.
        choices: its values; empty for none.
    """

    type: str
    max_length: int = 40
    reference: str = ""
    label: str | None = None
    choices: tuple[str, ...] = ()


class DisguisedInstance:
    """Passes GET on to a mock, and shows columns in their disguises.

    Args:
        url: of the mock.
        disguises: by table and column.

    Attributes:
        methods: of the requests that came.
    """

    def __init__(self, url: str, disguises: Mapping[tuple[str, str], Disguise]) -> None:
        self._url = url
        self._disguises = disguises
        self.methods: list[str] = []

    def app(self) -> web.Application:
        """Return the application; there is nothing under /__admin."""
        app = web.Application()
        app.router.add_get("/api/now/table/{table}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.Response:
        """Pass a request on, and disguise the answer."""
        self.methods.append(request.method)
        headers = {"Authorization": request.headers["Authorization"]}
        async with ClientSession() as session, session.get(f"{self._url}{request.raw_path}", headers=headers) as there:
            body, status = await there.json(), there.status
            kept = {name: value for name, value in there.headers.items() if name.lower() in _KEPT}
        if status == 200:
            body["result"] = self._disguised(request.match_info["table"], body["result"])
        return web.Response(text=json.dumps(body), status=status, content_type="application/json", headers=kept)

    def _disguised(self, table: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if table == "sys_dictionary":
            return [self._column(row) for row in rows]
        if table == "sys_choice":
            return [
                {"sys_id": f"{column}{value}", "name": of, "element": column, "value": value, "label": value}
                for (of, column), disguise in self._disguises.items()
                for value in disguise.choices
            ]
        return [{column: self._value(table, column, value) for column, value in row.items()} for row in rows]

    def _column(self, row: dict[str, Any]) -> dict[str, Any]:
        disguise = self._disguises.get((row["name"], row["element"]))
        if not disguise:
            return row
        shown = {"internal_type": disguise.type, "max_length": str(disguise.max_length)}
        label = row["column_label"] if disguise.label is None else disguise.label
        return {**row, **shown, "reference": disguise.reference, "column_label": label}

    def _value(self, table: str, column: str, value: object) -> object:
        disguise = self._disguises.get((table, column))
        refers = disguise is not None and disguise.reference and value
        return {"link": f"{self._url}/api/now/table/x/{value}", "value": value} if refers else value
