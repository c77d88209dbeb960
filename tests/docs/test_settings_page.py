"""The page of settings has a row for each, as the code has it."""

from collections.abc import Iterator
from pathlib import Path

from privman_core.client_settings import SETTINGS, Setting

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
CLIENTS = {"pytest": "fixtures", "setup": "`console-sim setup`"}


def row(setting: Setting) -> str:
    """Return the row of a setting."""
    option = setting.option_of("pytest") if "pytest" in setting.clients else ""
    names = (setting.option, setting.variable, setting.key, option)
    default = "" if setting.default in (None, "") else str(setting.default)
    users = ", ".join(CLIENTS.get(client, f"`{client}`") for client in sorted(setting.clients))
    cells = (setting.help, *(f"`{name}`" if name else "" for name in names), default, users)
    return f"| {' | '.join(cells)} |"


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
