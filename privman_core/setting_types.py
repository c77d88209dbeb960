"""What a setting of our clients is: its option, variable, profile key and option of pytest.

Imports little, because every run of pytest loads it.
"""

import os
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from privman_core import argument_types
from privman_core.regular_files import read_regular

Client = Literal[
    "run", "record", "fidelity", "learn", "drift", "setup", "merge", "load", "mutate", "matrix", "pull", "pytest"
]
_MOST_BYTES = 64 * 1024
_FIRST, _REST = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_", "0123456789"


class SettingKind(Struct, frozen=True):
    """Type of a setting's value.

    Attributes:
        read: reads its text; raises ArgumentTypeError.
        metavar: stands for the value in help texts.
        is_path: whether a profile's value is relative to the profile's folder.
        is_number: whether a profile's value is a number, else it is text.
    """

    read: Callable[[str], object]
    metavar: str
    is_path: bool = False
    is_number: bool = False


FILE = SettingKind(argument_types.path, "FILE", is_path=True)


class Setting(Struct, frozen=True):
    """A setting.

    Attributes:
        party: the system that it belongs to, and is not read without its URL; empty for one of the whole run.
        word: its name beside the party's, in the spelling of options.
        help: one line for people.
        clients: commands that read it.
        option_name: option name; None derives it from party and word, empty means no option. Secrets may share one.
        needs_target: whether its option is refused where only fakes are played on.
        required_by: clients that have no default for it.
        needs_password: whether its default counts only for a log-in that sends a password.
    """

    party: Literal["", "servicenow", "console"]
    word: str
    help: str
    kind: SettingKind
    clients: frozenset[Client]
    default: object = None
    needs_target: bool = False
    option_name: str | None = None
    required_by: frozenset[Client] = frozenset()
    needs_password: bool = False

    @property
    def name(self) -> str:
        """Its name among parsed options: ``servicenow_url``, ``ca_file``."""
        return self._joined("_").replace("-", "_")

    @property
    def option(self) -> str:
        """Its option of the commands; empty where it has none."""
        if self.option_name is None:
            return self.derived_option
        return f"--{self.option_name}" if self.option_name else ""

    @property
    def derived_option(self) -> str:
        """The option that its name suggests, whether or not it has that one."""
        return f"--{self._joined('-')}"

    @property
    def dest(self) -> str:
        """The name of its option among parsed ones; empty where it has none."""
        return self.option.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        name = self.name.upper()
        return name if self.party else f"PRIVMAN_{name}"

    @property
    def key(self) -> str:
        """Its dotted key in a profile."""
        return self._joined(".")

    @property
    def sources(self) -> str:
        """Each way to set it, for people: the one text that errors name them by."""
        return " or ".join([", ".join(filter(None, [self.option, self.variable])), f"{self.key} in a profile"])

    def missing(self, by: str = "") -> str:
        """Return the error of a setting that is not set, though something requires it."""
        why = f", which {by} requires" if by else ""
        return f"no {self._joined(' ')}{why}. Expected {self.sources}."

    def option_of(self, client: Client) -> str:
        """Return its option of a client; empty where it has none."""
        return self.option.replace("--", "--privman-", 1) if client == "pytest" else self.option

    def _joined(self, mark: str) -> str:
        return mark.join(filter(None, [self.party, self.word]))

    @property
    def option_kind(self) -> SettingKind:
        """What its option holds."""
        return self.kind

    @property
    def is_repeated(self) -> bool:
        """Whether its option may be given several times."""
        return False

    @property
    def help_text(self) -> str:
        """Its help with its default."""
        return f"{self.help} (default {self.default})" if self.default else self.help

    def from_option(self, given: object) -> object:
        """Return the value that its option gives, which has been read."""
        return given

    def from_variable(self, text: str) -> object:
        """Return the value that its variable gives; raises ArgumentTypeError."""
        return self.kind.read(text)

    def from_profile(self, value: object, folder: Path, _environment: Mapping[str, str]) -> object:
        """Return the value that a profile of that folder gives; raises ArgumentTypeError."""
        self.check(value)
        return self.kind.read(str(folder / str(value)) if self.kind.is_path and value else str(value))

    def files(self, value: Any) -> Sequence[Path]:  # noqa: ANN401 - a path where the kind is one
        """Return the files and folders that a value names."""
        return [value] if self.kind.is_path else []

    def check(self, value: object) -> None:
        """Raise ArgumentTypeError for what a profile's value cannot be."""
        valid = (int, float) if self.kind.is_number else (str,)
        if type(value) not in valid:
            raise _invalid(value, "a number" if self.kind.is_number else "text")

    def shown(self, value: object) -> str:
        """Return the value for people; without a URL, a party is a fake."""
        return "a fake" if value is None else str(value)


