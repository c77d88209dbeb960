"""An exchange of a journal beside its contract, as the cockpit shows it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import orjson
import pytest

from privman_contracts import Contracts, WireNames
from privman_contracts.contract_checks import ContractChecks
from privman_contracts.schemas import walk
from privman_core.cockpit.contract_comparison import ComparedPart, ContractComparison
from privman_core.exchange import Exchange
from privman_core.masking import Secrets

GUID = "85d71683-7dac-4762-8120-76a9a564fdc1"
SECRET = "k3yOfTheApiClientUser"
REQUESTS = "/api/now/table/x_thyti_thycotic_p_request"
REGISTRATION = f"/api/now/table/x_thyti_thycotic_p_integration_configuration/{'a' * 32}"
JSON = {"content-type": "application/json"}


def _compared(
    checks: ContractChecks, line: str, body: object, answer: tuple[int, object] = (0, None), /
) -> ContractComparison:
    """Compare an exchange as a journal keeps it; bodies that are text are no JSON."""
    method, url = line.split()
    (status, answered), kind = answer, "text/plain" if isinstance(body, str) else "application/json"
    asked, answered = (b"" if each is None else orjson.dumps(each) for each in (body, answered))
    at, headers = datetime(2026, 1, 5, 9, tzinfo=UTC), {"Content-Type": kind}
    exchange = Exchange(1, at, "in", method, url, headers, asked, len(asked), status, JSON, answered, len(answered))
    secrets = Secrets()
    secrets.add(SECRET)
    bodies = {"request": asked, "response": answered}
    printed = {name: {"body": secrets.mask(each.decode())} for name, each in bodies.items()}
    return checks.compare(exchange, printed, secrets.mask)


def _part(compared: ContractComparison, where: str) -> ComparedPart:
    return next(part for message in compared.messages for part in message.parts if part.where == where)


@pytest.fixture(scope="module")
def checks() -> ContractChecks:
    """Return the contracts of an instance."""
    return ContractChecks(WireNames.load(), "servicenow")


def test_content_type_that_differs_is_beside_the_bodies(checks: ContractChecks) -> None:
    """The body is not compared; the finding's place leads to this row."""
    compared = _compared(checks, f"POST {REQUESTS}", "no JSON")
    (part,) = compared.differing
    assert (part.where, part.expected, part.actual) == ("Content-Type of the request", "application/json", "text/plain")
    assert (part.words, part.rule, [each.title for each in compared.messages]) == (
        "differs",
        "approval-request",
        ["Method, path and status"],
    )
    assert compared.row("Content-Type", part.problems[0]) == part.id
    assert (compared.row("$.a", ""), compared.row(part.where, "cut…")) == ("", part.id)


def test_answer_without_a_body_is_expected_so(checks: ContractChecks) -> None:
    """A body where there must be none differs."""
    kept = _part(_compared(checks, f"DELETE {REGISTRATION}", None, (204, None)), "body of the answer")
    broken = _part(_compared(checks, f"DELETE {REGISTRATION}", None, (204, {})), "body of the answer")
    assert [(part.state, part.expected, part.actual) for part in (kept, broken)] == [
        ("fits", "no body", "no body"),
        ("differs", "no body", "2 bytes"),
    ]


def test_exchange_in_progress_has_no_answer(checks: ContractChecks) -> None:
    """Only its request is compared."""
    compared = _compared(checks, f"POST {REQUESTS}", {})
    assert [message.title for message in compared.messages] == ["Method, path and status", "Request"]
    assert compared.answered == ""


def test_unknown_status_names_those_that_are_known(checks: ContractChecks) -> None:
    """The rule that may give it is offered, with its meaning; any body may come with it."""
    body = {"request_id": GUID, "instance_id": "a" * 32, "activity_type_id": "b" * 32}
    compared = _compared(checks, f"POST {REQUESTS}", body, (202, {"result": {"sys_id": "a" * 32}}))
    part = _part(compared, "status")
    assert (part.expected, part.actual) == ("201, 400, 401, 403, 406, 415, 429, 5xx", "202")
    assert [(each.text, each.meaning) for each in part.overrides] == [
        ("rules: {duplicate_request_status: 202}\n", "received before")
    ]


