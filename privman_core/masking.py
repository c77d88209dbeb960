"""Masks secrets in every output."""

import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from threading import Lock

from privman_core.cuts import CUT
from privman_core.places import SecretPlace, last_word, places
from privman_core.secret_names import is_secret_header
from privman_core.spans import SHORTEST, Needles, Span, Unescaped, Words, bare, layers

MASK = "***"
SHORTEST_WORD = 3
KEPT_RETIRED, MOST_RETIRED = 1_000, 5_000
MOST_PLACES = 1_000
KEPT_CHARACTERS = 1_000_000
_REMEMBERED, _LONGEST_REMEMBERED = 1_000, 2_000  # texts, and characters of each
_LONG = 16
_DEEPEST = 3
_PACKED = re.compile(r"[A-Za-z0-9+/_-]{8,}+={0,2}")
_BREAK, _LAST_LINE = re.compile(r"\r?\n"), re.compile(r"\r?\n[A-Za-z0-9+/_-]{1,7}={0,2}(?![A-Za-z0-9+/_=-])")
_BROKEN = re.compile(r"[A-Za-z0-9+/_-]++(?:\s++[A-Za-z0-9+/_-]++)*+(?:\s*+=){0,2}")
_PROSE = re.compile(r"[^\W\d_]*+\d{0,4}(?:[ /_.:?=&-][^\W\d_]*+\d{0,4})*+")  # names, paths, addresses, times
_BLANK = re.compile(r"\s")
_DECODER = getincrementaldecoder("utf-8")  # leaves out a character that is cut
_STANDARD = str.maketrans("-_", "+/")
_SCHEMES = frozenset({"basic", "bearer", "digest", "negotiate"})
Edit = tuple[int, int, str]


