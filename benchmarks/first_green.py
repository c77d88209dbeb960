"""Measures how long README's first command takes in a new clone, part by part, until the first scenario has passed.

python -m benchmarks.first_green
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from rich.console import Console
from rich.markup import escape
from rich.table import Table

ROOT = Path(__file__).parents[1]
GOAL_SECONDS = 30


def measure(command: str, folder: Path) -> tuple[float, float, str]:
    """Run a part to its end; return the seconds to its first line or its end, those of processors, and that line."""
    before, began = os.times(), perf_counter()
    with subprocess.Popen(["/bin/bash", "-c", command], cwd=folder, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603 - README's
        out = running.stdout or ()
        line = next(iter(out), "")
        seconds = perf_counter() - began
        running.communicate()
    if running.returncode:
        raise SystemExit(f"{command}: exit code {running.returncode}")
    after = os.times()
    processors = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, processors, line.strip()


def main() -> None:
    """Print each part, and the seconds up to the first scenario that passed."""
    (command, *_) = re.findall(r"^```sh\n(.*)\n```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    table = Table("part", "s to its first line or end", "s of processors in all", "first line")
    total = 0.0
    with TemporaryDirectory() as place:
        clone = f"{shutil.which('git')} clone --quiet {ROOT} clone"
        parts = [(Path(place), clone), *((Path(place, "clone"), part) for part in command.split(" && "))]
        for folder, part in parts:
            seconds, processors, line = measure(part, folder)
            total += seconds
            table.add_row(escape(part.replace(str(ROOT), ".")), f"{seconds:.1f}", f"{processors:.1f}", escape(line))
    Console().print(table)
    one, _, _ = os.getloadavg()
    Console().print(
        f"first green after {total:.1f} s (goal {GOAL_SECONDS} s); load {one:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
