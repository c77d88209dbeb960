"""Names that people give, and names that the console derives from them, such as that of a webhook."""

from collections.abc import Callable
from itertools import chain, count
from unicodedata import category

from privman_core.inputs import CONTROL

LONGEST_NAME = 250
"""Characters; inferred, since no page says how long a name may be."""
_INVISIBLE = frozenset({"Cf", "Zs"})


def name_error(name: str) -> str:
    """Return why a trimmed name is invalid, to be read after its field; empty text if it is valid."""
    if not name:
        return "is empty; expected text"
    if len(name) > LONGEST_NAME:
        return f"has {len(name):,} characters; expected at most {LONGEST_NAME}"
    if control := CONTROL.search(name):
        return f"has U+{ord(control[0]):04X}; expected no control characters or line ends"
    if all(category(letter) in _INVISIBLE for letter in name):
        return f"is {name!a}; expected a visible character"
    return ""


def derived_name(form: str, base: str) -> str:
    """Return the form, such as ``{} webhook``, filled with the base, which is cut if the name would be too long."""
    room = LONGEST_NAME - len(form.format(""))
    return form.format(base[:room].rstrip())


def free_name(is_free: Callable[[str], bool], base: str, *forms: str) -> str:
    """Return the first derived name that is free: one of the forms, or the last one with a number, from 2."""
    numbered = (f"{forms[-1]} {number}" for number in count(2))
    candidates = (derived_name(form, base) for form in chain(forms, numbered))
    return next(filter(is_free, candidates))
