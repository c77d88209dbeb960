"""``mock-servicenow pull`` copies what names nobody, such as names of tables, and only that."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from mock_servicenow import MockServiceNow, Settings
from mock_servicenow.cli import main

from .pulling import column, defined, pull, pull_table, read, stub

OWNED = "sys_attachment,sys_journal_field,sys_audit,sys_user,incident"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.long
def test_attachments_and_journals_keep_their_owners() -> None:
    """A mock that serves the files lists an incident's attachment, its comments and its changes."""
    with MockServiceNow() as there:
        url, auth = f"{there.url}/api/now", there.auth
        new = requests.post(f"{url}/table/incident", json={"comments": "Zebulon calls"}, auth=auth, timeout=30)
        incident = new.json()["result"]["sys_id"]
        requests.patch(f"{url}/table/incident/{incident}", json={"impact": "1"}, auth=auth, timeout=30)
        file = {"table_name": "incident", "table_sys_id": incident, "file_name": "zebulon.txt"}
        text = {"Content-Type": "text/plain"}
        requests.post(f"{url}/attachment/file", "any", params=file, headers=text, auth=auth, timeout=30)
        options = ["--query", f"incident=sys_id={incident}", "--keep-text"]
        assert pull(there, Path("pulled"), *options, tables=OWNED) == 0
    assert "zebulon.txt" not in Path("pulled", "data.yaml").read_text()
    with MockServiceNow(Settings(data=(Path("pulled", "data.yaml"),))) as here:
        owner = {"sysparm_query": f"table_name=incident^table_sys_id={incident}"}
        listed = requests.get(f"{here.url}/api/now/attachment", owner, auth=here.auth, timeout=30).json()["result"]
        assert [each["content_type"] for each in listed] == ["text/plain"]
        [entry] = read(here, "sys_journal_field", f"element_id={incident}", sysparm_fields="name,element,value")
        assert entry == {"name": "incident", "element": "comments", "value": "Zebulon calls"}
        shown = read(here, "incident", f"sys_id={incident}", sysparm_display_value="true", sysparm_fields="comments")
        assert "Zebulon calls" in shown[0]["comments"]
        changes = read(here, "sys_audit", f"documentkey={incident}", sysparm_fields="tablename,fieldname,newvalue")
        assert {(each["tablename"], each["fieldname"], each["newvalue"]) for each in changes} >= {
            ("incident", "impact", "")
        }


WORDS = {
    ("u_source_table", "string"): ("u_odd", "u_zebulon"),
    ("u_target", "table_name"): ("incident", "zebulon"),
    ("u_field", "field_name"): ("short_description", "zebulon zwick"),
    ("u_class", "sys_class_name"): ("task", "Zwick"),
    ("u_target_sys_id", "string"): ("0f1e2d3c4b5a69788796a5b4c3d2e1f0", "zebulon"),
    ("document_key", "string"): ("global", "zebulon.zwick"),
    ("time_zone", "string"): ("Europe/Berlin", "Europe/Zebulon"),
    ("date_format", "string"): ("dd.MM.yyyy", "Sam"),
    ("time_format", "string"): ("hh:mm:ss a", "Emma"),
    ("preferred_language", "string"): ("de", "Zebulon"),
    ("u_speaks", "language"): ("fr", "zeb"),
    ("content_type", "string"): ("application/pdf", "text/zebulon"),
    ("number", "string"): ("ODD19800517", "ZEB19800517"),
}


@pytest.mark.parametrize("at", [0, 1])
def test_words_of_the_schema_and_of_the_platform(at: int) -> None:
    """They are copied, and every other value of their columns is replaced."""
    columns = [column(number, *each) for number, each in enumerate(WORDS)]
    row = {name: values[at] for (name, _type), values in WORDS.items()}
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "u_odd")],
        "sys_dictionary": columns,
        "sys_number": [{"sys_id": "a" * 32, "category": "u_odd", "prefix": "ODD"}, {"sys_id": "b" * 32, "prefix": "1"}],
        "u_odd": [{"sys_id": "e" * 32, **row}],
    }
    with stub(given) as url:
        assert main(["pull", "--from", url, "--tables", "u_odd", "--out", "pulled"]) == 0
    [found] = yaml.safe_load(Path("pulled", "data.yaml").read_text())["u_odd"]
    kept = {name for name, value in row.items() if found[name] == value}
    assert kept == (set() if at else row.keys())


@pytest.mark.parametrize(
    ("sys_id", "is_kept"),
    [
        ("0f1e2d3c4b5a69788796a5b4c3d2e1f0", True),
        ("global", True),
        ("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", True),
        ("zebulon.zwick", False),
        ("1980-05-17-1980-05-17-1980-05-17-19", False),
    ],
)
def test_a_sys_id_is_one(sys_id: str, is_kept: bool) -> None:  # noqa: FBT001 - a case
    """Another value of the column becomes a sys_id, also in the unfinished pull, and pages go on after it."""
    rows = [{"sys_id": f"{number:032x}", "sys_mod_count": str(number)} for number in range(999)]
    rows += [{"sys_id": sys_id, "sys_mod_count": "999"}, {"sys_id": "zz" * 16, "sys_mod_count": "1000"}]
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "u_odd")],
        "sys_dictionary": [column(2, "u_self", "reference", reference="u_odd")],
        "u_odd": [{**row, "u_self": sys_id, "sys_class_name": "zebulon zwick"} for row in rows],
    }
    with stub(given) as url:
        assert main(["pull", "--from", url, "--tables", "u_odd", "--rows", "2000", "--out", "pulled"]) == 0
    found = yaml.safe_load(Path("pulled", "data.yaml").read_text())["u_odd"]
    assert sorted(int(row["sys_mod_count"]) for row in found) == list(range(1001))
    written = "".join(file.read_text() for file in Path("pulled").iterdir())
    assert (sys_id in written) == is_kept
    assert "zwick" not in written
    assert "zz" * 16 not in written


