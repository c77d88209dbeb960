"""Places of secrets, whatever their value: fields, parameters, elements, form parts and headers with secret names.

A text is read word by word, and each value once, so the time is linear. A value without an end extends to the end of
the text.
"""

import re
from base64 import b64decode
from collections.abc import Collection, Iterator
from functools import lru_cache
from itertools import chain
from typing import cast

from msgspec import Struct

from privman_core.secret_names import (
    ENDINGS,
    KINDS_OF_KEYS,
    SECRET_HEADERS,
    end_of_secret_name,
    is_secret_field,
    is_secret_header,
)
from privman_core.spans import Span

# A quick test: a text without any of these has no such place.
_STEMS = (
    *(
        "passw",
        "passcode",
        "pass-",
        "pass_",
        "pwd",
        "passphrase",
        "secret",
        "token",
        "sysparm_ck",
        "assertion",
        "verifier",
    ),
    *("authori", "authenti", "cookie", "basic ", "bearer ", "sys_properties", "x-auth", "x-pass", "x-cred"),
    *(f"{kind}{joined}key" for kind in KINDS_OF_KEYS for joined in ("", "_", "-", " ", "+")),
)
_EMPTY = frozenset({"", "null", "true", "false"})
_LONGEST_DISPOSITION = 200
_LONGEST_NAMESPACE = 64
_LONGEST_KIND = max(map(len, KINDS_OF_KEYS)) + 1
_WORD = re.compile(r"[A-Za-z0-9_-]++")
_COLUMN = re.compile(r"(?:OR|NQ)?([a-z0-9_]++)")
_BLANK = re.compile(r"[+ ]|%20")
_KIND_OF_KEY = re.compile(rf"({'|'.join(KINDS_OF_KEYS)})[ +]\Z", re.IGNORECASE)
_COLON, _COMMA = re.compile(r"\s*+:\s*+"), re.compile(r"\s*+,\s*+")
_BEFORE_NAME = re.compile(r"""\s*+,\s*+["'](?:name|type)["']\s*+:\s*+["']""")
_STRINGS = {
    '"': re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL),
    "'": re.compile(r"[^'\\]*+(?:\\.[^'\\]*+)*+", re.DOTALL),
}
_LITERAL = re.compile(r"[^\s,\]}]*+")
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_SIGN = re.compile(r"\]?(?:!=|[<>]?=)")
_PATTERN = re.compile(r"!?\*|[<>]|%(?![0-9A-Fa-f]{2})")
_OPERATOR = re.compile(
    "STARTSWITH|ENDSWITH|CONTAINS|DOES NOT CONTAIN|BETWEEN|CHANGESTO|CHANGESFROM|N?SAMEAS"
    "|MATCH_(?:PAT|RGX)|(?:NOT ?)?LIKE|(?:NOT )?IN"
)
# The rest of a term whose operator is unknown or stands after a blank: all of it may be the value.
_MISSPELT = re.compile(r"""(?:[^&^%"'<>\r\n]|%(?!5[Ee]))*+""")
_HAVING = re.compile(r"\^(?:[!<>]?=|[<>]|[a-z ]{1,20})\^", re.IGNORECASE)
_CONDITION, _CONDITION_IN_PROSE = re.compile(r"[^,&\r\n]*+"), re.compile(r"""[^,&\s"'<>]*+""")
_ATTRIBUTE = re.compile(r"""\s++value\s*+=\s*+(?=["'])""", re.IGNORECASE)
# Any other operator that takes an operand.
_ANY_OPERATOR = re.compile(r"(?!(?:(?:IS(?:NOT)?|NOT)?EMPTY|EMPTYSTRING|ANYTHING|VALCHANGES)\b)[A-Z]{2}")
# An operator, so that the column's name was whole; or another name of a list.
_ENDS_NAME = re.compile(rf"{_SIGN.pattern}|{_PATTERN.pattern}|{_ANY_OPERATOR.pattern}|,|%2[Cc]")
_ADDRESS = re.compile(r"""(?:\.do)?\?[^\s"'<>\\]*+""")
_PARAMETERS = re.compile(r"(?:[a-z][a-z+.-]{0,20}:/)?/|[\w.%+-]{1,256}=", re.IGNORECASE)
_LINE, _PARAMETER, _PARAMETER_IN_PROSE = (re.compile(f"[^{ends}]*+") for ends in (r"\r\n", r"&\r\n", r"""&\s"'<>\\"""))
# The beginning of the next term: anything else after a ``^`` belongs to the value.
_NEXT = (
    r"(?:(?:OR|NQ)?+[a-z0-9_.]++(?:[!=<>*]|%(?:2[1Aa]|3[C-Ec-e])|[A-Z]{2}|(?:%20|[+ ])[A-Z]{2})"
    r"|ORDERBY|GROUPBY|(?:EQ|NQ)(?![A-Za-z0-9])|(?:END)?(?:RLQUERY|JOIN|SUBQUERY)|123TEXTQUERY321)"
)
_TERM, _TERM_IN_PROSE = (
    re.compile(rf"(?:[^&^%{ends}]|%(?!5[Ee])|(?:\^|%5[Ee])(?!{_NEXT}))*+") for ends in (r"\r\n", r"\s")
)
_TAG_GOES_ON = re.compile(r"[>\s]")
_OPENING = re.compile(r"<(?:[\w.-]{1,60}:)?\Z")
_PASSWORD_IN_URL = re.compile(r"""[^\s/?#@:"'<>]*+:([^\s/?#@"'<>]*+)@""")
_CREDENTIAL = re.compile(r"[A-Za-z0-9._~+/-]*+=*+")
_LIKELY_TOKEN = 16
_PROPERTIES = frozenset({"sys_properties", "sys_properties_list"})
_TELLING = frozenset({"key", "basic", "bearer"}) | SECRET_HEADERS | _PROPERTIES
_VALUE = ("value", "orvalue", "nqvalue")  # of a system property
_LONGEST_REMEMBERED = 64  # characters of a word


