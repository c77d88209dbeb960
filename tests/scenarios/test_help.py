"""``--help`` of every command, and what it loads."""

import subprocess
import sys
from argparse import ArgumentParser
from importlib import import_module

import pytest

from privman_scenarios.commands.cli import COMMANDS, main

HEAVY = ("aiohttp", "hypothesis", "jsonschema", "rich", "sqlalchemy", "yaml", "mock_servicenow", "console_sim")
LOADED = """
import sys
from privman_scenarios.__main__ import main
try:
    main(sys.argv[1:])
finally:
    print("LOADED", *sys.modules)
"""
NAMES = pytest.mark.parametrize("name", COMMANDS)


@NAMES
def test_help_shows_each_option(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each option has a help text, which is shown."""
    with pytest.raises(SystemExit, match="0"):
        main([*name.split(), "--help"])
    shown = capsys.readouterr().out
    parser = ArgumentParser()
    COMMANDS[name].options(parser)
    for action in parser._actions:  # noqa: SLF001 - argparse lists them nowhere else
        assert action.help
        assert all(option in shown for option in action.option_strings)


def test_help_of_the_command_lists_the_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its line; of a group, the group."""
    monkeypatch.setenv("COLUMNS", "120")  # argparse breaks words that are longer than a line
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert all(name.split()[0] in shown for name in COMMANDS)
    assert all(command.help in shown for name, command in COMMANDS.items() if " " not in name)


@NAMES
def test_command_can_be_executed(name: str) -> None:
    """The module and the function that a command names are there."""
    module, _, function = COMMANDS[name].execute.partition(":")
    assert callable(getattr(import_module(f"privman_scenarios.commands.{module}"), function))


@pytest.mark.parametrize("command", [[], ["run"], ["record"], ["drift"]], ids=" ".join)
def test_help_loads_no_player(command: list[str]) -> None:
    """Nobody waits for the fakes, or for what plays on them, to read a help text."""
    ran = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", LOADED, *command, "--help"], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in ran.stdout.partition("LOADED")[2].split()}
    assert loaded.isdisjoint(HEAVY)
