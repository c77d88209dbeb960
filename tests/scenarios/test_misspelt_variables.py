"""Environment variables that nobody reads are refused, if they look like those that somebody does."""

from collections.abc import Iterator

import pytest

from privman_core.client_settings import SETTINGS, settings_of
from privman_core.setting_types import Setting
from privman_scenarios.commands.cli import main

from .targets import packaged

pytestmark = pytest.mark.usefixtures("folder")

APPROVE = packaged("approve")
TARGETS = {"SERVICENOW_URL": "http://127.0.0.1:9", "CONSOLE_URL": "http://127.0.0.1:19"}
NAMES = pytest.mark.parametrize("setting", list(settings_of("run")), ids=lambda each: each.name)
FILES = [each for each in SETTINGS if each.kind.is_path]


def misspelt(name: str) -> Iterator[str]:
    """Yield other spellings of a name: letters swapped, missing, doubled and small; an underscore less and more."""
    yield from (f"{name[:-2]}{name[-1]}{name[-2]}", name[:-1], f"{name}{name[-1]}", name.lower())
    yield from (name.replace("_", "", 1), f"{name[:3]}_{name[3:]}")


@pytest.mark.long
@NAMES
def test_a_misspelt_variable_is_refused(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the nearest one, where it would count if it were right."""
    for name, url in TARGETS.items():
        monkeypatch.setenv(name, url)
    monkeypatch.delenv(setting.variable, raising=False)
    for given in misspelt(setting.variable):
        with monkeypatch.context() as patched:
            patched.setenv(given, "a secret")
            assert main(["targets"]) == 2
        said = f"privman-scenarios: unknown variable {given} (did you mean {setting.variable!r}?).\n"
        assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("command", [["run"], ["record", "--out", "a.har"], ["fidelity"], ["load"], ["drift", "a.har"]])
def test_every_client_refuses_misspelt_variables(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one that names the profile is read by every client."""
    monkeypatch.setenv("PRIVMAN_PROFIL", "ours")
    assert main(command) == 2
    assert capsys.readouterr().err.endswith("unknown variable PRIVMAN_PROFIL (did you mean 'PRIVMAN_PROFILE'?).\n")


def test_fakes_stand_in_for_no_misspelt_target(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run on fakes would pass for one on the target; with --fakes it is what was asked for."""
    monkeypatch.setenv("SERVICENOW_ULR", "http://127.0.0.1:9")
    assert main(["run", "--list"]) == 2
    assert "unknown variable SERVICENOW_ULR (did you mean 'SERVICENOW_URL'?)." in capsys.readouterr().err
    assert main(["run", APPROVE, "--list", "--fakes"]) == 0


def test_variables_of_other_tools_are_accepted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of our servers, too, and any beside the right one."""
    for name, url in TARGETS.items():
        monkeypatch.setenv(name, url)
    for name in ("INSTANCE", "USERNAME", "USER_ID", "PASSWORD2", "ULR"):
        monkeypatch.setenv(f"SERVICENOW_{name}", "x")
    for name in ("MOCK_SERVICENOW_ADMIN_TOKEN", "MOCK_SERVICENOW_PASSWORD", "CONSOLE_SIM_ADMIN_TOKEN"):
        monkeypatch.setenv(name, "x")
    assert main(["targets"]) == 3
    assert "unknown" not in capsys.readouterr().err
