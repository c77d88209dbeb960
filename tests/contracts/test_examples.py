"""Every example of every message, picked up by file."""

import re
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator

from privman_contracts import Contracts
from privman_contracts.openapi import Examples
from privman_contracts.wording import expected

EXAMPLES = Path(str(resources.files("privman_contracts"))) / "examples"
VALID = sorted(EXAMPLES.glob("valid/*/*.json"))
INVALID = sorted(EXAMPLES.glob("invalid/*/*.json"))
DOUBTFUL = sorted(EXAMPLES.glob("doubtful/*/*.json"))
SYS_ID = re.compile(r"[0-9a-f]{32}")
GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
WORDED = {"type", "enum", "const", "minLength", "contentSchema", "required", "additionalProperties", "properties"}
SILENT = {"title", "description", "$schema", "contentMediaType", "items", "if", "then"}


def _id(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


@pytest.mark.parametrize("file", VALID, ids=_id)
def test_a_valid_example_breaks_nothing(contracts: Contracts, file: Path) -> None:
    """The message is the folder."""
    assert contracts.check_body(file.parent.name, file.read_bytes()) == ()


@pytest.mark.parametrize("file", INVALID, ids=_id)
def test_an_invalid_example_breaks_its_contract(contracts: Contracts, file: Path) -> None:
    """For the reason in its name, told in a sentence that says what was expected or what is too much."""
    violations = [each for each in contracts.check_body(file.parent.name, file.read_bytes()) if not each.doubtful]
    assert violations
    assert all("Expected" in broken.message or "is not part of" in broken.message for broken in violations)
    assert all(broken.schema == file.parent.name and broken.where.startswith("$") for broken in violations)


@pytest.mark.parametrize("file", DOUBTFUL, ids=_id)
def test_a_doubtful_example_is_hardly_meant(contracts: Contracts, file: Path) -> None:
    """Nobody documents that it is refused, so that nothing is broken; what would be better is said."""
    doubts = contracts.check_body(file.parent.name, file.read_bytes())
    assert doubts
    assert all(doubt.doubtful for doubt in doubts)
    assert all("Expected " in doubt.message or "is not part of" in doubt.message for doubt in doubts)
    assert {doubt.evidence for doubt in doubts} == {"D" if "InitiatorUserName" in doubts[0].where else "I"}


def values(node: object) -> Iterator[tuple[str, object]]:
    """Yield each key with its value, however deep."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            yield from values(value)
    elif isinstance(node, list):
        for item in node:
            yield from values(item)


@pytest.mark.parametrize("file", VALID, ids=_id)
def test_inferred_names_say_what_a_column_holds(contracts: Contracts, file: Path) -> None:
    """A column whose valid examples are identifiers has ``holds``: ``guid``, or the table of the sys_ids."""
    columns = {name.word: name.holds for name in contracts.names if name.path.startswith("columns.")}
    tables = contracts.names.group("tables")
    for column, value in values(orjson.loads(file.read_bytes())):
        if column in columns and isinstance(value, str):
            assert not SYS_ID.fullmatch(value) or columns[column] in tables, f"{column} holds a sys_id"
            assert not GUID.fullmatch(value) or columns[column] == "guid", f"{column} holds a GUID"


def test_a_password_in_an_address_is_never_shown(contracts: Contracts) -> None:
    """The violation names the address without it."""
    file = EXAMPLES / "invalid" / "instance-metadata" / "address-with-a-password.json"
    (violation,) = contracts.check_body("instance-metadata", file.read_bytes())
    assert violation.message == (
        'Token Url has value "https://***@console.example/Tms/services/api/logon/token". '
        "Expected an http or https address without user name and password."
    )


def test_every_message_has_examples_of_both_kinds(contracts: Contracts) -> None:
    """At least three valid and five invalid ones."""
    valid, invalid = (Counter(file.parent.name for file in files) for files in (VALID, INVALID))
    messages = contracts.schemas.keys()
    assert valid.keys() == invalid.keys() == contracts.schemas.keys()
    assert [message for message in messages if valid[message] < 3 or invalid[message] < 5] == []


@pytest.mark.parametrize("message", Contracts.load().schemas)
def test_every_schema_is_one_of_its_draft(contracts: Contracts, message: str) -> None:
    """JSON Schema 2020-12, as it says itself."""
    schema = contracts.schemas[message]
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("message", Contracts.load().schemas)
def test_every_keyword_has_words(contracts: Contracts, message: str) -> None:
    """A schema says in words what it expects wherever its keywords do not."""

    def visit(node: object, *, schema: bool = True) -> None:
        if isinstance(node, dict):
            keywords = {key for key in node if not key.startswith("x-")} if schema else set()
            assert keywords <= WORDED | SILENT or "x-expected" in node, node
            for key, value in node.items():
                if key == "x-doubt":
                    continue
                visit(value, schema=not (schema and key == "properties"))

    visit(contracts.schemas[message])
    assert expected(contracts.schemas[message])


def test_examples_follow_a_users_names(tmp_path: Path) -> None:
    """With other names the respelled examples are valid, in JSON text and in words too."""
    file = tmp_path / "names.yaml"
    file.write_text(
        "columns: {request: {request_id: u_request, metadata: u_metadata}, response: {response: answer}}\n"
        "keys: {metadata: {PolicyId: policy}, decision: {Response: Decision}, envelope: {Messages: Errors}}\n"
        "words: {response: {approve: Yes please}, request_status: {pending: Open}}\n",
    )
    renamed = Contracts.load(file)
    examples = Examples(renamed.names)
    for message, schema in renamed.schemas.items():
        for body in examples.valid(message, schema).values():
            assert renamed.check_body(message, orjson.dumps(body)) == ()
    printed = examples.valid("approval-request", renamed.schemas["approval-request"])["as-printed"]
    assert printed["u_metadata"].startswith('{"policy":"{')
    assert examples.valid("decision", renamed.schemas["decision"])["approve-one-time"]["Decision"] == "Yes please"
