"""Clients of other authors, downloaded when they are needed: ``tox -e clients``."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from shutil import which

import pytest
import trustme

from tests.forward_proxy import ForwardProxy
from tests.mock_servicenow.command import serving_command

Install = Callable[..., Awaitable[Path]]
Run = Callable[..., Awaitable[str]]
Serve = Callable[[], AbstractAsyncContextManager[dict[str, str]]]


async def run(*command: str, folder: Path, **environment: str) -> tuple[int | None, str]:
    """Run a program to its end and return its exit code and output."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def install(*command: str, folder: Path) -> None:
    """Run an installer; skips the test where it fails, as without its registry."""
    exit_code, output = await run(*command, folder=folder)
    if exit_code:
        reason = (output.strip().splitlines() or ["no output"])[-1]
        pytest.skip(f"{command[-1]} cannot be installed: {reason}")


@pytest.fixture
def python_client(tmp_path: Path) -> Install:
    """Return what installs packages of PyPI into an environment of their own and gives its folder of programs."""

    async def client(*packages: str) -> Path:
        folder = tmp_path / "client"
        await install("uv", "venv", "--quiet", "--python", sys.executable, str(folder), folder=tmp_path)
        await install("uv", "pip", "install", "--quiet", "--python", str(folder), *packages, folder=tmp_path)
        return folder / "bin"

    return client


@pytest.fixture
def node_client(tmp_path: Path) -> Install:
    """Return what installs a package of npm and gives the folder that scripts run in."""

    async def client(package: str) -> Path:
        if which("npm") is None:
            pytest.skip("npm is not installed")
        await install("npm", "install", "--silent", "--no-fund", "--no-audit", package, folder=tmp_path)
        return tmp_path

    return client


@pytest.fixture
def succeed() -> Run:
    """Return what runs a program that must succeed and gives its output."""

    async def succeed(*command: str, folder: Path, **environment: str) -> str:
        exit_code, output = await run(*command, folder=folder, **environment)
        assert exit_code == 0, output
        return output

    return succeed


@pytest.fixture
def named_instance(tmp_path: Path) -> Serve:
    """Return what serves an instance as https://dev12345.service-now.com and gives the settings to reach it.

    Some clients complete the instance's name themselves, so they reach it through a proxy.
    """

    @asynccontextmanager
    async def serving() -> AsyncIterator[dict[str, str]]:
        name, authority = "dev12345.service-now.com", trustme.CA()
        files = {each: tmp_path / f"{each}.pem" for each in ("authority", "certificate", "key")}
        authority.cert_pem.write_to_path(files["authority"])
        issued = authority.issue_cert(name)
        issued.cert_chain_pems[0].write_to_path(files["certificate"])
        issued.private_key_pem.write_to_path(files["key"])
        tls = ("--tls-cert", str(files["certificate"]), "--tls-key", str(files["key"]))
        async with serving_command(*tls) as url, ForwardProxy({name: url}).serving() as proxy:
            yield {"https_proxy": proxy, "REQUESTS_CA_BUNDLE": str(files["authority"])}

    return serving
