"""The sys_ids of the first rows: what files say of a record that ships, under whatever sys_id, is about that record."""

from collections import Counter
from collections.abc import Iterable, Iterator

import orjson

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.dictionary_rows import seed_id
from mock_servicenow.now_platform.provisioning.row_files import NAMES, PlacedRow, Values
from mock_servicenow.now_platform.provisioning.stored_rows import KEYS, Key, key_of

Rows = Iterable[PlacedRow | tuple[str, Values]]


def identified(dictionary: Dictionary, rows: Rows) -> Iterator[PlacedRow]:
    """Yield the rows with sys_ids; those that ship come first.

    A row of a file has that of the row that ships with the same key, if there is one. One without sys_id has that of
    the row before it with the same name, or one made of its name; without a name it has one made of its values, and
    rows of equal values are different records.
    """
    shipped, made = _Shipped(), _MadeIds(dictionary)
    for row in (PlacedRow(*each) for each in rows):
        given = row.values.get("sys_id", "")
        sys_id = made.sys_id(row)
        sys_id = sys_id if row.place is None else shipped.sys_id(row) or sys_id
        found = row if given == sys_id else row._replace(values={**row.values, "sys_id": sys_id}, other_id=given)
        if row.place is None:
            shipped.add(found)
        yield found


class _MadeIds:
    """The sys_ids of rows, as far as they lack them."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._known: dict[tuple[str, str], str] = {}
        self._equal: Counter[tuple[str, str]] = Counter()

    def sys_id(self, row: PlacedRow) -> str:
        named = row.table, self._name(row)
        sys_id = row.values.get("sys_id") or self._known.get(named)
        if not sys_id and not named[1]:
            values = row.table, orjson.dumps(row.values).decode()
            self._equal[values] += 1
            sys_id = seed_id(row.table, f"{values[1]}{self._equal[values]}")
        sys_id = sys_id or seed_id(*named)
        if named[1]:
            self._known.setdefault(named, sys_id)
        return sys_id

    def _name(self, row: PlacedRow) -> str:
        """Return the name by which people know a row; empty if its table displays none."""
        shown = "user_name" if row.table == "sys_user" else self._dictionary.display_column(row.table)
        return row.values.get(shown, "") if shown in NAMES else ""


class _Shipped:
    """The rows that ship, of tables of which instances know records by keys."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Values]] = {}
        self._keys: dict[str, dict[Key, str]] = {}

    def add(self, row: PlacedRow) -> None:
        if row.table in KEYS:
            self._rows.setdefault(row.table, {}).setdefault(row.values["sys_id"], row.values)

    def sys_id(self, row: PlacedRow) -> str:
        """Return the sys_id of the one that a row of a file is about; empty if there is none."""
        rows = self._rows.get(row.table, {})
        if not rows or row.values.get("sys_id") in rows:
            return ""
        if row.table not in self._keys:  # most files have no such row, and the dictionary has thousands
            known = ((key_of(row.table, values), sys_id) for sys_id, values in rows.items())
            self._keys[row.table] = {key: sys_id for key, sys_id in known if key}
        return self._keys[row.table].get(key_of(row.table, row.values), "")
