"""The extras: the servers run without the harness, and what is missing is named with the extra that installs it."""

import ast
import os
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from privman_scenarios.extras import EXTRAS

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SERVERS = ("mock_servicenow", "console_sim", "contracts/privman_contracts", "privman_core")
HARNESS = "scenarios/privman_scenarios"
OWN = {Path(each).name for each in (*SERVERS, HARNESS)}
DATA = {"tzdata"}
"""Distributions that nothing imports: zoneinfo reads this one."""
DISTRIBUTIONS = {
    module: {str(canonicalize_name(name)) for name in names} for module, names in packages_distributions().items()
}


def declared(extra: str = "") -> set[str]:
    """Return the distributions that an extra names, or the project itself."""
    listed = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    return {str(canonicalize_name(Requirement(each).name)) for each in listed}


def installed_with(names: set[str]) -> set[str]:
    """Return the distributions, and all that they need."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= set(needed_by(name)) - found
    return found


def needed_by(name: str) -> Iterator[str]:
    """Yield the distributions that one needs here."""
    try:
        required = [Requirement(each) for each in requires(name) or ()]
    except PackageNotFoundError:  # needed on another system
        return
    for each in required:
        if each.marker is None or each.marker.evaluate({"extra": ""}):
            yield str(canonicalize_name(each.name))


def imported(folder: str) -> set[str]:
    """Return the distributions that the modules of a folder import, at whatever place."""
    names = {name for file in (ROOT / folder).rglob("*.py") for name in imports_of(file)}
    foreign = names - OWN - sys.stdlib_module_names
    return {distribution for name in foreign for distribution in DISTRIBUTIONS[name]}


def imports_of(file: Path) -> Iterator[str]:
    """Yield the names of the top packages that a module imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def missing(module: str) -> str:
    """Return the text of a module that, when it is imported, does as if it were not installed."""
    text = f"No module named {module!r}"
    return f"raise ModuleNotFoundError({text!r}, name={module!r})\n"


@pytest.fixture(scope="session")
def without_harness(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Return an environment in which nothing can be imported that only the extras install."""
    folder = tmp_path_factory.mktemp("missing")
    absent = installed_with(declared("harness") | declared("load") | declared("postgresql")) - installed_with(
        declared()
    )
    for module, distributions in DISTRIBUTIONS.items():
        if distributions <= absent:
            (folder / f"{module}.py").write_text(missing(module))
    assert {"pytest.py", "rich.py", "re2.py", "psycopg.py"} <= {each.name for each in folder.iterdir()}
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def run(environment: Mapping[str, str], name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return an installed command after its end."""
    program = Path(sysconfig.get_path("scripts"), name)
    return subprocess.run(  # noqa: S603 - our own commands
        [program, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_the_servers_declare_what_they_import() -> None:
    """The distribution without extras needs all that the servers import, and nothing else."""
    found = set().union(*map(imported, SERVERS))
    assert found | DATA == declared()


def test_the_harness_declares_what_it_imports() -> None:
    """The extra adds what only the harness imports, and nothing else."""
    assert imported(HARNESS) - declared() == declared("harness") | declared("load")


def test_the_extras_that_messages_name_are_those_that_are_declared() -> None:
    """A package in a message is of the extra that declares it."""
    named = {distribution: extra for module, extra in EXTRAS.items() for distribution in DISTRIBUTIONS[module]}
    assert named == {name: extra for extra in set(EXTRAS.values()) for name in declared(extra)}


def test_the_extra_for_tests_has_the_others() -> None:
    """Whoever can run the tests has all that they test."""
    listed = [Requirement(each) for each in PROJECT["optional-dependencies"]["test"]]
    [own] = [each for each in listed if each.name == PROJECT["name"]]
    assert own.extras == PROJECT["optional-dependencies"].keys() - {"test"}


@pytest.mark.parametrize("asked", ["--version", "--help", "serve --help"])
@pytest.mark.parametrize("command", ["mock-servicenow", "console-sim"])
def test_a_server_answers_without_the_harness(without_harness: Mapping[str, str], command: str, asked: str) -> None:
    """What a command prints of itself needs no extra."""
    ended = run(without_harness, command, *asked.split())
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("command", ["mock-servicenow", "console-sim"])
def test_a_server_serves_without_the_harness(without_harness: Mapping[str, str], command: str, tmp_path: Path) -> None:
    """A server starts, with a database, and ends by itself at SIGTERM."""
    program = Path(sysconfig.get_path("scripts"), command)
    arguments = ["serve", "--port", "0", "--database", f"sqlite:///{tmp_path}/db"]
    with subprocess.Popen(  # noqa: S603 - our own commands
        [program, *arguments], env=without_harness, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        banner = process.stdout.readline()
        process.terminate()
    assert banner.startswith(f"{command} serves http://127.0.0.1:")
    assert process.returncode == 0


@pytest.mark.parametrize("asked", ["--version", "--help", "run --help"])
def test_the_harness_describes_itself_without_its_extra(without_harness: Mapping[str, str], asked: str) -> None:
    """What the command prints of itself needs no extra."""
    ended = run(without_harness, "privman-scenarios", *asked.split())
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_command_names_the_extra_that_is_missing(without_harness: Mapping[str, str], tmp_path: Path) -> None:
    """It is one line, and the report of an earlier run is no longer green."""
    report = tmp_path / "report.json"
    report.write_text('{"seed": 0, "held": true}')
    ended = run(without_harness, "privman-scenarios", "run", "--json", str(report))
    expected = "is not installed; expected the extra 'mock-servicenow[harness]'\n"
    assert ended.returncode == 2
    assert ended.stderr.startswith("privman-scenarios: the Python package r")
    assert ended.stderr.endswith(expected)
    assert ended.stderr.count("\n") == 1
    assert '"held": false' in report.read_text()


def test_a_package_of_no_extra_is_an_error_of_ours(tmp_path: Path) -> None:
    """What the servers need, too, is not explained away."""
    (tmp_path / "orjson.py").write_text(missing("orjson"))
    ended = run({**os.environ, "PYTHONPATH": str(tmp_path)}, "privman-scenarios", "run")
    assert ended.returncode == 1
    assert ended.stderr.endswith("ModuleNotFoundError: No module named 'orjson'\n")


@pytest.mark.parametrize("options", [(), ("--privman-servicenow-url=http://127.0.0.1:9", "--privman-writes=writes")])
def test_pytest_names_the_extra_that_is_missing(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """A project that has pytest of its own sees one line, too."""
    (tmp_path / "re2.py").write_text(missing("re2"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pytester.makepyfile("def test_it(console): ...")
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", *options)
    assert "Traceback" not in f"{result.stdout}{result.stderr}"
    line = next(each for each in (*result.outlines, *result.errlines) if "re2" in each)
    expected = "the Python package re2 is not installed; expected the extra 'mock-servicenow[harness]'"
    assert line.removeprefix("ERROR: ") == expected
