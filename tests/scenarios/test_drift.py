"""The command ``privman-scenarios drift``: what a recording has otherwise, and the names that explain it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from privman_contracts import WireNames
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.commands.cli import main
from privman_scenarios.language.loader import catalog_files

from .stub_instance import StubInstance

ROUND_TRIP = """
title: Two decisions reach the console
steps:
  - console.ask: {as: first}
  - servicenow.approve: {request: first, comment: Fine, duration: "02:00:00"}
  - console.ask: {as: second}
  - servicenow.deny: {request: second, comment: No}
  - console.expect-approval: {request: second, state: Denied}
  - servicenow.expect-response: {request: second, response: Deny}
"""
INSTANCE, REQUEST = "0123456789abcdef0123456789abcdef", "85d71683-7dac-4762-8120-76a9a564fdc1"
OTHER = "00000000-7dac-4762-8120-76a9a564fdc1"
CONSOLE, SERVICENOW = "https://console.example", "https://dev.example/api/now/table/x_thyti_thycotic_p_"
SCOPE = "x_thyti_thycotic_p_"
APPROVE = f"{CONSOLE}/Tms/services/api/v1/approval/approve"
OTHER_WORD: dict[str, object] = {"Result": None, "Status": "success", "Messages": []}
Entry = dict[str, Any]


def entry(method: str, url: str, sent: object, status: int, answer: object) -> Entry:
    """Return an entry of a HAR file; text is a body as it stands."""
    request, text = (each if isinstance(each, str) else json.dumps(each) for each in (sent, answer))
    return {
        "startedDateTime": "2026-01-05T09:00:00Z",
        "request": {"method": method, "url": url, "postData": {"mimeType": "application/json", "text": request}},
        "response": {"status": status, "content": {"mimeType": "application/json", "text": text}},
    }


def delivery(status: int, answer: object = None, **changed: Any) -> Entry:
    """Return a delivered decision; None leaves a key out."""
    decision = {"RequestId": REQUEST, "Response": "Approve", "InstanceId": INSTANCE, "RespondedBy": "boss", **changed}
    sent = {key: value for key, value in decision.items() if value is not None}
    good = {"Result": None, "Status": "ok" if status == 200 else "error", "Messages": [] if status == 200 else ["No."]}
    return entry("POST", APPROVE, sent, status, answer or good)


def request(code: int, **changed: Any) -> Entry:
    """Return an approval request that was sent."""
    metadata = json.dumps({"PolicyId": "{140a5e8c-1c3f-4d0a-9e0b-0d5a3e3a3f10}"})
    sent = {"request_id": REQUEST, "instance_id": INSTANCE, "activity_type_id": INSTANCE, "metadata": metadata}
    return entry("POST", f"{SERVICENOW}request", sent, code, {"result": {"sys_id": INSTANCE, **changed}})


def read(status: str) -> Entry:
    """Return how an approval request was read."""
    return entry("GET", f"{SERVICENOW}request/{INSTANCE}", "", 200, {"result": {"sys_id": INSTANCE, "status": status}})


@pytest.fixture
def drift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what compares entries, and gives the exit code, the override and the comments."""

    def run(*entries: Entry) -> tuple[int, Any, list[str]]:
        file = tmp_path / "real.har"
        file.write_text(json.dumps({"log": {"entries": entries}}), encoding="utf-8")
        code = main(["drift", str(file)])
        out = capsys.readouterr().out
        comments = [line[2:].replace(str(file), "real.har") for line in out.splitlines() if line.startswith("#")]
        return code, yaml.safe_load(out), comments

    return run


def record(tmp_path: Path, names: str) -> str:
    """Play a round trip between fakes that have these names, and return the recording."""
    scenario, inferred, out = tmp_path / "one.yaml", tmp_path / "ours.yaml", tmp_path / "real.har"
    scenario.write_text(ROUND_TRIP, encoding="utf-8")
    inferred.write_text(names, encoding="utf-8")
    assert main(["record", str(scenario), "--inferred", str(inferred), "--out", str(out)]) == 0
    return str(out)


