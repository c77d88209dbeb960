"""Names that are learned from an instance: what it shows, what is written, and what ends it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from privman_contracts import WireNames
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.commands.cli import main
from privman_scenarios.language.loader import catalog_files

from .filled_instance import THEIRS, filled_instance
from .other_instance import OtherInstance
from .read_instance import REQUEST, SCOPE, TABLES, ReadInstance, half_a_list, listing, page, refusal, too_many

Learn = Callable[..., tuple[int, str, str]]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where the names are written."""
    return tmp_path / "ours.yaml"


@pytest.fixture
def learn(out: Path, privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]) -> Iterator[Learn]:
    """Return what learns from an instance, and gives exit code, output and errors, without the instance's address."""
    with ExitStack() as stack:

        def run(instance: ReadInstance, *more: str) -> tuple[int, str, str]:
            served = serving(instance.app())
            url = privman_loop.run(served.__aenter__())
            stack.callback(lambda: privman_loop.run(served.__aexit__(None, None, None)))
            code = main(["learn", "--servicenow-url", url, "--out", str(out), "--date", "2026-11-29", *more])
            printed = capsys.readouterr()
            return code, *(text.replace(url, "URL").replace(str(out), "OUT") for text in printed)  # type: ignore[return-value]  # two

        yield run


def values(names: WireNames) -> dict[str, object]:
    """Return what each name is on the wire."""
    return {name.path: name.value for name in names}


