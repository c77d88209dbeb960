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
    """Yield the tables of the app's scope that nobody knows, as the unused one whose columns they have."""
    names = contracts.names.group("tables")
    scope = os.path.commonprefix([*names.values()])  # noqa: RUF071 - characters are meant
    used = _tables(recording)
    unused = [canonical for canonical, name in names.items() if name not in used]
    for table, exchanges in used.items():
        if table in names.values() or not table.startswith(scope):
            continue
        columns = {column for exchange in exchanges for column in _columns(exchange)}
        fitting = {canonical: len(columns & _known(canonical, contracts)) for canonical in unused}
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


def _known(table: str, contracts: Contracts) -> set[str]:
    return set(contracts.names.group(f"columns.{table}").values())
