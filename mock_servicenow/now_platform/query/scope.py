"""What every test of one query may look at."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.query.javascript import evaluate

if TYPE_CHECKING:
    from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
    from mock_servicenow.now_platform.query.context import QueryContext


@dataclass(frozen=True, slots=True)
class Scope:
    """The tables of the instance, and who asks when."""

    dictionary: "Dictionary"
    context: "QueryContext"

    def evaluate(self, value: str) -> str:
        """Return a value as it is compared; raises RefusedError."""
        return evaluate(value, self.context)
