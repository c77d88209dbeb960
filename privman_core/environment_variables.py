"""Read environment variables; a misspelt one is an error and never counts as unset."""

from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from functools import lru_cache

from privman_core import argument_types
from privman_core.client_settings import PROFILE, SETTINGS
from privman_core.command_line import UsageError
from privman_core.near_words import misspelt_words

_LIKE_A_TYPO = 0.9
_OF_CLIENTS = frozenset({*(each.variable for each in SETTINGS), PROFILE})


def read_variable(name: str, environment: Mapping[str, str]) -> str | None:
    """Return the value of a variable, None if it is not set.

    Raises UsageError if it is not set, but one whose name is a misspelling of it is.
    """
    if name in environment:
        return environment[name]
    known = _OF_CLIENTS | {name}
    wrong = next((each for each in sorted(environment) if _nearest(each, known) == name), None)
    if wrong is not None:
        raise UsageError(f"unknown variable {wrong} (did you mean {name!r}?).")
    return None


@lru_cache(maxsize=512)
def _nearest(given: str, names: frozenset[str]) -> str:
    """Return which name the given one is, but for case, underscores, or a letter or two; empty if it is none.

    Another number of words makes another name, as does a number: SERVICENOW_USER_ID belongs to another tool, and
    SERVICENOW_URL2 to another instance.
    """
    return misspelt_words(given.upper(), names, _LIKE_A_TYPO)


def admin_token(variable: str, environment: Mapping[str, str]) -> str:
    """Return a control plane's token, empty if the variable is not set; raises UsageError."""
    unset = "leaves the control plane to this machine"
    return _secret(variable, environment, argument_types.token, "a token", unset)


def password(variable: str, environment: Mapping[str, str], default: str) -> str:
    """Return a server's password, the default if the variable is not set; raises UsageError."""
    unset = f"makes it {default!r}, for this machine alone"
    return _secret(variable, environment, argument_types.secret, "a password", unset) or default


def _secret(
    variable: str, environment: Mapping[str, str], read: Callable[[str], str], expected: str, unset: str
) -> str:
    """Return a secret, empty if the variable is not set; an empty one may be a secret that was not handed over."""
    given = read_variable(variable, environment)
    if given is None:
        return ""
    if not given:
        raise UsageError(f"{variable} is empty; expected {expected}, or the variable unset, which {unset}")
    try:
        return read(given)
    except ArgumentTypeError as error:
        raise UsageError(f"{variable}: {error}.") from None