def test_the_fakes_do_not_drift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A recording of what keeps the contracts holds, masked secrets and all; exit code 0."""
    file = record(tmp_path, "")
    capsys.readouterr()
    assert main(["drift", file]) == 0
    assert capsys.readouterr().out.endswith("; 0 names differ, 0 differences are of another kind\n")


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
    """Log-on keys in lower case are as good (integration 4)."""
    sent = {"username": "0a1b2c3d-0000-4000-8000-000000000001", "password": "x"}
    assert drift(entry("POST", f"{CONSOLE}/Tms/services/api/logon/token", sent, 200, '"t"'))[0] == 0


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


def test_two_keys_may_not_have_one_name(drift: Any) -> None:
    """Of two keys that are alike one is the name."""
    code, override, _ = drift(
        request(201, comment="Fine", activity_type_id=INSTANCE, instance_ident=INSTANCE, instance_idx=INSTANCE)
    )
    assert (code, list(override["columns"]["request"])) == (1, ["instance_id"])


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


@pytest.mark.parametrize(("entries", "rules"), RULES, ids=[next(iter(rules)) for _, rules in RULES])
def test_a_rule_is_another(entries: list[Entry], rules: object, drift: Any) -> None:
    """What was asked before tells which rule an answer contradicts (integration 3, 4)."""
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
    """An answer that there is no such table (platform 1.9) shows that the instance calls it otherwise."""
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


def test_a_real_instance_shows_its_names(
    tmp_path: Path, real_instance: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A console and an approver who know none of its names learn them from what it answers."""
    scenario, out = tmp_path / "one.yaml", tmp_path / "real.har"
    steps = "[{console.ask: }, {servicenow.approve: {comment: Fine}}, {console.expect-approval: Approved}]"
    scenario.write_text(f"title: An approval\nsteps: {steps}\n", encoding="utf-8")
    theirs = {
        "columns": {"request": {"comment": "comments"}},
        "words": {"request_status": {"pending": "Requested"}},
    }
    url = real_instance(yaml.safe_dump(theirs))
    assert main(["record", str(scenario), "--servicenow-url", url, "--out", str(out)]) == 1
    capsys.readouterr()
    assert main(["drift", str(out)]) == 1
    assert yaml.safe_load(capsys.readouterr().out) == theirs


def columns_of_app() -> list[dict[str, str]]:
    """Return the entries of a dictionary that has the packaged names."""
    names = WireNames.load()
    return [
        {"name": table, "element": column}
        for word, table in names.group("tables").items()
        for column in names.group(f"columns.{word}").values()
    ]


@pytest.fixture
def compare(
    tmp_path: Path, privman_loop: LoopThread, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[StubInstance], str]:
    """Return what records a denial on an instance, and gives the last line that drift prints of it."""
    monkeypatch.setenv("SERVICENOW_PASSWORD", "s3cret")
    (deny,) = (str(path) for path in catalog_files() if path.stem == "deny")

    def run(stub: StubInstance) -> str:
        served, out = serving(stub.app()), tmp_path / "real.har"
        target = ["--servicenow-url", privman_loop.run(served.__aenter__()), "--servicenow-user", "integration"]
        assert main(["record", deny, *target, "--quiet-time", "0", "--out", str(out)]) == 0
        privman_loop.run(served.__aexit__(None, None, None))
        main(["drift", str(out)])
        return capsys.readouterr().out.splitlines()[-1]

    return run


@pytest.mark.parametrize("total", [2_500, 3_000, 100])
def test_a_long_dictionary_is_read_to_its_end(total: int, compare: Callable[[StubInstance], str]) -> None:
    """Tables of the scope that stand before those of the app fill pages, the last one perhaps to its last row."""
    own, stub = columns_of_app(), StubInstance()
    others = [{"name": f"{SCOPE}a{number}", "element": "x"} for number in range(total - len(own))]
    stub.tables["sys_dictionary"] = [{"sys_id": f"d{number}", **row} for number, row in enumerate([*others, *own])]
    assert compare(stub).endswith("; 0 names differ, 0 differences are of another kind")
    assert stub.lists["sys_dictionary"] == total // 1_000 + 1


@pytest.mark.parametrize("broken", ["endless", "hidden"])
def test_a_dictionary_that_is_not_read_to_its_end_says_nothing(
    broken: str, compare: Callable[[StubInstance], str]
) -> None:
    """What is missing may be on another page; there is a bound to how many are asked for."""
    stub = StubInstance()
    stub.endless = "sys_dictionary" if broken == "endless" else ""
    stub.hidden = {"sys_dictionary"} if broken == "hidden" else set()
    assert compare(stub).endswith("; 0 names differ, 0 differences are of another kind")
    assert stub.lists["sys_dictionary"] <= 20


REFUSED = {"error": {"message": "Operation Failed", "detail": "aborted by Business Rule 'Accept'"}, "status": "failure"}
OTHERWISE = {
    "the activity type's instance": {"columns": {"activity_type": {"instance_id": "integration_id"}}},
    "the request's instance": {"columns": {"request": {"instance_id": "registration"}}},
    "a table": {"tables": {"response": "x_thyti_thycotic_p_answers"}},
    "a table and a column": {
        "tables": {"activity_type": "x_thyti_thycotic_p_kinds"},
        "columns": {"request": {"activity_type_id": "kind_of_activity"}},
    },
}


