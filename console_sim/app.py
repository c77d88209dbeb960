"""The web application of a console."""

from collections.abc import AsyncIterator, Callable

from aiohttp import web

from console_sim.admin import ConsoleAdmin
from console_sim.api import ConsoleApi
from console_sim.console import Console, build_console
from console_sim.contract_checks import ContractChecks
from console_sim.envelope import Envelope, stamp
from console_sim.settings import Settings
from console_sim.ui import Pages, build_cockpit
from privman_contracts import WireNames
from privman_core.clock import Clock
from privman_core.control import Control, is_control
from privman_core.faults import GENERIC, Faults, GenericFaults
from privman_core.ids import Ids
from privman_core.inputs import trust
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.outbound import HttpCaller
from privman_core.pages.cockpit_keys import CockpitKeys
from privman_core.pages.instruments import Instruments
from privman_core.recording import recording

USER_AGENT = "PrivilegeManager"
JOURNAL = web.AppKey("journal", Journal)
FAULTS = web.AppKey("faults", Faults)


def create_app(settings: Settings, *, clock: Clock, ids: Ids, checks: ContractChecks | None = None) -> web.Application:
    """Return a console with what its database keeps.

    The clock stays the caller's: whoever made it closes it. Checks made before for the same settings save reading the
    contracts again. Raises InferredNamesError for an unusable file of names, UnusableDatabaseError for the database.
    """
    checks = checks or ContractChecks(WireNames.load(settings.inferred))
    secrets = Secrets()
    journal = Journal(clock, secrets, checks.judge)
    faults = Faults(clock, GenericFaults(clock).kinds(), GENERIC)
    caller = HttpCaller(clock, journal, f"{USER_AGENT}/{settings.version}", trusted=trust(settings.ca_file))
    console = build_console(
        settings, checks.names, clock=clock, ids=ids, secrets=secrets, caller=caller, note=journal.note
    )
    pages = Pages(settings, console, secrets=secrets, ids=ids.fork("pages"), journal=journal)

    async def reset() -> None:
        secrets.retire_all()
        console.reset()
        clock.restart()
        ids.restart()
        faults.clear()
        journal.clear()

    envelope = Envelope(checks.names)
    control = Control(clock, journal, faults, reset, settings.admin_token)
    app = web.Application(
        # The envelope stands twice: the outer one answers what goes wrong before a request can be recorded.
        middlewares=[
            envelope.middleware,
            recording(journal, faults, lambda request: is_control(request) or pages.is_page(request)),
            envelope.middleware,
            *([control.middleware] if settings.control_plane else []),
        ]
    )
    app[JOURNAL] = journal
    app[FAULTS] = faults
    if settings.control_plane:
        app.add_routes(control.routes())
        app.add_routes(ConsoleAdmin(settings, console, secrets).routes())
        instruments, keys = Instruments(clock, journal, faults), CockpitKeys.draw(settings.admin_token, ids)
        app.add_routes(build_cockpit(console, instruments, checks, keys, secrets.mask).routes())
    app.add_routes(ConsoleApi(settings, console, envelope, checks).routes())
    app.add_routes(pages.routes())
    app.on_response_prepare.append(stamp)
    app.cleanup_ctx.append(_closing(console, caller))
    return app


def _closing(console: Console, caller: HttpCaller) -> Callable[[web.Application], AsyncIterator[None]]:
    async def close(_app: web.Application) -> AsyncIterator[None]:
        console.resume()
        yield
        console.server_tasks.stop()
        await caller.aclose()
        console.store.close()

    return close
