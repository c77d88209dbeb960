"""The web application of a console."""

import logging
import re
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from console_sim.admin import ConsoleAdmin
from console_sim.api import ConsoleApi
from console_sim.api_documents import ApiDocuments
from console_sim.callers import Callers
from console_sim.configuration_admin import ConfigurationAdmin
from console_sim.console import Console, build_console
from console_sim.envelope import Envelope, stamp
from console_sim.item_api import ItemApi
from console_sim.settings import Settings
from console_sim.ui.console_cockpit import ConsoleProduct
from console_sim.ui.console_pages import build_pages
from privman_contracts import WireNames
from privman_contracts.contract_checks import ContractChecks
from privman_core.clock import Clock
from privman_core.cockpit.cockpit import Cockpit, CockpitKeys
from privman_core.cockpit.parties import OtherAddress
from privman_core.fault_kinds import GENERIC
from privman_core.ids import Ids
from privman_core.inputs import trust
from privman_core.instruments import CHANGES, Instruments
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.outbound import HttpCaller
from privman_core.pages.unknown_address import UnknownAddresses
from privman_core.snapshots import States

USER_AGENT = "PrivilegeManager"
NOT_FOR_BROWSERS = re.compile(r"/+(?:__|tms(?:/|$))", re.IGNORECASE)
"""The beginning of the addresses of the API, the control plane and the cockpit."""
CONSOLE = web.AppKey("console", Console)


def create_app(settings: Settings, *, clock: Clock, ids: Ids, checks: ContractChecks | None = None) -> web.Application:
    """Return a console with the contents of its database.

    The caller closes the clock. Checks for the same settings save reading the contracts again. Raises
    InferredNamesError for an unusable file of names, UnusableDatabaseError for the database.
    """
    checks = checks or ContractChecks(WireNames.load(settings.inferred), "console")
    secrets = Secrets(fields=checks.names.secret_keys)
    journal = Journal(clock, secrets, checks.judge)
    instruments = Instruments(
        clock=clock,
        ids=ids,
        secrets=secrets,
        journal=journal,
        kinds=GENERIC,
        user_agent=f"{USER_AGENT}/{settings.version}",
        log=logging.getLogger("console_sim.web"),
        trusted=settings.tls or trust(settings.ca_file),
        proxies=settings.proxies,
    )
    console = build_console(
        settings, checks.names, clock=clock, ids=ids, secrets=secrets, caller=instruments.caller, note=journal.note
    )
    pages = build_pages(settings, console, secrets=secrets, ids=ids.fork("pages"), journal=journal)
    envelope = Envelope(checks.names)
    token = settings.admin_token if settings.control_plane else None
    # The outer envelope answers what goes wrong before a request can be recorded.
    around = [envelope.middleware]
    states = States(console.resetting, console.copy, console.restoring)
    app = instruments.app(states, token, pages=pages.handlers, outer=around, inner=around)
    documents = ApiDocuments(settings, checks)
    if settings.control_plane:
        app.add_routes(documents.control_routes())
        app.add_routes(ConsoleAdmin(settings, console, secrets, app[CHANGES]).routes())
        app.add_routes(ConfigurationAdmin(settings, console, secrets).routes())
        product = ConsoleProduct(console, checks, secrets.mask, extras=not settings.documented_only)
        keys = CockpitKeys.draw(product.name, settings.admin_token, ids)
        other = OtherAddress(settings.servicenow_url, settings.servicenow_admin_token)
        Cockpit(product, instruments, keys, other, trusted=settings.tls or trust(settings.ca_file)).add_to(app)
    callers = Callers(console)
    items = ItemApi(console, callers, envelope, checks)
    app.add_routes(ConsoleApi(settings, console, callers, envelope, documents, items).routes())
    app.add_routes(pages.routes())
    app.router.register_resource(UnknownAddresses(pages.unknown, NOT_FOR_BROWSERS))
    app[CONSOLE] = console
    app.on_response_prepare.append(stamp)
    app.cleanup_ctx.append(_closing(console, instruments.caller))
    return app


def _closing(console: Console, caller: HttpCaller) -> Callable[[web.Application], AsyncIterator[None]]:
    async def close(_app: web.Application) -> AsyncIterator[None]:
        console.resume()
        yield
        console.server_tasks.stop()
        await console.background.aclose()
        await caller.aclose()
        console.store.close()

    return close
