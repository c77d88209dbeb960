"""The index of the reference has a row for each command, with what its help says."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import console_sim.cli
import mock_servicenow.cli
from privman_scenarios.commands.cli import COMMANDS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "index.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([a-z -]+)` \| (.+) \|$", PAGE, re.MULTILINE))
SERVERS = {"mock-servicenow": mock_servicenow.cli.main, "console-sim": console_sim.cli.main}


def rows_of(program: str) -> dict[str, str]:
    """Return what the page says about the commands of a program."""
    return {name.removeprefix(f"{program} "): does for name, does in ROWS.items() if name.startswith(f"{program} ")}


def test_each_command_of_the_harness_has_a_row() -> None:
    """In the order of its help."""
    assert list(rows_of("privman-scenarios").items()) == [(name, each.help) for name, each in COMMANDS.items()]


@pytest.mark.parametrize("program", SERVERS)
def test_each_command_of_a_server_has_a_row(
    program: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the program lists them."""
    monkeypatch.setenv("COLUMNS", "120")
    main: Callable[[Sequence[str]], int] = SERVERS[program]
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = re.findall(r"^    ([a-z]+) +(.+)$", capsys.readouterr().out, re.MULTILINE)
    assert list(rows_of(program).items()) == listed
