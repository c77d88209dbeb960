"""Puts the secrets of a request back where a person has edited the masked text of it."""

import re
from collections.abc import Sequence

from msgspec import Struct

from privman_core.masking import MASK, Secrets

_MASK = re.compile(re.escape(MASK))
_WORD = re.compile(r"[\w-]++")
_LONGEST_BEFORE = 120
"""Characters before a mask among which the word stands that names the secret."""


class RestoreError(ValueError):
    """A masked part of an edited text cannot be restored; the message says which."""


class _Hidden(Struct, frozen=True):
    """A part of a text that is shown as something else; ``word`` is the last one before its mask."""

    word: str
    original: str
    shown: str


def restore(secrets: Secrets, original: str, edited: str) -> str:
    """Return the edited text with the secrets of the original where the masks still are.

    No secret gets to a place where it would be shown. Raises RestoreError.
    """
    pieces = secrets.pieces(original)
    if edited == "".join(shown for _, shown in pieces):
        return original
    text = _fill(edited, _hidden(pieces))
    if secrets.mask(text) != secrets.mask(edited):
        raise RestoreError(f"{MASK} stands where its secret would be shown")
    return text


def restore_header(secrets: Secrets, original: Sequence[tuple[str, str]], name: str, value: str) -> str:
    """Return the value of an edited header; one that is masked must be that of the original. Raises RestoreError."""
    same = [each for each in original if each[0].lower() == name.lower()]
    for (_, secret), (_, shown) in zip(same, secrets.mask_headers(same), strict=True):
        if shown == value:
            return secret
    if MASK in value:
        raise RestoreError(f"no header {name} of the original is {value!r}; leave a masked header, or type all of it")
    return value


def _hidden(pieces: list[tuple[str, str]]) -> list[_Hidden]:
    """Return what hides something, and each mask that the text really has."""
    found, before = list[_Hidden](), ""
    for original, shown in pieces:
        text, known = before + shown, len(before)
        if original != shown:
            found.append(_Hidden(_word_before(text, known + max(shown.find(MASK), 0)), original, shown))
        else:
            masks = (known + mask.start() for mask in _MASK.finditer(shown))
            found += [_Hidden(_word_before(text, at), MASK, MASK) for at in masks]
        before = text[-_LONGEST_BEFORE:]
    return found


def _fill(edited: str, hidden: list[_Hidden]) -> str:
    for each in hidden:
        if MASK not in each.shown:  # within base64, of which nothing shows that it is masked
            edited = edited.replace(each.shown, each.original)
    masked = [each for each in hidden if MASK in each.shown]
    words = [_word_before(edited, mask.start()) for mask in _MASK.finditer(edited)]
    parts, at = list[str](), 0
    for number, mask in enumerate(_MASK.finditer(edited)):
        word = words[number]
        same = [each for each in masked if each.word == word]
        each = _one_of(same, words.count(word), words[:number].count(word), word)
        start = mask.start() - each.shown.find(MASK)
        if start < at or edited[start : start + len(each.shown)] != each.shown:
            raise RestoreError(f"{MASK} after {word!r} is not as it was; type the whole value, or leave it")
        parts += (edited[at:start], each.original)
        at = start + len(each.shown)
    return "".join((*parts, edited[at:]))


def _one_of(same: list[_Hidden], count: int, place: int, word: str) -> _Hidden:
    """Return the part that a mask hides; of several after the same word, the one at its place."""
    if not same:
        after = f" after {word!r}" if word else ""
        raise RestoreError(f"nothing of the original is masked as {MASK}{after}; type the value")
    if len(same) != count and len({each.original for each in same}) > 1:
        raise RestoreError(f"{len(same)} masked parts come after {word!r}, and {count} are left; type the value")
    return same[min(place, len(same) - 1)]


def _word_before(text: str, at: int) -> str:
    words = _WORD.findall(text[max(0, at - _LONGEST_BEFORE) : at])
    return words[-1].lower() if words else ""
