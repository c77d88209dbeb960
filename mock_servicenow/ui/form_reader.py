"""Reads a posted form: the values that changed, and an error for each field that cannot be stored."""

from collections.abc import Iterator, Sequence

from msgspec import Struct, field

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.values import is_sys_id
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.composite_values import UNITS, FieldError, Pair, join_duration, write_pairs
from mock_servicenow.ui.form_fields import FormField
from privman_core.pages.forms import Form


class Posted(Struct):
    """The outcome of reading a form.

    Attributes:
        values: raw values by column, of the fields that changed.
        errors: by name of the field.
    """

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


class FormReader:
    """Reads the posted fields of one form.

    Args:
        removed: the name-value pair to remove, as ``{field}.{row}``.
    """

    def __init__(self, session: Session, form: Form, removed: str = "") -> None:
        self._session = session
        self._form = form
        self._removed = removed

    def read(self, fields: Sequence[FormField]) -> Posted:
        """Return what changed; every field then shows what was posted, without secrets."""
        posted = Posted()
        for each in fields:
            if each.control == "fixed":
                continue
            try:
                value = self._value(each)
            except FieldError as error:
                each.error = posted.errors[each.name] = str(error)
                continue
            if value is not None:
                posted.values[each.column.name] = value
        return posted

    def _value(self, each: FormField) -> str | None:
        """Return the raw value of a field, None if it is missing or unchanged; raises FieldError."""
        if each.control == "pairs":
            return self._pairs(each)
        if each.control == "duration":
            return self._duration(each)
        text = self._form.given(each.name)
        if text is None or text == each.value:
            _check_given(each, each.value)
            return None
        if each.control != "password":
            each.value = text
        _check_given(each, text)
        return self._raw(each, text)

    def _raw(self, each: FormField, text: str) -> str:
        column = each.column
        if each.control == "reference":
            return self._reference(each, text)
        if each.control == "choice" and text and all(choice.value != text for choice in column.choices):
            raise FieldError(f"'{text}' is not one of the choices")
        if column.type == "string" and len(text) > column.max_length:
            raise FieldError(f"{len(text):,} characters: expected at most {column.max_length:,}")
        raw = self._undisplayed(column, text)
        if column.to_stored(raw) is None:
            raise FieldError(f"invalid {column.family.noun} '{text}'")
        return raw

    def _undisplayed(self, column: Column, text: str) -> str:
        if column.family is Family.DATE_TIME:
            return self._session.formats.to_utc(text)
        return self._session.formats.to_date(text) if column.family is Family.DATE else text

    def _reference(self, each: FormField, text: str) -> str:
        table = each.column.reference or ""
        if not text:
            return ""
        if is_sys_id(text) and self._session.get(table, text) is not None:
            return text
        found = self._session.by_display(table, text)
        if found is None:
            raise FieldError(f"'{text}' does not match exactly one record of {table}")
        return found

    def _duration(self, each: FormField) -> str | None:
        posted = [self._form.given(f"{each.name}.{unit}") for unit in UNITS]
        if None in posted:
            return None
        parts = tuple(part or "" for part in posted)
        if parts == each.parts:
            return None
        each.parts = parts
        return join_duration(parts)

    def _pairs(self, each: FormField) -> str | None:
        if self._form.given(f"{each.name}.name") is None:
            return None
        before, pairs = each.pairs, list(self._posted_pairs(each))
        if pairs == [Pair(pair.name, pair.shown) for pair in before]:
            return None
        masked = {pair.name: pair.shown for pair in before}
        each.pairs = [Pair(pair.name, masked.get(pair.name, "")) if pair.secret else pair for pair in pairs]
        names = [pair.name for pair in pairs]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise FieldError(f"duplicate name '{repeated}'")
        return write_pairs(pairs, before)

    def _posted_pairs(self, each: FormField) -> Iterator[Pair]:
        names = self._form.values(f"{each.name}.name")
        values = self._form.values(f"{each.name}.value")
        for row, (name, value) in enumerate(zip(names, values, strict=False)):
            if name and self._removed != f"{each.name}.{row}":
                yield Pair(name, value)


def _check_given(each: FormField, text: str) -> None:
    if each.column.mandatory and not text and not (each.control == "password" and each.shown):
        raise FieldError(f"{each.column.label} is mandatory")