@pytest.mark.parametrize("theirs", OTHERWISE.values(), ids=OTHERWISE)
def test_a_real_instance_that_refuses_shows_its_names(
    theirs: dict[str, Any], tmp_path: Path, real_instance: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every message is refused for a name; the recording has the dictionary, so that drift prints what mends it."""
    scenario, out = tmp_path / "one.yaml", tmp_path / "real.har"
    steps = "[{console.ask: }, {servicenow.approve: {comment: Fine}}, {console.expect-approval: Approved}]"
    scenario.write_text(f"title: An approval\nsteps: {steps}\n", encoding="utf-8")
    url = real_instance(yaml.safe_dump(theirs))
    main(["record", str(scenario), "--servicenow-url", url, "--out", str(out)])
    capsys.readouterr()
    assert main(["drift", str(out)]) == 1
    assert yaml.safe_load(capsys.readouterr().out) == theirs


def sent_again(code: int, answer: object) -> Entry:
    """Return an approval request that keeps its contract."""
    return entry("POST", f"{SERVICENOW}request", json.loads(request(201)["request"]["postData"]["text"]), code, answer)


def declared(code: int, answer: object, **changed: Any) -> Entry:
    """Return an activity type that was declared."""
    sent = {
        "name": "PM Approval Request",
        "valid_responses": "Approve,Deny",
        "max_timeout": "16:30:00",
        "include_comment": "true",
        "include_duration": "true",
        "instance_id": INSTANCE,
    }
    return entry("POST", f"{SERVICENOW}activity_type", sent | changed, code, answer)


def registered() -> Entry:
    """Return a registration, which gives the Instance Id."""
    pairs = {
        "Authentication Type": "Get Token",
        "Username": REQUEST,
        "Password": "secret",
        "Minimum wait time": "00:00:50",
        "Token Url": f"{CONSOLE}/Tms/services/api/logon/token",
        "Endpoint Url": APPROVE,
        "Maximum retry attempts": "3",
    }
    sent = {"instance_metadata": json.dumps(pairs)}
    return entry("POST", f"{SERVICENOW}integration_configuration", sent, 201, {"result": {"sys_id": INSTANCE}})


def decided(code: int, answer: object, **sent: str) -> Entry:
    """Return the decision that a person, or the console, has sent."""
    return entry("PATCH", f"{SERVICENOW}request/{INSTANCE}", sent or {"status": "Approve"}, code, answer)


def changed(table: str, sent: dict[str, str]) -> Entry:
    """Return a record's change that was refused."""
    return entry("PATCH", f"{SERVICENOW}{table}/{INSTANCE}", sent, 403, REFUSED)


def made(table: str, sent: dict[str, str], sys_id: str) -> Entry:
    """Return a record of the platform that was created."""
    return entry("POST", f"https://dev.example/api/now/table/{table}", sent, 201, {"result": {"sys_id": sys_id}})


def role_found(name: str = "x_thyti_thycotic_p.approver") -> Entry:
    """Return how the approver's role was found."""
    url = f"https://dev.example/api/now/table/sys_user_role?sysparm_query=name%3D{name}"
    return entry("GET", url, "", 200, {"result": [{"sys_id": OTHER, "name": name}]})


DENIED = {"error": {"message": "Operation Failed", "detail": "ACL Exception Update Failed"}, "status": "failure"}
APPROVER = [
    role_found(),
    made("sys_user", {"user_name": "boss"}, "u"),
    made("sys_user_has_role", {"user": "u", "role": OTHER}, "r"),
]
NAMED = "Likeliest called otherwise: "
DECISIONS = {
    "a word or the status": (
        [request(201), decided(403, REFUSED)],
        (
            f"decide keeps its contract and was refused with 403. {NAMED}words.response.approve [S], "
            "words: {response: {approve: NAME}}; columns.request.status [P], columns: {request: {status: NAME}}."
        ),
    ),
    "an inferred column": (
        [request(201), decided(400, REFUSED, status="Deny", comment="No")],
        (
            f"decide keeps its contract and was refused with 400. {NAMED}columns.request.comment [I], "
            "columns: {request: {comment: NAME}}."
        ),
    ),
    "a request that was not seen to be made": ([decided(404, REFUSED)], "decide keeps its contract"),
    "the approver's role": (
        [*APPROVER, request(201), decided(403, DENIED)],
        f"decide keeps its contract and was refused with 403. {NAMED}roles.approver [I], roles: {{approver: NAME}}.",
    ),
    "a changed registration": (
        [registered(), changed("integration_configuration", json.loads(registered()["request"]["postData"]["text"]))],
        (
            f"update_registration keeps its contract and was refused with 403. {NAMED}"
            "columns.integration_configuration.instance_metadata [P]"
        ),
    ),
    "a changed activity type": (
        [registered(), declared(201, {"result": {"sys_id": INSTANCE}}), changed("activity_type", {"description": "D"})],
        f"update_activity_type keeps its contract and was refused with 403. {NAMED}columns.activity_type.description",
    ),
}


@pytest.mark.parametrize(("entries", "told"), DECISIONS.values(), ids=DECISIONS)
def test_a_refused_decision_is_drift(entries: list[Entry], told: str, drift: Any) -> None:
    """So is any other change of a record that the instance has given; the likeliest names are proposed."""
    code, _, comments = drift(*entries)
    assert code == 1
    assert any(told in each for each in comments), comments


ON_PURPOSE = {
    "decided before": [
        request(201),
        decided(200, {"result": {"sys_id": INSTANCE, "status": "Approve"}}),
        decided(403, REFUSED),
    ],
    "one of two at the same moment": [
        request(201),
        decided(403, REFUSED),
        decided(200, {"result": {"sys_id": INSTANCE}}),
    ],
    "timed out": [request(201), read("TimedOut"), decided(403, REFUSED)],
    "deleted": [
        request(201),
        entry("DELETE", f"{SERVICENOW}request/{INSTANCE}", "", 204, ""),
        decided(404, REFUSED),
    ],
    "another word": [request(201), decided(403, REFUSED, status="Maybe")],
    "nobody is known to be an approver": [request(201), decided(403, DENIED)],
    "a user without the role": [
        role_found(),
        made("sys_user", {"user_name": "x"}, "u"),
        request(201),
        decided(403, DENIED),
    ],
    "a user with another role": [role_found("itil"), *APPROVER[1:], request(201), decided(403, DENIED)],
}


@pytest.mark.parametrize("entries", ON_PURPOSE.values(), ids=ON_PURPOSE)
def test_a_decision_that_was_to_be_refused_is_no_drift(entries: list[Entry], drift: Any) -> None:
    """Of a request that is decided, timed out or deleted, or by who may not."""
    assert NAMED not in " ".join(drift(*entries)[2])


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        (
            [registered(), declared(403, REFUSED)],
            "register_activity_type keeps its contract and was refused with 403.",
        ),
        (
            [sent_again(403, REFUSED)],
            "request_approval keeps its contract and was refused with 403.",
        ),
        (
            [delivery(400)],
            "deliver_decision keeps its contract and was refused with 400.",
        ),
    ],
)
def test_a_refusal_of_what_should_pass_is_drift(entries: list[Entry], told: str, drift: Any) -> None:
    """Without a dictionary the likeliest names are proposed, each with the line that gives it another."""
    code, override, comments = drift(*entries)
    assert (code, override) == (1, None)
    assert comments[1].startswith(f"{told} Likeliest called otherwise: ")
    assert "{instance_id: NAME}" in comments[1] or "{InstanceId: NAME}" in comments[1]


