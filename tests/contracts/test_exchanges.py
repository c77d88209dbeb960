"""The index of exchanges: matching a request to its contract."""

from collections.abc import Callable
from pathlib import Path

import pytest

from privman_contracts import Contracts, PartyName, WireNames

REQUEST = "/api/now/table/x_thyti_thycotic_p_request"
SYS_ID = "04ce72c9c0a8016600b5b7f75ac67b5b"

MATCHES: list[tuple[PartyName, str, str, str]] = [
    ("servicenow", "POST", "/api/now/table/x_thyti_thycotic_p_integration_configuration", "register"),
    ("servicenow", "POST", "/api/now/table/x_thyti_thycotic_p_activity_type", "register_activity_type"),
    ("servicenow", "POST", REQUEST, "request_approval"),
    ("servicenow", "POST", "/api/now/v2/table/x_thyti_thycotic_p_request", "request_approval"),
    ("servicenow", "PATCH", f"{REQUEST}/{SYS_ID}", "decide"),
    ("servicenow", "PUT", f"{REQUEST}/{SYS_ID}", "decide"),
    ("servicenow", "GET", f"/api/now/v1/table/x_thyti_thycotic_p_response/{SYS_ID}", "read_response"),
    ("servicenow", "GET", REQUEST, "list_requests"),
    ("console", "POST", "/Tms/services/api/logon/token", "log_on"),
    ("console", "POST", "/TMS/Services/API/logon/TOKEN", "log_on"),
    ("console", "POST", "/Tms/services/api/v1/approval/approve/", "deliver_decision"),
    ("console", "POST", "/TMS//services/api/v1/approval//approve//", "deliver_decision"),
    ("console", "DELETE", "/tms/services/api/logon/token", "log_out"),
    ("console", "POST", "/Tms/services/api/v1/approval/approve", "deliver_decision"),
    ("console", "GET", "/Tms/services/api/v1/version/Current", "read_version"),
    ("console", "GET", "/Tms/services/swagger/docs/v1", "read_api_document"),
]

STRANGERS: list[tuple[PartyName, str, str]] = [
    ("servicenow", "GET", "/api/now/table/incident"),
    ("servicenow", "GET", f"{REQUEST}/{SYS_ID}/more"),
    ("servicenow", "GET", "/API/now/table/x_thyti_thycotic_p_request"),
    ("servicenow", "GET", "/api/now/v3/table/x_thyti_thycotic_p_request"),
    ("servicenow", "DELETE", REQUEST),
    ("servicenow", "POST", "/Tms/services/api/logon/token"),
    ("console", "GET", "/Tms/services/api/logon/token"),
]


@pytest.mark.parametrize(("server", "method", "path", "name"), MATCHES)
def test_a_request_finds_its_contract(
    contracts: Contracts, server: PartyName, method: str, path: str, name: str
) -> None:
    """Any version of the Table API; any case on the console, which is IIS."""
    exchange = contracts.match(server, method, path)
    assert exchange is not None
    assert exchange.name == name


@pytest.mark.parametrize(("server", "method", "path"), STRANGERS)
def test_another_request_has_no_contract(contracts: Contracts, server: PartyName, method: str, path: str) -> None:
    """Other tables, other methods, other sides; ServiceNow's paths mind their case."""
    assert contracts.match(server, method, path) is None


def test_paths_follow_a_users_names(names_file: Callable[[str], Path]) -> None:
    """The table's other name matches, the packaged one no more."""
    contracts = Contracts.load(names_file("tables: {request: x_acme_request}"))
    assert contracts.match("servicenow", "POST", "/api/now/table/x_acme_request")
    assert contracts.match("servicenow", "POST", REQUEST) is None


def test_statuses_follow_a_users_rules(names_file: Callable[[str], Path]) -> None:
    """A rule that names a status names it in the index too; the first answer of a status is kept."""
    contracts = Contracts.load(names_file("rules: {other_decision_status: 422, duplicate_request_status: 200}"))
    decision = contracts.match("console", "POST", "/Tms/services/api/v1/approval/approve")
    asked = contracts.match("servicenow", "POST", REQUEST)
    assert decision is not None
    assert asked is not None
    assert decision.answer(409) is None
    assert [decision.answer(status) is not None for status in (200, 422, 404)] == [True, True, True]
    assert [answer.meaning for answer in asked.answers[:2]] == ["received before", "received"]


def test_a_class_of_statuses_answers_for_each_in_it(contracts: Contracts) -> None:
    """Any 5xx may come, with any body."""
    exchange = contracts.match("servicenow", "POST", REQUEST)
    assert exchange is not None
    answer = exchange.answer(503)
    assert answer is not None
    assert (answer.status, answer.schema) == ("5xx", "")


def test_every_operation_has_its_own_id(contracts: Contracts) -> None:
    """OpenAPI demands it."""
    ids = [exchange.operation_id for exchange in contracts.exchanges]
    assert len(set(ids)) == len(ids)


