"""The command lines of the documents are parsed by the commands, whose options must exist; nothing is carried out.

`test_documents` carries out the blocks of a console. Those of a shell and the scripts of pipelines are run here by a
real shell, in which each program only notes what it was called with.
"""

import re
import shutil
import subprocess
import tomllib
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from configparser import ConfigParser
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

import console_sim.cli
import mock_servicenow.cli
import privman_scenarios.commands.cli as scenarios_cli

from .test_containers import COMPOSE, KUBERNETES, SECRETS, STAGES
from .test_documents import PAGES, ROOT, Block, blocks

NOTE = """\
#!/bin/sh
printf '%s\\0' "${0##*/}" "$@" >> "$CALLS"
echo >> "$CALLS"
"""
REAL = ("cat", "date")
UNKNOWN = "--no-such-option"
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*[a-z](?![\w-])")
EXPRESSION = re.compile(r"\$\{\{[^}]+\}\}")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
SERVERS = {"mock-servicenow": mock_servicenow.cli.main, "console-sim": console_sim.cli.main}
OURS: dict[str, Callable[[Sequence[str]], int]] = {**SERVERS, "privman-scenarios": scenarios_cli.main}
FOREIGN = {"--build-arg", "--read-only", "--sample"}
"""Options of Docker and of `benchmarks.mutation` that the text names."""

# The changelog names what was renamed, too.
NOW = [page for page in PAGES if page.name != "CHANGELOG.md"]

Call = list[str]


@dataclass(frozen=True)
class Script:
    """Command lines of a document."""

    document: Path
    line: int
    text: str

    def __str__(self) -> str:
        """Return its place, the name of its test."""
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def scripts() -> Iterator[Script]:
    """Yield the blocks of a shell, the scripts and options in those of pipelines, and whole commands in the text."""
    for document in NOW:
        for block in blocks(document):
            if block.language == "sh":
                yield Script(document, block.line, block.text)
            elif block.language == "yaml":
                yield from (Script(document, block.line, text) for text in scripts_of(block))
        for line, text in enumerate(document.read_text().splitlines(), 1):
            for program, rest in re.findall(rf"`({'|'.join(OURS)}) ([^`]*--[^`]*)`", text):
                yield Script(document, line, f"{program} {rest}")


