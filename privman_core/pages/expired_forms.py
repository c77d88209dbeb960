"""Forms that are refused because another session opened them: the reason, and what was typed."""

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

from privman_core.cuts import cut
from privman_core.pages.forms import Form

EXPIRED = "This form has expired. Nothing was changed. {}"
LOGGED_OUT = "You are logged out."
FOREIGN = "A page of another site sent it."
BARE = "It was sent without the token that each page gives its forms."
OTHER_SESSION = "It was opened in another session, such as one that ended when you logged out or in again."
UNSEEN = "unseen"
"""The hidden field beside each password control; its value is the control's name."""
_TICKED = ["false", "true"]
"""The values of a ticked check box, and of the hidden field before it."""
_MOST, _LONGEST = 50, 4_000
# Wider than the names that are masked: nobody has vouched for a form that has expired.
_SECRET = re.compile(r"pass|pwd|secret|token|key|credential", re.IGNORECASE)


class TypedValue(Struct, frozen=True):
    """What was typed into one field of a form."""

    label: str
    text: str


def typed_values(form: Form, is_typed: Callable[[str], bool]) -> list[TypedValue]:
    """Return what was typed, without secrets: at most 50 values, each cut to 4,000 characters.

    Args:
        form: as posted.
        is_typed: whether the field of that name has a control that people fill in.
    """
    unseen = form.values(UNSEEN)
    typed = [name for name in form.names() if is_typed(name) and name not in unseen]
    names = [name for name in typed if not _SECRET.search(_column(name))]
    values = (value for name in names for value in _values(form, name))
    return [each for each, _ in zip(values, range(_MOST), strict=False)]


def _values(form: Form, name: str) -> Iterator[TypedValue]:
    """Yield the values of a field; a name-value pair whose name is secret or missing has none."""
    group, _, part = name.rpartition(".")
    beside = form.values(f"{group}.name") if group and part == "value" else []
    texts = form.values(name)
    if texts == _TICKED:
        texts = texts[1:]
    for row, text in enumerate(texts):
        is_unseen = row < len(beside) and (not beside[row] or _SECRET.search(beside[row]))
        if text and not is_unseen:
            yield TypedValue(_label(name), cut(text, _LONGEST))


def _column(name: str) -> str:
    return name.partition(".")[2] or name


def _label(name: str) -> str:
    return _column(name).replace("_", " ").replace(".", " ").capitalize()
