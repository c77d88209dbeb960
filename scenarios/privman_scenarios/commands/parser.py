"""A parser whose complaint is one line."""

import argparse
from typing import NoReturn, Protocol

from privman_scenarios.commands.exit_codes import UNUSABLE


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2 and the complaint."""
        self.exit(UNUSABLE, f"{self.prog}: {message}\n")


class Commands(Protocol):
    """Where a sub-command is added."""

    def add_parser(self, name: str, *, help: str) -> argparse.ArgumentParser:  # noqa: A002 - argparse's word
        """Return the parser of a new sub-command."""
