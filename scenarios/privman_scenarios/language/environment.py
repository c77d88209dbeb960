"""Environment variables in scenarios: ``${env.GROUP}`` is the value of ``GROUP``."""

import re
from collections.abc import Iterable, Mapping

from privman_core.near_words import misspelt
from privman_core.secret_names import is_secret_field
from privman_scenarios.output import SECRETS

_NAME = re.compile(r"env\.([^\W\d]\w*)")
# Last words of names, beside those that fields of secrets have.
_SECRET_WORDS = frozenset({"credentials", "key", "pass", "pin"})


def variable_in(name: str) -> str:
    """Return the environment variable that a ``${name}`` stands for; empty for any other name."""
    found = _NAME.fullmatch(name)
    return found[1] if found else ""


def used(names: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that these names stand for and that are set; their secrets are masked from now on."""
    wanted = dict.fromkeys(filter(None, map(variable_in, names)))
    found = {variable: environment[variable] for variable in wanted if environment.get(variable)}
    mask_secrets(found)
    return found


def mask_secrets(environment: Mapping[str, str]) -> None:
    """Mask values in this process: those of variables whose name says so, and all that are long or random enough."""
    for variable, value in environment.items():
        SECRETS.add(value)
        if is_secret(variable):
            SECRETS.add_word(value)


def is_secret(variable: str) -> bool:
    """Return whether the name of a variable says that it holds a secret, as SERVICENOW_PASSWORD and API_KEY do."""
    return is_secret_field(variable) or variable.lower().rpartition("_")[2] in _SECRET_WORDS


def flaw_of(variable: str, environment: Mapping[str, str]) -> str:
    """Return why a variable has no value; empty if it has one. Pipelines set an empty one for a secret that is missing.

    Names other than near ones are left out, since the environment may hold secrets.
    """
    if environment.get(variable):
        return ""
    if variable in environment:
        return f"the environment variable {variable!r} is empty. Expected a value."
    near = misspelt(variable, environment)
    return f"the environment variable {variable!r} is not set. {f'Did you mean {near!r}?' if near else 'Set it.'}"
