"""The console's document in Swagger 2.0, as the rule ``api_document`` has it."""

from collections.abc import Callable
from pathlib import Path

import orjson

from privman_contracts import Contracts, openapi

APPROVE = "/Tms/services/api/v1/approval/approve"


def test_swagger_says_what_openapi_does(names_file: Callable[[str], Path], contracts: Contracts) -> None:
    """The same calls with the same statuses, and every reference leads somewhere."""
    theirs = Contracts.load(names_file("rules: {api_document: swagger-2.0}"))
    document, full = openapi.console(theirs, "https://console.example"), openapi.console(contracts, "http://x")
    assert (document["swagger"], document["host"], document["schemes"]) == ("2.0", "console.example", ["https"])
    assert document["paths"].keys() == full["paths"].keys()
    operation = document["paths"][APPROVE]["post"]
    assert operation["parameters"][0]["schema"] == {"$ref": "#/definitions/decision"}
    assert {"200", "400", "401", "403", "404", "409", "default"} <= operation["responses"].keys()
    definitions = document["definitions"]
    assert definitions["decision"]["properties"]["Response"]["enum"] == ["Approve", "Deny"]
    assert "type" not in definitions["error-envelope"]["properties"]["Result"]
    text = orjson.dumps(document).decode()
    assert {f'"#/definitions/{name}"' for name in definitions} >= {
        part.partition("}")[0] for part in text.split('"$ref":')[1:]
    }


def test_the_document_keeps_its_contract(names_file: Callable[[str], Path]) -> None:
    """Under each rule the document is one that the contract of the address wants."""
    for rule, message in (("openapi-3.1", "api-document"), ("swagger-2.0", "swagger-document")):
        theirs = Contracts.load(names_file(f"rules: {{api_document: {rule}}}"))
        body = orjson.dumps(openapi.console(theirs, "https://console.example"))
        assert theirs.check_body(message, body) == ()
