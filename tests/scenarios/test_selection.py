"""Which scenarios a run plays, what it lists without playing, and how it shows what failed."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privman_scenarios.commands.cli import main
from privman_scenarios.commands.keywords import Keyword

STORY = "title: {}\ntags: [{}]\nsteps:\n- console.ask:\n- console.expect-approval: {{state: {}}}\n"
ASK = "ask: {metadata: {UserReason: <number>}}"
NAMES = {"one": ("First story", "smoke"), "two": ("Second story", "smoke, retry"), "three": ("Third story", "retry")}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with three stories, in three files."""
    monkeypatch.chdir(tmp_path)
    for name, (title, tags) in NAMES.items():
        write(tmp_path, name, STORY.format(title, tags, "Pending"))
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    """Write a story."""
    (folder / "stories").mkdir(exist_ok=True)
    (folder / "stories" / f"{name}.yaml").write_text(text)


def fail(folder: Path, name: str) -> None:
    """Let a story fail."""
    title, tags = NAMES[name]
    write(folder, name, STORY.format(title, tags, "Denied"))


def code_of(*arguments: str) -> int:
    """Return the exit code of a run of the stories."""
    try:
        return main(["run", "stories", *arguments])
    except SystemExit as end:
        return int(str(end.code))


def test_list_names_the_chosen_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    """With their places and tags, in the order in which they would be played; nothing is played."""
    assert code_of("--list", "--tag", "retry") == 0
    assert capsys.readouterr().out.splitlines() == [
        "stories/three.yaml:1: Third story [retry]",
        "stories/two.yaml:1: Second story [retry, smoke]",
        "2 scenarios in 2 files",
    ]
    assert code_of("--list", "-k", "nosuch") == 1
    capsys.readouterr()
    assert code_of("--list", "--shard", "2/2") == 0
    assert capsys.readouterr().out.splitlines() == [
        "stories/three.yaml:1: Third story [retry]",
        "1 scenarios in 1 files",
    ]


