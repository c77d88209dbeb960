"""The settings of the fixtures: options of pytest, and what they resolve to with the environment and the profile."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from privman_core.resolution import Resolved

_RESOLVED = pytest.StashKey["Mapping[str, Resolved]"]()
_PROFILE, _FAKES = "--privman-profile", "--privman-fakes"


def add_settings(group: pytest.OptionGroup) -> None:
    """Add the option of each setting, and those that choose where settings come from."""
    for option, attributes in _options().items():
        group.addoption(option, **attributes)
    group.addoption(_PROFILE, metavar="NAME", help="profile in privman.toml or pyproject.toml to use")
    help_ = "use two fakes, whatever the environment and the profile name"
    group.addoption(_FAKES, action="store_true", help=help_)


def _options() -> dict[str, dict[str, Any]]:
    """Return the arguments of each option; two secrets may be in one file, which one option names."""
    from privman_core.client_settings import settings_of  # noqa: PLC0415 - every run of pytest imports this module

    options: dict[str, dict[str, Any]] = {}
    for setting in settings_of("pytest"):
        kind, option = setting.option_kind, setting.option_of("pytest")
        action = "append" if setting.is_repeated else "store"
        options[option] = {"type": kind.read, "action": action, "metavar": kind.metavar, "help": setting.help_text}
    options.pop("", None)
    return options


def target_urls(config: pytest.Config, *, required: bool) -> tuple[str | None, str | None]:
    """Return the URLs of ServiceNow and the console, None for a fake.

    Unusable settings fail only the tests that use our fixtures: a project may use a variable for its own ends. Where
    an option requires a target, they end the run: raises pytest.UsageError.
    """
    settings = _settings_or_none(config, required=required)
    if settings is None:
        return None, None
    return settings["servicenow_url"].value, settings["console_url"].value


def targets_banner(config: pytest.Config) -> str:
    """Return which systems the tests use; empty where options alone name them, or both are fakes."""
    settings = _settings_or_none(config)
    if settings is None:
        return ""
    from privman_scenarios.playing.named_targets import announcement  # noqa: PLC0415 - as above

    return announcement(settings)


def _settings_or_none(config: pytest.Config, *, required: bool = False) -> "Mapping[str, Resolved] | None":
    """Return the settings; None if they are nothing but defaults, which costs no import, or unusable.

    Raises pytest.UsageError for unusable ones that are required.
    """
    if not required and not _is_configured(config):
        return None
    from privman_core.command_line import UsageError  # noqa: PLC0415 - as above

    try:
        return resolved_settings(config)
    except UsageError as error:
        if required:
            raise pytest.UsageError(str(error)) from None
        return None


def _is_configured(config: pytest.Config) -> bool:
    """Tell whether a setting may have another source than its default."""
    from privman_core.client_settings import PROFILE, PROFILE_FILES, settings_of  # noqa: PLC0415 - as above

    given = any(config.getoption(option) is not None for option in (*_options(), _PROFILE))
    named = any(variable in os.environ for variable in (*(each.variable for each in settings_of("pytest")), PROFILE))
    own, shared = (config.rootpath / name for name in PROFILE_FILES)
    return given or named or own.exists() or (shared.is_file() and b"privman" in shared.read_bytes())


def resolved_settings(config: pytest.Config) -> "Mapping[str, Resolved]":
    """Return the settings, resolved once; raises UsageError."""
    from privman_core.client_settings import settings_of  # noqa: PLC0415 - as above
    from privman_core.resolution import resolve  # noqa: PLC0415 - as above

    if _RESOLVED not in config.stash:
        options = {each.name: each.option_of("pytest") for each in settings_of("pytest")}
        given = {name: config.getoption(option) for name, option in options.items() if option}
        profile, fakes = config.getoption(_PROFILE), config.getoption(_FAKES)
        config.stash[_RESOLVED] = resolve("pytest", given, os.environ, config.rootpath, profile, fakes=fakes)
    return config.stash[_RESOLVED]
