"""The console's foreign systems and webhooks."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from msgspec import structs

from console_sim.api_users import CredentialShelf
from console_sim.console_store import ConsoleStore
from console_sim.error_texts import brief, listed
from console_sim.errors import ApiDisabledError, ConflictError, NotFoundError, NotReadyError
from console_sim.foreign_system import ForeignSystem
from console_sim.names import free_name
from console_sim.servicenow_client import ServiceNowClient, table_url
from console_sim.servicenow_http import ServiceNowHttp
from console_sim.soap_client import SoapClient
from console_sim.webhook import Webhook, WebhookEvent
from privman_contracts import WireNames
from privman_core.clock import Clock
from privman_core.ids import Ids
from privman_core.near_words import hint
from privman_core.outbound import NO_PURPOSE, HttpCaller, Purpose


class Webhooks:
    """The webhooks of foreign systems, and those made by hand: the rows of the Messaging tab."""

    def __init__(
        self, store: ConsoleStore, credentials: CredentialShelf, clock: Clock, ids: Ids, names: WireNames
    ) -> None:
        self._shelf = store.webhooks
        self._credentials = credentials
        self._clock = clock
        self._ids = ids
        self._request_table = names.table("request")

    def __iter__(self) -> Iterator[Webhook]:
        return iter(self._shelf)

    def get(self, webhook_id: str) -> Webhook:
        """Return the webhook; raises NotFoundError."""
        webhook = self._shelf.get(webhook_id)
        if webhook is None:
            raise NotFoundError(f"webhook {brief(webhook_id)} does not exist")
        return webhook

    def named(self, name: str) -> Webhook:
        """Return the webhook of that name; raises NotFoundError, which lists those there are."""
        webhook = next((webhook for webhook in self if webhook.name == name), None)
        if webhook is None:
            names = [each.name for each in self]
            raise NotFoundError(f"webhook {brief(name)} does not exist{hint(name, names)}; there is {listed(names)}")
        return webhook

    def of(self, system: ForeignSystem) -> Webhook | None:
        """Return the webhook that the foreign system has created; None before Use Webhook is ticked."""
        return self._shelf.get(system.id)

    def create(self, name: str, credential: str, endpoint_url: str, **values: Any) -> Webhook:  # noqa: ANN401 - of the fields' types
        """Create a webhook by hand, for any endpoint.

        It is enabled and has the generic event, unless the values differ. Raises BadRequestError for an unknown
        credential, ConflictError if a webhook has the name.
        """
        new = Webhook(
            id=self._shelf.unused(self._ids.guid),
            name=name,
            credential=credential,
            endpoint_url=endpoint_url,
            event=WebhookEvent.SYSTEM_APPROVAL_REQUEST,
            enabled=True,
            last_modified=self._clock.now(),
            made_by_hand=True,
        )
        return self._save(replace(new, **values))

    def change(self, webhook_id: str, **values: Any) -> Webhook:  # noqa: ANN401 - of the fields' types
        """Change fields and return the webhook; raises as `create` does, and NotFoundError."""
        before = self.get(webhook_id)
        after = replace(before, **values)
        return before if after == before else self._save(replace(after, last_modified=self._clock.now()))

    def follow(self, before: ForeignSystem | None, system: ForeignSystem) -> None:
        """Create or change the webhook as a save of its foreign system does.

        Only fields that the save changed are changed, so that edits of the webhook itself stay.
        """
        webhook = self.of(system)
        if before is None or webhook is None:
            if system.use_webhook:
                self._shelf.put(self._new(system))
            return
        changed: dict[str, Any] = {}
        if before.use_webhook != system.use_webhook:
            changed["enabled"] = system.use_webhook
        if before.credential != system.credential:
            changed["credential"] = system.credential
        if before.address != system.address:
            changed["endpoint_url"] = self._endpoint_url(system)
        self.change(webhook.id, **changed)

    def _new(self, system: ForeignSystem) -> Webhook:
        return Webhook(
            id=system.id,
            name=free_name(self._is_free, system.name, "New Webhook for {} setting"),
            credential=system.credential,
            endpoint_url=self._endpoint_url(system),
            event=WebhookEvent.APPROVAL_REQUEST,
            enabled=True,
            last_modified=self._clock.now(),
        )

    def _endpoint_url(self, system: ForeignSystem) -> str:
        return table_url(system.address, self._request_table)

    def _is_free(self, name: str) -> bool:
        return all(each.name != name for each in self)

    def _save(self, webhook: Webhook) -> Webhook:
        if webhook.credential:
            self._credentials.require(webhook.credential)
        if any(each.name == webhook.name and each.id != webhook.id for each in self):
            raise ConflictError(f"webhook {webhook.name!r} exists; expected another name")
        return self._shelf.put(webhook)


class ForeignSystems:
    """The console's foreign systems, oldest first."""

    def __init__(self, store: ConsoleStore, credentials: CredentialShelf, webhooks: Webhooks, ids: Ids) -> None:
        self._store = store
        self._shelf = store.foreign_systems
        self._credentials = credentials
        self._webhooks = webhooks
        self._ids = ids

    def __iter__(self) -> Iterator[ForeignSystem]:
        return iter(self._shelf)

    def get(self, system_id: str = "") -> ForeignSystem:
        """Return the foreign system with that id, or else the oldest; raises NotFoundError."""
        system = self._shelf.get(system_id) if system_id else self._shelf.oldest()
        if system is None:
            raise NotFoundError(f"foreign system {brief(system_id)} does not exist" if system_id else _NO_SYSTEM)
        return system

    def named(self, name: str) -> ForeignSystem:
        """Return the foreign system of that name; raises NotFoundError, which lists those there are."""
        system = self.find_named(name)
        if system is None:
            names = [each.name for each in self]
            raise NotFoundError(
                f"foreign system {brief(name)} does not exist{hint(name, names)}; there is {listed(names)}"
            )
        return system

    def find_named(self, name: str) -> ForeignSystem | None:
        """Return the foreign system of that name; None if there is none."""
        return next((system for system in self if system.name == name), None)

    def create(self, name: str, base_url: str, credential: str = "", **values: Any) -> ForeignSystem:  # noqa: ANN401 - of the fields' types
        """Create a foreign system, whose credential may be selected later.

        Raises ConflictError if one has the name, BadRequestError for an unknown credential, ApiDisabledError for a
        ticked Use Webhook while the API is disabled.
        """
        new = ForeignSystem(self._shelf.unused(self._ids.guid), name, base_url, credential)
        return self._save(None, new, values)

    def change(self, system_id: str, **values: Any) -> ForeignSystem:  # noqa: ANN401 - of the fields' types
        """Change fields and return the foreign system.

        A new Base URL is another instance, at which the console registers anew; another name or description changes
        nothing there. Raises as `create` does, and NotFoundError.
        """
        before = self.get(system_id)
        stays = structs.replace(before, base_url=values.get("base_url", before.base_url)).address == before.address
        return self._save(before, before if stays else before.without_registration(), values)

    def _save(self, before: ForeignSystem | None, base: ForeignSystem, values: dict[str, Any]) -> ForeignSystem:
        if values.get("use_webhook") and not self._store.api_enabled:
            raise ApiDisabledError
        system = structs.replace(base, **values)
        self._check(system)
        with self._store.transaction():
            kept = self._shelf.put(system)
            self._webhooks.follow(before, kept)
        return kept

    def _check(self, system: ForeignSystem) -> None:
        other = self.find_named(system.name)
        if other is not None and other.id != system.id:
            raise ConflictError(f"foreign system {system.name!r} exists; expected another name")
        needed = {system.credential, system.api_credential} if system.use_webhook else {system.credential} - {""}
        for credential in sorted(needed):
            self._credentials.require(credential)


_NO_SYSTEM = "there is no foreign system yet; run the set-up first"


class Connector:
    """Opens the APIs of an instance as the user of a credential; raises NotReadyError without that credential."""

    def __init__(self, credentials: CredentialShelf, caller: HttpCaller, clock: Clock, answer_seconds: float) -> None:
        self._credentials = credentials
        self._caller = caller
        self._clock = clock
        self._answer_seconds = answer_seconds

    def open(self, name: str, purpose: Purpose = NO_PURPOSE) -> ServiceNowClient:
        """Return the Table API."""
        return ServiceNowClient(self._http(name, purpose))

    def open_services(self, system: ForeignSystem, purpose: Purpose = NO_PURPOSE) -> SoapClient:
        """Return the scripted SOAP services."""
        return SoapClient(self._http(system.credential, purpose), system.address)

    def _http(self, name: str, purpose: Purpose) -> ServiceNowHttp:
        credential = self._credentials.find(name)
        if credential is None:
            lacking = f"credential {brief(name)} does not exist" if name else "no credential is selected"
            raise NotReadyError(f"not sent: {lacking}")
        return ServiceNowHttp(self._caller, self._clock, credential, self._answer_seconds, purpose)
