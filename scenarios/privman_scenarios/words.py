"""Help with a word that is not known."""

import difflib
from collections.abc import Iterable, Mapping, Sequence

Own = Mapping[str, Sequence[str]]
# What a scenario may declare under ``own``, so that a word of the user's instance is not taken for a typo.
OWN: Mapping[str, str] = {
    "tables": "Tables beside those of the app, by their names on the instance.",
    "columns": "Columns beside those of the app.",
    "roles": "Roles of ServiceNow or of the console beside those that the products come with.",
    "words": "Statuses, states and responses beside the documented ones, or words that are wrong on purpose.",
    "keys": "Keys of JSON bodies beside those of the contracts.",
    "headers": "Headers of answers beside those that the two products send.",
    "paths": "Globs of paths that no contract has.",
    "findings": "Rules of findings beside those of the two fakes.",
    "events": "Events of webhooks beside the documented ones.",
    "users": "Approvers that are made when they first act; others need servicenow.create-user.",
}


_LISTED = 15


def nearest(word: str, words: Iterable[str], likeness: float = 0.6) -> str:
    """Return a sentence that helps with a word that is none of ``words``: the nearest one, else all if they are few."""
    valid = list(dict.fromkeys(words))
    near = difflib.get_close_matches(word, valid, n=1, cutoff=likeness)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Expected one of {', '.join(valid)}." if len(valid) <= _LISTED else "No known one is like it."


def unknown(what: str, word: str, words: Iterable[str], own: str) -> str:
    """Return the message for an unknown word that ``own`` may declare."""
    return f"unknown {what} {word!r}. {nearest(word, words)} If it is your own, list it under 'own: {own}'."
