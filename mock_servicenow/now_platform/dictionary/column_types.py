"""The platform's column types: how values of each are stored and compared (platform 1.7, 2.4)."""

from enum import Enum, auto

DATE_TIME_TYPES = frozenset({"glide_date_time", "due_date"})
REFERENCE_TYPES = frozenset({"reference", "domain_id"})
JOURNAL_TYPES = frozenset({"journal_input", "journal"})
PASSWORD_TYPES = frozenset({"password", "password2"})
INTEGER_TYPES = frozenset({"integer", "longint", "order_index"})
NUMBER_TYPES = frozenset({"decimal", "float"})
_MOMENTS = DATE_TIME_TYPES | {"glide_duration"}
_IDENTIFIERS = REFERENCE_TYPES | {"GUID", "document_id", "sys_class_name"}


class Kind(Enum):
    """How values of a column compare; texts without regard to case, all others as they are."""

    TEXT = auto()
    IDENTIFIER = auto()
    NUMBER = auto()
    BOOLEAN = auto()
    DATE = auto()
    DATE_TIME = auto()


def storage_kind(glide_type: str) -> str:
    """Return how values of a type are stored: ``integer``, ``number`` or ``text``.

    Date-times and durations are text in UTC form, so that they sort; booleans are ``true`` and ``false``.
    """
    if glide_type in INTEGER_TYPES:
        return "integer"
    return "number" if glide_type in NUMBER_TYPES else "text"


def kind_of(glide_type: str) -> Kind:
    """Return how values of a type compare."""
    if storage_kind(glide_type) != "text":
        return Kind.NUMBER
    if glide_type in _MOMENTS:
        return Kind.DATE_TIME
    if glide_type in _IDENTIFIERS:
        return Kind.IDENTIFIER
    return {"boolean": Kind.BOOLEAN, "glide_date": Kind.DATE}.get(glide_type, Kind.TEXT)
