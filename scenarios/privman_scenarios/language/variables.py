"""Names that steps save and later steps use, as ``${name}`` or in ``request:``."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from privman_core.near_words import advice, misspelt
from privman_scenarios.errors import ScenarioFileError
from privman_scenarios.language import environment, known
from privman_scenarios.language.captures import PARTS, ExpectedAnswer, as_text
from privman_scenarios.language.console_items import ConsoleItems
from privman_scenarios.language.environment import variable_in
from privman_scenarios.language.kinds import CREATED_USER, REQUEST, REQUESTS, Kind
from privman_scenarios.language.known import USERS, unknown
from privman_scenarios.language.model import Arguments, Own, Scenario, Step
from privman_scenarios.language.vocabulary import Vocabulary

VARIABLE = re.compile(r"\$\{([\w.-]+)\}")
# A text of so many characters, such as ${text.4000}.
LONG_TEXT = re.compile(r"text\.([1-9][0-9]{0,5})")
TABLES = known.TABLES
RULES = tuple(name.word for name in known.names() if name.group == "rules" and isinstance(name.value, int))
# What is saved of each console by itself.
OF_CONSOLE = ("console", "instance_id", "activity_type_id")
# The console, and the instance, that are there before a step starts another.
FIRST = "first"
_OF_SET_UP = ("instance_id", "activity_type_id")
# Drawn when it is first used: a GUID that nobody else has.
NEW_GUID = "new_guid"
NEW_GUID_IN_CAPITALS = NEW_GUID.upper()
# So that a text can have ${name} in it: ${dollar}{name}.
SIGNS = {"dollar": "$"}
_GUID = "7a6f3c52-0b1d-4e8f-9c2a-5d4e6f708192"
_OF_CONSOLE: Mapping[str, str] = {
    "console": "http://console.example:8090",
    "instance_id": known.SYS_IDS["integration_configuration"],
    "activity_type_id": known.SYS_IDS["activity_type"],
}
_SERVICENOW = "http://servicenow.example:8080"
_BUILT_IN: Mapping[str, str | int] = {
    "servicenow": _SERVICENOW,
    **_OF_CONSOLE,
    **SIGNS,
    NEW_GUID: _GUID,
    NEW_GUID_IN_CAPITALS: _GUID.upper(),
    **{f"table.{table}": known.names().table(table) for table in TABLES},
    **{f"rule.{rule}": known.names().number(rule) for rule in RULES},
}
# Names that stand for the same on every instance, in the packaged spelling.
PACKAGED = {name: value for name, value in _BUILT_IN.items() if name.startswith(("table.", "rule."))}
_KINDS = ("table", "rule")
_USE_CONSOLE = "console.use"
_USES = (_USE_CONSOLE, "servicenow.use")


@lru_cache(maxsize=8)  # a scenario that fills something sends the same text again and again
def long_text(length: int) -> str:
    """Return a text of that length in which no place looks like another, so that nothing can be cut out unnoticed."""
    enough = length // len("0 ") + 1
    return " ".join(map(str, range(enough)))[:length]


class Saved:
    """The names that the steps so far have saved, each with an example of what it stands for.

    Args:
        vocabulary: has what each verb saves.
        own: what the scenario declares as its own, users among it.
        environment: variables of the environment.

    Attributes:
        vocabulary: the same.
        own: the same.
        is_partial: whether some step could not be read, so that nobody knows what it would have saved.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        own: Own = MappingProxyType({}),
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.vocabulary = vocabulary
        self._environment = environment
        self.is_partial = False
        self._examples: dict[str, str | int] = dict(_BUILT_IN)
        self._users: list[str] = []
        self._names: list[str] = []
        self._answers: dict[str, ExpectedAnswer] = {}
        self.own = own
        self._own_users = own.get("users", ())
        self._items = ConsoleItems(own)
        self._items.use(FIRST)
        self._in_use: dict[str, list[str]] = {verb: [FIRST] for verb in _USES}

    def flaw_of(self, step: Step) -> str:
        """Return why a step cannot be resolved: a name or user that no earlier step makes; empty if it can."""
        return next(self._flaws(step), "")

    def missing(self, step: Step) -> str:
        """Return which user or value a step needs and no earlier one makes; empty if there is none."""
        return next(self._missing(step), "")

    def _flaws(self, step: Step) -> Iterator[str]:
        yield from self._missing(step)
        yield from self._unknown_users(step)
        yield from self._items.flaws(self.vocabulary[step.verb], step.arguments)
        if near := misspelt(step.arguments.get("name", ""), self._in_use.get(step.verb, ())):
            yield f"{step.arguments['name']!r} starts another one, but is nearly {near!r}. Choose another name."
        yield from self._wrong_sys_id(step)
        if step.arguments.get("as") in self._names:
            name = step.arguments["as"]
            yield f"an earlier step has saved the name {name!r}, which would no longer lead there. Choose another."

    def _missing(self, step: Step) -> Iterator[str]:
        for user in self._of_kind(CREATED_USER, step):
            if user not in self._users:
                help_ = advice(user, self._users) if self._users else "Expected servicenow.create-user first."
                yield f"no earlier step has created user {user!r}. {help_}"
        yield from filter(None, map(self.why_unknown, self._used(step)))

    def why_unknown(self, name: str) -> str:
        """Return why no step so far has saved the name; empty if one has."""
        if name in self._examples or LONG_TEXT.fullmatch(name):
            return ""
        if variable := variable_in(name):
            return environment.flaw_of(variable, self._environment)
        capture, _, path = name.partition(".")
        if capture not in self._answers:
            return f"no earlier step has saved {name!r}. {advice(name, self._of_same_kind(name))}"
        flaw = self._answers[capture].flaw_of(path)
        return flaw and f"no value {name!r}. {flaw}"

    def _of_same_kind(self, name: str) -> Iterator[str]:
        """Yield the names of tables or rules for what looks like one, else all others."""
        captured = (f"{capture}.{part}" for capture in self._answers for part in PARTS)
        return (each for each in (*self._examples, *captured) if _kind(each) == _kind(name))

    def is_captured(self, name: str) -> bool:
        """Tell whether a name stands for a value of an answer that an earlier step captures."""
        return name not in self._examples and name.partition(".")[0] in self._answers

    def is_guess(self, value: object) -> bool:
        """Tell whether a value has a ``${name}`` of which nobody knows what it will look like."""
        return any(self._example(name) == f"${{{name}}}" for name in names_in(value))

    def _used(self, step: Step) -> Iterator[str]:
        several = (name for names in self._of_kind(REQUESTS, step) for name in names)
        requests = (*self._of_kind(REQUEST, step), *several)
        yield from (f"{name}.request_id" for name in requests if isinstance(name, str))
        yield from names_in(step.arguments)

    def _of_kind(self, kind: Kind, step: Step) -> Iterator[Any]:
        """Yield what a step says under the arguments of that kind."""
        names = (each.name for each in self.vocabulary[step.verb].arguments if each.kind is kind)
        return (step.arguments[name] for name in names if name in step.arguments)

    def _unknown_users(self, step: Step) -> Iterator[str]:
        """Find who acts, but was never created: a misspelt user would be made as another approver."""
        known_users = (*self._users, *self._own_users, *USERS)
        for by in _acting(step):
            if by and by not in known_users:
                yield f"by: {unknown('user', by, known_users, 'users')} Otherwise, servicenow.create-user makes one."

    def _wrong_sys_id(self, step: Step) -> Iterator[str]:
        """Find a name that stands for something else than the sys_id of a record of the step's table."""
        table = step.arguments.get("table", "")
        for name in names_in(step.arguments.get("sys_id")) if table else ():
            if self.is_guess(f"${{{name}}}"):
                continue
            if kind_of(name) != "a sys_id":
                yield f"sys_id: ${{{name}}} is {kind_of(name)}. Expected the sys_id of a record of {table}."
            elif self._example(name) != known.SYS_IDS.get(table, known.OTHER_SYS_ID):
                yield f"sys_id: ${{{name}}} is a sys_id of another table. Expected one of {table}."

    def fill(self, value: Any) -> Any:  # noqa: ANN401 - any argument
        """Return the value with an example in place of each ``${name}``; an unknown name stays."""
        return replaced(value, self._example)

    def add(self, step: Step) -> None:
        """Add the names that a step saves."""
        if "as" in step.arguments:
            self._names.append(step.arguments["as"])
        if creates := self.vocabulary[step.verb].creates_user:
            self._users.append(step.arguments[creates])
        self._examples.update(self.vocabulary[step.verb].saves(step.arguments))
        if (party := self.vocabulary[step.verb].captures) and "as" in step.arguments:
            answered = {key: self.fill(value) for key, value in step.arguments.items()}
            self._answers[step.arguments["as"]] = ExpectedAnswer.of(party, answered, self.own)
        self._items.add(self.vocabulary[step.verb], step.arguments)
        if step.verb in _USES:
            self._in_use[step.verb].append(step.arguments["name"])
        if step.verb == _USE_CONSOLE:
            self._items.use(step.arguments["name"])

    def _example(self, name: str) -> str | int:
        if wanted := LONG_TEXT.fullmatch(name):
            return long_text(int(wanted[1]))
        if variable := variable_in(name):
            return self._environment.get(variable, f"${{{name}}}")
        capture, _, path = name.partition(".")
        example = self._answers[capture].example(path) if self.is_captured(name) else self._examples.get(name)
        return f"${{{name}}}" if example is None else example


