"""Tables that are called otherwise."""

import os.path
import re
from collections.abc import Iterator, Sequence

from privman_contracts import Contracts
from privman_scenarios.drift.finding import Renamed
from privman_scenarios.recordings.bodies import to_json
from privman_scenarios.recordings.recorded import Recorded

_TABLE = re.compile(r"/api/now/(?:v[12]/)?table/(\w+)")


def renamed_tables(recording: Sequence[Recorded], contracts: Contracts) -> Iterator[Renamed]:
    """Yield the tables that nobody knows, as the unused one of the app whose columns they have.

    A table of another scope is one of the app's when no column is sent to it that the app's has not, and not only such
    as any table may have: 'name', 'description'.
    """
    names = contracts.names.group("tables")
    scope = os.path.commonprefix([*names.values()])  # noqa: RUF071 - characters are meant
    used = _tables(recording)
    unused = [canonical for canonical, name in names.items() if name not in used]
    for table, exchanges in used.items():
        if table in names.values():
            continue
        columns = {column for exchange in exchanges for column in _columns(exchange)}
        sent = {column for exchange in exchanges for column in _sent(exchange)}
        fitting = {
            canonical: len(columns & known)
            for canonical in unused
            if (known := _known(canonical, contracts))
            and (table.startswith(scope) or (sent <= known and any("_" in each for each in sent)))
        }
        canonical = max(fitting, key=fitting.__getitem__, default="")
        if fitting.get(canonical):
            unused.remove(canonical)
            yield Renamed(contracts.names.find(f"tables.{canonical}"), table, exchanges[0].label)


def _tables(recording: Sequence[Recorded]) -> dict[str, list[Recorded]]:
    tables: dict[str, list[Recorded]] = {}
    for recorded in recording:
        if found := _TABLE.search(recorded.url):
            tables.setdefault(found[1], []).append(recorded)
    return tables


def _columns(recorded: Recorded) -> Iterator[str]:
    """Yield the columns that were sent, and those of what was answered."""
    answer = to_json(recorded.response)
    result = answer.get("result") if isinstance(answer, dict) else None
    for record in (to_json(recorded.request), *(result if isinstance(result, list) else [result])):
        if isinstance(record, dict):
            yield from record


def _sent(recorded: Recorded) -> Iterator[str]:
    """Yield the columns of a record that was sent to be created."""
    record = to_json(recorded.request) if recorded.method == "POST" else None
    if isinstance(record, dict):
        yield from record


def _known(table: str, contracts: Contracts) -> set[str]:
    return set(contracts.names.group(f"columns.{table}").values())
