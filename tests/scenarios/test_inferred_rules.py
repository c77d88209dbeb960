"""Each inferred rule under its alternatives: the catalog follows, or says which rule leaves no room for a scenario."""

from pathlib import Path

import pytest

from privman_contracts import WireNames
from privman_scenarios.commands.cli import main

from .targets import packaged

# Played together is what does not leave each other's scenarios without room.
ALTERNATIVES: tuple[tuple[str, ...], ...] = (
    (
        "retried_statuses: []",
        "longest_timeout: 16",
        "token_lifetime: 60",
        "same_decision_status: 409",
        "other_decision_status: 200",
        "unknown_request_status: 503",
        "unknown_item_status: 410",
        "report_answer: envelope",
        "bad_request_status: 422",
        "api_disabled_status: 503",
        "not_allowed_status: 401",
        "method_not_allowed_status: 404",
        "unsupported_media_type_status: 400",
        "failure_statuses: [500]",
        "log_out_status: 200",
        "api_document: openapi-3.1",
    ),
    (
        "retried_statuses: [0, 403, 404, 408, 409, 429, 5xx]",
        "shortest_wait: 0",
        "approver_changes: everything",
        "ended_client_tokens: accepted",
        "first_retry_wait: 1",
        "token_lifetime: 86400",
        "process_timeout: 86400",
        "approval_without_duration: unlimited",
        "error_answer_status: 200",
        "error_envelope_delivery: delivered",
        "decision_instance_id: ignored",
    ),
    (
        "token_renewed_statuses: []",
        "token_renewals: 0",
        "shortest_wait: 60",
        "first_retry_wait: 1800",
        "most_retries: 1",
        "duplicate_request_status: 403",
    ),
    ("token_renewals: 2", "longest_retry_wait: 60", "dead_token_status: 403", "process_timeout: 600"),
)

APPROVE = packaged("approve")
FIRST = """
title: A refusal of a console that is busy
when:
  retried_statuses: {includes: [<status>, 503], excludes: 404}
  token_renewals: {from: 1, to: 3}
  log_out_status: 204
examples: [{status: 429}]
steps:
  - console.call: {path: /Tms/services/api/logon/token, method: DELETE, status: "${rule.dead_token_status}"}
"""


def run(rules: str, folder: Path, *arguments: str) -> int:
    """Play scenarios where the rules are these and return the exit code."""
    file = folder / "ours.yaml"
    file.write_text(f"rules: {{{rules}}}\n", encoding="utf-8")
    return main(["run", *arguments, "--inferred", str(file), "--jobs", "1"])


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("rules", ALTERNATIVES)
def test_the_catalog_follows(rules: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing fails, and what does not apply names the rule."""
    code = run(", ".join(rules), tmp_path)
    out = capsys.readouterr().out
    assert code == 0, out
    names = [rule.partition(":")[0] for rule in rules]
    if any(name.endswith("_status") for name in names):
        names += ["retried_statuses", "token_renewed_statuses"]  # which may hold the status, or not
    reasons = [line for line in out.splitlines() if line.startswith("inapplicable")]
    assert all(any(f"(rules.{name} is " in line for name in names) for line in reasons), reasons


def test_every_rule_has_an_alternative() -> None:
    """None is left out."""
    rules = {name.word for name in WireNames.load() if name.group == "rules"}
    assert {rule.partition(":")[0] for together in ALTERNATIVES for rule in together} == rules


@pytest.mark.long
@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ("token_renewals: 0", "rules.token_renewals is 0, not at least 1"),
        ("token_renewals: 4", "rules.token_renewals is 4, not at most 3"),
        ("retried_statuses: [429]", "rules.retried_statuses is [429], not a list with [429, 503]"),
        (
            "retried_statuses: [404, 429, 5xx]",
            "rules.retried_statuses is [404, 429, '5xx'], not a list without 404",
        ),
        ("log_out_status: 200", "rules.log_out_status is 200, not 204"),
    ],
)
def test_a_scenario_that_does_not_apply(
    rules: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is neither passed nor skipped, and the rule is named; a run of nothing else has checked nothing."""
    (tmp_path / "one.yaml").write_text(FIRST)
    report = tmp_path / "junit.xml"
    assert run(rules, tmp_path, str(tmp_path / "one.yaml"), "--junit-xml", str(report)) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"inapplicable A refusal of a console that is busy [status=429] ({reason})\n")
    assert "0 passed, 0 failed, 0 skipped, 1 not applicable;" in out
    assert "Nothing was checked" in out
    assert f'<skipped message="does not apply: {reason}' in report.read_text().replace("&#x27;", "'")