def test_roles_of_the_instance_become_words() -> None:
    """Teams name some after people; a role that the mock has too keeps its name."""
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "sys_user_role")],
        "sys_dictionary": [column(1, "name", "string", "sys_user_role", max_length="100")],
        "sys_user_role": [{"sys_id": f"{at:032x}", "name": name} for at, name in enumerate(["itil", "team_zwick"])],
    }
    with stub(given) as url:
        assert main(["pull", "--from", url, "--tables", "sys_user_role", "--out", "pulled"]) == 0
    names = [row["name"] for row in yaml.safe_load(Path("pulled", "data.yaml").read_text())["sys_user_role"]]
    assert names[0] == "itil"
    assert "zwick" not in names[1]


GENERATED = ["sys_choice", "sys_db_object", "sys_dictionary", "sys_number", "sys_security_acl"]


def test_what_the_mock_makes_itself_is_never_a_row() -> None:
    """Tables, columns, choices and so on would be there twice; the report says so of each, also below a parent."""
    query = [f"--query={table}=nameINincident,task^ORcategoryINincident" for table in GENERATED]
    with MockServiceNow() as there:
        assert pull(there, Path("pulled"), *query, tables=",".join(GENERATED)) == 0
        report = Path("pulled", "report.txt").read_text()
        assert Path("pulled", "data.yaml").read_text() == "{}\n"
        classes = "--query=sys_metadata=sys_class_nameINsys_dictionary,sys_user_role"
        assert pull(there, Path("pulled"), classes, "--rows", "3000", tables="sys_metadata") == 0
    said = "no rows: the mock makes its records of the tables that it has"
    assert [table for table in GENERATED if f"table '{table}': {said}" not in report] == []
    assert list(yaml.safe_load(Path("pulled", "data.yaml").read_text())) == ["sys_user_role"]


HIDDEN = {
    "geo_point": "11.576124,48.137154",
    "mask_code": "4711-0815",
    "currency2": "EUR;54321.00",
    "long_integer_string": "4915112345678",
    "physical_address": "1 Zwick Street",
    "integer_date": "19800517",
    "glide_time": "1980-05-17 10:00:00",
    "schedule_date_time": "19800517T100000Z",
    "user_image": "zebulon.png",
    "audio": "zebulon.mp3",
    "compressed": "zebulon",
    "json": '{"a": "zebulon"}',
    "xml": "<a>zebulon</a>",
    "script": "zebulon()",
    "url": "https://zebulon.test/",
    "user_input": "zebulon",
    "template_value": "name=zebulon",
    "formula": "zebulon",
    "klingon": "zebulon",
}


def test_only_prose_is_kept_as_text() -> None:
    """--keep-text copies no value of a type that holds something else, known to the mock or not."""
    columns = [column(at, f"u_{each}", each, max_length="4000") for at, each in enumerate(HIDDEN)]
    columns.append(column(90, "u_prose", "html", max_length="4000"))
    row = {f"u_{each}": value for each, value in HIDDEN.items()} | {"u_prose": "It works"}
    _code, written = pull_table(Path("pulled"), columns, row, "--keep-text")
    [found] = yaml.safe_load(written)["u_odd"]
    assert found.keys() & row.keys() == {"u_prose"}


VALUES: Mapping[str, Sequence[str]] = {
    "sys_properties": ["value"],
    "sys_user_preference": ["value"],
    "sys_audit": ["oldvalue", "newvalue", "reason"],
    "sys_audit_delete": ["payload", "display_value"],
    "sys_attachment_doc": ["data"],
    "sys_email": ["subject", "recipients", "copied", "blind_copied", "body", "body_text", "headers", "error_string"],
    "ecc_queue": ["payload", "error_string"],
    "syslog": ["message"],
    "sysevent": ["parm1", "parm2"],
}


@pytest.mark.long
def test_values_of_anything_need_a_rule() -> None:
    """Even --keep-text leaves them out; a rule with their name copies them."""
    rules = [{"tables": [table], "columns": names, "as": "copy"} for table, names in VALUES.items()]
    Path("rules.yaml").write_text(yaml.safe_dump(rules))
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(at, table) for at, table in enumerate(VALUES)],
        "sys_dictionary": [
            column(at, name, "string", table, max_length="4000")
            for at, (table, name) in enumerate((table, name) for table, names in VALUES.items() for name in names)
        ],
        **{table: [{"sys_id": "e" * 32, **dict.fromkeys(names, "any zebulon")}] for table, names in VALUES.items()},
    }
    with stub(given) as url:
        for more, expected in ((), {}), (("--rules", "rules.yaml"), VALUES):
            options = ["--tables", ",".join(VALUES), "--out", "pulled", "--keep-text", *more]
            assert main(["pull", "--from", url, *options]) == 0
            rows = yaml.safe_load(Path("pulled", "data.yaml").read_text())
            kept = {table: {*names} & rows[table][0].keys() for table, names in VALUES.items()}
            assert {table: names for table, names in kept.items() if names} == {
                table: {*names} for table, names in expected.items()
            }
