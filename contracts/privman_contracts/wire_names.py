"""Spellings of the wire, each with its evidence; a user's file may replace any of them."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from http import HTTPStatus
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Self

from privman_contracts import rules
from privman_contracts.evidence import MARKS, Evidence, Observation, Part, in_words
from privman_contracts.files import PACKAGED, ContractError, InferredNamesError, load_yaml
from privman_core.inputs import CONTROL
from privman_core.near_words import advice

Value = str | int | list[int | str]


@dataclass(frozen=True, slots=True)
class WireName:
    """One spelling or rule of the wire.

    Attributes:
        path: canonical name with its groups, such as ``columns.request.instance_id``.
        value: the spelling on the wire; for ``rules`` a number or a list of statuses.
        packaged: the value unless a user's file replaces it.
        holds: what a column or key holds: ``guid``, ``number``, ``flag``, ``json``, ``address``, ``duration``, the
            canonical name of a table for its sys_ids, or empty for any text.
        words: the groups of words that a value of a column or key may be, such as ``response``.
        source: the pages that say it, by their names in ``sources.yaml``; of an I, those that suggest it.
        labels: of a table or column, as pages of the app print them.
        optional: whether an instance may lack the column, as pages of the app do not print it.
        observation: how it was learned from an instance; None for a name that was not.
    """

    path: str
    value: Value
    evidence: Evidence
    packaged: Value
    holds: str = field(default="", compare=False)
    words: tuple[str, ...] = field(default=(), compare=False)
    source: str = field(default="", compare=False)
    labels: tuple[str, ...] = field(default=(), compare=False)
    optional: bool = field(default=False, compare=False)
    observation: Observation | None = field(default=None, compare=False)

    @property
    def group(self) -> str:
        """The names among which the spelling must be unique, such as ``columns.request``."""
        return self.path.rpartition(".")[0]

    @property
    def word(self) -> str:
        """The canonical name without its groups, such as ``instance_id``."""
        return self.path.rpartition(".")[2]

    @property
    def cited(self) -> str:
        """The observation, or the source."""
        return str(self.observation or self.source)

    def observed(self, value: Value, observation: Observation) -> Self:
        """Return the name with the value that was observed on an instance."""
        return replace(self, value=value, evidence="O", observation=observation)


# Neither a table of the platform nor a column that every table has.
_TABLE = re.compile(r"[xu]_[a-z0-9_]{1,78}")
_COLUMN = re.compile(r"(?!sys_)[A-Za-z]\w{0,79}", re.ASCII)
_ROLE = re.compile(r"\w[\w.]{0,99}", re.ASCII)
_SERVICE = re.compile(r"\w{1,100}", re.ASCII)
_ELEMENT = re.compile(r"[A-Za-z_][\w.-]{0,99}", re.ASCII)
_LONGEST = 100
_LONGEST_OBSERVATION = 300
_EXPECTED_TEXT = "text without line breaks, blanks around it, or more than {} characters"
_TEXT = _EXPECTED_TEXT.format(_LONGEST)
# Words of one column, or of a list in a column.
_LISTED = ("words.response", "words.request_status")


def _read_override(file: Path, names: Mapping[str, WireName]) -> list[WireName]:
    """Return the names that the file changes, checked against the packaged ``names``.

    Raises:
        InferredNamesError: the file is unusable; names file, key and the nearest valid word.
    """
    try:
        tree = load_yaml(file)
    except ContractError as error:
        raise InferredNamesError(str(error)) from None
    try:
        changed = list(_changes(tree or {}, "", names))
        _refuse_twins({**names, **{name.path: name for name in changed}}.values())
    except InferredNamesError as error:
        raise InferredNamesError(f"{file}: {error}") from None
    return changed


def _with(names: Mapping[str, WireName], changed: Iterable[WireName]) -> Iterable[WireName]:
    """Return the names with the changed ones replaced, and with the changes that follow from these."""
    changes = {name.path: name for name in changed}
    names = {**names, **changes}
    return {**names, **{name.path: name for name in _answered_with_200(names, changes)}}.values()


def _answered_with_200(names: Mapping[str, WireName], changed: Container[str]) -> Iterator[WireName]:
    """Yield the refusals that the rule moves to status 200, except those that the user's file changes."""
    rule = names.get("rules.error_answer_status")  # older contract sets lack it
    if rule is None or rule.value != HTTPStatus.OK:
        return
    for path in (f"rules.{refusal}" for refusal in rules.REFUSALS_OF_OPERATIONS):
        if path not in changed:
            yield replace(names[path], value=int(HTTPStatus.OK))