def test_index_and_schemas_name_each_other(contracts: Contracts) -> None:
    """No exchange without its schema; no schema that nothing uses, inside of a column or under another rule."""
    named = {exchange.request for exchange in contracts.exchanges}
    answers = [answer for exchange in contracts.exchanges for answer in exchange.answers]
    named |= {message for answer in answers for message in (answer.schema, answer.shaped)}
    named |= {webhook.message for webhook in contracts.webhooks}
    elsewhere = {"instance-metadata", "request-metadata", "any-envelope"}
    assert named - {""} == contracts.schemas.keys() - elsewhere


# Columns that a message never has; each other column of its table is in it.
NEVER_SENT = {
    "approval-request": {"comment", "duration"},  # which come with a decision
    "decision-update": {"request_id", "instance_id", "activity_type_id", "metadata"},  # which stay as they were sent
}


def test_every_column_is_in_the_messages_of_its_table(contracts: Contracts) -> None:
    """A column of inferred.yaml needs a property in each schema of its table, or is listed as never sent."""
    seen = set[str]()
    for message, schema in contracts.schemas.items():
        record = schema.get("properties", {}).get("result", schema)
        if (group := record.get("x-names", "")).startswith("columns."):
            seen.add(group)
            columns = set(contracts.names.group(group).values())
            assert columns - record["properties"].keys() == NEVER_SENT.get(message, set()), message
    assert seen == {f"columns.{table}" for table in contracts.names.group("tables")}


# What a scenario, a document or the clean-up may ask of a table of the app.
CALLS = ("GET list", "GET", "POST", "PATCH", "PUT", "DELETE")


@pytest.mark.parametrize("table", WireNames.load().group("tables"))
def test_every_table_has_an_exchange_for_each_call(contracts: Contracts, table: str) -> None:
    """A table of inferred.yaml needs exchanges in index.yaml: without them scenarios may not name its paths."""
    path = f"/api/now/table/{contracts.names.table(table)}"
    has = {each.kind for each in contracts.exchanges if each.path in (path, f"{path}/{{sys_id}}")}
    missing = [kind for kind in CALLS if kind not in has]
    assert not missing, f"index.yaml has no exchange of the table {table!r} of inferred.yaml for {', '.join(missing)}"


OTHER_RULES = {
    "a repetition is a conflict": ("same_decision_status: 410", "deliver_decision", 410, "error-envelope"),
    "one status for both": ("same_decision_status: 409", "deliver_decision", 409, "error-envelope"),
    "a success that says error": ("other_decision_status: 200", "deliver_decision", 200, "any-envelope"),
    "refusals with 200": ("error_answer_status: 200", "deliver_decision", 200, "any-envelope"),
    "a list or a refusal with 200": ("error_answer_status: 200", "list_policies", 200, "any-envelope"),
    "a report or a refusal with 200": ("error_answer_status: 200", "run_report", 200, ""),
    "a repeated request is refused": ("duplicate_request_status: 403", "request_approval", 403, "table-api-error"),
    "a repeated request is received": ("duplicate_request_status: 202", "request_approval", 202, "approval-answer"),
    "a log-out with a body": ("log_out_status: 200", "log_out", 200, "envelope"),
    "a failure of another kind": ("failure_statuses: [420]", "read_version", 420, ""),
}


@pytest.mark.parametrize(("rule", "name", "status", "schema"), OTHER_RULES.values(), ids=OTHER_RULES)
def test_answers_follow_a_users_rules(
    names_file: Callable[[str], Path], rule: str, name: str, status: int, schema: str
) -> None:
    """Each status has the body that an answer with it has."""
    contracts = Contracts.load(names_file(f"rules: {{{rule}}}"))
    exchange = next(exchange for exchange in contracts.exchanges if exchange.name == name)
    answer = exchange.answer(status)
    assert answer is not None
    assert (answer.schema, answer.empty) == (schema, False)


def test_refusals_with_200_leave_what_a_user_sets(names_file: Callable[[str], Path]) -> None:
    """A status of the user's file wins; dead tokens and broken bodies are refused before an operation begins."""
    names = Contracts.load(names_file("rules: {error_answer_status: 200, not_allowed_status: 405}")).names
    rules = ("other_decision_status", "unknown_request_status", "unknown_item_status", "not_allowed_status")
    assert [names.number(rule) for rule in rules] == [200, 200, 200, 405]
    assert [names.number(rule) for rule in ("dead_token_status", "bad_request_status")] == [401, 400]


def test_a_log_out_has_no_body_as_packaged(contracts: Contracts) -> None:
    """204 never has one."""
    exchange = next(exchange for exchange in contracts.exchanges if exchange.name == "log_out")
    answer = exchange.answer(204)
    assert answer is not None
    assert answer.empty
