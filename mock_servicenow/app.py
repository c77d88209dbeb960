"""Wires the instance, the app, its pages and the control plane."""

import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta

from aiohttp import web
from yarl import URL

from mock_servicenow.admin import MockAdmin
from mock_servicenow.blueprint import Blueprint, StartError
from mock_servicenow.conditions import CONDITIONS
from mock_servicenow.now_platform.dictionary.values import utc_form
from mock_servicenow.now_platform.errors import DatabaseUnavailable
from mock_servicenow.now_platform.identity.api_keys import learn_places
from mock_servicenow.now_platform.imports import import_sets
from mock_servicenow.now_platform.imports.import_sets import ImportSets
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.provisioning.provisioning import administrator_name, note_address
from mock_servicenow.now_platform.records import attachments
from mock_servicenow.now_platform.storage.database import StoreError, one_line
from mock_servicenow.now_platform.storage.store import Store
from mock_servicenow.now_platform.users import SYSTEM
from mock_servicenow.now_platform.web import oauth
from mock_servicenow.now_platform.web.server import LARGEST_BODY, Server, is_call
from mock_servicenow.privilege_manager.scoped_app import PrivilegeManagerApp
from mock_servicenow.settings import Settings
from mock_servicenow.ui.instance_cockpit import InstanceProduct
from mock_servicenow.ui.instance_pages import build_pages
from privman_core.clock import Clock
from privman_core.cockpit.cockpit import Cockpit, CockpitKeys
from privman_core.cockpit.parties import OtherAddress
from privman_core.control import COCKPIT
from privman_core.fault_kinds import GENERIC
from privman_core.faults import FaultKinds
from privman_core.findings import Finding
from privman_core.ids import Ids
from privman_core.inputs import trust
from privman_core.instruments import CHANGES, Instruments
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.outbound import HttpCaller
from privman_core.pages.unknown_address import UnknownAddresses
from privman_core.serving import SERVED
from privman_core.snapshots import StateCopy, States

USER_AGENT = "ServiceNow/1.0"
NOT_FOR_BROWSERS = re.compile(r"/+(?:__|(?:api|ui)(?:/|$))", re.IGNORECASE)
"""The beginning of the addresses of the APIs, the control plane, the cockpit and the files that pages load."""
INSTANCE = web.AppKey("instance", Instance)
ADMINISTRATOR = web.AppKey("administrator", str)
"""The administrator's user name; empty if the database has none any more."""
FIRST_FINDINGS: web.AppKey[Sequence[Finding]] = web.AppKey("first findings", list)
"""What the first rows say without effect."""
_STALE = timedelta(days=1)
"""Younger leftovers may be the work of another process on the same database."""

_WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not listened on
_ANY_TIME = "9999-12-31 23:59:59"
__all__ = ["ADMINISTRATOR", "FIRST_FINDINGS", "INSTANCE", "Blueprint", "StartError", "create_app"]


