"""Resolve the settings of a client: an option wins over a variable, that over the profile, that over the default."""

from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from privman_core.argument_types import PASSWORD_LOG_INS
from privman_core.client_settings import PLAYERS, PROFILE, settings_of
from privman_core.command_line import NO_OPTION, Once, Options, UsageError
from privman_core.environment_variables import read_variable
from privman_core.inputs import reason_of
from privman_core.profiles import Profile, load_profile
from privman_core.setting_types import Client, SecretSetting, Setting

Source = Literal["option", "variable", "profile", "default"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The value of a setting.

    Attributes:
        where: names its place for people, by ``str``: an option, a variable, or file and line of a profile.
    """

    value: Any = field(repr=False)
    source: Source
    where: object

    def place(self, setting: Setting) -> str:
        """Return where the value of that setting is from, with its key where that is a profile."""
        return f"{self.where}: {setting.key}" if self.source == "profile" else str(self.where)

    def refused_token(self, url: str) -> str:
        """Return the error of a control plane that refuses this token."""
        why = "the fake has another, it has none and is on another machine, or the address is that of the other fake"
        return f"{url} cannot be controlled: the token of {self.where} was refused: {why}."


def add_settings(parser: Options, client: Client) -> None:
    """Add the options of a client's settings, and those that choose where settings come from."""
    known = set[str]()
    for setting in settings_of(client):
        if setting.option != setting.derived_option:
            parser.register(NO_OPTION, setting.derived_option, setting.sources)
        if setting.option and setting.option not in known:
            known.add(setting.option)
            kind, action = setting.option_kind, "append" if setting.is_repeated else Once
            parser.add_argument(
                setting.option, type=kind.read, action=action, metavar=kind.metavar, help=setting.help_text
            )
    help_ = f"profile in privman.toml or pyproject.toml whose settings are used ({PROFILE})"
    parser.add_argument("--profile", action=Once, metavar="NAME", help=help_)


def resolve_options(client: Client, options: Namespace, environment: Mapping[str, str], folder: Path) -> None:
    """Resolve what the options, the environment and the folder's profile say of a client's settings.

    Sets ``options.settings``, and the attribute of each setting that is no secret. Raises UsageError.
    """
    given = {setting.name: getattr(options, setting.dest, None) for setting in settings_of(client)}
    fakes = getattr(options, "fakes", False)
    options.settings = resolve(client, given, environment, folder, options.profile, fakes=fakes)
    for setting in settings_of(client):
        if not isinstance(setting, SecretSetting):
            setattr(options, setting.name, options.settings[setting.name].value)


def resolve(  # noqa: PLR0913 - one for each source
    client: Client,
    given: Mapping[str, object],
    environment: Mapping[str, str],
    folder: Path,
    profile: str | None,
    *,
    fakes: bool = False,
) -> dict[str, Resolved]:
    """Return each setting of a client by its name; raises UsageError.

    A player starts a fake for a party without a URL, so nothing else that belongs to the party is read.

    Args:
        client: who obeys them.
        given: the parsed options by the name of their setting, None for an option that is not given.
        environment: the variables.
        folder: where the profile is.
        profile: the name of the profile, None for what the environment names, if anything.
        fakes: whether to leave out every setting of a party, so that fakes are started.
    """
    chosen = _profile(environment, folder, profile)
    found: dict[str, Resolved] = {}
    for setting in settings_of(client):
        if setting.party and client in PLAYERS and (fakes or not _has_url(setting, found)):
            found[setting.name] = Resolved(setting.default, "default", "default")
        else:
            found[setting.name] = _resolved(setting, client, given.get(setting.name), environment, chosen)
    if chosen.unchosen and not fakes:
        for name in (each.name for each in settings_of(client) if each.word == "url"):
            if found[name].source == "default":
                found[name] = replace(found[name], where=chosen.unchosen)
    _refuse_options_without_target(client, given, found, fakes=fakes)
    _refuse_one_address(client, found)
    return {**found, **_without_password(client, found)}


def resolve_variables(client: Client, environment: Mapping[str, str]) -> dict[str, Resolved]:
    """Return each setting of a client as its variable gives it, else its default; raises UsageError."""
    no_profile = Profile(Path(), {})
    found = {each.name: _resolved(each, client, None, environment, no_profile) for each in settings_of(client)}
    return {**found, **_without_password(client, found)}


def variables(environment: Mapping[str, str], folder: Path, profile: str | None) -> Mapping[str, str]:
    """Return the environment with the variables of the profile that are not set there; raises UsageError.

    An empty one is not set: pipelines set it for a secret that is missing.
    """
    chosen = _profile(environment, folder, profile)
    return {**environment, **{name: value for name, value in chosen.variables.items() if not environment.get(name)}}


def _profile(environment: Mapping[str, str], folder: Path, name: str | None) -> Profile:
    """Return the profile with this name, or the one that the environment names; raises UsageError."""
    named = read_variable(PROFILE, environment) if name is None else None
    if named is None:
        return load_profile(folder, name)
    try:
        return load_profile(folder, named)
    except UsageError as error:
        raise UsageError(f"{PROFILE}: {error}") from None


def _has_url(setting: Setting, found: Mapping[str, Resolved]) -> bool:
    return setting.word == "url" or found[f"{setting.party}_url"].value is not None


def _refuse_options_without_target(
    client: Client, given: Mapping[str, object], found: Mapping[str, Resolved], *, fakes: bool
) -> None:
    """Raise UsageError for an option of a player about a system that already runs where fakes are started."""
    known = [*settings_of(client)] if client in PLAYERS else []
    for setting in (each for each in known if given.get(each.name) is not None):
        # An ini file of pytest may hold it for any run, and the fakes of load are in real time.
        every = setting.needs_target and client not in {"pytest", "load"}
        of = {each.party for each in known if each.dest == setting.dest or (every and each.party)}
        urls = [each for each in known if each.word == "url" and each.party in of]
        if not urls or any(found[each.name].value is not None for each in urls):
            continue
        if fakes:
            raise UsageError(f"{setting.option_of(client)} and --fakes exclude each other.")
        raise UsageError(
            f"{setting.option_of(client)} requires {' or '.join(each.option_of(client) for each in urls)}."
        )


def _without_password(client: Client, found: Mapping[str, Resolved]) -> dict[str, Resolved]:
    """Return what has no default, as the log-in sends no password: the user who ships with a fake would act."""
    kind = found.get("servicenow_auth")
    if kind is None or kind.value in PASSWORD_LOG_INS:
        return {}
    names = (each.name for each in settings_of(client) if each.needs_password)
    return {name: Resolved(None, "default", "default") for name in names if found[name].source == "default"}


def _refuse_one_address(client: Client, found: Mapping[str, Resolved]) -> None:
    """Raise UsageError where both parties have the same address."""
    urls = {each: found[each.name] for each in settings_of(client) if each.word == "url"}
    named = [url.value for url in urls.values() if url.value is not None]
    if len(set(map(_served_at, named))) == len(named):
        return
    places = " and ".join(url.place(setting) for setting, url in urls.items())
    expected = "Expected that of a ServiceNow instance and that of a console"
    raise UsageError(f"{places} are the same address, {named[0]}. {expected}.")


def _served_at(url: str) -> object:
    """Return what is the same for two spellings of an address."""
    from yarl import URL  # noqa: PLC0415 - every run of pytest loads this module, and few name a target

    place = URL(url)
    return place.host, place.port


Candidate = tuple[Source, object, Callable[[], object]]


def _resolved(
    setting: Setting, client: Client, given: object, environment: Mapping[str, str], profile: Profile
) -> Resolved:
    named = _candidates(setting, client, given, environment, profile)
    source, where, read = next(named, ("default", "default", lambda: setting.default))
    if source == "default" and client in setting.required_by:
        raise UsageError(setting.missing())
    try:
        value = read() if source == "default" else _with_its_files(setting, read())
        return Resolved(value, source, where)
    except (ArgumentTypeError, ValueError) as error:
        raise UsageError(f"{Resolved(None, source, where).place(setting)}: {error}.") from None
    except OSError as error:
        raise UsageError(f"{where}: {error.filename}: {reason_of(error)}.") from None


def _with_its_files(setting: Setting, value: Any) -> object:  # noqa: ANN401 - of any setting
    """Return the value; raises OSError if it names a file that is not there, before a command begins."""
    for file in setting.files(value):
        file.stat()
    return value


def _candidates(
    setting: Setting, client: Client, given: object, environment: Mapping[str, str], profile: Profile
) -> Iterator[Candidate]:
    """Yield the sources that name the setting, the strongest first, with their places and what reads them."""
    if given is not None:
        yield "option", setting.option_of(client), partial(setting.from_option, given)
    if (text := read_variable(setting.variable, environment)) is not None:
        yield "variable", setting.variable, partial(setting.from_variable, text)
    if found := profile.values.get(setting.key):
        yield "profile", found, partial(setting.from_profile, found.value, profile.folder, environment)