class SecretPlace(Struct, frozen=True):
    """The place of a secret.

    Attributes:
        span: of its value.
        quote: span of a quote to put around the mask, so that the text stays JSON; None if none is needed.
    """

    span: Span
    quote: Span | None = None


def places(text: str, fields: Collection[str] = (), parameters: Collection[str] = ()) -> Iterator[SecretPlace]:
    """Yield the places of secrets in a text.

    Args:
        text: the text.
        fields: lower-case names of more secret fields.
        parameters: lower-case names of secret parameters, which ``=`` follows, as in URLs and forms.
    """
    lowered = text.lower()
    if any(map(lowered.__contains__, chain(_STEMS, fields, parameters))) or ("@" in lowered and "://" in lowered):
        yield from _Reader(text, fields, parameters).places()


def last_word(name: str) -> str:
    """Return the end of a name that is one word for `places`, in lower case; the whole name if none is."""
    words = _WORD.findall(name.lower())
    return words[-1] if words else name


def _is_header(name: str) -> bool:
    """Return whether a word is the name of a secret header; one without ``X-`` may as well be that of a field."""
    return name in SECRET_HEADERS or (name.startswith("x-") and is_secret_header(name))


@lru_cache(4_096)
def _is_telling(word: str) -> bool:
    """Return whether a secret may follow the word because of the word alone."""
    lowered = word.lower()
    return (
        lowered in _TELLING
        or _is_header(lowered)
        or lowered.startswith(_VALUE)
        or any(map(lowered.replace("_", "").replace("-", "").__contains__, ENDINGS))
    )


