"""Environment variables in scenarios: ``${env.GROUP}`` is the value of ``GROUP``."""

import re
from collections.abc import Iterable, Mapping

from privman_scenarios.language.known import misspelt
from privman_scenarios.output import SECRETS

_NAME = re.compile(r"env\.([^\W\d]\w*)")


def variable_in(name: str) -> str:
    """Return the environment variable that a ``${name}`` stands for; empty for any other name."""
    found = _NAME.fullmatch(name)
    return found[1] if found else ""


def used(names: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that these names stand for and that are set; their values are masked from now on."""
    wanted = dict.fromkeys(filter(None, map(variable_in, names)))
    found = {variable: environment[variable] for variable in wanted if environment.get(variable)}
    for value in found.values():
        SECRETS.add(value)
    return found


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
