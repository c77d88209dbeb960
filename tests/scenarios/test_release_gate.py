"""A release engineer's gate: two processes of the mock on PostgreSQL and a console, over TLS, each with its token."""

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests import preloaded

pytestmark = pytest.mark.once

STORY = """\
title: A denial reaches the console
steps:
  - console.ask: {metadata: {PolicyName: Elevate installers}}
  - servicenow.deny: {comment: Not on a server}
  - console.expect-approval:
      state: Denied
      comment: Not on a server
"""
PROFILE = """\
ca-file = "tls/ca.pem"
max-skipped = 0

[servicenow]
user = "admin"
password-variable = "GATE_PASSWORD"
admin-token-variable = "GATE_TOKEN"

[console]
url = "{console}"
admin-token-variable = "GATE_CONSOLE_TOKEN"

[profiles.one.servicenow]
url = "{one}"

[profiles.other.servicenow]
url = "{other}"
"""
# The application sends the approver's comment under another name.
DEFECT = "keys: {decision: {Comment: Reason}}"
SERVERS = {
    "MOCK_SERVICENOW_ADMIN_TOKEN": "token of the mock",
    "MOCK_SERVICENOW_PASSWORD": "of-the-administrator-1",
    "CONSOLE_SIM_ADMIN_TOKEN": "token of the console",
}
SECRETS = {
    "GATE_TOKEN": "token of the mock",
    "GATE_PASSWORD": "of-the-administrator-1",
    "GATE_CONSOLE_TOKEN": "token of the console",
}
TLS = ("--tls-cert", "tls/server.pem", "--tls-key", "tls/server.key", "--ca-file", "tls/ca.pem")


@pytest.fixture
def database(postgresql: Any) -> Iterator[str]:
    """Give the URL of an empty PostgreSQL database."""
    with postgresql.database() as url:
        yield url


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a project, with its story and its certificates, where everything runs."""
    for folder in ("stories", "tls"):
        (tmp_path / folder).mkdir()
    (tmp_path / "stories" / "denial.yaml").write_text(STORY)
    (tmp_path / "candidate.yaml").write_text(DEFECT)
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "tls" / "ca.pem")
    server.private_key_pem.write_to_path(tmp_path / "tls" / "server.key")
    for part in server.cert_chain_pems:
        part.write_to_path(tmp_path / "tls" / "server.pem", append=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    return tmp_path


@asynccontextmanager
async def serving(program: str, *arguments: str, at: str = "https://127.0.0.1:0") -> AsyncIterator[str]:
    """Serve one party in a process of its own, at this address; yields the address, with the port that was free."""
    port = at.rpartition(":")[2]
    process = await preloaded.start(program, "serve", "--port", port, *TLS, *arguments, environment=SERVERS)
    try:
        yield (await process.line()).split()[2]
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()


async def client(*arguments: str, program: str = "privman-scenarios", **variables: str) -> tuple[int | None, str, str]:
    """Run a client to its end and return exit code, output and errors."""
    return await preloaded.run(program, *arguments, environment=SECRETS | variables)


GATE = ("run", "stories", "--strict", "--reset", "--github", "--profile")


@pytest.mark.long
async def test_the_gate_is_green_and_then_red(database: str, project: Path) -> None:
    """One of two processes is upgraded to a candidate with a defect: the gate fails on it alone, at the step's line."""
    mock = ("mock-servicenow", "--database", database)
    async with serving(*mock) as other, serving("console-sim") as console:
        async with serving(*mock) as one:
            (project / "privman.toml").write_text(PROFILE.format(console=console, one=one, other=other))
            code, out, err = await client("targets", "--profile", "one")
            assert (code, err) == (0, "")
            assert [f"{url} answers; its control plane answers" in out for url in (one, console)] == [True, True]
            await passes("one", one)
            await passes("other", other)
        async with serving(*mock, "--inferred", "candidate.yaml", at=one):
            code, out, _ = await client(*GATE, "one")
            await passes("other", other)
    assert code == 1
    assert out.startswith(f"ServiceNow: {one} (privman.toml:")
    (annotation,) = (line for line in out.splitlines() if line.startswith("::error"))
    assert annotation.startswith("::error file=stories/denial.yaml,line=5,title=A denial reaches the console::")
    assert "comment 'Not on a server'" in annotation
    assert not any(secret in out for secret in SECRETS.values())


async def passes(profile: str, url: str) -> None:
    """The gate passes on the process of this profile, and annotates nothing."""
    code, out, _ = await client(*GATE, profile)
    assert code == 0, out
    assert out.startswith(f"ServiceNow: {url} (privman.toml:")
    assert "1 passed, 0 failed, 0 skipped" in out
    assert "::error" not in out


@pytest.mark.long
async def test_whoever_lacks_a_token_controls_nothing(database: str, project: Path) -> None:
    """Neither from this machine: every client says which one is missing or refused, and sets up nothing."""
    async with serving("mock-servicenow", "--database", database) as one, serving("console-sim") as console:
        (project / "privman.toml").write_text(PROFILE.format(console=console, one=one, other=one))
        (project / "wrong").write_text("guess")
        code, out, err = await client("targets", "--profile", "one", "--admin-token-file", "wrong")
        refused = "cannot be controlled: the token of --admin-token-file was refused: "
        assert (code, err.count(refused), "answers" in out) == (3, 2, False)
        code, out, err = await client(*GATE, "one", CONSOLE_ADMIN_TOKEN="guess")
        assert (code, err.partition(": ")[2].startswith(f"{console} cannot be controlled: ")) == (3, True)
        set_up = ("setup", "--profile", "one")
        code, out, err = await client(*set_up, program="console-sim", CONSOLE_ADMIN_TOKEN="guess")
        assert (code, out) == (3, "")
        assert f"{console} cannot be controlled: the token of CONSOLE_ADMIN_TOKEN was refused: the fake has" in err
        assert (await client(*set_up, program="console-sim"))[0] == 0
