"""What becomes of the values that a client writes: taken, converted, or dropped with a finding (platform 1.7, 1.8)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.dictionary.column_types import PASSWORD_TYPES, Kind, kind_of
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.values import is_storable, to_stored
from mock_servicenow.now_platform.users import one_way
from privman_core.findings import Finding

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.session import Session

Values = dict[str, str]
SYS_ID_LENGTH = 32
LONGEST_TEXT = 1024 * 1024
"""Characters of a text that are stored, many times what any column is documented to hold: pages, lists, journals and
files' metadata read many texts at once (I). The platform cuts a text at the length of its column."""
LONGEST_INDEXED = 600
"""The same where the column has an index: PostgreSQL's hold no more than 2,704 bytes."""
LONGEST_VALUE = LONGEST_INDEXED
"""Characters of what may be a number, a date, a duration or a reference: taking more apart may take seconds."""
_OF_ANY_LENGTH = frozenset({Kind.TEXT, Kind.BOOLEAN})
_HEX = frozenset("0123456789abcdefABCDEF")
_WRITABLE_SYSTEM_COLUMNS = frozenset(
    {"sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by", "sys_mod_count"}
)


def is_sys_id(text: str) -> bool:
    """Return whether the text has the form of a primary key."""
    return len(text) == SYS_ID_LENGTH and _HEX.issuperset(text)


class Intake:
    """Takes in a client's values for one table; what it drops or changes becomes a finding.

    Args:
        system_columns: whether sys_created_on and the like are taken too.
    """

    def __init__(self, session: "Session", table: str, *, system_columns: bool = False) -> None:
        self._session = session
        self._table = table
        self._columns = session.dictionary.columns(table)
        self._locked = session.sight.locked(table)
        self._writable = _WRITABLE_SYSTEM_COLUMNS if system_columns else frozenset()

    def take(self, values: Mapping[str, str], *, with_sys_id: bool) -> Values:
        """Return the stored form of the values that count."""
        taken = {}
        for name, text in values.items():
            column = self._columns.get(name)
            if column is None:
                self._report("column-ignored", name, f"has no column '{name}': the value was ignored")
            elif self._is_fixed(column, with_sys_id=with_sys_id):
                if name != "sys_id":
                    self._report("column-read-only", name, f"column '{name}' cannot be written: the value was ignored")
            elif (stored := self._stored(column, text)) is not None:
                taken[name] = stored
        return taken

    def _is_fixed(self, column: Column, *, with_sys_id: bool) -> bool:
        if column.name == "sys_id":
            return not with_sys_id
        if column.name in self._locked:
            return True
        return column.read_only and column.name not in self._writable

    def _stored(self, column: Column, text: str) -> str | None:
        if not text:
            return ""
        if column.type in PASSWORD_TYPES and is_storable(text):
            return self._secret(column, text)
        stored = to_stored(column, text) if _is_value(column, text) else None
        if stored is None or (column.name == "sys_id" and not is_sys_id(stored)):
            given = "a text with NUL or half a character" if column.type in PASSWORD_TYPES else _quoted(text)
            self._report("value-ignored", column.name, f"{column.type} column '{column.name}' got {given}: ignored")
            return None
        if column.is_reference:
            return self._reference(column, stored)
        if column.choices and all(choice.value != stored for choice in column.choices):
            return self._unknown_choice(column, stored)
        # Cut pairs would be none, and a Secret among them would not be found: whoever keeps pairs refuses long ones.
        most = len(stored) if column.type == "name_values" else _longest(column)
        if len(stored) > most or (len(stored) > column.max_length and column.type == "string"):
            fits = f"column '{column.name}' holds {column.max_length} characters, not {len(stored)}"
            outcome = "whole" if len(stored) <= most else f"as far as {most}"
            self._report("value-too-long", column.name, f"{fits}: stored {outcome}")
        return stored[:most]

    def _secret(self, column: Column, text: str) -> str:
        session, store = self._session, one_way(self._session.dictionary.root(self._table), column.name, column.type)
        if column.type != "password":  # which is a user's, and may be any word
            session.instance.learn(text)
        return text if store is None else store(text, session.ids)

    def _unknown_choice(self, column: Column, text: str) -> str | None:
        """Return the value all the same, unless the property that forbids it is set (platform 1.7, 9)."""
        taken = self._session.property("glide.rest.choice.allow_non_existing_value") != "false"
        outcome = "stored as given" if taken else "ignored"
        self._report("choice-unknown", column.name, f"column '{column.name}' offers no '{text}': {outcome}")
        return text if taken else None

    def _reference(self, column: Column, text: str) -> str:
        """Return the sys_id of the one record displayed like that; the text itself if there is none (platform 9)."""
        if is_sys_id(text) or column.reference is None:
            return text
        found = self._session.by_display(column.reference, text)
        if found is None:
            unresolved = f"reference '{column.name}' got '{text}', no sys_id and displayed by no single record"
            self._report("reference-unresolved", column.name, f"{unresolved} of {column.reference}: stored as given")
        return found or text

    def _report(self, rule: str, column: str, what: str) -> None:
        self._session.findings.append(Finding("swallowed", rule, f"table {self._table}: {what}", column))


def _is_value(column: Column, text: str) -> bool:
    """Return whether a text may be a value of the column, as far as its length and characters go."""
    return is_storable(text) and (len(text) <= LONGEST_VALUE or kind_of(column.type) in _OF_ANY_LENGTH)


def _longest(column: Column) -> int:
    """Return how many characters of a text are stored."""
    return LONGEST_INDEXED if column.indexed or column.unique else max(column.max_length, LONGEST_TEXT)


def _quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= LONGEST_VALUE else f"{len(text):,} characters"
