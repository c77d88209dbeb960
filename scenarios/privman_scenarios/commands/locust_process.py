"""Locust in a process of its own, because it patches Python."""

import argparse
import asyncio
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator, Mapping
from pathlib import Path

import privman_scenarios
from privman_core.command_line import Exit, UsageError
from privman_core.operating_system import CAN_FORK
from privman_core.serving import LOOPBACK, listen
from privman_scenarios.commands.load_targets import end
from privman_scenarios.commands.options import LOCUST_OPTIONS

_LOCUST = (sys.executable, "-m", "privman_scenarios.load_process")
_RUN_TIME = "30s"
_WITH_DEFAULTS = ("locustfile", "run_time")
_PASSED_ON = [
    name
    for name in (option.removeprefix("--").replace("-", "_") for option, *_ in LOCUST_OPTIONS)
    if name not in _WITH_DEFAULTS
]
_REQUIRES: Mapping[str, tuple[str, ...]] = {
    "expect_workers": ("master",),
    "master_host": ("worker",),
    "master_port": ("master", "worker"),
    "web_port": ("web",),
}
"""Options without effect unless one of others is given."""
_EXCLUDES: Mapping[str, tuple[str, ...]] = {
    "worker": ("master", "web", "users", "spawn_rate", "run_time", "csv"),
    "master": ("processes",),
}
"""Options beside which others have no effect."""
_PORTS: Mapping[str, tuple[str, int]] = {"web": ("web_port", 8089), "master": ("master_port", 5557)}
"""Options with which Locust listens, and on which port by default."""
_PLACE = re.compile(r'  File "([^"]+)", line ([0-9]+)')
_LABELS = (": error: ", "/ERROR/locust.main: ")
"""What Locust ends the prefix of a complaint with."""


def check_options(options: argparse.Namespace) -> None:
    """Raise UsageError or OSError for options that cannot be used."""
    _check_combination(options)
    if options.locustfile:
        options.locustfile.stat()
    if options.csv:
        _check_writable(options.csv)


def _check_combination(options: argparse.Namespace) -> None:
    if options.processes and not CAN_FORK:
        expected = "expected none: this operating system cannot fork processes"
        raise UsageError(f"--processes is {options.processes}; {expected}")
    given = {name for name, value in vars(options).items() if value}
    for name, others in _REQUIRES.items():
        if name in given and given.isdisjoint(others):
            raise UsageError(f"{_option(name)} requires {' or '.join(map(_option, others))}.")
    for name, others in _EXCLUDES.items():
        for other in (each for each in others if {name, each} <= given):
            raise UsageError(f"{_option(name)} and {_option(other)} exclude each other.")


def _check_writable(prefix: Path) -> None:
    prefix.parent.mkdir(parents=True, exist_ok=True)
    file = Path(f"{prefix}_stats.csv")
    is_new = not file.exists()
    file.open("a", encoding="utf-8").close()
    if is_new:
        file.unlink()  # an empty one would pass for statistics if the run cannot begin


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


async def check(options: argparse.Namespace, environment: Mapping[str, str]) -> None:
    """Raise UsageError for what Locust refuses when it reads the command line and the locustfile."""
    for name, (named, default) in _PORTS.items():
        if getattr(options, name):
            port = default if getattr(options, named) is None else getattr(options, named)
            (await listen(asyncio.Protocol, LOOPBACK, port)).close()
    arguments = [each for each in _arguments(options) if not each.startswith("--processes=")]  # it would fork first
    process = await asyncio.create_subprocess_exec(
        *_LOCUST, *arguments, "--show-task-ratio", env=environment, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
    )
    try:
        _, errors = await process.communicate()
    finally:
        await end(process)
    if process.returncode:
        raise UsageError(f"Locust: {_complaint(errors.decode(errors='replace'))}")


def _complaint(errors: str) -> str:
    """Return the last line of Locust's errors, with its place if they are a traceback."""
    *_, last = [line for line in errors.splitlines() if line.strip()] or ["it ended without a word"]
    places = _PLACE.findall(errors)
    place = f"{':'.join(places[-1])}: " if places else ""
    for label in _LABELS:
        last = last.partition(label)[2] or last
    return f"{place}{last}"


async def run(options: argparse.Namespace, environment: Mapping[str, str]) -> Exit:
    """Return how Locust ends; an interrupt ends it."""
    process = await asyncio.create_subprocess_exec(*_LOCUST, *_arguments(options), env=environment)
    try:
        return Exit.FAILURE if await process.wait() else Exit.SUCCESS
    finally:
        await end(process)


def _arguments(options: argparse.Namespace) -> Iterator[str]:
    yield f"--locustfile={options.locustfile or Path(privman_scenarios.__file__).with_name('load_users.py')}"
    yield "--stop-timeout=10"  # requests under way are answered
    if options.worker:
        yield "--worker"
    elif not options.web:
        yield from ("--headless", "--only-summary")
    if options.master:
        yield "--master"
    run_time = options.run_time or (None if options.web or options.worker else _RUN_TIME)
    if run_time:
        yield f"--run-time={run_time}"
    for name in _PASSED_ON:
        if (value := getattr(options, name)) is not None:
            word = "master-bind-port" if options.master and name == "master_port" else name.replace("_", "-")
            yield f"--{word}={value}"
