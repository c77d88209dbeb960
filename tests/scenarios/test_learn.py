"""Names that are learned from an instance: what is written, and what a run with them shows."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from privman_contracts import WireNames
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.commands.cli import main

from .filled_instance import THEIRS, filled_instance
from .other_instance import OtherInstance
from .read_instance import REQUEST, SCOPE, TABLES, Learn, ReadInstance
from .targets import packaged


def values(names: WireNames) -> dict[str, object]:
    """Return what each name is on the wire."""
    return {name.path: name.value for name in names}


@pytest.mark.long
def test_what_an_instance_calls_things_is_learned_and_played(
    tmp_path: Path, learned_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the file that is written a scenario passes on the instance; all that was sent was GET."""
    theirs, journal = tmp_path / "theirs.yaml", tmp_path / "journal.jsonl"
    theirs.write_text(yaml.safe_dump(THEIRS), encoding="utf-8")
    deny = packaged("deny")
    with filled_instance(theirs) as instance:
        before = len(instance.journal)
        target = ["--servicenow-url", instance.url]
        assert main(["learn", *target, "--out", str(learned_file), "--journal", str(journal)]) == 0
        seen = [each["method"] for each in instance.journal[before:]]
        noted = [json.loads(line)["method"] for line in journal.read_text(encoding="utf-8").splitlines()]
        assert seen == noted == ["GET"] * len(noted)
        assert f"{instance.url}: {len(noted)} requests, all GET\n" in capsys.readouterr().out
        assert values(WireNames.load(learned_file)) == values(WireNames.load(theirs))
        assert main(["run", deny, *target, "--reset", "--inferred", str(learned_file)]) == 0


@pytest.fixture
def other(
    privman_loop: LoopThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[OtherInstance, list[str]]]:
    """Serve an instance that nobody derived from our contracts, and give the options that name it."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "s3cret")
    monkeypatch.chdir(tmp_path)
    instance = OtherInstance()
    served = serving(instance.app())
    url = privman_loop.run(served.__aenter__())
    yield instance, ["--servicenow-url", url, "--servicenow-user", "integration"]
    privman_loop.run(served.__aexit__(None, None, None))


DENY = packaged("deny")
SOON = ["--quiet-time", "0", "--patience", "1"]


@pytest.mark.long
def test_the_keys_of_a_decision_are_learned_from_a_recording(
    other: tuple[OtherInstance, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """First the definitions of an instance of other origin, then what it posts; then a denial passes on it."""
    _, target = other
    assert main(["learn", *target, "--out", "one.yaml"]) == 0
    assert main(["record", DENY, *target, *SOON, "--inferred", "one.yaml", "--out", "real.har"]) == 1
    assert main(["learn", *target, "--recording", "real.har", "--out", "two.yaml"]) == 0
    names = WireNames.load(Path("two.yaml"))
    assert (names.key("decision", "RequestId"), names.key("decision", "Comment")) == ("RequestGuid", "Remark")
    assert names.find("keys.decision.Response").cited.endswith(": seen in real.har entry 19")
    capsys.readouterr()
    assert main(["run", DENY, *target, *SOON, "--inferred", "two.yaml"]) == 0
    # The console was a fake, which says nothing of real ones.
    fakes = [name for name in names if name.evidence == "O" and name.group in {"keys.metadata", "keys.envelope"}]
    assert fakes == []


UNLIKE = {"RequestId": "ApprovalId", "Response": "Outcome", "Comment": "Reason"}


@pytest.mark.long
@pytest.mark.parametrize("keys", [UNLIKE, {}], ids=["posts", "posts nothing"])
def test_what_a_run_has_sent_is_no_observation(
    keys: dict[str, str], other: tuple[OtherInstance, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither its own words nor what the instance repeats; the keys of the decision are known by what was decided."""
    instance, target = other
    instance.keys = keys
    assert main(["learn", *target, "--out", "one.yaml"]) == 0
    if keys:  # words of the run that packaged names do not have
        known = yaml.safe_load(Path("one.yaml").read_text(encoding="utf-8"))
        known["words"]["response"] = {"approve": "Granted", "deny": "Rejected"}
        Path("one.yaml").write_text(yaml.safe_dump(known), encoding="utf-8")
    assert main(["record", DENY, *target, *SOON, "--inferred", "one.yaml", "--out", "real.har"]) == 1
    instance.tables["sys_choice"] = []
    capsys.readouterr()
    assert main(["learn", *target, "--recording", "real.har", "--out", "two.yaml"]) == 0, capsys.readouterr().out
    names = WireNames.load(Path("two.yaml"))
    observed = {name.path: name.value for name in names if name.evidence == "O"}
    assert {path: value for path, value in observed.items() if path.startswith(("keys.decision.", "words."))} == {
        **{f"keys.decision.{word}": key for word, key in keys.items()},
        **({"keys.decision.InstanceId": "InstanceId", "keys.decision.RespondedBy": "RespondedBy"} if keys else {}),
        "words.request_status.pending": "Waiting",
    }
    assert [path for path in observed if path.startswith(("keys.instance_metadata", "keys.metadata"))] == []


