"""Overrides that explain why an exchange differs from its contract."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import yaml
from msgspec.structs import replace

from privman_contracts import Body, Contracts, Observed
from privman_contracts.overrides import find_overrides, together

JSON = "application/json"
GUID = "85d71683-7dac-4762-8120-76a9a564fdc1"
REQUEST: dict[str, object] = {
    "request_id": GUID,
    "instance_id": "a" * 32,
    "activity_type_id": "b" * 32,
    "metadata": f'{{"PolicyId":"{{{GUID}}}"}}',
}
DECISION = {"RequestId": GUID, "Response": "Approve", "InstanceId": "a" * 32, "RespondedBy": "x"}
REFUSED = {"Result": None, "Status": "error", "Messages": ["No."]}
TABLE = "/api/now/table/x_thyti_thycotic_p_"


def _request(code: int = 0, answer: object = None, table: str = "request", **changes: object) -> Observed:
    return _sent(REQUEST | changes, code, answer, table)


def _sent(values: dict[str, object], code: int = 0, answer: object = None, table: str = "request") -> Observed:
    body = {key: value for key, value in values.items() if value is not None}
    return Observed("servicenow", "POST", f"{TABLE}{table}", _json(body), code, _json(answer))


def _decision(status: int, answer: object, **changes: object) -> Observed:
    body = {key: value for key, value in (DECISION | changes).items() if value is not None}
    return Observed("console", "POST", "/Tms/services/api/v1/approval/approve", _json(body), status, _json(answer))


def _json(value: object) -> Body:
    return Body(orjson.dumps(value), JSON)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (_request(request_id=None, requestid=GUID), {"columns": {"request": {"request_id": "requestid"}}}),
        (_request(instance_id=None, home="c" * 32), {"columns": {"request": {"instance_id": "home"}}}),
        (
            _request(metadata=f'{{"PolicyId":"{{{GUID}}}","PolcyName":"x"}}'),
            {"keys": {"metadata": {"PolicyName": "PolcyName"}}},
        ),
        (_request(status="Requested"), {"words": {"request_status": {"pending": "Requested"}}}),
        (
            _request(202, {"result": {"sys_id": "a" * 32}}),
            {"rules": {"duplicate_request_status": 202}},
        ),
        (_decision(200, REFUSED), {"rules": {"error_answer_status": 200}}),
        (
            _decision(200, REFUSED | {"Status": "ok", "Messages": []}, Response="Approved"),
            {"words": {"response": {"approve": "Approved"}}},
        ),
        (
            _decision(200, REFUSED | {"Status": "ok", "Messages": []}, InstanceId=None),
            {"rules": {"decision_instance_id": "optional"}},
        ),
        (
            Observed(
                "servicenow",
                "POST",
                f"{TABLE}activity_type",
                _json(
                    {
                        "name": "x",
                        "instance_id": "a" * 32,
                        "valid_responses": "Approve,Reject",
                        "max_timeout": "16:30:00",
                    }
                ),
            ),
            {"words": {"response": {"deny": "Reject"}}},
        ),
        (_request(table="requests"), {"tables": {"request": f"{TABLE[15:]}requests"}}),
        (
            Observed("servicenow", "GET", f"{TABLE}activity_details", status=200, answer=_json({"result": []})),
            {"tables": {"activity_type": f"{TABLE[15:]}activity_details"}},
        ),
    ],
)
def test_an_override_explains_a_difference(
    contracts: Contracts, names_file: Callable[[str], Path], seen: Observed, expected: object
) -> None:
    """Its lines are a file for ``--inferred``, with which the difference is gone."""
    override = find_overrides(contracts, seen)[0]
    assert yaml.safe_load(override.text) == expected
    theirs = Contracts.load(names_file(override.text))
    assert theirs.match(seen.server, seen.method, seen.target)
    assert override.explains.isdisjoint((each.schema, each.where) for each in theirs.check(seen))


def test_several_rules_may_give_a_status(contracts: Contracts) -> None:
    """Each is offered with its meaning; successes have no body of a refusal, so they are not."""
    found = find_overrides(contracts, _decision(418, REFUSED))
    assert [each.name.word for each in found] == [
        "same_decision_status",
        "bad_request_status",
        "dead_token_status",
        "api_disabled_status",
        "not_allowed_status",
    ]
    assert found[1].meaning == "the body breaks the contract"
    assert together(contracts, found) == "rules: {same_decision_status: 418}\n"
    found = find_overrides(contracts, _decision(202, REFUSED | {"Status": "ok", "Messages": []}))
    assert [(each.name.word, each.before) for each in found] == [("same_decision_status", 200)]


def test_overrides_are_one_file_together(contracts: Contracts) -> None:
    """With the first of each difference; two that cannot be in one file are not together."""
    seen = _request(request_id=None, requestid=GUID, status="Requested")
    text = together(contracts, find_overrides(contracts, seen))
    assert yaml.safe_load(text) == {
        "columns": {"request": {"request_id": "requestid"}},
        "words": {"request_status": {"pending": "Requested"}},
    }
    both = _request(request_id=None, instance_id=None, one=GUID)
    assert together(contracts, [*find_overrides(contracts, both)]) == "columns:\n  request: {request_id: one}\n"
    (first,) = find_overrides(contracts, _request(request_id=None, other=GUID))
    (other,) = find_overrides(contracts, _request(instance_id=None, other="a" * 32))
    assert together(contracts, [first, replace(other, explains=frozenset())]) == ""


@pytest.mark.parametrize(
    "seen",
    [
        _request(),
        _request(request_id="none"),
        _request(request_id=None),
        _request(request_id="none", metadata=f'{{"PolicyId":"{{{GUID}}}","PolicyKind":"x"}}'),
        _request(valid="x"),
        _sent(REQUEST | {"request_id": None, "re\nid": GUID}),
        _request(request_id=None, requestid="not a GUID"),
        _sent(REQUEST | {f"key{number}": "x" * 50_000 for number in range(3)}),
        Observed("servicenow", "POST", f"{TABLE}request", Body(b"{", JSON)),
        Observed("servicenow", "POST", f"{TABLE}request", Body(b"<a/>", "text/xml")),
        Observed("servicenow", "GET", "/api/now/table/incident"),
        Observed("servicenow", "GET", f"{TABLE}licence"),
        Observed("servicenow", "DELETE", f"{TABLE}requests"),
        Observed("console", "POST", f"{TABLE}requests"),
    ],
)
def test_nothing_is_offered_that_explains_nothing(contracts: Contracts, seen: Observed) -> None:
    """What fits needs no override, and neither a wrong value nor a body that cannot be read has one."""
    assert find_overrides(contracts, seen) == []


@pytest.mark.parametrize(
    ("server", "method", "path", "near"),
    [
        ("servicenow", "DELETE", f"{TABLE}request", ["POST request", "GET request"]),
        ("servicenow", "POST", f"{TABLE}requests", ["POST request", "POST response"]),
        ("servicenow", "GET", "/api/now/table/incident", []),
        ("servicenow", "GET", "/" + "x" * 300, []),
        ("console", "GET", "/tms/services/api/v1/approval/approve", ["POST approve"]),
        ("console", "POST", "/Tms/services/api/v1/approvals/approve", ["POST approve"]),
    ],
)
def test_contracts_that_are_near(contracts: Contracts, server: str, method: str, path: str, near: list[str]) -> None:
    """Those of the path with other methods, or else those of the method with a path like it."""
    found = contracts.near("console" if server == "console" else "servicenow", method, path)
    assert [f"{each.method} {each.path.rpartition('/')[2].removeprefix(TABLE[15:])}" for each in found] == near
