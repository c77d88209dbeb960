"""``mock-servicenow pull``: the mock is the real instance."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mock_servicenow import MockServiceNow, Settings
from mock_servicenow.cli import main
from mock_servicenow.now_platform.dictionary.column_types import TYPES
from mock_servicenow.pull.pseudonyms import Pseudonyms
from mock_servicenow.pull.pulled_files import rows_texts
from privman_contracts import WireNames
from tests.generated import examples

TABLES = """
- name: incident
  columns:
    u_cost_centre: {label: Cost centre, reference: u_cost_centre, reference_qual: u_code!=CC-9}
    category: {choices: {cloud: Cloud service}, default: cloud}
    caller_idd: {new: true, label: Nearly}
- name: u_cost_centre
  columns: {u_code: {display: true, unique: true, length: 12}, u_owner: {reference: sys_user}, u_floor: {type: integer}}
- name: u_laptop
  extends: task
  number: LAP
  columns:
    u_keepers: {type: glide_list, reference: sys_user}
    u_contact_phone: {type: ph_number, mandatory: true}
    u_admin_password: {type: password2}
    u_secret_word: {}
    u_remarks: {type: html, length: 4000}
    u_since: {type: glide_date, default: "2026-01-05"}
- name: u_desk_user
  extends: sys_user
- name: u_desk
  columns: {number: {display: true}, u_user: {reference: u_desk_user}}
"""
ROWS = """
sys_user:
  - user_name: olga.oakley
    first_name: Olga
    last_name: Oakley
    email: olga.oakley@firm.test
    user_password: opensesame
    phone: +1 555 0100
  - {user_name: patricia.pinewood, first_name: Patricia, last_name: Pinewood, manager: olga.oakley}
u_cost_centre: [{u_code: CC-1, u_owner: patricia.pinewood, u_floor: 3}]
u_laptop:
  - number: LAP0000001
    u_keepers: [olga.oakley, patricia.pinewood]
    u_contact_phone: 555-0101
    u_secret_word: hush
    u_remarks: Olga says
incident:
  - {number: INC0007001, short_description: Olga calls, caller_id: olga.oakley, u_cost_centre: CC-1, category: cloud}
  - {number: INC0007002, caller_id: patricia.pinewood, opened_at: 2026-01-05 10:00:00}
"""
ROWS += "".join(f"  - {{user_name: desk.{number}}}\n" for number in range(100)).join(["u_desk_user:\n", ""])
ROWS += "".join(f"  - {{number: DSK{number}, u_user: desk.{number}}}\n" for number in range(100)).join(
    ["u_desk:\n", ""]
)
NAMES = ["olga", "oakley", "patricia", "pinewood", "firm.test", "555 0100", "555-0101", "hush", "opensesame"]
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockServiceNow]:
    """Serve the instance that is copied."""
    folder = tmp_path_factory.mktemp("source")
    tables, rows = folder / "tables.yaml", folder / "rows.yaml"
    tables.write_text(TABLES)
    rows.write_text(ROWS)
    with MockServiceNow(Settings(tables=(tables,), data=(rows,)), seed=1) as served:
        yield served


@pytest.fixture(autouse=True)
def _fresh(source: MockServiceNow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source.reset()
    monkeypatch.chdir(tmp_path)


def pull(source: MockServiceNow, folder: Path, *options: str, tables: str = "incident,u_laptop") -> int:
    """Run the command with a seed that is given, and return its exit code."""
    seed = folder.parent / "seed"
    seed.write_text("any seed")
    given = ["pull", "--from", source.url, "--tables", tables, "--out", str(folder), "--seed-file", str(seed), *options]
    try:
        return main(given)
    except SystemExit as end:
        return int(str(end.code))


def read(served: MockServiceNow, table: str, query: str = "", **parameters: str) -> Rows:
    """Return the records that a query matches."""
    asked = {"sysparm_query": query, "sysparm_exclude_reference_link": "true", **parameters}
    answer = requests.get(f"{served.url}/api/now/table/{table}", asked, auth=served.auth, timeout=30)
    result: Rows = answer.json()["result"]
    return result


def contents(folder: Path) -> dict[str, str]:
    """Return the files of a pull."""
    return {file.name: file.read_text() for file in sorted(folder.iterdir())}


@pytest.mark.long
def test_what_was_pulled_answers_as_the_instance(source: MockServiceNow, tmp_path: Path) -> None:
    """Schema and rows are the same, references lead to the same records, and people have pseudonyms."""
    folder = tmp_path / "pulled"
    assert pull(source, folder) == 0
    assert {each["method"] for each in source.journal} == {"GET"}
    copied = contents(folder)
    assert not [name for name in NAMES if name in (copied["data.yaml"] + copied["tables.yaml"]).lower()]
    names = Pseudonyms("any seed")
    with MockServiceNow(Settings(tables=(folder / "tables.yaml",), data=(folder / "data.yaml",))) as here:
        for table, query in (
            ("sys_dictionary", "nameINincident,task,u_laptop,u_cost_centre"),
            ("sys_choice", "nameINincident,task,u_laptop"),
            ("sys_db_object", "nameINincident,u_laptop,u_cost_centre"),
        ):
            fields = {
                "sysparm_fields": "name,element,internal_type,column_label,max_length,reference,default_value,"
                "mandatory,display,unique,read_only,reference_qual,value,label"
            }
            there, found = (sorted(map(str, read(each, table, query, **fields))) for each in (source, here))
            assert found == there
        fields = {"sysparm_fields": "sys_id,number,caller_id,u_cost_centre,category,opened_at,sys_created_on,priority"}
        assert read(here, "incident", "", **fields) == read(source, "incident", "", **fields)
        shown = {"sysparm_display_value": "true", "sysparm_fields": "u_keepers,u_contact_phone,u_secret_word,u_remarks"}
        [laptop] = read(here, "u_laptop", **shown)
        olga, pat = names.words("Olga Oakley"), names.words("Patricia Pinewood")
        assert sorted(laptop["u_keepers"].split(", ")) == sorted([olga, pat])
        assert laptop["u_contact_phone"] == names.digits("555-0101")
        assert (laptop["u_secret_word"], laptop["u_remarks"]) == ("", "")
        [person] = read(here, "sys_user", "user_name=" + names.words("olga.oakley"))
        assert (person["name"], person["email"]) == (olga, names.email("olga.oakley@firm.test"))
        [centre] = read(here, "u_cost_centre")
        assert (centre["u_code"], centre["u_owner"]) == (
            names.words("CC-1"),
            read(source, "u_cost_centre")[0]["u_owner"],
        )
        made = requests.post(f"{here.url}/api/now/table/u_laptop", json={}, auth=here.auth, timeout=30).json()["result"]
        assert (made["number"][:3], made["u_since"]) == ("LAP", "2026-01-05")


@pytest.mark.long
def test_the_same_options_write_the_same_files(source: MockServiceNow, tmp_path: Path) -> None:
    """Two pulls write the same, and a seed of one's own is made once."""
    assert [pull(source, tmp_path / each) for each in ("a", "b")] == [0, 0]
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    made = ["pull", "--from", source.url, "--tables", "u_laptop", "--out", str(tmp_path / "c")]
    assert main(made) == 0
    first = contents(tmp_path / "c")
    (tmp_path / "c" / "data-2.yaml").touch()
    (tmp_path / "c" / "unfinished-pull.jsonl").write_text("of another program\n")
    assert main(made) == 0
    assert contents(tmp_path / "c") == first
    assert first["data.yaml"] != contents(tmp_path / "a")["data.yaml"]


