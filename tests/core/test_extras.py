"""The extras: each brings what its commands need, and what is missing is named with the extra that installs it."""

import ast
import os
import site
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from privman_scenarios.extras import EXTRAS

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOBODY = "--servicenow-url http://127.0.0.1:1 --console-url http://127.0.0.1:2"
SERVERS = ("mock_servicenow", "console_sim", "contracts/privman_contracts", "privman_core")
HARNESS = "scenarios/privman_scenarios"
CALLS = """
import sys
from {}.__main__ import main

def code(arguments):
    try:
        return main(arguments)
    except SystemExit as ended:
        return ended.code

print(*[code(asked.split()) for asked in sys.argv[1:]], file=sys.stderr)
"""
OWN = {Path(each).name for each in (*SERVERS, HARNESS)}
USERS = PROJECT["optional-dependencies"].keys() - {"test"}
"""The extras that are not our own."""
DATA = {"tzdata"}
"""Distributions that nothing imports: zoneinfo reads this one."""


@cache
def distributions() -> dict[str, set[str]]:
    """Return the installed distributions that each module at the top comes from."""
    found = packages_distributions()
    return {module: {str(canonicalize_name(name)) for name in names} for module, names in found.items()}


def declared(extra: str = "") -> set[str]:
    """Return the other distributions that an extra names, or the project itself."""
    return {str(canonicalize_name(each.name)) for each in listed(extra) if each.name != PROJECT["name"]}


def included(extra: str) -> set[str]:
    """Return the other extras that an extra names."""
    return {name for each in listed(extra) if each.name == PROJECT["name"] for name in each.extras}


def listed(extra: str) -> list[Requirement]:
    """Return the requirements of an extra, or of the project itself."""
    texts = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    return [Requirement(each) for each in texts]


def brought(extra: str) -> set[str]:
    """Return every distribution that pip installs with an extra."""
    return installed_with(declared()) | installed_with(declared(extra)).union(*map(brought, included(extra)))


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


def modules(folder: str) -> set[Path]:
    """Return the modules of a folder."""
    return set((ROOT / folder).rglob("*.py"))


def imported(files: set[Path]) -> set[str]:
    """Return the distributions that modules import, at whatever place."""
    names = {name for file in files for name in imports_of(file)}
    foreign = names - OWN - sys.stdlib_module_names
    return {distribution for name in foreign for distribution in distributions()[name]}


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
def only(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Mapping[str, str]]:
    """Return an environment in which nothing can be imported that other extras install; ``""`` is none."""

    @cache
    def environment(extra: str) -> Mapping[str, str]:
        folder = tmp_path_factory.mktemp("missing")
        absent = set().union(*map(brought, USERS)) - (brought(extra) if extra else installed_with(declared()))
        for module, names in distributions().items():
            if names <= absent:
                (folder / f"{module}.py").write_text(missing(module))
        return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}

    return environment


@pytest.fixture(scope="session")
def without_harness(only: Callable[[str], Mapping[str, str]]) -> Mapping[str, str]:
    """Return an environment without any extra."""
    environment = only("")
    absent = {each.name for each in Path(environment["PYTHONPATH"].partition(os.pathsep)[0]).iterdir()}
    assert {"pytest.py", "rich.py", "re2.py", "psycopg.py", "locust.py"} <= absent
    return environment


