"""Finds secrets, and what is plainly personal, in texts that are copied.

The patterns are our own: detect-secrets 1.5.0, of 2024, reads code, finds no password in prose, XML or nested JSON, and
takes 3 ms a text.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple
from unicodedata import normalize

from mock_servicenow.pull.pseudonyms import Pseudonyms
from privman_core.yaml_reader import load, read_text

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_DIGITS = "0123456789"
_PERSONAL = tuple(
    (kind, signs, re.compile(pattern))
    for kind, signs, pattern in (
        ("email", "@", r"[^\s@<>()\[\],;:\"'=^&|?/\\]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}"),
        ("words", "([%", r"[\w.+-]{1,64} ?(?i:\(at\)|\[at\]|%40) ?[\w.-]{1,64}"),
        ("digits", "-", r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),  # social security
        ("words", _DIGITS, r"\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){3,7}(?: ?[A-Z\d]{1,3})?\b"),  # IBAN
        ("digits", _DIGITS, r"(?<![\w.-])(?:\d{4}[ -]){3}\d{1,7}(?![\w-])"),  # card
        ("digits", _DIGITS, r"(?<![\w.-])\d{13,19}(?![\w.-])"),  # card
        ("words", ".", r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"),  # IPv4
        ("words", ":-", r"(?<![\w:])(?:[\dA-Fa-f]{0,4}[:-]){4,7}[\dA-Fa-f]{1,4}(?![\w:])"),  # IPv6, MAC
        ("words", ":", r"(?<![\w:])(?:[\dA-Fa-f]{1,4}:){1,7}:[\dA-Fa-f:]{0,30}"),  # IPv6
        ("digits", _DIGITS, r"(?<![\w.])(?:\+\d|\(0|0[1-9]|00)[\d ()/.-]{5,20}\d(?!\w)"),  # telephone
        ("digits", _DIGITS, r"(?<![\w.])(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\w)"),  # telephone
    )
)
"""Values that are plainly personal, whatever their column is called: what becomes of them, and characters of which a
text with one has any."""

_OF_PROGRAMS = re.compile(r"""(?:["']|&quot;|&#34;)[\w .\\-]{1,60}(?:["']|&quot;|&#34;)\s{0,3}:\s{0,3}\S|<\?xml""")


class SecretPattern(NamedTuple):
    """A way to recognise secrets, as secrets.yaml describes it."""

    has: Sequence[str]
    pattern: re.Pattern[str]
    is_for_text: bool
    examples: Sequence[str]

    def finds(self, text: str, lower: str) -> bool:
        """Return whether a text, also given in lower case, has such a secret."""
        has_any = not self.has or any(each in lower for each in self.has)
        return has_any and self.pattern.search(text) is not None


@cache
def secret_rows() -> Sequence[SecretPattern]:
    """Return the ways to recognise secrets."""
    found: Any = load(read_text(files("mock_servicenow.pull") / "secrets.yaml"))
    return [_row(each, found["words"]) for each in found["rows"]]


def _row(said: Mapping[str, Any], words: Mapping[str, Sequence[str]]) -> SecretPattern:
    pattern: str = said["pattern"]
    has = words["has"] if "{word}" in pattern else said.get("has", ())
    whole = pattern.replace("{word}", "|".join(words["patterns"]))
    return SecretPattern(has, re.compile(whole, re.IGNORECASE), said.get("in") == "text", said["examples"])


class TextScreen:
    """Replaces and leaves out.

    Args:
        pseudonyms: take the place of what is personal.
    """

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._replaced = pseudonyms.replaced

    def label(self, text: str) -> str:
        """Return a text of a definition without addresses, numbers of accounts and the like; empty for a secret."""
        return "" if _has_secret(text, in_text=False) else self._without_personal_data(text)

    def free_text(self, text: str) -> str:
        """Return any other text so; empty, too, if it only names a secret."""
        return "" if _has_secret(text, in_text=True) else self._without_personal_data(text)

    def prose(self, text: str) -> str:
        """Return free text so; empty, too, if it has JSON or is XML, as programs write it."""
        return "" if _OF_PROGRAMS.search(text) else self.free_text(text)

    def _without_personal_data(self, text: str) -> str:
        for kind, signs, pattern in _PERSONAL:
            if any(each in text for each in signs):
                text = pattern.sub(self._replacing(kind), text)
        return text

    def _replacing(self, kind: str) -> Callable[[re.Match[str]], str]:
        return lambda found: self._replaced(kind, found[0])


def _has_secret(text: str, *, in_text: bool) -> bool:
    if not text.isascii():
        text = normalize("NFKC", text).translate(_INVISIBLE)
    lower = text.lower()
    return any(row.finds(text, lower) for row in secret_rows() if in_text or not row.is_for_text)
