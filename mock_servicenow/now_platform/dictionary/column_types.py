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


class CompareAs(Enum):
    """The ways to compare values: texts ignore case."""

    TEXT = auto()
    IDENTIFIER = auto()
    NUMBER = auto()
    BOOLEAN = auto()
    DATE = auto()
    DATE_TIME = auto()


class _FamilyRow(NamedTuple):
    """A family of types.

    Attributes:
        types: the names of its types; `Family.TEXT` also has every type that no family names.
        noun: names one value in messages.
        compare_as: how its values compare.
        storage: how the database keeps them. Date-times and durations are text in UTC form, so that they sort;
            booleans are ``true`` and ``false``.
        convert: returns the stored form of a client's raw value, which is not empty; None for an invalid one. Without
            it every text is valid as it is.
        concealed: whether clients never read a raw value.
        control: the sort of field that a form has for it.
    """

    types: tuple[str, ...]
    noun: str
    compare_as: CompareAs = CompareAs.TEXT
    storage: Storage = "text"
    convert: Convert | None = None
    concealed: bool = False
    control: str = "text"


class Family(Enum):
    """The families of column types; see `_FamilyRow` for their attributes."""

    TEXT = _FamilyRow(("string",), "text")
    BOOLEAN = _FamilyRow(("boolean",), "boolean", CompareAs.BOOLEAN, convert=values.boolean, control="checkbox")
    INTEGER = _FamilyRow(
        ("integer", "longint", "order_index"), "whole number", CompareAs.NUMBER, "integer", values.integer
    )
    DECIMAL = _FamilyRow(("decimal", "float"), "number", CompareAs.NUMBER, "number", values.decimal)
    DATE = _FamilyRow(("glide_date",), "date", CompareAs.DATE, convert=values.date)
    DATE_TIME = _FamilyRow(
        ("glide_date_time", "due_date"), "date and time", CompareAs.DATE_TIME, convert=values.date_time
    )
    DURATION = _FamilyRow(
        ("glide_duration",), "duration", CompareAs.DATE_TIME, convert=values.parse_duration, control="duration"
    )
    CURRENCY = _FamilyRow(("currency", "price"), "amount of money")
    REFERENCE = _FamilyRow(("reference", "domain_id"), "reference", CompareAs.IDENTIFIER)
    IDENTIFIER = _FamilyRow(("GUID", "document_id"), "identifier", CompareAs.IDENTIFIER)
    CLASS = _FamilyRow(("sys_class_name",), "class", CompareAs.IDENTIFIER)
    LIST = _FamilyRow(("glide_list",), "list")
    PAIRS = _FamilyRow(("name_values",), "name-value pairs", convert=values.name_values, control="pairs")
    JOURNAL = _FamilyRow(("journal_input", "journal"), "journal entry", concealed=True, control="journal")
    PASSWORD = _FamilyRow(("password", "password2"), "password", concealed=True, control="password")

    __hash__ = object.__hash__  # faster than Enum's, and a member is equal only to itself

    def __init__(  # noqa: PLR0913, PLR0917 - a row
        self,
        types: tuple[str, ...],
        noun: str,
        compare_as: CompareAs,
        storage: Storage,
        convert: Convert | None,
        concealed: bool,  # noqa: FBT001
        control: str,
    ) -> None:
        self.types = types
        self.noun = noun
        self.compare_as = compare_as
        self.storage = storage
        self.convert = convert
        self.concealed = concealed
        self.control = control


FAMILIES = {name: family for family in Family for name in family.types}
"""The family of each type; that of another type is `Family.TEXT`."""
