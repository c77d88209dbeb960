"""The page of settings has a row for each, as the code has it, and the commands do what the rows say."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from console_sim.cli import main as console_sim
from privman_core.client_settings import SETTINGS, settings_of
from privman_core.command_line import UsageError
from privman_core.resolution import resolve
from privman_core.setting_types import Client, Setting
from privman_scenarios.commands.cli import COMMANDS
from privman_scenarios.commands.cli import main as privman_scenarios

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
CLIENTS = {"pull": "`mock-servicenow pull`", "pytest": "fixtures", "setup": "`console-sim setup`"}


def row(setting: Setting) -> str:
    """Return the row of a setting."""
    option = setting.option_of("pytest") if "pytest" in setting.clients else ""
    names = (setting.option, setting.variable, setting.key, option)
    default = _default(setting)
    users = ", ".join(CLIENTS.get(client, f"`{client}`") for client in sorted(setting.clients))
    cells = (setting.help, *(f"`{name}`" if name else "" for name in names), default, users)
    return f"| {' | '.join(cells)} |"


def _default(setting: Setting) -> str:
    if setting.default in (None, "", ()):
        return ""
    none = sorted(CLIENTS.get(client, f"`{client}`") for client in setting.required_by)
    return f"{setting.default} (none for {', '.join(none)})" if none else str(setting.default)


def table() -> Iterator[str]:
    """Yield the rows of the page."""
    lines = PAGE.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            return
        yield line


def test_every_setting_has_its_row() -> None:
    """The rows below are what the page must hold."""
    rows = [row(setting) for setting in SETTINGS]
    assert list(table()) == rows, "\n".join(rows)


Main = Callable[[Sequence[str]], int]
BY_CLIENT: Mapping[Client, tuple[Main, str]] = {
    "setup": (console_sim, "setup"),
    **{command.client: (privman_scenarios, name) for name, command in COMMANDS.items() if command.client},
}


@pytest.mark.parametrize("client", BY_CLIENT)
def test_a_command_has_the_options_of_its_rows(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """Those in whose last column it is, and no other."""
    main, name = BY_CLIENT[client]
    with pytest.raises(SystemExit, match="0"):
        main([*name.split(), "--help"])
    listed = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    every = {setting.option for setting in SETTINGS} - {""}
    own = {"--release"} if client == "matrix" else {""}  # its own, which may be repeated
    assert listed & every - own == {setting.option for setting in settings_of(client)} - {""}


@pytest.mark.parametrize("client", [*BY_CLIENT, "pytest"])
def test_a_client_has_the_defaults_of_its_rows(client: Client, tmp_path: Path) -> None:
    """What has none must be set; the error names where."""
    required = [setting for setting in settings_of(client) if client in setting.required_by]
    given = {
        setting.name: f"http://{setting.party}.example"
        for setting in [*required, *settings_of(client)]
        if setting.word == "url"
    }
    environment = {setting.variable: "given" for setting in required if setting.word != "url"}
    found = resolve(client, given, environment, tmp_path, None)
    others = [setting for setting in settings_of(client) if setting.word != "url" and setting not in required]
    assert {setting.name: found[setting.name].value for setting in others} == {
        setting.name: setting.default for setting in others
    }
    for setting in required:
        lacking = {name: value for name, value in given.items() if name != setting.name}
        variables = {name: value for name, value in environment.items() if name != setting.variable}
        with pytest.raises(UsageError, match=f"^no {setting.party} {setting.word}. Expected .*{setting.variable}"):
            resolve(client, lacking, variables, tmp_path, None)