@pytest.mark.long
def test_a_recording_that_contradicts_the_instance_is_named(
    other: tuple[OtherInstance, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The instance's names are written; exit code 1."""
    instance, target = other
    assert main(["learn", *target, "--out", "one.yaml"]) == 0
    assert main(["record", DENY, *target, *SOON, "--inferred", "one.yaml", "--out", "real.har"]) == 1
    for row in instance.tables["sys_dictionary"]:
        row["element"] = "hint" if row["element"] == "remark" else row["element"]
    capsys.readouterr()
    assert main(["learn", *target, "--recording", "real.har", "--out", "two.yaml"]) == 1
    assert "The recording differs: columns.request.comment [I]: remark, not hint (" in capsys.readouterr().out
    assert WireNames.load(Path("two.yaml")).column("request", "comment") == "hint"


@pytest.mark.long
def test_a_failure_names_the_observations_that_it_depends_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the terminal and in the reports; a name that was not observed is none of them."""
    monkeypatch.chdir(tmp_path)
    observed = "observed: {date: 2026-11-29, release: zurich, how: default of state}"
    statuses = f"request_status: {{pending: {{name: Waiting, {observed}}}, timed_out: Lapsed}}"
    Path("ours.yaml").write_text(f"words: {{{statuses}}}\n", encoding="utf-8")
    steps = "[{console.ask: }, {servicenow.expect-request: TimedOut}]"
    Path("one.yaml").write_text(f"title: Late\nsteps: {steps}\n", encoding="utf-8")
    assert main(["run", "one.yaml", "--inferred", "ours.yaml", "--json", "r.json"]) == 1
    depends = (
        "depends on words.request_status.pending 'Waiting', observed on 2026-11-29, release zurich: default of state"
    )
    assert f"\n    {depends}\n" in capsys.readouterr().out
    (scenario,) = json.loads(Path("r.json").read_text(encoding="utf-8"))["scenarios"]
    assert scenario["failure"]["observations"] == [depends]


OBSERVED = "observed: {date: 2026-11-29, release: zurich, how: a label}"
DEPENDS = {
    "word that is also a column": ("[{console.run: allowed}]", []),
    "state of the console": ("[{console.ask: }, {console.expect-approval: {comment: Fine}}]", ["request.comment"]),
    "column": ("[{console.ask: }, {servicenow.expect-request: {comment: Fine}}]", ["request.comment"]),
    "count": (
        "[{servicenow.expect-records: {table: response, count: 1}}]",
        ["response.request_id"],
    ),
    "another table": ("[{servicenow.expect-records: {table: sys_user, values: {comment: Fine}}}]", []),
    "no table": ("[{console.ask: }, {console.expect-approval: {one_time: true}}]", []),
}


@pytest.mark.long
@pytest.mark.parametrize(("steps", "columns"), DEPENDS.values(), ids=DEPENDS)
def test_a_failure_depends_on_names_that_were_used_in_its_place(
    steps: str, columns: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An equal text elsewhere does not count."""
    monkeypatch.chdir(tmp_path)
    named = {"activity_type": {"valid_responses": "allowed"}, "request": {"comment": "remark"}}
    named |= {"response": {"comment": "remark", "request_id": "guid"}}
    known = "".join(
        f"  {table}:\n" + "".join(f"    {column}: {{name: {name}, {OBSERVED}}}\n" for column, name in each.items())
        for table, each in named.items()
    )
    Path("ours.yaml").write_text(f"columns:\n{known}", encoding="utf-8")
    Path("one.yaml").write_text(f"title: Late\nsteps: {steps}\n", encoding="utf-8")
    assert main(["run", "one.yaml", "--inferred", "ours.yaml", "--json", "r.json"]) == 1
    (scenario,) = json.loads(Path("r.json").read_text(encoding="utf-8"))["scenarios"]
    seen = [each.split()[2].removeprefix("columns.") for each in scenario["failure"]["observations"]]
    assert seen == columns, capsys.readouterr().out


def test_each_name_says_how_it_was_learned(learn: Learn, learned_file: Path) -> None:
    """Day, release and clue; what nothing has shown is listed, and stays inferred."""
    instance = ReadInstance()
    instance.tables["sys_properties"] = [{"name": "glide.war", "value": "glide-zurich-07-01-2025__patch1"}]
    code, printed, _ = learn(instance)
    assert code == 0
    name = WireNames.load(learned_file).find("columns.request.status")
    assert (name.value, name.evidence) == ("status", "O")
    assert name.cited == f"observed on 2026-11-29, release zurich: label 'Status' on {SCOPE}request"
    assert WireNames.load(learned_file).find("keys.decision.Comment").evidence == "I"
    text = learned_file.read_text(encoding="utf-8")
    assert text.startswith("# Learned by privman-scenarios learn from http://127.0.0.1:")
    assert "# Still inferred, because nothing has shown them:" in text
    assert "keys.decision.*" in text
    assert printed.splitlines()[0].endswith(" requests, all GET")
    assert " documented, 25 observed, " in printed.splitlines()[-1]


@pytest.mark.long
def test_a_file_of_its_own_is_written_over_and_no_other(learn: Learn, learned_file: Path) -> None:
    """As every file that a command writes."""
    assert learn(ReadInstance())[0] == 0
    assert learn(ReadInstance())[0] == 0
    learned_file.write_text("tables: {}\n", encoding="utf-8")
    code, _, error = learn(ReadInstance())
    assert code == 2
    assert error == "privman-scenarios: --out would overwrite OUT, which is not a file that it has written.\n"


@pytest.mark.long
def test_a_device_takes_the_names_too(privman_loop: LoopThread) -> None:
    """It cannot be replaced by a file."""
    served = serving(ReadInstance().app())
    url = privman_loop.run(served.__aenter__())
    assert main(["learn", "--servicenow-url", url, "--out", "/dev/null"]) == 0
    privman_loop.run(served.__aexit__(None, None, None))
    assert Path("/dev/null").is_char_device()


def test_what_a_team_knows_already_stays(learn: Learn, learned_file: Path, tmp_path: Path) -> None:
    """A rule that no instance shows is written again."""
    known = tmp_path / "known.yaml"
    known.write_text("rules: {duplicate_request_status: 200}", encoding="utf-8")
    assert learn(ReadInstance(), "--inferred", str(known))[0] == 0
    assert WireNames.load(learned_file).number("duplicate_request_status") == 200


def test_what_must_be_known_and_is_not_is_listed_with_its_candidates(learn: Learn, learned_file: Path) -> None:
    """The file is written, without those names; exit code 1."""
    others = {"u_one": ("Eins", "string", ""), "u_two": ("Zwei", "string", "")}
    columns = {name: each for name, each in REQUEST.items() if name != "comment"} | others
    instance = ReadInstance({**TABLES, f"{SCOPE}request": ("Request", columns)})
    instance.tables["sys_user_role"] = []
    code, printed, _ = learn(instance)
    assert code == 1
    lines = [
        "columns.request.comment was not found. Perhaps u_one or u_two.",
        "roles.admin was not found. Nothing fits.",
    ]
    assert [line for line in lines if line not in printed] == []
    assert [line for line in lines if f"# {line}" not in learned_file.read_text(encoding="utf-8")] == []
    assert WireNames.load(learned_file).find("columns.request.comment").evidence == "I"


@pytest.mark.long
def test_names_that_no_file_can_have_are_named(learn: Learn, learned_file: Path) -> None:
    """A column and another may not be called the same in one table."""
    columns = {
        **{name: each for name, each in REQUEST.items() if name != "comment"},
        "sys-x": ("Comment", "string", ""),
    }
    code, _, error = learn(ReadInstance({**TABLES, f"{SCOPE}request": ("Request", columns)}))
    assert (code, learned_file.exists()) == (1, False)
    assert error.startswith(
        "privman-scenarios: the instance's names cannot be used: columns.request.comment has value 'sys-x'. Expected"
    )


def test_a_folder_that_is_not_there_is_named_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2."""
    missing, there = str(tmp_path / "none" / "file"), str(tmp_path / "file")
    for out, journal in ((missing, there), (there, missing)):
        assert main(["learn", "--servicenow-url", "http://127.0.0.1:1", "--out", out, "--journal", journal]) == 2
        assert capsys.readouterr().err == f"privman-scenarios: {missing}: No such file or directory\n"


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--prefix", "incident", "invalid prefix 'incident': expected x_ or u_ and letters, digits, underscores"),
        ("--date", "29.11.2026", "invalid day '29.11.2026': expected one such as 2026-11-29"),
    ],
)
def test_an_unusable_option_is_named(option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line; exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(["learn", "--servicenow-url", "http://127.0.0.1:1", "--out", "x.yaml", option, value])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"privman-scenarios learn: argument {option}: {message}\n"
