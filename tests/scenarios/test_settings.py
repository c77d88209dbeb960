"""Settings of clients: an option wins over a variable, that over the profile, that over the default."""

import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
import trustme

from privman_core.client_settings import SETTINGS, settings_of
from privman_core.setting_types import SecretSetting, Setting
from privman_scenarios.commands.cli import main

pytestmark = pytest.mark.usefixtures("folder")

SOURCES = ("option", "variable", "chosen", "common")
AUTH = ("auth", "approver-auth", "integration-auth")

CHOICES: Mapping[str, Sequence[str]] = {
    "release": ("zurich", "yokohama", "xanadu", "washington"),
    **dict.fromkeys(AUTH, ("jwt-bearer", "api-key", "certificate", "password-grant")),
}

TARGETS = {"SERVICENOW_URL": "http://127.0.0.1:9", "CONSOLE_URL": "http://127.0.0.1:19"}
NAMES = pytest.mark.parametrize("setting", list(settings_of("run")), ids=lambda each: each.name)


def values(setting: Setting, folder: Path) -> dict[str, str]:
    """Return a valid text for each source of a setting, each another one."""
    if setting.word == "url":
        return {source: f"http://127.0.0.1:{number}" for number, source in enumerate(SOURCES, 1)}
    if setting.word == "ca-file":
        for source in SOURCES:
            trustme.CA().cert_pem.write_to_path(folder / source)
    elif setting.kind.is_path:
        for source in SOURCES:
            (folder / source).touch()
    if setting.kind.is_number:
        return {source: str(number) for number, source in enumerate(SOURCES, 21)}
    if setting.word in CHOICES:
        return dict(zip(SOURCES, CHOICES[setting.word], strict=True))
    return dict(zip(SOURCES, SOURCES, strict=True))


def as_toml(setting: Setting, given: Mapping[str, str], shown: Mapping[str, str]) -> str:
    """Return a profile in which a setting is at the top, in the profile ``ours``, in both or in neither."""

    def line(source: str) -> str:
        if source not in given:
            return ""
        value = shown[source] if setting.kind.is_number else f'"{shown[source]}"'
        return f"{setting.key} = {value}"

    return f"{line('common')}\n[profiles.ours]\n{line('chosen')}\n"


PLACES = {"chosen": "privman.toml:3, profile ours", "common": "privman.toml:1", "default": "default"}


