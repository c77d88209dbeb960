"""Patterns of scenario files: searched in linear time, whatever the pattern and the text."""

import re
import string
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import re2

LONGEST = 1_000
_WILD = re.compile(r"\[[^\[\]]*\]|[*?]")
_WORD = re.compile(r"[^\W\d_]{4,}")


class PatternError(ValueError):
    """A text is not a usable regular expression; the message says why."""


@lru_cache
def compiled(pattern: str) -> Any:  # noqa: ANN401 - RE2 ships no types
    """Return the pattern, in which a dot is a line break too; raises PatternError."""
    if len(pattern) > LONGEST:
        raise PatternError(f"it has {len(pattern)} characters, more than {LONGEST}")
    options = re2.Options()
    options.dot_nl, options.log_errors = True, False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise PatternError(error.args[0].decode(errors="replace")) from None
    except UnicodeEncodeError:
        raise PatternError("it holds half a character") from None


def is_found(pattern: str, text: str) -> bool:
    """Tell whether the pattern, a usable one, is found in the text."""
    return compiled(pattern).search(text.encode(errors="replace").decode()) is not None


def is_glob(pattern: str) -> bool:
    """Tell whether the pattern fits more than the one text that it is."""
    return _WILD.search(pattern) is not None


def holds_word(pattern: str) -> bool:
    """Tell whether a text or a glob holds a word of four letters or more, so that it does not fit almost everything."""
    return _WORD.search(_WILD.sub(" ", pattern)) is not None


def says(text: str, part: str) -> bool:
    """Tell whether the part stands in the text, and does not begin or end within a word."""
    begin, end = (r"\b" if each.isalnum() else "" for each in (part[:1], part[-1:]))
    return re.search(f"{begin}{re.escape(part)}{end}", text) is not None


@lru_cache
def matches_every_text(pattern: str) -> bool:
    """Tell whether the pattern, a usable one, is found in texts that have nothing in common."""
    return all(is_found(pattern, text) for text in ("", *texts_of_all_kinds()))


def texts_of_all_kinds() -> Iterator[str]:
    """Yield each character alone, and a long text."""
    yield from (*string.printable, "\ue000")
    yield string.printable * LONGEST
