"""Collect the errors of scenario files, so that all are shown at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from privman_scenarios.errors import ScenarioFileError, ScenarioFilesError


class UnreadError(Exception):
    """Something depends on what could not be read, of which the error is collected already."""


class CollectedErrors:
    """The errors found so far, each once: every row of examples repeats those of its scenario.

    Attributes:
        count: of the errors, with those that were repeated or follow from another.
    """

    def __init__(self) -> None:
        self._found: dict[str, ScenarioFileError] = {}
        self.count = 0

    def add(self, error: ScenarioFileError) -> None:
        """Keep an error."""
        self.count += 1
        self._found.setdefault(str(error), error)

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Keep the error that ends the block, if one does."""
        try:
            yield
        except ScenarioFileError as error:
            self.add(error)
        except UnreadError:
            self.count += 1

    @contextmanager
    def of_a_file(self) -> Iterator[None]:
        """Keep the errors of the block in the order of their lines."""
        before = dict(self._found)
        with self.caught():
            yield
        new = [each for message, each in self._found.items() if message not in before]
        self._found = before | {str(each): each for each in sorted(new, key=lambda each: each.line)}

    def raise_any(self) -> None:
        """Raise ScenarioFileError if there are any errors."""
        errors = list(self._found.values())
        if errors:
            raise errors[0] if len(errors) == 1 else ScenarioFilesError(errors)
