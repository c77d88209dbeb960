"""Errors of a run and of its expectations (the tree is in the package's docstring)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from privman_contracts import ContractError
from privman_core.command_line import UsageError
from privman_scenarios.output import mask, presentable


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where a value is not as expected.

    Attributes:
        where: path into the value, such as ``metadata.PolicyId``; empty for the value itself.
    """

    where: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A value and where it is not as expected.

    Attributes:
        what: names the value, such as ``request #3``, and begins each difference's path; perhaps empty.
        value: as it came.
    """

    what: str
    value: object
    differences: tuple[Difference, ...]


class ScenariosError(Exception):
    """Something the user must put right; the message is one line for people, without secrets.

    Attributes:
        lines: the message, or one for each error.
    """

    def __init__(self, *messages: str) -> None:
        self.lines = tuple(presentable(mask(message)) for message in messages)
        super().__init__("\n".join(self.lines))


def lines_of(error: Exception) -> tuple[str, ...]:
    """Return the lines with which to complain of an error."""
    return error.lines if isinstance(error, ScenariosError) else (str(error),)


class UnusableFileError(ScenariosError):
    """A file cannot be used; the message begins with its name."""


UNUSABLE = (UnusableFileError, ContractError, UsageError, OSError)
"""Errors of arguments and files: a command that ends with one voids its reports."""


class ScenarioFileError(UnusableFileError):
    """A scenario file cannot be used; the message begins with file and line.

    Attributes:
        line: from 1; 0 for a file or folder that has none.
        why: the message without file and line.
        each: this error; of several errors all of them.
    """

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")
        self.file = file
        self.line = line
        self.why = presentable(mask(message))
        self.each: Sequence[ScenarioFileError] = (self,)


_MOST_SHOWN = 20


class ScenarioFilesError(ScenarioFileError):
    """Several of them; the message has the first of each file, others up to twenty lines, and counts the rest."""

    def __init__(self, errors: Sequence[ScenarioFileError]) -> None:
        firsts = {error.file: error for error in reversed(errors)}.values()
        others = [error for error in errors if error not in firsts][: max(0, _MOST_SHOWN - len(firsts))]
        lines = [str(error) for error in errors if error in firsts or error in others]
        more = len(errors) - len(lines)
        ScenariosError.__init__(self, *lines, *([f"{more} more errors"] if more > 0 else []))
        self.file, self.line, self.why = errors[0].file, errors[0].line, errors[0].why
        self.each = errors


class BrokenShardError(ScenarioFileError):
    """The report of a shard whose run could not begin because of its files; the message begins with the report."""

    def __init__(self, report: Path, why: str, flaws: Sequence[ScenarioFileError]) -> None:
        ScenariosError.__init__(self, f"{report}: expected a report of 'run --shard'; it says: {why}")
        self.file, self.line, self.why = flaws[0].file, flaws[0].line, flaws[0].why
        self.each = flaws


class UnknownWordError(ScenariosError):
    """A fixture was called with an unknown word or span; the message says what is valid."""


class WorkerLostError(ScenariosError):
    """A process that played scenarios was ended from outside, as by the system when memory ran out."""


class TargetUnreachableError(ScenariosError):
    """A target could not be reached, or refused what every target must allow."""


class ExpectationError(Exception):
    """A step's expectation does not hold.

    Attributes:
        expected: what the scenario wants, for people.
        got: the value that was there instead.
        comparison: the whole value that was compared, where there is one.
    """

    def __init__(self, expected: str, got: str, comparison: Comparison | None = None) -> None:
        self.expected = mask(expected)
        self.got = mask(got)
        # pytest prints it as it is.
        super().__init__(presentable(f"expected {self.expected}; got {self.got}"))
        self.comparison = comparison


class NotYetError(ExpectationError):
    """What a step does waits for something that has not happened yet; it did nothing, so it may be played again."""


class ControlRefusedError(ExpectationError):
    """A control plane refused a call and said why; the message is the call and that reason."""

    def __init__(self, call: str, why: str) -> None:
        super().__init__(f"{call} to be accepted", why)
        self.args = (presentable(f"{call}: {self.got}"),)


class NotSavedError(ExpectationError):
    """A step uses a value that no step before it has saved."""
