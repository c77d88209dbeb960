"""Judge which contracts of the console and of the app, and which release, can ship together."""

from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Self

from privman_contracts import Contracts, WireNames
from privman_contracts.compatibility import NAMES_FILE as NAMES
from privman_contracts.compatibility import Change, compare
from privman_contracts.contracts import open_set
from privman_contracts.written_names import override_text
from privman_core.clock import RealClock
from privman_scenarios.errors import TargetUnreachableError
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.mock_options import MockOptions
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder, fresh_console, fresh_servicenow, restricting_rows


@dataclass(frozen=True, slots=True)
class ContractSet:
    """A contract set.

    Attributes:
        name: what the user calls it.
        inferred: a file of the names that differ from the packaged set, to start a fake with.
    """

    name: str
    contracts: Contracts
    inferred: Path

    @classmethod
    def open(cls, name: str, inferred: Path) -> Self:
        """Return the set, and write the file ``inferred``; raises ContractError."""
        contracts = open_set(name)
        packaged = {each.path: each.value for each in WireNames.load()}
        changed = [each for each in contracts.names if packaged.get(each.path, each.value) != each.value]
        inferred.write_text(override_text(changed), encoding="utf-8")
        return cls(name, contracts, inferred)


@dataclass(frozen=True, slots=True)
class Combination:
    """The contracts of the console and of the app, and the release that the app is installed on."""

    console: ContractSet
    app: ContractSet
    release: str


@dataclass(frozen=True, slots=True)
class MatrixVerdict:
    """Whether a combination can ship.

    Attributes:
        reasons: why it cannot; none when it can.
    """

    combination: Combination
    reasons: tuple[str, ...]


_BETWEEN_THE_TWO = frozenset({"console", "servicenow"})
# Rules that the app follows in delivering and the console relies on; no short round trip shows them.
_RELIED_ON = frozenset(
    f"rules.{rule}"
    for rule in (
        "retried_statuses",
        "token_renewed_statuses",
        "token_renewals",
        "shortest_wait",
        "most_retries",
        "longest_timeout",
    )
)
_GATE = (
    "a newly provisioned instance of the release admits only exempt users by Basic authentication, "
    "which the console uses; "
    "--basic-auth-allowed exempts its users"
)


class Judge:
    """Tells of combinations whether they can ship.

    Args:
        folder: where a file may be written.
        mock: what else each instance is started with.
        basic_auth_allowed: whether the console's users may use Basic authentication on the newest releases.
    """

    def __init__(self, folder: Path, mock: MockOptions, *, basic_auth_allowed: bool) -> None:
        self._rows = folder / "rows.yaml"
        self._mock = mock
        self._basic_auth_allowed = basic_auth_allowed
        file = Path(str(resources.files("privman_scenarios.analysis") / "round-trip.yaml"))
        (self._round_trip,) = Loader(vocabulary()).load([file])

    async def judge(self, combination: Combination) -> MatrixVerdict:
        """Return whether the combination can ship, else why not."""
        changes = compare(combination.app.contracts, combination.console.contracts, _BETWEEN_THE_TWO)
        reasons = [str(change) for change in changes if change.part != NAMES and "servicenow" in change.broken]
        if not reasons and (reason := await self._play(combination)):
            reasons = [reason, *(_in_words(each, combination) for each in _renamed(changes))]
        reasons += [_in_words(each, combination) for each in _rules_not_kept(combination)]
        return MatrixVerdict(combination, tuple(reasons))

    async def _play(self, combination: Combination) -> str:
        """Return why the round trip does not succeed; empty when it does."""
        app = combination.app.inferred
        rows = "" if self._basic_auth_allowed else restricting_rows(combination.release)
        self._rows.write_text(rows, encoding="utf-8")
        async with AsyncExitStack() as stack:
            mock = replace(self._mock, release=combination.release, data=(*self._mock.data, self._rows))
            instance = await stack.enter_async_context(fresh_servicenow(mock, app))
            console = await stack.enter_async_context(fresh_console(combination.console.inferred))
            engine = Engine(vocabulary(), WorldBuilder(0, app, instance, console, reset=True), [], RealClock())
            try:
                ended = await engine.play(self._round_trip)
            except TargetUnreachableError:
                return _GATE
        failure = ended.failure
        return f"{failure.step}: expected {failure.expected}; got {failure.got}" if failure else ended.reason


def _rules_not_kept(combination: Combination) -> Iterator[Change]:
    """Yield the rules on which the console relies and that the app does not follow."""
    changes = compare(combination.console.contracts, combination.app.contracts, _BETWEEN_THE_TWO)
    return (each for each in changes if each.where in _RELIED_ON and "console" in each.broken)


def _renamed(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield the names that differ between console and app, which is why a round trip fails."""
    return (change for change in changes if change.part == NAMES and change.broken)


def _in_words(change: Change, combination: Combination) -> str:
    """Return how the two differ, and which of them an instance has shown."""
    sides = {"console": combination.console, "app": combination.app}
    known = {
        side: each.observation
        for side, contracts in sides.items()
        for each in contracts.contracts.names
        if each.path == change.where
    }
    observed = (f"; {side}: {observation}" for side, observation in known.items() if observation)
    return "".join((f"console, app: {change.where} {change.text}", *observed))
