"""The operators of encoded queries, one row each (platform 2.2, 2.4).

To add an operator, add a row to `OPERATORS`: parser, SQL, findings, filters and breadcrumbs of the pages, and the
conditions of business rules follow from it.
"""

import re
from collections.abc import Callable
from enum import Enum, auto

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import Kind
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.sql_tables import UnicodeFolded
from mock_servicenow.now_platform.query import dates
from mock_servicenow.now_platform.query.operands import Operand, Sql, Test, UnusableTermError
from mock_servicenow.now_platform.query.scope import Scope
from mock_servicenow.now_platform.query.script_calls import PREFIX

_DISTANCE = re.compile(r"([a-z]+)@(before|after)@([0-9]{1,9})")
# The dynamic filter option "Me": the SDK guide and the operator page give different ids.
_ME = frozenset({"90d1921e5f510100a9ad2572f2b477fe", "54635e965f510100a9ad2572f2b4774c"})


class On(Enum):
    """What an operator looks at."""

    VALUE = auto()  # the stored value: of a reference, its sys_id
    DISPLAY = auto()  # the value that people read: of a reference, the display value of its record
    DATE = auto()  # as DISPLAY, but only of dates and date-times


class Takes(Enum):
    """The operand after the operator."""

    NOTHING = auto()
    VALUE = auto()
    LIST = auto()  # of values, joined by commas


class Operator:
    """How an operator of any sort is written and read.

    Args:
        words: its spellings; the first is the usual one.
        label: what pages show for it.
        offered: whether the filter of list pages offers it.
        computes: whether its SQL calculates with dates, which takes many constants.
    """

    negative = False

    def __init__(
        self, *words: str, label: str, takes: Takes = Takes.VALUE, offered: bool = False, computes: bool = False
    ) -> None:
        self.words = words
        self.label = label
        self.takes = takes
        self.offered = offered
        self.computes = computes

    @property
    def word(self) -> str:
        """The usual spelling."""
        return self.words[0]

    def __repr__(self) -> str:
        return f"<{self.word}>"


Build = Callable[[Operand, str, Scope], Test]
Accepts = Callable[[str, Column], bool]


def _never(_value: str, _column: Column) -> bool:
    return False


def _always(_value: str, _column: Column) -> bool:
    return True


class Op(Operator):
    """An operator that tests one column.

    Args:
        sql: builds the test; false or NULL where the column is empty, unless ``empty`` says otherwise. It raises
            UnusableTermError if the value has the wrong form, UnusableValueError if nothing can match,
            RefusedError for a script call that is not evaluated.
        on: what it looks at.
        negative: whether a value that no row can have makes it true of all that is not empty, rather than of nothing.
        empty: whether it may be true of an empty column, and so of a path that ends early at an empty reference.
    """

    def __init__(  # noqa: PLR0913 - a row of the table
        self,
        *words: str,
        label: str,
        sql: Build,
        on: On,
        takes: Takes = Takes.VALUE,
        negative: bool = False,
        empty: Accepts = _never,
        offered: bool = False,
        computes: bool = False,
    ) -> None:
        super().__init__(*words, label=label, takes=takes, offered=offered, computes=computes)
        self._sql = sql
        self.on = on
        self.negative = negative
        self.empty = empty

    def test(self, operand: Operand, value: str, scope: Scope) -> Test:
        """Return the SQL of the test of a column; raises as ``sql`` does."""
        if self.on is On.DATE and operand.kind not in (Kind.DATE, Kind.DATE_TIME):
            raise unsupported(self, operand.column)
        return self._sql(operand, value, scope)


class FieldOp(Operator):
    """An operator that compares two columns of one row, whose operand is ``{column}`` or ``{column}@{detail}``.

    Args:
        sql: builds the test of both columns. It raises UnusableTermError if they hold different kinds of values, or
            the detail has the wrong form.
    """

    def __init__(self, *words: str, label: str, sql: Callable[[Operand, Operand, str], Test], computes: bool) -> None:
        super().__init__(*words, label=label, computes=computes)
        self.sql = sql


class ChangeOp(Operator):
    """An operator of conditions on changes: a business rule has them, a query of stored rows does not.

    Args:
        meets: whether a change matters, from the value before, the value after and the operand.
    """

    def __init__(
        self, *words: str, label: str, meets: Callable[[str, str, str], bool], takes: Takes = Takes.VALUE
    ) -> None:
        super().__init__(*words, label=label, takes=takes)
        self._meets = meets

    def meets(self, before: str, after: str, value: str) -> bool:
        """Return whether the change of a column, if it is one, is the wanted one."""
        return before != after and self._meets(before, after, value)