class _Reader:
    """Reads one text."""

    def __init__(self, text: str, fields: Collection[str], parameters: Collection[str]) -> None:
        self._text = text
        self._fields = fields
        self._parameters = parameters
        self._is_parameters = _PARAMETERS.match(text) is not None
        self._last_value: Span = (0, 0)
        self._marks_not_ahead: set[str] = set()
        self._of_properties = 0  # end of the last sys_properties URL
        self._further = [name for name in (*fields, *parameters) if not _is_telling(name)]

    def places(self) -> Iterator[SecretPlace]:
        at = 0
        while word := _WORD.search(self._text, at):
            at = word.end()
            if not self._may_matter(word[0], at):
                continue
            for place in self._after_word(word):
                at = max(at, place.span[1])
                if place.span[0] < place.span[1]:
                    yield place

    def _may_matter(self, word: str, end: int) -> bool:
        """Return whether there may be a place after a word; false for most, in a fraction of the time to look."""
        if len(word) > _LONGEST_REMEMBERED or _is_telling(word) or self._text.startswith("://", end):
            return True
        return bool(self._further) and any(map(word.lower().__contains__, self._further))

    def _after_word(self, word: re.Match[str]) -> Iterator[SecretPlace]:
        """Yield the places after a word."""
        name, end = word[0].lower(), word.end()
        if name in _PROPERTIES and end > self._of_properties and (address := _ADDRESS.match(self._text, end)):
            self._of_properties = address.end()
        follower = self._text[end : end + 1]
        if self._may_end_term(word, follower) and (operand := self._operand_in(word)):
            yield SecretPlace(operand)
        elif follower in ('"', "'"):
            yield from self._after_quoted_name(word)
        elif follower == ":":
            yield from self._before_colon(word)
        elif follower == " " and name in ("basic", "bearer"):
            yield from self._after_scheme(name, end + 1)
        elif operand := self._operand_in(word):
            yield SecretPlace(operand)
        elif self._is_secret(word):
            yield from self._after_field_name(word.start(), end)

    def _may_end_term(self, word: re.Match[str], follower: str) -> bool:
        """Return whether a word before a quote may be a term: one that a message quotes, or the last of a URL."""
        return follower == "'" or (follower == '"' and self._is_term(word.start()))

    def _is_secret(self, word: re.Match[str]) -> bool:
        """Return whether a field of that name is secret; the name may have two words, as in ``API Key``."""
        name = word[0].lower()
        if name != "key":
            return self._holds_secret(name, word.start()) or self._is_parameter(name, word.end())
        if self._is_parameter(name, word.end()) or name in self._fields:
            return True
        before = self._text[max(0, word.start() - _LONGEST_KIND) : word.start()]
        return _KIND_OF_KEY.search(before) is not None

    def _holds_secret(self, name: str, start: int) -> bool:
        """Return whether a column is secret; the value of a system property counts."""
        return is_secret_field(name) or name in self._fields or (name == "value" and start < self._of_properties)

    def _is_parameter(self, name: str, end: int) -> bool:
        return name in self._parameters and self._text[end : end + 1] == "="

    def _after_quoted_name(self, word: re.Match[str]) -> Iterator[SecretPlace]:
        """Yield the places after a quoted name: a key, a header in a list, a form part."""
        text, after, secret = self._text, word.end() + 1, self._is_secret(word)
        secret = secret or _is_header(word[0].lower())
        if secret and self._is_part(word.start()):
            yield self._part(word.end())
        elif colon := _COLON.match(text, after):
            if secret:
                yield from self._value(colon.end(), (word.end(), after))
            elif word[0] == "value" and text[colon.end() : colon.end() + 1] in _STRINGS:
                self._last_value = self._string(colon.end())
        elif secret and (attribute := _ATTRIBUTE.match(text, after)):
            yield SecretPlace(self._string(attribute.end()))
        elif secret:
            yield from self._named_value(word, after)

    def _named_value(self, word: re.Match[str], after: int) -> Iterator[SecretPlace]:
        """Yield the value of a name: the other member of its object, or the next item of its list."""
        text = self._text
        ahead = _BEFORE_NAME.match(text, self._last_value[1] + 1)
        if ahead and ahead.end() == word.start():
            yield SecretPlace(self._last_value)
        comma = _COMMA.match(text, after)
        if comma is None:
            return
        key = comma.end() + 1
        colon = _COLON.match(text, key + len('value"')) if text.startswith("value", key) else None
        if colon is not None:
            yield from self._value(colon.end(), (word.end(), after))
        elif _is_header(word[0].lower()):
            yield from self._value(comma.end(), (word.end(), after))

    def _value(self, start: int, quote: Span) -> Iterator[SecretPlace]:
        """Yield the value of a key."""
        first = self._text[start : start + 1]
        if first in _STRINGS:
            yield SecretPlace(self._string(start))
        elif first in ("{", "["):
            yield SecretPlace((start, self._end_of_brackets(start)), quote)
        else:
            literal = _span(_LITERAL, self._text, start)
            if self._text[slice(*literal)] not in _EMPTY:
                yield SecretPlace(literal, quote)

    def _before_colon(self, word: re.Match[str]) -> Iterator[SecretPlace]:
        text, name, start, end = self._text, word[0].lower(), word.start(), word.end()
        quote = cast("re.Match[str]", _COLON.match(text, end)).end()
        if text.startswith("://", end):
            credentials = _PASSWORD_IN_URL.match(text, end + len("://"))
            if credentials:
                yield SecretPlace(credentials.span(1))
        elif _is_header(name):
            around = text[start - 1 : start]
            yield SecretPlace(_span(_STRINGS.get(around, _LINE), text, end + 1))
        elif text[quote : quote + 1] in _STRINGS and self._is_secret(word):  # a key without quotes
            yield SecretPlace(self._string(quote))

    def _after_scheme(self, name: str, start: int) -> Iterator[SecretPlace]:
        span = _span(_CREDENTIAL, self._text, start)
        value = self._text[slice(*span)]
        if len(value) >= _LIKELY_TOKEN or (name == "basic" and _is_login(value)):
            yield SecretPlace(span)

    def _after_field_name(self, start: int, end: int) -> Iterator[SecretPlace]:
        """Yield the value of a parameter, term, condition, attribute, element or form part."""
        text = self._text
        if self._is_part(start):
            yield self._part(end)
        elif (having := _HAVING.match(text, end)) and self._is_term(start):
            yield SecretPlace(_span(_CONDITION if self._is_parameters else _CONDITION_IN_PROSE, text, having.end()))
        elif sign := _SIGN.match(text, end):
            yield SecretPlace(self._operand(start, sign.end()))
        elif (pattern := _PATTERN.match(text, end)) and self._is_term(start, quoted=True):
            yield SecretPlace(self._term(pattern.end()))
        elif _BLANK.match(text, end) and self._is_term(start):
            yield SecretPlace(_span(_MISSPELT, text, end))
        elif _TAG_GOES_ON.match(text, end) and _OPENING.search(text[max(0, start - _LONGEST_NAMESPACE) : start]):
            yield from self._after_opening_tag(end)

    def _after_opening_tag(self, end: int) -> Iterator[SecretPlace]:
        """Yield attributes and content of an element whose name ends there."""
        closing = self._find(">", end)
        if closing < len(self._text):
            yield SecretPlace((end + 1, closing))
            yield SecretPlace((closing + 1, self._find("</", closing + 1)))

    def _operand_in(self, word: re.Match[str]) -> Span | None:
        """Return the span of the operand that begins in a word such as ``passwordSTARTSWITHx``; None if none does."""
        column = _COLUMN.match(word[0])
        if column is None:
            return None
        text, begun = self._text, word.start() + column.end()
        if not self._holds_secret(column[1], word.start()):
            return self._misspelt(word.start() + column.start(1), begun)
        if operator := _OPERATOR.match(text, begun):
            return self._term(operator.end())
        if _ANY_OPERATOR.match(text, begun) and self._is_term(word.start(), quoted=True):
            return _span(_MISSPELT, text, begun)
        return None

    def _misspelt(self, start: int, end: int) -> Span | None:
        """Return the span after a secret name with which a longer word begins, as in ``user_passwordlikex``."""
        if _ENDS_NAME.match(self._text, end) or not self._is_of_query(start):
            return None
        name = end_of_secret_name(self._text[start:end])
        return _span(_MISSPELT, self._text, start + name) if name else None

    def _operand(self, start: int, after: int) -> Span:
        first = self._text[after : after + 1]
        if first in _STRINGS:
            return self._string(after)
        if self._is_term(start):
            return self._term(after)
        return _span(_PARAMETER if self._is_parameters else _PARAMETER_IN_PROSE, self._text, after)

    def _term(self, start: int) -> Span:
        return _span(_TERM if self._is_parameters else _TERM_IN_PROSE, self._text, start)

    def _is_term(self, start: int, *, quoted: bool = False) -> bool:
        """Return whether a name is a column in an encoded query, perhaps one quoted in a message."""
        if self._text[start - 1 : start + 2].upper() in ("%5E", "%3D"):
            return True
        before = self._text[max(0, start - _LONGEST_DISPOSITION) : start]
        before = before.rstrip("abcdefghijklmnopqrstuvwxyz0123456789_.")
        return before.endswith(("^", "=", "^OR", "^NQ", *"'" * quoted))

    def _is_of_query(self, start: int) -> bool:
        """Return whether a name begins a term of what is certainly an encoded query: other values may be such names."""
        before = self._text[max(0, start - _LONGEST_DISPOSITION) : start]
        before = before.rstrip("abcdefghijklmnopqrstuvwxyz0123456789_.")
        return before.endswith(("^", "query=", "^OR", "^NQ")) or self._text[start - 1 : start + 2].upper() == "%5E"

    def _is_part(self, start: int) -> bool:
        before = self._text[max(0, start - _LONGEST_DISPOSITION) : start].lower()
        return before.endswith(("name=", 'name="')) and "content-disposition:" in before

    def _part(self, end: int) -> SecretPlace:
        begun = self._find("\r\n\r\n", end) + len("\r\n\r\n")
        return SecretPlace((begun, self._find("\r\n--", begun)))

    def _find(self, mark: str, start: int) -> int:
        """Return the next position of a mark, or the end of the text."""
        at = -1 if mark in self._marks_not_ahead else self._text.find(mark, start)
        if at < 0:
            self._marks_not_ahead.add(mark)
        return at if at >= 0 else len(self._text)

    def _string(self, opening: int) -> Span:
        """Return the span inside the quotes that open there."""
        return _span(_STRINGS[self._text[opening]], self._text, opening + 1)

    def _end_of_brackets(self, start: int) -> int:
        depth = 0
        for bracket in _BRACKET.finditer(self._text, start):
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(bracket[0], 0)
            if not depth:
                return bracket.end()
        return len(self._text)


def _span(form: re.Pattern[str], text: str, start: int) -> Span:
    """Return the span of a pattern that matches everywhere."""
    return cast("re.Match[str]", form.match(text, start)).span()


def _is_login(value: str) -> bool:
    """Return whether a text is a user name and password in base64."""
    try:
        return b":" in b64decode(value + "=" * (-len(value) % 4), validate=True)
    except ValueError:
        return False
