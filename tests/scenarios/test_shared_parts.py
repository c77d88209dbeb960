"""What scenarios take from other files: steps that they include, and tables of examples."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from privman_scenarios.commands.cli import main
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.loader import Loader, scenario_files
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.verbs import vocabulary

ASKED = "- console.ask: {as: <name>}\n- servicenow.approve: {comment: <comment>}\n"
EXAMPLES = "examples: [{name: one, comment: Fine}]\n"
STORY = f"title: T\n{EXAMPLES}steps:\n- include: asked.steps.yaml\n- console.expect-approval: Approved\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with shared steps and a story that includes them."""
    (tmp_path / "asked.steps.yaml").write_text(ASKED)
    (tmp_path / "story.yaml").write_text(STORY)
    return tmp_path


def load(folder: Path) -> Sequence[Scenario]:
    """Return the scenarios below a folder."""
    return Loader(vocabulary()).load(scenario_files([folder]))


def refused(folder: Path) -> str:
    """Return why the scenarios below a folder cannot be loaded, with the places relative to it."""
    with pytest.raises(ScenarioFileError) as caught:
        load(folder)
    return str(caught.value).replace(f"{folder}/", "")


def test_included_steps_stand_in_their_place(folder: Path) -> None:
    """Filled in by the examples of the story, and each with its own file and line; a folder has no story in them."""
    (scenario,) = load(folder)
    assert [(step.verb, step.line) for step in scenario.steps] == [
        ("console.ask", 1),
        ("servicenow.approve", 2),
        ("console.expect-approval", 5),
    ]
    assert [scenario.file_of(step) for step in scenario.steps] == [
        str(folder / "asked.steps.yaml"),
        str(folder / "asked.steps.yaml"),
        str(folder / "story.yaml"),
    ]
    assert scenario.steps[1].arguments == {"comment": "Fine"}
    assert main(["run", str(folder)]) == 0


def test_files_include_files_beside_them(folder: Path) -> None:
    """Also in the teardown, and with modifiers."""
    (folder / "inner").mkdir()
    looked = "- servicenow.expect-exchanges: {path: '*/approval/approve', statuses: [200]}\n"
    (folder / "inner" / "look.steps.yaml").write_text(
        f"- console.expect-approval: Approved\n  eventually: 1 minute\n{looked}"
    )
    (folder / "more.steps.yaml").write_text("- include: asked.steps.yaml\n- include: inner/look.steps.yaml\n")
    more = "- include: more.steps.yaml\n"
    (folder / "story.yaml").write_text(
        f"title: T\n{EXAMPLES}steps:\n{more}teardown:\n- include: inner/look.steps.yaml\n"
    )
    assert main(["run", str(folder)]) == 0


