"""The operators of encoded queries, one row each.

To add an operator, add a row to `OPERATORS`: parser, SQL, findings, filters and breadcrumbs of the pages, and the
conditions of business rules follow from it.
"""

from collections.abc import Callable
from enum import Enum, auto
from operator import ge, gt, le, lt

import sqlalchemy as sa

from mock_servicenow.now_platform.dictionary.column_types import CompareAs
from mock_servicenow.now_platform.dictionary.definitions import QUERY_MATCH, QUERY_RANGE, Column
from mock_servicenow.now_platform.query import dates
from mock_servicenow.now_platform.query.comparisons import (
    Build,
    BuildOfTwo,
    apart,
    between,
    compared,
    dynamic,
    equals,
    fields,
    has_empty_entry,
    in_dynamic_hierarchy,
    in_hierarchy,
    instance_of,
    like,
    not_equals,
    not_like,
    not_one_of,
    one_of,
)
from mock_servicenow.now_platform.query.operands import Operand, Test, UnusableTermError
from mock_servicenow.now_platform.query.scope import Scope


class On(Enum):
    """The value that an operator tests."""

    VALUE = auto()  # the stored value: of a reference, its sys_id
    DISPLAY = auto()  # the value that people read: of a reference, the display value of its record
    DATE = auto()  # as DISPLAY, but only of dates and date-times


class Takes(Enum):
    """The operand after the operator."""

    NOTHING = auto()
    VALUE = auto()
    LIST = auto()  # of values, joined by commas


_MATCHING = frozenset({"=", "!=", "IN", "NOT IN", "SAMEAS", "NSAMEAS", "ANYTHING", "ISEMPTY", "ISNOTEMPTY"})


class Operator:
    """The spellings and the label of an operator.

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

    @property
    def asks(self) -> str:
        """The kind of query that it is for access rules (Docs: query ACLs)."""
        return QUERY_MATCH if self.word in _MATCHING else QUERY_RANGE


Accepts = Callable[[str, Column], bool]


def _never(_value: str, _column: Column) -> bool:
    return False


def _always(_value: str, _column: Column) -> bool:
    return True


def _of_boolean(_value: str, column: Column) -> bool:
    return column.family.compare_as is CompareAs.BOOLEAN


class Op(Operator):
    """An operator that tests one column.

    Args:
        sql: builds the test; false or NULL where the column is empty, unless ``empty`` says otherwise. It raises
            UnusableTermError if the value has the wrong form, UnusableValueError if nothing can match,
            RefusedScriptError for a script call that is not evaluated.
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
        if self.on is On.DATE and operand.compare_as not in (CompareAs.DATE, CompareAs.DATE_TIME):
            raise unsupported(self, operand.column)
        return self._sql(operand, value, scope)


class FieldOp(Operator):
    """An operator that compares two columns of one row, whose operand is ``{column}`` or ``{column}@{detail}``.

    Args:
        sql: builds the test of both columns. It raises UnusableTermError if they hold different kinds of values, or
            the detail has the wrong form.
    """

    def __init__(self, *words: str, label: str, sql: BuildOfTwo, computes: bool) -> None:
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
    """An operator for tags, dynamic schemas, or data that no source names."""


def unsupported(operator: Operator, column: Column) -> UnusableTermError:
    """Return the error of an operator that does not apply to a column."""
    return UnusableTermError(f"operator {operator.word} is not supported for column '{column.name}'")


EQUALS = Op("=", label="is", sql=equals, on=On.VALUE, empty=has_empty_entry, offered=True)
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
        sql=not_equals,
        on=On.VALUE,
        negative=True,
        empty=_of_boolean,
        offered=True,
    ),
    Op("LIKE", "CONTAINS", "*", label="contains", sql=like("%", "%"), on=On.DISPLAY, offered=True),
    Op(
        *("NOT LIKE", "NOTLIKE", "DOES NOT CONTAIN", "!*"),
        label="does not contain",
        sql=not_like,
        on=On.DISPLAY,
        negative=True,
        offered=True,
    ),
    Op("STARTSWITH", label="starts with", sql=like("", "%"), on=On.DISPLAY, offered=True),
    Op("ENDSWITH", "%", label="ends with", sql=like("%", ""), on=On.DISPLAY, offered=True),
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
    Op(
        ">",
        label="greater than",
        sql=compared(gt),
        on=On.DISPLAY,
        offered=True,
    ),
    Op(
        ">=",
        label="greater than or is",
        sql=compared(ge),
        on=On.DISPLAY,
        offered=True,
    ),
    Op("<", label="less than", sql=compared(lt), on=On.DISPLAY, offered=True),
    Op(
        "<=",
        label="less than or is",
        sql=compared(le),
        on=On.DISPLAY,
        offered=True,
    ),
    Op(
        "IN",
        label="is one of",
        sql=one_of,
        on=On.VALUE,
        takes=Takes.LIST,
        empty=has_empty_entry,
    ),
    Op(
        "NOT IN", label="is not one of", sql=not_one_of, on=On.VALUE, takes=Takes.LIST, negative=True, empty=_of_boolean
    ),
    Op(
        "ANYTHING",
        label="is anything",
        sql=lambda _operand, _value, _scope: sa.true(),
        on=On.VALUE,
        takes=Takes.NOTHING,
        empty=_always,
    ),
    Op("BETWEEN", label="between", sql=between, on=On.DISPLAY),
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
    Op("DYNAMIC", label="is (dynamic)", sql=dynamic, on=On.VALUE),
    Op("IN_HIERARCHY", label="in hierarchy", sql=in_hierarchy, on=On.VALUE),
    Op("IN_HIERARCHY_DYNAMIC", label="in hierarchy (dynamic)", sql=in_dynamic_hierarchy, on=On.VALUE),
    Op("INSTANCEOF", label="is a", sql=instance_of, on=On.DISPLAY),
    FieldOp(
        "SAMEAS",
        label="is same as",
        sql=fields(lambda left, right: left.is_not_distinct_from(right)),
        computes=True,
    ),
    FieldOp(
        "NSAMEAS",
        label="is different from",
        sql=fields(lambda left, right: left.is_distinct_from(right)),
        computes=True,
    ),
    FieldOp("GT_FIELD", label="greater than field", sql=fields(gt), computes=False),
    FieldOp("LT_FIELD", label="less than field", sql=fields(lt), computes=False),
    FieldOp(
        "GT_OR_EQUALS_FIELD",
        label="greater than or is field",
        sql=fields(ge),
        computes=False,
    ),
    FieldOp(
        *("LT_OR_EQUALS_FIELD", "LE_OR_EQUALS_FIELD"),
        label="less than or is field",
        sql=fields(le),
        computes=False,
    ),
    FieldOp("MORETHAN", label="is more than", sql=apart(lambda time, next_: time >= next_), computes=True),
    FieldOp(
        "LESSTHAN",
        label="is less than",
        sql=apart(lambda time, next_: time.between(0, next_ - 1)),
        computes=True,
    ),
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
TEXT_OPERATORS = frozenset(BY_SPELLING[word] for word in ("=", "LIKE", "STARTSWITH", "ENDSWITH"))
"""Those that are true only of texts in which the value is somewhere."""