def test_a_scenario_without_tags_is_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has no brackets."""
    write(folder, "one", STORY.format("Bare", "", "Pending"))
    assert code_of("--list", "-k", "bare") == 0
    assert capsys.readouterr().out.splitlines()[0] == "stories/one.yaml:1: Bare"


def test_list_tags_counts_them(capsys: pytest.CaptureFixture[str]) -> None:
    """In order of their names."""
    assert code_of("--list-tags") == 0
    assert capsys.readouterr().out.splitlines() == ["retry: 2", "smoke: 2", "3 scenarios in 3 files"]


def test_check_reports_every_broken_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is wrong with each; a folder without files and a file that is missing are among them."""
    assert code_of("--check") == 0
    assert capsys.readouterr().out == "3 scenarios in 3 files, no errors\n"
    write(folder, "one", "title: T\nsteps: [{console.aks: }]\n")
    write(folder, "two", "title: [")
    (folder / "empty").mkdir()
    assert main(["run", "--check", "stories", "empty", "nosuch.yaml"]) == 2
    told = [line.removeprefix("privman-scenarios: ").partition(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert sorted(told) == ["empty", "nosuch.yaml", "stories/one.yaml", "stories/two.yaml"]


@pytest.mark.long
def test_no_file_hides_the_errors_of_another(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of many errors in a file some are counted, and the first of every file is shown."""
    steps = "".join(f"- console.nosuch{number}:\n" for number in range(40))
    for number in range(25):
        write(folder, f"b{number}", f"title: T\nsteps:\n{steps}")
    assert code_of("--check") == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 26
    assert {line.partition(": ")[2].partition(":")[0] for line in told[:-1]} == {
        f"stories/b{number}.yaml" for number in range(25)
    }
    assert told[-1] == f"privman-scenarios: {25 * 39} more errors"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--list", "--json", "r.json"], "--json and --list exclude each other: --list plays nothing."),
        (["--check", "--watch"], "--watch and --check exclude each other: --check plays nothing."),
        (["--list-tags", "--github"], "--github and --list-tags exclude each other: --list-tags plays nothing."),
        (["--list", "--check"], "argument --check: not allowed with argument --list"),
        (["-k", "a and"], "invalid expression 'a and': expected a text; got the end"),
        (["-k", ""], "invalid expression '': expected a text; got the end"),
        (["-k", "a b"], "invalid expression 'a b': expected 'and' or 'or'; got 'b'"),
        (["-k", "(a"], "invalid expression '(a': expected ')'; got the end"),
        (["-k", "(a b)"], "invalid expression '(a b)': expected ')'; got 'b'"),
        (["-k", "'a"], """invalid expression "'a": expected a text between a pair of quotes; got '"""),
        (["-k", "not " * 60 + "a"], "expected at most 50 of 'not' and '(' in each other"),
        (["-k", "a", "-k", "b"], "given twice, expected once"),
    ],
)
def test_what_counts_for_nothing_is_refused(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, exit code 2."""
    assert code_of(*options) == 2
    err = capsys.readouterr().err
    assert told in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("first", ["First"]),
        ("SMOKE and not first", ["Second"]),
        ("first or third", ["First", "Third"]),
        ("not (first or third)", ["Second"]),
        ("'second story' or three.yaml", ["Second", "Third"]),
        ("retry and smoke or first", ["First", "Second"]),
        ("not not third", ["Third"]),
        ('"and"', []),
    ],
)
def test_an_expression_chooses(expression: str, names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """By title, file and tags, whatever their case."""
    code_of("--list", "-k", expression)
    listed = capsys.readouterr().out.splitlines()[:-1]
    assert sorted(line.split()[1] for line in listed) == names


EXPRESSIONS = st.recursive(
    st.sampled_from("abc"),
    lambda inner: st.one_of(
        inner.map(lambda one: f"not {one}"),
        inner.map(lambda one: f"({one})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
    ),
    max_leaves=8,
)


@given(expression=EXPRESSIONS, text=st.text("abc", max_size=3))
def test_an_expression_means_what_it_means_in_python(expression: str, text: str) -> None:
    """Words bind as Python's do."""
    texts = {each: each in text for each in "abc"}
    assert Keyword.parse(expression).matches(text) == eval(expression, {}, texts)  # noqa: S307 - made above


@pytest.mark.long
@pytest.mark.parametrize("more", [[], ["--interleave"], ["--generate", "2"]])
def test_exitfirst_ends_the_run(more: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What comes after the first failure is not played, and no limit is judged."""
    fail(folder, "three")
    assert code_of("-x", "--jobs", "1", "--min-coverage", "99", "--json", "r.json", *more) == 1
    out = capsys.readouterr().out
    assert "Second story" not in out
    assert "0 variations" in out or not more
    assert "The run ended at the first failure, as --exitfirst says.\n" in out
    assert "--min-coverage" not in out
    assert [each["name"] for each in json.loads(Path("r.json").read_text())["scenarios"]] == [
        "First story",
        "Third story",
    ]


@pytest.mark.long
def test_exitfirst_without_a_failure_plays_all(capsys: pytest.CaptureFixture[str]) -> None:
    """And judges the whole."""
    assert code_of("-x", "--jobs", "1") == 0
    assert "3 passed" in capsys.readouterr().out
    assert code_of("-x", "--min-coverage", "99") == 1


@pytest.mark.long
def test_exitfirst_ends_several_processes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No scenario after the first failure is reported, however many have been played by then."""
    rows = "".join(
        f"- {{number: '{number}', state: {'Denied' if number == 3 else 'Pending'}}}\n" for number in range(40)
    )
    write(folder, "many", f"examples:\n{rows}" + STORY.format("Story", "many", "<state>").replace("ask:", ASK))
    assert code_of("-x", "--tag", "many", "--jobs", "2") == 1
    assert "3 passed, 1 failed, 0 skipped" in capsys.readouterr().out


@pytest.mark.long
def test_exitfirst_ends_at_the_first_variation_that_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The scenarios held, and what was varied before held too."""
    twice = (
        "title: Two at once\nsteps:\n- console.ask:\n- together:\n"
        "  - servicenow.insert: {table: response, values: {request_id: '${request_id}', response: Deny}}\n"
        "  - servicenow.insert: {table: response, values: {request_id: '${request_id}', response: Deny}}\n"
        "- servicenow.expect-request: {count: 1}\n"
    )
    for name in NAMES:  # what several files have alike is played once
        write(folder, name, twice.replace("response: Deny", f"response: Deny, comment: {name}"))
    code_of("--interleave", "--jobs", "1", "--json", "all.json")
    code_of("--interleave", "--jobs", "1", "-x", "--json", "first.json")
    capsys.readouterr()
    found, first = (json.loads(Path(name).read_text())["failed"] for name in ("all.json", "first.json"))
    assert (found > 1, first) == (True, 1)


@pytest.mark.long
def test_last_failed_plays_what_failed_until_it_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another run in between takes nothing else away; with nothing to play again everything is played."""
    assert code_of("--last-failed", "--list") == 0
    told = "None of these scenarios failed when it was last played, so all are chosen.\n"
    assert capsys.readouterr().out.startswith(told)
    assert not (folder / ".privman_cache").exists()
    for name in ("one", "three"):
        fail(folder, name)
    assert code_of() == 1
    assert code_of("-k", "first") == 1
    write(folder, "one", STORY.format(*NAMES["one"], "Pending"))
    capsys.readouterr()
    assert code_of("--last-failed") == 1
    assert "1 passed, 1 failed, 0 skipped" in capsys.readouterr().out
    assert code_of("--last-failed", "--list") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 scenarios in 1 files"
    assert (folder / ".privman_cache" / ".gitignore").read_text() == "*\n"


@pytest.mark.long
@pytest.mark.parametrize("text", ["", "{}", "[1]", "no JSON", '[["a"]]', "5"])
def test_a_damaged_memory_is_none(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is written anew."""
    (folder / ".privman_cache").mkdir()
    (folder / ".privman_cache" / "last-failed.json").write_text(text)
    assert code_of("--last-failed") == 0
    assert "3 passed" in capsys.readouterr().out
    assert json.loads((folder / ".privman_cache" / "last-failed.json").read_text()) == []


@pytest.mark.long
def test_a_folder_that_cannot_be_written_is_no_failure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file is where the folder would be."""
    fail(folder, "one")
    (folder / ".privman_cache").touch()
    assert code_of() == 1
    assert "2 passed, 1 failed" in capsys.readouterr().out


@pytest.mark.long
def test_failures_are_repeated_in_a_closing_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, above the counts; a run of one scenario has just shown its failure."""
    fail(folder, "one")
    fail(folder, "two")
    assert code_of() == 1
    mismatch = "console.expect-approval: expected state 'Denied'; got state 'Pending'"
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4:-1] == [
        "Failed:",
        f"  stories/one.yaml:5: First story: {mismatch}",
        f"  stories/two.yaml:5: Second story: {mismatch}",
    ]
    assert lines[-1].startswith("1 passed, 2 failed, 0 skipped; ")
    assert code_of("-k", "first") == 1
    assert "Failed:" not in capsys.readouterr().out


@pytest.mark.long
def test_a_closing_list_is_bounded(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fifty lines, and how many more there are."""
    rows = "".join(f"- {{number: '{number}'}}\n" for number in range(53))
    write(folder, "many", f"examples:\n{rows}" + STORY.format("Story", "many", "Denied").replace("ask:", ASK))
    assert code_of("--tag", "many") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2] == "  … and 3 more, above"
    assert lines[-53] == "Failed:"


LONG = """\
title: Long
steps:
- console.ask: {metadata: {PolicyName: Elevate installers, UserReason: "${text.4000}"}}
- servicenow.approve: {comment: "${text.4000}"}
- servicenow.deny:
- servicenow.expect-refusal:
- servicenow.expect-request: {status: Deny, comment: No}
"""


@pytest.mark.long
def test_a_failure_fits_a_screen_in_order_of_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However long the values and messages; each exchange of the two parties is shown once, the newest last."""
    for name in NAMES:
        (folder / "stories" / f"{name}.yaml").unlink()
    write(folder, "long", LONG)
    assert code_of("--json", "r.json") == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 280
    assert any(line.endswith("…  <- expected 'No'") for line in lines)
    (scenario,) = json.loads(Path("r.json").read_text())["scenarios"]
    heads = [each.partition("\n")[0] for each in scenario["failure"]["exchanges"]]
    assert len(heads) == len(set(heads))
    shown = [
        line.removeprefix("    | ") for line in lines if line.startswith("    | ") and not line.startswith("    |   ")
    ]
    assert [line for line in shown if line in heads] == [head for head in heads if head in shown]
