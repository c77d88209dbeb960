"""Scenario files as tests of pytest, for a project whose ini option `privman_stories` names their files or folders.

What reads and plays them is imported by the first file.
"""

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from privman_scenarios.named_fixtures import fail

if TYPE_CHECKING:
    from privman_scenarios.language.model import FileTables, Scenario
    from privman_scenarios.playing.events import Failure
    from privman_scenarios.playing.world_builder import WorldBuilder

SCENARIO_PATHS = "privman_stories"


class ScenarioCollection:
    """A plugin that collects each scenario of the files that the project names as a test.

    Raises pytest.UsageError for a path that is not there, and for one that is never collected.

    Args:
        worlds: returns where they are played; called when the first is.
    """

    def __init__(self, config: pytest.Config, worlds: "Callable[[], WorldBuilder]") -> None:
        self._paths = [_normalized(path) for path in config.getini(SCENARIO_PATHS)]
        self._worlds = worlds
        for path in self._paths:
            if not path.exists():
                raise pytest.UsageError(f"{SCENARIO_PATHS}: {path} does not exist.")
            if not _is_collected(path, config):
                raise pytest.UsageError(f"{SCENARIO_PATHS}: testpaths leaves out {path}. Expected it there, too.")

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> "ScenarioFile | None":
        """Collect a file of scenarios."""
        if not any(file_path.is_relative_to(path) for path in self._paths):
            return None
        from privman_scenarios.language.loader import is_scenario_file  # noqa: PLC0415 - see the module's docstring

        if not is_scenario_file(file_path):
            return None
        found: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path, worlds=self._worlds)
        return found

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let a skipped scenario name its own file and line."""
        report = yield
        if isinstance(item, ScenarioItem) and isinstance(report.longrepr, tuple):
            report.longrepr = str(item.path), item.scenario.line, report.longrepr[2]
        return report


def _is_collected(path: Path, config: pytest.Config) -> bool:
    """Return whether a run without arguments, which collects what `testpaths` names, collects the path."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return True
    asked = [_normalized(config.invocation_params.dir / each) for each in config.args]
    return any(path.is_relative_to(each) or each.is_relative_to(path) for each in asked)


def _normalized(path: Path) -> Path:
    """Return the path as pytest collects it: without ``..``, its symbolic links as they are."""
    return Path(os.path.normpath(path))


class ScenarioFile(pytest.File):
    """A file of scenarios."""

    def __init__(self, *, worlds: "Callable[[], WorldBuilder]", **kwargs: Any) -> None:  # noqa: ANN401 - of pytest
        super().__init__(**kwargs)
        self._worlds = worlds

    def collect(self) -> Iterator["ScenarioItem"]:
        """Yield its scenarios; a title that it has twice is numbered."""
        from privman_core.command_line import UsageError  # noqa: PLC0415 - see the module's docstring
        from privman_core.resolution import variables  # noqa: PLC0415 - see the module's docstring
        from privman_scenarios.errors import UnusableFileError, lines_of  # noqa: PLC0415 - see the module's docstring
        from privman_scenarios.language.loader import Loader  # noqa: PLC0415 - see the module's docstring
        from privman_scenarios.playing.verbs import vocabulary  # noqa: PLC0415 - see the module's docstring

        here = self.config.invocation_params.dir
        file = self.path.relative_to(here) if self.path.is_relative_to(here) else self.path
        unusable = ""
        try:
            environment = variables(os.environ, self.config.rootpath, self.config.getoption("--privman-profile"))
            tables, unusable = self._tables()
            scenarios = Loader(vocabulary(), environment, tables).load([file])
        except UsageError as error:
            raise self.CollectError(str(error)) from None
        except UnusableFileError as error:  # perhaps only for want of the tables
            raise self.CollectError(unusable or "\n".join(lines_of(error))) from None
        seen: Counter[str] = Counter()
        for scenario in scenarios:
            seen[scenario.name] += 1
            number = f" ({seen[scenario.name]})" if seen[scenario.name] > 1 else ""
            item: ScenarioItem = ScenarioItem.from_parent(
                self, name=f"{scenario.name}{number}", scenario=scenario, worlds=self._worlds
            )
            yield item

    def _tables(self) -> tuple["FileTables", str]:
        """Return those of the run's files; raises UnusableFileError.

        If settings are unusable, which fails each scenario by itself: none, and why.
        """
        try:
            worlds = self._worlds()
        except pytest.fail.Exception as error:
            return {}, str(error)
        return worlds.tables, ""


class ScenarioFailed(Exception):  # noqa: N818 - an outcome
    """A scenario has failed."""

    def __init__(self, failure: "Failure") -> None:
        super().__init__(failure.message)
        self.failure = failure


class ScenarioItem(pytest.Item):
    """One scenario; its tags are keywords for ``-k``."""

    def __init__(self, *, scenario: "Scenario", worlds: "Callable[[], WorldBuilder]", **kwargs: Any) -> None:  # noqa: ANN401 - of pytest
        super().__init__(**kwargs)
        self.scenario = scenario
        self._worlds = worlds
        self.extra_keyword_matches.update(scenario.tags)

    def runtest(self) -> None:
        """Play the scenario in a world of its own."""
        from privman_core import interrupts  # noqa: PLC0415 - see the module's docstring
        from privman_scenarios.errors import ScenariosError  # noqa: PLC0415 - see the module's docstring
        from privman_scenarios.playing.processes import Player  # noqa: PLC0415 - see the module's docstring

        strict: bool = self.config.getoption("--privman-strict")
        worlds = self._worlds()
        try:
            ended = interrupts.run(Player(worlds, strict=strict).engine([]).play(self.scenario))
        except ScenariosError as error:
            fail(str(error))
        if ended.findings:
            self.add_report_section("call", "findings", "\n".join(ended.findings))
        if ended.failure:
            raise ScenarioFailed(ended.failure)
        if ended.reason:
            pytest.skip(ended.reason)
        if strict and worlds.unseen:
            fail(f"--privman-strict cannot be checked, as no findings are seen: {worlds.unseen}.")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401 - as pytest has it
        """Return the step with its line, expected and actual values, and the last exchanges."""
        from privman_scenarios.commands.reports.failure_texts import whole_text  # noqa: PLC0415 - as above
        from privman_scenarios.commands.reports.results import FailureResult  # noqa: PLC0415 - as above
        from privman_scenarios.output import presentable  # noqa: PLC0415 - see the module's docstring

        if isinstance(excinfo.value, ScenarioFailed):
            return presentable("\n".join(map(whole_text, FailureResult.of(excinfo.value.failure).each)))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return file, line from 0, and title."""
        return self.path, self.scenario.line - 1, self.name