def replaced(value: Any, value_of: Callable[[str], Any]) -> Any:  # noqa: ANN401 - any argument
    """Return the value with each ``${name}`` replaced; one that stands alone may become anything else than a text."""
    if isinstance(value, dict):
        filled = {key: replaced(item, value_of) for key, item in value.items()}
        return (
            {"matches": str(filled["matches"])} if isinstance(value.get("matches"), str) and len(value) == 1 else filled
        )
    if isinstance(value, list):
        return [replaced(item, value_of) for item in value]
    if not isinstance(value, str):
        return value
    alone = VARIABLE.fullmatch(value)
    return value_of(alone[1]) if alone else VARIABLE.sub(lambda found: as_text(value_of(found[1])), value)


def kind_of(name: str) -> str:
    """Return what a name stands for, for people."""
    if name in (NEW_GUID, NEW_GUID_IN_CAPITALS) or name.endswith("request_id"):
        return "a GUID"
    if name.endswith(("sys_id", "instance_id", "activity_type_id")):
        return "a sys_id"
    group, _, path = name.partition(".")
    if group in _GROUPS:
        return _GROUPS[group]
    return "a value of an answer" if path.partition(".")[0] in PARTS else "an address"


_GROUPS = {
    "env": "a value of the environment",
    "table": "the name of a table",
    "rule": "a number",
    "text": "a text",
    "dollar": "a text",
}


