"""Nothing that a run did not create is changed on an instance that others use, whatever the command or the instance."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import console_sim.cli
import privman_scenarios
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.commands.cli import main
from privman_scenarios.language.loader import catalog_files
from privman_scenarios.playing.product_facts import fault_options, holding_faults

from .hostile_instance import FOREIGN, HOSTILITIES, HostileInstance
from .shared_instance import APP, arm, disarm, read_all, shared_mock

PLAYED = ("approve", "deny", "setup-saved-again", "refusal-metadata", "duplicate-request", "secret-reset")
Command = Callable[[str, Path], list[str]]


def files(*stems: str) -> list[str]:
    """Return these files of the catalog."""
    return [str(path) for path in catalog_files() if path.stem in stems]


# What it expects is seen at once or never, so that no step is patient.
# Nothing of these tests is about what happens late.
ONE_LOOK = ("--quiet-time", "0")
BUSY = """
title: Everything that writes
steps:
  - console.ask: {}
  - servicenow.approve: {}
  - servicenow.insert:
      table: request
      as: mine
      values:
        request_id: "${new_guid}"
        instance_id: "${instance_id}"
        activity_type_id: "${activity_type_id}"
        metadata: '{"PolicyId":"{140a5e8c-1c3f-4d0a-9e0b-0d5a3e3a3f10}"}'
  - console.save-foreign-system: {post_uri: "${console}/Tms/services/api/v1/Approval/approve"}
  - servicenow.update: {table: request, sys_id: "${mine.sys_id}", values: {comment: changed}}
  - servicenow.update: {table: activity_type, sys_id: "${activity_type_id}", values: {description: changed}}
  - servicenow.create-user: {name: scenario.user, roles: [x_thyti_thycotic_p.approver]}
  - servicenow.change-password: scenario.user
"""


def busy(folder: Path) -> str:
    """Return a scenario file that writes in every way."""
    file = folder / "busy.yaml"
    file.write_text(BUSY)
    return str(file)


COMMANDS: dict[str, Command] = {
    "run": lambda url, _: ["run", *files(*PLAYED), "--servicenow-url", url, *ONE_LOOK],
    "run everything": lambda url, _: ["run", "--tag", "set-up", "--servicenow-url", url, *ONE_LOOK],
    "run dry": lambda url, _: ["run", *files("approve"), "--servicenow-url", url, "--dry-run"],
    "run dry of requests with ids of their own": lambda url, _: [
        "run",
        *files("duplicate-request", "refusal-request-id", "request-unknown-to-the-console"),
        "--servicenow-url",
        url,
        "--dry-run",
    ],
    "run swept": lambda url, _: ["run", *files("deny"), "--sweep", "--servicenow-url", url, *ONE_LOOK],
    "record": lambda url, folder: [
        "record",
        *files("deny"),
        "--servicenow-url",
        url,
        "--out",
        str(folder / "out.har"),
        *ONE_LOOK,
    ],
    "busy run": lambda url, folder: ["run", busy(folder), "--servicenow-url", url],
    "busy record": lambda url, folder: [
        "record",
        busy(folder),
        "--servicenow-url",
        url,
        "--out",
        str(folder / "out.har"),
    ],
    "fidelity": lambda url, _: ["fidelity", "--servicenow-url", url],
    "fidelity dry": lambda url, _: ["fidelity", "--servicenow-url", url, "--dry-run", "--trap", "total-count"],
}


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICENOW_PASSWORD", "admin")


@pytest.mark.long
@pytest.mark.parametrize(
    "command", [each if "dry" in each else pytest.param(each, marks=pytest.mark.once) for each in COMMANDS]
)
def test_a_command_leaves_the_instance_as_it_was(
    command: str, privman_loop: LoopThread, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mock full of records of others holds the same before and after; nothing is reset, nothing is left."""
    with shared_mock(privman_loop) as url:
        before = read_all(url)
        code = main(COMMANDS[command](url, tmp_path))
        assert read_all(url) == before
    captured = capsys.readouterr()
    assert (code in (0, 1), captured.err) == (True, "")