@pytest.mark.long
def test_what_an_instance_calls_things_is_learned_and_played(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the file that is written a scenario passes on the instance; all that was sent was GET."""
    theirs, journal = tmp_path / "theirs.yaml", tmp_path / "journal.jsonl"
    theirs.write_text(yaml.safe_dump(THEIRS), encoding="utf-8")
    (deny,) = (str(path) for path in catalog_files() if path.stem == "deny")
    with filled_instance(theirs) as instance:
        before = len(instance.journal)
        target = ["--servicenow-url", instance.url]
        assert main(["learn", *target, "--out", str(out), "--journal", str(journal)]) == 0
        seen = [each["method"] for each in instance.journal[before:]]
        noted = [json.loads(line)["method"] for line in journal.read_text(encoding="utf-8").splitlines()]
        assert seen == noted == ["GET"] * len(noted)
        assert f"{instance.url}: {len(noted)} requests, all GET\n" in capsys.readouterr().out
        assert values(WireNames.load(out)) == values(WireNames.load(theirs))
        assert main(["run", deny, *target, "--reset", "--inferred", str(out)]) == 0


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


DENY = next(str(path) for path in catalog_files() if path.stem == "deny")
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


def test_each_name_says_how_it_was_learned(learn: Learn, out: Path) -> None:
    """Day, release and clue; what nothing has shown is listed, and stays inferred."""
    instance = ReadInstance()
    instance.tables["sys_properties"] = [{"name": "glide.war", "value": "glide-zurich-07-01-2025__patch1"}]
    code, printed, _ = learn(instance)
    assert code == 0
    name = WireNames.load(out).find("columns.request.status")
    assert (name.value, name.evidence) == ("status", "O")
    assert name.cited == f"observed on 2026-11-29, release zurich: label 'Status' on {SCOPE}request"
    assert WireNames.load(out).find("keys.decision.Comment").evidence == "I"
    text = out.read_text(encoding="utf-8")
    assert text.startswith("# Learned by privman-scenarios learn from http://127.0.0.1:")
    assert "# Still inferred, because nothing has shown them:" in text
    assert "keys.decision.*" in text
    assert printed.splitlines()[0].endswith(" requests, all GET")
    assert " documented, 25 observed, " in printed.splitlines()[-1]


@pytest.mark.long
def test_a_file_of_its_own_is_written_over_and_no_other(learn: Learn, out: Path) -> None:
    """As every file that a command writes."""
    assert learn(ReadInstance())[0] == 0
    assert learn(ReadInstance())[0] == 0
    out.write_text("tables: {}\n", encoding="utf-8")
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


def test_what_a_team_knows_already_stays(learn: Learn, out: Path, tmp_path: Path) -> None:
    """A rule that no instance shows is written again."""
    known = tmp_path / "known.yaml"
    known.write_text("rules: {duplicate_request_status: 200}", encoding="utf-8")
    assert learn(ReadInstance(), "--inferred", str(known))[0] == 0
    assert WireNames.load(out).number("duplicate_request_status") == 200


def test_what_must_be_known_and_is_not_is_listed_with_its_candidates(learn: Learn, out: Path) -> None:
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
    assert [line for line in lines if f"# {line}" not in out.read_text(encoding="utf-8")] == []
    assert WireNames.load(out).find("columns.request.comment").evidence == "I"


def test_no_label_is_needed(learn: Learn, out: Path) -> None:
    """Types, references and rows tell the columns of a table apart; what is left is the only one that can be it."""
    request = {
        "a": ("", "string", ""),
        "b": ("", "choice", ""),
        "c": ("", "string", ""),
        "d": ("", "reference", f"{SCOPE}integration_configuration"),
        "e": ("", "string", ""),
        "f": ("", "string", ""),
        "g": ("", "string", ""),
        "h": ("", "boolean", ""),
    }
    instance = ReadInstance({**TABLES, f"{SCOPE}request": ("Request", request)})
    instance.tables[f"{SCOPE}activity_type"] = [{"valid_responses": "Approve,Deny"}]
    instance.tables["sys_choice"] = [
        {"name": f"{SCOPE}request", "element": "b", "value": value}
        for value in ("Pending", "Approve", "Deny", "Expired")
    ]
    instance.tables[f"{SCOPE}request"] = [
        {
            "a": "85d71683-7dac-4762-8120-76a9a564fdc1",
            "b": {"value": "Approve", "link": "http://x"},
            "c": '{"PolicyId": "{85d71683-7dac-4762-8120-76a9a564fdc1}", "reason": "x", "count": 7}',
            "e": f"{0:032x}",
            "f": "1970-01-01 02:00:00",
            "g": "Fine",
        }
    ]
    code, printed, _ = learn(instance)
    assert code == 0, printed
    names = WireNames.load(out).group("columns.request")
    assert names == {
        "request_id": "a",
        "status": "b",
        "metadata": "c",
        "instance_id": "d",
        "activity_type_id": "e",
        "duration": "f",
        "comment": "g",
    }
    assert WireNames.load(out).word("request_status", "timed_out") == "Expired"


GERMAN = "x_acme_"
NAMES = {"integration_configuration": "anbindung", "activity_type": "art", "request": "anfrage", "response": "antwort"}


def in_german(type_of_references: str) -> dict[str, tuple[str, dict[str, tuple[str, str, str]]]]:
    """Return the tables with labels and names of another language, and columns of their own."""
    tables = {}
    for table, (_, columns) in TABLES.items():
        noun = NAMES[table.removeprefix(SCOPE)]
        named = {}
        for number, (column, (_, type_, _)) in enumerate(columns.items()):
            refers = {"instance_id": "anbindung", "activity_type_id": "art"}.get(column, "")
            target = f"{GERMAN}{refers}" if refers and type_of_references == "reference" else ""
            named[f"s{number}"] = (f"Spalte {number}", type_of_references if refers else type_, target)
        tables[f"{GERMAN}{noun}"] = (noun, named)
    return tables


def test_tables_are_known_by_what_refers_to_what(learn: Learn, out: Path) -> None:
    """In any language; columns that nothing tells apart are listed."""
    instance = ReadInstance(in_german("reference"))
    instance.tables[f"{GERMAN}art"] = [{"s1": "Genehmigen oder nicht", "s2": "Ja,Nein"}]
    instance.tables[f"{GERMAN}antwort"] = [{"s2": "200", "s3": "0"}, {"s2": "0", "s3": "0"}]
    code, printed, _ = learn(instance, "--prefix", GERMAN)
    assert code == 1
    assert WireNames.load(out).group("tables") == {noun: f"{GERMAN}{name}" for noun, name in NAMES.items()}
    assert "columns.activity_type.include_comment was not found. Perhaps s4 or s5.\n" in printed
    names = WireNames.load(out)
    assert names.column("activity_type", "valid_responses") == "s2"
    assert (names.column("response", "response_status_code"), names.column("response", "retry_attempts")) == (
        "s2",
        "s3",
    )


def test_tables_that_nothing_tells_apart_are_listed(learn: Learn, out: Path) -> None:
    """One line for each noun; exit code 1, and nothing is written."""
    tables = {name: (label, {"s": ("S", "string", "")}) for name, (label, _) in in_german("string").items()}
    code, _, error = learn(ReadInstance(tables), "--prefix", GERMAN)
    assert (code, out.exists()) == (1, False)
    perhaps = " or ".join(sorted(tables))
    first = "privman-scenarios: URL has tables of apps, and none is known to be this app's."
    assert error.splitlines() == [
        f"{first} Name them in a file for --inferred.",
        *(f"privman-scenarios: tables.{noun} was not found. Perhaps {perhaps}." for noun in NAMES),
    ]


@pytest.mark.long
def test_tables_that_a_file_names_are_asked_for(learn: Learn, out: Path, tmp_path: Path) -> None:
    """Whatever they begin with."""
    known = tmp_path / "known.yaml"
    known.write_text(yaml.safe_dump({"tables": {noun: f"{GERMAN}{name}" for noun, name in NAMES.items()}}))
    instance = ReadInstance(in_german("string"))
    learn(instance, "--inferred", str(known))
    assert f"nameIN{','.join(f'{GERMAN}{name}' for name in NAMES.values())}^" in instance.queries["sys_db_object"][1]
    assert WireNames.load(out).find("tables.request").evidence == "O"


def test_a_table_that_is_not_readable_is_no_bad_log_in(learn: Learn) -> None:
    """Users are not asked for at all."""
    instance = ReadInstance()
    instance.answers["sys_user"] = [refusal(403, "User Not Authorized")]
    assert learn(instance)[0] == 0
    assert "sys_user" not in instance.queries


def test_a_run_needs_users_and_says_so(privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]) -> None:
    """A user who may not read them is let in all the same; exit code 3."""
    instance = ReadInstance()
    instance.answers["sys_user"] = [refusal(403, "User Not Authorized")]
    served = serving(instance.app())
    url = privman_loop.run(served.__aenter__())
    assert main(["run", DENY, "--servicenow-url", url, "--servicenow-user", "reader"]) == 3
    assert "and does not show sys_user to that user (403)." in capsys.readouterr().err
    privman_loop.run(served.__aexit__(None, None, None))


@pytest.mark.parametrize("is_refused", [False, True], ids=["no rows", "403"])
def test_without_a_dictionary_columns_are_learned_from_rows(*, is_refused: bool, learn: Learn, out: Path) -> None:
    """Tables without rows are one line."""
    instance = ReadInstance()
    instance.tables["sys_dictionary"] = []
    if is_refused:
        instance.answers["sys_dictionary"] = [refusal(403, "User Not Authorized")]
    instance.tables[f"{SCOPE}request"] = [
        {"status": "Pending", "request_id": "85d71683-7dac-4762-8120-76a9a564fdc1", "comment": "", "sys_tags": ""}
    ]
    code, printed, _ = learn(instance)
    assert code == 1
    others = ", ".join(f"{SCOPE}{noun}" for noun in NAMES if noun != "request")
    why = "sys_dictionary shows this user no column of"
    assert f"{why} {SCOPE}request: columns are learned from rows, so that labels and types are unknown.\n" in printed
    assert f"{why} {others}, and no row is readable: their columns are unknown.\n" in printed
    assert "columns.response." not in printed
    names = WireNames.load(out)
    seen = [name.word for name in names if name.group == "columns.request" and name.evidence == "O"]
    assert seen == ["request_id", "status", "comment"]


def test_a_failure_of_a_moment_is_asked_again(learn: Learn) -> None:
    """An answer of a proxy or a node that restarts; one that stays ends the command."""
    instance = ReadInstance()
    good = lambda: instance.listed("sys_choice")  # noqa: E731 - an answer
    instance.answers["sys_choice"] = [refusal(503), refusal(502), refusal(504), good]
    assert learn(instance)[0] == 0


@pytest.mark.long
@pytest.mark.parametrize("last", ["", f"{SCOPE}request"], ids=["task", "circle"])
def test_columns_of_a_table_that_one_of_the_app_extends_are_its_own(last: str, learn: Learn, out: Path) -> None:
    """Through every level, a circle too; one of the table itself is likelier to be the app's."""
    inherited = {"approval": ("Status", "string", ""), "comments": ("Comment", "string", "")}
    of_base = {"status": REQUEST["status"], "note": ("Kommentar", "string", "")}
    own = {name: each for name, each in REQUEST.items() if name not in {"comment", "status"}}
    base = f"{SCOPE}base"
    tables = {**TABLES, f"{SCOPE}request": ("Request", own), base: ("Base", of_base), "task": ("Task", inherited)}
    instance = ReadInstance(tables)
    parents = {f"{SCOPE}request": base, base: "task", "task": last}
    instance.tables["sys_db_object"] = [
        {**row, "super_class.name": parents.get(str(row["name"]), "")} for row in instance.tables["sys_db_object"]
    ]
    instance.tables["sys_choice"] = [
        {"name": base, "element": "status", "value": value} for value in ("Wartend", "Approve", "Deny", "Vorbei")
    ]
    instance.tables["sys_dictionary"] = [
        {**row, "default_value": "Wartend" if row["element"] == "status" else ""}
        for row in instance.tables["sys_dictionary"]
    ]
    code, printed, _ = learn(instance)
    names = WireNames.load(out)
    assert code == 0, printed
    assert (names.column("request", "status"), names.column("request", "comment")) == ("status", "comments")
    assert names.find("columns.request.status").cited.endswith(f"on {SCOPE}request")


def test_words_are_known_by_what_happened_to_their_requests(learn: Learn, out: Path) -> None:
    """A new request has not been changed; one that timed out has, and its status is no response."""
    instance = ReadInstance()
    instance.tables[f"{SCOPE}activity_type"] = [{"valid_responses": "Ja,Nein"}]
    instance.tables[f"{SCOPE}request"] = [
        {"status": status, "sys_mod_count": changes}
        for status, changes in (("Neu", "0"), ("Ja", "1"), ("Nein", "1"), ("Vorbei", "1"))
    ]
    assert learn(instance)[0] == 0
    names = WireNames.load(out)
    assert names.group("words.request_status") == {"pending": "Neu", "timed_out": "Vorbei"}
    assert names.group("words.response") == {"approve": "Ja", "deny": "Nein"}


SECRET = "kV7pQ2mZ9xB4tR6nW1cY8dF3gH5jL0sA"


@pytest.mark.parametrize("table", ["integration_configuration", "request"])
def test_no_secret_and_no_text_of_a_row_is_taken_for_a_word(table: str, learn: Learn, out: Path) -> None:
    """Neither a Secret at a key that nobody knows, nor texts in what may be the column of the status."""
    instance = ReadInstance()
    metadata = {"Username": "85d71683-7dac-4762-8120-76a9a564fdc1", "Password": "x", "Client key": SECRET}
    instance.tables[f"{SCOPE}integration_configuration"] = [{"instance_metadata": json.dumps(metadata)}]
    if table == "request":
        instance.tables[f"{SCOPE}request"] = [{"status": f"{SECRET} was here"}]
    _, printed, error = learn(instance)
    assert [text for text in (printed, error, out.read_text(encoding="utf-8")) if SECRET in text] == []


def test_access_rules_tell_roles_apart(learn: Learn, out: Path) -> None:
    """An approver may change requests; an administrator may change activity types, too."""
    instance = ReadInstance()
    instance.tables["sys_user_role"] = [{"name": "x_one.lower"}, {"name": "x_one.upper"}]
    may = [("request", "x_one.lower"), ("request", "x_one.upper"), ("activity_type", "x_one.upper")]
    instance.tables["sys_security_acl_role"] = [
        {
            "sys_security_acl.name": f"{SCOPE}{table}",
            "sys_security_acl.operation": "write",
            "sys_user_role.name": role,
        }
        for table, role in may
    ]
    assert learn(instance)[0] == 0
    assert WireNames.load(out).group("roles") == {"admin": "x_one.upper", "approver": "x_one.lower"}
    assert "it may write" in WireNames.load(out).find("roles.approver").cited


def test_tables_that_are_not_readable_are_named(learn: Learn) -> None:
    """It goes on without them."""
    instance = ReadInstance()
    instance.answers["sys_security_acl"] = [refusal(403, "User Not Authorized")]
    code, printed, _ = learn(instance)
    assert code == 0
    assert "sys_security_acl is not readable: 403: User Not Authorized.\n" in printed


@pytest.mark.long
def test_it_waits_as_long_as_the_instance_says(learn: Learn) -> None:
    """A number of seconds, or a moment, which has passed; a wait of a second or more is announced."""
    instance = ReadInstance()
    waits = [too_many("0"), too_many("Wed, 01 Jan 2020 00:00:00 GMT"), too_many("1")]
    instance.answers["sys_dictionary"] = [*waits, lambda: instance.listed("sys_dictionary")]
    code, printed, notice = learn(instance)
    assert code == 0
    assert notice == "privman-scenarios: waiting 1 s: URL answered 429\n"
    assert f"URL: {len(instance.methods)} requests, all GET" in printed


ENDS = {
    "limit": ("sys_dictionary", [too_many("0")], "429, 10 times: the instance admits no more."),
    "page": (
        "sys_dictionary",
        [page],
        "200 text/html: expected JSON; a hibernating instance, and",
    ),
    "failure": ("sys_choice", [refusal(503)], "503: No."),
    "log-in that ends": ("sys_choice", [refusal(401)], "401: it refuses the credentials of 'admin'."),
    "half a list": ("sys_choice", [half_a_list], "200: Transaction cancelled: maximum execution time exceeded."),
}


@pytest.mark.parametrize(("table", "answers", "why"), ENDS.values(), ids=ENDS)
def test_an_instance_that_stops_answering_is_named_and_nothing_is_written(
    table: str, answers: list[Any], why: str, learn: Learn, out: Path
) -> None:
    """One line, with what was asked; exit code 3."""
    instance = ReadInstance()
    instance.answers[table] = answers
    code, printed, error = learn(instance)
    assert (code, len(error.splitlines()), out.exists()) == (3, 1, False)
    assert error.startswith(f"privman-scenarios: GET URL/api/now/table/{table} -> {why}")
    assert error.endswith(". Nothing was written.\n")
    assert "requests, all GET" in printed


def test_an_instance_that_is_not_reached_is_named(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line; exit code 3."""
    assert main(["learn", "--servicenow-url", "http://127.0.0.1:1", "--out", str(out)]) == 3
    error = capsys.readouterr().err
    assert error.startswith("privman-scenarios: GET http://127.0.0.1:1/api/now/table/sys_db_object: no connection")
    assert error.count("\n") == 1


def test_a_list_without_an_end_is_given_up(learn: Learn, out: Path) -> None:
    """After a bounded number of rows, or when the same rows come again."""
    instance, number = ReadInstance(), iter(range(10**9))
    rows = ({"sys_id": f"{next(number):032x}"} for _ in iter(int, 1))
    instance.answers["sys_choice"] = [lambda: listing([next(rows) for _ in range(1_000)])]
    code, _, error = learn(instance)
    assert (code, out.exists()) == (3, False)
    assert error.startswith("privman-scenarios: table 'sys_choice': expected less than 20,000 rows of nameIN")
    instance.answers["sys_choice"] = [lambda: listing([{"sys_id": f"{each:032x}"} for each in range(1_000)])]
    code, _, error = learn(instance)
    assert (code, out.exists()) == (3, False)
    assert error.startswith("privman-scenarios: table 'sys_choice': the instance lists the same rows again. Nothing")


def test_pages_may_be_shorter_than_asked_for(learn: Learn) -> None:
    """An instance lists fewer rows than it is asked for, and none where it hides them."""
    instance = ReadInstance()
    rows = [{"sys_id": f"{number:032x}", **row} for number, row in enumerate(instance.tables["sys_dictionary"])]
    half, more = len(rows) // 2, 1_000
    answers = [
        listing([], len(rows) + more),
        listing(rows[:half], len(rows) + more),
        listing(rows[half:], len(rows) - half),
    ]
    instance.answers["sys_dictionary"] = [lambda: answers.pop(0)]
    assert learn(instance)[0] == 0
    assert not answers


TWINS = f"{SCOPE}ask ('Request') and {SCOPE}request_2 ('Request')"
CONTRADICTIONS = {
    "two tables": (
        "sys_db_object",
        {"name": f"{SCOPE}request_2", "label": "Request"},
        f"sys_db_object has more than one table that can be tables.request: {TWINS}. Expected one; --prefix chooses.",
    ),
    "two types": (
        "sys_dictionary",
        {"name": f"{SCOPE}ask", "element": "status", "internal_type": "boolean"},
        f"sys_dictionary gives {SCOPE}ask.status two types: boolean and string. Expected one.",
    ),
}


@pytest.mark.parametrize(("table", "row", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_dictionary_that_contradicts_itself_is_named_and_nothing_is_written(
    table: str, row: dict[str, str], message: str, learn: Learn, out: Path
) -> None:
    """One line that names both; exit code 1."""
    tables = {name: each for name, each in TABLES.items() if name != f"{SCOPE}request"}
    instance = ReadInstance({**tables, f"{SCOPE}ask": ("Request", REQUEST)})
    instance.tables[table].append(row)
    if table == "sys_db_object":
        own = [each for each in instance.tables["sys_dictionary"] if each["name"] == f"{SCOPE}ask"]
        instance.tables["sys_dictionary"] += [{**each, "name": row["name"]} for each in own]
    code, _, error = learn(instance)
    assert (code, error, out.exists()) == (1, f"privman-scenarios: {message}\n", False)


@pytest.mark.long
def test_a_prefix_chooses_among_scopes(learn: Learn, out: Path) -> None:
    """Two copies of the app fit alike; with the prefix of one, that is learned."""
    copies = {
        table.replace(SCOPE, scope): (
            label,
            {name: (text, type_, refers.replace(SCOPE, scope)) for name, (text, type_, refers) in columns.items()},
        )
        for scope in ("x_one_", "x_two_")
        for table, (label, columns) in TABLES.items()
    }
    code, _, error = learn(ReadInstance(copies))
    assert (code, error.count("x_one_"), error.count("x_two_")) == (1, 1, 1)
    assert learn(ReadInstance(copies), "--prefix", "x_two_")[0] == 0
    assert {name.partition("two_")[0] for name in WireNames.load(out).group("tables").values()} == {"x_"}


@pytest.mark.long
def test_names_that_no_file_can_have_are_named(learn: Learn, out: Path) -> None:
    """A column and another may not be called the same in one table."""
    columns = {
        **{name: each for name, each in REQUEST.items() if name != "comment"},
        "sys-x": ("Comment", "string", ""),
    }
    code, _, error = learn(ReadInstance({**TABLES, f"{SCOPE}request": ("Request", columns)}))
    assert (code, out.exists()) == (1, False)
    assert error.startswith(
        "privman-scenarios: the instance's names cannot be used: columns.request.comment has value 'sys-x'. Expected"
    )


def test_a_user_who_may_read_nothing_learns_nothing(learn: Learn, out: Path) -> None:
    """One line; exit code 1, and nothing is written."""
    instance = ReadInstance()
    for table in ("sys_db_object", "sys_dictionary", "sys_choice", "sys_user_role", "sys_properties"):
        instance.answers[table] = [refusal(403, "User Not Authorized")]
    code, _, error = learn(instance)
    assert (code, out.exists()) == (1, False)
    assert error == (
        "privman-scenarios: URL shows no table of the app to this user: sys_db_object was answered with "
        "403: User Not Authorized.\n"
    )


def test_an_instance_without_the_app_shows_nothing(learn: Learn, out: Path) -> None:
    """The prefix was looked for, and the labels."""
    code, _, error = learn(ReadInstance({}), "--prefix", "x_other_")
    assert (code, out.exists()) == (1, False)
    assert error == (
        "privman-scenarios: URL shows no table of the app to this user: none begins with x_other_ or has its labels.\n"
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
