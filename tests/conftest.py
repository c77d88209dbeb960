"""What tests of several folders share: the store that instances keep their records in, and a browser."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psycopg
import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from tests.browser import Chromium

STORES = ("memory", "file", "postgresql")
UNPRIVILEGED = "postgres"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    parser.addoption("--store", choices=STORES, default="memory", help="where instances keep their records (memory)")
    parser.addoption("--gallery", type=Path, metavar="PATH", help="folder for screenshots of the documented procedure")


class PostgreSql:
    """A server on a Unix socket in a temporary folder."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        # PostgreSQL refuses to run as root, as a container's only user often is.
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        self._made = 0

    def start(self) -> None:
        """Create a cluster and start its server."""
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        data = self._folder / "data"
        self._run(
            "initdb", "--pgdata", data, "--auth", "trust", "--username", "test", "--no-sync", "--encoding", "UTF8"
        )
        unsafe = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        options = f"-k {self._folder} -c listen_addresses='' -c max_connections=200 {unsafe}"
        self._run("pg_ctl", "start", "--wait", "--pgdata", data, "--log", self._folder / "log", "--options", options)

    def stop(self) -> None:
        """Stop the server."""
        self._run("pg_ctl", "stop", "--pgdata", self._folder / "data", "--mode", "immediate")

    def create_database(self, template: str = "template0") -> str:
        """Create a database and return its name."""
        self._made += 1
        name = f"test{self._made}"
        with psycopg.connect(host=str(self._folder), user="test", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://test@/{database}?host={self._folder}"

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [self._programs / program, *arguments]
        subprocess.run(  # noqa: S603 - our own server
            command, user=self._user, cwd=self._folder, check=True, stdout=subprocess.DEVNULL
        )


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSql]:
    """Run a PostgreSQL server."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb is neither on the PATH nor in Debian's folder of it")
    with TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = PostgreSql(programs, Path(folder))
        server.start()
        yield server
        server.stop()


def _programs() -> Path | None:
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database in the store that was asked for."""
    store = request.config.getoption("--store")
    if store == "postgresql":
        server: PostgreSql = request.getfixturevalue("postgresql")
        return server.url(server.create_database())
    return "sqlite://" if store == "memory" else f"sqlite:///{tmp_path / 'instance.db'}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator["Chromium"]:
    """Start a browser once."""
    from tests.browser import Chromium  # noqa: PLC0415 - it skips the test where there is none

    async with Chromium.started() as browser:
        yield browser
