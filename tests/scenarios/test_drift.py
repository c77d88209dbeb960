"""The command ``privman-scenarios drift``: what a recording has otherwise, and the names that explain it."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from privman_scenarios.commands.cli import main

from .recorded_entries import (
    APPROVE,
    CONSOLE,
    INSTANCE,
    OTHER,
    REQUEST,
    SERVICENOW,
    Entry,
    declared,
    delivery,
    entry,
    read,
    record,
    registered,
    request,
)


@pytest.mark.long
def test_the_fakes_do_not_drift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A recording of what keeps the contracts holds, masked secrets and all; exit code 0."""
    file = record(tmp_path, "")
    capsys.readouterr()
    assert main(["drift", file]) == 0
    assert capsys.readouterr().out.endswith("; 0 names differ, 0 differences are of another kind\n")


@pytest.mark.long
def test_the_override_explains_the_drift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is a file for --inferred, with which the same recording does not drift."""
    ours = {
        "tables": {"response": "x_thyti_thycotic_p_responses", "activity_type": "x_thyti_thycotic_p_kind"},
        "columns": {"request": {"instance_id": "integration_id"}},
        "keys": {"decision": {"Comment": "Reason", "Duration": "HowLong"}},
        "words": {"request_status": {"pending": "Requested"}},
    }
    file = record(tmp_path, yaml.safe_dump(ours))
    capsys.readouterr()
    assert main(["drift", file]) == 1
    out = capsys.readouterr().out
    assert yaml.safe_load(out) == ours
    assert "# keys.decision.Comment [I]: Reason, not Comment (" in out
    (tmp_path / "found.yaml").write_text(out, encoding="utf-8")
    assert main(["drift", file, "--inferred", str(tmp_path / "found.yaml")]) == 0


@pytest.mark.long
def test_responses_of_another_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list of responses shows both, though one is like none."""
    ours = {"words": {"response": {"approve": "Approved", "deny": "Rejected"}}}
    file = record(tmp_path, yaml.safe_dump(ours))
    capsys.readouterr()
    assert main(["drift", file]) == 1
    out = capsys.readouterr().out
    assert yaml.safe_load(out) == ours
    assert "2 names differ, 0 differences are of another kind" in out


def test_a_list_of_nothing_known(drift: Any) -> None:
    """Two words that are like none are told, and nothing is guessed."""
    code, override, comments = drift(
        registered(), declared(201, {"result": {"sys_id": INSTANCE}}, valid_responses="Ja,Nein")
    )
    assert (code, override) == (1, None)
    assert comments[1].startswith('activity-type-request $.valid_responses [P]: valid_responses has value "Ja,Nein".')


def test_what_an_instance_answers_counts_by_itself(drift: Any) -> None:
    """A console may go on sending a column that ServiceNow drops; only the answer shows the instance's own name."""
    code, override, _ = drift(request(201, integration_id=INSTANCE, status="Pending"))
    assert (code, override) == (1, {"columns": {"request": {"instance_id": "integration_id"}}})


def test_further_columns_are_no_drift(drift: Any) -> None:
    """A column of another meaning in an answer is none of the app's."""
    assert drift(request(201, u_colour="red"))[:2] == (0, None)


def test_a_key_whose_case_does_not_count(drift: Any) -> None:
    """Log-on keys in lower case are as good."""
    sent = {"username": "0a1b2c3d-0000-4000-8000-000000000001", "password": "x"}
    assert drift(entry("POST", f"{CONSOLE}/Tms/services/api/logon/token", sent, 200, '"t"'))[0] == 0


@pytest.mark.long
def test_the_only_place_for_an_unlike_key(drift: Any) -> None:
    """An unknown key is the one missing name whose form it has."""
    code, override, _ = drift(delivery(200, RespondedBy=None, Who="boss", Comment="Fine"))
    assert (code, override) == (1, {"keys": {"decision": {"RespondedBy": "Who"}}})


