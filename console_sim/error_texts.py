"""Values and names as errors show them: in quotes, and cut."""

import reprlib
from collections.abc import Collection
from itertools import islice

from privman_core.cuts import cut

_MOST_LISTED = 20
_LONGEST_SHOWN = 200


class _Shortened(reprlib.Repr):
    """Writes few levels and items; of a long text the beginning."""

    def repr_str(self, x: str, level: int) -> str:  # noqa: ARG002 - reprlib's signature
        """Return the text in quotes."""
        return repr(cut(x, _LONGEST_SHOWN))


_repr = _Shortened()
_repr.maxlevel = 3


def brief(value: object) -> str:
    """Return a value as errors show it, truncated."""
    return _repr.repr(value)


def listed(names: Collection[str], nothing: str = "none") -> str:
    """Return names in quotes for an error, at most twenty; ``nothing`` if there are none."""
    text = ", ".join(map(repr, islice(names, _MOST_LISTED))) or nothing
    return f"{text} and {len(names) - _MOST_LISTED:,} more" if len(names) > _MOST_LISTED else text
