"""Exit codes, one-line messages and argument types of every command."""

import argparse
import os
import re
import sys
from argparse import Action, ArgumentError, ArgumentParser, ArgumentTypeError
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import IntEnum
from importlib.metadata import PackageNotFoundError, version
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn, Protocol, TextIO

from privman_core.inputs import quoted, reason_of
from privman_core.natural_numbers import natural_number
from privman_core.near_words import hint

_MOST_PORT = 65_535
_OPTION = re.compile(r"-[^\d.\s]\S*")  # no negative number, and no text with a space, which is a value
_ANSWERED_AT_ONCE = ("-h", "--help", "--version")
# GitHub Actions, Azure Pipelines and TeamCity take commands from lines like these.
_COMMAND = re.compile(r"^([^\S\n]*):(?=:)|(?<=#)(?=#(?:\[|vso\[|teamcity\[))", re.MULTILINE | re.IGNORECASE)


class Exit(IntEnum):
    """Exit codes of every command; an interrupted one ends as shells expect."""

    SUCCESS = 0
    FAILURE = 1
    UNUSABLE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


class UsageError(Exception):
    """An argument or a file is unusable; the message is one line that names it."""


NO_OPTION = "no option"
"""The registry of a parser for what may be taken for an option, such as that of a secret, with its sources."""


class OneLineParser(ArgumentParser):
    """Accepts options by their full names only, has ``--version``, and reports errors in one line."""

    def __init__(self, **arguments: Any) -> None:  # noqa: ANN401 - as argparse has it
        super().__init__(allow_abbrev=False, **arguments)
        self.register(NO_OPTION, "", "")
        self.add_argument("--version", action=_ShowVersion, nargs=0, help="print the version and exit")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 - as argparse has it
        """Parse; exits with the nearest option for an unknown one, before argparse names what it made of the rest."""
        given = sys.argv[1:] if args is None else list(args)
        for option in takewhile(lambda each: each not in _ANSWERED_AT_ONCE, self._options_in(given)):
            if option not in self._option_string_actions:
                elsewhere = self._registry_get(NO_OPTION, option, "")
                expected = f"; expected {elsewhere}" if elsewhere else hint(option, self._option_string_actions)
                self.error(f"unknown option {quoted(option)}{expected}")
        return super().parse_known_args(given, namespace)

    def _options_in(self, arguments: Sequence[str]) -> Iterator[str]:
        """Yield the options among the arguments, up to a sub-command, which has options of its own."""
        for each in takewhile(lambda each: each != "--", arguments):
            if self._subparsers and not each.startswith("-"):
                return
            option = each.partition("=")[0]
            if _OPTION.fullmatch(option):
                is_short = not option.startswith("--") and each[:2] in self._option_string_actions
                yield each[:2] if is_short else option

    def _check_value(self, action: Action, value: Any) -> None:  # noqa: ANN401 - as argparse has it
        """Name the nearest choice, all of them if none is near."""
        choices = [*(action.choices or ())]
        if choices and value not in choices:
            expected = hint(value, choices) or f"; expected one of {', '.join(choices)}"
            raise ArgumentError(action, f"invalid choice {quoted(value)}{expected}")

    def error(self, message: str) -> NoReturn:
        """Exit with the message alone; ``--help`` shows the usage."""
        self.exit(Exit.UNUSABLE, disarmed(f"{self.prog}: {escaped(message)}\n"))


def escaped(text: str) -> str:
    """Return the text with line breaks, control characters and lone surrogates escaped."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def disarmed(text: str) -> str:
    """Return the text with a space inserted into anything that a CI service would execute as a logging command."""
    return _COMMAND.sub(lambda found: f"{found[1]}: " if found[1] is not None else " ", text)


def prepare_output() -> None:
    """Make standard output and standard error usable.

    A closed one (``2>&-``) becomes a null device; characters that the encoding lacks are escaped.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, _nowhere())
        with suppress(AttributeError, OSError):  # a replaced stream, or one that is also open for reading
            getattr(sys, name).reconfigure(errors="backslashreplace")


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


Options = argparse._ActionsContainer  # noqa: SLF001 - the base of parsers and groups has no public name


class Once(Action):
    """Takes an option that may be given only once: what is given first would count for nothing."""

    def __call__(
        self,
        parser: ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # noqa: ANN401 - as argparse has it
        option: str | None = None,
    ) -> None:
        """Keep the value; ends the command where there is one."""
        if getattr(namespace, self.dest) != self.default:
            parser.error(f"argument {option}: given twice, expected once")
        setattr(namespace, self.dest, values)


class Commands(Protocol):
    """argparse's object to which sub-commands are added."""

    def add_parser(self, name: str, *, help: str) -> ArgumentParser:  # noqa: A002 - argparse's word
        """Return the parser of a new sub-command."""


class _ShowVersion(Action):
    """Looks the version up only when asked: it takes some milliseconds."""

    def __call__(self, parser: ArgumentParser, *_rest: Any) -> NoReturn:  # noqa: ANN401 - as argparse has it
        say(f"{parser.prog.split()[0]} {installed_version()}")
        parser.exit(Exit.SUCCESS)


def installed_version() -> str:
    """Return this package's version; ``unknown`` where its source is imported without being installed."""
    try:
        return version("mock-servicenow")
    except PackageNotFoundError:
        return "unknown"


def port(text: str) -> int:
    """Return a port; 0 takes a free one."""
    number = natural_number(text)
    if number is None or number > _MOST_PORT:
        raise ArgumentTypeError(f"invalid port {text!r}: expected 0 to {_MOST_PORT}")
    return number


def say(text: str) -> None:
    """Print a line and flush it; raises UsageError if standard output cannot be written."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError as error:
        sys.stdout = _nowhere()  # flushing the rest at exit would fail again, with another exit code
        raise UsageError(f"standard output cannot be written: {reason_of(error)}") from None


def complain(command: str, text: str) -> None:
    """Print a line on standard error, if it can be written."""
    try:
        sys.stderr.write(disarmed(f"{command}: {escaped(text)}\n"))
    except OSError:
        sys.stderr = _nowhere()  # as above
