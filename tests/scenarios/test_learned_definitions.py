"""What tells the tables, columns, words and roles of an instance apart."""

import json
from pathlib import Path

import pytest
import yaml

from privman_contracts import WireNames

from .read_instance import REQUEST, SCOPE, TABLES, Learn, ReadInstance, refusal


def test_no_label_is_needed(learn: Learn, learned_file: Path) -> None:
    """Types, references and rows tell the columns of a table apart; what is left is the only one that can be it."""
    request = {
        "a": ("", "string", ""),
        "b": ("", "choice", ""),
        "c": ("", "string", ""),
        "d": ("", "reference", f"{SCOPE}integration_configuration"),
        "e": ("", "string", ""),
        "f": ("", "string", ""),
        "g": ("", "string", ""),
        "h": ("", "boolean", ""),
    }
    instance = ReadInstance({**TABLES, f"{SCOPE}request": ("Request", request)})
    instance.tables[f"{SCOPE}activity_type"] = [{"valid_responses": "Approve,Deny"}]
    instance.tables["sys_choice"] = [
        {"name": f"{SCOPE}request", "element": "b", "value": value}
        for value in ("Pending", "Approve", "Deny", "Expired")
    ]
    instance.tables[f"{SCOPE}request"] = [
        {
            "a": "85d71683-7dac-4762-8120-76a9a564fdc1",
            "b": {"value": "Approve", "link": "http://x"},
            "c": '{"PolicyId": "{85d71683-7dac-4762-8120-76a9a564fdc1}", "reason": "x", "count": 7}',
            "e": f"{0:032x}",
            "f": "1970-01-01 02:00:00",
            "g": "Fine",
        }
    ]
    code, printed, _ = learn(instance)
    assert code == 0, printed
    names = WireNames.load(learned_file).group("columns.request")
    assert names == {
        "request_id": "a",
        "status": "b",
        "metadata": "c",
        "instance_id": "d",
        "activity_type_id": "e",
        "duration": "f",
        "comment": "g",
    }
    assert WireNames.load(learned_file).word("request_status", "timed_out") == "Expired"


GERMAN = "x_acme_"
NAMES = {"integration_configuration": "anbindung", "activity_type": "art", "request": "anfrage", "response": "antwort"}


def in_german(type_of_references: str) -> dict[str, tuple[str, dict[str, tuple[str, str, str]]]]:
    """Return the tables with labels and names of another language, and columns of their own."""
    tables = {}
    for table, (_, columns) in TABLES.items():
        noun = NAMES[table.removeprefix(SCOPE)]
        named = {}
        for number, (column, (_, type_, _)) in enumerate(columns.items()):
            refers = {"instance_id": "anbindung", "activity_type_id": "art"}.get(column, "")
            target = f"{GERMAN}{refers}" if refers and type_of_references == "reference" else ""
            named[f"s{number}"] = (f"Spalte {number}", type_of_references if refers else type_, target)
        tables[f"{GERMAN}{noun}"] = (noun, named)
    return tables


def test_tables_are_known_by_what_refers_to_what(learn: Learn, learned_file: Path) -> None:
    """In any language; columns that nothing tells apart are listed."""
    instance = ReadInstance(in_german("reference"))
    instance.tables[f"{GERMAN}art"] = [{"s1": "Genehmigen oder nicht", "s2": "Ja,Nein"}]
    instance.tables[f"{GERMAN}antwort"] = [{"s2": "200", "s3": "0"}, {"s2": "0", "s3": "0"}]
    code, printed, _ = learn(instance, "--prefix", GERMAN)
    assert code == 1
    assert WireNames.load(learned_file).group("tables") == {noun: f"{GERMAN}{name}" for noun, name in NAMES.items()}
    assert "columns.activity_type.include_comment was not found. Perhaps s4 or s5.\n" in printed
    names = WireNames.load(learned_file)
    assert names.column("activity_type", "valid_responses") == "s2"
    assert (names.column("response", "response_status_code"), names.column("response", "retry_attempts")) == (
        "s2",
        "s3",
    )


def test_tables_that_nothing_tells_apart_are_listed(learn: Learn, learned_file: Path) -> None:
    """One line for each noun; exit code 1, and nothing is written."""
    tables = {name: (label, {"s": ("S", "string", "")}) for name, (label, _) in in_german("string").items()}
    code, _, error = learn(ReadInstance(tables), "--prefix", GERMAN)
    assert (code, learned_file.exists()) == (1, False)
    perhaps = " or ".join(sorted(tables))
    first = "privman-scenarios: URL has tables of apps, and none is known to be this app's."
    assert error.splitlines() == [
        f"{first} Name them in a file for --inferred.",
        *(f"privman-scenarios: tables.{noun} was not found. Perhaps {perhaps}." for noun in NAMES),
    ]


