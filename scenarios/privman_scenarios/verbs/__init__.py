"""The verbs of each party, put together in one place."""

from privman_scenarios.verbs import clock, console, servicenow
from privman_scenarios.vocabulary import Vocabulary


def vocabulary() -> Vocabulary:
    """Return every verb that a scenario may use."""
    return Vocabulary([*console.verbs(), *servicenow.verbs(), *clock.verbs()], console.SET_UP)
