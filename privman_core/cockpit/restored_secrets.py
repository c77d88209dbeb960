"""Puts the secrets of a request back into its masked text after a user has edited it, each at its own place."""

import json
import re
from collections.abc import Sequence
from itertools import count
from urllib.parse import unquote_plus

from msgspec import Struct

from privman_core.cockpit.json_leaves import Leaf, Location, leaves
from privman_core.inputs import quoted
from privman_core.masking import MASK, Secrets

_ADDRESS = re.compile(r"(?:url|uri|host|address|endpoint|path|method)\Z", re.IGNORECASE)
_NAMED_BESIDE = re.compile(r"value\Z", re.IGNORECASE)
_THREE, _DEEPEST = 3, 4
"""How many texts are compared, and how deep JSON may be nested in strings."""


class RestoreError(ValueError):
    """A masked part of an edited text cannot be restored; the message says which."""


def restore(secrets: Secrets, original: str, edited: str, *, form: bool = False, moved: bool = False) -> str:
    """Return the edited text; each part that is still masked has the secret that the original has at that place.

    A place is a location in JSON, also of JSON within its strings, or a parameter of a ``form``; any other text is one
    place. Nothing is restored beside an address that was edited, nor in a request that has ``moved`` to another method
    or path. Raises RestoreError for a mask that stays.
    """
    restoring = _Restoring(secrets, original)
    if not restoring.hides:
        return restoring.unhidden(edited)
    if moved:
        return restoring.plain(edited, "the method or path was edited")
    if edited == restoring.shown:
        return original
    return restoring.restored(edited, is_form=form)


def restore_headers(
    secrets: Secrets, original: Sequence[tuple[str, str]], edited: Sequence[tuple[str, str]], *, moved: bool
) -> list[tuple[str, str]]:
    """Return the edited headers with their secrets; raises RestoreError for one that cannot be restored."""
    shown = secrets.mask_headers(original)
    left = [(name.lower(), value, secret) for (name, value), (_, secret) in zip(shown, original, strict=True)]
    found = list[tuple[str, str]]()
    for name, value in edited:
        same = next((each for each in left if each[:2] == (name.lower(), value)), None)
        if same is not None:
            left.remove(same)
        if (same is None and MASK in value) or (same is not None and moved and same[2] != value):
            raise RestoreError(_refused(f"header {name} is {quoted(value)}", moved=moved))
        found.append((name, value if same is None else same[2]))
    return found


def _refused(what: str, *, moved: bool) -> str:
    if moved:
        return f"{what}, and a secret is only sent with the method and path that it had; type the value"
    return f"{what}, which the original has not; leave a masked header as it was, or type all of it"


class _Both(Struct, frozen=True):
    """An edited text with its secrets, and as it is shown."""

    text: str
    shown: str


class _Level(Struct, frozen=True):
    """The values of one JSON text: with its secrets, as it is shown, and as it was edited."""

    original: str
    edited: str
    real: dict[Location, Leaf]
    masked: dict[Location, Leaf]
    new: dict[Location, Leaf]


