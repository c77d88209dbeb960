"""Names that steps save and later steps use, as ``${name}`` or in ``request:``."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.known import names
from privman_scenarios.model import Step
from privman_scenarios.words import nearest

VARIABLE = re.compile(r"\$\{([\w.-]+)\}")
# A text of so many characters, such as ${text.4000}.
LONG_TEXT = re.compile(r"text\.([1-9][0-9]{0,5})")
TABLES = ("integration_configuration", "activity_type", "request", "response")
RULES = tuple(name.word for name in names() if name.group == "rules" and isinstance(name.value, int))
# What is saved of each console by itself.
OF_CONSOLE = ("console", "instance_id", "activity_type_id")
FIRST_CONSOLE = "first"
# Drawn when it is first used: a GUID that nobody else has.
NEW_GUID = "new_guid"
NEW_GUID_IN_CAPITALS = NEW_GUID.upper()
BUILT_IN = (
    *("servicenow", *OF_CONSOLE, NEW_GUID, NEW_GUID_IN_CAPITALS),
    *(f"table.{table}" for table in TABLES),
    *(f"rule.{rule}" for rule in RULES),
)
_KINDS = ("table", "rule")


def long_text(length: int) -> str:
    """Return a text of that length in which no place looks like another, so that nothing can be cut out unnoticed."""
    return " ".join(map(str, range(length)))[:length]


def check_variables(steps: Iterable[Step], file: str) -> None:
    """Raise ScenarioFileError for the first step that uses a name no step before it saves."""
    saved = list(BUILT_IN)
    users: list[str] = []
    for step in steps:
        if step.verb == "servicenow.create-user":
            users.append(step.arguments["name"])
        user = step.arguments.get("servicenow_user")
        if user is not None and user not in users:
            help_ = nearest(user, users) if users else "Expected servicenow.create-user first."
            raise ScenarioFileError(file, step.line, f"{step.verb}: no step before has created user {user!r}. {help_}")
        for name in _used(step):
            if name not in saved and not LONG_TEXT.fullmatch(name):
                message = f"{step.verb}: no step before has saved {name!r}. {nearest(name, _alike(name, saved))}"
                raise ScenarioFileError(file, step.line, message)
        saved.extend(_saved(step))


def _alike(name: str, saved: Iterable[str]) -> Iterator[str]:
    """Yield the names of tables or rules for what looks like one, else all others."""
    return (each for each in saved if _kind(each) == _kind(name))


def _kind(name: str) -> str:
    kind = name.partition(".")[0]
    return kind if kind in _KINDS else ""


def _used(step: Step) -> Iterator[str]:
    if "request" in step.arguments and isinstance(step.arguments["request"], str):
        yield f"{step.arguments['request']}.request_id"
    yield from _named(step.arguments)


def _named(value: Any) -> Iterator[str]:  # noqa: ANN401 - any argument
    if isinstance(value, str):
        yield from VARIABLE.findall(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)


def _saved(step: Step) -> Iterator[str]:
    if step.verb == "console.ask":
        yield "request_id"
    if step.verb == "console.ask" or "as" in step.arguments:
        name = step.arguments.get("as", "request")
        yield from (f"{name}.request_id", f"{name}.sys_id")
    if step.verb == "console.use":
        yield from (f"{name}.{key}" for name in (FIRST_CONSOLE, step.arguments["name"]) for key in OF_CONSOLE)
