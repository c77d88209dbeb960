"""Follow a request through our own code: calls, functions, files, and how often the path returns to an earlier file.

Both products run in this process, on one event loop, and `sys.setprofile` notes each call of a function of ours,
in threads too. A change of file is a return if the path has been in that file before.

    python benchmarks/walk.py              # the table
    python benchmarks/walk.py insert       # the path of one of them, file by file
"""

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Self

from rich.console import Console
from rich.table import Table

from privman_scenarios.playing.console_verbs import METADATA
from privman_scenarios.playing.world_builder import WorldBuilder

PACKAGES = ("mock_servicenow", "console_sim", "privman_contracts", "privman_core")
WARM_UP = 5
INCIDENTS = "/api/now/table/incident"
ANSWERED = {"comment": "Fine", "duration": "02:00:00"}
Request = Callable[[], Awaitable[object]]


class Walk:
    """The calls of our functions, in order, by file and name."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self._files: dict[str, str] = {}

    def __enter__(self) -> Self:
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    @property
    def changes(self) -> list[str]:
        """The files in the order in which the path enters them."""
        files = [file for file, _ in self.calls]
        return [file for before, file in zip(["", *files], files, strict=False) if file != before]

    @property
    def returns(self) -> int:
        """How many changes of file lead to one that the path has been in before."""
        return len(self.changes) - len(set(self.changes))

    def _note(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and (file := self._file(frame.f_code.co_filename)):
            self.calls.append((file, frame.f_code.co_qualname))

    def _file(self, name: str) -> str:
        if name not in self._files:
            parts = Path(name).parts
            own = next((each for each in PACKAGES if each in parts), None)
            self._files[name] = "/".join(parts[parts.index(own) :]) if own else ""
        return self._files[name]


async def follow(request: Request) -> Walk:
    """Return the path of a warm request."""
    for _ in range(WARM_UP):
        await request()
    with Walk() as walk:
        await request()
    return walk


async def walks() -> dict[str, Walk]:
    """Return the path of each kind of request."""
    async with WorldBuilder(0).open() as world:
        await world.set_up({})
        servicenow, console = world.servicenow, world.console
        [incident, *_] = await servicenow.find("incident", active="true")
        approver = await servicenow.credentials("scenario.approver")
        asked = [(await console.ask(METADATA)).json for _ in range(WARM_UP + 1)]

        async def decide() -> None:
            await servicenow.update("request", asked.pop()["sys_id"], {"status": "Approve", **ANSWERED}, approver)
            await world.settle()

        return {
            "get": await follow(
                lambda: servicenow.api.call("GET", f"{INCIDENTS}/{incident['sys_id']}", auth=servicenow.admin)
            ),
            "list": await follow(
                lambda: servicenow.api.call("GET", f"{INCIDENTS}?sysparm_limit=20", auth=servicenow.admin)
            ),
            "insert": await follow(lambda: servicenow.insert("incident", {"short_description": "Printer on fire"})),
            "ask": await follow(lambda: console.ask(METADATA)),
            "decide": await follow(decide),
        }


def main() -> None:
    """Print the table, or the path of the request that the command line names."""
    paths = asyncio.run(walks())
    for name in sys.argv[1:]:
        for file, function in paths[name].calls:
            print(f"{file:60} {function}")
    if sys.argv[1:]:
        return
    table = Table("", "calls", "functions", "files", "changes of file", "of these back", title="Our own code, warm")
    for name, walk in paths.items():
        files = {file for file, _ in walk.calls}
        counts = len(walk.calls), len(set(walk.calls)), len(files), len(walk.changes), walk.returns
        table.add_row(name, *map(str, counts))
    Console().print(table)


if __name__ == "__main__":
    main()
