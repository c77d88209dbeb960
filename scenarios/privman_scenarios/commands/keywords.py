"""Expressions that choose scenarios, such as ``retry and not "two consoles"``."""

import re
from collections.abc import Callable
from typing import Self

_TOKEN = re.compile(r"""[()]|"[^"]*"|'[^']*'|[^\s()"']+""")
_WORDS = frozenset(("and", "or", "not", "(", ")", ""))
_DEEPEST = 50
_Test = Callable[[str], bool]


class Keyword:
    """An expression of texts with ``and``, ``or``, ``not`` and parentheses; case does not matter."""

    def __init__(self, matches: _Test) -> None:
        self._matches = matches

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the expression; raises ValueError with what was expected, and what was there instead."""
        if rest := _TOKEN.sub("", text).strip():
            raise ValueError(f"expected a text between a pair of quotes; got {rest[0]}")
        parser = _Parser(_TOKEN.findall(text))
        test = parser.either(0)
        if parser.next:
            raise ValueError(f"expected 'and' or 'or'; got {parser.next!r}")
        return cls(test)

    def matches(self, text: str) -> bool:
        """Return whether the text fits."""
        return self._matches(text.casefold())


class _Parser:
    """Reads tokens from left to right; ``not`` binds more tightly than ``and``, and that more tightly than ``or``."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = [*tokens, ""]

    @property
    def next(self) -> str:
        """The next token, empty at the end."""
        return self._tokens[0]

    def either(self, depth: int) -> _Test:
        tests = [self._both(depth)]
        while self._takes("or"):
            tests.append(self._both(depth))
        return lambda text: any(test(text) for test in tests)

    def _both(self, depth: int) -> _Test:
        tests = [self._one(depth)]
        while self._takes("and"):
            tests.append(self._one(depth))
        return lambda text: all(test(text) for test in tests)

    def _one(self, depth: int) -> _Test:
        if depth > _DEEPEST:
            raise ValueError(f"expected at most {_DEEPEST} of 'not' and '(' in each other")
        if self._takes("not"):
            denied = self._one(depth + 1)
            return lambda text: not denied(text)
        if self._takes("("):
            inner = self.either(depth + 1)
            if not self._takes(")"):
                raise ValueError(f"expected ')'; got {self._described()}")
            return inner
        return self._text()

    def _text(self) -> _Test:
        if self.next in _WORDS:
            raise ValueError(f"expected a text; got {self._described()}")
        wanted = self._tokens.pop(0).strip("\"'").casefold()
        return lambda text: wanted in text

    def _takes(self, word: str) -> bool:
        return self.next == word and bool(self._tokens.pop(0))

    def _described(self) -> str:
        return repr(self.next) if self.next else "the end"
