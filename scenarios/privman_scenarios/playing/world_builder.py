"""Start both fakes in this process, or reach systems that already run."""

import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path

from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web

import console_sim
import mock_servicenow
from console_sim import ConsoleSim
from mock_servicenow import MockServiceNow
from privman_contracts import WireNames
from privman_core.client_settings import PATIENCE
from privman_core.clock import Clock, RealClock
from privman_core.ids import Ids
from privman_core.inputs import trust
from privman_core.instruments import INSTRUMENTS
from privman_core.serving import serving
from privman_core.virtual_clock import START, VirtualClock
from privman_scenarios.errors import TargetUnreachableError, UnusableFileError
from privman_scenarios.language.model import FileTables
from privman_scenarios.playing.cleanup import Cleanup, Writes
from privman_scenarios.playing.control_plane import ControlPlane, WipeWatch
from privman_scenarios.playing.http_api import HttpApi, PartyCall
from privman_scenarios.playing.lacking import lacking_beside, lacking_in
from privman_scenarios.playing.log_in import Credentials, InstanceUsers
from privman_scenarios.playing.mock_options import MockOptions
from privman_scenarios.playing.party import ConsoleParty
from privman_scenarios.playing.product_facts import restricts_passwords, tables_of_files
from privman_scenarios.playing.reaching import (
    BadLogInError,
    Connection,
    NotRegistered,
    Restart,
    find_registration,
    reach_console,
    reach_servicenow,
    refuse_bad_log_on,
    refuse_bad_users,
)
from privman_scenarios.playing.servicenow import ServiceNowParty
from privman_scenarios.playing.target import Target
from privman_scenarios.playing.world import World

# The fake's documented administrator; it listens on the loopback only.
ADMIN = Credentials("admin", "admin")
_USUAL = MockOptions()


