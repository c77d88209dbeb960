"""Finds secrets, and what is plainly personal, in texts that are copied.

The patterns are our own: detect-secrets 1.5.0, of 2024, reads code, finds no password in prose, XML or nested JSON, and
takes 3 ms a text.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, Self
from unicodedata import normalize

from mock_servicenow.pull.personal_values import PersonalValue, personal_values
from mock_servicenow.pull.pseudonyms import Pseudonyms
from privman_core.yaml_reader import load, read_text

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_OF_PROGRAMS = re.compile(r"""(?:["']|&quot;|&#34;)[\w .\\-]{1,60}(?:["']|&quot;|&#34;)\s{0,3}:\s{0,3}\S|<\?xml""")


class SecretPattern(NamedTuple):
    """A way to recognise secrets, as secrets.yaml describes it.

    Attributes:
        names: whether it finds what names a secret, rather than one.
    """

    has: Sequence[str]
    pattern: re.Pattern[str]
    names: bool
    examples: Sequence[str]

    def finds(self, text: str, lower: str) -> bool:
        """Return whether a text, also given in lower case, has such a secret."""
        has_any = not self.has or any(each in lower for each in self.has)
        return has_any and self.pattern.search(text) is not None


class SecretForms:
    """The ways to recognise secrets.

    Attributes:
        rows: these.
        about: matches texts that name secrets, and have none.
    """

    def __init__(self, said: Mapping[str, Any]) -> None:
        words = "|".join(said["words"]["patterns"])
        self._of_words: Sequence[str] = said["words"]["has"]
        self.about = re.compile(
            rf"(?:(?:{words}|{'|'.join(said['about'])})s?(?:[\s_./()?!-]{{1,3}}|$))++", re.IGNORECASE
        )
        self.rows = [self._row(each, words) for each in said["rows"]]

    @classmethod
    @cache
    def packaged(cls) -> Self:
        """Return those of secrets.yaml."""
        return cls(load(read_text(files("mock_servicenow.pull") / "secrets.yaml")))

    def are_in(self, text: str) -> bool:
        """Return whether a text has one, or names one and says more than a few words such as ``Password reset``."""
        if not text.isascii():
            text = normalize("NFKC", text).translate(_INVISIBLE)
        lower = text.lower()
        found = next((row for row in self.rows if row.finds(text, lower)), None)
        if found is None or not found.names:
            return found is not None
        return self.about.fullmatch(text) is None or any(row.finds(text, lower) for row in self.rows if not row.names)

    def _row(self, said: Mapping[str, Any], words: str) -> SecretPattern:
        pattern: str = said["pattern"]
        has = self._of_words if "{word}" in pattern else said.get("has", ())
        whole = re.compile(pattern.replace("{word}", words), re.IGNORECASE)
        return SecretPattern(has, whole, said.get("names", False), said["examples"])


class TextScreen:
    """Replaces and leaves out, in texts of any column and definition alike.

    Args:
        pseudonyms: take the place of what is personal.
    """

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._replaced = pseudonyms.replaced

    def clean(self, text: str, most: int = 0) -> str:
        """Return a text without addresses, long numbers and the like; empty for a secret.

        Args:
            text: any.
            most: characters that it may have at most; no limit without it.
        """
        if SecretForms.packaged().are_in(text):
            return ""
        found = [*personal_values(text)]
        made = self._with(text, ((each, self._replaced(each.kind, each.text)) for each in found))
        if not most or len(made) <= most or not found:
            return made
        fitting = ((each, self._replaced(each.kind, each.text, each.end - each.start)) for each in found)
        return self._with(text, fitting)

    def prose(self, text: str, most: int = 0) -> str:
        """Return free text so; empty, too, if it has JSON or is XML, as programs write it."""
        return "" if _OF_PROGRAMS.search(text) else self.clean(text, most)

    @staticmethod
    def _with(text: str, replacing: Iterable[tuple[PersonalValue, str]]) -> str:
        made, at = [], 0
        for value, pseudonym in replacing:
            made += [text[at : value.start], pseudonym]
            at = value.end
        return "".join([*made, text[at:]])
