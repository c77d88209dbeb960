"""Finds addresses and long numbers in texts, whatever their punctuation.

It does not tell what a number is: every one of seven digits or more may be that of a telephone, a card or an account.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from unicodedata import category, normalize

_AT = r"(?:@|%40|&#0{0,4}64;|&#x0{0,4}40;|&commat;|\s?[(\[{]\s?at\s?[)\]}]\s?)"
_DOT = r"(?:\.|\s?[(\[{]\s?dot\s?[)\]}]\s?)"
_MAIL = re.compile(
    rf"""(?P<local>"[^"\n]{{1,62}}"|[^\s@<>]{{1,64}}){_AT}(?P<domain>\[?[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{0,8}})""",
    re.IGNORECASE,
)
_BETWEEN = r"(?:[ \t().,/-]|&nbsp;|&\#160;|%20)"
_HEX = r"[\dA-Fa-f]"
_NUMBERS = re.compile(
    rf"""
    (?=[\d:]|(?<![^\W_])[A-Za-z])
    (?:(?P<kept>
        (?<!\d)(?:19|20)\d\d-[01]\d-[0-3]\d(?:[ T][0-2]\d:[0-5]\d(?::[0-5]\d)?)?(?!\d)  # a day, and a time
        | (?<!\d)[0-3]?\d(?P<mark>[./])[01]?\d(?P=mark)(?:19|20)\d\d(?!\d)
        | (?<![\w-]){_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}(?![\w-])  # a GUID
        | (?<![^\W_])(?:INC|PRB|CHG|CTASK|PTASK|REQ|RITM|SCTASK|TASK|KB)\d{{7,10}}(?!\d)  # a record
    )
    | (?P<words>
        (?<![A-Za-z\d])[A-Z]{{2}}\d\d(?:[ .-]?[A-Z\d]{{4}}){{2,7}}(?:[ .-]?[A-Z\d]{{1,3}})?(?![A-Za-z\d])  # IBAN
        | (?<![A-Za-z\d])[A-Za-z]{{2}}\d\d(?=[A-Za-z]{{0,9}}\d)[A-Za-z\d]{{11,30}}(?![A-Za-z\d])  # IBAN
        | (?<!\d)(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?!\d)  # IPv4
        | (?<![A-Za-z\d])(?:{_HEX}{{1,4}}:){{1,7}}:[\dA-Fa-f:.]{{0,40}}  # IPv6
        | (?<![A-Za-z\d:])::{_HEX}[\dA-Fa-f:.]{{0,40}}  # IPv6
        | (?<![A-Za-z\d])(?:{_HEX}{{1,4}}[:-]){{5,7}}{_HEX}{{1,4}}(?![A-Za-z\d])  # IPv6, MAC
        | (?<![A-Za-z\d])(?:{_HEX}{{4}}\.){{2}}{_HEX}{{4}}(?!\.?[A-Za-z\d])  # MAC
    )
    | (?P<digits>\d(?:{_BETWEEN}{{0,5}}+\d){{6,}}+))
    """.replace("[ ", r"[\ "),
    re.VERBOSE,
)
_SIGN = re.compile(r"\d(?:[^\d\n]{0,9}\d){3}|::|[A-Fa-f]{2}[:-][A-Fa-f]{2}[:-]")
_AT_SIGN = re.compile(_AT, re.IGNORECASE)


class PersonalValue(NamedTuple):
    """An address or a number in a text.

    Attributes:
        start: of the first character.
        end: after the last character.
        kind: of the pseudonym.
        text: the value, in plain characters.
    """

    start: int
    end: int
    kind: str
    text: str


def personal_values(text: str) -> Iterator[PersonalValue]:
    """Yield the addresses and numbers in a text, from left to right."""
    plain = text if text.isascii() else text.translate(_PLAIN)
    at = 0
    for found in _MAIL.finditer(plain) if _AT_SIGN.search(plain) else ():
        yield from _numbers(plain, at, found.start())
        yield PersonalValue(*found.span(), "email", f"{found['local']}@{found['domain']}")
        at = found.end()
    yield from _numbers(plain, at, len(plain))


def _numbers(text: str, start: int, end: int) -> Iterator[PersonalValue]:
    for found in _NUMBERS.finditer(text, start, end) if _SIGN.search(text, start, end) else ():
        kind = found.lastgroup or ""
        if kind in {"words", "digits"}:
            yield PersonalValue(*found.span(), kind, found[0])


class _PlainCharacters(dict[int, str]):
    """The character of ASCII that another one stands for, if there is one."""

    def __missing__(self, code: int) -> str:
        made = self[code] = _plain(chr(code))
        return made


def _plain(character: str) -> str:
    match category(character):
        case "Zs":
            return " "
        case "Pd" | "Cf":  # dashes, and what is invisible
            return "-"
        case _:
            made = normalize("NFKC", character)
            return {"\u2212": "-", "\u00b7": ".", "\u2022": "."}.get(made, made if len(made) == 1 else character)


_PLAIN = _PlainCharacters()
