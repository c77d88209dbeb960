"""Spellings of the wire and a user's file of what differs."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from privman_contracts import ContractError, Contracts, InferredNamesError, WireNames
from privman_contracts.evidence import in_words
from privman_contracts.rules import RULES
from privman_contracts.wire_names import WireName
from privman_contracts.written_names import override_text

NamesFile = Callable[[str], Path]


@pytest.fixture(scope="module")
def names() -> WireNames:
    """The packaged names."""
    return WireNames.load()


def test_every_kind_of_name_is_asked_by_its_canonical_name(names: WireNames) -> None:
    """Tables, columns, keys, words, roles and rules each have an accessor."""
    assert names.table("request") == "x_thyti_thycotic_p_request"
    assert names.column("request", "activity_type_id") == "activity_type_id"
    assert names.key("instance_metadata", "Minimum wait time") == "Minimum wait time"
    assert names.word("response", "approve") == "Approve"
    assert names.role("approver") == "x_thyti_thycotic_p.approver"
    assert names.number("other_decision_status") == 409


def test_a_class_of_statuses_is_every_status_in_it(names: WireNames) -> None:
    """Retried are no answer, 408, 429 and all of 500 to 599."""
    assert names.statuses("retried_statuses") == {0, 408, 429, *range(500, 600)}


def test_canonical_names_are_the_packaged_spellings(names: WireNames) -> None:
    """Columns and keys differ from their canonical name only where a user says so."""
    assert all(name.value == name.word for name in names if name.path.startswith(("columns.", "keys.")))


def test_a_group_gives_canonical_name_to_spelling(names: WireNames) -> None:
    """The two responses that the vendor documents."""
    assert names.group("words.response") == {"approve": "Approve", "deny": "Deny"}


def test_a_name_that_does_not_exist_names_the_nearest() -> None:
    """A programmer's slip is told in the same words as a user's."""
    with pytest.raises(
        InferredNamesError, match=r"unknown wire name 'columns.request.instance'. Did you mean 'columns"
    ):
        WireNames.load().column("request", "instance")


def test_a_group_that_does_not_exist_names_the_nearest(names: WireNames) -> None:
    """So for groups."""
    with pytest.raises(
        InferredNamesError, match=r"unknown group of wire names 'words.responses'. Did you mean 'words.response'"
    ):
        names.group("words.responses")


def test_a_list_of_statuses_is_not_a_number(names: WireNames) -> None:
    """Each rule has its one accessor."""
    with pytest.raises(InferredNamesError, match="Expected a rule of one number"):
        names.number("retried_statuses")
    with pytest.raises(InferredNamesError, match="Expected a rule of several statuses"):
        names.statuses("token_renewals")


def test_a_users_file_replaces_only_what_it_names(names_file: NamesFile) -> None:
    """The rest stays as packaged, and so does the mark."""
    names = WireNames.load(names_file("columns: {request: {instance_id: integration_id}}"))
    assert names.column("request", "instance_id") == "integration_id"
    assert names.column("activity_type", "instance_id") == "instance_id"
    assert names.find("columns.request.instance_id").evidence == "I"


def test_a_users_file_may_change_the_mark_too(names_file: NamesFile) -> None:
    """What was found out is no longer inferred, even where the spelling was right."""
    names = WireNames.load(names_file("roles: {admin: {evidence: D}, approver: {name: pm_approver, evidence: C}}"))
    assert (names.role("admin"), names.find("roles.admin").evidence) == ("x_thyti_thycotic_p.admin", "D")
    assert (names.role("approver"), names.find("roles.approver").evidence) == ("pm_approver", "C")


LEARNED = """
columns:
  request:
    status: {name: state, observed: {date: 2026-11-29, release: zurich, how: label 'Status' on x_acme_request}}
rules:
  token_renewals: {value: 2, observed: {date: 2026-11-29, release: unknown, how: seen}}
