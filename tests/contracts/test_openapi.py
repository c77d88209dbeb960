"""The OpenAPI 3.1 documents of both parties."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from jsonschema import Draft202012Validator

from privman_contracts import Contracts, openapi

Document = dict[str, Any]
URL = "http://127.0.0.1:8080"


@pytest.fixture(scope="module", params=["servicenow", "console"])
def document(request: pytest.FixtureRequest, contracts: Contracts) -> Document:
    """The document of each side in turn."""
    build: Callable[[Contracts, str], Document] = getattr(openapi, request.param)
    return build(contracts, URL)


def _operations(document: Document) -> Iterator[Document]:
    return (operation for item in document["paths"].values() for operation in item.values())


@pytest.mark.long
def test_it_is_an_openapi_document(document: Document) -> None:
    """Checked against the meta-schema of OpenAPI 3.1 by a tool that is not ours."""
    schemathesis.openapi.from_dict(document).validate()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": URL}]


def test_it_has_every_exchange_of_its_side(contracts: Contracts, document: Document) -> None:
    """And no other."""
    side = "console" if "/Tms/services/api/logon/token" in document["paths"] else "servicenow"
    expected = {exchange.operation_id for exchange in contracts.exchanges if exchange.server == side}
    assert {operation["operationId"] for operation in _operations(document)} == expected


def test_every_reference_is_met(document: Document) -> None:
    """Each message that an operation names is among the components, and none that no operation names."""
    bodies = [operation.get("requestBody", {}) for operation in _operations(document)]
    bodies += [response for operation in _operations(document) for response in operation["responses"].values()]
    named = {media["schema"]["$ref"] for body in bodies for media in body.get("content", {}).values()}
    assert named == {f"#/components/schemas/{message}" for message in document["components"]["schemas"]}


def test_components_are_plain_schemas_whose_examples_hold(document: Document) -> None:
    """Any validator of JSON Schema 2020-12 can use them; none of our own keywords but the evidence is left."""
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
        for example in schema["examples"]:
            Draft202012Validator(schema).validate(example)
        assert "x-names" not in str(schema)
        assert "x-secret" not in str(schema)


def test_every_operation_tells_its_evidence(document: Document) -> None:
    """And each of its answers."""
    for operation in _operations(document):
        marked = [operation, *operation["responses"].values()]
        assert all(part["x-evidence"] in "SDPCOI" for part in marked)


def test_the_table_api_documents_its_parameters(contracts: Contracts) -> None:
    """Each method has its own; those of a list are not those of a record."""
    paths = openapi.servicenow(contracts, URL)["paths"]
    table = "/api/now/table/x_thyti_thycotic_p_request"

    def names(operation: Document) -> set[str]:
        return {parameter["name"] for parameter in operation["parameters"]}

    assert names(paths[table]["get"]) >= {"sysparm_query", "sysparm_limit", "sysparm_offset", "sysparm_fields"}
    assert names(paths[f"{table}/{{sys_id}}"]["get"]) == {
        "sys_id",
        "sysparm_display_value",
        "sysparm_exclude_reference_link",
        "sysparm_fields",
        "sysparm_view",
    }
    assert "sysparm_input_display_value" in names(paths[table]["post"])
    assert names(paths[f"{table}/{{sys_id}}"]["delete"]) == {"sys_id", "sysparm_query_no_domain"}


def test_the_table_api_documents_its_headers(contracts: Contracts) -> None:
    """By status and by message."""
    path = openapi.servicenow(contracts, URL)["paths"]["/api/now/table/x_thyti_thycotic_p_request"]
    assert path["post"]["responses"]["201"]["headers"].keys() == {"Location"}
    assert path["get"]["responses"]["200"]["headers"].keys() == {"X-Total-Count", "Link"}
    assert path["get"]["responses"]["429"]["headers"].keys() == {"Retry-After"}


def test_credentials_are_documented(contracts: Contracts) -> None:
    """Basic or bearer on the instance; bearer on the console, but for what is open."""
    instance, console = openapi.servicenow(contracts, URL), openapi.console(contracts, URL)
    assert instance["security"] == [{"basic": []}, {"bearer": []}]
    assert console["security"] == [{"bearer": []}]
    open_paths = {
        path for path, item in console["paths"].items() if item.get("get", item.get("post")).get("security") == []
    }
    assert open_paths == {
        "/Tms/services/api/logon/token",
        "/Tms/services/api/v1/version/Current",
        "/Tms/services/swagger/docs/v1",
    }
    assert "security" not in console["paths"]["/Tms/services/api/logon/token"]["delete"]


def test_documents_follow_a_users_names(names_file: Callable[[str], Path]) -> None:
    """Paths, properties and examples."""
    file = names_file("tables: {request: x_acme_request}\ncolumns: {request: {request_id: u_request}}\n")
    document = openapi.servicenow(Contracts.load(file), URL)
    schema = document["components"]["schemas"]["approval-request"]
    assert "/api/now/table/x_acme_request/{sys_id}" in document["paths"]
    assert "u_request" in schema["required"]
    assert all("u_request" in example for example in schema["examples"])
