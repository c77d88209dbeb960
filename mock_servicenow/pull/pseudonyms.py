"""Pseudonyms of personal data: the same value has the same one, and only the holder of the seed can tell which."""

import hmac
import re
from collections.abc import Callable, Mapping
from functools import partial

_WORD = re.compile(r"[^\s\x00-\x2f:-@\[-`{-\x7f]+")
"""Everything but spaces and the punctuation of ASCII."""
_DIGIT = re.compile(r"\d")
_LETTERS = re.compile(r"(?<![A-Za-z])[A-Z]{1,4}(?=\d)|([^\s\x00-\x40\[-`{-\x7f\d]{2,200})")
"""Words, but for codes in front of digits, such as INC, which are no group."""
_NUMBER = re.compile(r"[A-Z]{2,6}\d{1,10}")
"""Numbers of records, such as SCTASK0010001; those of accounts and passports have one letter, or more digits."""
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aeio"
_ROUNDS = 4
_SYLLABLES = 8
"""Of 64 each: of a million words no two are likely to have the same pseudonym."""
_MAIL = re.compile(r"[^\s@<>()\[\],;:\"']{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}")
_PLAINLY_PERSONAL = (
    ("email", _MAIL),
    ("words", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){3,7}(?: ?[A-Z\d]{1,3})?\b")),  # IBAN
    ("words", re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")),  # IPv4
    ("words", re.compile(r"(?<![\w:])(?:[\dA-Fa-f]{0,4}[:-]){4,7}[\dA-Fa-f]{1,4}(?![\w:])")),  # IPv6, MAC
    ("words", re.compile(r"(?<![\w:])[\dA-Fa-f]{1,4}::[\dA-Fa-f:]{1,30}(?![\w:])")),  # IPv6
    ("digits", re.compile(r"(?<![\w.])(?:\+\d|\(0|0[1-9]|00)[\d ()/.-]{5,20}\d(?!\w)")),  # telephone
    ("digits", re.compile(r"(?<![\w.])(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\w)")),  # telephone
)
"""Values that are plainly personal, whatever their column is called, with what becomes of them."""
_SECRET = re.compile(
    r"-----BEGIN|\$2[aby]\$|\beyJ[\w-]{10}|\bAKIA[A-Z\d]{12}|\b(?:sk|pk|gh[opsu]|xox[abp]|glpat)[-_]\w"
    r"|(?:password|passwd|passwort|kennwort|pwd|secret|token|api.?key|private.?key|credential)s?[\"']?\s{0,3}[:=]"
    r"|(?:bearer|basic)\s[\w+/=.-]{8}|://[^\s/@]{1,200}@",
    re.IGNORECASE,
)


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
            "number": self.number,
        }

    def replaced(self, treatment: str, value: str) -> str:
        """Return what stands for a value; an empty one stays, and a pseudonym is never the value itself."""
        if not value:
            return value
        made = self._kinds[treatment](value)
        return made if made != value or treatment == "number" else self._word(value)

    def without_personal_data(self, text: str) -> str:
        """Return a text with pseudonyms for addresses, numbers of accounts and the like; empty if it has a secret."""
        if _SECRET.search(text):
            return ""
        for kind, pattern in _PLAINLY_PERSONAL:
            text = pattern.sub(partial(self._match_replaced, kind), text)
        return text

    def number(self, text: str) -> str:
        """Return the number of a record, such as INC0010001, as it is, and words in place of any other text."""
        return text if _NUMBER.fullmatch(text) else self.words(text)

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
        """Return the text with its digits replaced, in their places, and the words beside them."""
        given = "".join(_DIGIT.findall(text))
        if not given:
            return self._words_of(text)
        made = iter(self._number(given))
        text = _DIGIT.sub(lambda _found: next(made), text)
        return _LETTERS.sub(lambda found: self._like(found[0]) if found[1] else found[0], text)

    def _match_replaced(self, treatment: str, found: re.Match[str]) -> str:
        return self.replaced(treatment, found[0])

    def _words_of(self, text: str) -> str:
        return _WORD.sub(lambda found: self._like(found[0]), text)

    def _like(self, word: str) -> str:
        """Return the pseudonym of a word, with a capital where the word has one."""
        if word.isdecimal():
            return self._number(word)
        made = self._word(word.casefold())
        return made.capitalize() if word[:1].isupper() else made

    def _number(self, number: str) -> str:
        """Return another number of as many digits; no two have the same one, or unique columns would lose rows.

        It goes one step around a circle of all such numbers, in an order that a Feistel network draws from the seed.
        """
        size = len(number)
        place = (self._place(int(number), size) + 1) % 10**size
        return f"{self._at(place, size):0{size}d}"

    def _place(self, number: int, size: int) -> int:
        high, low = _halves(size)
        left, right = divmod(number, low)
        for step in range(0, _ROUNDS, 2):
            left = (left + self._drawn_number(step, size, right)) % high
            right = (right + self._drawn_number(step + 1, size, left)) % low
        return left * low + right

    def _at(self, place: int, size: int) -> int:
        high, low = _halves(size)
        left, right = divmod(place, low)
        for step in range(_ROUNDS - 2, -1, -2):
            right = (right - self._drawn_number(step + 1, size, left)) % low
            left = (left - self._drawn_number(step, size, right)) % high
        return left * low + right

    def _drawn_number(self, step: int, size: int, half: int) -> int:
        return int.from_bytes(self._drawn(f"number {step} of {size}", str(half)))

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


def _halves(size: int) -> tuple[int, int]:
    """Return how many numbers there are of the first and of the last half of so many digits."""
    return int(10 ** (size - size // 2)), int(10 ** (size // 2))
