"""Mutates the source, one place at a time, and counts which changes the fast tests of an area notice.

    tox -e mutation                                 # every area, which takes many hours
    tox -e mutation -- --area query                 # one of them; pyproject.toml names them, with their tests
    tox -e mutation -- --area query --module mock_servicenow/now_platform/query/parser.py

Works on a clone of the last commit, so that a run that is killed leaves nothing changed.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
ROOTS = (".", "contracts", "scenarios", "testbench")
PYTEST = "-n 0 -q -x -p no:cacheprovider"


@dataclass(frozen=True, slots=True)
class Area:
    """Modules that are mutated together, and the tests that must notice.

    Attributes:
        modules: files and folders.
        timeout: seconds after which a test run counts as a mutant noticed.
    """

    name: str
    modules: Sequence[str]
    tests: Sequence[str]
    timeout: float


def main() -> None:
    """Mutate what the options name."""
    areas = _areas()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--area", choices=areas, help="only this area")
    parser.add_argument("--module", metavar="PATH", help="only this file or folder of the area")
    options = parser.parse_args()
    if options.module and not options.area:
        parser.error("--module requires --area")
    for area in [areas[options.area]] if options.area else areas.values():
        _mutate(area, [options.module] if options.module else area.modules)


def _areas() -> Mapping[str, Area]:
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        tables = tomllib.load(file)["tool"]["mutation"]
    return {name: Area(name, **table) for name, table in tables.items()}


def _mutate(area: Area, modules: Sequence[str]) -> None:
    """Print the mutants that survive, and the share of those that the tests notice."""
    with tempfile.TemporaryDirectory() as folder:
        copy, session, config = Path(folder, "checkout"), Path(folder, "session.sqlite"), Path(folder, "config.toml")
        _run(["git", "clone", "-q", str(CHECKOUT), str(copy)], CHECKOUT)
        config.write_text(_config(area, modules), encoding="utf-8")
        _run([_script("cosmic-ray"), "baseline", str(config)], copy)
        _run([_script("cosmic-ray"), "init", str(config), str(session)], copy)
        _run([_script("cosmic-ray"), "exec", str(config), str(session)], copy)
        _run([_script("cr-report"), "--surviving-only", "--show-diff", str(session)], copy)
        print(f"{area.name}: survived, in percent:", flush=True)
        _run([_script("cr-rate"), str(session)], copy)


def _config(area: Area, modules: Sequence[str]) -> str:
    command = f"{shlex.quote(sys.executable)} -m pytest {PYTEST} {shlex.join(area.tests)}"
    return (
        "[cosmic-ray]\n"
        f"module-path = {list(modules)!r}\n"
        f"timeout = {float(area.timeout)}\n"
        "excluded-modules = []\n"
        f"test-command = '''{command}'''\n"
        "[cosmic-ray.distributor]\n"
        "name = 'local'\n"
    )


def _run(command: Sequence[str], folder: Path) -> None:
    path = os.pathsep.join(str(folder / root) for root in ROOTS)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    subprocess.run(command, cwd=folder, env={**environment, "PYTHONPATH": path}, check=True)  # noqa: S603 - our own


def _script(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


if __name__ == "__main__":
    main()