def test_a_key_with_no_place_is_told(drift: Any) -> None:
    """What no other name explains is a comment with its mark, the value and where it was first seen."""
    code, override, comments = drift(
        delivery(200, Urgent="yes", Comment="Fine"), delivery(200, Urgent="yes", RequestId=OTHER)
    )
    assert (code, override) == (1, None)
    assert comments[0] == "No other name explains these:"
    assert comments[1].startswith("decision $.Urgent [I]: Urgent is not part of decision.")
    assert comments[1].endswith("(real.har entry 1 and 1 more)")


def test_a_name_is_not_taken_for_another(drift: Any) -> None:
    """A column of the table that has no place in a message is told, not guessed to be the one that is missing."""
    sent = {"status": "Approve", "duration": "", "metadata": "x"}
    code, override, comments = drift(entry("PATCH", f"{SERVICENOW}request/{INSTANCE}", sent, 204, ""))
    assert (code, override) == (1, None)
    assert comments[1].startswith("decision-update $.metadata [I]: metadata is not part of decision-update.")


@pytest.mark.long
def test_two_keys_may_not_have_one_name(drift: Any) -> None:
    """Of two keys that are alike one is the name."""
    code, override, _ = drift(
        request(201, comment="Fine", activity_type_id=INSTANCE, instance_ident=INSTANCE, instance_idx=INSTANCE)
    )
    assert (code, list(override["columns"]["request"])) == (1, ["instance_id"])


@pytest.mark.long
@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([request(201, status="Requested")], {"request_status": {"pending": "Requested"}}),
        ([request(201, status="timed out")], {"request_status": {"timed_out": "timed out"}}),
        (
            [delivery(200, {"Result": None, "Status": "success", "Messages": []})],
            {"envelope_status": {"ok": "success"}},
        ),
        (
            [
                request(201, status="Pending"),
                entry(
                    "GET",
                    f"{SERVICENOW}request/{INSTANCE}",
                    "",
                    200,
                    {"result": {"sys_id": INSTANCE, "status": "Late"}},
                ),
            ],
            {"request_status": {"timed_out": "Late"}},
        ),
    ],
    ids=["of a new record", "alike", "the only inferred one", "the only one left"],
)
def test_a_word_is_another(entries: list[Entry], words: object, drift: Any) -> None:
    """A word that no contract has stands for one that was never seen."""
    assert drift(*entries)[:2] == (1, {"words": words})


def test_a_word_that_may_be_either_is_told(drift: Any) -> None:
    """Where two inferred words are left, none is guessed."""
    code, override, comments = drift(read("Gone"))
    assert (code, override) == (1, None)
    assert comments[1].startswith('approval-answer $.result.status [P]: result.status has value "Gone". Expected ')


def test_a_word_means_what_may_stand_wherever_it_was_seen(drift: Any) -> None:
    """A status that is a decision elsewhere is not guessed to be that of a time-out."""
    code, override, comments = drift(
        request(201, status="Pending"), delivery(200), delivery(200, Response="Reject", RequestId=OTHER), read("Reject")
    )
    assert (code, override) == (1, None)
    assert any(comment.startswith('decision $.Response [I]: Response has value "Reject".') for comment in comments)


RULES: list[tuple[list[Entry], dict[str, object]]] = [
    ([request(201), request(200)], {"duplicate_request_status": 200}),
    ([delivery(200), delivery(202)], {"same_decision_status": 202}),
    ([delivery(200), delivery(410, Response="Deny")], {"other_decision_status": 410}),
    ([delivery(410)], {"unknown_request_status": 410}),
    ([delivery(404), delivery(200)], {"retried_statuses": [0, 408, 429, "5xx", 404]}),
]


@pytest.mark.long
@pytest.mark.parametrize(("entries", "rules"), RULES, ids=[next(iter(rules)) for _, rules in RULES])
def test_a_rule_is_another(entries: list[Entry], rules: object, drift: Any) -> None:
    """What was asked before tells which rule an answer contradicts."""
    assert drift(*entries)[:2] == (1, {"rules": rules})