def _invalid(value: object, expected: str) -> ArgumentTypeError:
    """Return the error of a profile's value of another type."""
    from privman_core.inputs import quoted_toml  # noqa: PLC0415 - see the module's docstring

    return ArgumentTypeError(f"invalid value {quoted_toml(value)}: expected {expected}")


class SecretSetting(Setting, frozen=True):
    """A secret: an option names a file that has it, a profile the variable that has it, and no output shows it."""

    option_name: str | None = ""

    @property
    def key(self) -> str:
        """Its dotted key in a profile, which names a variable."""
        return f"{self._joined('.')}-variable"

    @property
    def option_kind(self) -> SettingKind:
        """What its option holds: a file."""
        return FILE

    def from_option(self, given: object) -> object:
        """Return the secret in the file; raises ArgumentTypeError."""
        content = read_regular(Path(str(given)), _MOST_BYTES, or_pipe=True)
        return self.kind.read(content.decode(errors="surrogateescape").strip())

    def from_profile(self, value: object, _folder: Path, environment: Mapping[str, str]) -> object:
        """Return the secret in the variable; raises ArgumentTypeError."""
        self.check(value)
        name = str(value)
        if name not in environment:
            raise ArgumentTypeError(_not_set(name, environment))
        try:
            return self.kind.read(environment[name])
        except ArgumentTypeError as error:
            raise ArgumentTypeError(f"variable {name}: {error}") from None

    def check(self, value: object) -> None:
        """Raise ArgumentTypeError for what is no variable's name."""
        name = value if isinstance(value, str) else ""
        if name.strip(_FIRST + _REST) or not name.startswith(tuple(_FIRST)):
            expected = f"the name of a variable in capitals, such as {self.variable}, and never the secret"
            raise ArgumentTypeError(f"invalid name: expected {expected}")

    def shown(self, _value: object) -> str:
        """Return that there is one."""
        return "***"


def _not_set(name: str, environment: Mapping[str, str]) -> str:
    """Return an error that names the variable; capitals and digits in one word may be a secret in its place."""
    from privman_core.near_words import misspelt  # noqa: PLC0415 - see the module's docstring

    if "_" not in name and not name.isalpha():
        return "the variable with this name, not shown as it may be a secret, is not set"
    found = misspelt(name, environment)
    return f"variable {name} is not set" + (f" (did you mean {found!r}?)" if found else "")


class FilesSetting(Setting, frozen=True):
    """Files: the option may be repeated, a variable separates them as PATH does, a profile has one or a list."""

    default: object = ()

    @property
    def is_repeated(self) -> bool:
        """Whether its option may be given several times."""
        return True

    def from_option(self, given: Any) -> object:  # noqa: ANN401 - a list of what has been read
        """Return the files that its options name."""
        return tuple(given)

    def from_variable(self, text: str) -> object:
        """Return the files that its variable names; raises ArgumentTypeError."""
        return tuple(map(self.kind.read, text.split(os.pathsep)))

    def from_profile(self, value: object, folder: Path, _environment: Mapping[str, str]) -> object:
        """Return the files that a profile of that folder names; raises ArgumentTypeError."""
        self.check(value)
        return tuple(self.kind.read(each and str(folder / each)) for each in _listed(value))

    def files(self, value: Any) -> Sequence[Path]:  # noqa: ANN401 - paths
        """Return the files and folders that a value names."""
        return [*value]

    def check(self, value: object) -> None:
        """Raise ArgumentTypeError for what is neither text nor a list of texts."""
        if not all(isinstance(each, str) for each in _listed(value)):
            raise _invalid(value, "text or a list of texts")

    def shown(self, value: Any) -> str:  # noqa: ANN401 - files
        """Return the files for people."""
        return ", ".join(map(str, value))


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - a profile holds anything
    return value if isinstance(value, list) else [value]