class ForeignOp(Operator):
    """An operator that the platform asks of tags, of dynamic schemas, or of nothing that a source names."""


def unsupported(operator: Operator, column: Column) -> UnusableTermError:
    """Return the error of an operator that does not apply to a column."""
    return UnusableTermError(f"operator {operator.word} is not supported for column '{column.name}'")


# Tests of one column.


def _equals(operand: Operand, value: str, scope: Scope) -> Test:
    wanted = scope.evaluate(value)
    return operand.equals_any([wanted]) if wanted else operand.sql.is_(None)


def _not_equals(operand: Operand, value: str, scope: Scope) -> Test:
    wanted = scope.evaluate(value)
    if not wanted:
        return operand.sql.is_not(None)
    other = sa.not_(operand.equals_any([wanted]))
    return sa.or_(operand.sql.is_(None), other) if operand.kind is Kind.BOOLEAN else other


def _one_of(operand: Operand, value: str, scope: Scope) -> Test:
    wanted = scope.evaluate(value).split(",")
    entries = [entry for entry in wanted if entry]
    if not entries:
        return operand.sql.is_(None)
    found = operand.equals_any(entries)
    return found if all(wanted) else sa.or_(operand.sql.is_(None), found)


def _not_one_of(operand: Operand, value: str, scope: Scope) -> Test:
    wanted = scope.evaluate(value).split(",")
    entries = [entry for entry in wanted if entry]
    return sa.not_(operand.equals_any(entries)) if entries else operand.sql.is_not(None)


def _has_empty_entry(value: str, _column: Column) -> bool:
    """Return whether a value may be empty, or be a list with an empty entry, once its script is evaluated."""
    return value.startswith(PREFIX) or not all(value.split(","))


def _like(before: str, after: str) -> Build:
    def build(operand: Operand, value: str, scope: Scope) -> Test:
        return operand.matches(before, scope.evaluate(value), after)

    return build


def _not_like(operand: Operand, value: str, scope: Scope) -> Test:
    return sa.not_(operand.matches("%", scope.evaluate(value), "%"))


def _compared(compare: Callable[[Sql, Sql], Test]) -> Build:
    def build(operand: Operand, value: str, scope: Scope) -> Test:
        return compare(operand.comparable, operand.literal(scope.evaluate(value)))

    return build


def _between(operand: Operand, value: str, scope: Scope) -> Test:
    match value.split("@"):
        case [_, _] as bounds:
            low, high = (operand.literal(scope.evaluate(bound)) for bound in bounds)
            return operand.comparable.between(low, high)
    raise UnusableTermError("BETWEEN needs two values joined by one @")


# Tests of references and classes.


def _dynamic(operand: Operand, value: str, scope: Scope) -> Test:
    return _text(operand) == sa.literal(_option(value, scope), sa.Text())


def _in_hierarchy(operand: Operand, value: str, scope: Scope) -> Test:
    """Return whether a reference points to a record or to one anywhere below it.

    The tree follows the column's own name on the table it points to, such as a manager's manager, or else the
    column ``parent``; the record hierarchy that the value names first is not looked up (inferred).
    """
    _, separator, start = value.replace("%40", "@").partition("@")
    up = _upward(operand.column, scope.dictionary)
    if not separator or up is None:
        raise UnusableTermError("expected {hierarchy}@{sys_id}, on a reference to a table that refers to itself")
    nodes = scope.related(operand.column.reference or "")
    below = nodes.select(nodes.key, nodes.key == start).cte(recursive=True)
    children = nodes.select(nodes.key).join(below, nodes.column(up) == below.c.sys_id)
    return operand.sql.in_(sa.select(below.union(children).c.sys_id))


def _in_dynamic_hierarchy(operand: Operand, value: str, scope: Scope) -> Test:
    hierarchy, _, option = value.replace("%40", "@").partition("@")
    return _in_hierarchy(operand, f"{hierarchy}@{_option(option, scope)}", scope)


def _instance_of(operand: Operand, value: str, scope: Scope) -> Test:
    if scope.dictionary.table(value) is None:
        raise UnusableTermError(f"table '{value}' does not exist")
    return _text(operand).in_(scope.dictionary.family(value))


def _text(operand: Operand) -> Sql:
    if operand.column.family.storage != "text":
        raise UnusableTermError(f"column '{operand.column.name}' holds numbers")
    return operand.sql