class WorldBuilder:
    """Opens worlds: what does not already run is started, each time anew, in this process.

    On a system that already runs others may work too: unless it may be reset, every record that is there stays as it
    is, what the run has created is deleted, and identifiers are drawn anew, so that no two runs share one.

    Args:
        seed: of every identifier; the same seed gives the same journals.
        inferred: a file of wire names that differ.
        servicenow: an instance that already runs.
        console: a console that already runs.
        ca_file: extra CA certificates to trust (PEM).
        reset: whether fakes that already run go back to their state at start.
        dry_run: whether fakes of this process take the place of what already runs.
        writes: called with each write to an instance that already runs.
        patience: for how many seconds an expectation of such a system is looked at again until it holds.
        quiet_time: for how many seconds something that must not happen there is watched; None for as many.
        pauses: real time, for patience with such an instance.
        mock: what a mock is started with.

    Attributes:
        are_fakes: whether both parties have a control plane, as far as known.
        unseen: why nobody sees what the instance swallows; empty where it has a control plane, and in a dry run.
        versions: of the targets, by party, once they have been reached.
        unlisted: a sentence for each table of the app that the instance does not list.
    """

    def __init__(  # noqa: PLR0913 - one for each option of the commands
        self,
        seed: int,
        inferred: Path | None = None,
        servicenow: Target | None = None,
        console: Target | None = None,
        ca_file: Path | None = None,
        *,
        reset: bool = False,
        dry_run: bool = False,
        writes: Writes | None = None,
        patience: int = PATIENCE,
        quiet_time: int | None = None,
        pauses: Clock | None = None,
        mock: MockOptions = _USUAL,
    ) -> None:
        self._pauses = pauses or RealClock()
        self._seed = seed
        self._inferred = inferred
        self._ca_file = ca_file
        self._names = WireNames.load(inferred)
        self.listeners: list[Callable[[PartyCall], None]] = []
        if servicenow and (reset or not console):
            _ = servicenow.console_login
        self._options = mock
        self._servicenow = servicenow
        self._console = console
        self._reset = reset
        self._dry_run = dry_run
        self._writes = writes
        self._patience = patience
        self._quiet_time = patience if quiet_time is None else quiet_time
        self.are_fakes = True
        self.unseen = ""
        self.versions: dict[str, str] = {}
        self.unlisted: dict[str, None] = {}  # ordered
        self._has_reset = False
        self._has_logged_in = False
        self._refusal = ""

    def at_a_time(self, jobs: int) -> int:
        """Return how many worlds may be open at a time of that many: what already runs is shared by all of them."""
        return 1 if self._servicenow or self._console else jobs

    def __reduce__(self) -> tuple[object, ...]:
        # Whoever plays on what already runs does so in one process.
        return _same_builder, (self._seed, self._inferred, self._ca_file, self._options)

    @cached_property
    def tables(self) -> FileTables:
        """The tables that files define or change; raises UnusableFileError."""
        on_mock = self._servicenow is None or self._dry_run
        return tables_of_files(self._options.tables, self._inferred, on_mock=on_mock)

    @asynccontextmanager
    async def open(self, seed: int | None = None, start: datetime | None = None) -> AsyncIterator[World]:
        """Return both parties in their state at start; raises TargetUnreachableError.

        Args:
            seed: of what is started here; None for the builder's own.
            start: when its virtual time begins; None for the usual moment.
        """
        async with AsyncExitStack() as stack:
            connector = TCPConnector(ssl=trust(self._ca_file))
            session = await stack.enter_async_context(ClientSession(connector=connector, cookie_jar=DummyCookieJar()))
            far_servicenow, far_console = await self._reach_unless_refused(session)
            self.are_fakes = all(connection.is_fake for connection in (far_servicenow, far_console) if connection)
            far = {"ServiceNow": far_servicenow, "Privilege Manager": far_console}
            self.versions = {party: connection.version for party, connection in far.items() if connection}
            is_shared = any(connection.api.shared for connection in (far_servicenow, far_console) if connection)
            ids = Ids() if is_shared else Ids(self._seed if seed is None else seed)
            virtual = all(connection.virtual for connection in (far_servicenow, far_console) if connection)
            clock: Clock = VirtualClock(start or START) if virtual else RealClock()
            near = _Servers(stack, session, clock, virtual=virtual)
            if self._dry_run:
                far_servicenow, far_console = await self._stand_ins(near, far_servicenow, far_console, clock, ids)
            servicenow = far_servicenow or await near.start(self._mock_servicenow(clock, ids.fork("servicenow")))
            console = far_console or await near.start(self._console_sim(clock, ids.fork("console")))
            self.unseen = "" if self._dry_run else servicenow.why_not
            if far_servicenow and self._writes:
                far_servicenow.api.listeners.append(self._writes)
                stack.enter_context(self._writes)
            users = self._users()
            shared = None if far_servicenow or far_console else clock

            async def start_console() -> ConsoleParty:
                connection = await near.start(self._console_sim(clock, ids.fork(f"console {len(world.consoles) + 1}")))
                console = ConsoleParty(connection.api, connection.control)
                if cleanup:
                    cleanup.watch(console)
                return console

            async def start_instance() -> ServiceNowParty:
                name = f"servicenow {len(world.instances) + 1}"
                connection = await near.start(self._mock_servicenow(clock, ids.fork(name)))
                drawn = ids.fork(f"scenario at {name}")
                return ServiceNowParty(connection.api, connection.control, self._names, InstanceUsers(ADMIN), drawn)

            world = World(
                ServiceNowParty(servicenow.api, servicenow.control, self._names, users, ids.fork("scenario")),
                ConsoleParty(console.api, console.control),
                virtual=virtual,
                patience=self._patience,
                quiet_time=0 if self._dry_run else self._quiet_time,
                clock=shared,
                lacking=lacking_in(servicenow, console, one_clock=shared is not None),
                start_console=None if far_console else start_console,
                start_instance=None if far_servicenow else start_instance,
            )
            for party, connection in ((world.servicenow, servicenow), (world.console, console)):
                party.why_no_control = connection.why_not
            world.lacking = {**world.lacking, **lacking_beside(far_servicenow, far_console, users)}
            if far_console is not None and far_console.control is None:
                await _adopt(world, far_console)
            own = world.servicenow.own
            cleanup = Cleanup(world.servicenow, own, self._writes, self._pauses) if own else None
            if cleanup:
                cleanup.watch(world.console)
                self.unlisted.update(dict.fromkeys(await cleanup.take_stock(world.registration)))
            try:
                yield world
            finally:
                if cleanup:  # while every console still runs, whose journal shows what it has created
                    await cleanup.clean_up()

    def _users(self) -> InstanceUsers:
        users = self._servicenow.users if self._servicenow else InstanceUsers(ADMIN)
        return users.acted_by(ADMIN) if self._dry_run else users

    async def _reach_unless_refused(self, session: ClientSession) -> tuple[Connection | None, Connection | None]:
        """Do as `_reach`; a log-in that was refused is not tried again, unless a reset lets it in."""
        if self._refusal and not self._has_reset:
            raise BadLogInError(self._refusal)
        try:
            return await self._reach(session)
        except BadLogInError as error:
            self._refusal = str(error)
            raise

    async def _reach(self, session: ClientSession) -> tuple[Connection | None, Connection | None]:
        """Return what already runs of the two."""
        console = servicenow = None
        restart: Restart = "reset" if self._reset else "never"
        if self._servicenow and self._reset and not self._has_reset:
            await refuse_bad_log_on(self._servicenow.api(session), self._servicenow.log_in)
            self._has_reset = True  # from then on a scenario may have locked the user out, which a reset mends
        if self._console:
            console = await reach_console(self._console.api(session), restart)
            # What a real console has registered with a fake must stay.
            restart = "clear" if self._reset and console.control is None else restart
        if self._servicenow:
            servicenow = await reach_servicenow(self._servicenow.api(session), self._servicenow.log_in, restart)
            if not self._has_logged_in:
                await refuse_bad_users(servicenow.api, self._servicenow.users.existing.values())
                self._has_logged_in = True
            if servicenow.control is None:
                servicenow.api.listeners.extend(self.listeners)
        if self._reset:
            _require_control([connection for connection in (servicenow, console) if connection])
        return servicenow, console

    async def _stand_ins(
        self, near: "_Servers", servicenow: Connection | None, console: Connection | None, clock: Clock, ids: Ids
    ) -> tuple[Connection | None, Connection | None]:
        """Return fakes of this process in place of what already runs."""
        if servicenow:
            far, app = servicenow.api.url, self._mock_servicenow(clock, ids.fork("servicenow"))
            servicenow = await near.stand_in(servicenow, app)
            if self._writes:
                self._writes.names[servicenow.api.url] = far
        if console:
            console = await near.stand_in(console, self._console_sim(clock, ids.fork("console")))
        return servicenow, console

    @cached_property
    def _mock(self) -> MockServiceNow:
        options = self._options
        return MockServiceNow(
            mock_servicenow.Settings(
                inferred=self._inferred,
                ca_file=self._ca_file,
                release=options.release,
                tables=options.tables,
                data=options.data,
            )
        )

    @cached_property
    def _simulator(self) -> ConsoleSim:
        certificate = self._servicenow.certificate if self._servicenow else None
        tls = certificate.context if certificate else None  # who demands it of the run demands it of the run's console
        return ConsoleSim(console_sim.Settings(inferred=self._inferred, ca_file=self._ca_file, tls=tls))

    def _mock_servicenow(self, clock: Clock, ids: Ids) -> web.Application:
        # Errors of other options name them.
        with _unusable_files(f"{self._inferred}: " if self._options == _USUAL else ""):
            return self._mock.create(clock, ids)

    def _console_sim(self, clock: Clock, ids: Ids) -> web.Application:
        return self._simulator.create(clock, ids)


