"""A real ServiceNow is left as it was found."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from http import HTTPStatus

from privman_scenarios.errors import ExpectationError, TargetUnreachableError
from privman_scenarios.registration import Registration
from privman_scenarios.servicenow import Record, ServiceNow

TABLES = ("integration_configuration", "activity_type", "request", "response")


class Tidying:
    """Deletes what a scenario made in an instance: by itself, and by the console that it lets act.

    Args:
        console_url: the console's address, by which its new registrations are known.
        registration: of a real console, which the scenario uses and which stays.
    """

    def __init__(self, servicenow: ServiceNow, console_url: str, registration: Registration | None) -> None:
        self._servicenow = servicenow
        self._console_url = console_url
        self._kept: set[str] = set(asdict(registration).values()) if registration else set()

    async def take_stock(self) -> None:
        """Let records that are there already be ignored, but for the registration; raises TargetUnreachableError."""
        try:
            found = {record["sys_id"] for table in TABLES for record in await self._servicenow.find(table)}
        except ExpectationError as error:
            raise TargetUnreachableError(f"{self._servicenow.url} does not list its records: {error.came}.") from None
        self._servicenow.ignored = found - self._kept

    async def clean_up(self) -> None:
        """Delete it all, the newest first; raises TargetUnreachableError that names what could not be."""
        try:
            left = [path async for path in self._made() if not await self._delete(path)]
        except ExpectationError as error:
            raise TargetUnreachableError(f"{self._servicenow.url} cannot be cleaned up: {error.came}.") from None
        if left:
            raise TargetUnreachableError(f"{self._servicenow.url} does not let these be deleted: {', '.join(left)}.")

    async def _made(self) -> AsyncIterator[str]:
        """Yield the path of each record, those that point to others first."""
        for registration in await self._servicenow.find("integration_configuration"):
            if self._is_new(registration):
                async for path in self._below(registration["sys_id"]):
                    yield path
                yield self._servicenow.path("integration_configuration", registration)
        for request_id in self._servicenow.requested:
            async for path in self._responses(request_id):
                yield path
        for path in reversed(self._servicenow.created):
            yield path

    def _is_new(self, registration: Record) -> bool:
        """Tell whether this run has made the registration, even if nobody was told so."""
        names_console = f"{self._console_url}/" in registration.get("instance_metadata", "")
        known = registration["sys_id"] in self._servicenow.registered
        return registration["sys_id"] not in self._kept and (known or names_console)

    async def _below(self, instance_id: str) -> AsyncIterator[str]:
        for request in await self._servicenow.find_only("request", "instance_id", instance_id):
            async for path in self._responses(request["request_id"]):
                yield path
            yield self._servicenow.path("request", request)
        for activity_type in await self._servicenow.find_only("activity_type", "instance_id", instance_id):
            yield self._servicenow.path("activity_type", activity_type)

    async def _responses(self, request_id: str) -> AsyncIterator[str]:
        for response in await self._servicenow.find_only("response", "request_id", request_id):
            yield self._servicenow.path("response", response)

    async def _delete(self, path: str) -> bool:
        """Delete a record and return whether it is gone."""
        answer = await self._servicenow.api.call("DELETE", path, auth=self._servicenow.admin)
        return not answer.refused or answer.status == HTTPStatus.NOT_FOUND
