"""Scenarios played again when a file changes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HELD = "title: {title}\nsteps:\n  - console.ask:\n  - servicenow.approve:\n  - console.expect-approval: {state}\n"
NAMES = "columns:\n  request:\n    comment: {{name: {}}}\n"


class Watched:
    """A command that watches files.

    Attributes:
        process: the command.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def played(self) -> list[str]:
        """Return the outcomes and titles that the next playing prints, once it has ended."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            if line.startswith("Watching "):
                return [each for each in lines if each.startswith(("passed", "failed"))]
            lines.append(line.rstrip("\n"))
        pytest.fail("\n".join(lines))

    def interrupt(self) -> tuple[int, str]:
        """End it as Ctrl-C does and return its exit code and complaints."""
        self.process.send_signal(signal.SIGINT)
        _, complaints = self.process.communicate()
        return self.process.returncode, complaints


@contextmanager
def watching(folder: Path, *options: str) -> Iterator[Watched]:
    """Watch a folder."""
    command: list[str | Path] = [
        Path(sys.executable).with_name("privman-scenarios"),
        "run",
        "--watch",
        folder,
        *options,
    ]
    with subprocess.Popen(  # noqa: S603 - the project's own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        try:
            yield Watched(process)
        finally:
            process.kill()  # a failed test has not ended it


def put(file: Path, text: str) -> None:
    """Put the text in the place of the file at one moment, as editors do."""
    beside = file.with_suffix(".part")
    beside.write_text(text)
    beside.replace(file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two scenarios."""
    folder = tmp_path / "stories"
    folder.mkdir()
    for title in ("One", "Two"):
        put(folder / f"{title}.yaml", HELD.format(title=title, state="Approved"))
    return folder


@pytest.mark.long
def test_only_what_a_changed_file_touches_is_played_again(folder: Path) -> None:
    """A changed scenario, a new one; a file that is none is let alone. The exit code is that of the last playing."""
    with watching(folder) as watched:
        assert watched.played() == ["passed  One", "passed  Two"]
        put(folder / "notes.txt", "No scenario.")
        put(folder / "Two.yaml", HELD.format(title="Two", state="Denied"))
        assert watched.played() == ["failed  Two"]
        put(folder / "Three.yaml", HELD.format(title="Three", state="Approved"))
        assert watched.played() == ["passed  Three"]
        assert watched.interrupt() == (0, "")


@pytest.mark.long
def test_a_broken_file_is_told_and_watching_goes_on(folder: Path) -> None:
    """Half-written files are usual while somebody writes; the complaint is one line."""
    with watching(folder) as watched:
        watched.played()
        put(folder / "One.yaml", "title: One\nsteps: [{console.aks: }]\n")
        assert watched.played() == []
        code, complaints = watched.interrupt()
    assert code == 2
    assert complaints.startswith(
        f"privman-scenarios: {folder / 'One.yaml'}:2: unknown step 'console.aks'. Did you mean"
    )
    assert complaints.count("\n") == 1


@pytest.mark.long
def test_a_tag_that_no_file_has_any_more_is_told_and_watching_goes_on(folder: Path) -> None:
    """Unlike one that no file had at the start."""
    put(folder / "One.yaml", "tags: [smoke]\n" + HELD.format(title="One", state="Approved"))
    with watching(folder, "--tag", "smoke") as watched:
        assert watched.played() == ["passed  One"]
        put(folder / "One.yaml", HELD.format(title="One", state="Approved"))
        assert watched.played() == []
        put(folder / "rows.csv", "state\n")
        assert watched.played() == []
        code, complaints = watched.interrupt()
    assert (code, complaints) == (2, "privman-scenarios: --tag: unknown tag 'smoke'. The chosen files have no tags.\n")


@pytest.mark.long
@pytest.mark.parametrize("in_folder", ["--tables", "--data"])
def test_changed_tables_and_rows_touch_everything(in_folder: str, folder: Path, tmp_path: Path) -> None:
    """Every scenario follows the files of the mock, and the YAML in a folder of them; unusable ones are told."""
    tables, rows = tmp_path / "tables" / "own.yaml", tmp_path / "rows" / "own.yaml"
    for file, text in ((tables, "- name: u_own\n"), (rows, "incident: []\n")):
        file.parent.mkdir()
        put(file, text)
    given = {"--tables": tables, "--data": rows}
    options = [(option, file.parent if option == in_folder else file) for option, file in given.items()]
    with watching(folder, *(str(each) for option in options for each in option)) as watched:
        assert watched.played() == ["passed  One", "passed  Two"]
        put(tables, "- name: u_own\n  extends: task\n")
        assert watched.played() == ["passed  One", "passed  Two"]
        put(rows, "incident: [{state: 1}]\n")
        assert watched.played() == ["passed  One", "passed  Two"]
        more = given[in_folder].with_name("more.yaml")
        put(more, "[]\n" if in_folder == "--tables" else "{}\n")
        assert watched.played() == ["passed  One", "passed  Two"]
        more.unlink()
        assert watched.played() == ["passed  One", "passed  Two"]
        put(given[in_folder].with_name("notes.txt"), "No rows.")
        put(folder / "One.yaml", HELD.format(title="One", state="Approved"))
        assert watched.played() == ["passed  One"]
        put(given[in_folder], "- u_own\n" if in_folder == "--tables" else "- incident\n")
        assert watched.played() == []
        code, complaints = watched.interrupt()
        assert (code, complaints.count("own.yaml:1: ")) == (2, 1)


@pytest.mark.long
def test_changed_wire_names_touch_everything(folder: Path, tmp_path: Path) -> None:
    """Every scenario follows the file of names."""
    names = tmp_path / "names.yaml"
    put(names, NAMES.format("u_comment"))
    with watching(folder, "--inferred", str(names)) as watched:
        assert watched.played() == ["passed  One", "passed  Two"]
        put(names, NAMES.format("u_remark"))
        assert watched.played() == ["passed  One", "passed  Two"]
        assert watched.interrupt() == (0, "")


@pytest.mark.long
def test_what_several_files_may_read_affects_all(folder: Path) -> None:
    """Nobody has to say which scenarios include it."""
    with watching(folder) as watched:
        assert watched.played() == ["passed  One", "passed  Two"]
        for name in ("rows.csv", "asked.steps.yaml"):
            put(folder / name, "- console.ask:\n")
            assert watched.played() == ["passed  One", "passed  Two"]
        assert watched.interrupt() == (0, "")
