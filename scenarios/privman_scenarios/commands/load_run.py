"""A run under load: the set-up before it, and what became of its requests."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientSession

from privman_contracts import WireNames
from privman_core.command_line import UsageError
from privman_scenarios.analysis.acknowledged import Acknowledged
from privman_scenarios.analysis.load_outcome import LoadOutcome, judge
from privman_scenarios.commands.load_targets import LoadTargets
from privman_scenarios.errors import ExpectationError
from privman_scenarios.language.spelling import Spelling
from privman_scenarios.playing.control_plane import ControlPlane
from privman_scenarios.playing.party import failed_steps
from privman_scenarios.playing.record_pages import record_pages, records_of

_PAUSE = 0.25
_JUDGED = ("request_id", "status")


class LoadRun:
    """The requests that endpoint users make during a run."""

    def __init__(self, targets: LoadTargets, session: ClientSession, names: WireNames) -> None:
        self._servicenow = targets.servicenow
        self._instance = targets.servicenow.api(session)
        self._consoles = [each.api(session) for each in targets.consoles]
        self._names, self._spelling = names, Spelling(names)
        self._before: set[str] = set()

    async def begin(self) -> None:
        """Set each console up, and remember the requests that are there; raises UsageError and ExpectationError."""
        await self._records()
        user, password = self._servicenow.console_login
        parameters = {"servicenow_url": self._servicenow.url, "servicenow_user": user, "servicenow_password": password}
        for console in self._consoles:
            answer = await ControlPlane(console).call("POST", "/setup", parameters)
            if failed := failed_steps(answer):
                raise ExpectationError("the set-up to succeed", failed)
        self._before = {each["request_id"] for each in await self._approvals()}

    async def outcome(self, acknowledged: Acknowledged, patience: int) -> LoadOutcome:
        """Return what became of the requests, once everything has arrived or nothing more is waited for."""
        outcome = await self._judge(acknowledged)
        for _ in range(int(patience / _PAUSE)):
            if not outcome.broken:
                break
            await asyncio.sleep(_PAUSE)
            outcome = await self._judge(acknowledged)
        return outcome

    async def _judge(self, acknowledged: Acknowledged) -> LoadOutcome:
        approvals = [each for each in await self._approvals() if each["request_id"] not in self._before]
        records = await self._records()
        deliveries = await ControlPlane(self._instance).read("/deliveries", {"deliveries": [dict]})
        return judge(approvals, records, deliveries["deliveries"], acknowledged)

    async def _approvals(self) -> list[Mapping[str, Any]]:
        shape = {"approval_requests": [{"request_id": str, "state": str}]}
        listed = [await ControlPlane(each).read("/approval-requests", shape) for each in self._consoles]
        return [approval for each in listed for approval in each["approval_requests"]]

    async def _records(self) -> list[Mapping[str, Any]]:
        """Return ServiceNow's requests; raises UsageError where these lack a column that is judged."""
        columns = ["sys_id", *self._spelling.record_to_wire("request", dict.fromkeys(_JUDGED, ""))]
        query = urlencode({"sysparm_query": "ORDERBYsys_created_on", "sysparm_fields": ",".join(columns)})
        path = f"/api/now/table/{self._names.table('request')}?{query}"
        found: list[Mapping[str, Any]] = []
        async for page in record_pages(self._instance.getting(self._servicenow.log_in), path):
            for record in records_of(page):
                if missing := [each for each in columns if each not in record]:
                    raise UsageError(f"{self._instance.url} lists requests without {missing[0]!r}. {_OTHER_NAMES}")
                found.append(self._spelling.record_from_wire("request", record))
        return found


_OTHER_NAMES = "Expected the names of that instance in --inferred."