def test_answers_of_the_moment_are_no_rules(drift: Any) -> None:
    """A failure between two attempts says nothing of repeated decisions, and another request is another matter."""
    entries = [
        delivery(503, "busy"),
        request(503),
        delivery(200),
        delivery(200),
        delivery(409, Response="Deny"),
        request(201),
        request(201),
    ]
    assert drift(*entries, delivery(404, RequestId=OTHER))[:2] == (0, None)


def test_a_scenario_does_not_remember_another(drift: Any) -> None:
    """The same request id in another page of the recording is another request."""
    assert drift(delivery(200) | {"pageref": "one"}, delivery(200, Response="Deny") | {"pageref": "two"})[0] == 0


def test_a_table_that_nobody_has(drift: Any) -> None:
    """An answer that there is no such table shows that the instance calls it otherwise."""
    error = {"error": {"message": "Invalid table x_thyti_thycotic_p_response", "detail": None}, "status": "failure"}
    other = {"error": {"message": "Exception while reading request", "detail": "No"}, "status": "failure"}
    code, override, comments = drift(
        entry("GET", f"{SERVICENOW}response", "", 400, error),
        entry("GET", f"{SERVICENOW}activity_type", "", 400, other),
    )
    assert (code, override) == (1, None)
    assert comments[1:-1] == [
        (
            "tables.response [I]: no table is called x_thyti_thycotic_p_response. "
            "tables: {response: NAME} (real.har entry 1)"
        )
    ]


def test_tables_of_another_scope(drift: Any) -> None:
    """They are named by the columns that are sent; a table with columns as any may have is none of the app's."""
    renamed = request(201)
    renamed["request"]["url"] = renamed["request"]["url"].replace("x_thyti_thycotic_p_", "x_acme_")
    group = entry("POST", f"{SERVICENOW}group".replace("x_thyti_thycotic_p_", "sys_user_"), {"name": "a"}, 201, {})
    read_only = entry("GET", f"{SERVICENOW}request".replace("x_thyti_thycotic_p_", "x_other_"), "", 200, {})
    code, override, _ = drift(renamed, group, read_only, delivery(200))
    assert (code, override) == (1, {"tables": {"request": "x_acme_request"}})


@pytest.mark.parametrize("status", [0, 429, 500, 502, 503, 504])
def test_what_was_never_answered_proves_nothing(status: int, drift: Any) -> None:
    """A recording of a server that was down has nothing to compare."""
    code, override, told = drift(request(status), delivery(status, Result=None))
    assert (code, override) == (1, None)
    assert told[-1].startswith("0 exchanges compared, 2 left out; 0 names differ")


def test_a_role_that_nobody_has(drift: Any) -> None:
    """A look-up that found no role of that name shows that the instance calls it otherwise."""
    roles = "https://dev.example/api/now/table/sys_user_role?sysparm_query=name%3D"
    found: dict[str, object] = {"result": [{"sys_id": INSTANCE}]}
    none: dict[str, object] = {"result": []}
    admin, approver = (f"{roles}x_thyti_thycotic_p.{role}" for role in ("admin", "approver"))
    entries = [entry("GET", admin, "", 200, found), entry("GET", approver, "", 200, none)]
    code, _, comments = drift(*entries, entry("GET", f"{roles}itil", "", 200, none), delivery(200))
    assert code == 1
    assert comments[1:-1] == [
        "roles.approver [I]: no role is called x_thyti_thycotic_p.approver. roles: {approver: NAME} (real.har entry 2)"
    ]


@pytest.mark.parametrize(
    ("seen", "complaint"),
    [
        (
            entry("POST", f"{SERVICENOW}request", "metadata", 201, {"result": {"sys_id": INSTANCE}}),
            "approval-request $ [I]: the body is not JSON",
        ),
        (
            entry("POST", f"{SERVICENOW}request", {"request_id": REQUEST, "metadata": "no"}, 201, []),
            "approval-request $.metadata [P]: metadata has value",
        ),
        (delivery(200, [{"Result": None}]), "envelope $ [I]: the body is a list of 1."),
        (
            entry("GET", f"{SERVICENOW}request", "", 200, {"result": [1, 2]}),
            "list-answer $.result[] [",
        ),
    ],
    ids=["no JSON", "no JSON inside", "a list", "in a list"],
)
def test_what_is_broken_otherwise(seen: Entry, complaint: str, drift: Any) -> None:
    """Each broken contract is told once, with its mark."""
    code, _, comments = drift(seen)
    assert code == 1
    assert [comment for comment in comments if comment.startswith(complaint)]