def field_of(path: str) -> str:
    """Return the key of a packaged entry's value: ``value`` for a rule, ``name`` for everything else."""
    return "value" if path.startswith("rules.") else "name"


def _changes(tree: object, groups: str, names: Mapping[str, WireName]) -> Iterator[WireName]:
    if not isinstance(tree, dict):
        raise InferredNamesError(f"{groups.rstrip('.') or 'the file'} holds {tree!r}. Expected names below it.")
    for word, entry in tree.items():
        path = f"{groups}{word}"
        if path in names:
            yield _changed_name(names[path], entry)
        elif any(name.startswith(f"{path}.") for name in names):
            yield from _changes(entry, f"{path}.", names)
        else:
            raise InferredNamesError(f"unknown wire name {path!r}. {advice(path, _known_words(names))}")


def _known_words(names: Mapping[str, WireName]) -> set[str]:
    groups = {name.group for name in names.values()}
    return {*names, *groups, *(group.partition(".")[0] for group in groups)}


def _changed_name(name: WireName, entry: object) -> WireName:
    """Return the name as the user has it: a plain value, or a mapping as in the packaged file."""
    value_key = field_of(name.path)
    change: Mapping[Any, Any] = entry if isinstance(entry, dict) else {value_key: entry}
    copied = {key: getattr(name, key) for key in ("holds", "optional")}
    copied |= {key: list(getattr(name, key)) for key in ("words", "labels")}
    known = {value_key, "evidence", "source", "observed"}
    strange = [key for key in change if key not in known and (key not in copied or change[key] != copied[key])]
    if strange:
        raise InferredNamesError(
            f"{name.path} has key {strange[0]!r}. Expected {value_key!r}, 'evidence', 'source' and 'observed'."
        )
    observation = _observation(name.path, change["observed"]) if "observed" in change else None
    evidence = change.get("evidence", "O" if observation else name.evidence)
    if evidence not in MARKS or (observation and evidence != "O"):
        expected = "'O' beside 'observed'" if observation else f"one of {', '.join(MARKS)}"
        raise InferredNamesError(f"{name.path} has evidence {evidence!r}. Expected {expected}.")
    source = change.get("source", name.source)
    if "source" in change and not _is_text(source):
        raise InferredNamesError(f"{name.path} has source {source!r}. Expected {_TEXT}.")
    value = change.get(value_key, name.value)
    _check_value(name, value)
    return replace(name, value=value, evidence=evidence, source=source, observation=observation)


def _observation(path: str, entry: object) -> Observation:
    """Return how a name was learned, as a file for ``--inferred`` has it."""
    keys = [*Observation.__struct_fields__]
    if not isinstance(entry, dict) or {*entry} != {*keys}:
        raise InferredNamesError(f"{path}.observed has value {entry!r}. Expected the keys {', '.join(keys)}.")
    for key, value in entry.items():
        valid, expected = _is_text(value, _LONGEST_OBSERVATION), _EXPECTED_TEXT.format(_LONGEST_OBSERVATION)
        if key == "date":
            valid, expected = type(value) is date, "a day such as 2026-11-29"
        if not valid:
            raise InferredNamesError(f"{path}.observed.{key} has value {value!r}. Expected {expected}.")
    return Observation(**entry)