"""


def test_what_was_observed_has_its_mark_and_its_source(names_file: NamesFile) -> None:
    """The name, and each part of a schema that has it."""
    contracts = Contracts.load(names_file(LEARNED))
    name = contracts.names.find("columns.request.status")
    assert (name.value, name.evidence) == ("state", "O")
    (part,) = (part for part in contracts.parts() if (part.message, part.path) == ("approval-request", "$.state"))
    assert part.source == "observed on 2026-11-29, release zurich: label 'Status' on x_acme_request"
    assert part.evidence == "O"
    assert contracts.names.number("token_renewals") == 2


def test_what_was_observed_is_written_as_it_is_read(names_file: NamesFile) -> None:
    """A file of observed names, and one of plain names, are the same after reading and writing."""
    changed = {path: WireNames.load(names_file(LEARNED)).find(path) for path in LEARNED_NAMES}
    text = override_text(changed.values())
    again = WireNames.load(names_file(text))
    assert {path: again.find(path) for path in LEARNED_NAMES} == changed
    assert [again.find(path).observation for path in LEARNED_NAMES] == [each.observation for each in changed.values()]


LEARNED_NAMES = ("columns.request.status", "rules.token_renewals")


def test_marks_are_counted_in_words() -> None:
    """What is documented is whatever has a source."""
    assert in_words(["S", "D", "I", "O", "P", "O"]) == "3 documented, 2 observed, 1 inferred"


def test_a_users_file_may_repeat_what_a_column_holds(names_file: NamesFile) -> None:
    """A line that was copied from the packaged file is accepted; what a column holds can't be changed."""
    line = "columns: {request: {instance_id: {name: u_instance, holds: %s}}}"
    names = WireNames.load(names_file(line % "integration_configuration"))
    assert names.find("columns.request.instance_id").holds == "integration_configuration"
    with pytest.raises(InferredNamesError, match=r"columns.request.instance_id has key 'holds'. Expected 'name', 'ev"):
        WireNames.load(names_file(line % "guid"))


