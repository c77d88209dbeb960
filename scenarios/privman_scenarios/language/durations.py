"""Checks of how long an approval lasts: the console and ServiceNow each write it their own way."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from privman_scenarios.language.checks import Check, Flaw
from privman_scenarios.language.model import Arguments, Own


@dataclass(frozen=True, slots=True)
class DurationForm:
    """How a duration is written; empty text is none.

    Attributes:
        words: what is expected, for messages.
    """

    pattern: re.Pattern[str]
    words: str

    def check(self, value: Any, _arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
        """Find a text that is not a duration."""
        if value == "" or self.pattern.fullmatch(value) or value in own.get("words", ()):
            return
        hint = "If it is wrong on purpose, list it under 'own: words'."
        yield Flaw((), f"invalid duration {value!r}. Expected {self.words}, or '' for none. {hint}")

    def expected(self, check: Check) -> Check:
        """Return a check of an expectation that also finds a plain text that is not a duration."""

        def checks(value: Any, arguments: Arguments, own: Own) -> Iterator[Flaw]:  # noqa: ANN401 - any argument
            yield from check(value, arguments, own)
            for each in value["one-of"] if isinstance(value, Mapping) and "one-of" in value else [value]:
                if isinstance(each, str):
                    yield from self.check(each, arguments, own)

        return checks


_TIME = "[0-5][0-9]:[0-5][0-9]"
ON_THE_WIRE = DurationForm(re.compile(f"[0-9]{{2,4}}:{_TIME}"), "hours, minutes and seconds such as '02:00:00'")
"""What an approver enters, and what the console shows."""
KEPT = DurationForm(
    re.compile(f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} [0-9]{{2}}:{_TIME}"),
    "the end of a duration that begins at 1970-01-01, such as '1970-01-01 02:00:00'",
)
"""What ServiceNow's Table API shows."""