@pytest.mark.long
def test_a_scenario_that_applies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All its conditions hold."""
    (tmp_path / "one.yaml").write_text(FIRST)
    assert run("dead_token_status: 440", tmp_path, str(tmp_path / "one.yaml")) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("[token_renewals]", "'when' is ['token_renewals']. Expected conditions by rule."),
        ("{token_renewal: 1}", "when: unknown rule 'token_renewal'. Did you mean 'token_renewals'?"),
        (
            "{token_renewals: many}",
            "when: token_renewals is 'many'. Expected a whole number from 0 to 10, or a condition such as {from: 1}.",
        ),
        ("{error_answer_status: 2000}", "when: error_answer_status is 2000. Expected http or 200."),
        ("{retried_statuses: 500}", "from 300 to 599, or 0 for no answer, or a condition such as {includes: 429}."),
        ("{token_renewals: {form: 1}}", "when: unknown condition 'form' of token_renewals. Did you mean 'from'?"),
        ("{token_renewals: 50}", "when: no token_renewals is 50. Expected a whole number from 0 to 10."),
        ("{token_renewals: {from: 11}}", "when: no token_renewals is 11. Expected a whole number from 0 to 10."),
        ("{first_retry_wait: {to: 0}}", "when: no first_retry_wait is 0. Expected a whole number of seconds from 1"),
        ("{dead_token_status: 40}", "when: no dead_token_status is 40. Expected a status from 200 to 299 or 400"),
        ("{dead_token_status: {from: 300, to: 399}}", "when: no dead_token_status is 300 to 399. Expected a status"),
        ("{approver_changes: yess}", "when: no approver_changes is 'yess'. Expected decision or everything."),
        ("{retried_statuses: {includes: 4290}}", "when: no retried_statuses is [4290]. Expected statuses of failure"),
        ("{retried_statuses: {excludes: [503, 5030]}}", "when: no retried_statuses is [5030]. Expected statuses"),
        ("{token_renewals: {from: many}}", "when: 'from' of token_renewals is 'many'. Expected a number."),
        (
            "{retried_statuses: {includes: [true]}}",
            "when: 'includes' of retried_statuses is [True]. Expected a number, or several.",
        ),
        (
            "{token_renewals: {from: 3, to: 1}}",
            "no token_renewals is from 3 to 1. Expected 'from' to be no more than 'to'.",
        ),
        (
            "{retried_statuses: {includes: [503, 429], excludes: 429}}",
            "no retried_statuses both includes and excludes 429. Expected one of them.",
        ),
        ("{retried_statuses: {includes: '${rule.nosuch}'}}", "is '${rule.nosuch}'. Expected a number"),
    ],
)
def test_conditions_are_checked(when: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A typo in a condition is refused when the file is loaded, with its line."""
    file = tmp_path / "one.yaml"
    file.write_text(f"title: T\nwhen: {when}\nsteps: [{{console.ask: }}]\n")
    assert main(["run", str(file)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"privman-scenarios: {file}:2: ")
    assert message in err


@pytest.mark.parametrize(
    "names",
    [
        "tables: {response: x_thyti_thycotic_p_integration_configuration_secret}",
        "tables: {request: incident}",
    ],
)
def test_names_that_clash_are_one_line(names: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table that an instance has already is refused with the file."""
    file = tmp_path / "ours.yaml"
    file.write_text(names)
    assert main(["run", APPROVE, "--inferred", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"privman-scenarios: {file}: ")


@pytest.mark.long
def test_names_that_the_platform_has_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The app may share a role with the platform, and call a column as the mock would its own."""
    file = tmp_path / "ours.yaml"
    file.write_text("columns: {response: {request_id: request}}\nroles: {approver: itil}\n")
    assert main(["run", APPROVE, "--inferred", str(file)]) == 0, capsys.readouterr().out
