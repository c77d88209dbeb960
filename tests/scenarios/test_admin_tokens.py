"""Tokens of control plane: where they are read from, and what is said of one that is missing or refused."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import console_sim.cli
from console_sim import ConsoleSim
from privman_scenarios.commands.cli import main

from .targets import packaged

pytestmark = pytest.mark.usefixtures("folder")

APPROVE = packaged("approve")


def test_a_token_that_is_not_in_its_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is named; what it holds is not shown."""
    arguments = ["targets", "--console-url", "http://127.0.0.1:9", "--admin-token-file", "token"]
    assert main(arguments) == 2
    assert capsys.readouterr().err == "privman-scenarios: --admin-token-file: token: No such file or directory.\n"
    (folder / "token").write_bytes(b"a secret\nof two lines\xff")
    assert main(arguments) == 2
    expected = "expected one line of ASCII characters, without blanks at its ends."
    said = f"privman-scenarios: --admin-token-file: invalid token: {expected}\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("device", ["/dev/zero", "long"])
def test_a_token_is_read_within_a_bound(device: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of a file that is too long for a token is taken for one."""
    (folder / "long").write_bytes(b"x" * 70_000)
    assert main(["targets", "--console-url", "http://127.0.0.1:9", "--admin-token-file", device]) == 2
    why = {"/dev/zero": "Not a regular file", "long": "More than 65536 bytes"}[device]
    assert capsys.readouterr().err == f"privman-scenarios: --admin-token-file: {device}: {why}.\n"


@pytest.mark.parametrize(("written", "code"), [(b"a-token\n", 3), (b"", 2)])
def test_a_token_from_a_pipe(written: bytes, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A shell's ``<(command)`` is one, of which the content is kept nowhere; an empty one has no token."""
    reader, writer = os.pipe()
    os.write(writer, written)
    os.close(writer)
    arguments = ["targets", "--console-url", "http://127.0.0.1:9", "--admin-token-file", f"/dev/fd/{reader}"]
    assert main(arguments) == code
    os.close(reader)
    assert ("invalid token: expected one line of ASCII characters" in capsys.readouterr().err) == (code == 2)


CLIENTS = (
    ["targets"],
    ["run", APPROVE],
    ["run", APPROVE, "--reset"],
    ["load"],
    ["console-sim", "setup"],
)


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """Serve a console whose control plane demands a token."""
    with ConsoleSim(console_sim.Settings(admin_token="right"), clock="real") as console:
        yield console.url


TOKEN_SOURCES = "--admin-token-file, CONSOLE_ADMIN_TOKEN or console.admin-token-variable in a profile"


@pytest.mark.long
def test_a_token_that_is_missing(
    guarded: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run names each way to give it, as the other clients do, and never says that there is no control plane."""
    monkeypatch.setenv("CONSOLE_URL", guarded)
    Path("story.yaml").write_text(
        "title: One\ngiven: nothing\nsteps:\n  - console.create-policy: {name: P}\n"
        "  - console.expect-approval: Denied\n"
    )
    main(["run", "story.yaml"])
    played = capsys.readouterr().out
    assert f"needs a console control plane: {guarded} already runs and demands a token" in played
    assert f"--reset (pytest: --privman-reset) with {TOKEN_SOURCES} lets this run control it" in played
    for client in (["targets"], ["load"], ["run", "story.yaml", "--reset"]):
        assert main(client) == 3
        (line,) = capsys.readouterr().err.splitlines()
        assert f"{guarded} cannot be controlled: /__admin requires its token" in line
        assert line.endswith(f". Expected {TOKEN_SOURCES}.")


@pytest.mark.parametrize("client", CLIENTS, ids=["targets", "run", "reset", "load", "setup"])
@pytest.mark.parametrize("source", ["--admin-token-file", "CONSOLE_ADMIN_TOKEN", "privman.toml:2"])
def test_a_token_that_is_refused(
    source: str, client: list[str], guarded: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every client ends with the same line, which names the token's source, and the same exit code."""
    Path("file").write_text("wrong", encoding="utf-8")
    if source.startswith("--"):
        client = [*client, source, "file"]
    elif source.startswith("privman.toml"):
        monkeypatch.setenv("OUR_TOKEN", "wrong")
        Path("privman.toml").write_text("\nconsole.admin-token-variable = 'OUR_TOKEN'", encoding="utf-8")
    else:
        monkeypatch.setenv(source, "wrong")
    monkeypatch.setenv("CONSOLE_URL", guarded)
    if client[0] == "console-sim":
        monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
        given = [*client[1:], "--servicenow-url", "http://127.0.0.1:9", "--servicenow-user", "admin"]
        assert console_sim.cli.main(given) == 3
    else:
        assert main(client) == 3
    err = capsys.readouterr().err
    refused = f"{guarded} cannot be controlled: the token of {source} was refused: the fake has another"
    assert err.partition(": ")[2].startswith(refused)
    assert err.endswith(", or the address is that of the other fake.\n")
    assert err.count("\n") == 1
