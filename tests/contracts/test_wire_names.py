"""Spellings of the wire and a user's file of what differs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from privman_contracts import ContractError, InferredNamesError, WireNames

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
    """Retried are no answer, 408, 429 and all of 500 to 599 (integration 4)."""
    assert names.statuses("retried_statuses") == {0, 408, 429, *range(500, 600)}


def test_canonical_names_are_the_packaged_spellings(names: WireNames) -> None:
    """Columns and keys differ from their canonical name only where a user says so."""
    assert all(name.value == name.word for name in names if name.path.startswith(("columns.", "keys.")))


def test_a_group_gives_canonical_name_to_spelling(names: WireNames) -> None:
    """The two responses that the vendor documents (integration 1)."""
    assert names.group("words.response") == {"approve": "Approve", "deny": "Deny"}


def test_a_name_that_does_not_exist_names_the_nearest() -> None:
    """A programmer's slip is told in the same words as a user's."""
    with pytest.raises(InferredNamesError, match=r"'columns.request.instance' is no wire name. Did you mean 'columns"):
        WireNames.load().column("request", "instance")


def test_a_group_that_does_not_exist_names_the_nearest(names: WireNames) -> None:
    """So for groups."""
    with pytest.raises(
        InferredNamesError, match=r"'words.responses' is no group of wire names. Did you mean 'words.response'"
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
    "unknown group": ("table: {request: x}", "'table' is no wire name. Did you mean 'tables'?"),
    "unknown name": ("tables: {requests: x}", "'tables.requests' is no wire name. Did you mean 'tables.request'?"),
    "nothing near": ("qqq: 1", "'qqq' is no wire name."),
    "text for a group": (
        "columns: {request: x_request}",
        "columns.request holds 'x_request'. Expected names below it.",
    ),
    "list for a file": ("[1]", "the file holds [1]. Expected names below it."),
    "number for a table": (
        "tables: {request: 7}",
        "tables.request has value 7. Expected letters, digits and underscores.",
    ),
    "spaces in a column": (
        "columns: {request: {status: the status}}",
        "columns.request.status has value 'the status'. Expected letters, digits and underscores.",
    ),
    "empty word": ("words: {response: {deny: ' '}}", "words.response.deny has value ' '. Expected text."),
    "boolean for a word": ("words: {response: {deny: no}}", "words.response.deny has value False. Expected text."),
    "text for a number": ("rules: {token_renewals: many}", "rules.token_renewals has value 'many'. Expected a number."),
    "boolean for a number": ("rules: {token_renewals: yes}", "rules.token_renewals has value True. Expected a number."),
    "negative number": ("rules: {token_renewals: -1}", "rules.token_renewals has value -1. Expected a number."),
    "number for statuses": (
        "rules: {retried_statuses: 500}",
        "rules.retried_statuses has value 500. Expected statuses such as [0, 429, 5xx].",
    ),
    "no status": (
        "rules: {retried_statuses: [9xx]}",
        "rules.retried_statuses has value ['9xx']. Expected statuses such as [0, 429, 5xx].",
    ),
    "list as a status": (
        "rules: {retried_statuses: [[500]]}",
        "rules.retried_statuses has value [[500]]. Expected statuses such as [0, 429, 5xx].",
    ),
    "unknown mark": ("roles: {admin: {evidence: X}}", "roles.admin has evidence 'X'. Expected one of S, D, P, C, I."),
    "unknown key": ("roles: {admin: {nme: x}}", "roles.admin has key 'nme'. Expected 'name' and 'evidence'."),
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
    assert str(refused.value) == f"{file}: {message}"


UNREADABLE = {
    "key twice": ("roles:\n  admin: a\n  admin: b\n", ":3: duplicate key 'admin'."),
    "no YAML": ("roles: [\n", ":2: "),
    "key that is no word": ("roles:\n  [1]: x\n", ":2: a key is a list or a mapping. Expected a word."),
    "day that does not exist": ("roles: {admin: 2026-99-99}", ":1: '2026-99-99' is not a valid timestamp."),
    "null byte": ("roles: \0", ": is not YAML: unacceptable character"),
}


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
