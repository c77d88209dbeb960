"""Reports of shards that nobody wrote with 'run --shard'."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from privman_scenarios.commands.cli import main

FAILS = "title: Fails\ntags: [a]\nsteps:\n- console.ask:\n- console.expect-approval: {state: Approved}\n"
MARKUP = "<img src=x>\0\x1b]\u202e\"'&"
# Words that the format knows; any other one is refused.
WORDS = {"outcome", "kind", "evidence", "sender", "receiver"}
Report = dict[str, Any]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the report of a shard in which a scenario failed."""
    folder = tmp_path_factory.mktemp("shard")
    (folder / "story.yaml").write_text(FAILS)
    assert main(["run", str(folder), "--jobs", "1", "--shard", "1/1", "--json", str(folder / "1.json")]) == 1
    return (folder / "1.json").read_text()


pytestmark = pytest.mark.usefixtures("folder")


def hostile(value: Any, key: str = "") -> Any:
    """Return the value with markup and control characters in each text."""
    if isinstance(value, dict):
        return {name: hostile(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return f"{MARKUP}{value}" if isinstance(value, str) and key not in WORDS else value


@pytest.mark.long
def test_no_text_of_a_report_is_markup(written: str) -> None:
    """Whichever value it is in; the XML is well-formed, and neither report has a control character."""
    Path("1.json").write_text(json.dumps(hostile(json.loads(written))))
    assert main(["report", "merge", "1.json", "--html", "1.html", "--junit-xml", "1.xml"]) == 1
    page, suite = Path("1.html").read_text(), Path("1.xml").read_text()
    assert page.count("&lt;img src=x&gt;") > 20
    assert "<img" not in page
    assert not re.search("[\0\x1b\u202e]", page + suite)
    failure = ET.fromstring(suite).find(".//failure")  # noqa: S314 - our own report
    assert failure is not None
    assert failure.attrib["type"].startswith("<img src=x>")


def shard(count: int, number: int) -> Callable[[Report], None]:
    """Return what makes a report one of another shard."""
    return lambda report: report["shard"]["shard"].update(count=count, number=number)


def nest(report: Report) -> None:
    """Let further failures have further ones."""
    failure = report["scenarios"][0]["failure"]
    for _ in range(50):
        failure = {**failure, "further": [failure]}
    report["scenarios"][0]["failure"] = failure


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (shard(10**12, 1), "shard 1/1000000000000: expected N/M with N from 1 to M, and M at most 1000"),
        (shard(0, 0), "shard 0/0: expected N/M"),
        (shard(-1, -1), "shard -1/-1: expected N/M"),
        (lambda report: report["scenarios"][0].update(seconds=1e308), "'seconds' is 1e+308; expected 0 to 1000000000"),
        (nest, "'further' is nested; expected failures that have none"),
    ],
)
def test_what_no_run_writes_is_refused(
    change: Callable[[Report], None], told: str, written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line names the file and what is wrong."""
    report = json.loads(written)
    change(report)
    Path("1.json").write_text(json.dumps(report))
    refused(told, capsys)


@pytest.mark.parametrize("depth", [100_000])
def test_deep_json_is_refused(depth: int, written: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Also at a key that nobody reads."""
    Path("1.json").write_text(f'{{"zzz": {"[" * depth}{"]" * depth}, {written.lstrip()[1:]}')
    refused("recursion", capsys)


def test_a_report_without_an_end_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a device is."""
    (folder / "1.json").symlink_to("/dev/zero")
    refused("Not a regular file", capsys)


def refused(told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Merge and see one line."""
    assert main(["report", "merge", "1.json"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("privman-scenarios: 1.json: ")
    assert told in error
    assert error.count("\n") == 1