def check_variables(vocabulary: Vocabulary, scenario: Scenario) -> None:
    """Raise ScenarioFileError for the first step that uses a name which no earlier step saves."""
    saved = Saved(vocabulary, scenario.words, scenario.environment)
    for step in scenario.all_steps:
        if flaw := saved.flaw_of(step):
            raise ScenarioFileError(scenario.file_of(step), step.line, f"{step.verb}: {flaw}")
        saved.add(step)


def _kind(name: str) -> str:
    kind = name.partition(".")[0]
    return kind if kind in _KINDS else ""


def _acting(step: Step) -> Iterator[str]:
    """Yield the user of a step, or of each decision in it."""
    if step.verb.startswith("servicenow."):
        rows = (step.arguments, *step.arguments.get("decisions", ()))
        yield from (row["by"] for row in rows if "by" in row)


def names_in(value: Any) -> Iterator[str]:  # noqa: ANN401 - any argument
    """Yield each name that stands as ``${name}`` in a value."""
    if isinstance(value, str):
        yield from VARIABLE.findall(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from names_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from names_in(item)


def without_variables(text: str) -> str:
    """Return the text as a file has to hold it, so that no ``${name}`` in it is taken for a variable."""
    return VARIABLE.sub(r"${dollar}{\1}", text)


def saves_request(arguments: Arguments) -> Iterator[tuple[str, str]]:
    """Yield what a verb saves that makes a request."""
    yield from dict.fromkeys(("request_id", f"{arguments.get('as', 'request')}.request_id"), _GUID).items()


def saves_record(arguments: Arguments) -> Iterator[tuple[str, str]]:
    """Yield what a verb saves that names a record of its table with ``as``."""
    if "as" not in arguments:
        return
    table = arguments["table"]
    yield f"{arguments['as']}.sys_id", known.SYS_IDS.get(table, known.OTHER_SYS_ID)
    if table not in TABLES or "request_id" in known.columns(table):
        yield f"{arguments['as']}.request_id", _GUID


def saves_console(arguments: Arguments) -> Iterator[tuple[str, str]]:
    """Yield what a verb saves that changes the console which is spoken to."""
    for name in (FIRST, arguments["name"]):
        yield from ((f"{name}.{key}", _OF_CONSOLE[key]) for key in OF_CONSOLE)


def saves_instance(arguments: Arguments) -> Iterator[tuple[str, str]]:
    """Yield what a verb saves that changes the instance which is spoken to."""
    yield from ((f"{name}.servicenow", _SERVICENOW) for name in (FIRST, arguments["name"]))


def saves_set_up(arguments: Arguments) -> Iterator[tuple[str, str]]:
    """Yield what a verb saves that sets a console up, with ``as``."""
    if "as" in arguments:
        yield from ((f"{arguments['as']}.{key}", _OF_CONSOLE[key]) for key in _OF_SET_UP)