def scripts_of(block: Block) -> Iterator[str]:
    """Yield what GitHub and GitLab would run of a block; options of our action are those of a run."""
    for document in yaml.safe_load_all(block.text):
        jobs = document.get("jobs", document) if isinstance(document, dict) else {}
        for job in jobs.values():
            if isinstance(job, dict):
                yield from job.get("script", ())
                for step in job.get("steps", ()):
                    yield from (step[key] for key in ("run",) if key in step)
                    if "options" in step.get("with", {}):
                        yield EXPRESSION.sub("1", f"privman-scenarios run {step['with']['options']}")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], list[Call]]:
    """Return what runs a script in a folder and returns the calls of programs."""
    programs = tmp_path_factory.mktemp("programs")
    for name in CHECKS:
        (programs / name).write_text(NOTE)
        (programs / name).chmod(0o755)
    for name in REAL:
        (programs / name).symlink_to(str(shutil.which(name)))

    def run(script: str, folder: Path) -> list[Call]:
        calls = folder / "calls"
        calls.touch()
        (folder / ".venv").mkdir()
        (folder / ".venv" / "bin").symlink_to(programs)
        bash = ["/bin/bash", "-eu", "-c", f"{script}\nwait"]
        environment = {"PATH": str(programs), "CALLS": str(calls), "MOCK_SERVICENOW": "mock-servicenow"}
        done = subprocess.run(bash, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - nothing but the programs above
        assert (done.returncode, done.stderr) == (0, "")
        return [line.split("\0")[:-1] for line in calls.read_text().splitlines()]

    return run


@pytest.mark.parametrize("script", list(scripts()), ids=str)
def test_command_lines_can_be_parsed(
    script: Script,
    shell: Callable[[str, Path], list[Call]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """Every program is known, and takes its options and their values."""
    monkeypatch.chdir(tmp_path)
    for name in re.findall(r"[\w-]+\.pem", script.text):
        trustme.CA().cert_pem.write_to_path(tmp_path / name)
    calls = shell(script.text, tmp_path)
    assert calls
    for program, *words in calls:
        CHECKS[program](program, words, request)


def check_ours(program: str, words: Call, request: pytest.FixtureRequest) -> None:
    """The parser rejects nothing but an option that nothing has, which keeps the command from being executed."""
    capsys: pytest.CaptureFixture[str] = request.getfixturevalue("capsys")
    with pytest.raises(SystemExit, match="2"):
        OURS[program]([*words, UNKNOWN])
    refused = OPTION.findall(capsys.readouterr().err)
    assert [option for option in refused if option == UNKNOWN or option in words] == [UNKNOWN]


def check_pytest(_program: str, words: Call, request: pytest.FixtureRequest) -> None:
    """Each long option is one of pytest or its plugins."""
    for option in OPTION.findall(" ".join(words)):
        request.config.getoption(option)


def check_tox(_program: str, words: Call, _request: pytest.FixtureRequest) -> None:
    """The environments exist."""
    tox = ConfigParser()
    tox.read(ROOT / "tox.ini")
    parser = ArgumentParser()
    parser.add_argument("-p", action="store_true")
    parser.add_argument("-e", default="")
    wanted = parser.parse_args(words[: words.index("--")] if "--" in words else words).e
    assert [name for name in wanted.split(",") if name and f"testenv:{name}" not in tox] == []


def check_pip(_program: str, words: Call, _request: pytest.FixtureRequest) -> None:
    """Extras of this project exist."""
    extras = re.findall(r"(?:\.|mock-servicenow)\[([\w,]+)\]", " ".join(words))
    assert {name for group in extras for name in group.split(",")} <= EXTRAS.keys()


def check_docker(_program: str, words: Call, _request: pytest.FixtureRequest) -> None:
    """Targets, services, images, ports, volumes and variables are those of the Dockerfile and the compose file."""
    given = docker_parser().parse_args(words)
    images = {service["image"]: name for name, service in COMPOSE.items()}
    if given.action == "build":
        assert images[given.tag] == given.target
        assert given.target in STAGES
    elif given.action == "run":
        stage = STAGES[images[given.image]]
        assert given.publish.rpartition(":")[2] == stage.last("EXPOSE")
        assert given.volume.rpartition(":")[2] == stage.last("VOLUME")
        assert set(given.env) <= SECRETS.keys()
    elif given.compose == "run":
        assert given.service in COMPOSE


def docker_parser() -> ArgumentParser:
    """Return a parser of the options of Docker that the documents use."""
    parser = ArgumentParser()
    actions = parser.add_subparsers(dest="action", required=True)
    build, run, compose = (actions.add_parser(name) for name in ("build", "run", "compose"))
    for option in ("--target", "--tag"):
        build.add_argument(option, required=True)
    build.add_argument("context", choices=["."])
    for option in ("--publish", "--volume"):
        run.add_argument(option, required=True)
    run.add_argument("--env", action="append", default=[])
    run.add_argument("image")
    of_compose = compose.add_subparsers(dest="compose", required=True)
    up, run_service = of_compose.add_parser("up"), of_compose.add_parser("run")
    for option in ("--build", "--wait"):
        up.add_argument(option, action="store_true")
    for option in ("--build", "--rm"):
        run_service.add_argument(option, action="store_true")
    run_service.add_argument("service")
    return parser


def check_kubectl(_program: str, words: Call, _request: pytest.FixtureRequest) -> None:
    """Files exist, and so do the resources; the secret is what the containers refer to."""
    file = "deploy/kubernetes.yaml"
    resources = {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in KUBERNETES}
    assert [word for word in words if "/" in word and word not in {*resources, file}] == []
    if words[:3] == ["create", "secret", "generic"]:
        assert f"name: {words[3]}" in (ROOT / file).read_text()


def accept(_program: str, _words: Call, _request: pytest.FixtureRequest) -> None:
    """Another project's command, which says nothing about this one."""


CHECKS: dict[str, Callable[[str, Call, pytest.FixtureRequest], Any]] = {
    **dict.fromkeys(OURS, check_ours),
    "pytest": check_pytest,
    "tox": check_tox,
    **dict.fromkeys(("pip", "uv"), check_pip),
    "docker": check_docker,
    "kubectl": check_kubectl,
    **dict.fromkeys(("mkdocs", "pipx", "pre-commit", "python", "python3", "sudo"), accept),
}


@pytest.fixture(scope="module")
def options() -> set[str]:
    """Return the options of our commands, as their help shows them."""
    lines = [(OURS["privman-scenarios"], name.split()) for name in scenarios_cli.COMMANDS]
    lines += [
        (OURS["mock-servicenow"], ["serve"]),
        (OURS["mock-servicenow"], ["pull"]),
        (OURS["console-sim"], ["serve"]),
        (OURS["console-sim"], ["setup"]),
    ]
    shown = StringIO()
    for main, words in lines:
        with redirect_stdout(shown), suppress(SystemExit):
            main([*words, "--help"])
    return set(OPTION.findall(shown.getvalue()))


@pytest.mark.parametrize("page", NOW, ids=lambda path: str(path.relative_to(ROOT)))
def test_options_in_the_text_exist(page: Path, options: set[str], pytestconfig: pytest.Config) -> None:
    """Each is one of our commands, of pytest, or listed here."""
    named = {option for span in re.findall(r"`([^`\n]+)`", page.read_text()) for option in OPTION.findall(span)}
    for option in named - options - FOREIGN:
        pytestconfig.getoption(option)  # raises ValueError
