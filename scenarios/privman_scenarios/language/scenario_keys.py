"""The keys of a scenario that are no steps: title, tags, source, check, seed, clock, own and when."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, get_args

from privman_core.near_words import advice
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language.collected_errors import CollectedErrors
from privman_scenarios.language.model import OWN, Check, Own
from privman_scenarios.language.rule_conditions import When, flaw_of_condition
from privman_scenarios.language.variables import Saved, names_in
from privman_scenarios.language.yaml_nodes import Located, Row, fill_example

CHECKS = get_args(Check)
# Far enough from either end of what a date can hold that a virtual clock never gets there.
YEARS = (1970, 2999)
_MOMENT = f"Expected a moment, '2026-01-05T09:00:00Z', from {YEARS[0]} to {YEARS[1]}."


class ScenarioKeys:
    """The keys of one document.

    Args:
        keys: by name, those of the steps among them.
        line: where the document begins.
        saved: names that are known before any step.
    """

    def __init__(self, keys: Mapping[str, Located], file: str, line: int, saved: Saved) -> None:
        self._keys = keys
        self._file = file
        self._line = line
        self._saved = saved

    def read(self, row: Row, errors: CollectedErrors) -> dict[str, Any]:
        """Return the fields of a Scenario by name; one that cannot be read is missing, and its error collected."""
        found = {}
        for name, reader in _READERS.items():
            with errors.caught():
                found[name] = reader(self, row)
        return found

    def text(self, key: str, *, required: bool = False) -> str:
        """Return a text; raises ScenarioFileError, as all below."""
        located = self._keys.get(key, Located("", self._line))
        if required and key not in self._keys:
            raise self._error(located, f"{key!r} is missing. Expected text, one fact in a sentence.")
        if not isinstance(located.value, str) or (required and not located.value):
            expected = "text that is not empty" if required else "text"
            raise self._error(located, f"{key!r} is {located.plain()!r}. Expected {expected}.")
        return located.value

    def tags(self) -> frozenset[str]:
        """Return the tags."""
        located = self._keys.get("tags", Located([], self._line))
        tags = located.plain()
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise self._error(located, f"'tags' is {tags!r}. Expected a list of words.")
        return frozenset(tags)

    def kind_of_check(self) -> Check:
        """Return what must hold."""
        located = self._keys.get("check", Located("steps", self._line))
        if located.value not in CHECKS:
            raise self._error(located, f"'check' is {located.plain()!r}. Expected one of {', '.join(CHECKS)}.")
        check: Check = located.value
        return check

    def seed(self) -> int | None:
        """Return the seed of the identifiers."""
        located = self._keys.get("seed", Located(None, self._line))
        if located.value is not None and type(located.value) is not int:
            raise self._error(located, f"'seed' is {located.plain()!r}. Expected a whole number.")
        return located.value

    def clock(self) -> datetime | None:
        """Return when virtual time begins, in UTC."""
        located = self._keys.get("clock", Located(None, self._line))
        if located.value is None:
            return None
        moment = _moment(located.value)
        if moment is None or moment.tzinfo is None:
            raise self._error(located, f"'clock' is {located.plain()!r}. {_MOMENT}")
        return moment.astimezone(UTC)

    def when(self, row: Row) -> When:
        """Return what inferred rules must be."""
        located = self._filled("when", row)
        if not isinstance(located.value, dict):
            raise self._error(located, f"'when' is {located.plain()!r}. Expected conditions by rule.")
        for rule, condition in located.value.items():
            if flaw := flaw_of_condition(rule, condition.plain()):
                raise self._error(condition, f"when: {flaw}")
        when: When = located.plain()
        return when

    def own(self, row: Row) -> Own:
        """Return the words of the user's own instance, with the values of variables: they are known before any step."""
        located = self._filled("own", row)
        if not isinstance(located.value, dict):
            raise self._error(located, f"'own' is {located.plain()!r}. Expected lists of words by kind.")
        for kind, words in located.value.items():
            if kind not in OWN:
                raise self._error(words, f"'own' has no kind {kind!r}. {advice(kind, OWN)}")
            if not isinstance(words.value, list) or not all(isinstance(word.value, str) for word in words.value):
                raise self._error(words, f"own {kind} is {words.plain()!r}. Expected a list of words.")
        for flaw in filter(None, map(self._saved.why_unknown, names_in(located.plain()))):
            raise self._error(located, f"own: {flaw}")
        own: Own = self._saved.fill(located.plain())
        return own

    def _filled(self, key: str, row: Row) -> Located:
        return fill_example(self._keys.get(key, Located({}, self._line)), row, self._file)

    def _error(self, located: Located, message: str) -> ScenarioFileError:
        return ScenarioFileError(located.file or self._file, located.line, message)


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if YEARS[0] <= moment.year <= YEARS[1] else None


_READERS: Mapping[str, Callable[[ScenarioKeys, Row], object]] = {
    "title": lambda keys, _row: keys.text("title", required=True),
    "tags": lambda keys, _row: keys.tags(),
    "source": lambda keys, _row: keys.text("source"),
    "check": lambda keys, _row: keys.kind_of_check(),
    "seed": lambda keys, _row: keys.seed(),
    "clock": lambda keys, _row: keys.clock(),
    "when": ScenarioKeys.when,
    "own": ScenarioKeys.own,
}