@contextmanager
def _unusable_files(where: str = "") -> Iterator[None]:
    """Raise UnusableFileError for a file that the mock cannot start with."""
    try:
        yield
    except mock_servicenow.StartError as error:
        raise UnusableFileError(f"{where}{error}") from None


class _Servers:
    """Starts applications in this process."""

    def __init__(self, stack: AsyncExitStack, session: ClientSession, clock: Clock, *, virtual: bool) -> None:
        self._stack = stack
        self._session = session
        self._virtual = virtual
        stack.push_async_callback(clock.aclose)

    async def start(self, app: web.Application) -> Connection:
        """Serve the application on a free port until the world closes."""
        journal = app[INSTRUMENTS].journal
        watch = WipeWatch(lambda: journal.newest)
        app.middlewares.insert(0, watch.middleware)
        api = HttpApi(self._session, await self._stack.enter_async_context(serving(app)))
        return Connection(api, ControlPlane(api, watch), self._virtual, why_real=f"{api.url} keeps real time")

    async def stand_in(self, far: Connection, app: web.Application) -> Connection:
        """Serve the application in place of what runs elsewhere, so that nothing is sent there."""
        near = await self.start(app)
        return replace(far, api=HttpApi(self._session, near.api.url, shared=True))


@asynccontextmanager
async def fresh_servicenow(mock: MockOptions = _USUAL, inferred: Path | None = None) -> AsyncIterator[Target]:
    """Serve an instance in its first state, in virtual time; raises UnusableFileError."""
    settings = mock_servicenow.Settings(inferred=inferred, release=mock.release, tables=mock.tables, data=mock.data)
    async with AsyncExitStack() as stack:
        with _unusable_files():
            server = await stack.enter_async_context(MockServiceNow(settings, seed=0))
        yield Target(server.url, Credentials(*server.auth))


