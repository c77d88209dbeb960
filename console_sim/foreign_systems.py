"""Foreign systems are saved, and their webhooks with them (integration 2.6 to 2.8, 2.13)."""

from console_sim.errors import API_DISABLED, BadRequestError, ForbiddenError, NotFoundError
from console_sim.foreign_system import ForeignSystem
from console_sim.servicenow.table_api import table_url
from console_sim.store import Store
from console_sim.webhook import Webhook
from privman_contracts import WireNames
from privman_testbench.clock import Clock


class ForeignSystems:
    """The console's foreign system, of which there is one at a time."""

    def __init__(self, store: Store, clock: Clock, names: WireNames) -> None:
        self._store = store
        self._clock = clock
        self._request_table = names.table("request")

    def get(self) -> ForeignSystem:
        """Return the foreign system; raises NotFoundError before there is one."""
        if self._store.foreign_system is None:
            raise NotFoundError("there is no foreign system yet; run the set-up first")
        return self._store.foreign_system

    def webhooks(self) -> list[Webhook]:
        """Return what the Messaging tab lists."""
        system = self._store.foreign_system
        return [] if system is None or system.webhook is None else [system.webhook]

    def save(self, name: str, base_url: str, credential: str) -> ForeignSystem:
        """Create the foreign system or change it; another name keeps the registration (integration 8).

        Raises BadRequestError when there is no such credential.
        """
        self._require_credential(credential)
        system = self._store.foreign_system
        if system is None:
            system = self._store.foreign_system = ForeignSystem(name, base_url, credential)
        if system.base_url != base_url:
            system.forget_registration()
        system.name = name
        system.base_url = base_url
        system.credential = credential
        self._follow(system)
        return system

    def use_webhook(self, system: ForeignSystem, api_credential: str, post_uri: str) -> None:
        """Tick Use Webhook; the webhook is created at the first time and follows from then on.

        Raises ForbiddenError while the API is disabled, BadRequestError when there is no such credential.
        """
        if not self._store.api_enabled:
            raise ForbiddenError(API_DISABLED)
        self._require_credential(api_credential)
        system.api_credential = api_credential
        system.post_uri = post_uri
        system.use_webhook = True
        self._follow(system)

    def untick_webhook(self, system: ForeignSystem) -> None:
        """Untick Use Webhook, which disables the webhook."""
        system.use_webhook = False
        self._follow(system)

    def _require_credential(self, name: str) -> None:
        if name not in self._store.credentials:
            known = ", ".join(map(repr, self._store.credentials)) or "one that was created before"
            raise BadRequestError(f"there is no credential {name!r}; expected {known}")

    def _follow(self, system: ForeignSystem) -> None:
        """Bring the webhook in line with its foreign system."""
        if system.webhook is None and not system.use_webhook:
            return
        wanted = self._wanted_webhook(system)
        if wanted != system.webhook:
            system.webhook = wanted

    def _wanted_webhook(self, system: ForeignSystem) -> Webhook:
        return Webhook(
            name=f"New Webhook for {system.name} setting",
            description=f"Sends approval requests to {system.name}",
            credential=system.credential,
            endpoint_url=f"{table_url(system.base_url)}/{self._request_table}",
            last_modified=self._clock.now(),
            enabled=system.use_webhook,
        )