@pytest.mark.long
def test_a_pull_that_was_stopped_goes_on(
    source: MockServiceNow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What had been read is not read again, nothing looks complete before, and the files are the same in the end."""
    assert pull(source, tmp_path / "whole") == 0
    asked = len(source.journal)
    source.reset()
    source.faults.arm("hibernating", path="/api/now/*", skip=asked - 2, times=1)
    folder = tmp_path / "pulled"
    assert pull(source, folder) == 3
    error = capsys.readouterr().err
    assert (
        "200 text/html: expected JSON; a hibernating instance, and a proxy, answer with a page. What has been" in error
    )
    assert list(contents(folder)) == ["unfinished-pull.jsonl"]
    with (folder / "unfinished-pull.jsonl").open("a") as file:
        file.write('["/api/now/table/sys_user?half of a li')
    assert not [name for name in NAMES if name in contents(folder)["unfinished-pull.jsonl"].lower().rsplit("[", 1)[0]]
    source.reset()
    assert pull(source, folder) == 0
    assert len(source.journal) == 2
    assert contents(folder) == contents(tmp_path / "whole")
    source.faults.arm("hibernating", path="/api/now/*", skip=3, times=1)
    assert pull(source, folder) == 3
    source.reset()
    assert pull(source, folder, "--rows", "1") == 0
    assert len(source.journal) > 5


@pytest.mark.long
def test_rate_limits_are_waited_for(source: MockServiceNow, tmp_path: Path) -> None:
    """A request that is refused with 429 is sent again when the answer says."""
    source.faults.arm("rate-limited", path="/api/now/*", times=3, seconds=0)
    assert pull(source, tmp_path / "pulled") == 0
    assert [each["status"] for each in source.journal][:4] == [429, 429, 429, 200]


@pytest.mark.long
def test_rows_queries_levels_and_text(source: MockServiceNow, tmp_path: Path) -> None:
    """Options choose the rows, what they refer to, and whether text is copied."""
    options = ("--query", "incident=numberSTARTSWITHINC0007", "--rows", "1", "--follow", "0", "--keep-text")
    assert pull(source, tmp_path / "pulled", *options, tables="incident") == 0
    rows = yaml.safe_load((tmp_path / "pulled" / "data.yaml").read_text())
    [incident] = rows["incident"]
    assert list(rows) == ["incident"]
    assert incident["number"] in {"INC0007001", "INC0007002"}
    assert "caller_id" not in incident
    report = (tmp_path / "pulled" / "report.txt").read_text()
    assert "column 'incident.caller_id': emptied in 1 rows: it refers to records that were not copied" in report
    assert (
        pull(source, tmp_path / "all", "--query", "incident=number=INC0007001", "--keep-text", tables="incident") == 0
    )
    [incident] = yaml.safe_load((tmp_path / "all" / "data.yaml").read_text())["incident"]
    assert incident["short_description"] == "Olga calls"
    administrator = "sys_user=user_name=admin"
    assert pull(source, tmp_path / "none", "--query", administrator, tables="sys_user") == 0
    assert (tmp_path / "none" / "data.yaml").read_text() == "{}\n"
    assert pull(source, tmp_path / "none", "--rows", "0") == 0
    assert (tmp_path / "none" / "data.yaml").read_text() == "{}\n"


@pytest.mark.long
def test_many_references(source: MockServiceNow, tmp_path: Path) -> None:
    """As many records as one request may ask for are followed."""
    assert pull(source, tmp_path / "pulled", tables="u_desk") == 0
    rows = yaml.safe_load((tmp_path / "pulled" / "data.yaml").read_text())
    assert {row["u_user"] for row in rows["u_desk"]} == {row["sys_id"] for row in rows["u_desk_user"]}
    assert len(rows["u_desk_user"]) == 100


RULES = """
- {columns: [short_description], as: words}
- {tables: [task], columns: [number], as: digits}
"""


@pytest.mark.long
def test_rules_of_a_team_come_before_those_that_ship(source: MockServiceNow, tmp_path: Path) -> None:
    """Rules of a file add to those that ship, so a file without a rule for names still leaves none."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    options = ("--rules", str(rules), "--query", "incident=number=INC0007001")
    assert pull(source, tmp_path / "pulled", *options, tables="incident") == 0
    rows = yaml.safe_load((tmp_path / "pulled" / "data.yaml").read_text())
    names = Pseudonyms("any seed")
    [incident] = rows["incident"]
    assert incident["short_description"] == names.words("Olga calls")
    assert incident["number"] == names.digits("INC0007001")
    assert [row["user_name"] for row in rows["sys_user"]] == [names.words("olga.oakley")]


@pytest.mark.parametrize(
    ("rules", "error"),
    [
        (
            "- {columns: [a], as: word}",
            "rules.yaml, rule 1 has as 'word' (did you mean 'words'?); expected one of never",
        ),
        ("- {column: [a], as: words}", "rules.yaml, rule 1 has key 'column' (did you mean 'columns'?)"),
        ("- {columns: a, as: words}", "rules.yaml, rule 1 has columns 'a'; expected a list of names or patterns"),
        ("- {types: [strin], as: drop}", "rule 1 has type 'strin', which no column has (did you mean 'string'?)"),
        ("- {longer_than: a, as: words}", "rules.yaml, rule 1 has longer_than 'a'; expected a whole number"),
        ("- words", "rules.yaml, rule 1 is 'words'; expected a mapping"),
        ("a: b", "rules.yaml: expected a list of rules"),
        ("- {a", "rules.yaml:2: "),
    ],
)
def test_wrong_rules(
    source: MockServiceNow, tmp_path: Path, capsys: pytest.CaptureFixture[str], rules: str, error: str
) -> None:
    """Rules that cannot be used are refused in one line before anything is read."""
    (tmp_path / "rules.yaml").write_text(rules)
    assert pull(source, tmp_path / "pulled", "--rules", "rules.yaml") == 2
    said = capsys.readouterr().err
    assert error in said
    assert said.count("\n") == 1
    assert source.journal == []


@pytest.mark.parametrize(
    ("options", "environment", "code", "error"),
    [
        ({"tables": "u_laptp,incident"}, {}, 2, "--tables: the instance has no table 'u_laptp'"),
        ({"tables": "a b"}, {}, 2, "argument --tables: invalid table 'a b': expected letters, digits and _"),
        ({"rows": "x"}, {}, 2, "argument --rows: invalid number of rows 'x': expected 0 to 1000000"),
        ({"follow": "6"}, {}, 2, "argument --follow: invalid number of levels '6': expected 0 to 5"),
        (
            {"query": "incid=number=INC1", "tables": "incident,problem"},
            {},
            2,
            "--query: 'incid' is no table of --tables (did you mean 'incident'?); expected one of incident, problem",
        ),
        ({"query": "incident"}, {}, 2, "argument --query: invalid query 'incident': expected TABLE=ENCODED"),
        ({"from": "http://127.0.0.1:1"}, {}, 3, "no connection to 127.0.0.1:1: Connection refused. What has been read"),
        (
            {},
            {"SERVICENOW_PASSWORD": "no"},
            3,
            "401: user 'admin' with the password from SERVICENOW_PASSWORD was refused",
        ),
        ({}, {"SERVICENOW_AUTH": "api-key"}, 2, "no servicenow api-key. Expected SERVICENOW_API_KEY or"),
        (
            {},
            {"SERVICENOW_AUTH": "api-key", "SERVICENOW_API_KEY": "no"},
            3,
            "the API key from SERVICENOW_API_KEY was ref",
        ),
        (
            {},
            {"SERVICENOW_AUTH": "jwt-bearer"},
            2,
            "SERVICENOW_AUTH: 'jwt-bearer' asks for a token or needs a certificate",
        ),
        ({"out": "full"}, {}, 2, "Is a directory"),
        ({"out": "/dev/null/x"}, {}, 2, "/dev/null/x: Not a directory"),
        ({"seed-file": "empty"}, {}, 2, "empty is empty; expected a seed, or no file to make one"),
        ({"ca-file": "empty"}, {}, 2, "argument --ca-file: no certificate in 'empty'"),
    ],
)
def test_errors_are_one_line(  # noqa: PLR0913, PLR0917 - fixtures
    source: MockServiceNow,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: Mapping[str, str],
    environment: Mapping[str, str],
    code: int,
    error: str,
) -> None:
    """Unusable arguments end with 2, an instance that cannot be read with 3, each with one line."""
    (tmp_path / "empty").touch()
    (tmp_path / "full" / "unfinished-pull.jsonl").mkdir(parents=True)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    given = {"from": source.url, "tables": "incident", "out": "pulled", **options}
    try:
        ended = main(["pull", *(f"--{name}={value}" for name, value in given.items())])
    except SystemExit as end:
        ended = int(str(end.code))
    said = capsys.readouterr().err
    assert (ended, said.count("\n")) == (code, 1)
    assert error in said


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "code", "error"),
    [
        ({"kind": "cancelled"}, 3, "500: Transaction cancelled: maximum execution time exceeded"),
        ({"kind": "cancelled-partial"}, 3, "200: Transaction cancelled"),
        ({"kind": "rate-limited", "seconds": 0}, 3, "429, 10 times: the instance admits no more"),
        (
            {"kind": "node-switch"},
            3,
            "table 'sys_dictionary': user 'admin' with the password from default may not read",
        ),
        ({"kind": "node-switch", "path": "*/sys_choice"}, 0, ""),
        ({"kind": "node-switch", "path": "*/sys_number"}, 0, ""),
        ({"kind": "node-switch", "path": "*/u_laptop"}, 1, ""),
    ],
)
def test_trouble_of_the_instance(  # noqa: PLR0913, PLR0917 - fixtures
    source: MockServiceNow,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fault: dict[str, Any],
    code: int,
    error: str,
) -> None:
    """What cannot be read ends the pull, or is a line of the report."""
    given = {"path": "*/sys_dictionary", "times": None, **fault}
    source.faults.arm(given.pop("kind"), **given)
    assert pull(source, tmp_path / "pulled") == code
    out = capsys.readouterr()
    assert error in out.err
    left_out = "choices were left out: |prefixes of numbers were left out: |rows were left out: "
    assert bool(re.search(left_out, out.out)) == (not error)


