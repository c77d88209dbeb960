"""The last approval requests, each with its sequence diagram."""

from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.privilege_manager.tables import AppTables
from privman_core.control import COCKPIT
from privman_core.pages.cockpit import Cockpit

ROWS = 50


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval request.

    Attributes:
        form: where people see it on the instance.
        sequence: where everything said about it is drawn.
    """

    request_id: str
    status: str
    asked: str
    form: str
    sequence: str


class ApprovalsPage:
    """What consoles have asked for, the newest first."""

    def __init__(self, cockpit: Cockpit, instance: Instance, tables: AppTables) -> None:
        self._cockpit = cockpit
        self._instance = instance
        self._table = tables.request

    async def show(self, request: web.Request) -> web.Response:
        """Answer the page."""
        approvals = await self._instance.run(self._approvals)
        return self._cockpit.page("approvals.html", request, title="Approvals", approvals=approvals)

    def _approvals(self) -> list[Approval]:
        with self._instance.transaction(self._instance.system) as session:
            return [self._describe(record) for some in session.newest(self._table.name, ROWS) for record in some]

    def _describe(self, record: Record) -> Approval:
        request = self._table.row(record)
        about = urlencode([("about", request.request_id), ("about", request.sys_id)])
        return Approval(
            request.request_id,
            request.status,
            request.created_on,
            f"/{self._table.name}.do?sys_id={request.sys_id}",
            f"{COCKPIT}/sequence?{about}",
        )
