"""Exchanges held to their contracts, and what is said of those that break them."""

import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from privman_contracts import Body, Contracts, Observed, Violation

REQUEST = "/api/now/table/x_thyti_thycotic_p_request"
SYS_ID = "04ce72c9c0a8016600b5b7f75ac67b5b"
SECRET = "hunter2-hunter2"
ASKED = {
    "request_id": "85d71683-7dac-4762-8120-76a9a564fdc1",
    "instance_id": "0123456789abcdef0123456789abcdef",
    "activity_type_id": "fedcba9876543210fedcba9876543210",
    "metadata": '{"PolicyId":"{140f3a5e-6c2b-4d8e-9f10-3b5c7d9e1f20}"}',
}


def _json(document: object) -> Body:
    return Body(orjson.dumps(document), "application/json;charset=UTF-8")


def _asked(answer: Body, status: int = 201, query: str = "") -> Observed:
    return Observed("servicenow", "POST", f"{REQUEST}{query}", _json(ASKED), status, answer)


def _only(violations: tuple[Violation, ...]) -> Violation:
    (violation,) = violations
    return violation


def test_an_exchange_that_holds_has_no_violation(contracts: Contracts) -> None:
    """Request and answer as printed."""
    assert contracts.check(_asked(_json({"result": {"sys_id": SYS_ID}}))) == ()


def test_an_absolute_address_is_as_good_as_a_path(contracts: Contracts) -> None:
    """The caller's side knows the whole address."""
    seen = Observed("servicenow", "POST", f"https://example.service-now.com{REQUEST}", _json({}), 0)
    assert len(contracts.check(seen)) == 4


def test_an_exchange_without_contract_has_no_violation(contracts: Contracts) -> None:
    """Other tables are not part of this integration."""
    seen = Observed("servicenow", "POST", "/api/now/table/incident", Body(b"<", "text/html"), 700)
    assert contracts.check(seen) == ()


def test_an_answer_without_sys_id_is_a_violation_of_what_the_vendor_says(contracts: Contracts) -> None:
    """The Instance Id is the sys_id of the reply; evidence S."""
    assert _only(contracts.check(_asked(_json({"result": {}})))) == Violation(
        message="result.sys_id is missing. Expected a sys_id, 32 hexadecimal digits.",
        schema="approval-answer",
        where="$.result.sys_id",
        evidence="S",
    )


@pytest.mark.parametrize("query", ["?sysparm_fields=status", "?sysparm_display_value=all", "?sysparm_view=mobile"])
def test_an_answer_that_the_caller_shaped_is_held_to_the_general_form(contracts: Contracts, query: str) -> None:
    """Whoever chose the columns may have left out sys_id."""
    shaped = {"result": {"status": {"display_value": "Pending", "value": "Pending"}}}
    assert contracts.check(_asked(_json(shaped), query=query)) == ()
    assert len(contracts.check(_asked(_json(shaped)))) == 2


def test_a_path_goes_on_inside_of_json_text(contracts: Contracts) -> None:
    """The place in the inner document is named, and how well it is known."""
    body = {**ASKED, "metadata": '{"PolicyId": "{140f3a5e-6c2b-4d8e-9f10-3b5c7d9e1f20}", "UserReason": 7}'}
    violation = _only(contracts.check_body("approval-request", orjson.dumps(body)))
    assert violation.message == "metadata.UserReason has value 7. Expected text."
    assert (violation.where, violation.evidence) == ("$.metadata.UserReason", "I")


def test_json_text_with_half_a_character_is_no_json(contracts: Contracts) -> None:
    """A lone surrogate cannot be sent on."""
    body = {**ASKED, "metadata": '{"PolicyId": "\\ud800"}'}
    assert contracts.check_body("approval-request", orjson.dumps(body))


def test_html_with_200_is_named_as_such(contracts: Contracts) -> None:
    """A hibernating instance."""
    seen = Observed("servicenow", "GET", REQUEST, Body(), 200, Body(b"<html>", "text/html;charset=UTF-8"))
    violation = _only(contracts.check(seen))
    assert violation.message == "Content-Type has value 'text/html;charset=UTF-8'. Expected application/json."
    assert violation.where == "Content-Type"


def test_a_status_that_nobody_expects_is_a_violation(contracts: Contracts) -> None:
    """With those that may come."""
    violation = _only(contracts.check(_asked(Body(), status=302)))
    assert violation.schema == "request_approval"
    assert violation.message == ("status has value 302. Expected one of 201, 400, 401, 403, 406, 415, 429, 5xx.")


def test_no_answer_is_no_violation(contracts: Contracts) -> None:
    """A connection that broke broke no contract."""
    assert contracts.check(_asked(Body(), status=0)) == ()


def test_an_answer_that_may_be_anything_is_not_read(contracts: Contracts) -> None:
    """A 503 may be a page of a load balancer."""
    assert contracts.check(_asked(Body(b"<html>", "text/html"), status=503)) == ()


def test_an_answer_without_body_must_have_none(contracts: Contracts) -> None:
    """204."""
    target = f"{REQUEST}/{SYS_ID}"
    assert contracts.check(Observed("servicenow", "DELETE", target, Body(), 204)) == ()
    violation = _only(contracts.check(Observed("servicenow", "DELETE", target, Body(), 204, _json({}))))
    assert violation.message == "the body has 2 bytes. Expected none."


