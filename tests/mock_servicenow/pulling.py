"""What tests of ``mock-servicenow pull`` share: the command, and a stand-in for an instance that serves any rows."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from mock_servicenow import MockServiceNow
from mock_servicenow.cli import main

Rows = list[dict[str, str]]


def pull(source: MockServiceNow, folder: Path, *options: str, tables: str = "incident,u_laptop") -> int:
    """Run the command with a seed that is given, and return its exit code."""
    seed = folder.parent / "seed"
    seed.write_text("any seed")
    given = ["pull", "--from", source.url, "--tables", tables, "--out", str(folder), "--seed-file", str(seed), *options]
    try:
        return main(given)
    except SystemExit as end:
        return int(str(end.code))


def read(served: MockServiceNow, table: str, query: str = "", **parameters: str) -> Rows:
    """Return the records that a query matches."""
    asked = {"sysparm_query": query, "sysparm_exclude_reference_link": "true", **parameters}
    answer = requests.get(f"{served.url}/api/now/table/{table}", asked, auth=served.auth, timeout=30)
    result: Rows = answer.json()["result"]
    return result


def contents(folder: Path) -> dict[str, str]:
    """Return the files of a pull, but for the hidden one."""
    return {file.name: file.read_text() for file in sorted(folder.iterdir()) if not file.name.startswith(".")}


@contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """Answer every request with these bytes; yields the address."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever, args=(0.01,))  # polls for its end
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            serving.join()


@contextmanager
def stub(
    tables: Mapping[str, list[dict[str, Any]]],
    answer: Callable[[str], bytes] | None = None,
    hidden: Mapping[str, int] | None = None,
    failures: Sequence[int] = (),
    largest_page: int = 10_000,
) -> Iterator[str]:
    """Serve rows of tables, by name those of the dictionary; yields the address.

    Rows are not counted, but for tables of which some are hidden. The first answers are failures.
    """
    statuses = iter(failures)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            name, asked = address.path.rpartition("/")[2], parse_qs(address.query)
            query, _, after = asked["sysparm_query"][0].partition("^ORDERBY")[0].partition("sys_id>")
            key, _, named = query.partition("^")[0].partition("IN")
            found = sorted(tables.get(name, ()), key=lambda row: str(row["sys_id"]))
            rows = [row for row in found if key not in row or row[key] in named.split(",")]
            rows = [row for row in rows if row["sys_id"] > after]
            start, most = int(asked["sysparm_offset"][0]), min(largest_page, int(asked["sysparm_limit"][0]))
            body = answer(name) if answer else b""
            status = next(statuses, 404 if body.startswith(b'{"error"') else 200)
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if status > 499 else "application/json")
            self.send_header("Retry-After", "0")
            if hidden and name in hidden:
                self.send_header("X-Total-Count", str(len(rows) + hidden[name]))
            self.end_headers()
            self.wfile.write(
                b"<html>" if status > 499 else body or json.dumps({"result": rows[start : start + most]}).encode()
            )

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever, args=(0.01,))  # polls for its end
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            serving.join()


def defined(number: int, table: str, parent: str = "", **more: str) -> dict[str, str]:
    """Return a row of sys_db_object."""
    return {"sys_id": f"{number:032x}", "name": table, "label": table, "super_class.name": parent, **more}


def column(number: int, name: str, type_: str, table: str = "u_odd", **more: object) -> dict[str, Any]:
    """Return a row of sys_dictionary."""
    return {"sys_id": f"{number:032x}", "name": table, "element": name, "internal_type": type_, **more}


def choice(number: int, element: str, value: str) -> dict[str, str]:
    """Return a row of sys_choice."""
    return {"sys_id": f"{number:032x}", "name": "u_odd", "element": element, "value": value, "label": value}


def pull_table(folder: Path, columns: list[dict[str, Any]], row: Mapping[str, str], *options: str) -> tuple[int, str]:
    """Pull a table of a stand-in with these columns and this row; returns the exit code and what was written."""
    given = {
        "sys_db_object": [defined(1, "u_odd")],
        "sys_dictionary": columns,
        "u_odd": [{"sys_id": "e" * 32, **row}],
    }
    with stub(given) as url:
        code = main(["pull", "--from", url, "--tables", "u_odd", "--out", str(folder), *options])
    return code, (folder / "data.yaml").read_text()
