"""What a form holds, and what is wrong with which field."""

from collections.abc import Collection, Mapping

from console_sim.approval_request import DURATION, EXPECTED_DURATION
from console_sim.bodies import GUID
from privman_core.inputs import plain_url


class Form:
    """The values of a form by field; each reading method puts its complaint beside the field.

    Attributes:
        errors: complaints by field.
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = dict(values or {})
        self.errors: dict[str, str] = {}

    def value(self, field: str) -> str:
        """Return what stands in the field, empty for none."""
        return self._values.get(field, "")

    def ticked(self, field: str) -> bool:
        """Tell whether a check box is ticked."""
        return bool(self.value(field))

    def complain(self, field: str, complaint: str) -> None:
        """Put a complaint beside the field."""
        self.errors[field] = complaint

    def text(self, field: str) -> str:
        """Return text that must not be empty."""
        text = self.value(field).strip()
        if not text:
            self.complain(field, "is empty; expected text")
        return text

    def one_of(self, field: str, choices: Collection[str]) -> str:
        """Return one of the choices."""
        chosen = self.value(field)
        if chosen not in choices:
            self.complain(field, f"{chosen!r} is not offered" if chosen else "nothing is chosen")
        return chosen

    def url(self, field: str) -> str:
        """Return a plain http(s) address without a trailing slash."""
        try:
            return plain_url(self.value(field).strip())
        except ValueError as error:
            self.complain(field, f"is {error}")
            return ""

    def guid(self, field: str) -> str:
        """Return a GUID, with or without braces, or nothing."""
        text = self.value(field).strip()
        if text and GUID.fullmatch(text.removeprefix("{").removesuffix("}")) is None:
            self.complain(field, f"{text!r} is no GUID")
        return text

    def duration(self, field: str) -> str:
        """Return a duration as text, or nothing."""
        text = self.value(field).strip()
        if text and DURATION.fullmatch(text) is None:
            self.complain(field, f"{text!r} is no duration; expected {EXPECTED_DURATION}")
        return text
