"""What the commands print, and how they end."""

import sys
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command (interfaces: Commands)."""

    HELD = 0
    DID_NOT_HOLD = 1
    UNUSABLE = 2
    UNREACHABLE = 3


class UsageError(Exception):
    """An argument or a file cannot be used; the message is one line that names it."""


class UnreachableTargetError(Exception):
    """A target could not be reached; the message is one line that names it."""


def say(text: str) -> None:
    """Print a line at once, for a pipe too."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Print a line on standard error."""
    sys.stderr.write(f"console-sim: {text}\n")
