"""Addresses of systems that already run: which are announced, and which are refused."""

from pathlib import Path

import pytest

import console_sim.cli
from console_sim import ConsoleSim
from privman_scenarios.commands.cli import main

from .targets import packaged

pytestmark = pytest.mark.usefixtures("folder")

APPROVE = packaged("approve")


@pytest.mark.long
def test_an_address_in_the_environment_is_announced(
    instance: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody plays on a real system by mistake: the first line names it, and --fakes starts fakes all the same."""
    monkeypatch.setenv("SERVICENOW_URL", instance)
    play = [APPROVE, "--quiet-time", "0", "--max-skipped", "100"]
    for command in (["run"], ["record", "--out", str(folder / "x.har")], ["fidelity", "--trap", "total-count"]):
        assert main([*command, *(play if command[0] != "fidelity" else ())]) == 0
        first = capsys.readouterr().out.splitlines()[0]
        assert first.startswith(f"ServiceNow: {instance} (SERVICENOW_URL).")
    assert main(["run", APPROVE, "--servicenow-url", instance, "--quiet-time", "0"]) == 0
    assert capsys.readouterr().out.startswith("passed ")
    assert main(["run", APPROVE, "--fakes"]) == 0
    assert "1 passed" in capsys.readouterr().out
    assert main(["run", APPROVE, "--fakes", "--servicenow-user", "x"]) == 2
    assert "--servicenow-user and --fakes exclude each other." in capsys.readouterr().err


def test_what_nothing_plays_is_not_announced(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable or a profile that only playing obeys does not keep ``record --har`` from working."""
    monkeypatch.setenv("SERVICENOW_URL", "http://127.0.0.1:9")
    (folder / "privman.toml").write_text("patience = 3")
    (folder / "x.har").write_text('{"log": {"entries": []}}')
    assert main(["record", "--har", "x.har", "--out", "y.har"]) == 1
    assert capsys.readouterr().out == "y.har: 0 exchanges, secrets masked\n"
    assert main(["record", "--har", "x.har", "--out", "y.har", "--patience", "3"]) == 2
    assert "--patience can't be combined with --har" in capsys.readouterr().err


def test_inferred_names_of_a_profile(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every client that obeys them takes them from there."""
    (folder / "privman.toml").write_text("inferred = 'ours.yaml'")
    (folder / "ours.yaml").write_text("tables: {no-such: x}")
    (folder / "x.har").write_text('{"log": {"entries": []}}')
    for arguments in (
        ["drift", "x.har"],
        ["run", APPROVE],
        ["record", APPROVE, "--out", "y.har"],
    ):
        assert main(arguments) == 2
        assert "ours.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("client", [["targets"], ["run", "--reset"], ["load"], ["console-sim", "setup"]], ids=" ".join)
def test_one_address_of_both(
    client: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is asked of it; both places are named."""
    (folder / "privman.toml").write_text("console.url = 'http://127.0.0.1:9/'")
    monkeypatch.setenv("SERVICENOW_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SERVICENOW_USER", "admin")
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")
    assert (console_sim.cli.main(client[1:]) if client[0] == "console-sim" else main(client)) == 2
    said = "SERVICENOW_URL and privman.toml:1: console.url are the same address, http://127.0.0.1:9."
    expected = "Expected that of a ServiceNow instance and that of a console."
    assert capsys.readouterr().err.partition(": ")[2] == f"{said} {expected}\n"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://localhost:9", "http://LOCALHOST:9/"),
        ("http://127.0.0.1", "http://127.0.0.1:80"),
        ("http://127.0.0.1:9", "https://127.0.0.1:9"),
    ],
)
def test_one_address_in_two_spellings(
    one: str, other: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Case, default port and scheme make no other server."""
    monkeypatch.setenv("SERVICENOW_URL", one)
    monkeypatch.setenv("CONSOLE_URL", other)
    assert main(["targets"]) == 2
    assert "SERVICENOW_URL and CONSOLE_URL are the same address, " in capsys.readouterr().err


def test_an_address_with_a_path(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused before anything is asked, as nothing is at such an address."""
    monkeypatch.setenv("SERVICENOW_URL", "http://127.0.0.1:9/api/now/")
    assert main(["targets"]) == 2
    expected = "invalid address 'http://127.0.0.1:9/api/now': expected it without a path, http://127.0.0.1:9."
    assert capsys.readouterr().err == f"privman-scenarios: SERVICENOW_URL: {expected}\n"


def test_swapped_addresses(instance: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is at the address is not reset; the place of the address and each way to set it are named."""
    (folder / "privman.toml").write_text(f"console.url = '{instance}'")
    (folder / "story.yaml").write_text("title: One\nsteps:\n  - console.ask:\n  - console.expect-approval: Pending\n")
    assert main(["run", "story.yaml", "--reset"]) == 3
    said = f"{instance} (privman.toml:1: console.url) is not a Privilege Manager Console and was not reset"
    expected = "it is the other party's. Expected --console-url, CONSOLE_URL or console.url in a profile."
    assert capsys.readouterr().err == f"privman-scenarios: {said}: {expected}\n"


def test_a_console_that_is_not_set_up(capsys: pytest.CaptureFixture[str]) -> None:
    """The reason names no step that the file lacks, and the way out."""
    Path("story.yaml").write_text("title: One\nsteps:\n  - console.ask:\n  - console.expect-approval: Denied\n")
    with ConsoleSim(clock="real") as console:
        assert main(["run", "story.yaml", "--console-url", console.url]) == 1
        said = f"(the set-up before the steps needs a console that is set up: {console.url} is not registered with http"
        played = capsys.readouterr().out
        assert said in played
        assert ", and only --reset (pytest: --privman-reset) lets this run set it up)" in played


def test_targets_answer(instance: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each target is asked; exit code 3 if one does not answer, with a line for each of those."""
    monkeypatch.setenv("SERVICENOW_URL", instance)
    assert main(["targets"]) == 0
    assert capsys.readouterr().out.endswith(f"{instance} answers; its control plane answers\n")
    monkeypatch.delenv("SERVICENOW_URL")
    assert main(["targets", "--console-url", instance]) == 3
    assert capsys.readouterr().err.startswith(f"privman-scenarios: {instance} is not a Privilege Manager Console: ")
