"""Pseudonyms of personal data: the same value has the same one, and only the holder of the seed can tell which."""

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import NamedTuple

_WORD = re.compile(r"[^\s\x00-\x2f:-@\[-`{-\x7f]+")
"""Everything but spaces and the punctuation of ASCII."""
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aeio"
_ROUNDS = 4
_SYLLABLES = 8
"""Of 64 each: of a million words no two are likely to have the same pseudonym."""
_DIGITS, _LETTERS = "0123456789", "abcdefghijklmnopqrstuvwxyz"
_MAIL = re.compile(r"[^\s@]{1,200}@[^\s@]{1,200}")
_AT_NOBODY = "@x.example"
_LONG = 10**9


class _Shape(NamedTuple):
    """A text with its digits and letters as a number.

    Attributes:
        places: where digits and letters are.
        sizes: how many characters each of these may become.
        number: what they are, in mixed radix.
    """

    places: Sequence[int]
    sizes: Sequence[int]
    number: int


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

    def replaced(self, treatment: str, value: str, most: int = _LONG) -> str:
        """Return what stands for a value, of at most so many characters; an empty one stays.

        It is never the value itself.
        """
        if not value:
            return value
        made = self._kinds[treatment](value)
        made = made if made != value else self._word(value)
        return made if len(made) <= most else self._short(value, most)

    def words(self, text: str) -> str:
        """Return the text with each word and number replaced, so that a name and its parts stay alike."""
        if _MAIL.fullmatch(text):
            return self.email(text)
        return self._words_of(text)

    def email(self, text: str) -> str:
        """Return an address that nobody has."""
        name, at, domain = text.partition("@")
        if not at:
            return self._words_of(text)
        return f"{self._words_of(name)}@{self._word(domain.lower())}.example"

    def digits(self, text: str) -> str:
        """Return the text with its digits replaced, in their places, and so its letters if it has a digit."""
        return self._in_shape(text) if any(map(str.isdecimal, text)) else self._words_of(text)

    def sys_id(self, text: str) -> str:
        """Return a sys_id in place of what has the form of none."""
        return self._drawn("sys_id", text).hex()[:32]

    def _words_of(self, text: str) -> str:
        return _WORD.sub(lambda found: self._like(found[0]), text)

    def _like(self, word: str) -> str:
        """Return the pseudonym of a word, with a capital where the word has one."""
        if word.isdecimal():
            return self._in_shape(word)
        made = self._word(word.casefold())
        return made.capitalize() if word[:1].isupper() else made

    def _short(self, value: str, most: int) -> str:
        """Return a pseudonym for a column that words are too long for: of the same shape, unless it is an address."""
        if "@" in value:
            room = most - len(_AT_NOBODY)
            return self._code(value, room) + _AT_NOBODY if room >= _SYLLABLES else self._code(value, most)
        made = self._in_shape(value)
        return made if made != value and len(made) <= most else self._code(value, most)

    def _code(self, value: str, most: int) -> str:
        drawn = int.from_bytes(self._drawn("code", value))
        return "".join(_LETTERS[drawn // 26**at % 26] for at in range(min(most, 2 * _SYLLABLES)))

    def _in_shape(self, text: str) -> str:
        """Return another text with digits and letters of ASCII in the same places, and no two texts of ASCII the same.

        It goes one step around a circle of all such texts, in an order that a Feistel network draws from the seed: a
        unique column keeps its rows.
        """
        places, sizes, number = shape = _shape(text)
        if not places:
            return text
        made = [*text]
        rest = self._after(number, shape)
        for at, size in zip(reversed(places), reversed(sizes), strict=True):
            rest, drawn = divmod(rest, size)
            each = _DIGITS[drawn] if size == len(_DIGITS) else _LETTERS[drawn]
            made[at] = each.upper() if text[at].isupper() else each
        return "".join(made)

    def _after(self, number: int, shape: _Shape) -> int:
        """Return the next one on the circle; that of a single character is drawn, as a network would not mix it."""
        size = prod(shape.sizes)
        if len(shape.sizes) > 1:
            return self._at((self._place(number, shape) + 1) % size, shape)
        circle = sorted(range(size), key=lambda each: self._drawn(f"one of {size}", str(each)))
        return circle[(circle.index(number) + 1) % size]

    def _place(self, number: int, shape: _Shape) -> int:
        high, low = _halves(shape)
        left, right = divmod(number, low)
        for step in range(0, _ROUNDS, 2):
            left = (left + self._drawn_number(step, high, right)) % high
            right = (right + self._drawn_number(step + 1, low, left)) % low
        return left * low + right

    def _at(self, place: int, shape: _Shape) -> int:
        high, low = _halves(shape)
        left, right = divmod(place, low)
        for step in range(_ROUNDS - 2, -1, -2):
            right = (right - self._drawn_number(step + 1, low, left)) % low
            left = (left - self._drawn_number(step, high, right)) % high
        return left * low + right

    def _drawn_number(self, step: int, most: int, half: int) -> int:
        return int.from_bytes(self._drawn(f"number {step} of {most}", str(half)))

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
        return hmac.digest(self._seed, f"{purpose}\0{text}".encode(errors="surrogatepass"), "sha256")


def _shape(text: str) -> _Shape:
    places, sizes, number = [], [], 0
    for at, each in enumerate(text):
        if each.isalnum():
            size, drawn = _drawn_from(each)
            places.append(at)
            sizes.append(size)
            number = number * size + drawn
    return _Shape(places, sizes, number)


def _drawn_from(character: str) -> tuple[int, int]:
    """Return how many characters it may become, and which of them it is."""
    if character.isdecimal():
        return len(_DIGITS), int(character)
    at = _LETTERS.find(character.lower())
    return len(_LETTERS), at if at >= 0 else ord(character) % len(_LETTERS)


def _halves(shape: _Shape) -> tuple[int, int]:
    """Return how many numbers there are of the first and of the last half."""
    middle = (len(shape.sizes) + 1) // 2
    return prod(shape.sizes[:middle]), prod(shape.sizes[middle:])