def _option(option: str, scope: Scope) -> str:
    """Return what a dynamic filter option stands for."""
    if option not in _ME:
        raise UnusableTermError(f"unknown dynamic filter option '{option}': only Me is known")
    return scope.context.user_id


def _upward(column: Column, dictionary: Dictionary) -> str | None:
    """Return the column by which the referenced table forms a tree."""
    if column.reference is None or not column.is_reference:
        return None
    columns = dictionary.columns(column.reference)
    above = dictionary.lineage(column.reference)
    candidates = (columns.get(name) for name in (column.name, "parent"))
    return next((each.name for each in candidates if each and each.is_reference and each.reference in above), None)


# Tests of two columns.


def _fields(compare: Callable[[Sql, Sql], Test]) -> Callable[[Operand, Operand, str], Test]:
    def build(left: Operand, right: Operand, unit: str) -> Test:
        return compare(*_comparable(left, right, unit))

    return build


def _comparable(left: Operand, right: Operand, detail: str) -> tuple[Sql, Sql]:
    if (left.kind is Kind.NUMBER) != (right.kind is Kind.NUMBER):
        raise UnusableTermError(f"'{left.column.name}' and '{right.column.name}' hold different kinds of values")
    if not detail:
        return _by_value(left), _by_value(right)
    unit = dates.unit_of(detail)
    if unit is None or not _are_dates(left, right):
        raise UnusableTermError(f"the columns do not compare by '{detail}': expected two dates and a unit, such as day")
    return dates.ordinal(left.sql, unit), dates.ordinal(right.sql, unit)


def _by_value(operand: Operand) -> Sql:
    return UnicodeFolded(operand.sql) if operand.kind is Kind.TEXT else operand.sql


def _apart(compare: Callable[[sa.ColumnElement[int], int], Test]) -> Callable[[Operand, Operand, str], Test]:
    def build(left: Operand, right: Operand, detail: str) -> Test:
        match = _DISTANCE.fullmatch(detail)
        unit = dates.unit_of(match[1]) if match else None
        if match is None or unit is None or not _are_dates(left, right):
            raise UnusableTermError("expected two dates and {column}@{unit}@{before or after}@{count}")
        earlier, later = (left, right) if match[2] == "before" else (right, left)
        return compare(dates.ordinal(later.sql, unit) - dates.ordinal(earlier.sql, unit), int(match[3]))

    return build


def _are_dates(*operands: Operand) -> bool:
    return all(operand.kind in (Kind.DATE, Kind.DATE_TIME) for operand in operands)


