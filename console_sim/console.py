"""Wires the parts of a console."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from msgspec import Struct

from console_sim.api_tokens import ApiTokens
from console_sim.api_users import CredentialShelf, Users
from console_sim.approval_decision import DecisionReader
from console_sim.approval_request import IntegrationKind
from console_sim.approvals import Approvals
from console_sim.automation import Automation
from console_sim.background_tasks import BackgroundTasks
from console_sim.console_store import ConsoleStore
from console_sim.foreign_systems import Connector, ForeignSystems, Webhooks
from console_sim.messenger import Messenger
from console_sim.pending_requests import PendingRequests
from console_sim.registrar import Registrar
from console_sim.registration import ActivityType
from console_sim.request_items import RequestItems
from console_sim.request_metadata import MetadataWriter
from console_sim.request_sender import RequestSender
from console_sim.server_tasks import RetryPolicy, ServerTasks
from console_sim.settings import Settings
from console_sim.setup import Setup
from console_sim.setup_names import SetupNames
from console_sim.setup_steps import SetupSteps
from console_sim.soap_integration import SoapIntegration
from console_sim.webhook_integration import WebhookIntegration
from privman_contracts import WireNames
from privman_core.clock import Clock
from privman_core.findings import Finding
from privman_core.ids import Ids
from privman_core.masking import Secrets
from privman_core.outbound import HttpCaller
from privman_core.snapshots import StateCopy


class Console(Struct, frozen=True):
    """The parts of a console that its API, pages and control plane use."""

    names: WireNames
    clock: Clock
    store: ConsoleStore
    tokens: ApiTokens
    users: Users
    credentials: CredentialShelf
    webhooks: Webhooks
    foreign_systems: ForeignSystems
    automation: Automation
    server_tasks: ServerTasks
    registrar: Registrar
    setup: Setup
    decisions: DecisionReader
    approvals: Approvals
    messenger: Messenger
    soap: SoapIntegration
    request_items: RequestItems
    background: BackgroundTasks

    async def restart(self) -> Collection[asyncio.Future[None]]:
        """Simulate a restart: tokens are gone, what is stored stays; return the attempts of what waits for a retry."""
        self.tokens.revoke_all()
        return self.server_tasks.resume()

    def resume(self) -> None:
        """Attempt in the background what the previous process left undone."""
        self.approvals.load_pending()
        self.soap.resume()
        if self.store.foreign_systems.oldest() is not None:
            self.clock.call_at(self.clock.now(), self.registrar.resume)

    @asynccontextmanager
    async def resetting(self) -> AsyncIterator[None]:
        """Empty the console, its database included; it stays empty after the body."""
        self.store.clear()
        self.users.forget()
        self.approvals.clear_pending()
        self.soap.forget()
        self.messenger.forget()
        self.tokens.revoke_all()
        self.server_tasks.stop()
        self.server_tasks.runs.clear()
        self.background.cancel_all()
        yield

    @asynccontextmanager
    async def restoring(self, copy: StateCopy) -> AsyncIterator[None]:
        """Empty the console and return to the copy after the body, as a process that starts with that database."""
        async with self.resetting():
            yield
        self.store.put_back(copy)
        self.credentials.hide_all()
        self.resume()

    async def copy(self, most_bytes: int) -> StateCopy:
        """Return a copy of what is stored; raises SnapshotError if it has more bytes."""
        return self.store.copy(most_bytes)


def build_console(  # noqa: PLR0913 - the settings and the outside world
    settings: Settings,
    names: WireNames,
    *,
    clock: Clock,
    ids: Ids,
    secrets: Secrets,
    caller: HttpCaller,
    note: Callable[[Finding], None] = lambda _finding: None,
) -> Console:
    """Return a console with the contents of its database; raises UnusableDatabaseError.

    ``note`` receives a finding for each unreadable row.
    """
    store = ConsoleStore.open(settings.database, clock, note)
    credentials = CredentialShelf(store, clock, secrets)
    lifetime = settings.token_lifetime or timedelta(seconds=names.number("token_lifetime"))
    tokens = ApiTokens(clock, ids, secrets, lifetime)
    users = Users(store, clock, ids, secrets, tokens)
    webhooks = Webhooks(store, credentials, clock, ids, names)
    foreign_systems = ForeignSystems(store, credentials, webhooks, ids)
    automation = Automation(store, ids, timedelta(seconds=names.number("process_timeout")))
    connector = Connector(credentials, caller, clock, settings.answer_seconds)
    background = BackgroundTasks()
    server_tasks = ServerTasks(clock, _retry_policy(settings, names), background)
    pending = PendingRequests()
    soap = SoapIntegration(
        store=store, names=names, clock=clock, connector=connector, server_tasks=server_tasks, pending=pending
    )
    sender = RequestSender(
        store=store,
        clock=clock,
        server_tasks=server_tasks,
        background=background,
        integrations={
            IntegrationKind.WEBHOOK: WebhookIntegration(store, webhooks, names, connector),
            IntegrationKind.SOAP: soap,
        },
    )
    registrar = Registrar(
        store=store,
        credentials=credentials,
        webhooks=webhooks,
        names=names,
        connector=connector,
        server_tasks=server_tasks,
        background=background,
        sender=sender,
        activity_type=ActivityType(settings.max_timeout),
    )
    messenger = Messenger(
        webhooks=webhooks,
        requests=store.approval_requests,
        credentials=credentials,
        names=names,
        caller=caller,
        server_tasks=server_tasks,
        background=background,
        answer_seconds=settings.answer_seconds,
    )
    approvals = Approvals(
        store=store,
        clock=clock,
        ids=ids,
        automation=automation,
        metadata=MetadataWriter(names, ids),
        sender=sender,
        messenger=messenger,
        background=background,
        pending=pending,
    )
    steps = partial(
        SetupSteps,
        store=store,
        credentials=credentials,
        clock=clock,
        users=users,
        webhooks=webhooks,
        foreign_systems=foreign_systems,
        automation=automation,
        names=SetupNames(credentials, automation),
        registrar=registrar,
    )
    return Console(
        names=names,
        clock=clock,
        store=store,
        tokens=tokens,
        users=users,
        credentials=credentials,
        webhooks=webhooks,
        foreign_systems=foreign_systems,
        automation=automation,
        server_tasks=server_tasks,
        registrar=registrar,
        setup=Setup(steps, secrets, background),
        decisions=DecisionReader(names, documented_only=settings.documented_only),
        approvals=approvals,
        messenger=messenger,
        soap=soap,
        request_items=RequestItems(names, connector, server_tasks),
        background=background,
    )


def _retry_policy(settings: Settings, names: WireNames) -> RetryPolicy | None:
    if settings.documented_only or not settings.retries:
        return None
    return RetryPolicy(
        first=timedelta(seconds=names.number("first_retry_wait")),
        longest=timedelta(seconds=names.number("longest_retry_wait")),
    )
