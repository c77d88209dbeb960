"""``--help`` of every command, and what it and the pytest plugin load."""

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
PLUGIN = """
import sys
import pytest
before = set(sys.modules)
import privman_scenarios.pytest_plugin
print(*(set(sys.modules) - before))
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


@pytest.mark.long
@pytest.mark.parametrize("command", [[], ["run"], ["record"], ["drift"]], ids=" ".join)
def test_help_loads_no_player(command: list[str]) -> None:
    """Nobody waits for the fakes, or for what plays on them, to read a help text."""
    ran = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", LOADED, *command, "--help"], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in ran.stdout.partition("LOADED")[2].split()}
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.long
def test_the_plugin_loads_only_a_few_modules_of_ours() -> None:
    """Every run of pytest loads it, whether or not a test uses a fixture: no package beside, and nothing of asyncio."""
    ran = subprocess.run([sys.executable, "-c", PLUGIN], capture_output=True, text=True, check=True)  # noqa: S603 - our own plugin
    loaded = {name.partition(".")[0] for name in ran.stdout.split()}
    assert loaded - (sys.stdlib_module_names - {"asyncio"}) == {"privman_core", "privman_scenarios"}
    assert [name for name in ran.stdout.split() if name.startswith("privman_scenarios.playing")] == []
