"""Pseudonyms of personal data: the same value has the same one, and only the holder of the seed can tell which."""

import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.errors import SetupError
from privman_core.inputs import quoted
from privman_core.near_words import hint
from privman_core.yaml_reader import YamlError, load, read_text

NEVER, DROP = "never", "drop"
_REPLACED = ("words", "email", "digits")
TREATMENTS = (NEVER, DROP, *_REPLACED)
_LISTS = ("tables", "columns", "types")
_KEYS = (*_LISTS, "longer_than", "as")
_WORD = re.compile(r"[^\W_]+")
_DIGIT = re.compile(r"\d")
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aeio"
_SYLLABLES = 8
"""Of 64 each: of a million words no two are likely to have the same pseudonym."""


@dataclass(frozen=True, slots=True)
class PseudonymRule:
    """A rule, as the file of rules describes it."""

    treatment: str
    tables: Sequence[str] = ()
    columns: Sequence[str] = ()
    types: Sequence[str] = ()
    longer_than: int = 0

    def fits(self, lineage: Iterable[str], column: Column) -> bool:
        """Return whether the rule is about a column of a table with that lineage."""
        return (
            (not self.types or column.type in self.types)
            and (not self.columns or _matches(column.name, self.columns))
            and (not self.longer_than or column.max_length > self.longer_than)
            and (not self.tables or any(_matches(table, self.tables) for table in lineage))
        )


def packaged_rules() -> Traversable:
    """Return the file of the rules that ship."""
    return files("mock_servicenow.pull") / "pseudonyms.yaml"


def read_rules(file: Traversable) -> list[PseudonymRule]:
    """Return the rules in a file; raises SetupError."""
    try:
        found = load(read_text(file))
    except YamlError as error:
        raise SetupError(error.located(file.name)) from None
    if not isinstance(found, list):
        raise SetupError(f"{file.name}: expected a list of rules")
    return [_rule(each, f"{file.name}, rule {number}") for number, each in enumerate(found, 1)]


def _rule(given: Any, where: str) -> PseudonymRule:  # noqa: ANN401 - YAML holds anything
    if not isinstance(given, dict):
        raise SetupError(f"{where} is {quoted(given)}; expected a mapping")
    for key in given:
        if key not in _KEYS:
            raise SetupError(
                f"{where} has key {quoted(key)}{hint(str(key), _KEYS)}; expected one of {', '.join(_KEYS)}"
            )
    treatment, longer_than = given.get("as"), given.get("longer_than", 0)
    if treatment not in TREATMENTS:
        near = hint(str(treatment), TREATMENTS)
        raise SetupError(f"{where} has as {quoted(treatment)}{near}; expected one of {', '.join(TREATMENTS)}")
    for key in _LISTS:
        if not isinstance(given.get(key, []), list) or not all(isinstance(each, str) for each in given.get(key, [])):
            raise SetupError(f"{where} has {key} {quoted(given[key])}; expected a list of names or patterns")
    if type(longer_than) is not int:
        raise SetupError(f"{where} has longer_than {quoted(longer_than)}; expected a whole number")
    tables, columns, types = (given.get(key, ()) for key in _LISTS)
    return PseudonymRule(treatment, tables, columns, types, longer_than)


def treatment_of(rules: Iterable[PseudonymRule], lineage: Sequence[str], column: Column) -> str:
    """Return how a column's values are treated: one of `TREATMENTS`, or empty for a copy."""
    return next((rule.treatment for rule in rules if rule.fits(lineage, column)), "")


class Pseudonyms:
    """Makes pseudonyms.

    Args:
        seed: the same seed gives the same pseudonyms.
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._words: dict[str, str] = {}
        self._kinds: Mapping[str, Callable[[str], str]] = {
            "words": self.words,
            "email": self.email,
            "digits": self.digits,
        }

    def replaced(self, treatment: str, value: str) -> str:
        """Return the pseudonym of a value, never the value itself; an empty one stays."""
        if not value:
            return value
        made = self._kinds[treatment](value)
        return made if made != value else self._word(value)

    def words(self, text: str) -> str:
        """Return the text with each word and number replaced, so that a name and its parts stay alike."""
        return _WORD.sub(lambda found: self._like(found[0]), text)

    def email(self, text: str) -> str:
        """Return an address that nobody has."""
        name, at, domain = text.partition("@")
        return f"{self.words(name)}@{self._word(domain.lower())}.example" if at else self.words(text)

    def digits(self, text: str) -> str:
        """Return the text with its digits replaced, in their places."""
        given = "".join(_DIGIT.findall(text))
        if not given:
            return self.words(text)
        made = iter(self._number(given))
        return _DIGIT.sub(lambda _found: next(made), text)

    def _like(self, word: str) -> str:
        """Return the pseudonym of a word, with a capital where the word has one."""
        if word.isdecimal():
            return self._number(word)
        made = self._word(word.casefold())
        return made.capitalize() if word[:1].isupper() else made

    def _number(self, number: str) -> str:
        for attempt in range(100):
            drawn = int.from_bytes(self._drawn(f"number {attempt}", number)) % 10 ** len(number)
            made = f"{drawn:0{len(number)}d}"
            if made != number:
                return made
        raise AssertionError  # pragma: no cover - with a probability of 10 to the power of -100

    def _word(self, word: str) -> str:
        known = self._words.get(word)
        if known is None:
            drawn = int.from_bytes(self._drawn("word", word))
            syllables = (
                _CONSONANTS[drawn >> 6 * at & 15] + _VOWELS[drawn >> 6 * at + 4 & 3] for at in range(_SYLLABLES)
            )
            known = self._words[word] = "".join(syllables)
        return known

    def _drawn(self, purpose: str, text: str) -> bytes:
        return hmac.digest(self._seed, f"{purpose}\0{text}".encode(), "sha256")


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
