"""Options of the mock that a run starts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from privman_core.client_settings import setting_named
from privman_core.command_line import UsageError
from privman_core.near_words import hint
from privman_core.resolution import Resolved
from privman_scenarios.playing.product_facts import releases

OF_MOCK = ("release", "tables", "data")
"""Names of the settings with which a mock is started."""


@dataclass(frozen=True, slots=True)
class MockOptions:
    """Options of the mock, as ``mock-servicenow serve`` takes them.

    Attributes:
        release: name of a release profile, such as ``zurich``.
        tables: files with extra tables, columns, choices and rules.
        data: files with extra rows.
    """

    release: str = "default"
    tables: tuple[Path, ...] = ()
    data: tuple[Path, ...] = ()


def mock_options(
    settings: Mapping[str, Resolved], *, dry_run: bool = False, of_instance: Collection[str] = ("tables",)
) -> MockOptions:
    """Return what settings say of the mock.

    Raises UsageError for an unknown release, and for an option that means the mock where none is started.
    Variables and profiles may hold such a setting for other runs.

    Args:
        settings: the run's own.
        dry_run: whether a mock stands in for the instance that is named.
        of_instance: settings that mean something on an instance, too: files of tables have names for scenarios.
    """
    of_mock = [name for name in OF_MOCK if name in settings and name not in of_instance]
    given = [settings[name] for name in of_mock if settings[name].source == "option"]
    is_named = "servicenow_url" in settings and settings["servicenow_url"].value is not None
    if given and is_named and not dry_run:
        raise UsageError(
            f"{given[0].where} is about the mock, and a ServiceNow instance is named. Expected one of them."
        )
    if "release" in settings:
        _require_known_release(settings["release"])
    return MockOptions(**{name: settings[name].value for name in OF_MOCK if name in settings})


def _require_known_release(release: Resolved) -> None:
    known, name = releases(), release.value
    if name not in known:
        place = release.place(setting_named("release"))
        raise UsageError(f"{place}: unknown release {name!r}{hint(name, known)}; expected one of {', '.join(known)}.")