def create_app(settings: Settings, *, clock: Clock, ids: Ids, blueprint: Blueprint | None = None) -> web.Application:
    """Return an instance with the app installed, in its first state unless its database has rows.

    The caller closes the clock. The blueprint is that of the settings, drawn already. Raises StartError.
    """
    blueprint = blueprint or Blueprint.of(settings)
    checks = blueprint.checks
    secrets = Secrets(fields=blueprint.password_columns | checks.names.secret_keys)
    journal = Journal(clock, secrets, checks.judge)
    instruments = Instruments(
        clock=clock,
        ids=ids,
        secrets=secrets,
        journal=journal,
        kinds=FaultKinds(GENERIC | CONDITIONS),
        user_agent=USER_AGENT,
        log=logging.getLogger("mock_servicenow.web"),
        trusted=trust(settings.ca_file),
        proxies=settings.proxies,
    )
    caller = instruments.caller
    instance = blueprint.instance(_store(settings, blueprint), clock, ids, secrets)
    privilege_manager = PrivilegeManagerApp(instance, blueprint.tables, blueprint.names, caller, secrets, journal.note)
    imports = ImportSets(instance)
    cockpit = COCKPIT * settings.control_plane
    pages = build_pages(instance, blueprint.tables, privilege_manager.activity_types, journal, cockpit)
    is_new = _build(blueprint, instance)
    address = _Address(instance, settings.url)
    journal.note_first(blueprint.findings)
    administrator = administrator_name(instance)
    beginning = blueprint.named(administrator)

    @asynccontextmanager
    async def rebuilding(rebuild: Callable[[], None]) -> AsyncIterator[None]:
        privilege_manager.stop()
        imports.stop()
        try:
            await instance.end_work()
            await instance.run(rebuild)
            instance.web_sessions.clear()
            yield
        finally:
            imports.watch()
            await privilege_manager.start()

    def rebuild() -> None:
        beginning.rebuild(instance)
        address.note()

    async def copy(most_bytes: int) -> StateCopy:
        return await instance.run(lambda: beginning.copy(instance, most_bytes))

    def restoring(state: StateCopy) -> AbstractAsyncContextManager[None]:
        return rebuilding(lambda: beginning.put_back(instance, state))

    server = Server(instance, settings.url, privilege_manager.soap.services())
    app = instruments.app(
        States(lambda: rebuilding(rebuild), copy, restoring),
        settings.admin_token if settings.control_plane else None,
        pages=pages.handlers,
        is_call=is_call,
        inner=[server.middleware],
        server=instance.release.server,
        largest_body=LARGEST_BODY,
    )
    app[SERVED] = address.serve
    app[ADMINISTRATOR], app[INSTANCE], app[FIRST_FINDINGS] = administrator, instance, blueprint.findings
    if settings.control_plane:
        app.add_routes(MockAdmin(privilege_manager, checks, secrets.mask, app[CHANGES], settings.url).routes())
        product = InstanceProduct(instance, privilege_manager, checks, secrets.mask)
        keys = CockpitKeys.draw(product.name, settings.admin_token, ids)
        other = OtherAddress(settings.console_url, settings.console_admin_token)
        Cockpit(product, instruments, keys, other, trusted=trust(settings.ca_file)).add_to(app)
    app.add_routes(server.routes())
    app.add_routes(oauth.routes(instance))
    app.add_routes(pages.routes())
    app.router.register_resource(UnknownAddresses(pages.unknown, NOT_FOR_BROWSERS))
    app.cleanup_ctx.append(_running(address, privilege_manager, imports, caller, is_new=is_new))
    return app


def _store(settings: Settings, blueprint: Blueprint) -> Store:
    try:
        return Store(blueprint.database(settings.database))
    except StoreError as error:
        raise StartError(str(error)) from None


class _Address:
    """The address that the instance tells of itself: its public URL, or that under which it is served."""

    def __init__(self, instance: Instance, url: str) -> None:
        self.instance = instance
        self._url = url

    async def serve(self, origin: str) -> None:
        """Note the address before it is served; a database that is locked just then keeps the one that it has."""
        if self._url:
            return
        self._url = _reachable(origin)
        with suppress(DatabaseUnavailable):
            await self.instance.run(self.note)

    def note(self) -> None:
        """Note it again, in new rows; raises DatabaseUnavailable."""
        if self._url:
            note_address(self.instance, self._url)


def _reachable(origin: str) -> str:
    """Return an origin at which one can call: nobody calls a wildcard address."""
    url = URL(origin)
    return str(url.with_host("localhost").origin()) if url.host in _WILDCARDS else origin


def _build(blueprint: Blueprint, instance: Instance) -> bool:
    failures: tuple[type[Exception], ...] = (DatabaseUnavailable, *instance.store.failures)
    try:
        is_new = blueprint.build(instance)
    except StartError:
        instance.store.close()
        raise
    except failures as error:
        instance.store.close()
        reason = error.reason if isinstance(error, DatabaseUnavailable) else one_line(error)
        raise StartError(f"the database cannot be used: {reason}") from None
    return is_new


def _running(
    address: _Address, privilege_manager: PrivilegeManagerApp, imports: ImportSets, caller: HttpCaller, *, is_new: bool
) -> Callable[[web.Application], AsyncIterator[None]]:
    instance = address.instance

    async def run(_app: web.Application) -> AsyncIterator[None]:
        try:
            await instance.run(lambda: _sweep(instance, is_new=is_new))
            await instance.run(address.note)
            await imports.start()
            await privilege_manager.start()
            await instance.run(instance.list_upkeep.index_all)
            yield
        except DatabaseUnavailable as error:
            raise StartError(f"the database cannot be used: {error.reason}") from None
        finally:
            privilege_manager.stop()
            imports.stop()
            await caller.aclose()
            await instance.aclose()

    return run


def _sweep(instance: Instance, *, is_new: bool) -> None:
    """Remove what a killed process left half done and acknowledged to nobody, and learn where calls may carry keys.

    What another process may be working on is left alone; a busy database is swept at the next start.
    """
    before = _ANY_TIME if instance.store.embedded else utc_form(instance.clock.now() - _STALE)
    with suppress(DatabaseUnavailable), instance.transaction(SYSTEM) as session:
        if not is_new:
            attachments.sweep(session, before)
            import_sets.sweep(session, before)
        learn_places(session)