@pytest.mark.parametrize(
    "entries",
    [
        [registered(), declared(403, REFUSED, instance_id="f" * 32)],
        [declared(403, {"error": {"message": "User Not Authorized", "detail": "x"}, "status": "failure"})],
        [
            request(201),
            sent_again(403, REFUSED),
        ],
    ],
    ids=["an id that was not given", "access control", "a request that was received"],
)
def test_a_refusal_on_purpose_is_no_drift(entries: list[Entry], drift: Any) -> None:
    """What was refused for another reason says nothing of names."""
    assert "Likeliest called otherwise" not in " ".join(drift(*entries)[2])


def test_a_dictionary_without_a_likely_name(drift: Any) -> None:
    """A name that the dictionary lacks is told with the names that might be meant, and with the override."""
    rows = [
        {"name": "x_thyti_thycotic_p_integration_configuration", "element": "instance_metadata"},
        *(
            {"name": "x_thyti_thycotic_p_response", "element": each}
            for each in ("request_id", "response", "sys_id", "")
        ),
        *({"name": "x_thyti_thycotic_p_response", "element": each} for each in ("response_status_code", "comment")),
        *({"name": "x_thyti_thycotic_p_response", "element": each} for each in ("duration", "turns", "colour")),
        {"name": "x_thyti_thycotic_p_zzz", "element": "zzz"},
        {"name": 1, "element": "odd"},
        "odd",
    ]
    url = "https://dev.example/api/now/table/sys_dictionary?sysparm_query=nameSTARTSWITHx"
    code, _, comments = drift(entry("GET", url, "", 200, {"result": rows}), delivery(200))
    assert code == 1
    told = " ".join(comments)
    assert (
        "columns.response.retry_attempts [P]: the dictionary has no retry_attempts. Perhaps it is colour or turns:"
        in told
    )
    assert (
        "tables.request [P]: the dictionary has no x_thyti_thycotic_p_request. Perhaps it is x_thyti_thycotic_p_zzz:"
        in told
    )
    assert "tables: {request: x_thyti_thycotic_p_zzz}" in told
