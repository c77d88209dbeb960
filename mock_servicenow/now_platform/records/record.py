"""One record as it was read."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.session import Session


class Record:
    """One record; its columns read as text, an empty one as ``""``.

    Attributes:
        table: the class of the record: where several tables share a hierarchy, the one it was inserted into.
        values: every column of the table that it was read from, in stored form.
    """

    __slots__ = ("_session", "table", "values")

    def __init__(self, session: "Session", table: str, values: Mapping[str, str]) -> None:
        self._session = session
        self.table = table
        self.values = values

    @property
    def sys_id(self) -> str:
        """Return the primary key."""
        return self.values["sys_id"]

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    def display(self, column: str) -> str:
        """Return what people read in place of the column's value (platform 1.7)."""
        return self._session.display(self, column)