def _check_value(name: WireName, value: object) -> None:
    valid, expected = _is_text(value), _TEXT
    if name.group == "rules":
        valid, expected = rules.RULES[name.word].is_one(value), rules.RULES[name.word].expected
    elif name.group == "tables":
        valid, expected = _fits(_TABLE, value), "a table of an app, x_ or u_ and then letters, digits and underscores"
    elif name.path.startswith("columns."):
        valid, expected = _fits(_COLUMN, value), "letters, digits and underscores, not beginning with sys_"
    elif name.group == "words.soap_service":
        valid, expected = _fits(_SERVICE, value), "letters, digits and underscores"
    elif name.group.startswith("keys.soap_"):
        valid, expected = _fits(_ELEMENT, value), "the name of an XML element, without a colon"
    elif name.group == "roles":
        valid, expected = _fits(_ROLE, value), "letters, digits, underscores and dots"
    elif name.group in _LISTED and valid:
        valid, expected = "," not in str(value), "text without a comma, which separates responses"
    if not valid:
        raise InferredNamesError(f"{name.path} has value {value!r}. Expected {expected}.")


def _is_text(value: object, longest: int = _LONGEST) -> bool:
    return isinstance(value, str) and not CONTROL.search(value) and value == value.strip() and 0 < len(value) <= longest


