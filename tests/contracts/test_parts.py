"""Every part of the contracts has its evidence."""

from privman_contracts import Contracts, Part
from privman_contracts.evidence import MARKS, MEANING


def test_no_part_is_unmarked(contracts: Contracts) -> None:
    """S, D, P, C or I, and a page for each but an I; only a user's file has what was observed."""
    parts = contracts.parts()
    assert {part.evidence for part in parts} | {"O"} == set(MARKS) == MEANING.keys()
    assert all(part.evidence != "O" for part in parts)
    assert all(part.name and (part.source or part.evidence == "I") for part in parts)


def test_every_property_of_every_schema_is_a_part(contracts: Contracts) -> None:
    """Nothing that a schema describes is left out of the list."""

    def count(node: object) -> int:
        if not isinstance(node, dict):
            return 0
        inner = (value for key, value in node.items() if key not in {"if", "then"})
        return len(node.get("properties", {})) + sum(map(count, inner))

    for message, schema in contracts.schemas.items():
        listed = [part for part in contracts.parts() if part.message == message and part.path.startswith(("$.", "$["))]
        assert len(listed) == count(schema), message


def test_every_exchange_and_status_is_a_part(contracts: Contracts) -> None:
    """The method and path, and each answer."""
    parts = [part for part in contracts.parts() if part.message == "deliver_decision"]
    line = "POST /Tms/services/api/v1/approval/approve"
    assert parts[0] == Part("deliver_decision", line, "S", "deliver_decision", "set-up-servicenow-webhook.md")
    assert f"{line} 409" in {part.path for part in parts}


def test_posting_a_webhooks_message_is_a_part(contracts: Contracts) -> None:
    """The page documents that it is posted; every part of its body is inferred."""
    parts = [part for part in contracts.parts() if part.message == "system-approval-request"]
    assert Part(parts[0].message, "POST", "D", parts[0].message, "message_webhook.htm") in parts
    own = [part for part in parts if part.path.count(".") == 1]
    assert [part.name for part in own] == ["Event", "RequestId", "RequestedAt", "Metadata"]
    assert {part.evidence for part in own} == {"I"}


def test_every_wire_name_is_a_part(contracts: Contracts) -> None:
    """Tables, words, roles and rules as well, which no schema has as property."""
    listed = {part.path for part in contracts.parts() if part.message == "inferred.yaml"}
    assert listed == {name.path for name in contracts.names}


def test_the_documented_and_the_inferred_are_told_apart(contracts: Contracts) -> None:
    """As the integration document marks them."""
    marks = {(part.message, part.path): part.evidence for part in contracts.parts()}
    assert marks["registration-request", "$.instance_metadata.Minimum wait time"] == "P"
    assert marks["approval-request", "$.metadata.PolicyName"] == "I"
    assert marks["approval-answer", "$.result.sys_id"] == "S"
    assert marks["list-answer", "$.result[].*.value"] == "D"
    assert marks["decision", "$.Comment"] == "I"
    assert marks["envelope", "$.Status"] == "D"
    assert marks["inferred.yaml", "words.envelope_status.error"] == "C"
    assert marks["inferred.yaml", "roles.approver"] == "I"


def test_what_must_not_be_shown_is_marked(contracts: Contracts) -> None:
    """Client Id, Secret, token, and the column that holds them."""
    secret = {(part.message, part.path) for part in contracts.parts() if part.secret}
    assert ("token-answer", "$") in secret
    assert ("token-request", "$.Password") in secret
    assert ("registration-request", "$.instance_metadata.Password") in secret
    assert ("registration-answer", "$.result.instance_metadata") in secret
    assert ("registration-request", "$.instance_metadata.Endpoint Url") not in secret
