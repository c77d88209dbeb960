"""The Privilege Manager Console as scenarios use it."""

from typing import Any, Self

from privman_scenarios.control_plane import ControlPlane
from privman_scenarios.http_api import Answer, HttpApi, finished
from privman_scenarios.party import Party


class Console(Party):
    """A console; what an endpoint user or an administrator does goes through the control plane of the simulator."""

    def at(self, api: HttpApi) -> Self:
        """Return the same console, spoken to through what stands in front of it."""
        return type(self)(api, ControlPlane(api))

    async def set_up(self, options: dict[str, Any]) -> Answer:
        """Run the documented set-up steps."""
        return await self.control.ask("POST", "/setup", options)

    async def ask(self, metadata: dict[str, Any]) -> Answer:
        """Let an endpoint user ask for approval."""
        return await finished(self.control.ask("POST", "/approval-requests", {"metadata": metadata}))

    async def approval(self, request_id: str) -> dict[str, Any]:
        """Return the approval request as the console sees it."""
        approval: dict[str, Any] = await self.control.call("GET", f"/approval-requests/{request_id}")
        return approval

    async def approvals(self) -> list[dict[str, Any]]:
        """Return every approval request as the console sees it, oldest first."""
        approvals: list[dict[str, Any]] = (await self.control.call("GET", "/approval-requests"))["approval_requests"]
        return approvals

    async def webhooks(self) -> list[dict[str, Any]]:
        """Return what the Messaging tab lists."""
        answer = await self.control.call("GET", "/webhooks")
        webhooks: list[dict[str, Any]] = answer["webhooks"]
        return webhooks
