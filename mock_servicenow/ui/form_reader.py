"""Reads a posted form: the values that changed, and an error for each field that cannot be stored."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, field

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.dictionary.values import is_sys_id
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.composite_values import UNITS, FieldError, Pair, join_duration, write_pairs
from mock_servicenow.ui.event_notes import in_words
from mock_servicenow.ui.expected_values import expected
from mock_servicenow.ui.form_fields import FormField
from privman_core.pages.forms import Form

ADD, REMOVE = "add:", "remove:"
"""Buttons that add or remove a name-value pair; they save nothing."""
_NO_PAIRS = "{}"


class Posted(Struct):
    """The outcome of reading a form.

    Attributes:
        values: raw values by column, of the fields that changed.
        errors: by name of the field.
        forgotten: the labels of new secrets, which no page shows again.
    """

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)


class FormReader:
    """Reads the posted fields of one form.

    Args:
        action: the pressed button: `ADD` with the name of a field, `REMOVE` with that and a row number, or any other.
    """

    def __init__(self, session: Session, form: Form, action: str = "") -> None:
        self._session = session
        self._form = form
        self._added = action.removeprefix(ADD) if action.startswith(ADD) else ""
        self._removed = action.removeprefix(REMOVE) if action.startswith(REMOVE) else ""

    def read(self, fields: Sequence[FormField]) -> Posted:
        """Return the changes; afterwards each field shows what was posted, without secrets."""
        posted = Posted()
        for each in fields:
            if each.control == "fixed":
                continue
            try:
                value = self._value(each, posted.forgotten)
                self._require(each, value)
            except FieldError as error:
                each.error = posted.errors[each.name] = str(error)
                continue
            if value is not None:
                posted.values[each.column.name] = value
        return posted

    def redraw(self, fields: Sequence[FormField]) -> None:
        """Let the fields show what was posted, with a pair more or less, and an error beside each lost secret."""
        forgotten = self.read(fields).forgotten
        for each in fields:
            each.blank = each.name == self._added
            named = {each.column.label, *(pair.name for pair in each.pairs)}
            lost = [label for label in forgotten if label in named]
            each.error = f"Enter {in_words(lost)} again: pages never repeat a secret" if lost else ""

    def _require(self, each: FormField, value: str | None) -> None:
        """Raise FieldError if a mandatory field would be empty or blank; the dictionary says which are mandatory."""
        if not each.column.mandatory:
            return
        kept = {"pairs": each.pairs, "duration": "".join(each.parts), "password": each.shown}
        after = kept.get(each.control, each.value) if value is None else value
        if (isinstance(after, str) and after.strip() in {"", _NO_PAIRS}) or not after:
            raise FieldError(f"mandatory, but blank: expected {expected(self._session, each.column)}")

    def _value(self, each: FormField, forgotten: list[str]) -> str | None:
        """Return the raw value of a field, None if it is missing or unchanged; raises FieldError."""
        if each.control == "pairs":
            return self._pairs(each, forgotten)
        if each.control == "duration":
            return self._duration(each)
        text = self._form.given(each.name)
        if text is None or text == each.value:
            return None
        if each.control == "password":
            forgotten.append(each.column.label)
        else:
            each.value = text
        return self._raw(each, text) if text else ""

    def _raw(self, each: FormField, text: str) -> str:
        column = each.column
        if each.control == "reference":
            return self._reference(each, text)
        if each.control == "choice" and text and all(choice.value != text for choice in column.choices):
            raise self._error(f"'{text}' is not one of the choices", column)
        if column.type == "string" and len(text) > column.max_length:
            raise FieldError(f"{len(text):,} characters: expected at most {column.max_length:,}")
        raw = self._undisplayed(column, text)
        if column.to_stored(raw) is None:
            raise self._error(f"invalid {column.family.noun} '{text}'", column)
        return raw

    def _undisplayed(self, column: Column, text: str) -> str:
        if column.family is Family.DATE_TIME:
            return self._session.formats.to_utc(text)
        return self._session.formats.to_date(text) if column.family is Family.DATE else text

    def _reference(self, each: FormField, text: str) -> str:
        table = each.column.reference or ""
        if is_sys_id(text) and self._session.get(table, text) is not None:
            return text
        found = self._session.by_display(table, text)
        if found is None:
            raise self._error(f"'{text}' does not match exactly one record of {table}", each.column)
        return found

    def _error(self, wrong: str, column: Column) -> FieldError:
        return FieldError(f"{wrong}: expected {expected(self._session, column)}")

    def _duration(self, each: FormField) -> str | None:
        posted = [self._form.given(f"{each.name}.{unit}") for unit in UNITS]
        if None in posted:
            return None
        parts = tuple(part or "" for part in posted)
        if parts == each.parts:
            return None
        each.parts = parts
        return join_duration(parts)

    def _pairs(self, each: FormField, forgotten: list[str]) -> str | None:
        if self._form.given(f"{each.name}.name") is None:
            return None
        before, pairs = each.pairs, list(self._posted_pairs(each))
        if pairs == [Pair(pair.name, pair.shown) for pair in before]:
            return None
        masked = {pair.name: pair.shown for pair in before}
        forgotten += [pair.name for pair in pairs if pair.secret and pair.value not in {"", masked.get(pair.name)}]
        each.pairs = [_without_secret(pair, masked) for pair in pairs]
        names = [pair.name for pair in pairs]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise FieldError(f"duplicate name '{repeated}': expected each name once")
        unnamed = next((pair.value for pair in pairs if not pair.name.strip()), None)
        if unnamed is not None:
            raise FieldError("a value has no name: expected a name beside each value")
        return write_pairs(pairs, before)

    def _posted_pairs(self, each: FormField) -> Iterator[Pair]:
        names = self._form.values(f"{each.name}.name")
        values = self._form.values(f"{each.name}.value")
        for row, (name, value) in enumerate(zip(names, values, strict=False)):
            if (name or value) and self._removed != f"{each.name}.{row}":
                yield Pair(name, value)


def _without_secret(pair: Pair, masked: Mapping[str, str]) -> Pair:
    """Return a posted pair without its secret; a value without a name may be a secret, too."""
    return Pair(pair.name, masked.get(pair.name, "")) if pair.secret or not pair.name else pair
