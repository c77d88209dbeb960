"""Records that others refer to, fetched together and remembered for one transaction."""

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.records.record import Record

if TYPE_CHECKING:
    from mock_servicenow.now_platform.records.session import Session

Path = tuple[str, ...]
MOST_NAMED = 1_000
"""Entries of a list that are displayed by their names; the others are as they are stored (I)."""
_DEEPEST_DISPLAY = 4  # a display column may itself be a reference; a cycle must end


class References:
    """The referenced records of one session; its transaction remembers them until something is written."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    @property
    def _known(self) -> "dict[tuple[str, str], Record | None]":
        """What has been fetched, as the session's user sees it."""
        return self._session.work.referenced.setdefault(self._session.sight, {})

    def record(self, column: Column, sys_id: str) -> Record | None:
        """Return the record that a value of a reference column means."""
        table = column.reference or ""
        if (table, sys_id) not in self._known:
            self._fetch({table: {sys_id}})
        return self._known[table, sys_id]

    def fetch(self, column: Column, sys_ids: Iterable[str]) -> None:
        """Fetch with one statement what several values of a reference column mean."""
        self._fetch({column.reference or "": set(sys_ids)})

    def display(self, column: Column, sys_id: str, depth: int = _DEEPEST_DISPLAY) -> str:
        """Return the display value of the record that is meant; the value itself if there is none."""
        record = self.record(column, sys_id)
        if record is None or depth == 0:
            return sys_id
        name = self._session.dictionary.display_column(column.reference or "")
        shown = self._session.dictionary.columns(column.reference or "")[name]
        if shown.is_reference and record[name]:
            return self.display(shown, record[name], depth - 1)
        return self._session.display(record, name)

    def walk(self, record: Record, path: Path) -> tuple[Record, str] | None:
        """Follow references; return the last record with the name of its column, None if one is empty."""
        for name in path[:-1]:
            column = self._session.dictionary.columns(record.table)[name]
            found = self.record(column, record[name]) if record[name] else None
            if found is None:
                return None
            record = found
        return record, path[-1]

    def prefetch(self, records: Iterable[Record], paths: Iterable[Path]) -> None:
        """Fetch with one statement a table what the paths of all the records lead to, step by step."""
        ends = [(list(records), path) for path in paths]
        while ends:
            steps = [(self._values(reached, path[0]), path[1:]) for reached, path in ends]
            self._fetch(_wanted(values for values, _ in steps))
            ends = [(self._targets(values), rest) for values, rest in steps if rest]

    def _values(self, records: Iterable[Record], name: str) -> list[tuple[Column, str]]:
        """Return the different values in a column of the records, each with the column of its class."""
        found = {(record.table, value) for record in records if (value := record.values[name])}
        return [(self._session.dictionary.columns(table)[name], value) for table, value in found]

    def _targets(self, values: Iterable[tuple[Column, str]]) -> list[Record]:
        targets = (self.record(column, value) for column, value in values if column.is_reference)
        return [target for target in targets if target is not None]

    def _fetch(self, wanted: dict[str, set[str]]) -> None:
        session, known = self._session, self._known
        for table, sys_ids in wanted.items():
            missing = [sys_id for sys_id in sorted(sys_ids) if (table, sys_id) not in known]
            found = {} if table in session.sight.closed else session.get_many(table, missing)
            known.update({(table, sys_id): None for sys_id in missing})
            known.update({(table, sys_id): Record(session, table, each.values) for sys_id, each in found.items()})


def _wanted(groups: Iterable[Iterable[tuple[Column, str]]]) -> dict[str, set[str]]:
    wanted: dict[str, set[str]] = {}
    for column, value in chain.from_iterable(groups):
        if column.reference is not None:
            wanted.setdefault(column.reference, set()).update(value.split(",", MOST_NAMED)[:MOST_NAMED])
    return wanted
