"""Refusals of messages that should pass, and those that a scenario meant."""

import json
from typing import Any

import pytest

from .recorded_entries import (
    INSTANCE,
    OTHER,
    REFUSED,
    SERVICENOW,
    Entry,
    changed,
    declared,
    delivery,
    entry,
    read,
    registered,
    request,
)


def sent_again(code: int, answer: object) -> Entry:
    """Return an approval request that keeps its contract."""
    return entry("POST", f"{SERVICENOW}request", json.loads(request(201)["request"]["postData"]["text"]), code, answer)


def decided(code: int, answer: object, **sent: str) -> Entry:
    """Return the decision that a person, or the console, has sent."""
    return entry("PATCH", f"{SERVICENOW}request/{INSTANCE}", sent or {"status": "Approve"}, code, answer)


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


@pytest.mark.long
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