class _Restoring:
    """One text whose secrets are restored."""

    def __init__(self, secrets: Secrets, original: str) -> None:
        pieces = secrets.pieces(original)
        self._secrets = secrets
        self._original = original
        self._hidden = {MASK, *(shown for piece, shown in pieces if piece != shown and shown)}
        self.shown = "".join(shown for _, shown in pieces)
        self.hides = self.shown != original
        self._restored = False
        self._address = ""

    def unhidden(self, edited: str) -> str:
        """Return the edited text of an original without secrets, whose own text may look like a mask."""
        return edited if MASK in self._original else self.plain(edited, "nothing of the original is masked there")

    def plain(self, edited: str, reason: str) -> str:
        """Return the text; raises RestoreError if it has a mask."""
        if any(shown in edited for shown in self._hidden):
            raise RestoreError(f"{reason}, so {MASK} cannot be restored; type the value")
        return edited

    def restored(self, edited: str, *, is_form: bool) -> str:
        """Return the edited text with its secrets."""
        if is_form:
            both: _Both | None = self._pairs(self._original, self.shown, edited)
        else:
            both = self._json(self._original, self.shown, edited, _DEEPEST)
        if both is None:
            return self.plain(edited, "the text is neither JSON nor as it was")
        is_shown = self._secrets.mask(both.text) != self._secrets.mask(both.shown)
        if is_shown or (self._restored and self._address):
            reason = "its secret would be shown there" if is_shown else f"{self._address!r} leads elsewhere"
            raise RestoreError(f"{reason}, so {MASK} is not restored; type the value")
        return both.text

    def _pairs(self, original: str, shown: str, edited: str) -> _Both:
        """Restore parameters by their names, and by their order among those of one name."""
        is_alike = original.count("&") == shown.count("&")
        pairs = list(zip(original.split("&"), shown.split("&"), strict=True)) if is_alike else []
        known = dict(zip(_names([each[1] for each in pairs]), pairs, strict=True))
        parts = edited.split("&")
        names = _names(parts)
        restored = [self._pair(name, part, *known.get(name, ("", ""))) for name, part in zip(names, parts, strict=True)]
        for name, (_, before) in known.items():
            if name not in names:
                self._notice(name[0], before)
        return _Both("&".join(restored), edited)

    def _pair(self, name: tuple[str, int], part: str, original: str, shown: str) -> str:
        if part == shown:
            self._restored |= original != shown
            return original
        self._notice(name[0], part, shown)
        if part.partition("=")[0] == shown.partition("=")[0] and original == shown and MASK in original:
            return part
        return self.plain(part, f"parameter {name[0]!r} is not as it was")

    def _json(self, original: str, shown: str, edited: str, deepest: int) -> _Both | None:
        """Restore values by their locations; None unless all three texts are JSON of the same shape."""
        real, masked, new = leaves(original), leaves(shown), leaves(edited)
        if real is None or masked is None or new is None or real.keys() != masked.keys() or not deepest:
            return None
        level = _Level(original, edited, real, masked, new)
        found, at = list[_Both](), 0
        for location, leaf in new.items():
            between = self.plain(edited[at : leaf.start], "a key is masked")
            both = self._leaf(location, level, deepest)
            found += (_Both(between, between), both)
            at = leaf.end
        for location in masked.keys() - new.keys():
            self._notice(_key(location), masked[location].value)
        rest = self.plain(edited[at:], "a key is masked")
        return _Both("".join(each.text for each in found) + rest, "".join(each.shown for each in found) + rest)

    def _leaf(self, location: Location, level: _Level, deepest: int) -> _Both:
        leaf, before, secret = level.new[location], level.masked.get(location), level.real.get(location)
        written = leaf.written(level.edited)
        if before is None or secret is None:
            self._notice(_key(location), leaf.value)
            return self._unrestored(location, leaf, written)
        if _same(leaf, before):
            if _same(before, secret):
                return _Both(written, written)
            if _is_named_beside(location) and _beside(location, level.new) != _beside(location, level.masked):
                raise RestoreError(f"what is beside {_key(location)!r} was edited, so {MASK} cannot be restored")
            self._restored = True
            return _Both(secret.written(level.original), written)
        if (inner := self._inner(secret, before, leaf, deepest)) is not None:
            return inner
        self._notice(_key(location), leaf.value, before.value)
        if _same(before, secret) and MASK in str(secret.value):
            return _Both(written, written)
        return self._unrestored(location, leaf, written)

    def _inner(self, secret: Leaf, before: Leaf, leaf: Leaf, deepest: int) -> _Both | None:
        """Restore JSON that is the text of a string; None if it is not."""
        texts = [each.value for each in (secret, before, leaf) if _may_be_json(each.value)]
        both = self._json(str(texts[0]), str(texts[1]), str(texts[2]), deepest - 1) if len(texts) == _THREE else None
        return both and _Both(json.dumps(both.text, ensure_ascii=False), json.dumps(both.shown, ensure_ascii=False))

    def _unrestored(self, location: Location, leaf: Leaf, written: str) -> _Both:
        self.plain(str(leaf.value), f"nothing is masked like that at {_key(location)!r}")
        return _Both(written, written)

    def _notice(self, key: str, *values: object) -> None:
        """Note that an address was edited, added or removed: the party that reads it may send the secrets there."""
        if _ADDRESS.search(key) or any("://" in unquote_plus(str(value)) for value in values):
            self._address = key


def _may_be_json(value: object) -> bool:
    return isinstance(value, str) and value.lstrip()[:1] in {"{", "["}


def _names(pairs: Sequence[str]) -> list[tuple[str, int]]:
    """Return the name of each parameter, and how many of that name precede it."""
    counts: dict[str, count[int]] = {}
    names = [pair.partition("=")[0] for pair in pairs]
    return [(name, next(counts.setdefault(name, count()))) for name in names]


def _same(one: Leaf, other: Leaf) -> bool:
    return type(one.value) is type(other.value) and one.value == other.value


def _key(location: Location) -> str:
    """Return the last key of a location, whose last item is a count."""
    return str(next((each for each in reversed(location[:-1]) if isinstance(each, str)), ""))


def _is_named_beside(location: Location) -> bool:
    """Return whether another value may be the name of this one: in an array, or beside a name."""
    last = location[-2] if len(location) > 1 else ""
    return isinstance(last, int) or _NAMED_BESIDE.search(last) is not None


def _beside(location: Location, known: dict[Location, Leaf]) -> dict[Location, object]:
    parent = location[:-2]
    return {each: leaf.value for each, leaf in known.items() if each[:-2] == parent}