def test_override_that_would_show_a_secret_is_not_offered(checks: ContractChecks) -> None:
    """Neither are names and values that are secret shown; two overrides are one file unless a secret is in it."""
    body = {"request_id": GUID, "instance_id": "a" * 32, SECRET: "b" * 32, "metadata": SECRET, "status": "Requested"}
    compared = _compared(checks, f"POST {REQUESTS}", body)
    assert SECRET not in str(compared)
    assert [part.where for part in compared.differing if part.overrides] == ["$.status"]
    assert compared.together == ""
    whole = _compared(checks, f"POST {REQUESTS}", {"requestid": GUID, "status": "Requested"})
    assert whole.together.startswith("columns:\n  request: {request_id: requestid}\nwords:")


def test_observed_name_has_its_observation(names_file: Callable[[str], Path]) -> None:
    """In place of a page."""
    observed = "observed: {date: 2026-11-29, release: zurich, how: label 'Status'}"
    file = names_file(f"columns: {{request: {{status: {{name: state, {observed}}}}}}}")
    checks = ContractChecks(WireNames.load(file), "servicenow")
    part = _part(_compared(checks, f"POST {REQUESTS}", {"state": "Pending"}), "$.state")
    assert (part.evidence, part.meaning) == ("O", "observed on a real instance")
    assert [each.name for each in part.sources] == ["observed on 2026-11-29, release zurich: label 'Status'"]


def test_table_of_another_name_is_offered(checks: ContractChecks) -> None:
    """An exchange without a contract that would keep one has the override, and the contracts that are near."""
    compared = _compared(checks, f"GET {REQUESTS}s", None, (200, {"result": []}))
    assert [each.text for each in compared.overrides] == ["tables: {request: x_thyti_thycotic_p_requests}\n"]
    assert [each.line for each in compared.near] == [f"GET {REQUESTS}", f"GET {REQUESTS.replace('quest', 'sponse')}"]
    assert (compared.messages, compared.happened) == ([], "")


def test_further_columns_of_a_record_are_allowed(checks: ContractChecks) -> None:
    """Keys that the contract does not describe are marked, and break nothing where it allows them."""
    metadata = orjson.dumps({"PolicyId": f"{{{GUID}}}", "Ticket": "INC1"}).decode()
    compared = _compared(checks, f"POST {REQUESTS}", {"metadata": metadata}, (201, {"result": {"sys_id": "a" * 32}}))
    part = _part(compared, "$.metadata.Ticket")
    assert (part.state, part.words, part.expected) == ("further", "not in the contract, allowed", "")
    answer = compared.messages[2]
    assert (answer.message, answer.differing, [each.where for each in answer.fitting]) == (
        "approval-answer",
        [],
        ["$.result", "$.result.sys_id"],
    )


def test_what_is_shown_is_bounded_before_it_is_built(checks: ContractChecks) -> None:
    """Long keys with long lists, and deep ones: paths and messages are short, and few places are walked."""
    values = {
        "k" * 5_000: [0] * 500,
        "deep": orjson.loads("[" * 200 + "]" * 200),
        "request_id": {"n" * 5_000: [0] * 500},
    }
    for where, parts in ((f"POST {REQUESTS}", 2), (f"POST {'/x' * 5_000}", 0), ("PATCH " + REGISTRATION, 2)):
        compared = _compared(checks, where, values, (401, {"error": values}))
        assert len([each for each in compared.messages if each.message]) <= parts
        assert (
            sum(len(each) for part in compared.differing for each in (part.where, part.actual, *part.problems)) < 9_000
        )
        assert len(msgspec.json.encode(compared)) < 100_000
    schema = Contracts.load().schemas["approval-request"]
    assert sum(len(place.where) for place in walk(values, schema)) < 1_000