@pytest.mark.long
def test_tables_that_a_file_names_are_asked_for(learn: Learn, learned_file: Path, tmp_path: Path) -> None:
    """Whatever they begin with."""
    known = tmp_path / "known.yaml"
    known.write_text(yaml.safe_dump({"tables": {noun: f"{GERMAN}{name}" for noun, name in NAMES.items()}}))
    instance = ReadInstance(in_german("string"))
    learn(instance, "--inferred", str(known))
    assert f"nameIN{','.join(f'{GERMAN}{name}' for name in NAMES.values())}^" in instance.queries["sys_db_object"][1]
    assert WireNames.load(learned_file).find("tables.request").evidence == "O"


@pytest.mark.parametrize("is_refused", [False, True], ids=["no rows", "403"])
def test_without_a_dictionary_columns_are_learned_from_rows(
    *, is_refused: bool, learn: Learn, learned_file: Path
) -> None:
    """Tables without rows are one line."""
    instance = ReadInstance()
    instance.tables["sys_dictionary"] = []
    if is_refused:
        instance.answers["sys_dictionary"] = [refusal(403, "User Not Authorized")]
    instance.tables[f"{SCOPE}request"] = [
        {"status": "Pending", "request_id": "85d71683-7dac-4762-8120-76a9a564fdc1", "comment": "", "sys_tags": ""}
    ]
    code, printed, _ = learn(instance)
    assert code == 1
    others = ", ".join(f"{SCOPE}{noun}" for noun in NAMES if noun != "request")
    why = "sys_dictionary shows this user no column of"
    assert f"{why} {SCOPE}request: columns are learned from rows, so that labels and types are unknown.\n" in printed
    assert f"{why} {others}, and no row is readable: their columns are unknown.\n" in printed
    assert "columns.response." not in printed
    names = WireNames.load(learned_file)
    seen = [name.word for name in names if name.group == "columns.request" and name.evidence == "O"]
    assert seen == ["request_id", "status", "comment"]


@pytest.mark.long
@pytest.mark.parametrize("last", ["", f"{SCOPE}request"], ids=["task", "circle"])
def test_columns_of_a_table_that_one_of_the_app_extends_are_its_own(
    last: str, learn: Learn, learned_file: Path
) -> None:
    """Through every level, a circle too; one of the table itself is likelier to be the app's."""
    inherited = {"approval": ("Status", "string", ""), "comments": ("Comment", "string", "")}
    of_base = {"status": REQUEST["status"], "note": ("Kommentar", "string", "")}
    own = {name: each for name, each in REQUEST.items() if name not in {"comment", "status"}}
    base = f"{SCOPE}base"
    tables = {**TABLES, f"{SCOPE}request": ("Request", own), base: ("Base", of_base), "task": ("Task", inherited)}
    instance = ReadInstance(tables)
    parents = {f"{SCOPE}request": base, base: "task", "task": last}
    instance.tables["sys_db_object"] = [
        {**row, "super_class.name": parents.get(str(row["name"]), "")} for row in instance.tables["sys_db_object"]
    ]
    instance.tables["sys_choice"] = [
        {"name": base, "element": "status", "value": value} for value in ("Wartend", "Approve", "Deny", "Vorbei")
    ]
    instance.tables["sys_dictionary"] = [
        {**row, "default_value": "Wartend" if row["element"] == "status" else ""}
        for row in instance.tables["sys_dictionary"]
    ]
    code, printed, _ = learn(instance)
    names = WireNames.load(learned_file)
    assert code == 0, printed
    assert (names.column("request", "status"), names.column("request", "comment")) == ("status", "comments")
    assert names.find("columns.request.status").cited.endswith(f"on {SCOPE}request")


def test_words_are_known_by_what_happened_to_their_requests(learn: Learn, learned_file: Path) -> None:
    """A new request has not been changed; one that timed out has, and its status is no response."""
    instance = ReadInstance()
    instance.tables[f"{SCOPE}activity_type"] = [{"valid_responses": "Ja,Nein"}]
    instance.tables[f"{SCOPE}request"] = [
        {"status": status, "sys_mod_count": changes}
        for status, changes in (("Neu", "0"), ("Ja", "1"), ("Nein", "1"), ("Vorbei", "1"))
    ]
    assert learn(instance)[0] == 0
    names = WireNames.load(learned_file)
    assert names.group("words.request_status") == {"pending": "Neu", "timed_out": "Vorbei"}
    assert names.group("words.response") == {"approve": "Ja", "deny": "Nein"}


