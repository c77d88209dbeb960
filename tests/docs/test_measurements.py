"""The walk of a request, as the page of measurements prints it, is the longest that it may be."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\W*(?P<request>[a-z ,]+?)\W+(?P<counts>\d[\d \W]*)$", re.MULTILINE)
PRINTED = {
    "get": "get a record by id",
    "insert": "insert a record",
    "decide": "a decision and its delivery, both fakes",
}
CALLS, FILES, RETURNS = 0, 2, 4


def _rows(table: str) -> dict[str, list[int]]:
    return {
        row["request"]: [int(number) for number in re.findall(r"\d+", row["counts"])] for row in ROW.finditer(table)
    }


@pytest.mark.long
@pytest.mark.once
def test_a_request_walks_no_further_than_the_page_says() -> None:
    """Calls of our own functions, files, and changes of file that lead back to an earlier one."""
    page = _rows((ROOT / "docs/explanation/measurements.md").read_text())
    run = subprocess.run(
        [sys.executable, "benchmarks/walk.py"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=True,
    )
    walked = _rows(run.stdout)
    for request, printed in PRINTED.items():
        measured = [walked[request][column] for column in (CALLS, FILES, RETURNS)]
        assert all(number <= most for number, most in zip(measured, page[printed], strict=True)), (request, measured)