def _fits(form: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _refuse_twins(names: Iterable[WireName]) -> None:
    """Refuse two names with the same spelling in one place, since they could not be told apart on the wire."""
    taken: dict[tuple[str, object], str] = {}
    for name in names:
        if name.group == "rules":
            continue
        place = _LISTED[0] if name.group in _LISTED else name.group
        other = taken.setdefault((place, name.value), name.path)
        if other != name.path:
            raise InferredNamesError(f"{name.path} has value {name.value!r}. Expected another than {other} has.")


class WireNames:
    """The names of tables, columns, keys, words and roles on the wire, and the inferred rules.

    Code asks by canonical name and gets the spelling; an unknown canonical name raises InferredNamesError.
    """

    def __init__(self, names: Iterable[WireName]) -> None:
        self._names = {name.path: name for name in names}
        self._groups: dict[str, dict[str, str]] = {}
        self._changed: dict[str, dict[str, str]] = {}
        for name in self._names.values():
            self._groups.setdefault(name.group, {})[name.word] = str(name.value)
            if name.value != name.packaged:
                self._changed.setdefault(name.group, {})[str(name.packaged)] = str(name.value)

    @classmethod
    def load(cls, override: Path | None = None, folder: Traversable = PACKAGED) -> Self:
        """Return the names in the contract set ``folder``, with what differs in the file ``override`` replaced.

        Raises:
            InferredNamesError: the file is unusable; names file, key and the nearest valid word.
        """
        packaged = _packaged() if folder == PACKAGED else _in_set(folder)
        names = {name.path: name for name in packaged}
        changed = [] if override is None else _read_override(override, names)
        return cls(_with(names, changed))

    def __iter__(self) -> Iterator[WireName]:
        return iter(self._names.values())

    @property
    def how_known(self) -> str:
        """How many of the names are documented, observed and inferred, for people."""
        return f"{len(self._names)} names on the wire: {in_words(name.evidence for name in self)}"

    def table(self, table: str) -> str:
        """Return the table's name, of ``request`` for instance."""
        return self._spelling(f"tables.{table}")

    def column(self, table: str, column: str) -> str:
        """Return the column's name, of ``("request", "instance_id")`` for instance."""
        return self._spelling(f"columns.{table}.{column}")

    def key(self, body: str, key: str) -> str:
        """Return a JSON key of a group such as ``metadata``, ``token``, ``decision`` or ``envelope``."""
        return self._spelling(f"keys.{body}.{key}")

    @property
    def secret_keys(self) -> frozenset[str]:
        """The JSON keys of a Secret, as they are spelled."""
        return frozenset(self.key(body, "Password") for body in ("instance_metadata", "token"))

    def word(self, group: str, word: str) -> str:
        """Return a value that has a meaning, such as ``word("response", "approve")``."""
        return self._spelling(f"words.{group}.{word}")

    def role(self, role: str) -> str:
        """Return the role's name, of ``admin`` or ``approver``."""
        return self._spelling(f"roles.{role}")

    def number(self, rule: str) -> int:
        """Return a rule that is one number, such as ``duplicate_request_status``."""
        value = self.find(f"rules.{rule}").value
        if not isinstance(value, int):
            raise InferredNamesError(f"Rule {rule!r} has value {value!r}. Expected a rule of one number.")
        return value

    def choice(self, rule: str) -> str:
        """Return a rule that is one of a few words, such as ``api_document``."""
        return str(self.find(f"rules.{rule}").value)

    def statuses(self, rule: str) -> frozenset[int]:
        """Return a rule that is a list of statuses, such as ``retried_statuses``; 0 is no answer at all."""
        value = self.find(f"rules.{rule}").value
        if not isinstance(value, list):
            raise InferredNamesError(f"Rule {rule!r} has value {value!r}. Expected a rule of several statuses.")
        return self.expanded(value)

    @staticmethod
    def expanded(statuses: Iterable[int | str]) -> frozenset[int]:
        """Return each status that numbers and classes such as ``5xx`` stand for."""
        return frozenset(status for item in statuses for status in _expand(item))

    def group(self, group: str) -> dict[str, str]:
        """Return canonical name to spelling of a group such as ``columns.request``.

        Raises:
            InferredNamesError: no such group.
        """
        if group not in self._groups:
            raise InferredNamesError(f"unknown group of wire names {group!r}. {advice(group, self._groups)}")
        return dict(self._groups[group])

    def changed(self, group: str) -> dict[str, str]:
        """Return the names of a group that a user's file respells: packaged spelling to spelling."""
        return dict(self._changed.get(group, ()))

    def find(self, path: str) -> WireName:
        """Return the name with its evidence, of ``columns.request.instance_id`` for instance."""
        if path not in self._names:
            raise InferredNamesError(f"unknown wire name {path!r}. {advice(path, self._names)}")
        return self._names[path]

    def overridden(self, values: Mapping[str, Value]) -> Self:
        """Return the names as if a file for ``--inferred`` gave these values to those at the paths.

        Raises:
            InferredNamesError: a file with these values would be refused.
        """
        changed = [_changed_name(self.find(path), value) for path, value in values.items()]
        _refuse_twins({**self._names, **{name.path: name for name in changed}}.values())
        return type(self)(_with(self._names, changed))

    def replaced(self, values: Mapping[str, Value]) -> Self:
        """Return the names, those at the paths in ``values`` with other spellings; their marks stay."""
        return type(self)(replace(name, value=values.get(name.path, name.value)) for name in self)

    def canonical(self) -> Self:
        """Return the names each spelled as its canonical name; the rules stay."""
        rules = (name for name in self if name.group == "rules")
        return type(self)([*(replace(name, value=name.word) for name in self if name.group != "rules"), *rules])

    def _spelling(self, path: str) -> str:
        return str(self.find(path).value)


@cache
def _packaged() -> tuple[WireName, ...]:
    return _in_set(PACKAGED)


def _in_set(folder: Traversable) -> tuple[WireName, ...]:
    return tuple(_entries(load_yaml(folder / "inferred.yaml")))


def _entries(tree: Mapping[str, Any], groups: str = "") -> Iterator[WireName]:
    for word, entry in tree.items():
        path = f"{groups}{word}"
        if "evidence" in entry:
            value = entry[field_of(path)]
            words, labels = tuple(entry.get("words", ())), tuple(entry.get("labels", ()))
            holds, source, optional = entry.get("holds", ""), entry.get("source", ""), entry.get("optional", False)
            yield WireName(path, value, entry["evidence"], value, holds, words, source, labels, optional)
        else:
            yield from _entries(entry, f"{path}.")


def _expand(item: int | str) -> Iterable[int]:
    """Return the statuses that ``404`` or ``5xx`` stands for."""
    if isinstance(item, int):
        return [item]
    first = int(item[0]) * 100
    return range(first, first + 100)


def part_of_name(name: WireName) -> Part:
    """Return the part that a table, word, role or rule is."""
    return Part("inferred.yaml", name.path, name.evidence, str(name.value), name.cited)
