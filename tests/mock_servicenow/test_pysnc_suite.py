"""PySNC's own live suite, unchanged, against a served instance: ``tox -e pysnc -- PATH``.

PATH is a copy of github.com/ServiceNow/PySNC: its releases carry no tests.
"""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.conftest import NewDatabase

from .command import serving_command

RUNS: tuple[list[str], ...] = ([], [], ["-p", "random_order", "--random-order", "--random-order-bucket=global"])
PLAIN = ("-q", "-p", "no:cacheprovider", "-p", "no:privman", "-p", "no:xdist", "-p", "no:asyncio")


@pytest.fixture
def suite(request: pytest.FixtureRequest) -> Path:
    """Return the folder of a copy."""
    folder: Path = request.config.getoption("--pysnc")
    assert (folder / "test" / "test_snc_api.py").is_file(), f"--pysnc {folder}: expected a copy of PySNC's repository"
    return folder.resolve()


async def test_live_suite(suite: Path, new_database: NewDatabase, tmp_path: Path) -> None:
    """The reference client's suite holds twice in a row on one running instance, then in random order."""
    authority = tmp_path / "ca.pem"
    tls = ("--tls", "--tls-ca-file", str(authority))
    with new_database("") as database:
        async with serving_command("--database", database, *tls) as url:
            ended = [await run_suite(suite, url, authority, order) for order in RUNS]
    assert ended == [0, 0, 0]


async def run_suite(suite: Path, url: str, authority: Path, order: list[str]) -> int:
    """Run the suite and return pytest's exit code."""
    environment = {
        **os.environ,
        "PYSNC_SERVER": url,
        "PYSNC_USERNAME": "admin",
        "PYSNC_PASSWORD": "admin",
        "REQUESTS_CA_BUNDLE": str(authority),
        "SSL_CERT_FILE": str(authority),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pytest", *PLAIN, "test", *order, cwd=suite, env=environment
    )
    return await process.wait()