@contextmanager
def stub(
    tables: Mapping[str, list[dict[str, Any]]],
    answer: Callable[[str], bytes] | None = None,
    hidden: Mapping[str, int] | None = None,
    failures: Sequence[int] = (),
) -> Iterator[str]:
    """Serve rows of tables, by name those of the dictionary; yields the address.

    Rows are not counted, but for tables of which some are hidden. The first answers are failures.
    """
    statuses = iter(failures)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            name, asked = address.path.rpartition("/")[2], parse_qs(address.query)
            query, _, after = asked["sysparm_query"][0].partition("^ORDERBY")[0].partition("sys_id>")
            key, _, named = query.partition("^")[0].partition("IN")
            found = sorted(tables.get(name, ()), key=lambda row: str(row["sys_id"]))
            rows = [row for row in found if key not in row or row[key] in named.split(",")]
            rows = [row for row in rows if row["sys_id"] > after]
            start, most = int(asked["sysparm_offset"][0]), int(asked["sysparm_limit"][0])
            body = answer(name) if answer else b""
            status = next(statuses, 404 if body.startswith(b'{"error"') else 200)
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if status > 499 else "application/json")
            self.send_header("Retry-After", "0")
            if hidden and name in hidden:
                self.send_header("X-Total-Count", str(len(rows) + hidden[name]))
            self.end_headers()
            self.wfile.write(
                b"<html>" if status > 499 else body or json.dumps({"result": rows[start : start + most]}).encode()
            )

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever, args=(0.01,))  # polls for its end
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            serving.join()


