"""The GitHub Action, our workflow and the pipelines of the documents do what they say, without a network."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from .test_documents import DOCUMENTS, ROOT, Block, blocks

ACTION = ROOT / "action.yml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PIPELINE = ROOT / "docs" / "how-to" / "pipeline.md"
# The major versions were looked up; a newer one is written here first.
PINNED = {
    f"actions/{name}" for name in ("checkout@v6", "setup-python@v6", "upload-artifact@v7", "download-artifact@v8")
}
EXPRESSION = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")
STORY = "title: T\nsteps:\n- console.ask:\n- console.expect-approval: {state: %s}\n"

Step = Mapping[str, Any]


def yaml_of(text: str) -> Any:
    """Return the parsed text; GitHub's key ``on`` is a truth value in YAML 1.1."""
    return yaml.safe_load(text)


def action() -> Mapping[str, Any]:
    """Return the parsed action."""
    parsed: Mapping[str, Any] = yaml_of(ACTION.read_text())
    return parsed


def documented(name: str) -> Block:
    """Return the block of the document that shows this file."""
    (found,) = (block for block in blocks(PIPELINE) if re.match(rf"(#|//) {re.escape(name)}\n", block.text))
    return found


def workflows() -> Iterator[Mapping[str, Any]]:
    """Yield our workflows, and those that the documents show."""
    texts = [file.read_text() for file in WORKFLOWS]
    texts += [block.text for document in DOCUMENTS for block in blocks(document) if "runs-on:" in block.text]
    yield from map(yaml_of, texts)


def steps() -> Iterator[Step]:
    """Yield the steps of the action and of every workflow."""
    yield from action()["runs"]["steps"]
    for workflow in workflows():
        for job in workflow["jobs"].values():
            yield from job["steps"]


@pytest.mark.long
def test_there_is_something_to_check() -> None:
    """Ours, and at least one for each document that shows some."""
    assert [file.name for file in WORKFLOWS] == ["ci.yml"]
    assert len(list(workflows())) >= 3


def test_no_script_contains_an_expression() -> None:
    """Whatever an input holds would be run: it goes through the environment."""
    assert [step for step in steps() if "${{" in step.get("run", "")] == []


def test_actions_of_others_are_pinned() -> None:
    """By a major version that exists; a copy of this project is named by the team that keeps it."""
    used = {step["uses"] for step in steps() if "uses" in step}
    assert {each for each in used if each.startswith("actions/")} == PINNED
    assert used - PINNED == {"./", "acme/mock-servicenow@main"}


def test_uses_of_the_action_give_it_inputs_that_it_has() -> None:
    """GitHub only warns of an unknown input."""
    ours = [step for step in steps() if step.get("uses", "").endswith(("./", "/mock-servicenow@main"))]
    assert len(ours) >= 2
    assert [step for step in ours if not set(step.get("with", {})) <= set(action()["inputs"])] == []


