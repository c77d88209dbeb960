"""Shared by the benchmarks: a server as a process, a connection to it, and the printed table."""

import json
import os
import re
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

AUTHORIZATION = "Basic " + b64encode(b"admin:admin").decode()
HOST = "127.0.0.1"
_PATIENCE = 60


class Server:
    """A server that listens on a port of this machine.

    Attributes:
        first_answer: milliseconds from its start until it answered anything.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, first_answer: float) -> None:
        self._process = process
        self._port = port
        self.first_answer = first_answer

    @property
    def origin(self) -> str:
        """Return its address."""
        return f"http://{HOST}:{self._port}"

    @property
    def pid(self) -> int:
        """Return its process."""
        return self._process.pid

    @property
    def resident(self) -> float:
        """Return its resident memory in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024

    @property
    def processor(self) -> float:
        """Return how many milliseconds of the processor it has used, which others on the machine do not change."""
        threads = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1_000_000

    def connect(self) -> "Client":
        """Return a connection."""
        return Client(self._port)


class Client:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection(HOST, port, timeout=_PATIENCE)

    def call(self, method: str, path: str, body: object = None, authorization: str = AUTHORIZATION) -> Any:  # noqa: ANN401 - JSON
        """Return the JSON of an answer; raises SystemExit for a refusal."""
        answer = self.send(method, path, body, authorization)
        text = answer.read()
        if answer.status >= 400:  # noqa: PLR2004 - the first status of an error
            raise SystemExit(f"{method} {path} was answered {answer.status}:\n{text.decode()}")
        return json.loads(text or b"null")

    def send(self, method: str, path: str, body: object = None, authorization: str = AUTHORIZATION) -> HTTPResponse:
        """Return an answer that is still to be read."""
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        return self._connection.getresponse()

    def milliseconds(self, method: str, path: str, body: object = None) -> float:
        """Return how long an answer takes until it has been read."""
        began = time.perf_counter()
        self.call(method, path, body)
        return (time.perf_counter() - began) * 1000


@contextmanager
def serve(command: Iterable[str | Path], port: int) -> Iterator[Server]:
    """Run a server that listens on that port; it is ready when the body begins."""
    began = time.perf_counter()
    # Bytecode is kept, as that of an installed package is: a server that is started again does not compile it anew.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, env=environment)  # noqa: S603 - our own
    try:
        _await(process, port)
        yield Server(process, port, (time.perf_counter() - began) * 1000)
    finally:
        process.terminate()
        process.wait()


def mock_servicenow(port: int, *options: str) -> list[str]:
    """Return the command that serves a mock."""
    return [str(Path(sys.executable).with_name("mock-servicenow")), "serve", "--port", str(port), *options]


def show(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table."""
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*row)
    Console(width=140).print(table)


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    while process.poll() is None:
        connection = HTTPConnection(HOST, port, timeout=_PATIENCE)
        try:
            connection.request("GET", "/")
            connection.getresponse()
        except ConnectionRefusedError:
            time.sleep(0.002)
        else:
            return
        finally:
            connection.close()
    raise SystemExit(f"{process.args!r} ended by itself")
