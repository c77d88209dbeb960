"""Contract coverage: what of the contracts a run has exercised."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from privman_contracts import Contracts
from privman_core.clock import RealClock
from privman_scenarios.analysis.coverage import Coverage, CoverageReport, Exercised, by_contract, by_evidence, missing
from privman_scenarios.commands.cli import main
from privman_scenarios.language.loader import Loader, catalog_files
from privman_scenarios.language.model import Scenario
from privman_scenarios.playing.engine import Engine
from privman_scenarios.playing.events import Event, JournalsRead
from privman_scenarios.playing.product_facts import faults_of_posts
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.playing.world_builder import WorldBuilder

LOG_ON = "/Tms/services/api/logon/token"
APPROVE = "/Tms/services/api/v1/approval/approve"
REQUESTS = "/api/now/table/x_thyti_thycotic_p_request"
PLAYED = Scenario("Some", (), "some.yaml", 1)


def exchange(method: str, url: str, request: object, status: int, answer: object, **more: str) -> dict[str, Any]:
    """Return an exchange as a party that received it prints it."""
    shown = {"direction": "in", "fault": "", **more}
    bodies = {"request": {"body": json.dumps(request)}, "response": {"body": json.dumps(answer)}}
    return {"method": method, "url": url, "status": status, **bodies, **shown}


def measured(*expected: int, **journals: list[dict[str, Any]]) -> Coverage:
    """Return the coverage of a scenario that left these journals and expected answers of these statuses."""
    report = CoverageReport(Exercised(Contracts.load(), faults_of_posts()))
    report(JournalsRead(PLAYED, journals, frozenset(expected)))
    return report.coverage


def exercised(coverage: Coverage, contract: str) -> list[str]:
    """Return what of a contract was exercised, a word for the kind before each."""
    return [f"{each.kind} {each.name}" for each in coverage.items if each.contract == contract and each.exercised]


def test_what_can_be_exercised_is_what_the_contracts_tell() -> None:
    """Each exchange and status of the index, each field of a request, and nothing twice."""
    contracts = Contracts.load()
    items = Exercised(contracts, faults_of_posts()).items
    assert len(set(items)) == len(items)
    kinds = {(item.contract, item.kind, item.name) for item in items}
    for contract in contracts.exchanges:
        assert (contract.name, "exchange", f"{contract.method} {contract.path}") in kinds
        for answer in contract.answers:
            kind = "status" if answer.status.startswith("2") else "refusal"
            assert (contract.name, kind, answer.status) in kinds
    fields = {(item.name, item.evidence) for item in items if item.kind == "field"}
    sent = {contract.request for contract in contracts.exchanges}
    unreached = ("$.result.instance_id.", "$.result.activity_type_id.")
    assert not [item for item in items if item.name.startswith(unreached)]
    for part in contracts.parts():
        assert part.message not in sent or part.path == "$" or (f"request {part.path}", part.evidence) in fields


def test_an_exchange_exercises_fields_boundaries_and_status() -> None:
    """A denial without comment: what it has, the word it says, what it leaves out; no value of any secret."""
    decision = {"RequestId": "a", "Response": "Deny", "InstanceId": "b", "RespondedBy": "c", "Unknown": 1}
    envelope: dict[str, Any] = {"Result": None, "Status": "ok", "Messages": []}
    coverage = measured(console=[exchange("POST", APPROVE.lower(), decision, 200, envelope, fault="slow")])
    assert exercised(coverage, "deliver_decision") == [
        f"exchange POST {APPROVE}",
        "status 200",
        "fault slow",
        "field request $.RequestId",
        "field request $.Response",
        "boundary request $.Response = Deny",
        "boundary request $.Comment left out",
        "boundary request $.Duration left out",
        "field request $.InstanceId",
        "field request $.RespondedBy",
        "boundary request $.RespondedBy of length 1",
        "field answer $.Result",
        "field answer $.Status",
        "boundary answer $.Status = ok",
        "field answer $.Messages",
    ]


def test_a_refusal_counts_where_a_step_expects_it() -> None:
    """The answer's own fields are not those of a success; keys count in any case where the console minds none."""
    refused = exchange("POST", LOG_ON, {"username": "***", "PASSWORD": "***"}, 401, {})
    told = [f"exchange POST {LOG_ON}", "field request $.UserName", "field request $.Password"]
    assert exercised(measured(403, console=[refused]), "log_on") == told
    assert exercised(measured(401, console=[refused]), "log_on") == [told[0], "refusal 401", *told[1:]]