def test_a_failure_names_the_included_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the annotation, so that an editor leads to the step."""
    with (folder / "asked.steps.yaml").open("a") as shared:
        shared.write("- console.expect-approval: Denied\n")
    assert main(["run", str(folder), "--github"]) == 1
    printed = capsys.readouterr().out
    assert f"{folder / 'asked.steps.yaml'}:3: console.expect-approval" in printed
    assert "asked.steps.yaml:3: " in printed.partition("::error ")[2]


@pytest.mark.parametrize(
    ("included", "shared", "message"),
    [
        (
            "asekd.steps.yaml",
            ASKED,
            "include: 'asekd.steps.yaml' cannot be read: No such file or directory. Did you mean",
        ),
        ("asked.yaml", ASKED, "include is 'asked.yaml'. Expected the name of a file *.steps.yaml."),
        ("[a, b]", ASKED, "include is ['a', 'b']."),
        (r'"a\0.steps.yaml"', ASKED, r"include is 'a\x00.steps.yaml'. Expected the name of a file *.steps.yaml."),
        (
            "asked.steps.yaml",
            "- include: asked.steps.yaml\n",
            "asked.steps.yaml includes asked.steps.yaml, without an end.",
        ),
        ("asked.steps.yaml", "- include: b.steps.yaml\n", "include: 'b.steps.yaml' cannot be read"),
        ("asked.steps.yaml", "title: T\n", "asked.steps.yaml:1: no list of steps in this file. Expected one."),
        ("asked.steps.yaml", "- a: b: c\n", "asked.steps.yaml:1: "),
        (
            "asked.steps.yaml",
            "\n- consol.ask:\n",
            "asked.steps.yaml:2: unknown step 'consol.ask'. Did you mean 'console.ask'?",
        ),
        ("asked.steps.yaml", "- console.ask: {nwe: true}\n", "asked.steps.yaml:1: console.ask has no argument 'nwe'."),
        (
            "asked.steps.yaml",
            "- console.ask: {as: <name>, new: <nwe>}\n",
            "asked.steps.yaml:1: unknown place <nwe>. Expected one of name.",
        ),
        (
            "asked.steps.yaml",
            "- servicenow.approve: {comment: '${env.NOT_SET_HERE}'}\n",
            "asked.steps.yaml:1: servicenow.approve: the environment variable 'NOT_SET_HERE' is not set.",
        ),
        (
            "asked.steps.yaml",
            "- servicenow.expect-records: {table: request, where: {comment: Absent}, count: 0}\n",
            "asked.steps.yaml:1: servicenow.expect-records: no earlier step names 'Absent'",
        ),
        (
            "asked.steps.yaml",
            "- console.ask: {metadata: {<name>: 1, one: 2}}\n",
            "asked.steps.yaml:1: duplicate key 'one' once the examples are filled in.",
        ),
        (
            "asked.steps.yaml",
            "- console.ask:\n" * 1_000,
            "more than 1000 steps. Expected a shorter scenario, or several.",
        ),
    ],
)
def test_errors_name_the_file_that_has_them(included: str, shared: str, message: str, tmp_path: Path) -> None:
    """With the line; a file that is not there is an error of the line that includes it."""
    (tmp_path / "asked.steps.yaml").write_text(shared)
    text = STORY.replace("asked.steps.yaml", included)
    if "<" not in shared:
        text = text.replace(EXAMPLES, "")
    if "<comment>" not in shared:
        text = text.replace(", comment: Fine", "")
    (tmp_path / "story.yaml").write_text(text)
    assert message in refused(tmp_path)


@pytest.mark.long
def test_includes_are_bounded(tmp_path: Path) -> None:
    """In depth, and in what they multiply to: ten files of ten includes each would be a thousand million steps."""
    for number in range(9):
        (tmp_path / f"{number}.steps.yaml").write_text(f"- include: {number + 1}.steps.yaml\n" * 10)
    (tmp_path / "9.steps.yaml").write_text("- console.ask:\n")
    (tmp_path / "story.yaml").write_text("title: T\nsteps:\n- include: 0.steps.yaml\n")
    assert refused(tmp_path) == "4.steps.yaml:1: include: files include each other more than 5 deep."
    (tmp_path / "story.yaml").write_text(
        "title: T\nsteps:\n- include: 6.steps.yaml\n" + "- include: 7.steps.yaml\n" * 9
    )
    assert "more than 1000 steps" in refused(tmp_path)


def test_a_cycle_of_several_files(tmp_path: Path) -> None:
    """It is told whole."""
    (tmp_path / "a.steps.yaml").write_text("- include: b.steps.yaml\n")
    (tmp_path / "b.steps.yaml").write_text("- include: a.steps.yaml\n")
    (tmp_path / "story.yaml").write_text("title: T\nsteps:\n- include: a.steps.yaml\n")
    told = "include: story.yaml includes a.steps.yaml includes b.steps.yaml includes a.steps.yaml, without an end."
    assert refused(tmp_path) == f"b.steps.yaml:1: {told}"


TABLE = "title: T\nexamples: rows.csv\nsteps:\n- console.ask: {as: <name>, new: <new>}\n"
FAULT = "- console.fault: {kind: status, path: '/tms/*', options: {status: <status>}, optional: true}\n"


def test_a_scenario_is_played_for_each_row_of_a_table(tmp_path: Path) -> None:
    """Numbers and truth values are what YAML would read; a cell in quotes may have a comma or a line break."""
    (tmp_path / "story.yaml").write_text(TABLE + FAULT)
    (tmp_path / "rows.csv").write_bytes(
        b'\xef\xbb\xbfname,new,status\r\n"one, two",true,429\r\n\r\n"a\nb",FALSE,503\r\n'
    )
    assert [scenario.example for scenario in load(tmp_path)] == [
        {"name": "one, two", "new": True, "status": 429},
        {"name": "a\nb", "new": False, "status": 503},
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("007", "007"),
        ("1.50", "1.50"),
        ("1.5", 1.5),
        ("-3", -3),
        ("1e3", "1e3"),
        ("nan", "nan"),
        ("", ""),
        ("1_0", "1_0"),
    ],
)
def test_only_a_plain_number_is_one(cell: str, value: object, tmp_path: Path) -> None:
    """Nothing of a cell is lost."""
    (tmp_path / "story.yaml").write_text(
        "title: T\nexamples: rows.csv\nsteps:\n- servicenow.approve: {comment: x<cell>}\n"
    )
    (tmp_path / "rows.csv").write_text(f'cell\n"{cell}"\n')
    (scenario,) = load(tmp_path)
    assert scenario.example == {"cell": value}
    assert type(scenario.example["cell"]) is type(value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("name,new\none\n", "rows.csv:2: a row has 1 cells. Expected 2."),
        ("name,new,name\none,true,x\n", "rows.csv:1: columns 1 and 3 have the same name."),
        ("name,\none,true\n", "rows.csv:1: the first row has no name for column 2. Expected the name of each column."),
        ("", "rows.csv:1: the first row has no name for column 1."),
        ("name,new\n", "story.yaml:2: 'examples' is []. Expected rows, or a CSV file."),
        ("name,nwe\none,true\n", "story.yaml:2: no step uses <nwe>. Expected it in an argument."),
        ('name,new\n"one"x,true\n', "rows.csv:2: invalid CSV: "),
        (f"name,new\n{'x' * 200_000},true\n", "rows.csv:2: invalid CSV: field larger than field limit"),
        ("name,new\n" + "one,true\n" * 10_001, "rows.csv:10002: more than 10000 rows. Expected fewer."),
        ("name,new\none,perhaps\n", "story.yaml:4: console.ask: 'new' is 'perhaps'. Expected true or false."),
    ],
)
def test_errors_of_a_table(table: str, message: str, tmp_path: Path) -> None:
    """They name its line, or that of the step in which a value has no place."""
    (tmp_path / "story.yaml").write_text(TABLE)
    (tmp_path / "rows.csv").write_text(table)
    assert refused(tmp_path).startswith(message)


def test_a_table_that_cannot_be_read(tmp_path: Path) -> None:
    """It is missing, no text, or too large to be a table of examples."""
    (tmp_path / "story.yaml").write_text(TABLE)
    assert refused(tmp_path) == "story.yaml:2: 'examples' 'rows.csv' cannot be read: No such file or directory."
    (tmp_path / "story.yaml").write_text(TABLE.replace("rows.csv", r'"a\0.csv"'))
    assert refused(tmp_path) == r"story.yaml:2: 'examples' is 'a\x00.csv'. Expected the name of a CSV file."
    (tmp_path / "story.yaml").write_text(TABLE)
    (tmp_path / "row.csv").write_text("")
    assert refused(tmp_path).endswith("Did you mean 'row.csv'?")
    (tmp_path / "rows.csv").write_bytes(b"name,new\n\xff,true\n")
    assert refused(tmp_path) == "rows.csv: is not UTF-8 text."
    with (tmp_path / "rows.csv").open("wb") as large:
        large.truncate(11 * 1024 * 1024)
    assert refused(tmp_path) == "story.yaml:2: 'examples' 'rows.csv' cannot be read: More than 10485760 bytes."


@pytest.mark.long
def test_examples_in_the_file_are_bounded_too(tmp_path: Path) -> None:
    """Nobody waits for a million rows."""
    rows = "- {name: one, new: true}\n" * 10_001
    (tmp_path / "story.yaml").write_text(TABLE.replace("rows.csv\n", f"\n{rows}"))
    assert refused(tmp_path) == "story.yaml:2: 'examples' has more than 10000 rows. Expected fewer."


def test_all_broken_files_are_named_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files, folders without any, links to nowhere and paths that are not there; each with a line of its own."""
    (tmp_path / "stories").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "stories" / "a.yaml").write_text("title: T\nsteps:\n- consol.ask:\n")
    (tmp_path / "stories" / "b.yaml").write_text("title: T\nsteps:\n- console.ask: {nwe: true}\n- console.rstart:\n")
    (tmp_path / "stories" / "c.yaml").symlink_to("nowhere")
    (tmp_path / "stories" / "d.yaml").write_text("title: T\nexamples: rows.csv\nsteps:\n- console.ask:\n")
    places = ("empty", "missing.yaml", "stories")
    assert main(["run", *(str(tmp_path / place) for place in places)]) == 2
    told = capsys.readouterr().err.replace(f"{tmp_path}/", "").replace("privman-scenarios: ", "").splitlines()
    assert [line.partition(": ")[0] for line in told] == [
        "empty",
        "missing.yaml",
        "stories/a.yaml:3",
        "stories/b.yaml:3",
        "stories/b.yaml:4",
        "stories/c.yaml",
        "stories/d.yaml:2",
    ]


