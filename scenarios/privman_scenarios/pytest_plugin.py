"""Fixtures for tests of the integration, or of whatever talks to either party of it.

Every run of pytest loads this module, used or not, so what it needs is imported by the first function that needs it.
"""

import signal
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

from privman_core.operating_system import TERMINATION_SIGNALS
from privman_scenarios import mock_mark
from privman_scenarios.collected_scenarios import SCENARIO_PATHS, ScenarioCollection
from privman_scenarios.mock_mark import MockChoice
from privman_scenarios.named_fixtures import OPTION, UNLISTED, NamedFixtures, fail
from privman_scenarios.plugin_settings import add_settings, resolved_settings, target_urls, targets_banner

if TYPE_CHECKING:
    from privman_core.loop_thread import LoopThread
    from privman_scenarios.playing.world_builder import WorldBuilder

_ERRORS = "privman_scenarios.errors."
_NAMED = pytest.StashKey[NamedFixtures]()
_WORLDS = pytest.StashKey["dict[MockChoice, WorldBuilder]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("privman", "Privilege Manager and ServiceNow")
    add_settings(group)
    group.addoption(
        "--privman-reset",
        action="store_true",
        help="reset the targets, which are fakes, before each test: deletes ALL their records",
    )
    group.addoption(
        "--privman-writes",
        type=Path,
        metavar="FILE",
        help="record every write to a target (one line of JSON each)",
    )
    group.addoption("--privman-strict", action="store_true", help="fail a test if ServiceNow swallowed something")
    group.addoption("--privman-seed", type=int, default=0, metavar="N", help="seed of the identifiers (default 0)")
    parser.addini(OPTION, "other names of fixtures, such as 'console = pm_console'", type="linelist")
    parser.addini(SCENARIO_PATHS, "files and folders whose scenarios are collected as tests", type="paths")


def pytest_configure(config: pytest.Config) -> None:
    """Define the fixtures, refuse what is about a target where none is named, and begin the journal of writes.

    Where one is named, SIGTERM and SIGHUP end the run as Ctrl-C does, so that its records are deleted.
    """
    named = config.stash[_NAMED] = NamedFixtures(config.getini(OPTION))
    config.pluginmanager.register(named.plugin())
    mock_mark.register(config)
    if config.getini(SCENARIO_PATHS):
        config.pluginmanager.register(ScenarioCollection(config, partial(_worlds, config)))
    reset, file = config.getoption("--privman-reset"), config.getoption("--privman-writes")
    servicenow, console = target_urls(config, required=reset or file is not None)
    if servicenow or console:
        _end_as_interrupted(config)
    if reset and not (servicenow or console):
        raise pytest.UsageError("--privman-reset requires --privman-servicenow-url or --privman-console-url.")
    if reset and (workers := _workers(config)) > 1:
        expected = "Expected one process (-n 1), or a fake that each process starts"
        raise pytest.UsageError(f"--privman-reset resets what all {workers} processes of pytest-xdist use. {expected}.")
    if file is None or hasattr(config, "workerinput"):  # processes of pytest-xdist add to the one file
        return
    if not servicenow:
        raise pytest.UsageError(
            "--privman-writes requires --privman-servicenow-url: nothing else keeps what is written."
        )
    _begin_writes(file)


def _workers(config: pytest.Config) -> int:
    """Return between how many processes pytest-xdist distributes the tests, of ``-n`` or ``--tx 2*popen``."""
    if config.getoption("dist", "no") == "no":
        return 0
    counts = (each.partition("*") for each in config.getoption("tx"))
    return sum(int(count) if star and count.isdecimal() else 1 for count, star, _ in counts)


@pytest.hookimpl(tryfirst=True)  # before fixtures are set up
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a test begin clean that shares its fixtures with others."""
    item.config.stash[_NAMED].begin_clean(item)


@pytest.hookimpl(wrapper=True, trylast=True)  # next to the test, so that whoever repeats failed tests repeats this one
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that has broken a contract; one that fails by itself is explained by it."""
    result = yield
    item.config.stash[_NAMED].judge(item)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the broken contracts and the last exchanges with a failure that they may explain.

    The line of pytest's summary is short, so that it begins with what failed and not with a module.
    """
    report = yield
    if crash := getattr(report.longrepr, "reprcrash", None):
        crash.message = crash.message.removeprefix(_ERRORS)
    if report.failed and report.when != "teardown":
        item.config.stash[_NAMED].explain(item, report)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Say which systems the tests use, quiet or not: an address in a variable must not pass for a fake."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal and (text := targets_banner(session.config)):
        terminal.write_line(text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each table that the instance did not list, once."""
    reports = [each for kind in ("passed", "failed", "skipped", "error") for each in terminalreporter.getreports(kind)]
    noted = (pair for each in reports if isinstance(each, pytest.TestReport) for pair in each.user_properties)
    found = (text for name, text in noted if name == UNLISTED)
    for sentence in dict.fromkeys(found):
        terminalreporter.write_line(f"{sentence}.")


def _end_as_interrupted(config: pytest.Config) -> None:
    unhandled = [each for each in TERMINATION_SIGNALS if signal.getsignal(each) is signal.SIG_DFL]

    def handle(handler: Callable[[int, FrameType | None], Any] | signal.Handlers) -> None:
        for each in unhandled:
            signal.signal(each, handler)

    handle(signal.default_int_handler)
    config.add_cleanup(partial(handle, signal.SIG_DFL))


def _begin_writes(file: Path) -> None:
    from privman_scenarios.extras import explain_missing  # noqa: PLC0415 - see the module's docstring

    try:
        _empty_writes(file)
    except OSError as error:
        raise pytest.UsageError(f"--privman-writes {file}: {error.strerror}.") from None
    except ModuleNotFoundError as error:
        raise pytest.UsageError(explain_missing(error)) from None


def _empty_writes(file: Path) -> None:
    from privman_scenarios.commands.arguments import begin_writes  # noqa: PLC0415 - see the module's docstring
    from privman_scenarios.commands.reports.report_kinds import WRITES  # noqa: PLC0415 - see the module's docstring

    if not WRITES.is_ours(file):
        raise pytest.UsageError(f"--privman-writes would overwrite {file}, which it has not written.")
    begin_writes(file)


@pytest.fixture(scope="session")
def privman_loop() -> "Iterator[LoopThread]":
    """The event loop that both parties run in, in a thread of its own."""
    from privman_scenarios.short_tracebacks import ShortLoopThread  # noqa: PLC0415 - see the module's docstring

    loop = ShortLoopThread()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def privman_worlds(pytestconfig: pytest.Config) -> "WorldBuilder":
    """Builder of worlds: parties of this process, or at the addresses in the options."""
    return _worlds(pytestconfig)


@pytest.fixture
def privman_marked_worlds(request: pytest.FixtureRequest) -> "WorldBuilder":
    """Builder of worlds for one test, whose mock is started with what the test's marks say."""
    return _worlds(request.config, request.node)


def _worlds(config: pytest.Config, item: pytest.Item | None = None) -> "WorldBuilder":
    """Return where tests and scenarios are played, one for all that start the mock with the same."""
    from privman_contracts import ContractError  # noqa: PLC0415 - see the module's docstring
    from privman_core.command_line import UsageError  # noqa: PLC0415 - see the module's docstring
    from privman_scenarios.extras import explain_missing  # noqa: PLC0415 - see the module's docstring

    known = config.stash.setdefault(_WORLDS, {})
    try:
        wanted = _of_run(config) if item is None else mock_mark.of_test(item, _of_run(config))
        if wanted not in known:
            known[wanted] = _new_worlds(config, wanted)
        return known[wanted]
    except (ContractError, UsageError, pytest.UsageError) as error:
        fail(str(error))
    except ModuleNotFoundError as error:
        fail(explain_missing(error))


def _of_run(config: pytest.Config) -> MockChoice:
    from privman_scenarios.playing.mock_options import mock_options  # noqa: PLC0415 - see the module's docstring

    settings = resolved_settings(config)
    return MockChoice(settings["inferred"].value, mock_options(settings))


def _new_worlds(pytestconfig: pytest.Config, choice: MockChoice) -> "WorldBuilder":
    from privman_core.clock import RealClock  # noqa: PLC0415 - see the module's docstring
    from privman_scenarios.playing.cleanup import Writes, line_in  # noqa: PLC0415 - see the module's docstring
    from privman_scenarios.playing.named_targets import (  # noqa: PLC0415 - see the module's docstring
        console_target,
        servicenow_target,
    )
    from privman_scenarios.playing.world_builder import WorldBuilder  # noqa: PLC0415 - see the module's docstring

    settings = resolved_settings(pytestconfig)
    file = pytestconfig.getoption("--privman-writes")
    return WorldBuilder(
        pytestconfig.getoption("--privman-seed"),
        choice.inferred,
        servicenow_target(settings),
        console_target(settings),
        settings["ca_file"].value,
        reset=pytestconfig.getoption("--privman-reset"),
        writes=Writes(line_in(file), RealClock()) if file else None,
        patience=settings["patience"].value,
        quiet_time=settings["quiet_time"].value,
        mock=choice.mock,
    )