EXPECTING = {
    "console.call": "console.call: {path: /Tms/services/api/v1/version/Current, status: 503}",
    "expect-refusal": "servicenow.expect-refusal: 403",
    "expect-exchanges": "console.expect-exchanges: {path: '*/approval/approve', statuses: [409]}",
    "expect-response": "servicenow.expect-response: {response_status_code: 409}",
}


@pytest.mark.parametrize("step", EXPECTING.values(), ids=EXPECTING)
async def test_a_step_that_names_a_status_expects_it(step: str) -> None:
    """What a step compares, and gets, is expected; what it only sees is not."""
    before = (
        "- console.fault: {kind: status, path: '*/approve', options: {status: 409}}\n"
        "- console.fault: {kind: status, path: '*/Current', optional: true, options: {status: 503}}\n"
        "- console.ask:\n- servicenow.approve:\n- servicenow.expect-response: Approve\n- servicenow.deny:\n"
    )
    loosely = "- servicenow.expect-refusal:\n" if "refusal" not in step else ""
    (scenario,) = Loader(vocabulary()).parse(f"title: T\nsteps:\n{before}{loosely}- {step}", "t.yaml")
    events: list[Event] = []
    ended = await Engine(vocabulary(), WorldBuilder(0), [events.append], RealClock(), journals=True).play(scenario)
    assert ended.failure is None
    (read,) = (event for event in events if isinstance(event, JournalsRead))
    assert read.expected == {403, *(int(status) for status in re.findall(r"\d{3}", step))}


@pytest.mark.long
def test_json_inside_of_text_is_looked_into() -> None:
    """The keys of metadata are fields; text that is no JSON has none."""
    for metadata, inside in (('{"PolicyId": "{x}", "UserReason": ""}', True), ("no JSON", False), (7, False)):
        coverage = measured(servicenow=[exchange("POST", REQUESTS, {"metadata": metadata}, 0, None)])
        told = exercised(coverage, "request_approval")
        assert "field request $.metadata" in told
        assert ("field request $.metadata.PolicyId" in told) == inside
        assert ("boundary request $.metadata.UserReason empty" in told) == inside


def test_a_party_without_journal_is_seen_through_the_other() -> None:
    """What ServiceNow sent was received by the console, and the other way round; what is no contract's is left out."""
    sent = exchange("POST", f"https://console.example{LOG_ON}", {}, 200, "token", direction="out")
    other = exchange("GET", "/api/now/table/incident", None, 200, {"result": []})
    coverage = measured(servicenow=[sent, other])
    assert exercised(coverage, "log_on") == [f"exchange POST {LOG_ON}", "status 200"]
    listed = exchange("GET", f"http://one.example{REQUESTS}?x=1", None, 200, {"result": [{}]}, direction="out")
    assert "status 200" in exercised(measured(console=[listed]), "list_requests")


def test_tables_add_up() -> None:
    """A row a contract, a row a mark, and what is missing."""
    coverage = measured(console=[exchange("GET", "/Tms/services/api/v1/version/Current", None, 200, {"Result": "11"})])
    rows = {row[0]: list(row[1:]) for row in by_contract(coverage).rows}
    assert rows["read_version"] == ["1/1", "1/3", "0/1", "1/1", "0/3", "", "33%"]
    assert rows["log_on"][-1] == "0%"
    marks = by_evidence(coverage)
    assert marks.head == ("Evidence", "Exchanges", "Fields", "Boundaries", "Statuses", "Refusals", "Faults", "All")
    everything = marks.rows[-1]
    assert everything[0] == "everything"
    assert sum(int(cell.partition("/")[0]) for cell in everything[1:-1]) == 3
    assert len(missing(coverage).rows) == len(coverage.items) - 3
    assert ("read_version", "boundary", "answer $.Status = ok", "D") in missing(coverage).rows


@pytest.fixture
def files() -> Mapping[str, str]:
    """The files of the catalog by their names."""
    return {path.stem: str(path) for path in catalog_files()}


