"""Conditions on inferred rules, under which a scenario applies."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from privman_contracts import WireNames
from privman_contracts.rules import RULES
from privman_core.near_words import advice
from privman_scenarios.language import known

When = Mapping[str, Any]
_STATUSES = 600
_RULE = re.compile(r"\$\{rule\.(\w+)\}")


@dataclass(frozen=True, slots=True)
class _Condition:
    """One way to say what a rule must be.

    Attributes:
        holds: takes the rule's value and the operand.
        words: how the condition reads, before its operand.
    """

    holds: Callable[[Any, Any], bool]
    words: str


def _statuses(value: Any) -> set[int]:  # noqa: ANN401 - a status, or several
    return set(WireNames.expanded(value if isinstance(value, list) else [value]))


_CONDITIONS: Mapping[str, _Condition] = {
    "from": _Condition(lambda value, least: value >= least, "at least"),
    "to": _Condition(lambda value, most: value <= most, "at most"),
    "includes": _Condition(lambda value, wanted: _statuses(wanted) <= _statuses(value), "a list with"),
    "excludes": _Condition(lambda value, unwanted: not _statuses(unwanted) & _statuses(value), "a list without"),
}
_OF_NUMBERS, _OF_LISTS = ("from", "to"), ("includes", "excludes")


def flaw_of_condition(rule: str, condition: object) -> str:
    """Return why no rule can be judged by the condition; empty if it can."""
    rules = {name.word: name.value for name in known.names() if name.group == "rules"}
    if rule not in rules:
        return f"unknown rule {rule!r}. {advice(rule, rules)}"
    if not isinstance(condition, dict):
        is_value = type(condition) is type(rules[rule]) or RULES[rule].is_one(condition)
        return _impossible(rule, [condition]) if is_value else _no_condition(rule, condition, rules[rule])
    valid = _OF_LISTS if isinstance(rules[rule], list) else _OF_NUMBERS
    for word, operand in condition.items():
        if word not in valid:
            return f"unknown condition {word!r} of {rule}. {advice(word, valid)}"
        if not all(map(_is_status, operand if isinstance(operand, list) else [operand])):
            return (
                f"{word!r} of {rule} is {operand!r}. Expected a number{', or several' if valid == _OF_LISTS else ''}."
            )
    return _contradiction(rule, condition) or _unreachable(rule, condition)


def _no_condition(rule: str, condition: object, packaged: object) -> str:
    example = {list: "{includes: 429}", int: "{from: 1}"}.get(type(packaged))
    conditions = f", or a condition such as {example}" if example else ""
    return f"{rule} is {condition!r}. Expected {RULES[rule].expected}{conditions}."


def _unreachable(rule: str, condition: Mapping[str, Any]) -> str:
    """Return why no value that the rule may have fulfils the condition; empty if one does."""
    listed = [each for word in _OF_LISTS for each in _listed(condition.get(word, [])) if isinstance(each, int)]
    least, most = (condition[word] if isinstance(condition.get(word), int) else None for word in _OF_NUMBERS)
    ends = [each for each in (least, most) if each is not None]
    # Whatever a rule's lowest value is, it is a status or below.
    fitting = (
        each
        for each in (*ends, *range(_STATUSES))
        if (least is None or each >= least) and (most is None or each <= most)
    )
    if ends and not any(map(RULES[rule].is_one, fitting)):
        return f"no {rule} is {' to '.join(map(str, ends))}. Expected {RULES[rule].expected}."
    return _impossible(rule, [[each] for each in listed])


def _impossible(rule: str, values: Iterable[object]) -> str:
    """Return why the rule can have none of these values; empty if it can have each."""
    wrong = next((each for each in values if not RULES[rule].is_one(each)), None)
    return "" if wrong is None else f"no {rule} is {wrong!r}. Expected {RULES[rule].expected}."


def _contradiction(rule: str, condition: Mapping[str, Any]) -> str:
    """Return why no value fulfils the condition, so that the scenario would never be played; empty if one may."""
    least, most = condition.get("from"), condition.get("to")
    wanted, unwanted = (_listed(condition.get(word, [])) for word in _OF_LISTS)
    both = next((each for each in wanted if each in unwanted), None)
    if isinstance(least, int) and isinstance(most, int) and least > most:
        return f"no {rule} is from {least} to {most}. Expected 'from' to be no more than 'to'."
    return "" if both is None else f"no {rule} both includes and excludes {both}. Expected one of them."


def _listed(operand: Any) -> list[Any]:  # noqa: ANN401 - a number, a rule's name, or several
    return operand if isinstance(operand, list) else [operand]


def why_not(when: When, names: WireNames) -> str:
    """Return why the scenario does not apply where the rules are these; empty if it does."""
    return next(_unmet(when, names), "")


def _unmet(when: When, names: WireNames) -> Iterator[str]:
    for rule, wanted in when.items():
        value = names.find(f"rules.{rule}").value
        if not isinstance(wanted, dict):
            if value != wanted:
                yield f"rules.{rule} is {value}, not {wanted}"
            continue
        for word, operand in wanted.items():
            condition, wanted_value = _CONDITIONS[word], _resolved(operand, names)
            if not condition.holds(value, wanted_value):
                yield f"rules.{rule} is {value}, not {condition.words} {wanted_value}"


def _resolved(operand: Any, names: WireNames) -> Any:  # noqa: ANN401 - a number, a rule's name, or several
    if isinstance(operand, list):
        return [_resolved(each, names) for each in operand]
    rule = _RULE.fullmatch(operand) if isinstance(operand, str) else None
    return names.number(rule[1]) if rule else operand


def _is_status(value: object) -> bool:
    if isinstance(value, str):
        rule = _RULE.fullmatch(value)
        return rule is not None and rule[1] in {name.word for name in known.names() if isinstance(name.value, int)}
    return isinstance(value, int) and not isinstance(value, bool)