BROKEN = """title: T
tags: 5
seed: x
examples: rows.csv
given: {polcy: <name>}
steps:
- include: none.steps.yaml
- console.ask: {as: <name>}
- console.expect-approval: Aproved
- servicenow.expect-finding: {kind: <name>}
- together: 5
- servicenow.aprove:
teardown:
- console.expect-approval: {request: other, state: Deneid}
- include: other.steps.yaml
- servicenow.nosuch:
"""


def test_what_cannot_be_read_hides_no_other_error(tmp_path: Path) -> None:
    """Neither an include nor a table; what depends on either is not an error of its own."""
    (tmp_path / "story.yaml").write_text(BROKEN)
    assert _lines(tmp_path) == [2, 3, 4, 7, 9, 11, 12, 14, 15, 16]


def _lines(folder: Path) -> list[int]:
    """Return the lines of the story that have an error."""
    with pytest.raises(ScenarioFileError) as refusal:
        load(folder)
    return [int(line.split(":")[1]) for line in refusal.value.lines]


def test_own_words_that_cannot_be_read_hide_no_other_error(tmp_path: Path) -> None:
    """Words are not judged without them."""
    (tmp_path / "story.yaml").write_text(
        "title: T\nown: {word: [Aproved]}\nsteps:\n- console.expect-approval: Aproved\n- servicenow.nosuch:\n"
    )
    assert _lines(tmp_path) == [2, 5]
