"""Compares insert and get-by-id with a bare aiohttp application and WireMock's static stubs, in one run.

Each server runs alone on one core, wrk on another: one thread, 16 connections, a body of about 400 bytes. The mock
authenticates, journals and keeps its rows in SQL; WireMock answers from static stubs, its journal on.

    apt-get install wrk; npm install wiremock
    python -m benchmarks.peers [node_modules/wiremock/build/wiremock-standalone-*.jar]
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.servers import AUTHORIZATION, Client, mock_servicenow, serve, show

ROUNDS, SECONDS, CONNECTIONS = 3, 4, 16
PORT = 18080
TABLE = "/api/now/table/incident"
RECORD = {"short_description": "Unable to connect to email", "description": "x" * 300, "urgency": "2", "impact": "2"}
BARE = """
import json
from aiohttp import web

rows = {}


async def insert(request):
    row = await request.json()
    row["sys_id"] = f"{len(rows):032x}"
    rows[row["sys_id"]] = row
    return web.json_response({"result": row}, status=201)


async def get(request):
    return web.json_response({"result": rows[request.match_info["id"]]})


app = web.Application()
app.router.add_post("/api/now/table/incident", insert)
app.router.add_get("/api/now/table/incident/{id}", get)
web.run_app(app, host="127.0.0.1", port=PORT, access_log=None, print=None)
""".replace("PORT", str(PORT))
UNITS = {"us": 0.001, "ms": 1, "s": 1000}


@dataclass(frozen=True, slots=True)
class Peer:
    """A server to measure.

    Attributes:
        command: gives the command that starts it afresh.
        prepare: does what has to be done before it can be asked.
    """

    name: str
    command: Callable[[], list[str]]
    prepare: Callable[[Client], None] = lambda _client: None


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured; rates a second, times in milliseconds, memory in MiB."""

    post: float
    post_p99: float
    get: float
    get_p99: float
    first_answer: float
    memory: float


def wrk(method: str, url: str, folder: Path) -> tuple[float, float]:
    """Load a server and return the rate and the 99th percentile; raises SystemExit if it refuses."""
    script = folder / "load.lua"
    body = f"wrk.body = '{json.dumps(RECORD)}'\n" if method == "POST" else ""
    headers = f'wrk.headers["Authorization"] = "{AUTHORIZATION}"\nwrk.headers["Content-Type"] = "application/json"\n'
    script.write_text(f'wrk.method = "{method}"\n{headers}{body}')
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s", str(script), url]
    command = ["/usr/bin/env", "taskset", "-c", "1", "wrk", *options]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603 - our own
    if "Non-2xx" in printed:
        raise SystemExit(f"{method} {url} was refused:\n{printed}")
    [(number, unit)] = re.findall(r"99%\s+([\d.]+)(us|ms|s)\b", printed)
    [rate] = re.findall(r"Requests/sec:\s+([\d.]+)", printed)
    return float(rate), float(number) * UNITS[unit]


def measure(peer: Peer, folder: Path) -> Figures:
    """Start a server, load it and return what it did."""
    with serve(["/usr/bin/env", "taskset", "-c", "0", *peer.command()], PORT) as server:
        client = server.connect()
        peer.prepare(client)
        path = f"{TABLE}/{client.call('POST', TABLE, RECORD)['result']['sys_id']}"
        wrk("POST", server.origin + TABLE, folder)  # to warm it
        post, post_p99 = wrk("POST", server.origin + TABLE, folder)
        get, get_p99 = wrk("GET", server.origin + path, folder)
        return Figures(post, post_p99, get, get_p99, server.first_answer, server.resident)


def stub_wiremock(client: Client) -> None:
    """Give WireMock a static stub for each of the two requests."""
    answer = {"result": {**RECORD, "sys_id": "0" * 32}}
    for method, path, status in (("POST", TABLE, 201), ("GET", f"{TABLE}/{'0' * 32}", 200)):
        stub = {"request": {"method": method, "urlPath": path}, "response": {"status": status, "jsonBody": answer}}
        client.call("POST", "/__admin/mappings", stub)


def peers(folder: Path, jar: str | None) -> list[Peer]:
    """Return what is measured, the bare application first."""
    files = count()
    found = [
        Peer("bare aiohttp, a dict", lambda: [sys.executable, "-c", BARE]),
        Peer("mock-servicenow, in memory", lambda: mock_servicenow(PORT)),
        Peer(
            "mock-servicenow, a file",
            lambda: mock_servicenow(PORT, "--database", f"sqlite:///{folder}/{next(files)}.db"),
        ),
    ]
    if jar is not None:
        # It makes folders where it starts, unless told where.
        where = ["--root-dir", str(folder), "--port", str(PORT)]
        wiremock = ["/usr/bin/env", "java", "-jar", jar, *where, "--disable-banner"]
        found.append(Peer("WireMock, static stubs", lambda: wiremock, stub_wiremock))
    return found


def row(name: str, runs: list[Figures], bare: list[Figures]) -> list[str]:
    """Return a line of the table: medians, the rates beside those of the bare application too."""
    post, get = median(run.post for run in runs), median(run.get for run in runs)
    return [
        name,
        f"{post:.0f}",
        f"{post / median(run.post for run in bare):.2f}",
        f"{median(run.post_p99 for run in runs):.1f}",
        f"{get:.0f}",
        f"{get / median(run.get for run in bare):.2f}",
        f"{median(run.get_p99 for run in runs):.1f}",
        f"{median(run.first_answer for run in runs):.0f}",
        f"{median(run.memory for run in runs):.0f}",
    ]


def main() -> None:
    """Measure in turn, so that a drift of the machine meets all, and print the table."""
    with TemporaryDirectory() as folder:
        measured = peers(Path(folder), sys.argv[1] if len(sys.argv) > 1 else None)
        runs: dict[str, list[Figures]] = {peer.name: [] for peer in measured}
        for _ in range(ROUNDS):
            for peer in measured:
                runs[peer.name].append(measure(peer, Path(folder)))
    bare = runs[measured[0].name]
    columns = ("", "POST/s", "of bare", "p99 ms", "GET/s", "of bare", "p99 ms", "first answer ms", "MiB after load")
    title = f"Insert and get by id: median of {ROUNDS}, one core each"
    show(title, columns, [row(name, figures, bare) for name, figures in runs.items()])


if __name__ == "__main__":
    main()
