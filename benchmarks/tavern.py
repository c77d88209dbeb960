"""Compares the time of a scenario here and in Tavern, played on the same two fakes.

The scenario is the round trip: both parties in their first state, the documented set-up, a request, its approval, and
the state of the request in the console. Tavern has its own virtual environment, since it needs an older pytest. As
elapsed time depends on what else the machine does, the table has CPU time, too: that of the runner, and that of the two
fakes if they are served beside it. With a world each, the fakes run in the runner's own process.

    python benchmarks/tavern.py
"""

import os
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory
from time import perf_counter

from rich.console import Console
from rich.table import Table

SCENARIOS = 60
ROUNDS = 3
GOAL = 10
PROGRAMS = Path(sys.executable).parent
TAVERN = ("pytest<9", "tavern~=3.7")

HERE = """
title: An approval reaches the console
examples: [{rows}]
steps:
  - console.ask: {{metadata: {{UserReason: Number <number>}}}}
  - servicenow.approve: {{comment: Fine}}
  - servicenow.expect-request: Approve
  - console.expect-approval: {{state: Approved, comment: Fine}}
"""
THERE = """
test_name: An approval reaches the console {number}
stages:
  - name: ServiceNow at its start
    request: {{url: "{servicenow}/__admin/reset", method: POST}}
    response: {{status_code: 204}}
  - name: The console at its start
    request: {{url: "{console}/__admin/reset", method: POST}}
    response: {{status_code: 204}}
  - name: The documented set-up
    request:
      url: "{console}/__admin/setup"
      method: POST
      json: {{servicenow_url: "{servicenow}", servicenow_user: admin, servicenow_password: admin}}
    response: {{status_code: 200}}
  - name: An endpoint user asks
    request:
      url: "{console}/__admin/approval-requests"
      method: POST
      json: {{metadata: {{UserReason: "Number {number}"}}}}
    response: {{status_code: 201, save: {{json: {{request_id: request_id}}}}}}
  - name: An approver finds the request
    request:
      url: "{servicenow}/api/now/table/x_thyti_thycotic_p_request?sysparm_query=request_id={{request_id}}"
      method: GET
      auth: [admin, admin]
    response: {{status_code: 200, save: {{json: {{sys_id: "result[0].sys_id"}}}}}}
  - name: The approver approves
    request:
      url: "{servicenow}/api/now/table/x_thyti_thycotic_p_request/{{sys_id}}"
      method: PATCH
      auth: [privman.approver, admin]
      json: {{status: Approve, comment: Fine}}
    response: {{status_code: 200, strict: false, json: {{result: {{status: Approve}}}}}}
  - name: What is under way is answered
    request: {{url: "{servicenow}/__admin/clock/advance", method: POST, json: {{seconds: 0}}}}
    response: {{status_code: 200}}
  - name: The console has the approval
    request: {{url: "{console}/__admin/approval-requests/{{request_id}}", method: GET}}
    response: {{status_code: 200, strict: false, json: {{state: Approved, comment: Fine}}}}
"""


class Fakes:
    """The two commands, serving in virtual time."""

    def __init__(self, stack: ExitStack) -> None:
        self._processes = [stack.enter_context(served(name)) for name in ("mock-servicenow", "console-sim")]
        self.urls = [_first_line(process).split()[2] for process in self._processes]

    def cpu(self) -> float:
        """Return the CPU seconds that they have used, as Linux counts them."""
        fields = [
            Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split() for process in self._processes
        ]
        return sum(int(ticks) for each in fields for ticks in each[11:13]) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(command: str) -> Iterator["subprocess.Popen[str]"]:
    """Serve one of the fakes in virtual time."""
    arguments: list[str | Path] = [PROGRAMS / command, "serve", "--port", "0", "--clock", "virtual"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own commands
        yield process
        process.terminate()


def _first_line(process: "subprocess.Popen[str]") -> str:
    return process.stdout.readline() if process.stdout else ""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that a command took: elapsed, and CPU time of itself and of the fakes beside it."""

    elapsed: float
    own: float
    fakes: float


def cost(arguments: Sequence[str | Path], folder: Path, fakes: Fakes) -> Cost:
    """Return what a command took that must succeed."""
    own, beside, began = _cpu(), fakes.cpu(), perf_counter()
    done = subprocess.run(  # noqa: S603 - our own command, and Tavern's
        arguments, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return Cost(perf_counter() - began, _cpu() - own, fakes.cpu() - beside)


def _cpu() -> float:
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tavern(folder: Path) -> Path:
    """Return Python with Tavern, in an environment made for it."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *TAVERN], check=True)  # noqa: S603 - its own pip
    return python


def write_here(file: Path, count: int) -> None:
    """Write the scenarios for this project's tool."""
    file.write_text(HERE.format(rows=", ".join(f"{{number: {number}}}" for number in range(count))))


def write_there(file: Path, count: int, servicenow: str, console: str) -> None:
    """Write the scenarios for Tavern."""
    documents = [THERE.format(number=number, servicenow=servicenow, console=console) for number in range(count)]
    file.write_text("---".join(documents))


def main() -> None:
    """Measure and print the table."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        python = tavern(folder / "tavern")
        fakes = Fakes(stack)
        here, there = folder / "here.yaml", folder / "test_there.tavern.yaml"
        write_here(here, SCENARIOS)
        write_there(there, SCENARIOS, *fakes.urls)
        run: list[str | Path] = [PROGRAMS / "privman-scenarios", "run", here, "--jobs"]
        commands: dict[str, list[str | Path]] = {
            "Tavern": [python, "-m", "pytest", "-q", there],
            "here, the same two fakes": [*run, "1", "--servicenow-url", fakes.urls[0], "--console-url", fakes.urls[1]],
            "here, a world each": [*run, "1"],
            "here, a world each, two processes": [*run, "2"],
        }
        # In turn, so that what else the machine does meets all of them.
        rounds = [{name: cost(command, folder, fakes) for name, command in commands.items()} for _ in range(ROUNDS)]
    print_table({name: [each[name] for each in rounds] for name in commands})


def print_table(costs: Mapping[str, Sequence[Cost]]) -> None:
    """Print the best of the rounds."""
    title = f"{SCENARIOS} scenarios, milliseconds each, start of the command included (goal: {GOAL} times as fast)"
    table = Table("", "elapsed", "times as fast", "processor", "of fakes", "times as little", title=title)
    tavern_took = best(costs["Tavern"])
    for name, measured in costs.items():
        took = best(measured)
        faster, less = tavern_took.elapsed / took.elapsed, tavern_took.own / took.own
        milliseconds = [f"{seconds * 1000 / SCENARIOS:.1f}" for seconds in (took.elapsed, took.own, took.fakes)]
        table.add_row(name, milliseconds[0], f"{faster:.1f}", *milliseconds[1:], f"{less:.1f}")
    Console(width=120).print(table)


def best(measured: Sequence[Cost]) -> Cost:
    """Return the least of each."""
    return Cost(*(min(getattr(each, part) for each in measured) for part in ("elapsed", "own", "fakes")))


if __name__ == "__main__":
    main()