def defined(number: int, table: str, parent: str = "", **more: str) -> dict[str, str]:
    """Return a row of sys_db_object."""
    return {"sys_id": f"{number:032x}", "name": table, "label": table, "super_class.name": parent, **more}


def column(number: int, name: str, type_: str, table: str = "u_odd", **more: object) -> dict[str, Any]:
    """Return a row of sys_dictionary."""
    return {"sys_id": f"{number:032x}", "name": table, "element": name, "internal_type": type_, **more}


def choice(number: int, element: str, value: str) -> dict[str, str]:
    """Return a row of sys_choice."""
    return {"sys_id": f"{number:032x}", "name": "u_odd", "element": element, "value": value, "label": value}


ODD: dict[str, list[dict[str, Any]]] = {
    "sys_db_object": [
        defined(1, "u_odd", "u_even"),
        defined(2, "u_even", "u_odd"),
        defined(3, "u_odd", ""),
        defined(4, "task", "u_odd"),
        defined(5, "u-bad"),
        defined(6, "U_ODD"),
        defined(7, "u_orphan", "u_ghost"),
    ],
    "sys_dictionary": [
        column(1, "u_kind", "klingon"),
        column(2, "u_day", "date"),
        column(3, "u_call", "string", default_value="javascript:new Thing().value()"),
        column(4, "u_dynamic", "string", use_dynamic_default="true", virtual="true"),
        column(5, "u_state", "integer", default_value="9", max_length="4,000"),
        column(6, "u_gone", "reference", reference="u_nowhere"),
        column(7, "u_bad", "reference", reference="u-bad"),
        column(8, "u_user", "reference", reference={"value": "sys_user"}, reference_qual="javascript:x()"),
        column(9, "u_same", "string"),
        column(10, "U_same", "string"),
        column(11, "u_number", "integer"),
        column(12, "u_number", "string", "u_even"),
        column(13, "sys_id", "GUID"),
        column(14, "u odd", "string"),
        column(15, "short_description", "reference", "task", reference="sys_user"),
        column(16, "u_twice", "string"),
        column(17, "order", "integer"),
        column(18, "", "collection", "U_ODD"),
        column(19, "", "collection", "u_orphan"),
    ],
    "sys_choice": [
        choice(1, "u_state", "1"),
        choice(2, "u_state", "one"),
        choice(3, "u_state", ""),
        choice(4, "none", "1"),
        choice(5, "priority", "1") | {"name": "task"},
    ],
    "u_odd": [
        {
            "sys_id": "e" * 32,
            "u_kind": "a\u0080b\u2028c",
            "u_number": "many",
            "u_user": "f" * 32,
            "sys_class_name": "u_other",
        },
        {"sys_id": "d" * 32, "u_kind": None, "unasked": "x"},
    ],
}


