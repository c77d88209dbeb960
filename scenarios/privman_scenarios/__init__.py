"""Scenarios of the webhook between Privilege Manager and ServiceNow: files, and the tool that plays them.

Four rooms, each of which imports only from those below it::

    commands   the commands and their reports
    analysis   many runs: variations, mutants, coverage, recordings, drift, fidelity, matrix
    playing    one scenario, played on two parties
    language   the scenario file: its words, its checks, its schema

A *party* is one of the two systems, ServiceNow or the console; a *target* is a party that already runs, at an
address that the user names.

Errors::

    ScenariosError
    ├── UnusableFileError        a file cannot be used; ``file: message``
    │   └── ScenarioFileError    a scenario file cannot be used; ``file:line: message``
    │       └── ScenarioFilesError   several, a line each
    ├── UnknownWordError         a fixture was called with an unknown word
    ├── WorkerLostError          a process that played scenarios was ended from outside
    └── TargetUnreachableError   a target did not answer, or is not what it should be
    ExpectationError             an expectation of a scenario or of a fixture does not hold
    ├── NotSavedError            a step uses a value that no step before it has saved
    └── NotOwnError              a record would be changed that this run has not created

What a test annotates and catches can be imported from here.
"""

from privman_core.early import load_when_asked as _load_when_asked

TYPE_CHECKING = False  # as typing has it, without loading it
_PUBLIC = {
    "ClockFixture": "privman_scenarios.party_fixture",
    "ConsoleFixture": "privman_scenarios.fixtures",
    "Decision": "privman_scenarios.decision",
    "DecisionDelivery": "privman_scenarios.decision",
    "ExpectationError": "privman_scenarios.errors",
    "FaultsFixture": "privman_scenarios.party_fixture",
    "ScenariosError": "privman_scenarios.errors",
    "ServiceNowFixture": "privman_scenarios.fixtures",
    "UnknownWordError": "privman_scenarios.errors",
    "UserFixture": "privman_scenarios.user_fixture",
    "WorldFixture": "privman_scenarios.fixtures",
}
__all__ = [
    "ClockFixture",
    "ConsoleFixture",
    "Decision",
    "DecisionDelivery",
    "ExpectationError",
    "FaultsFixture",
    "ScenariosError",
    "ServiceNowFixture",
    "UnknownWordError",
    "UserFixture",
    "WorldFixture",
]

if TYPE_CHECKING:
    from privman_scenarios.decision import Decision as Decision
    from privman_scenarios.decision import DecisionDelivery as DecisionDelivery
    from privman_scenarios.errors import ExpectationError as ExpectationError
    from privman_scenarios.errors import ScenariosError as ScenariosError
    from privman_scenarios.errors import UnknownWordError as UnknownWordError
    from privman_scenarios.fixtures import ConsoleFixture as ConsoleFixture
    from privman_scenarios.fixtures import ServiceNowFixture as ServiceNowFixture
    from privman_scenarios.fixtures import WorldFixture as WorldFixture
    from privman_scenarios.party_fixture import ClockFixture as ClockFixture
    from privman_scenarios.party_fixture import FaultsFixture as FaultsFixture
    from privman_scenarios.user_fixture import UserFixture as UserFixture
else:
    __getattr__ = _load_when_asked(__name__, _PUBLIC)
