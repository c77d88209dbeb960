"""``mock-servicenow pull``: the mock is the real instance."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from mock_servicenow import MockServiceNow, Settings
from mock_servicenow.cli import main
from mock_servicenow.pull.pseudonyms import Pseudonyms

from .pulling import contents, pull, read

TABLES = """
- name: incident
  columns:
    u_cost_centre: {label: Cost centre, reference: u_cost_centre, reference_qual: u_floor!=9}
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
            names.replaced("words", "CC-1", 12),
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
    assert incident["number"] == "INC" + names.digits("0007001")
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
            "401: it refuses user 'admin' with the password from SERVICENOW_PASSWORD",
        ),
        ({}, {"SERVICENOW_AUTH": "api-key"}, 2, "no servicenow api-key. Expected SERVICENOW_API_KEY or"),
        (
            {},
            {"SERVICENOW_AUTH": "api-key", "SERVICENOW_API_KEY": "no"},
            3,
            "it refuses the API key from SERVICENOW_API_KEY",
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
            "table 'sys_dictionary': user 'admin' with the password from default cannot read",
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
