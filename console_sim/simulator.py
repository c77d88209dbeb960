"""The console in a test's own process."""

import logging
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from aiohttp import web

from console_sim.app import CONSOLE, create_app
from console_sim.errors import StepFailedError
from console_sim.settings import Settings
from console_sim.setup_parameters import read_setup_parameters
from privman_contracts import WireNames
from privman_contracts.contract_checks import ContractChecks
from privman_core.clock import Clock
from privman_core.embedded import ClockKind, Embedded
from privman_core.ids import Ids
from privman_core.serving import LOOPBACK


class ConsoleSim(Embedded):
    """A Privilege Manager console, running in this process inside ``with`` or ``async with``.

    Args:
        settings: as for `create_app`.
        servicenow: an instance that runs in this process, such as a ``MockServiceNow``; the console keeps its clock and
            is set up against it at start.
        clock: ``virtual`` time stands still until it is advanced; ``real`` time passes.
        seed: the same seed gives the same identifiers.
        host: address to listen on.
        port: 0 takes a free one.
    """

    _log = logging.getLogger("console_sim")

    def __init__(  # noqa: PLR0913 - each has a default
        self,
        settings: Settings | None = None,
        *,
        servicenow: Embedded | None = None,
        clock: ClockKind = "virtual",
        seed: int | None = None,
        host: str = LOOPBACK,
        port: int = 0,
    ) -> None:
        super().__init__(clock=clock, seed=seed, host=host, port=port, beside=servicenow)
        self._settings = settings or Settings()
        self._servicenow = servicenow

    def create(self, clock: Clock, ids: Ids) -> web.Application:
        """Return the application; raises InferredNamesError and UnusableDatabaseError."""
        return create_app(self._settings, clock=clock, ids=ids, checks=self._checks)

    @cached_property
    def _checks(self) -> ContractChecks:
        """The contracts, which take long to read; those that no file can change are read once for all consoles."""
        return _packaged_checks() if self._settings.inferred is None else _checks(self._settings.inferred)

    async def started(self) -> None:
        """Set the console up against the instance beside it."""
        if self._servicenow is not None:
            await self._set_up(self._servicenow.url, *self._servicenow.auth)

    @property
    def auth(self) -> tuple[str, str]:
        """Client Id and Secret, with which ServiceNow logs on; raises NotFoundError before the set-up."""
        console = self.running.app[CONSOLE]
        credential = console.credentials.get(console.foreign_systems.get().api_credential)
        return credential.account_name, credential.password

    def set_up(self, servicenow_url: str, user: str, password: str) -> list[dict[str, str]]:
        """Run the documented set-up and return its steps; raises StepFailedError for the first that failed."""
        return self.wait_for(self._set_up(servicenow_url, user, password))

    def ask(self, metadata: Mapping[str, str]) -> str:
        """Let an endpoint user ask for approval; returns the request_id after the first attempt to send it."""
        return self.wait_for(self._ask(metadata))

    def run(self, metadata: Mapping[str, str]) -> dict[str, Any]:
        """Start the application on the endpoint; returns the request that answers.

        Its ``outcome`` is ``allowed`` by an approval, ``pending``, or ``asked`` with a new request.
        """
        return self.wait_for(self._run(metadata))

    def approval(self, request_id: str) -> dict[str, Any]:
        """Return an approval request as the console sees it; raises NotFoundError."""
        return self.wait_for(self._approval(request_id))

    def find(self, **values: object) -> list[dict[str, Any]]:
        """Return the approval requests with these values, such as ``state="Approved"``, oldest first."""
        return self.wait_for(self._find(values))

    async def _set_up(self, servicenow_url: str, user: str, password: str) -> list[dict[str, str]]:
        values = {"servicenow_url": servicenow_url, "servicenow_user": user, "servicenow_password": password}
        parameters = read_setup_parameters(values, self._settings.console_url or self.url)
        outcomes = await self.running.app[CONSOLE].setup.run(parameters)
        for outcome in outcomes:
            if outcome.status == "failed":
                raise StepFailedError(f"{outcome.step}: {outcome.detail}", reached=outcome.reached)
        return [outcome.to_json() for outcome in outcomes]

    async def _ask(self, metadata: Mapping[str, str]) -> str:
        return (await self.running.app[CONSOLE].approvals.ask(metadata)).request.request_id

    async def _run(self, metadata: Mapping[str, str]) -> dict[str, Any]:
        console = self.running.app[CONSOLE]
        outcome, request = await console.approvals.run(metadata)
        return {"outcome": outcome.value, **request.to_json(console.clock.now())}

    async def _approval(self, request_id: str) -> dict[str, Any]:
        console = self.running.app[CONSOLE]
        return console.approvals.find(request_id).to_json(console.clock.now())

    async def _find(self, values: Mapping[str, object]) -> list[dict[str, Any]]:
        console = self.running.app[CONSOLE]
        requests = (each.to_json(console.clock.now()) for each in console.store.approval_requests)
        return [each for each in requests if values.items() <= each.items()]


def _checks(inferred: Path | None) -> ContractChecks:
    return ContractChecks(WireNames.load(inferred), "console")


@cache
def _packaged_checks() -> ContractChecks:
    return _checks(None)