@pytest.mark.long
def test_a_dictionary_that_contradicts_itself(tmp_path: Path) -> None:
    """What cannot be carried over is a line with its place, and a mock starts with the rest."""
    folder = tmp_path / "pulled"
    with stub(ODD) as url:
        given = ["pull", "--from", url, "--tables", "u_odd,U_ODD,u_orphan,task", "--out", str(folder), "--keep-text"]
        assert main(given) == 0
    lines = (folder / "report.txt").read_text()
    for line in (
        "table 'u_odd': left out: a second record of sys_db_object defines it",
        "it extends itself through",
        "table 'task': left out: extending 'u_odd', but for its columns: the mock's extends no table",
        "column 'task.short_description': left out: type reference to sys_user: the mock's is string",
        "column 'task.priority': left out: that it lacks choices of the mock: 2, 3, 4, 5",
        "table 'U_ODD' differs only in case from table 'u_odd'",
        "table 'u_orphan' extends 'u_ghost', which is not defined",
        "table 'u-bad': left out: its name is invalid",
        "column 'u_odd.u_kind': left out: type 'klingon', which the mock does not know: it holds texts",
        "column 'u_odd.u_call': left out: default 'javascript:new Thing().value()': expected one of javascript:gs.",
        "column 'u_odd.u_dynamic': left out: its dynamic default",
        "column 'u_odd.u_dynamic': left out: its calculation: rows have the values as they were",
        "column 'u_odd.u_state': left out: default '9': it is none of its choices",
        "column 'u_odd.u_state': left out: choice 'one': it is no integer",
        "column 'u_odd.u_gone': left out: the table 'u_nowhere' to which it refers: the instance has none of that name",
        "column 'u_odd.u_user': left out: its scripted reference qualifier",
        "column 'U_same' differs only in case from column 'u_same'",
        "column 'u_odd.u odd': left out: its name is invalid",
        "column 'u_odd.u_number': values were left out that are not of its type",
    ):
        assert line in lines
    with MockServiceNow(Settings(tables=(folder / "tables.yaml",), data=(folder / "data.yaml",))) as here:
        [task] = read(here, "sys_dictionary", "name=task^element=u_state", sysparm_fields="internal_type,max_length")
        assert task == {"internal_type": "integer", "max_length": "4000"}
        rows = read(here, "u_odd", sysparm_fields="u_kind,u_number,u_user")
        assert rows == [
            {"u_kind": "", "u_number": "", "u_user": ""},
            {"u_kind": "a\u0080b\u2028c", "u_number": "", "u_user": ""},
        ]


@pytest.mark.long
@pytest.mark.parametrize("query", ["", "u_kind=1^NQu_kind=2"])
def test_pages(tmp_path: Path, query: str) -> None:
    """More rows than a page are read in pages, also of an instance that does not count them."""
    rows = [{"sys_id": f"{number:032x}", "u_kind": str(number)} for number in range(2_500)]
    folder, given = tmp_path / "pulled", {**ODD, "u_odd": rows}
    asked = [f"--query=u_odd={query}"] * bool(query)
    with stub(given) as url:
        assert main(["pull", "--from", url, "--tables", "u_odd", "--rows", "2400", "--out", str(folder), *asked]) == 0
    found = yaml.safe_load((folder / "data.yaml").read_text())["u_odd"]
    assert [row["sys_id"] for row in found] == [row["sys_id"] for row in rows[:2400]]


@pytest.mark.parametrize(
    ("body", "code", "error"),
    [
        (b'{"result": [1]}', 3, "200: expected a list of records as result"),
        (b"[]", 3, "200: expected a list of records as result"),
        (b'{"error": {"message": "No Record found"}}', 2, "--tables: the instance has no table 'u_odd'"),
        (b'{"error": "no"}', 3, "404: expected a list of records as result"),
    ],
)
def test_answers_of_another_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: bytes, code: int, error: str
) -> None:
    """An answer that no instance gives ends the pull in one line; an old instance has 404 for no rows."""
    with stub({}, lambda _table: body) as url:
        assert main(["pull", "--from", url, "--tables", "u_odd", "--out", str(tmp_path / "pulled")]) == code
    assert error in capsys.readouterr().err


def pull_table(folder: Path, columns: list[dict[str, Any]], row: Mapping[str, str], *options: str) -> tuple[int, str]:
    """Pull a table of a stand-in with these columns and this row; returns the exit code and what was written."""
    given = {
        "sys_db_object": [defined(1, "u_odd")],
        "sys_dictionary": columns,
        "u_odd": [{"sys_id": "e" * 32, **row}],
    }
    with stub(given) as url:
        code = main(["pull", "--from", url, "--tables", "u_odd", "--out", str(folder), *options])
    return code, (folder / "data.yaml").read_text()


@pytest.mark.long
@pytest.mark.parametrize(
    ("length", "options", "never"),
    [("40", (), "hunter2|hans"), ("65000", (), "hunter2|hans"), ("65000", ("--keep-text",), "hunter2")],
)
def test_no_text_is_copied_whatever_its_type(tmp_path: Path, length: str, options: Sequence[str], never: str) -> None:
    """Without a rule no column of any type, known or not, has what the instance has if it may be a text.

    Kept text has no secret.
    """
    types = [*TYPES, "klingon"]
    columns = [column(at, f"u_{each}", each, max_length=length, reference="u_odd") for at, each in enumerate(types)]
    row = {f"u_{each}": '{"Password": "hunter2", "a": "Hans"}' for each in types}
    code, written = pull_table(tmp_path / "pulled", columns, row, *options)
    assert code == 0
    assert not re.search(never, written, re.IGNORECASE)


@pytest.mark.long
def test_the_settings_of_the_console_are_not_copied() -> None:
    """What the app's table of registrations holds is left out, whatever type and length the instance gives it."""
    names = WireNames.load(None)
    table = names.table("integration_configuration")
    metadata = names.group("columns.integration_configuration")["instance_metadata"]
    given = {
        "sys_db_object": [defined(1, table)],
        "sys_dictionary": [column(1, metadata, "string", table, max_length="100")],
        table: [{"sys_id": "e" * 32, metadata: '{"Password": "hunter2", "Endpoint Url": "https://console.test/"}'}],
    }
    with stub(given) as url:
        assert main(["pull", "--from", url, "--tables", table, "--out", "pulled"]) == 0
    written = Path("pulled", "data.yaml").read_text()
    assert "e" * 32 in written
    assert not re.search("hunter2|console|password", written, re.IGNORECASE)


