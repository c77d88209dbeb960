"""A party: one of the two systems, spoken to over HTTP; and the console as a party."""

from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote

from privman_scenarios.errors import ExpectationError
from privman_scenarios.playing.control_plane import ControlPlane
from privman_scenarios.playing.http_api import HttpApi, finished
from privman_scenarios.playing.party_answer import PartyAnswer, Shape


class Party:
    """One end of the integration, spoken to over HTTP.

    Attributes:
        why_no_control: why it has no control plane, for people.
    """

    def __init__(self, api: HttpApi, control: ControlPlane | None) -> None:
        self.api = api
        self._control = control
        self.why_no_control = "nothing"

    @property
    def url(self) -> str:
        """The address, without a trailing slash."""
        return self.api.url

    @property
    def has_control(self) -> bool:
        """Whether it is a fake with a control plane."""
        return self._control is not None

    @property
    def control(self) -> ControlPlane:
        """The control plane; raises ExpectationError where there is none."""
        if self._control is None:
            raise ExpectationError(f"a control plane at {self.url}/__admin", self.why_no_control)
        return self._control


APPROVAL: Shape = {"request_id": str, "state": str}
ASKED: Shape = {"request_id": str, "sent": bool}
SYSTEM: Shape = {"id": str, "name": str, "base_url": str, "instance_id": str | None}
STARTED: Shape = {"request_id": str, "outcome": str}
SET_UP: Mapping[str, Shape] = {
    "steps": [{"step": str, "status": str, "detail": str}],
    "instance_id?": str | None,
    "activity_type_id?": str | None,
}


def failed_steps(outcome: Mapping[str, Any]) -> str:
    """Return which steps of a set-up failed, and why, for people; empty when none did."""
    failed = [each for each in outcome["steps"] if each["status"] == "failed"]
    return "; ".join(f"{each['step']} failed: {each['detail']}" for each in failed)


class ConsoleParty(Party):
    """A console; what an endpoint user or an administrator does goes through the control plane of the simulator."""

    def at(self, api: HttpApi) -> Self:
        """Return the same console, spoken to through what stands in front of it."""
        return type(self)(api, ControlPlane(api))

    async def set_up(self, options: dict[str, Any]) -> PartyAnswer:
        """Run the documented set-up steps."""
        return await self.control.ask("POST", "/setup", options)

    async def ask(self, metadata: dict[str, Any]) -> PartyAnswer:
        """Let an endpoint user ask for approval."""
        return await finished(self.control.ask("POST", "/approval-requests", {"metadata": metadata}))

    async def run(self, metadata: dict[str, Any]) -> PartyAnswer:
        """Let the application start on the endpoint."""
        return await finished(self.control.ask("POST", "/run", {"metadata": metadata}))

    async def approval(self, request_id: str) -> dict[str, Any]:
        """Return the approval request as the console sees it."""
        path = f"/approval-requests/{quote(request_id, safe='')}"
        approval: dict[str, Any] = await self.control.read(path, APPROVAL)
        return approval

    async def approvals(self) -> list[dict[str, Any]]:
        """Return every approval request as the console sees it, oldest first."""
        answer = await self.control.read("/approval-requests", {"approval_requests": [APPROVAL]})
        approvals: list[dict[str, Any]] = answer["approval_requests"]
        return approvals

    async def foreign_systems(self) -> list[dict[str, Any]]:
        """Return the foreign systems, oldest first."""
        answer = await self.control.read("/foreign-systems", {"foreign_systems": [SYSTEM]})
        systems: list[dict[str, Any]] = answer["foreign_systems"]
        return systems

    async def token(self) -> str:
        """Return a new token of the API user."""
        answer = await self.control.ask("POST", "/tokens", {})
        return str(answer.json["token"])

    async def webhooks(self) -> list[dict[str, Any]]:
        """Return what the Messaging tab lists."""
        answer = await self.control.read("/webhooks", {"webhooks": [dict]})
        webhooks: list[dict[str, Any]] = answer["webhooks"]
        return webhooks