def test_what_was_not_kept_is_not_judged(drift: Any) -> None:
    """An entry without its body, and one of no contract, are left out; with nothing compared, nothing holds."""
    lost = delivery(200)
    lost["response"]["content"] = {"size": 71, "mimeType": "application/json"}
    unknown = entry("GET", "https://elsewhere.example/", "", 200, "")
    strange = entry("GET", f"{SERVICENOW}strange", "", 200, "")
    code, _, comments = drift(lost, unknown, strange)
    assert code == 1
    assert comments == [
        "Nothing was compared. Expected an exchange of a contract, answered with more than an empty list.",
        "0 exchanges compared, 3 left out; 0 names differ, 0 differences are of another kind",
    ]


def test_an_empty_list_is_compared_with_nothing(drift: Any) -> None:
    """Beside messages that all failed it proves nothing."""
    empty = entry("GET", f"{SERVICENOW}request", "", 200, {"result": []})
    code, _, comments = drift(request(502), empty)
    assert code == 1
    assert comments[0].startswith("Nothing was compared. ")
    assert comments[-1].startswith("0 exchanges compared, 2 left out; ")
    assert drift(empty, delivery(200))[0] == 0


def test_a_recording_without_exchanges_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside one that has some, as of a record that could not reach its target."""
    full, empty = tmp_path / "full.har", tmp_path / "empty.har"
    full.write_text(json.dumps({"log": {"entries": [delivery(200)]}}), encoding="utf-8")
    empty.write_text(json.dumps({"log": {"entries": []}}), encoding="utf-8")
    assert main(["drift", str(full), str(full)]) == 0
    capsys.readouterr()
    assert main(["drift", str(full), str(empty)]) == 1
    assert capsys.readouterr().out.startswith(f"# {empty}: nothing of it was compared. Expected an exchange")


def test_a_party_that_only_failed_is_named(drift: Any) -> None:
    """What the other one answered says nothing of it."""
    code, _, comments = drift(request(201), delivery(503), delivery(0))
    assert code == 1
    assert comments[0] == "Nothing but failures came from the console. Expected an answer to judge it by."
    assert drift(request(201), delivery(503), delivery(200))[0] == 0


def test_messages_at_another_address(drift: Any) -> None:
    """A decision or a log-in that only ever went elsewhere is a difference; beside one that did not, it is not."""
    moved = delivery(200)
    elsewhere = "/Tms/services/api/v2/approval/approve"
    moved["request"]["url"] = f"{CONSOLE}{elsewhere}?key=hidden"
    log_in = entry("POST", f"{CONSOLE}/api/token", {"UserName": "u", "Password": "***"}, 200, "")
    code, _, comments = drift(request(201), moved, log_in)
    assert code == 1
    assert comments[1:3] == [
        f"deliver_decision was sent to {elsewhere}. Expected {urlsplit(APPROVE).path} [S]. (real.har entry 2)",
        "log_on was sent to /api/token. Expected /Tms/services/api/logon/token [D]. (real.har entry 3)",
    ]
    code, _, comments = drift(moved, delivery(200))
    assert code == 0
    assert comments == ["1 exchanges compared, 1 left out; 0 names differ, 0 differences are of another kind"]


def test_files_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A recording or a file of names that is none is told in a line; exit code 2."""
    file = tmp_path / "real.har"
    file.write_text("{}", encoding="utf-8")
    assert main(["drift", str(file)]) == 2
    assert capsys.readouterr().err == f"privman-scenarios: {file}: log is missing. Expected an object.\n"
    file.write_text('{"log": {"entries": []}}', encoding="utf-8")
    assert main(["drift", str(file), "--inferred", "none.yaml"]) == 2