PERSONAL = {
    "u_mail": ("string", "hans.mueller@acme-corp.test"),
    "u_name": ("string", "Hans Mueller"),
    "u_contact_info": ("string", "hans.mueller@acme-corp.test / +49 170 1234567"),
    "u_root_pw": ("string", "r00tpw!"),
    "u_iban": ("string", "DE89370400440532013000"),
    "u_bank": ("string", "Sparkasse 12345678"),
    "u_personalausweis": ("string", "L01X00T47"),
    "u_ticket": ("string", "hans.mueller@acme-corp.test"),
    "u_dn": ("string", "CN=Hans Mueller,DC=acme,DC=test"),
    "date_of_birth": ("glide_date", "1980-02-03"),
    "u_born": ("glide_date", "1980-02-03"),
    "u_birthday": ("glide_date_time", "1980-02-03 00:00:00"),
    "u_salary": ("currency", "EUR;54321.00"),
    "u_gehalt": ("integer", "54321"),
    "name": ("string", "hans-pc1"),
    "host_name": ("string", "mueller-laptop"),
    "fqdn": ("string", "srv1.acme.test"),
    "u_address": ("ip_addr", "10.20.30.40"),
}
VALUES = {
    "u_a": "Anruf hans.mueller@acme-corp.test",
    "u_b": "Tel +49 170 1234567",
    "u_c": "DE89 3704 0044 0532 0130 00",
    "u_d": "10.20.30.40 und fe80:0:0:0:1:2:3:4",
    "u_e": "password: hunter2",
    "u_f": "sk-live-abc123hunter2",
    "u_g": "-----BEGIN hunter2",
    "u_h": "(0221) 1234567, 555-123-4567",
    "u_i": "fe80::1:2",
    "u_api_secret": "hunter2",
}


@pytest.mark.long
def test_personal_data_is_not_copied(tmp_path: Path) -> None:
    """Names of columns need not be known: texts and days are replaced or left out by default."""
    columns = [column(at, name, type_) for at, (name, (type_, _value)) in enumerate(PERSONAL.items())]
    _code, written = pull_table(tmp_path / "a", columns, {name: value for name, (_type, value) in PERSONAL.items()})
    left = [name for name, (_type, value) in PERSONAL.items() if value in written]
    assert left == []
    assert not re.search("hans|mueller|acme|1234567|r00tpw|54321|1980", written, re.IGNORECASE)


@pytest.mark.long
def test_personal_values_are_replaced_where_a_rule_copies(tmp_path: Path) -> None:
    """Addresses, numbers and secrets are found in the values of copied columns; a secret's column needs its name."""
    (tmp_path / "rules.yaml").write_text('[{columns: ["u_*"], as: copy}]')
    columns = [column(at, name, "string") for at, name in enumerate(VALUES)]
    columns.append(column(90, "u_word", "string"))
    options = ("--rules", str(tmp_path / "rules.yaml"))
    _code, written = pull_table(tmp_path / "a", columns, {**VALUES, "u_word": "Open 24/7"}, *options)
    [row] = yaml.safe_load(written)["u_odd"]
    assert row["u_word"] == "Open 24/7"
    assert row["u_b"].startswith("Tel +")
    assert not re.search("hans|acme|1234567|37040044|3704|10.20.30|fe80|hunter2|123-4567", written, re.IGNORECASE)


def test_definitions_have_no_secret_and_no_address(tmp_path: Path) -> None:
    """Defaults and reference qualifiers are read as values are: a secret is left out, with a line."""
    columns = [
        column(1, "u_api_token", "string", default_value="hunter2"),
        column(2, "u_word", "string", default_value="password: hunter2"),
        column(3, "u_ref", "reference", reference="u_odd", reference_qual="u_word=token: hunter2"),
        column(4, "u_owner", "string", default_value="hans@acme.test"),
        column(5, "u_open", "string", default_value="Open"),
    ]
    pull_table(tmp_path / "a", columns, {})
    [table] = yaml.safe_load((tmp_path / "a" / "tables.yaml").read_text())
    assert table["columns"]["u_open"]["default"] == "Open"
    assert table["columns"]["u_owner"]["default"].endswith(".example")
    report = (tmp_path / "a" / "report.txt").read_text()
    for name in ("u_api_token", "u_word"):
        assert f"column 'u_odd.{name}': left out: its default, which may be a secret" in report
    assert "column 'u_odd.u_ref': left out: its reference qualifier, which may have a secret" in report
    written = report + (tmp_path / "a" / "tables.yaml").read_text()
    assert not re.search("hunter2|hans|acme", written, re.IGNORECASE)


@pytest.mark.long
def test_words_that_a_column_offers_are_copied() -> None:
    """A choice is copied, another value of its column is not; numbers of records and booleans are, too."""
    columns = [
        column(1, "u_state", "string"),
        column(2, "u_other", "string"),
        column(3, "number", "string"),
        column(4, "include_comment", "boolean"),
    ]
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "u_odd")],
        "sys_dictionary": columns,
        "sys_choice": [
            choice(1, "u_state", "open") | {"language": "de", "label": "Offen"},
            choice(2, "u_state", "shut") | {"language": "de", "label": "Zu"},
            choice(3, "u_state", "shut") | {"language": "en", "label": "Shut"},
            choice(4, "u_other", "a") | {"language": "en"},
            choice(5, "u_other", "hans@acme.test") | {"language": "en"},
        ],
        "u_odd": [
            {
                "sys_id": "e" * 32,
                "u_state": "open",
                "u_other": "hans@acme.test",
                "number": "ODD0001",
                "include_comment": True,
            },
            {"sys_id": "f" * 32, "u_state": "Telefon Hans", "number": "Hans 1", "include_comment": "false"},
        ],
    }
    with stub(given) as url:
        assert main(["pull", "--from", url, "--tables", "u_odd", "--out", "pulled"]) == 0
    first, second = yaml.safe_load(Path("pulled", "data.yaml").read_text())["u_odd"]
    assert (first["u_state"], first["number"], first["include_comment"]) == ("open", "ODD0001", "true")
    assert "u_state" not in second
    assert (second["number"] != "Hans 1", second["include_comment"]) == (True, "false")
    [table] = yaml.safe_load(Path("pulled", "tables.yaml").read_text())
    assert table["columns"]["u_state"]["choices"] == {"open": "Offen", "shut": "Shut"}
    assert first["u_other"] in table["columns"]["u_other"]["choices"]
    assert "hans" not in str([first, table])
    line = "column 'u_odd.u_state': choices without an English label have that of 'de'"
    assert line in Path("pulled", "report.txt").read_text()


