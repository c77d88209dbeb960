"""Profiles: the settings that a project writes once, in ``privman.toml`` or in ``[tool.privman]`` of pyproject.toml.

Keys at the top are for every run, those under ``[profiles.NAME]`` for runs that choose that profile, where they win.
"""

import re
import tomllib
from argparse import ArgumentTypeError
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from privman_core.client_settings import PROFILE_FILES, SETTINGS
from privman_core.command_line import UsageError
from privman_core.inputs import quoted, quoted_toml, reason_of
from privman_core.near_words import hint, nearest
from privman_core.regular_files import read_regular
from privman_core.setting_types import Setting

_OWN, _SHARED = PROFILE_FILES
_IN_SHARED = ("tool", "privman")
_PROFILES = "profiles"
# Defaults of environment variables that are not set.
_VARIABLES = "variables"
_VARIABLE = re.compile(r"[^\W\d]\w*")
_MOST_BYTES = 1024 * 1024
# Of valid TOML: what may hold the end of a line, or a bracket that is none.
_TOKENS = re.compile(
    r""""{3}(?:[^"\\]|\\.|"(?!""(?!")))*+"{3}|'{3}(?:[^']|'(?!''(?!')))*+'{3}|"""
    r""""(?:[^"\\\n]|\\.)*+"|'[^'\n]*+'|#[^\n]*+|[\[\]{}\n]""",
    re.DOTALL,
)
# Options of `run` that a profile cannot set.
_ONLY_OPTIONS = frozenset(
    "tag keyword seed jobs shard list list-tags check last-failed "  # noqa: SIM905 - a line for each would hide the rest
    "exitfirst strict watch profile fakes reset dry-run writes sweep interleave generate orders failures-dir "
    "junit-xml html json build coverage min-coverage github".split()
)
_OPENING, _CLOSING = ("[", "{"), ("]", "}")
Keys = tuple[str, ...]
_SETTINGS: Mapping[Keys, Setting] = {tuple(each.key.split(".")): each for each in SETTINGS}
_OPTION_KEYS = {each.option.removeprefix("--"): each.key for each in reversed(SETTINGS)}
_TABLES = (*_SETTINGS, (_VARIABLES,), (_PROFILES,))
_URLS = frozenset(keys for keys, setting in _SETTINGS.items() if setting.word == "url")


class ProfileFile(Struct, frozen=True):
    """A TOML file.

    Attributes:
        table: the settings and profiles.
        root: keys of that table.
    """

    path: Path
    text: str
    table: Mapping[str, Any]
    root: Keys

    def place(self, keys: Keys) -> str:
        """Return file and line of a key under the root.

        The library gives no lines, so this searches for the shortest beginning of the file that has the key.
        """
        ends = list(_ends(self.text))
        first = bisect_left(ends, True, key=lambda end: _has(self.text[:end], (*self.root, *keys)))  # noqa: FBT003 - found
        return f"{self.path.name}:{self.text.count(chr(10), 0, ends[first - 1]) + 1}"


def _ends(text: str) -> Iterator[int]:
    """Yield where a beginning of the text may end that is TOML as well: after each line, but not within a value."""
    depth = 0
    yield 0
    for token in _TOKENS.finditer(text):
        depth += (token[0] in _OPENING) - (token[0] in _CLOSING)
        if token[0] == "\n" and not depth:
            yield token.end()
    yield len(text)


def _at(content: Mapping[str, Any], keys: Keys) -> object:
    found: object = content
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _has(text: str, keys: Keys) -> bool:
    return _at(tomllib.loads(text), keys) is not None


class ProfileValue(Struct, frozen=True):
    """A value of a profile; its text is the place for people."""

    value: object
    file: ProfileFile
    keys: Keys

    def __str__(self) -> str:
        profile = f", profile {self.keys[1]}" if self.keys[0] == _PROFILES else ""
        return f"{self.file.place(self.keys)}{profile}"


class Profile(Struct, frozen=True):
    """The chosen values by the key of their setting.

    Attributes:
        folder: what paths are relative to.
        unchosen: says that profiles have targets and none is chosen; empty otherwise.
    """

    folder: Path
    values: Mapping[str, ProfileValue]
    unchosen: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """Defaults of environment variables that are not set, by their names."""
        found = ((key.partition("."), each.value) for key, each in self.values.items())
        return {name: str(value) for (table, _, name), value in found if table == _VARIABLES}


def load_profile(folder: Path, name: str | None) -> Profile:
    """Return the profile of a project, which chooses none with None; raises UsageError."""
    file = _find(folder)
    if file is None:
        if name is not None:
            lacks = f"{folder.resolve()} has neither {_OWN} nor [tool.privman] in {_SHARED}"
            raise UsageError(f"no profile {quoted(name)}: {lacks}.")
        return Profile(folder, {})
    values = list(_checked(file))
    common = [value for value in values if value.keys[0] != _PROFILES]
    chosen = () if name is None else _chosen(file, values, name)
    found = {".".join(_without_profile(each.keys)): each for each in (*common, *chosen)}
    return Profile(folder, found, _unchosen(file, values) if name is None else "")


