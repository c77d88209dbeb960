"""What an encoded query says: the tree that the parser builds."""

from dataclasses import dataclass

from mock_servicenow.now_platform.query.operators import Operator


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of one column.

    Attributes:
        text: the term as the caller wrote it, without its connector.
        path: column names; all but the last are references to walk through.
        value: the rest of the term, as written; may start with ``javascript:``.
    """

    text: str
    path: tuple[str, ...]
    operator: Operator
    value: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A term that has no effect.

    Attributes:
        invalid: whether the platform counts it as an invalid query (platform 2.6); the others are harmless.
    """

    text: str
    reason: str
    invalid: bool = True


@dataclass(frozen=True, slots=True)
class RelatedList:
    """``RLQUERY``: how many rows of ``table`` point here and satisfy ``where`` (platform 2.3).

    Attributes:
        field: the column of the related table that holds this row's sys_id.
        comparison: ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``, before the count.
    """

    text: str
    table: str
    field: str
    comparison: str
    count: int
    where: "Query"


@dataclass(frozen=True, slots=True)
class SemiJoin:
    """``JOIN`` or ``SUBQUERY``: some row of ``joined_table`` matches this row's ``field``.

    Attributes:
        table: the table that ``field`` belongs to: the queried one or one joined before; empty for
            ``SUBQUERY``, which always means the queried one.
    """

    text: str
    table: str
    field: str
    joined_table: str
    joined_field: str
    where: "Query"


@dataclass(frozen=True, slots=True)
class TextSearch:
    """``123TEXTQUERY321``: every word occurs somewhere in the row."""

    text: str
    words: tuple[str, ...]


Term = Condition | Ignored | RelatedList | SemiJoin | TextSearch
Block = tuple[Term, ...]
Group = tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """One ``ORDERBY`` or ``ORDERBYDESC``."""

    text: str
    path: tuple[str, ...]
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query: a row matches if any group matches.

    Attributes:
        groups: split at ``^NQ``; a group matches if each of its blocks does, a block if any of its terms does.
        order: in the order given.
        group_by: column paths, which group a list page and have no effect on the REST APIs.
    """

    groups: tuple[Group, ...] = ()
    order: tuple[Order, ...] = ()
    group_by: tuple[str, ...] = ()