EQUALS = Op("=", label="is", sql=_equals, on=On.VALUE, empty=_has_empty_entry, offered=True)
NOT_EMPTY = Op(
    *("ISNOTEMPTY", "NOTEMPTY"),
    label="is not empty",
    sql=lambda operand, _value, _scope: operand.sql.is_not(None),
    on=On.VALUE,
    takes=Takes.NOTHING,
    offered=True,
)
OPERATORS: tuple[Operator, ...] = (
    EQUALS,
    Op(
        "!=",
        label="is not",
        sql=_not_equals,
        on=On.VALUE,
        negative=True,
        empty=lambda _value, column: column.family.kind is Kind.BOOLEAN,
        offered=True,
    ),
    Op("LIKE", "CONTAINS", "*", label="contains", sql=_like("%", "%"), on=On.DISPLAY, offered=True),
    Op(
        *("NOT LIKE", "NOTLIKE", "DOES NOT CONTAIN", "!*"),
        label="does not contain",
        sql=_not_like,
        on=On.DISPLAY,
        negative=True,
        offered=True,
    ),
    Op("STARTSWITH", label="starts with", sql=_like("", "%"), on=On.DISPLAY, offered=True),
    Op("ENDSWITH", "%", label="ends with", sql=_like("%", ""), on=On.DISPLAY, offered=True),
    Op(
        *("ISEMPTY", "EMPTY", "EMPTYSTRING"),
        label="is empty",
        sql=lambda operand, _value, _scope: operand.sql.is_(None),
        on=On.VALUE,
        takes=Takes.NOTHING,
        empty=_always,
        offered=True,
    ),
    NOT_EMPTY,
    Op(">", label="greater than", sql=_compared(lambda left, right: left > right), on=On.DISPLAY, offered=True),
    Op(">=", label="greater than or is", sql=_compared(lambda left, right: left >= right), on=On.DISPLAY, offered=True),
    Op("<", label="less than", sql=_compared(lambda left, right: left < right), on=On.DISPLAY, offered=True),
    Op("<=", label="less than or is", sql=_compared(lambda left, right: left <= right), on=On.DISPLAY, offered=True),
    Op("IN", label="is one of", sql=_one_of, on=On.VALUE, takes=Takes.LIST, empty=_has_empty_entry),
    Op("NOT IN", label="is not one of", sql=_not_one_of, on=On.VALUE, takes=Takes.LIST, negative=True),
    Op(
        "ANYTHING",
        label="is anything",
        sql=lambda _operand, _value, _scope: sa.true(),
        on=On.VALUE,
        takes=Takes.NOTHING,
        empty=_always,
    ),
    Op("BETWEEN", label="between", sql=_between, on=On.DISPLAY),
    Op("ON", label="on", sql=dates.on, on=On.DATE),
    Op("NOTON", label="not on", sql=dates.not_on, on=On.DATE),
    Op("DATEPART", label="trend", sql=dates.date_part, on=On.DATE, computes=True),
    Op("RELATIVEGT", label="after", sql=dates.relative(lambda date, at, _start, _end: date > at), on=On.DATE),
    Op("RELATIVELT", label="before", sql=dates.relative(lambda date, at, _start, _end: date < at), on=On.DATE),
    Op(
        "RELATIVEGE",
        label="on or after",
        sql=dates.relative(lambda date, _at, start, _end: date >= start),
        on=On.DATE,
    ),
    Op(
        "RELATIVELE",
        label="on or before",
        sql=dates.relative(lambda date, _at, _start, end: date <= end),
        on=On.DATE,
    ),
    Op(
        "RELATIVEEE",
        label="relative on",
        sql=dates.relative(lambda date, _at, start, end: date.between(start, end)),
        on=On.DATE,
    ),
    Op("DYNAMIC", label="is (dynamic)", sql=_dynamic, on=On.VALUE),
    Op("IN_HIERARCHY", label="in hierarchy", sql=_in_hierarchy, on=On.VALUE),
    Op("IN_HIERARCHY_DYNAMIC", label="in hierarchy (dynamic)", sql=_in_dynamic_hierarchy, on=On.VALUE),
    Op("INSTANCEOF", label="is a", sql=_instance_of, on=On.DISPLAY),
    FieldOp(
        "SAMEAS", label="is same as", sql=_fields(lambda left, right: left.is_not_distinct_from(right)), computes=True
    ),
    FieldOp(
        "NSAMEAS",
        label="is different from",
        sql=_fields(lambda left, right: left.is_distinct_from(right)),
        computes=True,
    ),
    FieldOp("GT_FIELD", label="greater than field", sql=_fields(lambda left, right: left > right), computes=False),
    FieldOp("LT_FIELD", label="less than field", sql=_fields(lambda left, right: left < right), computes=False),
    FieldOp(
        "GT_OR_EQUALS_FIELD",
        label="greater than or is field",
        sql=_fields(lambda left, right: left >= right),
        computes=False,
    ),
    FieldOp(
        *("LT_OR_EQUALS_FIELD", "LE_OR_EQUALS_FIELD"),
        label="less than or is field",
        sql=_fields(lambda left, right: left <= right),
        computes=False,
    ),
    FieldOp("MORETHAN", label="is more than", sql=_apart(lambda apart, count: apart > count), computes=True),
    FieldOp("LESSTHAN", label="is less than", sql=_apart(lambda apart, count: apart.between(0, count)), computes=True),
    ChangeOp("VALCHANGES", label="changes", meets=lambda _before, _after, _value: True, takes=Takes.NOTHING),
    ChangeOp("CHANGESFROM", label="changes from", meets=lambda before, _after, value: before == value),
    ChangeOp("CHANGESTO", label="changes to", meets=lambda _before, after, value: after == value),
    ForeignOp("DOESNOTHAVE", label="does not have"),
    ForeignOp("EXCLUDING", label="excluding"),
    ForeignOp("MATCH_PAT", label="matches pattern"),
    ForeignOp("MATCH_RGX", label="matches regex"),
    ForeignOp("MATCHES", label="matches"),
    ForeignOp("NOT_MATCHES", label="does not match"),
    ForeignOp("IS_NULL", label="is null", takes=Takes.NOTHING),
    ForeignOp("IS_NOT_NULL", label="is not null", takes=Takes.NOTHING),
)
BY_SPELLING = {word: operator for operator in OPERATORS for word in operator.words}
