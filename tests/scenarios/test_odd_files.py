"""What a folder that came from elsewhere may hold in place of a file: devices, pipes, links, and much of the same."""

import os
from pathlib import Path

import pytest

from privman_scenarios.commands.cli import main

STEPS = "steps:\n- console.ask:\n- console.expect-approval: {state: Pending}\n"
STORY = f"title: Story\n{STEPS}"
INCLUDES = f"title: Story\n{STEPS}- include: odd.steps.yaml\n"
EXAMPLES = f"title: Story <name>\nexamples: odd.csv\n{STEPS}"
LATER = "\nzzz = 1"
LINES = "1,\n" * 20_000
INCLUDE = "- include: odd.steps.yaml\n"


pytestmark = pytest.mark.usefixtures("folder")


def told_of(capsys: pytest.CaptureFixture[str], story: str = STORY) -> str:
    """Check a story and return the line that says why it cannot be played."""
    Path("story.yaml").write_text(story)
    assert main(["run", "--check", "story.yaml"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize(
    ("name", "story"),
    [("odd.steps.yaml", INCLUDES), ("odd.csv", EXAMPLES), ("privman.toml", STORY), ("pyproject.toml", STORY)],
)
@pytest.mark.parametrize("kind", ["device", "pipe", "ring"])
def test_only_regular_files_are_read(name: str, story: str, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A device has no end, a pipe waits for a writer, and a link may lead to itself."""
    if kind == "pipe":
        os.mkfifo(name)
    else:
        Path(name).symlink_to("/dev/zero" if kind == "device" else name)
    told = "Too many levels of symbolic links" if kind == "ring" else "Not a regular file"
    assert told in told_of(capsys, story)


def test_a_story_is_a_regular_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Also one that is named in the command."""
    os.mkfifo("pipe.yaml")
    assert main(["run", "--check", "pipe.yaml"]) == 2
    assert capsys.readouterr().err.startswith("privman-scenarios: pipe.yaml: cannot be read: Not a regular file.")


def test_a_recording_is_a_regular_file(capsys: pytest.CaptureFixture[str]) -> None:
    """As are all files that commands read."""
    Path("odd.har").symlink_to("/dev/zero")
    assert main(["drift", "odd.har"]) == 2
    assert "odd.har: cannot be read: Not a regular file." in capsys.readouterr().err


@pytest.mark.parametrize("linked", [".privman_cache", ".privman_cache/last-failed.json", ".privman_cache/.gitignore"])
def test_the_cache_follows_no_link(linked: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A repository may hold one: nothing is read or written where it leads, and the run goes on."""
    target = folder / "target"
    if linked == ".privman_cache":
        target.mkdir()
    else:
        (folder / ".privman_cache").mkdir()
        target.write_text("[]")
    (folder / linked).symlink_to(target)
    Path("story.yaml").write_text(STORY.replace("Pending", "Denied"))
    assert main(["run", "story.yaml", "--jobs", "1"]) == 1
    assert "failed  Story" in capsys.readouterr().out
    assert list(target.iterdir()) == [] if target.is_dir() else target.read_text() == "[]"


def test_the_cache_waits_for_no_pipe(folder: Path) -> None:
    """Nor does it fail for JSON without an end."""
    (folder / ".privman_cache").mkdir()
    cache = folder / ".privman_cache" / "last-failed.json"
    Path("story.yaml").write_text(STORY.replace("Pending", "Denied"))
    os.mkfifo(cache)
    assert main(["run", "story.yaml", "--jobs", "1"]) == 1
    cache.unlink()
    cache.write_text("[" * 100_000)
    assert main(["run", "story.yaml", "--jobs", "1"]) == 1
    assert "Story" in cache.read_text()


@pytest.mark.long
@pytest.mark.parametrize(
    ("before", "line"),
    [
        (f"patience = [\n{LINES}]", 1),
        (f'inferred = """[[\n{LINES}"""\n# "\'[', 20_004),
        (f'inferred = """\n{LINES}\\""""""\n# {{', 20_004),
        ("inferred = '''\n''a]'''''\n[profiles.x.console]\nurl = 'http://a]'\n[profiles.x]\n'a\"[' = 1", 6),
    ],
)
def test_a_long_profile_is_read_at_once(before: str, line: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The line of a flaw is found whatever stands before it."""
    Path("privman.toml").write_text(f"{before}{LATER}")
    assert f"privman.toml:{line}: " in told_of(capsys)


def test_a_table_may_have_many_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Two of the same name are found at once."""
    names = [f"c{number}" for number in range(100_000)]
    Path("odd.csv").write_text(",".join([*names, "c7"]))
    assert told_of(capsys, EXAMPLES).startswith(
        "privman-scenarios: odd.csv:1: columns 8 and 100001 have the same name."
    )


@pytest.mark.parametrize(
    "content",
    ["root:x:0:0:root\nnobody:x:65534\n", "hunter2\nx,y\n", "hunter2\nx\n", "hunter2,hunter2\n", "hunter2,\n"],
)
def test_what_is_no_table_is_not_shown(content: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A link may lead to a file with secrets."""
    Path("secret").write_text(content)
    Path("odd.csv").symlink_to("secret")
    told = told_of(capsys, EXAMPLES)
    assert not any(word in told for word in ("hunter2", "root", "nobody"))


@pytest.mark.long
@pytest.mark.parametrize(("cell", "rows", "documents"), [("x", 9_000, 1), ("x" * 60_000, 3, 2)])
def test_examples_are_bounded_with_their_steps(
    cell: str, rows: int, documents: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Many rows of many steps, and a long cell in many places, would take minutes; all documents count together."""
    Path("odd.csv").write_text("cell\n" + f"{cell}\n" * rows)
    story = "title: Long\nexamples: odd.csv\nsteps:\n" + "- console.ask: {metadata: {UserReason: <cell>}}\n" * 9
    told = told_of(capsys, "---\n".join([story] * documents))
    assert "'examples': too many characters, rows filled in. Expected 2000000 at most" in told


def test_included_files_are_bounded_together(capsys: pytest.CaptureFixture[str]) -> None:
    """A file counts as often as it is included, and is parsed once."""
    Path("odd.steps.yaml").write_text(f"- console.ask: {{metadata: {{UserReason: {'x' * 400_000}}}}}\n")
    told = told_of(capsys, f"{INCLUDES}{INCLUDE * 900}")
    assert told.startswith(
        "privman-scenarios: story.yaml:31: include: more than 10485760 bytes in all. Expected fewer, "
    )