def test_our_workflow_runs_the_gate_and_three_systems() -> None:
    """The gate is one program; each system plays the catalog."""
    jobs = yaml_of(WORKFLOWS[0].read_text())["jobs"]
    assert [step["run"] for step in jobs["gate"]["steps"] if "run" in step] == [".ci/run"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    matrix = jobs["catalog"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "windows", "macos"}
    assert min(matrix["python"]) == "3.11"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel that stands for the project: its command, run with the packages of these tests."""
    release = version("mock-servicenow")
    folder = f"mock_servicenow-{release}.dist-info"
    site = sysconfig.get_path("purelib")
    texts = {
        "tested.pth": f"import site; site.addsitedir({site!r})\n",
        f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: mock-servicenow\nVersion: {release}\n",
        f"{folder}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{folder}/entry_points.txt": "[console_scripts]\nprivman-scenarios = privman_scenarios.__main__:main\n",
    }
    rows = [f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in texts.items()]
    texts[f"{folder}/RECORD"] = "".join([*rows, f"{folder}/RECORD,,\n"])
    file = tmp_path_factory.mktemp("wheel") / f"mock_servicenow-{release}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as written:
        for name, text in texts.items():
            written.writestr(name, text)
    return file


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def bash(script: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script as GitHub's runner does."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    kept = {name: value for name, value in os.environ.items() if name != "GITHUB_STEP_SUMMARY"}
    offline = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    return subprocess.run(  # noqa: S603 - the project's own scripts
        command,
        cwd=folder,
        env={**kept, **offline, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


class Runner:
    """Runs the steps of the action that are scripts, as GitHub's runner does."""

    def __init__(self, workspace: Path, package: Path) -> None:
        self.workspace = workspace
        self.summary = workspace.parent / "summary.md"
        self._variables = {
            "RUNNER_TEMP": str(workspace.parent / "temp"),
            "RUNNER_OS": "Linux",
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_ACTION_PATH": str(package),
            "GITHUB_STEP_SUMMARY": str(self.summary),
        }

    def run(self, name: str, **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run the step of this name with these inputs, the others as their defaults."""
        (step,) = (each for each in action()["runs"]["steps"] if each.get("name") == name)
        known = {f"inputs.{key}": value["default"] for key, value in action()["inputs"].items()}
        known |= {f"inputs.{key.replace('_', '-')}": value for key, value in inputs.items()}
        known["steps.python.outputs.python-path"] = sys.executable
        filled = {key: EXPRESSION.sub(lambda found: known[found[1]], text) for key, text in step["env"].items()}
        return bash(step["run"], self.workspace, {**self._variables, **filled})


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Runner:
    """Return a runner that has installed the action."""
    workspace = tmp_path_factory.mktemp("job") / "workspace"
    (workspace / "stories" / "two words").mkdir(parents=True)
    (workspace / "stories" / "good.yaml").write_text(STORY % "Pending")
    (workspace / "stories" / "two words" / "bad.yaml").write_text(STORY % "Approved")
    made = Runner(workspace, wheel)
    installed = made.run("Install")
    assert installed.returncode == 0, installed.stdout
    return made


@pytest.mark.long
@pytest.mark.once
def test_the_action_plays_and_reports(runner: Runner) -> None:
    """Paths are lines and options words, as a shell splits them; the reports are in their folder."""
    options = '--strict\n--seed 7 --build "today\'s \\build"'
    played = runner.run("Play", paths="stories/good.yaml\n", options=options, reports="out put")
    assert played.returncode == 0, played.stdout
    assert played.stdout.startswith("passed  T\n1 passed, 0 failed, 0 skipped; 1 expectation in ")
    assert sorted(each.name for each in (runner.workspace / "out put").iterdir()) == [
        "junit.xml",
        "report.html",
        "report.json",
    ]
    assert ", seed 7\n" in runner.summary.read_text()
    report = json.loads((runner.workspace / "out put" / "report.json").read_text())
    assert report["context"]["build"] == "today's \\build"


@pytest.mark.long
@pytest.mark.once
def test_the_action_fails_and_annotates(runner: Runner) -> None:
    """The exit code is the run's, the annotation has the path in the workspace, and the summary lists the failure."""
    played = runner.run("Play", paths="stories/good.yaml\nstories/two words")
    assert played.returncode == 1
    assert "\n::error file=stories/two words/bad.yaml,line=4,title=T::console.expect-approval: " in played.stdout
    assert "| T | stories/two words/bad.yaml:4 | " in runner.summary.read_text()


@pytest.mark.long
@pytest.mark.once
def test_an_open_quote_among_the_options_is_named(runner: Runner) -> None:
    """Nothing is played."""
    played = runner.run("Play", options="--tag 'set-up")
    assert (played.returncode, played.stdout) == (1, 'options: No closing quotation in "--tag \'set-up"\n')


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("name", ["paths", "options", "reports"])
def test_an_input_is_no_script(name: str, runner: Runner) -> None:
    """Whatever a pull request puts into one."""
    given = {"paths": "stories/good.yaml", name: '$(touch "$GITHUB_WORKSPACE/injected"); `touch injected`'}
    runner.run("Play", **given)
    assert not (runner.workspace / "injected").exists()


def gitlab() -> list[str]:
    """Return the commands of the documented GitLab job."""
    scripts: list[str] = yaml_of(documented(".gitlab-ci.yml").text)["scenarios"]["script"]
    return scripts


def sharded() -> list[str]:
    """Return the commands of the documented workflow that plays parts, those of the action among them."""
    jobs = yaml_of(documented(".github/workflows/sharded.yml").text)["jobs"]
    (options,) = (step["with"]["options"] for step in jobs["play"]["steps"] if "options" in step.get("with", {}))
    install, *judge = jobs["judge"]["steps"][1]["run"].splitlines()
    play = ".venv/bin/privman-scenarios run --tag set-up --json part-{0}/report.json {1}"
    parts = [f"mkdir part-{part}\n{play.format(part, EXPRESSION.sub(part, options))}" for part in ("1", "2", "3")]
    # Three scenarios exercise less than the catalog.
    return [
        install,
        judge[0],
        *parts,
        judge[1].replace("coverage 90", "coverage 10 --junit-xml junit.xml --html report.html"),
    ]


def jenkins() -> list[str]:
    """Return the commands of the documented Jenkinsfile, whose braces are in pairs."""
    text = documented("Jenkinsfile").text
    assert text.count("{") == text.count("}")
    return re.findall(r"\bsh '([^']+)'", text)


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("commands", [gitlab, jenkins, sharded])
def test_documented_pipeline(commands: Any, wheel: Path, tmp_path: Path) -> None:
    """Its commands leave the reports that its last lines name, and it holds."""
    story = documented("stories/approval.yaml")
    (tmp_path / "stories").mkdir()
    (tmp_path / "stories" / "approval.yaml").write_text(story.text)
    script = "\n".join(commands())
    script = re.sub(r"\bpython3? -m", f"{sys.executable} -m", script)
    done = bash(script, tmp_path, {"MOCK_SERVICENOW": str(wheel)})
    assert done.returncode == 0, done.stdout
    assert {"junit.xml", "report.html"} <= {each.name for each in tmp_path.iterdir()}


def test_documented_pipelines_show_what_the_commands_write() -> None:
    """Both hosts read the JUnit report, and keep the page."""
    artifacts = yaml_of(documented(".gitlab-ci.yml").text)["scenarios"]["artifacts"]
    assert (artifacts["reports"], artifacts["paths"]) == ({"junit": "junit.xml"}, ["report.html"])
    text = documented("Jenkinsfile").text
    assert "junit 'junit.xml'" in text
    assert "archiveArtifacts 'report.html'" in text