def test_names_and_schemas_agree_about_words(contracts: Contracts) -> None:
    """A column or key whose schema lists words names their groups in inferred.yaml, and no others."""
    listed: defaultdict[str, set[str]] = defaultdict(set)
    for schema in contracts.schemas.values():
        for node in nodes(schema):
            for word, each in node.get("properties", {}).items() if "x-names" in node else ():
                groups = {path.split(".")[1] for path in each.get("x-words", ())}
                listed[f"{node['x-names']}.{word}"] |= groups
    assert {path: groups for path, groups in listed.items() if groups} == {
        name.path: set(name.words) for name in contracts.names if name.words and name.word != "valid_responses"
    }


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield each mapping in a schema."""
    if isinstance(schema, dict):
        yield schema
    for each in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from nodes(each)


@pytest.mark.parametrize("name", [name for name in WireNames.load() if name.holds], ids=lambda name: name.path)
def test_what_a_column_holds_is_a_known_word(names: WireNames, name: WireName) -> None:
    """One of the kinds at the top of inferred.yaml, or a table; the same name holds the same everywhere."""
    assert name.holds in {"guid", "number", "flag", "json", "address", "duration", *names.group("tables")}
    assert {each.holds for each in names if each.word == name.word and each.group.startswith("columns.")} <= {
        name.holds
    }


def test_two_columns_may_swap_their_names(names_file: NamesFile) -> None:
    """Twins are looked for when all is read, not on the way."""
    names = WireNames.load(names_file("columns: {request: {comment: duration, duration: comment}}"))
    assert names.column("request", "comment") == "duration"


def test_an_empty_file_changes_nothing(names_file: NamesFile) -> None:
    """A file of comments only is fine."""
    assert list(WireNames.load(names_file("# nothing differs\n"))) == list(WireNames.load())


def test_rules_are_replaced_by_plain_values(names_file: NamesFile) -> None:
    """Numbers stay numbers, lists stay lists."""
    names = WireNames.load(names_file("rules: {token_renewals: 0, retried_statuses: {value: [503]}}"))
    assert names.number("token_renewals") == 0
    assert names.statuses("retried_statuses") == {503}


BAD_FILES = {
    "unknown group": ("table: {request: x}", "unknown wire name 'table'. Did you mean 'tables'?"),
    "unknown name": ("tables: {requests: x}", "unknown wire name 'tables.requests'. Did you mean 'tables.request'?"),
    "nothing near": ("qqq: 1", "unknown wire name 'qqq'."),
    "text for a group": (
        "columns: {request: x_request}",
        "columns.request holds 'x_request'. Expected names below it.",
    ),
    "list for a file": ("[1]", "the file holds [1]. Expected names below it."),
    "number for a table": (
        "tables: {request: 7}",
        "tables.request has value 7. Expected a table of an app, x_ or u_ and then letters, digits and underscores.",
    ),
    "spaces in a column": (
        "columns: {request: {status: the status}}",
        "columns.request.status has value 'the status'. Expected letters, digits and underscores, not",
    ),
    "spaces in an element": (
        "keys: {soap_created: {PMRequestId: the id}}",
        "keys.soap_created.PMRequestId has value 'the id'. Expected the name of an XML element, without a colon.",
    ),
    "a service that is no address": (
        "words: {soap_service: {create: Create.do}}",
        "words.soap_service.create has value 'Create.do'. Expected letters, digits and underscores.",
    ),
    "empty word": (
        "words: {response: {deny: ' '}}",
        "words.response.deny has value ' '. Expected text without line breaks, ",
    ),
    "boolean for a word": ("words: {response: {deny: no}}", "words.response.deny has value False. Expected text "),
    "text for a number": (
        "rules: {token_renewals: many}",
        "rules.token_renewals has value 'many'. Expected a whole number from 0 to 10.",
    ),
    "boolean for a number": (
        "rules: {token_renewals: yes}",
        "rules.token_renewals has value True. Expected a whole number from 0 to 10.",
    ),
    "negative number": (
        "rules: {token_renewals: -1}",
        "rules.token_renewals has value -1. Expected a whole number from 0 to 10.",
    ),
    "number for statuses": (
        "rules: {retried_statuses: 500}",
        "rules.retried_statuses has value 500. Expected statuses of failure such as [0, 429, 5xx], ",
    ),
    "no status": (
        "rules: {retried_statuses: [9xx]}",
        "rules.retried_statuses has value ['9xx']. Expected statuses of failure such as [0, 429, 5xx], ",
    ),
    "list as a status": (
        "rules: {retried_statuses: [[500]]}",
        "rules.retried_statuses has value [[500]]. Expected statuses of failure such as [0, 429, 5xx], ",
    ),
    "success that is retried": (
        "rules: {retried_statuses: [200]}",
        "rules.retried_statuses has value [200]. Expected statuses of failure",
    ),
    "status twice": ("rules: {retried_statuses: [503, 503]}", "rules.retried_statuses has value [503, 503]. "),
    "renewal without an answer": (
        "rules: {token_renewed_statuses: [0]}",
        "rules.token_renewed_statuses has value [0]. ",
    ),
    "no status of HTTP": (
        "rules: {same_decision_status: 99}",
        "rules.same_decision_status has value 99. Expected a status from 200 to 299 or 400 to 599 that has a body.",
    ),
    "four digits": ("rules: {unknown_request_status: 1000}", "rules.unknown_request_status has value 1000. Expected"),
    "redirect": ("rules: {other_decision_status: 302}", "rules.other_decision_status has value 302. Expected"),
    "status without a body": ("rules: {same_decision_status: 204}", "rules.same_decision_status has value 204. "),
    "refusal of a record": (
        "rules: {duplicate_request_status: 409}",
        "rules.duplicate_request_status has value 409. Expected a status from 200 to 299 that has a body, or 403",
    ),
    "failed log-out": (
        "rules: {log_out_status: 400}",
        "rules.log_out_status has value 400. Expected a status from 200",
    ),
    "unknown document": (
        "rules: {api_document: raml}",
        "rules.api_document has value 'raml'. Expected swagger-2.0 or openapi-3.1.",
    ),
    "table of the platform": (
        "tables: {request: incident}",
        "tables.request has value 'incident'. Expected a table of",
    ),
    "column of every table": ("columns: {request: {comment: sys_id}}", "columns.request.comment has value 'sys_id'."),
    "two roles in one": ("roles: {approver: 'a,b'}", "roles.approver has value 'a,b'. Expected letters, digits,"),
    "comma in a response": (
        "words: {response: {approve: 'Yes,No'}}",
        "words.response.approve has value 'Yes,No'. Expected text without a comma, which separates responses.",
    ),
    "line break in a key": (
        'keys: {decision: {Comment: "a\\nb"}}',
        "keys.decision.Comment has value 'a\\nb'. Expected text without line breaks",
    ),
    "twins in one column": (
        "words: {request_status: {pending: Approve}}",
        "words.request_status.pending has value 'Approve'. Expected another than words.response.approve has.",
    ),
    "unknown mark": (
        "roles: {admin: {evidence: X}}",
        "roles.admin has evidence 'X'. Expected one of S, D, P, C, O, I.",
    ),
    "unknown key": (
        "roles: {admin: {nme: x}}",
        "roles.admin has key 'nme'. Expected 'name', 'evidence', 'source' and 'observed'.",
    ),
    "observation that is text": (
        "roles: {admin: {observed: yesterday}}",
        "roles.admin.observed has value 'yesterday'. Expected the keys date, release, how.",
    ),
    "observation without its day": (
        "roles: {admin: {observed: {release: zurich, how: seen}}}",
        "roles.admin.observed has value {'release': 'zurich', 'how': 'seen'}. Expected the keys date, release, how.",
    ),
    "observation on no day": (
        "roles: {admin: {observed: {date: 2026-13-01, release: zurich, how: seen}}}",
        "roles.admin.observed.date has value '2026-13-01'. Expected a day such as 2026-11-29.",
    ),
    "observation of a number": (
        "roles: {admin: {observed: {date: 2026-11-29, release: 7, how: seen}}}",
        "roles.admin.observed.release has value 7. Expected text without line breaks",
    ),
    "observation with another mark": (
        "roles: {admin: {evidence: D, observed: {date: 2026-11-29, release: zurich, how: seen}}}",
        "roles.admin has evidence 'D'. Expected 'O' beside 'observed'.",
    ),
    "twins": (
        "columns: {request: {comment: duration}}",
        "columns.request.duration has value 'duration'. Expected another than columns.request.comment has.",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_refused_in_one_line(names_file: NamesFile, text: str, message: str) -> None:
    """File, key, value, and what was expected."""
    file = names_file(text)
    with pytest.raises(InferredNamesError) as refused:
        WireNames.load(file)
    assert str(refused.value).startswith(f"{file}: {message}")


def test_a_name_may_have_a_new_emoji(names_file: NamesFile) -> None:
    """One that is newer than the Unicode tables of Python 3.11."""
    names = WireNames.load(names_file("words: {response: {approve: '\\U0001fae9'}}".replace("'", '"')))
    assert names.word("response", "approve") == "\U0001fae9"


UNREADABLE = {
    "key twice": ("roles:\n  admin: a\n  admin: b\n", ":3: duplicate key 'admin'."),
    "no YAML": ("roles: [\n", ":2: "),
    "key that is no word": ("roles:\n  [1]: x\n", ":2: a key is a list or a mapping. Expected a word."),
    "null byte": ("roles: \0", ": is not YAML: unacceptable character"),
}


def test_every_rule_has_its_values(names: WireNames) -> None:
    """No rule takes just any value."""
    assert {name.word for name in names if name.group == "rules"} == RULES.keys()
    assert all(RULES[name.word].is_one(name.value) for name in names if name.group == "rules")


@pytest.mark.parametrize(("text", "message"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_file_that_is_no_yaml_is_refused_with_its_line(names_file: NamesFile, text: str, message: str) -> None:
    """The line is where YAML went wrong."""
    file = names_file(text)
    with pytest.raises(InferredNamesError) as refused:
        WireNames.load(file)
    assert str(refused.value).startswith(str(file))
    assert message in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With the file and the reason."""
    with pytest.raises(InferredNamesError, match=r"none.yaml: cannot be read: No such file"):
        WireNames.load(tmp_path / "none.yaml")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8."""
    file = tmp_path / "names.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ContractError, match=r"names.yaml: is not UTF-8 text"):
        WireNames.load(file)