def run(environment: Mapping[str, str], name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return an installed command after its end."""
    program = Path(sysconfig.get_path("scripts"), name)
    return subprocess.run(  # noqa: S603 - our own commands
        [program, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def codes(environment: Mapping[str, str], name: str, *asked: str) -> str:
    """Return the exit codes and complaints of a command that is called several times in one process."""
    called = [sys.executable, "-c", CALLS.format(name.replace("-", "_")), *asked]
    ended = subprocess.run(called, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    return ended.stderr


@pytest.mark.long
@pytest.mark.once
def test_the_servers_declare_what_they_import() -> None:
    """The distribution without extras needs all that the servers import, and nothing else."""
    found = set().union(*(imported(modules(each)) for each in SERVERS))
    assert found | DATA == declared()


@pytest.mark.long
@pytest.mark.once
def test_the_extras_declare_what_their_modules_import() -> None:
    """Each adds what its modules import and the servers do not, and nothing else; the users of Locust are of load."""
    of_load = {file for file in modules(HARNESS) if "locust" in imports_of(file)}
    assert imported(modules(HARNESS) - of_load) - declared() == declared("harness")
    assert imported(of_load) - declared() - declared("harness") == declared("load")


@pytest.mark.long
@pytest.mark.parametrize(
    ("extra", "command", "code", "said"),
    [
        ("harness", "privman-scenarios run --check", 0, ""),
        ("load", f"privman-scenarios load {NOBODY}", 3, "could not be reached"),
        ("postgresql", "mock-servicenow serve --database postgresql+psycopg://127.0.0.1:1/x", 2, "onnection refused"),
    ],
)
def test_an_extra_is_enough_for_its_command(
    only: Callable[[str], Mapping[str, str]], extra: str, command: str, code: int, said: str
) -> None:
    """Installed alone, it brings all that its command imports."""
    ended = run(only(extra), *command.split())
    assert (ended.returncode, said in ended.stderr) == (code, True), ended.stderr


@pytest.mark.long
def test_the_users_of_locust_need_their_extra_alone(only: Callable[[str], Mapping[str, str]]) -> None:
    """A locustfile of one's own can import them."""
    ended = subprocess.run(
        [sys.executable, "-c", "import locust, privman_scenarios.load_users"],
        env=only("load"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.long
def test_the_extras_that_messages_name_are_those_that_are_declared() -> None:
    """A package in a message is of the extra that declares it."""
    named = {distribution: extra for module, extra in EXTRAS.items() for distribution in distributions()[module]}
    assert named == {name: extra for extra in set(EXTRAS.values()) for name in declared(extra)}


def test_the_extra_for_tests_has_the_others() -> None:
    """Whoever can run the tests has all that they test."""
    assert included("test") == USERS


@pytest.mark.long
@pytest.mark.parametrize("command", ["mock-servicenow", "console-sim"])
def test_a_server_answers_without_the_harness(without_harness: Mapping[str, str], command: str) -> None:
    """What a command prints of itself needs no extra."""
    assert codes(without_harness, command, "--version", "--help", "serve --help") == "0 0 0\n"


@pytest.mark.long
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


@pytest.mark.long
def test_the_harness_describes_itself_without_its_extra(without_harness: Mapping[str, str]) -> None:
    """What the command prints of itself needs no extra."""
    assert codes(without_harness, "privman-scenarios", "--version", "--help", "run --help") == "0 0 0\n"


@pytest.mark.long
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


@pytest.mark.long
def test_a_package_of_no_extra_is_an_error_of_ours(tmp_path: Path) -> None:
    """What the servers need, too, is not explained away."""
    (tmp_path / "orjson.py").write_text(missing("orjson"))
    ended = run({**os.environ, "PYTHONPATH": str(tmp_path)}, "privman-scenarios", "run")
    assert ended.returncode == 1
    assert ended.stderr.endswith("ModuleNotFoundError: No module named 'orjson'\n")


@pytest.mark.long
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


# Without site-packages, coverage does not begin by itself.
VERSIONS = """
from urllib.request import urlopen

import coverage

coverage.process_startup()
from console_sim import ConsoleSim
from privman_scenarios.commands.cli import main

with ConsoleSim() as console:
    print(urlopen(f"{console.url}/__admin/health").read().decode())
try:
    main(["--version"])
except SystemExit as ended:
    print(ended.code)
"""


@pytest.mark.long
def test_source_that_is_not_installed_has_an_unknown_version(tmp_path: Path) -> None:
    """A copy of the packages on Python's path serves and answers as an installed one does."""
    for folder in map(Path, dict.fromkeys(site.getsitepackages())):
        # Debian names a folder that a virtual environment does not have.
        for each in folder.iterdir() if folder.exists() else ():
            if not each.name.startswith("mock_servicenow") and not (tmp_path / each.name).exists():
                (tmp_path / each.name).symlink_to(each)
    for name in OWN:
        (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / name).symlink_to(Path(str(import_module(name).__file__)).parent)
    ended = subprocess.run(  # noqa: S603 - our own commands
        [sys.executable, "-S", "-c", VERSIONS],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    printed = '{"status":"ok","version":"unknown"}\nprivman-scenarios unknown\n0\n'
    assert ended.stdout.replace("-c unknown", "privman-scenarios unknown") == printed, ended.stderr