def _unchosen(file: ProfileFile, values: Sequence[ProfileValue]) -> str:
    urls = (each for each in values if each.keys[0] == _PROFILES and _without_profile(each.keys) in _URLS)
    names = dict.fromkeys(each.keys[1] for each in urls)
    return f"no --profile is given, and {file.path.name} has {', '.join(names)}" if names else ""


def _find(folder: Path) -> ProfileFile | None:
    own, shared = _read(folder / _OWN, ()), _read(folder / _SHARED, _IN_SHARED)
    if own and shared:
        raise UsageError(f"{_OWN} and [tool.privman] in {_SHARED} both hold settings. Expected one of them.")
    return own or shared


def _read(path: Path, root: Keys) -> ProfileFile | None:
    try:
        content = read_regular(path, _MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path.name}: {reason_of(error)}.") from None
    try:
        text = content.decode("utf-8-sig")  # Windows editors begin a file with a mark
        table = _at(_parsed(text), root)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path.name}: invalid TOML: {' '.join(str(error).split())}.") from None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise UsageError(f"{path.name}: {'.'.join(root)}: expected a table.")
    return ProfileFile(path, text, table, root)


@lru_cache(maxsize=2)
def _parsed(text: str) -> Mapping[str, Any]:
    """Return what TOML holds: a command reads its profile twice, for the settings and for the variables."""
    return tomllib.loads(text)


def _checked(file: ProfileFile) -> Iterator[ProfileValue]:
    """Yield each value of the file; raises UsageError for an unknown key, and for a value of another type."""
    for keys, value in _leaves(file, file.table, ()):
        try:
            _check(_without_profile(keys), value)
        except ArgumentTypeError as error:
            raise UsageError(f"{file.place(keys)}: {'.'.join(keys)}: {error}.") from None
        yield ProfileValue(value, file, keys)


def _check(keys: Keys, value: object) -> None:
    """Raise ArgumentTypeError for a value of another type than its key has."""
    if keys[0] != _VARIABLES:
        _SETTINGS[keys].check(value)
    elif not isinstance(value, str) or not value:
        raise ArgumentTypeError(f"invalid value {quoted_toml(value)}: expected text that is not empty")
    elif not _VARIABLE.fullmatch(keys[1]):
        raise ArgumentTypeError("no environment variable has such a name; expected letters, digits and '_'")


def _leaves(file: ProfileFile, table: Mapping[str, Any], above: Keys) -> Iterator[tuple[Keys, object]]:
    for key, value in table.items():
        keys = (*above, key)
        if _without_profile(keys) in _SETTINGS or _is_variable(keys):
            yield keys, value
        elif not _is_table(keys):
            raise UsageError(f"{file.place(keys)}: unknown key {quoted('.'.join(keys))}{_nearest(keys)}.")
        elif not isinstance(value, dict):
            raise UsageError(f"{file.place(keys)}: {'.'.join(keys)}: expected a table.")
        else:
            yield from _leaves(file, value, keys)


def _is_variable(keys: Keys) -> bool:
    rest = _without_profile(keys)
    return len(rest) > 1 and rest[0] == _VARIABLES


def _is_table(keys: Keys) -> bool:
    rest = _without_profile(keys)
    return rest == (_VARIABLES,) or any(known[: len(rest)] == rest for known in _SETTINGS)


def _without_profile(keys: Keys) -> Keys:
    """Return the keys of a setting without those of the profile that has it: none for the profile itself."""
    return keys[2:] if keys[0] == _PROFILES else keys


def _nearest(keys: Keys) -> str:
    rest = ".".join(_without_profile(keys))
    if tuple(rest.split(".")) in _SETTINGS:
        return f"; expected {rest} without quotes"
    *above, last = rest.split(".")
    beside = [*dict.fromkeys(known[len(above)] for known in _TABLES if known[: len(above)] == tuple(above))]
    if not above and last in _OPTION_KEYS:
        return f" (did you mean {_OPTION_KEYS[last]!r}?)"
    if not above and last in _ONLY_OPTIONS:
        return f"; expected the option --{last}, which no profile sets"
    if found := nearest(last, beside):
        return f" (did you mean {'.'.join([*above, found])!r}?)"
    where = f" in {'.'.join(above)}" if above else ""
    return f"; expected one of {', '.join(beside)}{where}"


def _chosen(file: ProfileFile, values: Iterable[ProfileValue], name: str) -> Iterator[ProfileValue]:
    profiles = file.table.get(_PROFILES, {})
    if name not in profiles:
        listed = f"; expected one of {', '.join(profiles)}" if profiles else f"; expected a table [{_PROFILES}.{name}]"
        expected = hint(name, profiles) or listed
        raise UsageError(f"no profile {quoted(name)} in {file.path.name}{expected}.")
    return (value for value in values if value.keys[:2] == (_PROFILES, name))