class Secrets:
    """The secrets that a server or a run has met; every output goes through `mask`.

    A secret that is long or random enough, as generated ones are, is masked wherever it appears and however it is
    written: percent-encoded, escaped in JSON or HTML, several times over, within base64, or in hexadecimal digits; not
    reversed, as nothing writes a secret like that. Any other is an
    ordinary word elsewhere, such as ``test``; it is masked by its place alone: the headers, fields, parameters,
    elements and parts of forms that hold secrets (see `places`), within base64 too; `add_word` is for one whose owner
    wants it masked everywhere. What `cut` leaves of a secret is
    masked like the secret, but for at most a quarter of it and five characters (see `shortest_prefix`). `add` is
    idempotent, takes anything and may be called by any thread.

    Args:
        kept: how many retired secrets are still masked, the newest, up to `KEPT_CHARACTERS` in total; those in use
            always are, and so are those that a journal still needs (see `keep_for_a_journal`).
        fields: names of fields that hold secrets, beyond those whose names say so; of several words the last counts.

    Attributes:
        learned: how often that which is masked has changed.
        retirements: how often a secret was retired.
    """

    def __init__(self, kept: int = KEPT_RETIRED, fields: frozenset[str] = frozenset()) -> None:
        self._kept = kept
        self._fields = frozenset(last_word(name) for name in fields)
        self._headers = frozenset[str]()
        self._parameters = frozenset[str]()
        self._live: dict[str, None] = {}
        self._retired: dict[str, int] = {}  # with `retirements` then
        self._characters = 0  # of the retired secrets
        self._room = 2 * kept
        self._forgets_itself = True
        self.retirements = 0
        self._needles = Needles()
        self._words = Words()
        self._masked_before: dict[tuple[str, str], str] = {}  # by the name of the header, or none, and the text
        self._lock = Lock()
        self.learned = 0

    def add(self, secret: str) -> None:
        """Mask this text from now on until it is retired."""
        if secret in self._live or not is_distinct(secret):
            return
        with self._lock:
            if self._retired.pop(secret, None) is not None:
                self._characters -= len(secret)
            self._live[secret] = None
            _learn(self._needles, secret)
            self._begin_anew()  # last, so that no text is remembered here that was masked without the secret

    def add_chosen(self, secret: str) -> None:
        """Mask a text that a caller chose, unless it looks like a name, a path, an address or prose.

        Such a text is masked by its place alone, since whoever chose it could hide what a journal has of others.
        """
        if not _PROSE.fullmatch(secret):
            self.add(secret)

    def add_word(self, secret: str) -> None:
        """Mask this text wherever it appears in a message, for ever, though it may be an ordinary word.

        `mask_known` leaves it, as the markup of a report may have such a word. Does nothing for a word that is shorter
        than `SHORTEST_WORD`.
        """
        if len(secret) < SHORTEST_WORD or secret in self._words:
            return
        with self._lock:
            for written in {*_written(secret)}:
                if len(written) >= (SHORTEST_WORD if written in _plain(secret) else SHORTEST):
                    self._words.add(written)
            self._begin_anew()

    def add_fields(self, names: Iterable[str]) -> None:
        """Mask the values of fields with these names, too."""
        with self._lock:
            self._fields |= {last_word(name) for name in names}
            self._begin_anew()

    def add_login(self, user: str, password: str) -> None:
        """Mask a password, and the login as Basic authentication encodes it, even if the password is short."""
        self.add(password)
        self.add(_basic(user, password))

    def add_place(self, name: str, is_header: bool) -> None:  # noqa: FBT001 - passed by position
        """Mask the value of every header, or else of every URL or form parameter, of this name, for ever.

        Does nothing past `MOST_PLACES`, or for an empty name.
        """
        lowered = name.lower()
        if not lowered or len(self._headers) + len(self._parameters) >= MOST_PLACES:
            return
        if is_header:
            self._headers |= {lowered}
        else:
            self._parameters |= {lowered}
        self._begin_anew()

    def retire(self, secret: str) -> None:
        """Mask a dead secret only as long as there is room; does nothing for an unknown text."""
        with self._lock:
            if secret not in self._live:
                return
            del self._live[secret]
            self.retirements += 1
            self._retired[secret] = self.retirements
            self._characters += len(secret)
            if self._forgets_itself and self.is_full:
                self._forget(self.retirements)

    @property
    def is_full(self) -> bool:
        """Whether there are so many retired secrets that some should be forgotten."""
        return len(self._retired) >= self._room or self._characters > 2 * KEPT_CHARACTERS

    def keep_for_a_journal(self) -> None:
        """Forget nothing until `forget`; a journal calls that, which knows what its exchanges may have."""
        self._forgets_itself = False

    def outdated(self) -> int:
        """Return up to which of the `retirements` secrets must be forgotten, whatever needs them."""
        with self._lock:
            characters = 0
            for place, (secret, number) in enumerate(reversed(self._retired.items())):
                characters += len(secret)
                if place >= MOST_RETIRED or characters > KEPT_CHARACTERS:
                    return number
            return 0

    def forget(self, last: int) -> None:
        """Forget what was retired up to that one of the `retirements`, apart from the newest."""
        with self._lock:
            self._forget(last)

    def retire_all(self) -> None:
        """Retire every secret, as at a reset."""
        for secret in tuple(self._live):
            self.retire(secret)

    def retire_login(self, user: str, password: str) -> None:
        """Retire what `add_login` added."""
        self.retire(password)
        self.retire(_basic(user, password))

    def mask(self, text: str) -> str:
        """Return the text with every secret masked and undecodable bytes escaped."""
        return self._remembered("", text, self._mask) if text else ""

    def pieces(self, text: str) -> list[tuple[str, str]]:
        """Return the pieces of a text, each with what `mask` shows of it."""
        return [(piece, _printable(shown)) for piece, shown in self._in_pieces(text, _DEEPEST)]

    def mask_known(self, text: str) -> str:
        """Return the text with added secrets masked, but none by its place, as for a list of names."""
        return _printable(self._masked(text, _DEEPEST, by_place=False))

    def mask_headers(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the headers with credentials masked; an Authorization header keeps its scheme."""
        return [(name, self._remembered(name, value, partial(self._mask_header, name))) for name, value in headers]

    def _remembered(self, name: str, text: str, mask: Callable[[str], str]) -> str:
        """Return the masked text; most are masked often, as a journal is read again and again."""
        before = self._masked_before
        masked = before.get((name, text))
        if masked is None:
            masked = mask(text)
            if len(before) >= _REMEMBERED:
                before.clear()
            if len(name) + len(text) <= _LONGEST_REMEMBERED:
                before[name, text] = masked
        return masked

    def _mask(self, text: str) -> str:
        return _printable(self._masked(text, _DEEPEST))

    def _masked(self, text: str, deepest: int, *, by_place: bool = True) -> str:
        return "".join(shown for _, shown in self._in_pieces(text, deepest, by_place=by_place))

    def _in_pieces(self, text: str, deepest: int, *, by_place: bool = True) -> list[tuple[str, str]]:
        # Of edits with the same start the longest goes first: it covers those within it.
        edits = self._edits(text, deepest, by_place=by_place)
        return _pieces(text, sorted(edits, key=lambda edit: (edit[0], -edit[1])))

    def _edits(self, text: str, deepest: int, *, by_place: bool) -> Iterator[Edit]:
        layer, below = text, list[Unescaped]()
        for below in layers(text):
            layer = below[-1].text if below else text
            for span in self._needles.find(layer):
                yield *_origin(span, below), MASK
            for span in self._words.find(layer) if by_place else ():
                yield *_origin(span, below), MASK
            for place in places(layer, self._fields | self._headers, self._parameters) if by_place else ():
                yield *_origin(place.span, below), _mask_for(place, below, text)
        if deepest:  # base64 has no escapes, so it is the same in the last layer
            yield from self._edits_within(layer, below, deepest, by_place=by_place)

    def _edits_within(self, layer: str, below: list[Unescaped], deepest: int, *, by_place: bool) -> Iterator[Edit]:
        """Yield the edits within base64 and hexadecimal digits, and within what a cut has left of them."""
        is_marked = CUT in layer
        for span, packed in _packed(layer):
            is_cut = is_marked and layer.startswith(CUT, span[1])
            for unpack, pack in _PACKINGS_OF_REMAINS if is_cut else _PACKINGS:
                text = unpack(packed)
                masked = text and self._masked(text, deepest - 1, by_place=by_place)
                if masked != text:
                    yield *_origin(span, below), pack(masked.encode())

    def _mask_header(self, name: str, value: str) -> str:
        if not is_secret_header(name) and name.lower() not in self._headers:
            return self._mask(value)
        scheme, _, rest = value.partition(" ")
        return f"{scheme} {MASK}" if rest and scheme.lower() in _SCHEMES else MASK

    def _forget(self, last: int) -> None:
        kept, characters = dict[str, int](), 0
        for secret, number in reversed(self._retired.items()):
            if number <= last and (len(kept) >= self._kept or characters + len(secret) > KEPT_CHARACTERS):
                break
            kept[secret] = number
            characters += len(secret)
        self._retired, self._characters = dict(reversed(kept.items())), characters
        self._room = 2 * max(self._kept, len(kept))
        self._needles = Needles()
        for secret in (*self._live, *self._retired):
            _learn(self._needles, secret)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._masked_before = {}
        self.learned += 1


def _printable(text: str) -> str:
    """Return the text with undecodable bytes escaped: after the masking, which takes longer over escapes."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def is_distinct(secret: str) -> bool:
    """Return whether a secret is long or random enough not to occur as ordinary text.

    Sixteen characters are enough, or eight that are not all letters, all digits or almost all the same.
    """
    if len(secret) < SHORTEST or len(set(secret)) <= 2:  # noqa: PLR2004 - "--------" and the like
        return False
    return len(secret) >= _LONG or not (secret.isalpha() or secret.isdecimal())


def _basic(user: str, password: str) -> str:
    return b64encode(f"{user}:{password}".encode()).decode()


def _learn(needles: Needles, secret: str) -> None:
    for needle in {*_written(secret)}:
        if len(needle) >= SHORTEST:
            needles.add(needle)


def _written(secret: str) -> Iterator[str]:
    """Yield each way to write a secret; escapes are undone before the search."""
    yield from _plain(secret)
    yield from _in_base64(secret)
    digits = secret.encode(errors="surrogatepass").hex()
    yield from (digits, digits.upper())


def _plain(secret: str) -> tuple[str, ...]:
    in_a_form = secret.replace(" ", "+")
    return secret, bare(secret), in_a_form, bare(in_a_form)


def _in_base64(secret: str) -> Iterator[str]:
    """Yield the base64 characters of the text at each of its three alignments."""
    for content in {secret.encode(errors="surrogatepass"), secret.encode("latin-1", errors="replace")}:
        for before in range(3):
            first, end = -(-8 * before // 6), 8 * (before + len(content)) // 6
            for encode in (b64encode, urlsafe_b64encode):
                yield encode(b"\0" * before + content)[first:end].decode()


def _packed(text: str) -> Iterator[tuple[Span, str]]:
    """Yield possible base64 or hexadecimal digits: plain runs, lines of equal length, and runs with blanks.

    They may overlap.
    """
    lines: list[re.Match[str]] = []
    for found in _PACKED.finditer(text):
        yield found.span(), found[0]
        if lines and not _continues(text, lines, found):
            yield from _joined(text, lines)
            lines = []
        lines.append(found)
    yield from _joined(text, lines)
    for found in _BROKEN.finditer(text):
        if _BLANK.search(found[0]):
            yield found.span(), "".join(found[0].split())


def _continues(text: str, lines: list[re.Match[str]], line: re.Match[str]) -> bool:
    """Return whether a line continues those before it: all have the same length, only the last may be shorter."""
    length = len(lines[0][0])
    broken = _BREAK.fullmatch(text, lines[-1].end(), line.start()) is not None
    return broken and len(lines[-1][0]) == length >= len(line[0])


def _joined(text: str, lines: list[re.Match[str]]) -> Iterator[tuple[Span, str]]:
    last = _LAST_LINE.match(text, lines[-1].end()) if lines else None
    if last or len(lines) > 1:
        end = last.end() if last else lines[-1].end()
        yield (lines[0].start(), end), "".join(text[lines[0].start() : end].split())


def _from_base64(packed: str) -> str:
    """Return the decoded base64; empty if it is not valid."""
    if len(packed) % 4:
        return ""
    try:
        return b64decode(packed.translate(_STANDARD), validate=True).decode()
    except ValueError:
        return ""


def _from_cut_base64(packed: str) -> str:
    """Return what the beginning of base64 says, with the mark of a cut; empty if it is not valid."""
    try:
        data = b64decode(packed.translate(_STANDARD)[: len(packed) // 4 * 4], validate=True)
        return f"{_DECODER().decode(data)}{CUT}"
    except ValueError:
        return ""


def _from_cut_digits(packed: str) -> str:
    """Return what the first hexadecimal digits say, with the mark of a cut; empty if they are not valid."""
    try:
        return f"{_DECODER().decode(bytes.fromhex(packed[: len(packed) // 2 * 2]))}{CUT}"
    except ValueError:
        return ""


def _from_digits(packed: str) -> str:
    """Return the decoded hexadecimal digits; empty if they are not valid."""
    try:
        return bytes.fromhex(packed).decode()
    except ValueError:
        return ""


_PACKINGS: Sequence[tuple[Callable[[str], str], Callable[[bytes], str]]] = (
    (_from_base64, lambda data: b64encode(data).decode()),
    (_from_digits, bytes.hex),
)
_PACKINGS_OF_REMAINS = (
    (_from_cut_base64, lambda data: b64encode(data.removesuffix(CUT.encode())).decode()),
    (_from_cut_digits, lambda data: data.removesuffix(CUT.encode()).hex()),
)


def _mask_for(place: SecretPlace, below: list[Unescaped], text: str) -> str:
    quote = "" if place.quote is None else text[slice(*_origin(place.quote, below))]
    return f"{quote}{MASK}{quote}"


def _origin(span: Span, below: list[Unescaped]) -> Span:
    for layer in reversed(below):
        span = layer.to_source(span)
    return span


def _pieces(text: str, edits: list[Edit]) -> list[tuple[str, str]]:
    """Return the text in pieces with what is shown of each; overlapping and adjacent edits are masked as one."""
    pieces: list[tuple[str, str]] = []
    at = begun = 0
    for start, end, replacement in edits:
        if start > at or (start == at and not (pieces and pieces[-1][1] == replacement == MASK)):
            pieces += ((text[at:start], text[at:start]), (text[start:end], replacement))
            begun = start
        elif end > at:
            pieces[-1] = text[begun:end], MASK
        at = max(at, end)
    return [*pieces, (text[at:], text[at:])]