def test_a_body_that_is_no_json_says_where(contracts: Contracts) -> None:
    """Line and column, without showing any of it."""
    message = _only(contracts.check_body("decision", b"{'a': 1}")).message
    assert re.fullmatch(r"the body is not JSON \(.*: line 1 column 2\)\. Expected JSON\.", message)


def test_a_body_that_is_missing_is_empty(contracts: Contracts) -> None:
    """Not "unexpected end of data"."""
    assert _only(contracts.check_body("decision", b"")).message == "the body is empty. Expected JSON."


def test_a_body_that_is_nested_too_deeply_is_one_violation(contracts: Contracts) -> None:
    """JSON may be nested deeper than any message, and than Python 3.11 follows."""
    message = _only(contracts.check_body("decision", b"[" * 1_000 + b"]" * 1_000)).message
    assert message == "the body is nested too deeply. Expected JSON by the contract decision."


def test_keys_to_the_console_are_case_insensitive(contracts: Contracts) -> None:
    """A client in the field sends them in lower case; twice is too often."""
    assert contracts.check_body("token-request", b'{"username": "u", "PASSWORD": "p"}') == ()
    twice = _only(contracts.check_body("token-request", b'{"username": "u", "PASSWORD": "p", "Password": "q"}'))
    assert twice.message == "Password is given twice. Expected each key once."
    assert contracts.check_body("approval-request", b'{"REQUEST_ID": "u"}')


@pytest.mark.parametrize(
    ("rule", "instance", "messages"),
    [
        ("compared", {}, ["InstanceId is missing. Expected a sys_id, 32 hexadecimal digits."]),
        ("optional", {}, []),
        ("optional", {"InstanceId": "x"}, ['InstanceId has value "x". Expected a sys_id, 32 hexadecimal digits.']),
        ("ignored", {"InstanceId": 7}, []),
    ],
)
def test_a_rule_says_whether_a_decision_names_its_instance(
    tmp_path: Path, rule: str, instance: dict[str, object], messages: list[str]
) -> None:
    """Required and compared, compared where it is given, or ignored."""
    file = tmp_path / "names.yaml"
    file.write_text(f"rules: {{decision_instance_id: {rule}}}", encoding="utf-8")
    body = {"requestId": ASKED["request_id"], "Response": "Deny", "RespondedBy": "ada", **instance}
    violations = Contracts.load(file).check_body("decision", orjson.dumps(body))
    assert [each.message for each in violations] == messages


def test_a_long_value_is_cut(contracts: Contracts) -> None:
    """A message stays a line."""
    violation = _only(contracts.check_body("approval-request", orjson.dumps({**ASKED, "request_id": "x" * 1000})))
    assert "xxx…. Expected a GUID" in violation.message
    assert len(violation.message) < 200


def test_violations_come_in_the_order_of_their_places(contracts: Contracts) -> None:
    """So that the same exchange always reads the same."""
    places = [violation.where for violation in contracts.check_body("decision", b"{}")]
    assert places == ["$.InstanceId", "$.RequestId", "$.RespondedBy", "$.Response"]


LEAKS = {
    "wrong type of a pair": ("registration-request", {"instance_metadata": f'{{"Password": ["{SECRET}"]}}'}),
    "pair of another name": ("registration-request", {"instance_metadata": f'{{"Pass": {{"word": "{SECRET}"}}}}'}),
    "text that is no JSON": ("registration-request", {"instance_metadata": f'{{"Password": "{SECRET}'}),
    "object for text": ("registration-request", {"instance_metadata": {"Password": SECRET}}),
    "all as one text": ("registration-request", f'{{"Password": "{SECRET}"}}'),
    "client id": ("registration-request", {"instance_metadata": f'{{"Username": "{SECRET}"}}'}),
    "log-on with a list": ("token-request", {"UserName": [SECRET], "Password": {"is": SECRET}}),
    "log-on in one text": ("token-request", f"UserName=u&Password={SECRET}"),
    "log-on with another key": ("token-request", {"UserName": "u", "Pass": SECRET}),
    "token in an object": ("token-answer", {"token": SECRET}),
    "answer": ("registration-answer", {"result": {"instance_metadata": SECRET}}),
    "answer as text": ("registration-answer", {"result": SECRET}),
}


@pytest.mark.parametrize(("message", "body"), LEAKS.values(), ids=LEAKS.keys())
def test_no_violation_shows_a_secret(contracts: Contracts, message: str, body: object) -> None:
    """Client Id, Secret and token are nowhere in what is said, whatever is wrong with them."""
    violations = contracts.check_body(message, orjson.dumps(body))
    assert violations
    assert SECRET not in repr(violations)


@pytest.mark.long
def test_loading_and_matching_do_not_pay_for_the_validator() -> None:
    """The validator is imported by the first check, so that a server starts without it."""
    program = (
        "import sys; from privman_contracts import Contracts; c = Contracts.load();"
        "c.match('console', 'GET', '/'); before = 'jsonschema' in sys.modules;"
        "c.check_body('decision', b'{}'); print(before, 'jsonschema' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout == "False True\n"


def test_a_file_of_names_changes_what_is_demanded(tmp_path: Path) -> None:
    """Properties and words both."""
    file = tmp_path / "names.yaml"
    file.write_text("keys: {decision: {Response: Decision}}\nwords: {response: {deny: Refuse}}\n", encoding="utf-8")
    said = [broken.message for broken in Contracts.load(file).check_body("decision", b'{"Response": "Deny"}')]
    assert 'Decision is missing. Expected "Approve" or "Refuse".' in said
    assert "Response is not part of decision. Did you mean 'RespondedBy'?" in said