SECRET = "kV7pQ2mZ9xB4tR6nW1cY8dF3gH5jL0sA"


@pytest.mark.parametrize("table", ["integration_configuration", "request"])
def test_no_secret_and_no_text_of_a_row_is_taken_for_a_word(table: str, learn: Learn, learned_file: Path) -> None:
    """Neither a Secret at a key that nobody knows, nor texts in what may be the column of the status."""
    instance = ReadInstance()
    metadata = {"Username": "85d71683-7dac-4762-8120-76a9a564fdc1", "Password": "x", "Client key": SECRET}
    instance.tables[f"{SCOPE}integration_configuration"] = [{"instance_metadata": json.dumps(metadata)}]
    if table == "request":
        instance.tables[f"{SCOPE}request"] = [{"status": f"{SECRET} was here"}]
    _, printed, error = learn(instance)
    assert [text for text in (printed, error, learned_file.read_text(encoding="utf-8")) if SECRET in text] == []


def test_access_rules_tell_roles_apart(learn: Learn, learned_file: Path) -> None:
    """An approver may change requests; an administrator may change activity types, too."""
    instance = ReadInstance()
    instance.tables["sys_user_role"] = [{"name": "x_one.lower"}, {"name": "x_one.upper"}]
    may = [("request", "x_one.lower"), ("request", "x_one.upper"), ("activity_type", "x_one.upper")]
    instance.tables["sys_security_acl_role"] = [
        {
            "sys_security_acl.name": f"{SCOPE}{table}",
            "sys_security_acl.operation": "write",
            "sys_user_role.name": role,
        }
        for table, role in may
    ]
    assert learn(instance)[0] == 0
    assert WireNames.load(learned_file).group("roles") == {"admin": "x_one.upper", "approver": "x_one.lower"}
    assert "it may write" in WireNames.load(learned_file).find("roles.approver").cited


TWINS = f"{SCOPE}ask ('Request') and {SCOPE}request_2 ('Request')"
CONTRADICTIONS = {
    "two tables": (
        "sys_db_object",
        {"name": f"{SCOPE}request_2", "label": "Request"},
        f"sys_db_object has more than one table that can be tables.request: {TWINS}. Expected one; --prefix chooses.",
    ),
    "two types": (
        "sys_dictionary",
        {"name": f"{SCOPE}ask", "element": "status", "internal_type": "boolean"},
        f"sys_dictionary gives {SCOPE}ask.status two types: boolean and string. Expected one.",
    ),
}


@pytest.mark.parametrize(("table", "row", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_dictionary_that_contradicts_itself_is_named_and_nothing_is_written(
    table: str, row: dict[str, str], message: str, learn: Learn, learned_file: Path
) -> None:
    """One line that names both; exit code 1."""
    tables = {name: each for name, each in TABLES.items() if name != f"{SCOPE}request"}
    instance = ReadInstance({**tables, f"{SCOPE}ask": ("Request", REQUEST)})
    instance.tables[table].append(row)
    if table == "sys_db_object":
        own = [each for each in instance.tables["sys_dictionary"] if each["name"] == f"{SCOPE}ask"]
        instance.tables["sys_dictionary"] += [{**each, "name": row["name"]} for each in own]
    code, _, error = learn(instance)
    assert (code, error, learned_file.exists()) == (1, f"privman-scenarios: {message}\n", False)


@pytest.mark.long
def test_a_prefix_chooses_among_scopes(learn: Learn, learned_file: Path) -> None:
    """Two copies of the app fit alike; with the prefix of one, that is learned."""
    copies = {
        table.replace(SCOPE, scope): (
            label,
            {name: (text, type_, refers.replace(SCOPE, scope)) for name, (text, type_, refers) in columns.items()},
        )
        for scope in ("x_one_", "x_two_")
        for table, (label, columns) in TABLES.items()
    }
    code, _, error = learn(ReadInstance(copies))
    assert (code, error.count("x_one_"), error.count("x_two_")) == (1, 1, 1)
    assert learn(ReadInstance(copies), "--prefix", "x_two_")[0] == 0
    assert {name.partition("two_")[0] for name in WireNames.load(learned_file).group("tables").values()} == {"x_"}


def test_an_instance_without_the_app_shows_nothing(learn: Learn, learned_file: Path) -> None:
    """The prefix was looked for, and the labels."""
    code, _, error = learn(ReadInstance({}), "--prefix", "x_other_")
    assert (code, learned_file.exists()) == (1, False)
    assert error == (
        "privman-scenarios: URL shows no table of the app to this user: none begins with x_other_ or has its labels.\n"
    )