@pytest.mark.long
@NAMES
def test_precedence(
    setting: Setting, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The strongest source gives the value, and is named beside it, whatever others say; no secret is ever shown."""
    for name, url in TARGETS.items():
        monkeypatch.setenv(name, url)
    texts = values(setting, folder)
    is_secret = isinstance(setting, SecretSetting)
    in_profile = {source: f"OUR_{source.upper()}" for source in ("chosen", "common")} if is_secret else texts
    for strongest in range(len(SOURCES) + 1):
        given = {source: texts[source] for source in SOURCES[strongest:]}
        if "option" in given and not setting.option:
            continue
        arguments = ["targets", "--profile", "ours"]
        with monkeypatch.context() as patched:
            if "option" in given:
                (folder / "secret").write_text(f"{texts['option']}\n")
                arguments += [setting.option, "secret" if is_secret else texts["option"]]
            patched.delenv(setting.variable, raising=False)
            if "variable" in given:
                patched.setenv(setting.variable, texts["variable"])
            for source, name in in_profile.items() if is_secret else ():
                patched.setenv(name, texts[source])
            (folder / "privman.toml").write_text(as_toml(setting, given, in_profile))
            main(arguments)
        source, printed = next(iter(given), "default"), capsys.readouterr().out
        if source == "default" and setting.word != "url" and setting.default in (None, "", ()):
            assert setting.name.replace("_", "-") not in {line.split()[0] for line in printed.splitlines()}
            continue
        shown = row(setting, printed)
        assert shown[2:] == [PLACES.get(source, {"option": setting.option, "variable": setting.variable}.get(source))]
        if source != "default":
            assert shown[1].removesuffix(".0") == ("***" if is_secret else texts[source])


def row(setting: Setting, printed: str) -> list[str]:
    """Return the cells of a setting in what ``targets`` prints."""
    (line,) = (line for line in printed.splitlines() if line.split()[0] == setting.name.replace("_", "-"))
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


UNUSABLE = {
    "url": "nowhere",
    "ca-file": "none.pem",
    "release": "zurick",
    **dict.fromkeys(AUTH, "basik"),
    **dict.fromkeys(("inferred", "tables", "data", "cert", "cert-key"), ""),
}


@NAMES
@pytest.mark.parametrize("source", ["variable", "profile"])
def test_unusable_values(
    setting: Setting, source: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are named in one line with their place, as those of an option are."""
    for name, url in TARGETS.items():
        monkeypatch.setenv(name, url)
    other = "-1" if setting.kind.is_number else "a\nb"
    value = "a secret\udce4" if isinstance(setting, SecretSetting) else UNUSABLE.get(setting.word, other)
    monkeypatch.setenv("OURS", value)
    monkeypatch.delenv(setting.variable, raising=False)
    if source == "variable":
        monkeypatch.setenv(setting.variable, value)
    else:
        in_profile = "OURS" if isinstance(setting, SecretSetting) else value
        quoted = in_profile if setting.kind.is_number else '"{}"'.format(in_profile.replace("\n", "\\n"))
        (folder / "privman.toml").write_text(f"{setting.key} = {quoted}")
    assert main(["targets"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    place = setting.variable if source == "variable" else f"privman.toml:1: {setting.key}"
    assert line.startswith(f"privman-scenarios: {place}: ")
    assert "expected" in line
    assert "a secret" not in line


@pytest.mark.parametrize("setting", [each for each in SETTINGS if each.party], ids=lambda each: each.name)
def test_what_belongs_to_a_fake_is_not_read(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of another tool hurts nobody as long as no URL names a target."""
    if setting.word != "url":
        monkeypatch.setenv(setting.variable, "\udce4")
    assert main(["targets"]) == 0


PROFILES = {
    "": "",
    "[servicenow]\nurl = 'http://127.0.0.1:1'\nusr = 'x'": "privman.toml:3: unknown key 'servicenow.usr' (did you "
    "mean 'servicenow.user'?).",
    "[servicenow]\npassword = 'hunter2'": "privman.toml:2: unknown key 'servicenow.password' (did you mean "
    "'servicenow.password-variable'?).",
    "[servicenow]\npassword-variable = 'hunter2'": "privman.toml:2: servicenow.password-variable: invalid name: "
    "expected the name of a variable in capitals, such as SERVICENOW_PASSWORD, and never the secret.",
    "[console]\nadmin-token-variable = 'UNSET'": "privman.toml:2: console.admin-token-variable: variable UNSET is not "
    "set.",
    "[console]\nadmin-token-variable = 'QA_PASSWORD'": "privman.toml:2: console.admin-token-variable: variable "
    "QA_PASSWORD is not set.",
    "[console]\nadmin-token-variable = 'QA_TOKN'": "privman.toml:2: console.admin-token-variable: variable QA_TOKN is "
    "not set (did you mean 'QA_TOKEN'?).",
    "[console]\nadmin-token-variable = 'HUNTER2HUNTER2'": "privman.toml:2: console.admin-token-variable: the variable "
    "with this name, not shown as it may be a secret, is not set.",
    "# of ours\n\n[servicenow_]\nurl = 'x'": "privman.toml:3: unknown key 'servicenow_' (did you mean 'servicenow'?).",
    "\n[profiles.ours]\n\n[profiles.ours.console]\nuri = 'x'": "privman.toml:5: unknown key "
    "'profiles.ours.console.uri' (did you mean 'console.url'?).",
    "zzz = 1": "privman.toml:1: unknown key 'zzz'; expected one of servicenow, console, ca-file, inferred, release, "
    "tables, data, timeout, patience, quiet-time, max-skipped, variables, profiles.",
    "servicenow.bad = 1": "privman.toml:1: unknown key 'servicenow.bad'; expected one of url, user, ",
    "console.xyz = 1": "privman.toml:1: unknown key 'console.xyz'; expected one of url, admin-token-variable "
    "in console.",
    "reset = true": "privman.toml:1: unknown key 'reset'; expected the option --reset, which no profile sets.",
    "servicenow-url = 'x'": "privman.toml:1: unknown key 'servicenow-url' (did you mean 'servicenow.url'?).",
    "servicenow = 'http://127.0.0.1:1'": "privman.toml:1: servicenow: expected a table.",
    "profiles = 1": "privman.toml:1: profiles: expected a table.",
    "inferred = [\n'x',\n'y']": "privman.toml:1: inferred: invalid value ['x', 'y']: expected text.",
    'inferred = "a\\u0000b"': "privman.toml:1: inferred: invalid path 'a\\x00b': expected a file or a folder.",
    "\npatience = '5'": "privman.toml:2: patience: invalid value '5': expected a number.",
    "timeout = true": "privman.toml:1: timeout: invalid value true: expected a number.",
    "timeout = 2026-01-01": "privman.toml:1: timeout: invalid value 2026-01-01: expected a number.",
    "inferred = {a = 1, b = [nan]}": "privman.toml:1: inferred: invalid value {a = 1, b = [nan]}: expected text.",
    f"inferred = 0x{'f' * 9_000}": "privman.toml:1: inferred: invalid value 0xffff",
    "tables = [false]": "privman.toml:1: tables: invalid value [false]: expected text or a list of texts.",
    "[variables]\nA = 07:32:00": "privman.toml:2: variables.A: invalid value 07:32:00: expected text that "
    "is not empty.",
    "'servicenow.url' = 'x'": "privman.toml:1: unknown key 'servicenow.url'; expected servicenow.url without quotes.",
    "a = [": "privman.toml: invalid TOML: ",
    "\xff": "privman.toml: invalid TOML: ",
    f"a = {'[' * 50_000}": "privman.toml: invalid TOML: ",
    f"# {'a' * 1_100_000}": "privman.toml: More than 1048576 bytes.",
}


@pytest.mark.parametrize(("content", "told"), PROFILES.items(), ids=[text[:20] for text in PROFILES])
def test_a_profile_is_strict(
    content: str, told: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line names the file, the line, and the nearest valid word; a secret in the file is never shown."""
    monkeypatch.setenv("CONSOLE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("QA_TOKEN", "hunter2")
    (folder / "privman.toml").write_bytes(content.encode("latin-1"))
    assert main(["targets"]) == (2 if told else 3)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"privman-scenarios: {told}")
    assert "hunter2" not in line.lower()


@pytest.mark.long
def test_no_profile_sets_what_only_an_option_sets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each option of a run is a setting, which the error names, or is said to be an option alone."""
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    for option in set(re.findall(r"--([a-z-]+)", capsys.readouterr().out)) - {"help", "version"}:
        (folder / "privman.toml").write_text(f"{option} = {{}}")
        assert main(["targets"]) == 2
        said = capsys.readouterr().err
        known = f"{option}: invalid value {{}}" in said
        assert known or "did you mean" in said or f"expected the option --{option}, which no profile sets" in said, said


def test_a_profile_in_pyproject(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """[tool.privman] holds the same; beside privman.toml it is refused, and other tables do not count."""
    project = folder / "pyproject.toml"
    project.write_text("[project]\nname = 'x'\n[tool.privman]\nfirst = 1\n")
    assert main(["targets"]) == 2
    assert "pyproject.toml:4: unknown key 'first'" in capsys.readouterr().err
    project.write_text("[project]\nname = 'x'\n\n[tool.privman]\n[tool.privman.profiles.late]\npatience = 3\n")
    monkeypatch.setenv("PRIVMAN_PROFILE", "late")
    assert main(["targets"]) == 0
    assert "pyproject.toml:6, profile late" in capsys.readouterr().out
    (folder / "privman.toml").write_text("patience = 3")
    assert main(["targets"]) == 2
    assert "privman.toml and [tool.privman] in pyproject.toml both hold settings." in capsys.readouterr().err
    project.write_text("tool = 3\n")
    assert main(["targets", "--profile", "late"]) == 2
    assert "no profile 'late' in privman.toml; expected a table [profiles.late]." in capsys.readouterr().err
    project.write_text("[tool]\nprivman = 3\n")
    assert main(["targets"]) == 2
    assert "pyproject.toml: tool.privman: expected a table." in capsys.readouterr().err


def test_a_profile_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest one is named, if there are any."""
    assert main(["run", "--profile", "dev"]) == 2
    assert f"no profile 'dev': {folder} has neither privman.toml nor [tool.privman] in" in capsys.readouterr().err
    (folder / "privman.toml").write_text("[profiles.deb]")
    assert main(["run", "--profile", "dev"]) == 2
    assert "no profile 'dev' in privman.toml (did you mean 'deb'?)." in capsys.readouterr().err
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRIVMAN_PROFILE", "")
        assert main(["run"]) == 2
    assert "PRIVMAN_PROFILE: no profile '' in privman.toml; expected one of deb." in capsys.readouterr().err
    (folder / "privman.toml").unlink()
    (folder / "privman.toml").mkdir()
    assert main(["run"]) == 2
    assert "privman.toml: Is a directory." in capsys.readouterr().err


FILES = [each for each in SETTINGS if each.kind.is_path]


@pytest.mark.parametrize("source", ["option", "variable", "profile"])
@pytest.mark.parametrize("setting", FILES, ids=lambda each: each.name)
def test_a_file_that_is_not_there(
    setting: Setting, source: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command that obeys the setting names its source, and ``targets`` finds it before a run does."""
    monkeypatch.setenv("SERVICENOW_URL", "http://127.0.0.1:9")
    option = [setting.option, "none.yaml"] if source == "option" else []
    if source == "variable":
        monkeypatch.setenv(setting.variable, "none.yaml")
    if source == "profile":
        (folder / "privman.toml").write_text(f"{setting.key} = 'none.yaml'")
    where = {"option": f"{setting.option}: ", "variable": f"{setting.variable}: ", "profile": "privman.toml:1: "}
    for command in ("targets", "run"):
        with pytest.raises(SystemExit) if setting.word == "ca-file" and option else nullcontext():
            assert main([command, *option]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert where[source] in line
        assert "none.yaml" in line
        assert "No such file or directory" in line


@pytest.mark.long
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("inferred", "ours.yaml: unknown wire name 'nonsense'. No known one is like it."),
        ("tables", "ours.yaml:1: expected a list of tables"),
        ("data", "ours.yaml:1: table 'nonsense' is not defined"),
    ],
)
def test_a_file_that_the_mock_refuses(
    setting: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``targets`` says of it what a run says."""
    (folder / "ours.yaml").write_text("nonsense: 1")
    (folder / "privman.toml").write_text(f"{setting} = 'ours.yaml'")
    (folder / "story.yaml").write_text("title: One\nsteps:\n  - console.ask:\n  - console.expect-approval: Pending\n")
    for command in (["targets"], ["run", "story.yaml"], ["run", "--check", "story.yaml"]):
        assert main(command) == 2
        assert capsys.readouterr().err == f"privman-scenarios: {said}\n"


def test_an_unknown_release(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named with the nearest one and its place."""
    monkeypatch.setenv("PRIVMAN_RELEASE", "zurick")
    assert main(["fidelity", "--servicenow-url", "http://127.0.0.1:9"]) == 2
    assert "PRIVMAN_RELEASE: unknown release 'zurick' (did you mean 'zurich'?); expected" in capsys.readouterr().err


def test_an_empty_variable_of_a_secret(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The profile names it, and so does the error."""
    monkeypatch.setenv("OUR_SECRET", "")
    (folder / "privman.toml").write_text("[servicenow]\nurl = 'http://127.0.0.1:9'\npassword-variable = 'OUR_SECRET'")
    assert main(["targets"]) == 2
    place, said = "privman.toml:3: servicenow.password-variable", "variable OUR_SECRET: invalid secret: expected text"
    assert capsys.readouterr().err == f"privman-scenarios: {place}: {said}, got none.\n"
