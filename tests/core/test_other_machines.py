"""Both servers over TLS, called from another address: their control planes demand a token from other machines."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import trustme

from tests.own_network import ADDRESS, command_beside, command_in_new_network

pytestmark = pytest.mark.once

STORY = """\
title: An approval reaches the console
steps:
  - console.ask: {metadata: {PolicyName: Elevate installers}}
  - servicenow.approve:
  - console.expect-approval: {state: Approved}
"""
TLS = ("--tls-cert", "server.pem", "--tls-key", "server.pem", "--ca-file", "ca.pem")
PASSWORDS = {"MOCK_SERVICENOW_PASSWORD": "of-the-administrator-1", "SERVICENOW_PASSWORD": "of-the-administrator-1"}
TOKENS = {"SERVICENOW_ADMIN_TOKEN": "token of the mock", "CONSOLE_ADMIN_TOKEN": "token of the console"}
TOKENS_OF_SERVERS = {
    "MOCK_SERVICENOW_ADMIN_TOKEN": "token of the mock",
    "CONSOLE_SIM_ADMIN_TOKEN": "token of the console",
}

SERVICENOW, CONSOLE = "--servicenow-url", "--console-url"

Wrapper = Callable[[Sequence[str]], list[str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run everything in a folder with a story and a certificate for the other address."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert(ADDRESS).private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    (tmp_path / "story.yaml").write_text(STORY)
    monkeypatch.chdir(tmp_path)


@asynccontextmanager
async def serving(wrap: Wrapper, module: str, environment: Mapping[str, str]) -> AsyncIterator[tuple[int, str]]:
    """Serve at the other address; yields the number of the process and the URL."""
    command = [sys.executable, "-m", module, "serve", "--host", ADDRESS, "--port", "0", *TLS]
    process = await asyncio.create_subprocess_exec(
        *wrap(command), stdout=asyncio.subprocess.PIPE, env={**os.environ, **PASSWORDS, **environment}
    )
    assert process.stdout is not None
    try:
        yield process.pid, (await process.stdout.readline()).decode().split()[2]
    finally:
        process.terminate()
        await process.communicate()


@dataclass(frozen=True)
class Network:
    """A mock and a console in a network, and clients beside them.

    Attributes:
        pid: of a process in the network.
        urls: of both, by the name of their option.
    """

    pid: int
    urls: Mapping[str, str]

    async def run(self, *options: str, **tokens: str) -> tuple[int | None, str]:
        """Play the story against the servers of these options, with these tokens; return exit code and output."""
        targets = [word for option in options for word in (option, self.urls[option])]
        command = [sys.executable, "-m", "privman_scenarios", "run", "story.yaml", "--reset", "--ca-file", "ca.pem"]
        process = await asyncio.create_subprocess_exec(
            *command_beside(self.pid, [*command, *targets]),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **PASSWORDS, **tokens},
        )
        out, _ = await process.communicate()
        return process.returncode, out.decode()

    async def refuses(self, *options: str, **tokens: str) -> bool:
        """Play the story, and return whether the control plane of the first option's server refused to be used."""
        code, out = await self.run(*options, **tokens)
        refused = f"{self.urls[options[0]]} cannot be controlled: /__admin requires its token in X-Admin-Token"
        return code == 3 and refused in out


@asynccontextmanager
async def network(**tokens: str) -> AsyncIterator[Network]:
    """Serve both in a network of their own, with these tokens for their control planes."""
    async with (
        serving(command_in_new_network, "mock_servicenow", tokens) as (pid, servicenow),
        serving(partial(command_beside, pid), "console_sim", tokens) as (_, console),
    ):
        yield Network(pid, {SERVICENOW: servicenow, CONSOLE: console})


@pytest.mark.long
async def test_a_token_opens_the_control_plane_to_other_machines() -> None:
    """Both servers demand theirs: without either, nothing is played."""
    async with network(**TOKENS_OF_SERVERS) as both:
        code, out = await both.run(SERVICENOW, CONSOLE, **TOKENS)
        assert (code, "1 passed, 0 failed, 0 skipped" in out) == (0, True), out
        assert await both.refuses(SERVICENOW, CONSOLE, CONSOLE_ADMIN_TOKEN=TOKENS["CONSOLE_ADMIN_TOKEN"])
        assert await both.refuses(CONSOLE, SERVICENOW, SERVICENOW_ADMIN_TOKEN=TOKENS["SERVICENOW_ADMIN_TOKEN"])


@pytest.mark.long
async def test_servers_without_tokens_refuse_other_machines() -> None:
    """Whatever tokens these send."""
    async with network() as both:
        assert await both.refuses(SERVICENOW)
        assert await both.refuses(CONSOLE)
        code, out = await both.run(SERVICENOW, CONSOLE, **TOKENS)
        assert (code, "_ADMIN_TOKEN was refused: the fake has another, it has none and" in out) == (3, True), out
