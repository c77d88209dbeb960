"""The console's foreign system: saved with its webhook, and connected to (integration 2.6 to 2.8, 2.13)."""

from dataclasses import replace

from console_sim.api_users import CredentialShelf
from console_sim.console_store import ConsoleStore
from console_sim.errors import ApiDisabledError, BadRequestError, NotFoundError
from console_sim.foreign_system import ForeignSystem, Webhook
from console_sim.servicenow_client import ServiceNowClient, table_url
from privman_contracts import WireNames
from privman_core.clock import Clock
from privman_core.outbound import HttpCaller


class ForeignSystems:
    """The console's only foreign system."""

    def __init__(self, store: ConsoleStore, credentials: CredentialShelf, clock: Clock, names: WireNames) -> None:
        self._store = store
        self._credentials = credentials
        self._clock = clock
        self._request_table = names.table("request")

    def get(self) -> ForeignSystem:
        """Return the foreign system; raises NotFoundError if there is none."""
        system = self._store.foreign_system
        if system is None:
            raise NotFoundError("there is no foreign system yet; run the set-up first")
        return system

    def webhooks(self) -> list[Webhook]:
        """Return what the Messaging tab lists."""
        system = self._store.foreign_system
        return [] if system is None or system.webhook is None else [system.webhook]

    def save(self, name: str, base_url: str, credential: str) -> ForeignSystem:
        """Create or change the foreign system; a new name keeps the registration (integration 8).

        Raises BadRequestError for an unknown credential.
        """
        self._require_credential(credential)
        before = self._store.foreign_system
        if before is None:
            return self._keep(ForeignSystem(name, base_url, credential))
        system = before if before.base_url == base_url else before.without_registration()
        with self._store.transaction():
            if before.name != name:
                self._store.foreign_systems.remove(before.name)
            return self._keep(replace(system, name=name, base_url=base_url, credential=credential))

    def use_webhook(self, api_credential: str, post_uri: str) -> ForeignSystem:
        """Tick Use Webhook, which creates the webhook the first time.

        Raises ApiDisabledError while the API is disabled, BadRequestError for an unknown credential.
        """
        if not self._store.api_enabled:
            raise ApiDisabledError
        self._require_credential(api_credential)
        system = replace(self.get(), api_credential=api_credential, post_uri=post_uri, use_webhook=True)
        return self._keep(system)

    def untick_webhook(self) -> ForeignSystem:
        """Untick Use Webhook, which disables the webhook."""
        return self._keep(replace(self.get(), use_webhook=False))

    def _require_credential(self, name: str) -> None:
        if name not in self._credentials:
            known = ", ".join(repr(each.name) for each in self._credentials) or "one that was created before"
            raise BadRequestError(f"unknown credential {name!r}; expected {known}")

    def _keep(self, system: ForeignSystem) -> ForeignSystem:
        """Store the foreign system with an updated webhook."""
        wanted = self._wanted_webhook(system)
        # If only the time differs, the older webhook stays.
        webhook = system.webhook if wanted == system.webhook else wanted
        return self._store.foreign_systems.put(replace(system, webhook=webhook))

    def _wanted_webhook(self, system: ForeignSystem) -> Webhook | None:
        if system.webhook is None and not system.use_webhook:
            return None
        return Webhook(
            name=f"New Webhook for {system.name} setting",
            description=f"Sends approval requests to {system.name}",
            credential=system.credential,
            endpoint_url=f"{table_url(system.base_url)}/{self._request_table}",
            last_modified=self._clock.now(),
            enabled=system.use_webhook,
        )


class Connector:
    """Opens the Table API of a foreign system with its credential."""

    def __init__(self, credentials: CredentialShelf, caller: HttpCaller, clock: Clock, answer_seconds: float) -> None:
        self._credentials = credentials
        self._caller = caller
        self._clock = clock
        self._answer_seconds = answer_seconds

    def open(self, system: ForeignSystem) -> ServiceNowClient:
        """Return the Table API of that instance, as the ServiceNow user."""
        credential = self._credentials.get(system.credential)
        return ServiceNowClient(self._caller, self._clock, system.base_url, credential, self._answer_seconds)
