"""The platform's column types: how their values are stored, compared, converted and read (platform 1.7, 2.4).

To add a type, name it in the family whose values it has. For values of a new sort add a family: wherever people read
or write values by family, mypy then reports that it is missing.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Literal, NamedTuple

from mock_servicenow.now_platform.dictionary import values

Storage = Literal["integer", "number", "text"]
Convert = Callable[[str], str | None]


class Kind(Enum):
    """The ways to compare values: texts ignore case."""

    TEXT = auto()
    IDENTIFIER = auto()
    NUMBER = auto()
    BOOLEAN = auto()
    DATE = auto()
    DATE_TIME = auto()


class _Row(NamedTuple):
    """A family of types.

    Attributes:
        types: the names of its types; `Family.TEXT` also has every type that no family names.
        noun: names one value in messages.
        kind: how its values compare.
        storage: how the database keeps them. Date-times and durations are text in UTC form, so that they sort;
            booleans are ``true`` and ``false``.
        convert: returns the stored form of a client's raw value, which is not empty; None for an invalid one. Without
            it every text is valid as it is.
        concealed: whether clients never read a raw value.
        control: the sort of field that a form has for it.
    """

    types: tuple[str, ...]
    noun: str
    kind: Kind = Kind.TEXT
    storage: Storage = "text"
    convert: Convert | None = None
    concealed: bool = False
    control: str = "text"


class Family(Enum):
    """The families of column types; see `_Row` for their attributes."""

    TEXT = _Row(("string",), "text")
    BOOLEAN = _Row(("boolean",), "boolean", Kind.BOOLEAN, convert=values.boolean, control="checkbox")
    INTEGER = _Row(("integer", "longint", "order_index"), "whole number", Kind.NUMBER, "integer", values.integer)
    DECIMAL = _Row(("decimal", "float"), "number", Kind.NUMBER, "number", values.decimal)
    DATE = _Row(("glide_date",), "date", Kind.DATE, convert=values.date)
    DATE_TIME = _Row(("glide_date_time", "due_date"), "date and time", Kind.DATE_TIME, convert=values.date_time)
    DURATION = _Row(("glide_duration",), "duration", Kind.DATE_TIME, convert=values.parse_duration, control="duration")
    CURRENCY = _Row(("currency", "price"), "amount of money")
    REFERENCE = _Row(("reference", "domain_id"), "reference", Kind.IDENTIFIER)
    IDENTIFIER = _Row(("GUID", "document_id"), "identifier", Kind.IDENTIFIER)
    CLASS = _Row(("sys_class_name",), "class", Kind.IDENTIFIER)
    LIST = _Row(("glide_list",), "list")
    PAIRS = _Row(("name_values",), "name-value pairs", convert=values.name_values, control="pairs")
    JOURNAL = _Row(("journal_input", "journal"), "journal entry", concealed=True, control="journal")
    PASSWORD = _Row(("password", "password2"), "password", concealed=True, control="password")

    __hash__ = object.__hash__  # faster than Enum's, and a member is equal only to itself

    def __init__(  # noqa: PLR0913, PLR0917 - a row
        self,
        types: tuple[str, ...],
        noun: str,
        kind: Kind,
        storage: Storage,
        convert: Convert | None,
        concealed: bool,  # noqa: FBT001
        control: str,
    ) -> None:
        self.types = types
        self.noun = noun
        self.kind = kind
        self.storage = storage
        self.convert = convert
        self.concealed = concealed
        self.control = control


FAMILIES = {name: family for family in Family for name in family.types}
"""The family of each type; that of another type is `Family.TEXT`."""
