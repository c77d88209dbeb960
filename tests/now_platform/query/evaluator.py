"""What an encoded query means, worked out row by row in Python, without a line of the code under test."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Row = Mapping[str, str | int | float | None]
World = Mapping[str, Mapping[str, Row]]  # rows by sys_id by table

TYPES = {
    "number": "text",
    "short_description": "text",
    "description": "text",
    "name": "text",
    "active": "boolean",
    "vip": "boolean",
    "priority": "number",
    "cost": "number",
    "opened_at": "date",
    "sys_id": "id",
}
REFERENCES = {"opened_by": "sys_user", "manager": "sys_user", "parent": "task"}
DISPLAY = {"sys_user": "name", "task": "number"}
CHILDREN = {"task": ("task", "incident", "problem"), "incident": ("incident",), "problem": ("problem",)}


@dataclass(frozen=True)
class Asked:
    """One condition: a dotted column, an operator in its usual spelling, and its value."""

    path: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.path}{self.operator}{self.value}"


@dataclass(frozen=True)
class Related:
    """A related list of tasks under a task, or of tasks that a user opened."""

    field: str
    operator: str
    count: int
    inner: Asked

    def __str__(self) -> str:
        return f"RLQUERYtask.{self.field},{self.operator}{self.count}^{self.inner}^ENDRLQUERY"


def holds(term: Asked | Related, row: Row, world: World) -> bool:
    """Return whether a term holds for a row."""
    if isinstance(term, Related):
        pointing = [other for other in world["task"].values() if other[term.field] == row["sys_id"]]
        number = sum(holds(term.inner, other, world) for other in pointing)
        return _COMPARED[term.operator](number, term.count)
    *walk, last = term.path.split(".")
    here: Row | None = row
    for step in walk:
        here = _target(here, step, world)
    if last in REFERENCES and term.operator in ("LIKE", "NOT LIKE", "STARTSWITH", "ENDSWITH", "<", ">="):
        here, last = _target(here, last, world), DISPLAY[REFERENCES[last]]
    return _compare(None if here is None else here[last], TYPES.get(last, "id"), term)


def sort_key(row: Row, column: str) -> tuple[bool, object]:
    """Return what a column sorts by: empty values first, ASCII letters without case."""
    value = row[column]
    return (value is not None, "" if value is None else _ascii_lower(value) if isinstance(value, str) else value)


def _target(row: Row | None, step: str, world: World) -> Row | None:
    sys_id = None if row is None else row[step]
    return world[REFERENCES[step]].get(str(sys_id))


_COMPARED: dict[str, Callable[[object, object], bool]] = {
    "<": lambda left, right: left < right,  # type: ignore[operator]
    "<=": lambda left, right: left <= right,  # type: ignore[operator]
    ">": lambda left, right: left > right,  # type: ignore[operator]
    ">=": lambda left, right: left >= right,  # type: ignore[operator]
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
}


def _compare(held: str | float | None, kind: str, term: Asked) -> bool:
    if term.operator == "ANYTHING":
        return True
    if held is None:
        return _of_nothing(kind, term)
    if term.operator in ("ISEMPTY", "ISNOTEMPTY"):
        return term.operator == "ISNOTEMPTY"
    if kind == "number":
        return _of_number(held, term)
    return _of_text(str(held), term)


def _of_nothing(kind: str, term: Asked) -> bool:
    match term.operator:
        case "ISEMPTY":
            return True
        case "=":
            return term.value == ""
        case "IN":
            return "" in term.value.split(",")
        case "!=":
            return kind == "boolean" and term.value != ""
        case "NOT IN":
            return kind == "boolean" and term.value.strip(",") != ""
    return False


def _of_number(held: str | float, term: Asked) -> bool:
    match term.operator:
        case "IN":
            return held in [float(part) for part in term.value.split(",") if part]
        case "NOT IN":
            return held not in [float(part) for part in term.value.split(",") if part]
        case "BETWEEN":
            low, high = term.value.split("@")
            return float(low) <= float(held) <= float(high)
    if term.value == "":
        return term.operator == "!="
    return _COMPARED[term.operator](held, float(term.value))


def _of_text(held: str, term: Asked) -> bool:
    if term.operator in _FOLDED:
        return _FOLDED[term.operator](held.casefold(), term.value.casefold())
    if term.operator == "BETWEEN":
        low, high = term.value.split("@")
        return _ascii_lower(low) <= _ascii_lower(held) <= _ascii_lower(high)
    return _COMPARED[term.operator](_ascii_lower(held), _ascii_lower(term.value))


_FOLDED: dict[str, Callable[[str, str], bool]] = {
    "=": lambda held, value: held == value,
    "!=": lambda held, value: held != value,
    "LIKE": lambda held, value: value in held,
    "NOT LIKE": lambda held, value: value not in held,
    "STARTSWITH": lambda held, value: held.startswith(value),
    "ENDSWITH": lambda held, value: held.endswith(value),
    "IN": lambda held, value: held in value.split(","),
    "NOT IN": lambda held, value: held not in value.split(","),
}


def _ascii_lower(text: str) -> str:
    return "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in text)