def test_the_setup_changes_nothing_of_others(privman_loop: LoopThread) -> None:
    """It registers a console, for good; every other record stays as it was."""
    with shared_mock(privman_loop) as url:
        before = read_all(url)
        arguments = ["setup", "--alone", "--servicenow-url", url, "--servicenow-user", "admin"]
        console_sim.cli.main(arguments)
        after = read_all(url)
    for table, records in before.items():
        assert {sys_id: after[table].get(sys_id) for sys_id in records} == records


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("kind", sorted({*fault_options()["servicenow"]} - holding_faults()))
def test_a_fault_of_the_instance_costs_others_nothing(
    kind: str, privman_loop: LoopThread, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Records of the run may stay where the instance does not let them be deleted; those of others stay as they are."""
    with shared_mock(privman_loop) as url:
        before = read_all(url)
        arm(url, kind)
        codes = [main(COMMANDS[command](url, tmp_path)) for command in ("busy run", "busy record")]
        codes.append(
            main([*COMMANDS["fidelity"](url, tmp_path), "--trap", "total-count", "--trap", "no-response-body"])
        )
        disarm(url)
        after = read_all(url)
    for table, records in before.items():
        assert {sys_id: after[table].get(sys_id) for sys_id in records} == records
    assert set(codes) <= {0, 1, 3}
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("hostility", HOSTILITIES)
def test_a_hostile_instance_costs_others_nothing(
    hostility: str, privman_loop: LoopThread, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever it answers, no request that changes or deletes is sent to a record of somebody else."""
    instance = HostileInstance(hostility)
    served = serving(instance.app())
    url = privman_loop.run(served.__aenter__())
    codes = [main(COMMANDS[command](url, tmp_path)) for command in ("busy run", "busy record", "fidelity")]
    console_sim.cli.main(["setup", "--alone", "--servicenow-url", url, "--servicenow-user", "admin"])
    privman_loop.run(served.__aexit__(None, None, None))
    assert instance.harm == []
    assert set(codes) <= {0, 1, 3}
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err


STORY = """
title: An approval
steps:
- console.ask:
- servicenow.approve:
- console.expect-approval: Approved
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("hostility", "named"),
    [
        ("undying", "(still there after DELETE was answered 204)"),
        ("created with 200", "/api/now/table/sys_user with user_name 'scenario.approver."),
        ("created and refused", "(perhaps created, but no answer names the record)"),
    ],
)
def test_records_that_stay_are_named(
    hostility: str, named: str, privman_loop: LoopThread, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the instance says that it has deleted them, or does not name what it has created."""
    file = tmp_path / "story.yaml"
    file.write_text(STORY)
    instance = HostileInstance(hostility)
    served = serving(instance.app())
    url = privman_loop.run(served.__aenter__())
    codes = [main(["run", str(file), "--servicenow-url", url, "--patience", "1"])]
    if hostility == "undying":
        codes.append(main(["fidelity", "--servicenow-url", url, "--trap", "total-count"]))
    privman_loop.run(served.__aexit__(None, None, None))
    assert codes in ([3], [3, 1])
    captured = capsys.readouterr()
    assert all(named in told for told in (captured.err, captured.out)[: len(codes)])


@pytest.mark.long
@pytest.mark.parametrize("hostility", ["busy at a deletion", "busy after a deletion"])
def test_an_instance_that_is_busy_for_a_moment_is_cleaned_up(
    hostility: str, privman_loop: LoopThread, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is asked once more, and nothing stays, which would end with 3; its other answers break the contract."""
    file = tmp_path / "story.yaml"
    file.write_text("title: A request\nsteps: [{console.ask: }]\n")
    instance = HostileInstance(hostility)
    served = serving(instance.app())
    url = privman_loop.run(served.__aenter__())
    assert main(["run", str(file), "--servicenow-url", url, "--patience", "1"]) == 1, capsys.readouterr()
    privman_loop.run(served.__aexit__(None, None, None))
    assert instance.was_busy
    assert all(set(rows) <= {*FOREIGN, "1" * 32} for rows in instance.tables.values())


@pytest.mark.long
def test_a_dry_run_prints_what_would_be_sent(
    privman_loop: LoopThread, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each write and each deletion, with the instance's own address, and the same is in the journal of writes."""
    writes = tmp_path / "writes.jsonl"
    with shared_mock(privman_loop) as url:
        assert main([*COMMANDS["run dry"](url, tmp_path), "--writes", str(writes)]) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("would send ")]
    assert any(line.startswith(f"would send POST {url}/api/now/table/sys_user?") for line in shown)
    assert sum(line.startswith("would send DELETE ") for line in shown) == 6
    kept = [json.loads(line) for line in writes.read_text().splitlines()]
    assert len(kept) == len(shown)
    assert {entry["by"] for entry in kept} == {"run", "console"}
    assert all(entry["url"].startswith(f"{url}/api/now/table/") for entry in kept)


@pytest.mark.long
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("command", ["run", "fidelity"])
def test_a_full_disk_leaves_nothing_on_the_instance(
    command: str, privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be kept in the journal of writes is named, and what it created is deleted."""
    arguments = {
        "run": ["run", *files("approve", "deny"), *ONE_LOOK, "--servicenow-url"],
        "fidelity": ["fidelity", "--trap", "created-is-located", "--servicenow-url"],
    }
    with shared_mock(privman_loop) as url:
        before = read_all(url)
        assert main([*arguments[command], url, "--writes", "/dev/full"]) == 2
        assert read_all(url) == before
    *lost, last = capsys.readouterr().err.splitlines()
    assert last == "privman-scenarios: No space left on device"
    assert any("not kept (No space left on device): 201 POST " in line for line in lost)


@pytest.mark.long
def test_every_write_is_kept_in_a_journal(
    privman_loop: LoopThread, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the run and its console have sent, with the status of each answer, and no password."""
    writes = tmp_path / "writes.jsonl"
    with shared_mock(privman_loop) as url:
        arguments = ["run", *files("approve", "deny"), "--servicenow-url", url, *ONE_LOOK]
        assert main([*arguments, "--writes", str(writes)]) == 0
    kept = [json.loads(line) for line in writes.read_text().splitlines()]
    created = [entry for entry in kept if entry["status"] == 201]
    deleted = [entry for entry in kept if entry["method"] == "DELETE" and entry["status"] == 204]
    responses = [entry for entry in deleted if f"{APP}_response" in entry["url"]]
    assert len(created) == len(deleted) - len(responses)
    assert all('"user_password":"***"' in entry["body"] for entry in kept if "user_name" in entry["body"])
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["run", "--servicenow-url", "http://127.0.0.1:9", "--reset", "--dry-run"],
            "--dry-run and --reset exclude each other",
        ),
        (["run", "--dry-run"], "--dry-run requires --servicenow-url"),
        *(
            (["run", "--servicenow-url", "http://127.0.0.1:9", "--dry-run", *told], f"{told[0]} and --dry")
            for told in (["--junit-xml", "j"], ["--html", "h"], ["--json", "j"], ["--github"], ["--min-coverage", "1"])
        ),
        (
            ["record", "--servicenow-url", "http://127.0.0.1:9", "--dry-run", "--out", "o.har"],
            "--out and --dry-run exclude each other",
        ),
        (["run", "--servicenow-user", "ci"], "--servicenow-user requires --servicenow-url"),
        (["run", "--servicenow-user", "admin"], "--servicenow-user requires --servicenow-url"),
        (["run", "--reset"], "--reset requires --servicenow-url or --console-url"),
        (["run", "--timeout", "60"], "--timeout requires --servicenow-url or --console-url"),
        (["run", "--quiet-time", "0"], "--quiet-time requires --servicenow-url or --console-url"),
        (["run", "--patience", "60"], "--patience requires --servicenow-url or --console-url"),
        (["run", "--admin-token-file", "token"], "--admin-token-file requires --servicenow-url or --console-url"),
        (["run", "--servicenow-url", "http://127.0.0.1:9", "--writes", "/no/such/file"], "/no/such/file: "),
    ],
)
def test_options_that_contradict_each_other(
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One line, exit code 2; nothing is played on fakes in place of a target that is not named."""
    monkeypatch.chdir(tmp_path)
    assert main([*options, *files("approve")]) == 2
    assert message in capsys.readouterr().err


def test_one_class_changes_and_deletes() -> None:
    """What is sent unchecked is sent by `OwnRecords`, after it has looked, or to a control plane."""
    package = Path(privman_scenarios.__file__).parent
    unchecked = {
        file.relative_to(package).as_posix() for file in package.rglob("*.py") if ".send_unchecked(" in file.read_text()
    }
    assert unchecked == {f"playing/{name}.py" for name in ("http_api", "own_records", "control_plane")}