@pytest.mark.long
def test_a_scenario_that_is_gone_is_noticed(
    files: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What both exercise is demanded of one alone: exit code 1, though it passes; the reports list what is missing."""
    page, report = tmp_path / "report.html", tmp_path / "report.json"
    written = ["--html", str(page), "--json", str(report)]
    assert main(["run", files["console-api"], files["deny"], *written]) == 0
    both = json.loads(report.read_text())["coverage"]
    capsys.readouterr()
    assert main(["run", files["deny"], "--coverage", "--min-coverage", f"{both['percent']}%", *written]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("1 passed, 0 failed, 0 skipped; ")
    headings = ["Exchanges", "Fields", "Boundaries", "Statuses", "Refusals", "Faults", "All"]
    assert [line.split()[1:] for line in lines if line.startswith(("Contract ", "Evidence "))] == [headings] * 2
    one = json.loads(report.read_text())["coverage"]
    assert lines[-1] == (
        f"{one['percent']}% of the contracts was exercised, less than the {both['percent']:g}% of --min-coverage."
    )
    gone = [item["contract"] for item in one["items"] if item not in both["items"] and not item["exercised"]]
    assert set(gone) == {"read_version", "read_api_document"}
    capsys.readouterr()
    assert main(["run", files["deny"], "--min-coverage", "1,P=1,s=100,D=1%", *written]) == 1
    (told,) = capsys.readouterr().out.splitlines()[2:]
    assert re.fullmatch(
        r"\d\d\.\d% of what is marked S in the contracts was exercised, less than the 100% of --min-coverage\.", told
    )
    assert main(["run", files["deny"], "--min-coverage", "1,S=1"]) == 0
    assert "<summary>Not exercised</summary>" in page.read_text()
    assert "<td>read_version</td><td>exchange</td>" in page.read_text()


REGISTERED = """
title: A console is registered
given: nothing
steps:
  - servicenow.insert:
      table: integration_configuration
      values:
        instance_metadata: >-
          {"Authentication Type":"Get Token","Username":"0f8fad5b-d9cb-469f-a165-70867728950e","Password":"hidden",
          "Token Url":"https://c.example/Tms/services/api/logon/token","Minimum wait time":"00:00:50",
          "Endpoint Url":"https://c.example/Tms/services/api/v1/approval/approve","Maximum retry attempts":"3"}
  - servicenow.expect-records: {table: integration_configuration}
"""


@pytest.mark.long
def test_what_a_sweep_exercises_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The faults that a message meets in variations are told in every process, those that hold among them."""
    file, report = tmp_path / "registered.yaml", tmp_path / "report.json"
    file.write_text(REGISTERED)
    struck = []
    for more in ([], ["--sweep"]):
        main(["run", str(file), "--coverage", "--json", str(report), *more])
        items = json.loads(report.read_text())["coverage"]["items"]
        struck.append({item["name"] for item in items if item["kind"] == "fault" and item["exercised"]})
    lost, answered = {"reset", "answer-lost", "duplicated", "slow"}, {"malformed", "status"}
    assert struck == [set(), lost | answered | {"hibernating", "maintenance", "rate-limited"}]
    assert "Contract " in capsys.readouterr().out


@pytest.mark.long
def test_nothing_is_measured_unless_asked(files: Mapping[str, str], tmp_path: Path) -> None:
    """A report for programs says so."""
    report = tmp_path / "report.json"
    assert main(["run", files["deny"], "--json", str(report)]) == 0
    assert json.loads(report.read_text())["coverage"] is None


@pytest.mark.parametrize("text", ["101", "-1", "much", "nan", "", "90,S=101", "S="])
def test_a_percentage_that_is_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what was expected; exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(["run", f"--min-coverage={text}"])
    assert ended.value.code == 2
    value = text.rpartition("=")[2].rpartition(",")[2]
    assert capsys.readouterr().err.endswith(f"invalid percentage {value!r}: expected a number from 0 to 100\n")


def test_a_mark_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """One line names it and those that there are; exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(["run", "--min-coverage=90,X=10"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("unknown mark in 'X=10': expected one of S, D, P, C, O, I\n")
