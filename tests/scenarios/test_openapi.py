"""Schemathesis against both served OpenAPI documents: no 5xx, no undocumented status, no answer against its schema."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from privman_contracts import Contracts, openapi
from privman_scenarios.fixtures import WorldFixture
from tests.generated import examples

pytestmark = pytest.mark.hypothesis
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DOCUMENTED = Contracts.load()
SERVICENOW = openapi.servicenow(DOCUMENTED, "http://servicenow.example")
CONSOLE = openapi.console(DOCUMENTED, "http://console.example")
SWAGGER = openapi.console_at_docs(DOCUMENTED, "http://console.example")
GENERATED = examples(
    20,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def operations(document: dict[str, Any]) -> list[str]:
    """Return the operations of a document by their ids."""
    return [
        operation["operationId"]
        for path in document["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]


def served(url: str) -> BaseSchema:
    """Return the document that is served there, as Schemathesis reads it."""
    return schemathesis.openapi.from_dict(requests.get(url, timeout=10).json())


def drive(schema: BaseSchema, operation_id: str, send: Callable[[Case[Any]], object]) -> None:
    """Send generated requests of one operation, good ones and bad ones."""
    operation = schema.find_operation_by_id(operation_id)  # type: ignore[attr-defined]
    good, bad = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

    @GENERATED
    @given(case=good | bad)
    def test(case: Case[Any]) -> None:
        send(case)

    test()


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("operation_id", operations(SERVICENOW))
def test_servicenow_keeps_its_document(operation_id: str, world: WorldFixture) -> None:
    """Whatever is asked, the answer is one that the document tells of."""
    headers = {"Authorization": world.servicenow.basic_auth}

    def send(case: Case[Any]) -> None:
        case.call_and_validate(base_url=world.servicenow.url, headers=headers, checks=CHECKS)

    drive(served(f"{world.servicenow.url}/__admin/openapi.json"), operation_id, send)
    world.servicenow.tolerate("*")


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("operation_id", operations(CONSOLE))
def test_the_console_keeps_its_openapi_document(operation_id: str, world: WorldFixture, logon: dict[str, str]) -> None:
    """Whatever is asked with a living token, the answer is one that the document tells of."""
    drive(served(f"{world.console.url}/__admin/openapi.json"), operation_id, as_user(world, logon, ""))
    world.console.tolerate("*")


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("operation_id", operations(SWAGGER))
def test_the_console_keeps_its_swagger_document(operation_id: str, world: WorldFixture, logon: dict[str, str]) -> None:
    """The same at the documented address, where the document is Swagger 2.0."""
    document = served(f"{world.console.url}/Tms/services/swagger/docs/v1")
    drive(document, operation_id, as_user(world, logon, "/Tms/services"))
    world.console.tolerate("*")


def as_user(world: WorldFixture, logon: dict[str, str], base: str) -> Callable[[Case[Any]], None]:
    """Return what sends requests to the console below ``base``, each with a new token."""

    def send(case: Case[Any]) -> None:
        token = requests.post(f"{world.console.url}/Tms/services/api/logon/token", json=logon, timeout=10).json()
        headers = {"Authorization": f"Bearer {token}"}
        case.call_and_validate(base_url=f"{world.console.url}{base}", headers=headers, checks=CHECKS)

    return send
