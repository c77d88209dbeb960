"""A team's file of inferred names is all it takes: scenarios follow it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from privman_contracts import WireNames
from privman_scenarios.commands.cli import main
from privman_scenarios.language.spelling import Spelling

ALL_ALIKE = """
title: What the catalog has no story of
given: nothing
steps:
  - servicenow.insert: {table: integration_configuration, values: {instance_metadata: no JSON}, as: registration}
  - servicenow.expect-exchanges:
      path: "*/${table.integration_configuration}"
      request: {instance_metadata: no JSON}
      response: {result: {instance_metadata: no JSON}}
  - servicenow.insert: {table: integration_configuration, values: {instance_metadata: '{"Client Id": "x"}'}}
  - servicenow.insert:
      {table: activity_type, values: {include_comment: false, instance_id: "${registration.sys_id}"}}
  - servicenow.call: {path: /api/now/table/nothing, unknown_path: true, by: '', status: 401, body: {status: failure}}
  - console.call: {path: /Tms/services/api/v1, unknown_path: true, status: 404, body: {Status: error}}
  - console.call: {path: /__admin/approval-requests, body: {approval_requests: []}}
  - servicenow.expect-finding: registration-request
  - servicenow.expect-finding: registration-answer
  - servicenow.expect-finding: activity-type-request
  - servicenow.expect-finding: activity-type-answer
"""

STATUSES = {
    "duplicate_request_status": 200,
    "same_decision_status": 202,
    "other_decision_status": 410,
    "unknown_request_status": 422,
}


@pytest.fixture
def everything_else(tmp_path: Path) -> Path:
    """Write a file in which every name, word and status of a rule is another than in the packaged one."""
    tree: dict[str, Any] = {"rules": STATUSES}
    for name in WireNames.load():
        if name.group == "rules":
            continue
        node = tree
        for part in name.group.split("."):
            node = node.setdefault(part, {})
        plain = name.path.startswith(("tables.", "columns.", "roles.", "keys.soap_", "words.soap_service."))
        node[name.word] = f"{name.value}_x" if plain else f"Our {name.value}"
    file = tmp_path / "ours.yaml"
    file.write_text(yaml.safe_dump(tree))
    return file


@pytest.mark.long
@pytest.mark.once
def test_the_catalog_holds_when_everything_inferred_is_spelled_otherwise(
    everything_else: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No scenario, and neither party, holds a spelling that the file of inferred names could change."""
    assert main(["run", "--inferred", str(everything_else)]) == 0, capsys.readouterr().out


@pytest.mark.long
def test_bodies_are_spelled_as_the_scenario_has_them(
    everything_else: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no JSON, a list, or the body of another table stays as it came."""
    scenario = tmp_path / "alike.yaml"
    scenario.write_text(ALL_ALIKE)
    assert main(["run", "--inferred", str(everything_else), str(scenario)]) == 0, capsys.readouterr().out


@pytest.mark.long
def test_a_wrong_spelling_is_noticed(everything_else: Path, tmp_path: Path) -> None:
    """A scenario that expects what the instance does not say fails, whatever it is called there."""
    scenario = tmp_path / "wrong.yaml"
    scenario.write_text(
        "title: Wrong\nsteps:\n  - console.ask:\n  - servicenow.deny:\n  - servicenow.expect-request: Approve\n"
    )
    assert main(["run", "--inferred", str(everything_else), str(scenario)]) == 1


def test_users_of_a_run_go_by_their_names_in_scenarios() -> None:
    """On the instance they have names that only this run has drawn; a text that looks like one is left alone."""
    spelling = Spelling(WireNames.load())
    spelling.users["boss.0a1b"] = "boss"
    assert spelling.users_from_wire([{"responded_by": "boss.0a1b"}]) == [{"responded_by": "boss"}]
    assert spelling.record_from_wire("request", {"sys_created_by": "boss.0a1b"}) == {"sys_created_by": "boss"}
    sent = spelling.record_to_wire("request", {"sys_created_by": "boss", "comment": "boss"})
    assert sent == {"sys_created_by": "boss.0a1b", "comment": "boss"}