def restricting_rows(release: str) -> str:
    """Return rows, in YAML, that restrict passwords as newly provisioned instances of a release do; empty for none."""
    if not restricts_passwords(release):
        return ""
    names = (f"glide.authenticate.basic_auth.restriction.{switch}" for switch in ("active", "enforce"))
    return json.dumps({"sys_properties": [{"name": name, "value": "true"} for name in names]})


@asynccontextmanager
async def fresh_console(inferred: Path | None = None) -> AsyncIterator[Target]:
    """Serve a console that has not been set up, in virtual time."""
    async with ConsoleSim(console_sim.Settings(inferred=inferred), seed=0) as server:
        yield Target(server.url)


@asynccontextmanager
async def fresh_consoles(
    count: int, inferred: Path | None, ca_file: Path | None, tls: ssl.SSLContext | None
) -> AsyncIterator[list[Target]]:
    """Serve consoles that have not been set up, in real time; see `console_sim.Settings`."""
    simulator = ConsoleSim(console_sim.Settings(inferred=inferred, ca_file=ca_file, tls=tls))
    async with AsyncExitStack() as stack:
        clock = RealClock()
        stack.push_async_callback(clock.aclose)
        yield [Target(await stack.enter_async_context(serving(simulator.create(clock, Ids())))) for _ in range(count)]


@cache
def _same_builder(seed: int, inferred: Path | None, ca_file: Path | None, mock: MockOptions) -> WorldBuilder:
    """Return the worlds of another process, the same whenever they are sent, so that contracts are read once."""
    return WorldBuilder(seed, inferred, ca_file=ca_file, mock=mock)


def _require_control(connections: Sequence[Connection]) -> None:
    """Raise TargetUnreachableError where nothing can be reset: most of what was meant to be played would be skipped."""
    if connections and all(connection.control is None for connection in connections):
        urls = " and ".join(connection.api.url for connection in connections)
        raise TargetUnreachableError(f"{urls} cannot be reset: there is no control plane.")


async def _adopt(world: World, console: Connection) -> None:
    """Take a console as its administrators have set it up."""
    found = await find_registration(world.servicenow, world.console.url)
    if isinstance(found, NotRegistered):
        reason = found.reason(world.servicenow.url, console)
        world.lacking = {**world.lacking, "a console that is set up": reason}
    else:
        world.registration = found
