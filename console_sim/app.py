"""The web application of a console."""

from collections.abc import AsyncIterator, Callable

from aiohttp import web

from console_sim import paths
from console_sim.admin.levers import Levers
from console_sim.admin.request_control import RequestControl
from console_sim.admin.setup_control import SetupControl
from console_sim.api.access import Access
from console_sim.api.approval import Approval
from console_sim.api.documents import Documents
from console_sim.api.envelope import Envelope
from console_sim.api.headers import stamp
from console_sim.api.logon import Logon
from console_sim.api.routes import Routes
from console_sim.console import Console, build_console
from console_sim.contract_checks import ContractChecks
from console_sim.settings import Settings
from console_sim.ui import Pages, build_cockpit
from privman_contracts import WireNames
from privman_core.clock import Clock
from privman_core.control import Control, is_control
from privman_core.fault_kinds import GenericFaults
from privman_core.faults import Faults
from privman_core.ids import Ids
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.options import GENERIC
from privman_core.outbound import HttpCaller
from privman_core.pages.cockpit_keys import CockpitKeys
from privman_core.pages.instruments import Instruments
from privman_core.recording import recording
from privman_core.trust import trust

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
        app.add_routes(SetupControl(settings, console).routes())
        app.add_routes(RequestControl(console, secrets).routes())
        app.add_routes(Levers(settings, console, secrets).routes())
        instruments, keys = Instruments(clock, journal, faults), CockpitKeys.draw(settings.admin_token, ids)
        app.add_routes(build_cockpit(console, instruments, checks, keys, secrets.mask).routes())
    app.add_routes(_api(settings, console, envelope, checks).routes())
    app.add_routes(pages.routes())
    app.on_response_prepare.append(stamp)
    app.cleanup_ctx.append(_closing(console, caller))
    return app


def _api(settings: Settings, console: Console, envelope: Envelope, checks: ContractChecks) -> Routes:
    access = Access(console.store, console.users)
    logon = Logon(console.names, envelope, access, console.users, console.tokens)
    approval = Approval(
        console.names,
        clock=console.clock,
        envelope=envelope,
        access=access,
        decisions=console.decisions,
        approvals=console.approvals,
    )
    documents = Documents(settings, envelope, checks)
    return Routes(
        {
            paths.TOKEN: {"POST": logon.log_on, "DELETE": logon.log_out},
            paths.APPROVE: {"POST": approval.approve},
            paths.VERSION: {"GET": documents.version},
            paths.SWAGGER_DOCUMENT: {"GET": documents.swagger_document},
            paths.SWAGGER_PAGE: {"GET": documents.swagger_page},
        }
    )


def _closing(console: Console, caller: HttpCaller) -> Callable[[web.Application], AsyncIterator[None]]:
    async def close(_app: web.Application) -> AsyncIterator[None]:
        console.resume()
        yield
        console.server_tasks.stop()
        await caller.aclose()
        console.store.close()

    return close
