"""Settings of clients: an option wins over a variable, that over the profile, that over the default."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
import trustme

import console_sim.cli
from console_sim import ConsoleSim
from privman_core.client_settings import SETTINGS, settings_of
from privman_core.loop_thread import LoopThread
from privman_core.setting_types import SecretSetting, Setting
from privman_scenarios.commands.cli import main
from privman_scenarios.language.loader import catalog_files

from .shared_instance import shared_mock

pytest_plugins = ["pytester"]

SOURCES = ("option", "variable", "chosen", "common")
AUTH = ("auth", "approver-auth", "integration-auth")
CHOICES: Mapping[str, Sequence[str]] = {
    "release": ("zurich", "yokohama", "xanadu", "washington"),
    **dict.fromkeys(AUTH, ("jwt-bearer", "api-key", "certificate", "password-grant")),
}
TARGETS = {"SERVICENOW_URL": "http://127.0.0.1:9", "CONSOLE_URL": "http://127.0.0.1:19"}
NAMES = pytest.mark.parametrize("setting", list(settings_of("run")), ids=lambda each: each.name)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder where the commands run, which is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


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


def approve() -> str:
    """Return a file of the catalog."""
    return next(str(path) for path in catalog_files() if path.stem == "approve")


@pytest.fixture
def instance(privman_loop: LoopThread) -> Iterator[str]:
    """Serve an instance."""
    with shared_mock(privman_loop) as url:
        yield url


@pytest.mark.long
def test_an_address_in_the_environment_is_announced(
    instance: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody plays on a real system by mistake: the first line names it, and --fakes starts fakes all the same."""
    monkeypatch.setenv("SERVICENOW_URL", instance)
    play = [approve(), "--quiet-time", "0", "--max-skipped", "100"]
    for command in (["run"], ["record", "--out", str(folder / "x.har")], ["fidelity", "--trap", "total-count"]):
        assert main([*command, *(play if command[0] != "fidelity" else ())]) == 0
        first = capsys.readouterr().out.splitlines()[0]
        assert first.startswith(f"ServiceNow: {instance} (SERVICENOW_URL).")
    assert main(["run", approve(), "--servicenow-url", instance, "--quiet-time", "0"]) == 0
    assert capsys.readouterr().out.startswith("passed ")
    assert main(["run", approve(), "--fakes"]) == 0
    assert "1 passed" in capsys.readouterr().out
    assert main(["run", approve(), "--fakes", "--servicenow-user", "x"]) == 2
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
    for arguments in (["drift", "x.har"], ["run", approve()], ["record", approve(), "--out", "y.har"]):
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


CLIENTS = (["targets"], ["run", approve()], ["run", approve(), "--reset"], ["load"], ["console-sim", "setup"])


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
    assert main(["run", approve(), "--list", "--fakes"]) == 0


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


@pytest.mark.long
@pytest.mark.parametrize("options", [[], ["--privman-reset"]], ids=["fixture", "option"])
def test_pytest_refuses_misspelt_variables(
    options: list[str], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those tests that use the fixtures fail; an option that requires a target ends the run."""
    monkeypatch.setenv("SERVICENOW_ULR", "http://127.0.0.1:9")
    pytester.makepyfile("def test_ours(servicenow): ...\ndef test_theirs(): ...")
    ran = pytester.runpytest_inprocess("-p", "no:asyncio", *options)
    message = "*unknown variable SERVICENOW_ULR (did you mean 'SERVICENOW_URL'?)."
    if options:
        ran.stderr.fnmatch_lines([message])
    else:
        ran.assert_outcomes(passed=1, errors=1)
        ran.stdout.fnmatch_lines([message])


def test_targets_answer(instance: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each target is asked; exit code 3 if one does not answer, with a line for each of those."""
    monkeypatch.setenv("SERVICENOW_URL", instance)
    assert main(["targets"]) == 0
    assert capsys.readouterr().out.endswith(f"{instance} answers; its control plane answers\n")
    monkeypatch.delenv("SERVICENOW_URL")
    assert main(["targets", "--console-url", instance]) == 3
    assert capsys.readouterr().err.startswith(f"privman-scenarios: {instance} is not a Privilege Manager Console: ")


USED = "def test_it(servicenow): assert servicenow.url == 'URL'\ndef test_other(): ..."


@pytest.mark.long
def test_the_fixtures_take_the_same(pytester: pytest.Pytester, instance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable and a profile name the instance; a line says so even if pytest is to be quiet."""
    pytester.makepyfile(USED.replace("URL", instance))
    options = ("-p", "no:asyncio", "-q")
    monkeypatch.setenv("SERVICENOW_URL", instance)
    result = pytester.runpytest_inprocess(*options)
    result.assert_outcomes(passed=2)
    assert result.outlines[0] == f"ServiceNow: {instance} (SERVICENOW_URL). Console: the simulator."
    result = pytester.runpytest_inprocess(*options, "--privman-fakes")
    result.assert_outcomes(passed=1, failed=1)
    monkeypatch.delenv("SERVICENOW_URL")
    (pytester.path / "privman.toml").write_text(f"[profiles.dev]\nservicenow.url = '{instance}'\n")
    result = pytester.runpytest_inprocess(*options, "--privman-profile", "dev")
    result.assert_outcomes(passed=2)
    assert result.outlines[0].startswith(f"ServiceNow: {instance} (privman.toml:2, profile dev).")


@pytest.mark.long
def test_a_profile_that_is_a_folder(pytester: pytest.Pytester) -> None:
    """One line for each test that needs it, without a traceback."""
    pytester.makepyfile(USED)
    (pytester.path / "privman.toml").mkdir()
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["privman.toml: Is a directory."])


@pytest.mark.long
def test_a_variable_of_another_tool_fails_only_what_needs_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project may name its instance in a way of its own."""
    pytester.makepyfile(USED)
    monkeypatch.setenv("SERVICENOW_URL", "dev12345")
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["SERVICENOW_URL: 'dev12345'; expected an address such as https://*"])


def test_a_profile_that_is_not_chosen_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run on fakes would otherwise pass for one on the instance that the profile has."""
    monkeypatch.chdir(tmp_path)
    Path("privman.toml").write_text(
        '[profiles.test]\nservicenow.url = "http://127.0.0.1:9"\n[profiles.slow]\npatience = 9\n'
        '[profiles.none.variables]\nurl = "a"\n'
    )
    Path("s.yaml").write_text("title: T\nsteps: [console.ask: , console.expect-approval: Pending]\n")
    said = "On fakes: no --profile is given, and privman.toml has test.\n"
    assert main(["run", "s.yaml", "--jobs", "1"]) == 0
    assert capsys.readouterr().out.startswith(said)
    assert main(["run", "s.yaml", "--jobs", "1", "--fakes"]) == 0
    assert "On fakes" not in capsys.readouterr().out
    monkeypatch.setenv("SERVICENOW_PASSWORD", "s3cret")
    assert main(["targets", "--servicenow-url", "http://127.0.0.1:9"]) == 3
    rows = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert ["servicenow-url", "http://127.0.0.1:9", "--servicenow-url"] in rows
    assert any(name == "console-url" and "no --profile is given" in rest for name, *_, rest in rows)
