"""The console's document in Swagger 2.0, as the vendor's picture prints it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import schemathesis

from privman_contracts import Contracts, openapi

Document = dict[str, Any]
URL = "https://console.example"
APPROVE = "/api/v1/approval/approve"


@pytest.fixture(scope="module")
def document(contracts: Contracts) -> Document:
    """The document of the packaged rules."""
    return openapi.console_at_docs(contracts, URL)


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method, operation


def test_it_is_a_swagger_document(document: Document) -> None:
    """Checked against the meta-schema of Swagger 2.0 by a tool that is not ours."""
    schemathesis.openapi.from_dict(document).validate()
    assert document["swagger"] == "2.0"


def test_it_has_what_the_picture_prints(document: Document) -> None:
    """Title, version, base URL, schemes, headings in their order, paths below the base, and Authorize."""
    assert (document["info"]["title"], document["info"]["version"]) == ("Privilege Manager API", "v1")
    assert (document["host"], document["basePath"]) == ("console.example", "/Tms/services")
    assert document["schemes"] == ["https"]
    assert document["securityDefinitions"]["bearer"]["name"] == "Authorization"
    headings = [tag["name"] for tag in document["tags"]]
    assert headings == sorted(headings, key=str.lower)
    assert {tag for _, _, operation in _operations(document) for tag in operation["tags"]} == set(headings)
    tags = {(method, path): operation["tags"] for path, method, operation in _operations(document)}
    assert tags["post", "/api/logon/token"] == tags["delete", "/api/logon/token"] == ["API Authentication"]


def test_it_says_what_openapi_does(document: Document, contracts: Contracts) -> None:
    """The same calls of the API with the same statuses; the document itself is none of them."""
    full = openapi.console(contracts, URL)
    own = {path for path in full["paths"] if "/swagger/" in path}
    assert {f"/Tms/services{path}" for path in document["paths"]} == full["paths"].keys() - own
    operation = document["paths"][APPROVE]["post"]
    assert operation["parameters"][0]["schema"] == {"$ref": "#/definitions/decision"}
    assert {"200", "400", "401", "403", "404", "409", "default"} <= operation["responses"].keys()
    definitions = document["definitions"]
    assert definitions["decision"]["properties"]["Response"]["enum"] == ["Approve", "Deny"]
    assert "additionalProperties" not in definitions["decision"]
    assert "type" not in definitions["error-envelope"]["properties"]["Result"]


def test_every_definition_is_referred_to(document: Document) -> None:
    """And every reference leads to one."""
    text = orjson.dumps(document).decode()
    references = {part.partition('"')[0] for part in text.split('"#/definitions/')[1:]}
    assert document["definitions"].keys() == references


def test_a_console_behind_a_path(contracts: Contracts) -> None:
    """The path of its address comes before the base."""
    assert openapi.console_at_docs(contracts, f"{URL}/pm")["basePath"] == "/pm/Tms/services"


@pytest.mark.parametrize(("rule", "version"), [("openapi-3.1", "openapi"), ("swagger-2.0", "swagger")])
def test_the_document_keeps_its_contract(names_file: Callable[[str], Path], rule: str, version: str) -> None:
    """The rule gives the form; the contract takes either, because a real console has one or the other."""
    theirs = Contracts.load(names_file(f"rules: {{api_document: {rule}}}"))
    document = openapi.console_at_docs(theirs, URL)
    assert version in document
    assert theirs.check_body("api-document", orjson.dumps(document)) == ()