@pytest.mark.long
def test_the_report_lists_every_column() -> None:
    """Each column of the instance is in one line of the report, and none that it lacks."""
    columns = [column(at, name, "string", "cmdb_ci", max_length="255") for at, name in enumerate(["name", "u_x"])]
    row = {"sys_id": "e" * 32, "name": "any"}
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "cmdb_ci")],
        "sys_dictionary": columns,
        "cmdb_ci": [row],
    }
    with stub(given) as url:
        assert main(["pull", "--from", url, "--tables", "cmdb_ci", "--out", "pulled"]) == 0
    lines = Path("pulled", "report.txt").read_text().splitlines()
    listed = [name for line in lines if line.count(": ") == 2 for name in line.rpartition(": ")[2].split(", ")]
    system = {"sys_class_name", "sys_created_by", "sys_created_on", "sys_id", "sys_mod_count", "sys_tags"}
    assert sorted(listed) == sorted({"name", "u_x", "sys_updated_by", "sys_updated_on"} | system)


@pytest.mark.long
@pytest.mark.parametrize(
    ("without", "hidden", "code", "line"),
    [
        ("sys_dictionary", {}, 1, "table 'u_odd': its columns were not read: the instance shows user 'admin'"),
        ("", {"sys_dictionary": 2}, 1, "table 'sys_dictionary': 2 rows are hidden from user 'admin'"),
        ("u_odd", {"u_odd": 3}, 1, "table 'u_odd': 3 rows are hidden from user 'admin'"),
        ("", {"u_odd": 3}, 0, "table 'u_odd': 3 rows are hidden from user 'admin'"),
        ("u_odd", {}, 0, "table 'u_odd': no rows: there are none, or user 'admin'"),
        ("", {}, 0, ""),
    ],
)
def test_what_the_instance_hides_is_reported(
    capsys: pytest.CaptureFixture[str], without: str, hidden: Mapping[str, int], code: int, line: str
) -> None:
    """An instance answers 200 without the rows that a user may not read: columns and rows of tables are missed."""
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "u_odd")],
        "sys_dictionary": [column(1, "u_word", "string"), column(2, "", "collection")],
        "u_odd": [{"sys_id": "e" * 32, "u_word": "any"}],
    }
    with stub({**given, without: []}, hidden=hidden) as url:
        assert main(["pull", "--from", url, "--tables", "u_odd", "--out", "pulled"]) == code
    said = capsys.readouterr().out
    assert line in Path("pulled", "report.txt").read_text()
    assert line in said
    assert bool(line) == bool(re.search("hidden|not read:|no rows:", said))


@pytest.mark.long
@pytest.mark.parametrize(("failures", "code"), [((502, 504), 0), ((503, 429, 502), 0), ((502, 502, 502), 3)])
def test_a_gateway_that_fails_is_asked_again(
    capsys: pytest.CaptureFixture[str], failures: Sequence[int], code: int
) -> None:
    """A request is sent twice more; the journal lists each."""
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "u_odd")],
        "sys_dictionary": [column(1, "u_day", "glide_date_time")],
        "u_odd": [{"sys_id": "e" * 32, "u_day": "2026-01-05 10:00:00"}],
    }
    with stub(given, failures=failures) as url:
        assert main(["pull", "--from", url, "--tables", "u_odd", "--out", "pulled", "--journal", "sent.jsonl"]) == code
    sent = [json.loads(line) for line in Path("sent.jsonl").read_text().splitlines()]
    assert tuple(each["status"] for each in sent)[:3] == (*failures, 200)[:3]
    assert {(each["method"], each["url"].partition("?")[0]) for each in sent[:3]} == {
        ("GET", f"{url}/api/now/table/sys_db_object")
    }
    assert ("502 text/html: expected JSON" in capsys.readouterr().err) == (code == 3)


def test_requests_without_an_answer_are_in_the_journal() -> None:
    """The journal has a request to which nobody answers."""
    options = ["--from", "http://127.0.0.1:1", "--tables", "u_odd", "--out", "pulled", "--journal", "sent.jsonl"]
    assert main(["pull", *options]) == 3
    [sent] = [json.loads(line) for line in Path("sent.jsonl").read_text().splitlines()]
    assert sent["status"] is None


def test_after_ctrl_c_the_same_command_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """An interrupted pull says that what it has read is kept."""
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "u_odd")],
        "sys_dictionary": [column(1, "u_day", "glide_date_time")],
    }

    def interrupt(name: str) -> bytes:
        if name == "u_odd":
            os.kill(os.getpid(), signal.SIGINT)
        return b""

    options = ["--tables", "u_odd", "--out", "pulled"]
    with stub(given, interrupt) as url:
        assert main(["pull", "--from", url, *options]) == 130
    assert "What has been read is kept: the same command goes on there." in capsys.readouterr().err
    assert [file.name for file in Path("pulled").iterdir() if file.suffix == ".jsonl"] == ["unfinished-pull.jsonl"]


LEARNED = """
tables: {activity_type: x_acme_kind, integration_configuration: x_acme_endpoint}
columns: {activity_type: {name: kind_name, instance_id: cfg}, integration_configuration: {instance_metadata: settings}}
"""


