"""The console's stored state."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Self

import msgspec
from msgspec import Struct

from console_sim.accounts import ApiClientUser, Credential
from console_sim.approval_items import Action, ApprovalProcess, ApprovalType, Policy
from console_sim.approval_request import ApprovalRequest, LatestRequest
from console_sim.foreign_system import ForeignSystem
from console_sim.memory_shelves import MemoryShelves
from console_sim.shelf import ShelfKind, Shelves
from console_sim.small_shelf import SmallShelf
from console_sim.webhook import Webhook
from privman_core.clock import Clock
from privman_core.findings import Finding
from privman_core.snapshots import StateCopy, require_room

IN_MEMORY = "sqlite://"
_OBJECT_BYTES = 1_000
_TASK_BYTES = 1_500  # of the server task that sends a request
_ADDED_BYTES = (
    1_000  # reserved for what is added to a request, such as why it was not sent: a full memory has room for it
)


class ApiSettings(Struct, frozen=True):
    """The tab Advanced, API Settings."""

    api_enabled: bool


_SETTINGS = ShelfKind("api settings", ApiSettings, lambda _settings: "")
_API_USERS = ShelfKind("api user", ApiClientUser, lambda user: user.client_id)
_CREDENTIALS = ShelfKind("credential", Credential, lambda credential: credential.name)
_FOREIGN_SYSTEMS = ShelfKind("foreign system", ForeignSystem, lambda system: system.id)
_WEBHOOKS = ShelfKind("webhook", Webhook, lambda webhook: webhook.id)
_PROCESSES = ShelfKind("approval process", ApprovalProcess, lambda process: process.id)
_TYPES = ShelfKind("approval type", ApprovalType, lambda approval_type: approval_type.id)
_ACTIONS = ShelfKind("action", Action, lambda action: action.id)
_POLICIES = ShelfKind("policy", Policy, lambda policy: policy.id)
_LATEST_BYTES = 500
_ALWAYS = datetime.min.replace(tzinfo=UTC)
_LATEST = ShelfKind(
    "latest request",
    LatestRequest,
    key=lambda latest: latest.fingerprint,
    weight=lambda _latest: _LATEST_BYTES,
    evictable_from=lambda _latest: _ALWAYS,
    renewed=True,
)


_APPROVAL_REQUESTS = ShelfKind(
    "approval request",
    ApprovalRequest,
    key=lambda request: request.request_id,
    unfinished=lambda request: request.is_unsynced,
    weight=lambda request: (
        _OBJECT_BYTES
        + _TASK_BYTES * request.is_unsynced
        + max(request.characters, len(request.metadata) + _ADDED_BYTES)
    ),
    evictable_from=lambda request: request.ends_at,
)


class ConsoleStore:
    """A shelf for each kind of entry.

    Attributes:
        api_users: by Client Id in lower case.
        credentials: by name.
        foreign_systems: by id, as webhooks, policies, actions, approval types and approval processes are; the webhook
            of a foreign system has its id.
        approval_requests: by request id in lower case.
        latest_requests: by what they ask for.
    """

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves
        self._settings = SmallShelf(_SETTINGS, shelves)
        self.api_users = SmallShelf(_API_USERS, shelves)
        self.credentials = SmallShelf(_CREDENTIALS, shelves)
        self.foreign_systems = SmallShelf(_FOREIGN_SYSTEMS, shelves)
        self.webhooks = SmallShelf(_WEBHOOKS, shelves)
        self.approval_processes = SmallShelf(_PROCESSES, shelves)
        self.approval_types = SmallShelf(_TYPES, shelves)
        self.actions = SmallShelf(_ACTIONS, shelves)
        self.policies = SmallShelf(_POLICIES, shelves)
        self.approval_requests = shelves.shelf(_APPROVAL_REQUESTS)
        self.latest_requests = shelves.shelf(_LATEST)

    @classmethod
    def open(cls, url: str, clock: Clock, note: Callable[[Finding], None]) -> Self:
        """Return the store in the database of that SQLAlchemy URL; raises UnusableDatabaseError.

        ``note`` receives a finding for each unreadable row.
        """
        if url in {IN_MEMORY, "sqlite:///:memory:"}:
            return cls(MemoryShelves(clock))
        from console_sim.file_shelves import FileShelves  # noqa: PLC0415 - SQLAlchemy is not needed in memory

        return cls(FileShelves(url, clock, note=note))

    @property
    def api_enabled(self) -> bool:
        """The switch under Advanced, API Settings."""
        settings = self._settings.oldest()
        return settings is not None and settings.api_enabled

    def enable_api(self, *, enabled: bool) -> None:
        """Set the switch."""
        self._settings.put(ApiSettings(enabled))

    def has_password(self, password: str) -> bool:
        """Return whether a credential has that password, or it is the Secret of an API user."""
        is_secret = any(user.accepts(password) for user in self.api_users)
        return is_secret or any(credential.password == password for credential in self.credentials)

    @property
    def _configuration(self) -> tuple[SmallShelf[Any], ...]:
        automation = (self.approval_processes, self.approval_types, self.actions, self.policies)
        return (self._settings, self.api_users, self.credentials, self.foreign_systems, self.webhooks, *automation)

    def transaction(self) -> AbstractContextManager[None]:
        """Keep everything that the body puts, or nothing; transactions may be nested."""
        return self._shelves.transaction()

    def clear(self) -> None:
        """Remove everything."""
        self._shelves.clear()
        for shelf in self._configuration:
            shelf.reload()

    def copy(self, most_bytes: int) -> StateCopy:
        """Return a copy of all entries, which are immutable; raises SnapshotError if they have more bytes."""
        copied: list[tuple[object, ...]] = []
        size = 0
        for shelf in self._shelves.shelves:
            copied.append(entries := tuple(shelf))
            size += sum(len(msgspec.json.encode(each)) for each in entries)
            require_room(size, most_bytes)
        return StateCopy(copied, size)

    def put_back(self, copy: StateCopy) -> None:
        """Put the entries of a copy into the empty store, all or none; raises NotStoredError."""
        with self.transaction():
            for shelf, entries in zip(self._shelves.shelves, copy.value, strict=True):
                for entry in entries:
                    shelf.put(entry)
        for small in self._configuration:
            small.reload()

    def close(self) -> None:
        """Close the database."""
        self._shelves.close()
