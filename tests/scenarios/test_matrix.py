"""The command ``privman-scenarios matrix``: which contracts and releases can ship together."""

import shutil
from importlib import resources
from pathlib import Path

import pytest

from privman_scenarios.commands.cli import main

PACKAGED = Path(str(resources.files("privman_contracts")))


@pytest.fixture
def names(tmp_path: Path) -> str:
    """Return a file of names that an instance has otherwise."""
    file = tmp_path / "ours.yaml"
    file.write_text("columns: {request: {instance_id: integration_id}}\nroles: {approver: decider}\n", encoding="utf-8")
    return str(file)


def rows(out: str) -> list[list[str]]:
    """Return the cells of each row but the last column, without the headings."""
    table = out.partition("\n\n")[0].splitlines()
    return [line.split(maxsplit=4)[:4] for line in table[1:] if not line.startswith(" ")]


@pytest.mark.long
def test_all_releases_are_tried(capsys: pytest.CaptureFixture[str]) -> None:
    """The newest releases let only exceptions in by Basic authentication, so one cannot: exit code 1."""
    assert main(["matrix"]) == 1
    out = capsys.readouterr().out
    ships = {row[2]: row[3] for row in rows(out)}
    assert ships == {
        "default": "yes",
        "washington": "yes",
        "xanadu": "yes",
        "yokohama": "yes",
        "zurich": "no",
        "australia": "no",
    }
    assert "no    a newly provisioned instance of the release admits only exempt users by Basic" in out


@pytest.mark.long
def test_exceptions_pass_the_gate(names: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With its users as exceptions the newest release ships, under the instance's own names; exit code 0."""
    arguments = ["--app", names, "--console", names, "--release", "australia", "--basic-auth-allowed"]
    assert main(["matrix", *arguments]) == 0
    assert rows(capsys.readouterr().out) == [[names, names, "australia", "yes"]]


@pytest.mark.long
def test_names_must_be_those_of_the_app(names: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the console calls a column otherwise, the round trip fails, and the names that differ are the reason."""
    assert main(["matrix", "--app", names, "--console", "packaged", "--console", names, "--release", "yokohama"]) == 1
    out = capsys.readouterr().out
    assert rows(out) == [["packaged", names, "yokohama", "no"], [names, names, "yokohama", "yes"]]
    reasons = [line.strip() for line in out.splitlines()]
    assert "no    console.ask: expected sent True; got sent False: 403 " in reasons[1]
    assert reasons[2] == "console, app: columns.request.instance_id is called 'instance_id', was 'integration_id'"


@pytest.mark.long
def test_what_an_instance_has_shown_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a name that differs, and in the count of each set."""
    app = tmp_path / "app.yaml"
    entry = "{name: kind, observed: {date: 2026-11-29, release: zurich, how: label 'Kind'}}"
    app.write_text(f"columns: {{request: {{activity_type_id: {entry}}}}}\n", encoding="utf-8")
    assert main(["matrix", "--app", str(app), "--console", "packaged", "--release", "yokohama"]) == 1
    out = capsys.readouterr().out
    shown = "'activity_type_id', was 'kind'; app: observed on 2026-11-29, release zurich: label 'Kind'"
    assert f"columns.request.activity_type_id is called {shown}" in " ".join(out.split())
    counts = dict(line.rsplit(": ", 1) for line in out.partition("\n\n")[2].splitlines())
    assert " 0 observed, " in counts.pop(next(name for name in counts if name.startswith("packaged: ")))
    assert [" 1 observed, " in count for count in counts.values()] == [True]


@pytest.mark.long
def test_the_app_follows_the_rules_on_which_the_console_relies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `contracts diff` says: an app that no longer retries loses decisions, which a round trip does not show."""
    rules = {"retried_statuses": "[0]", "token_renewals": "0", "shortest_wait": "60"}
    for rule, value in rules.items():
        (tmp_path / f"{rule}.yaml").write_text(f"rules: {{{rule}: {value}}}\n", encoding="utf-8")
        assert main(["contracts", "diff", "packaged", str(tmp_path / f"{rule}.yaml")]) == 1
    capsys.readouterr()
    file = tmp_path / "app.yaml"
    file.write_text(f"rules: {{{', '.join(f'{rule}: {value}' for rule, value in rules.items())}}}\n", encoding="utf-8")
    names = str(file)
    assert main(["matrix", "--app", names, "--console", "packaged", "--console", names, "--release", "yokohama"]) == 1
    out = capsys.readouterr().out
    assert rows(out) == [["packaged", names, "yokohama", "no"], [names, names, "yokohama", "yes"]]
    assert [rule for rule in rules if f"console, app: rules.{rule} is " not in out] == []


@pytest.mark.long
def test_messages_must_be_those_of_the_app(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A property that the app demands and the console does not send is told without playing."""
    shutil.copytree(PACKAGED / "schemas", tmp_path / "schemas")
    for name in ("inferred.yaml", "index.yaml"):
        shutil.copy(PACKAGED / name, tmp_path / name)
    schema = tmp_path / "schemas" / "approval-request.yaml"
    schema.write_text(schema.read_text(encoding="utf-8").replace("metadata]", "metadata, status]"), encoding="utf-8")
    assert main(["matrix", "--app", str(tmp_path), "--release", "default"]) == 1
    expected = "no    approval-request $.status: is no longer required; breaks servicenow as receiver"
    assert capsys.readouterr().out.splitlines()[1].endswith(expected)
    assert main(["matrix", "--console", str(tmp_path), "--release", "default"]) == 0


def test_a_set_or_a_release_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so; exit code 2."""
    assert main(["matrix", "--app", "none.yaml"]) == 2
    assert capsys.readouterr().err == "privman-scenarios: none.yaml: cannot be read: No such file or directory.\n"
    with pytest.raises(SystemExit) as ended:
        main(["matrix", "--release", "paris"])
    assert ended.value.code == 2
    assert "invalid choice 'paris'" in capsys.readouterr().err


@pytest.mark.long
def test_the_profile_of_a_team_counts(
    names: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its names are the contracts of both sides, and its tables are on the instance; an unusable file is one line."""
    monkeypatch.chdir(tmp_path)
    Path("privman.toml").write_text('inferred = "ours.yaml"\ntables = "own.yaml"\n')
    Path("own.yaml").write_text("- name: u_own\n  columns: {u_size: {type: integer}}\n")
    assert main(["matrix", "--release", "yokohama"]) == 0
    ours = Path(names).name
    assert rows(capsys.readouterr().out) == [[ours, ours, "yokohama", "yes"]]
    Path("own.yaml").write_text("- name: u_own\n  columns: {u_size: {type: intger}}\n")
    assert main(["matrix", "--release", "yokohama"]) == 2
    assert "own.yaml:2: table 'u_own', column 'u_size' has type 'intger'" in capsys.readouterr().err