@pytest.mark.long
def test_tables_of_the_app_by_learned_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the names that learn has found, the app's tables are those that ship: a mock starts with both files."""
    (tmp_path / "ours.yaml").write_text(LEARNED)
    endpoint, kind = "e" * 32, "f" * 32
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "x_acme_kind"), defined(2, "x_acme_endpoint")],
        "sys_dictionary": [
            column(1, "kind_name", "string", "x_acme_kind", max_length="80"),
            column(2, "cfg", "reference", "x_acme_kind", reference="x_acme_endpoint"),
            column(3, "u_more", "integer", "x_acme_kind"),
            column(4, "settings", "string", "x_acme_endpoint", max_length="65000"),
        ],
        "x_acme_kind": [{"sys_id": kind, "kind_name": "Elevation", "cfg": endpoint, "u_more": "7"}],
        "x_acme_endpoint": [{"sys_id": endpoint, "settings": '{"Password": "hunter2"}'}],
    }
    with stub(given) as url:
        monkeypatch.setenv("SERVICENOW_URL", url)
        options = ["--inferred", "ours.yaml", "--tables", "x_acme_kind,x_acme_endpoint", "--out", "pulled"]
        assert main(["pull", *options]) == 0
    line = "column 'x_acme_kind.cfg': left out: type reference to x_acme_endpoint: the mock's is string"
    assert line in Path("pulled", "report.txt").read_text()
    assert "hunter2" not in Path("pulled", "data.yaml").read_text()
    settings = Settings(
        inferred=Path("ours.yaml"), tables=(Path("pulled", "tables.yaml"),), data=(Path("pulled", "data.yaml"),)
    )
    with MockServiceNow(settings) as here:
        rows = read(here, "x_acme_kind", sysparm_fields="sys_id,kind_name,cfg,u_more")
    assert rows == [{"sys_id": kind, "kind_name": "Elevation", "cfg": endpoint, "u_more": "7"}]


def test_names_that_are_not_those_of_the_app(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of names that cannot be used ends the command in one line before anything is read."""
    (tmp_path / "ours.yaml").write_text("tables: {activty_type: x_acme_kind}")
    options = ["--servicenow-url", "http://127.0.0.1:1", "--tables", "incident", "--inferred", "ours.yaml"]
    assert main(["pull", *options]) == 2
    assert "ours.yaml: " in capsys.readouterr().err


RULES_THAT_CANNOT_ACT = """
- {tables: [u_visitr], as: words}
- {columns: [u_dat], as: drop}
- {columns: [u_day], as: digits}
- {columns: [u_text], as: copy}
- {columns: ["*text"], as: drop}
- {types: [password2], as: never}
"""


@pytest.mark.long
def test_rules_that_cannot_act_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule that fits nothing is a line with the nearest name; where it cannot replace a value, that is left out."""
    (tmp_path / "rules.yaml").write_text(RULES_THAT_CANNOT_ACT)
    columns = [
        column(1, "u_day", "glide_date_time"),
        column(2, "u_text", "string"),
        column(3, "u_more_text", "string"),
        column(4, "u_hash", "password2"),
    ]
    row = {"u_day": "2026-01-05 10:00:00", "u_text": "any", "u_more_text": "some"}
    _code, written = pull_table(tmp_path / "a", columns, row, "--rules", str(tmp_path / "rules.yaml"))
    [found] = yaml.safe_load(written)["u_odd"]
    assert found.keys() & row.keys() == {"u_text"}
    said = capsys.readouterr().out
    assert "rules.yaml, rule 1: applies to no column that was read; table 'u_visitr' was not read\n" in said
    assert "rule 2: applies to no column that was read; column 'u_dat' was not read (did you mean 'u_day'?)" in said
    assert "rule 3: column 'u_odd.u_day' has type glide_date_time, which 'digits' cannot treat: it is left out" in said
    assert not re.search("rule [456]", said)


@pytest.mark.long
@given(st.text(st.characters(codec="utf-8"), min_size=1), st.sampled_from(["words", "email", "digits"]), st.text())
@examples(200)
def test_a_pseudonym_is_stable_and_never_the_value(value: str, kind: str, seed: str) -> None:
    """The same seed gives the same pseudonym, whoever makes it; it differs from the value."""
    made = Pseudonyms(seed).replaced(kind, value)
    assert made == Pseudonyms(seed).replaced(kind, value)
    assert Pseudonyms(seed).replaced(kind, "") == ""
    assert made != value


@given(st.from_regex(r"[A-Z][a-z]{1,9}", fullmatch=True), st.from_regex(r"[A-Z][a-z]{1,9}", fullmatch=True))
@examples(50)
def test_a_name_and_its_parts_stay_alike(first: str, last: str) -> None:
    """The pseudonym of a full name consists of those of its parts, and those of user name and address do, too."""
    names = Pseudonyms("any seed")
    both = f"{names.words(first)} {names.words(last)}"
    assert names.words(f"{first} {last}") == both
    assert names.words(f"{first}.{last}".lower()) == both.lower().replace(" ", ".")
    assert names.email(f"{first}.{last}@firm.test").startswith(both.replace(" ", ".") + "@")


def test_many_rows_are_in_several_files() -> None:
    """No file of rows exceeds its bound, and together they have every row, below its table."""
    rows: dict[str, Rows] = {"incident": [{"sys_id": f"{number:032x}"} for number in range(10)], "task": [{}]}
    texts = list(rows_texts(rows, 200))
    assert max(map(len, texts)) < 220
    found = [yaml.safe_load(text) for text in texts]
    assert [row for each in found for row in each.get("incident") or ()] == rows["incident"]


@pytest.mark.long
def test_a_terminal_shows_progress(source: MockServiceNow, tmp_path: Path) -> None:
    """A terminal shows which rows have been read; the line is gone in the end."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mock_servicenow", "pull", "--from", source.url, "--tables", "u_laptop"]
    command += ["--out", str(tmp_path / "pulled")]
    try:
        subprocess.run(command, stderr=theirs, stdout=subprocess.DEVNULL, check=True)  # noqa: S603 - our own
        shown = os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "u_laptop: 1 of 1 rows" in shown
    assert shown.endswith("\r\x1b[K")
