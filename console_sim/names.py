"""Names of what people configure: one rule for the API, the pages and the control plane."""

from unicodedata import category

LONGEST_NAME = 250
"""Characters; inferred, since no page says how long a name may be."""
_LINE_ENDS = frozenset({"Zl", "Zp"})


def fault_of_name(name: str) -> str:
    """Return what is wrong with a trimmed name, to follow what has the name; empty if nothing is."""
    if not name:
        return "is empty; expected text"
    if len(name) > LONGEST_NAME:
        return f"has {len(name):,} characters; expected at most {LONGEST_NAME}"
    unseen = next(filter(_is_unseen, name), "")
    return f"has U+{ord(unseen):04X}; expected no control or invisible characters" if unseen else ""


def _is_unseen(letter: str) -> bool:
    kind = category(letter)
    return kind.startswith("C") or kind in _LINE_ENDS
