"""Measures what a growing table costs: the same requests to mocks on files with 1,000, 100,000 and 1,000,000 rows.

The three serve at the same time and are called in turn, so that a drift of the machine affects all of them.

    python -m benchmarks.scale
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.servers import Client, Server, mock_servicenow, serve, show
from mock_servicenow.blueprint import Blueprint
from mock_servicenow.now_platform.storage.store import Store
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock
from privman_core.ids import Ids

SIZES = (1_000, 100_000, 1_000_000)
ROUNDS = 300
BATCH = 20_000
PAGE = 100
PORT = 18081
JOURNAL = 10_000
GOAL_GROWTH, GOAL_PAGE_MS, GOAL_MIB = 1.5, 8, 400
TABLE = "/api/now/table"
REQUEST = f"{TABLE}/x_thyti_thycotic_p_request"
METADATA = '{"PolicyId": "{14094b6c-8e4b-4b69-8d4a-2a5b1b8c1e10}", "PolicyName": "Elevate installers", "Reason": "x"}'
FIELDS = "number,short_description,state,priority,opened_at,caller_id,caller_id.email,assigned_to,sys_created_on"


@dataclass
class Grown:
    """One mock with so many rows.

    Attributes:
        sys_ids: of some of the rows.
        times: milliseconds of each kind of request.
    """

    rows: int
    server: Server
    client: Client
    sys_ids: list[str]
    body: dict[str, Any] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)

    def prepare(self) -> None:
        """Register a console, and write the incidents of the page."""
        pairs = '{"Endpoint Url": "http://127.0.0.1:9/", "Token Url": "http://127.0.0.1:9/"}'
        instance_id = self._create("x_thyti_thycotic_p_integration_configuration", instance_metadata=pairs)
        kind = {"name": "PM", "valid_responses": "Approve,Deny", "instance_id": instance_id}
        activity_type_id = self._create("x_thyti_thycotic_p_activity_type", **kind)
        self.body = {"instance_id": instance_id, "activity_type_id": activity_type_id, "metadata": METADATA}
        caller = self.client.call("GET", f"{TABLE}/sys_user?sysparm_limit=1")["result"][0]["sys_id"]
        for _ in range(PAGE):
            self._create("incident", caller_id=caller, assigned_to=caller, short_description="Unable to connect")

    def ask(self, turn: int) -> None:
        """Make one request of each kind and note how long it took."""
        request_id = f"85d71683-7dac-4762-8120-{turn:012x}"
        page = f"sysparm_limit={PAGE}&sysparm_display_value=all&sysparm_fields={FIELDS}"
        group = group_of(turn % (self.rows // PAGE))
        self._time("insert", "POST", REQUEST, self.body | {"request_id": request_id})
        self._time("get", "GET", f"{REQUEST}/{self.sys_ids[turn % len(self.sys_ids)]}")
        self._time("list of 100", "GET", f"{REQUEST}?sysparm_query=instance_id={group}&sysparm_limit={PAGE}")
        self._time("page, all displayed", "GET", f"{TABLE}/incident?{page}")

    def fill_journal(self) -> None:
        """Ask as often as the journal remembers."""
        for _ in range(JOURNAL):
            self.client.call("GET", f"{REQUEST}/{self.sys_ids[0]}")

    def p50(self, kind: str) -> float:
        """Return the median of a kind of request."""
        return median(self.times[kind])

    def _create(self, table: str, **values: str) -> str:
        return str(self.client.call("POST", f"{TABLE}/{table}", values)["result"]["sys_id"])

    def _time(self, kind: str, method: str, path: str, body: object = None) -> None:
        self.times.setdefault(kind, []).append(self.client.milliseconds(method, path, body))


def group_of(number: int) -> str:
    """Return the value that a hundred rows share in an indexed column."""
    return f"{number:032x}"


def seeded(folder: Path) -> Iterator[tuple[int, Path, list[str]]]:
    """Grow one database and give a copy of it at each size, with some of its sys_ids."""
    blueprint = Blueprint.draw(Settings())
    growing, ids = folder / "growing.db", Ids(1)
    sys_ids: list[str] = []
    for size in SIZES:
        store = Store(blueprint.database(f"sqlite:///{growing}"))
        instance = blueprint.instance(store, RealClock(), ids)
        blueprint.build(instance)
        rows = ((ids.sys_id(), number) for number in range(len(sys_ids), size))
        while batch := list(islice(rows, BATCH)):
            sys_ids.extend(sys_id for sys_id, _ in batch)
            with instance.transaction(instance.system) as session:
                session.store_rows(blueprint.tables.request.name, (decided(*row) for row in batch))
        store.close()
        copy = folder / f"{size}.db"
        shutil.copy(growing, copy)
        yield size, copy, sys_ids[:: size // SIZES[0]]


def decided(sys_id: str, number: int) -> dict[str, str]:
    """Return a request that was decided."""
    request_id = f"00000000-0000-4000-8000-{number:012x}"
    values = {"sys_id": sys_id, "request_id": request_id, "status": "Approve", "metadata": METADATA}
    return {**values, "instance_id": group_of(number // PAGE)}


def line(kind: str, grown: list[Grown], goal: str, figure: Callable[[list[float]], str]) -> list[str]:
    """Return a line of the table."""
    times = [each.p50(kind) for each in grown]
    return [f"{kind}, p50 ms", *(f"{milliseconds:.2f}" for milliseconds in times), figure(times), goal]


def growth(times: list[float]) -> str:
    """Return how many times longer the last takes than the first."""
    return f"{times[-1] / times[0]:.2f} times"


def main() -> None:
    """Measure and print the table."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        grown = []
        for port, (size, file, sys_ids) in enumerate(seeded(Path(folder)), PORT):
            server = stack.enter_context(serve(mock_servicenow(port, "--database", f"sqlite:///{file}"), port))
            grown.append(Grown(size, server, server.connect(), sys_ids))
            grown[-1].prepare()
        for turn in range(ROUNDS):
            for each in grown:
                each.ask(turn)
        for each in grown:
            each.fill_journal()
        grows = f"{GOAL_GROWTH} times"
        rows = [line(kind, grown, grows, growth) for kind in ("insert", "get", "list of 100")]
        rows.append(line("page, all displayed", grown, f"{GOAL_PAGE_MS} ms", lambda times: f"{max(times):.2f} ms"))
        memory = [each.server.resident for each in grown]
        rows.append(["memory, MiB", *(f"{each:.0f}" for each in memory), f"{memory[-1]:.0f} MiB", f"{GOAL_MIB} MiB"])
    show("A growing table of requests, in a file", ("", *(f"{size:,} rows" for size in SIZES), "", "goal"), rows)


if __name__ == "__main__":
    main()
