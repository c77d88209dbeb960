"""``mock-servicenow pull`` of instances that contradict themselves, hide rows, fail, or answer in another shape."""

import json
import os
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from mock_servicenow import MockServiceNow, Settings
from mock_servicenow.cli import main

from .pulling import choice, column, defined, raw_server, read, stub


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


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
        column(16, "u_twice", "string", max_length="9" * 5_000),  # more digits than Python reads
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
    Path("rules.yaml").write_text("- {columns: [u_number], as: copy}")
    with stub(ODD) as url:
        given = ["pull", "--from", url, "--tables", "u_odd,U_ODD,u_orphan,task", "--out", str(folder), "--keep-text"]
        assert main([*given, "--rules", "rules.yaml"]) == 0
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
            {"u_kind": "", "u_number": "", "u_user": ""},
        ]


@pytest.mark.long
@pytest.mark.parametrize(("largest_page", "hidden"), [(10_000, {}), (700, {"u_odd": 0})], ids=["uncounted", "counted"])
@pytest.mark.parametrize("query", ["", "u_kind=1^NQu_kind=2", "ORDERBYu_kind"])
def test_pages(tmp_path: Path, query: str, largest_page: int, hidden: Mapping[str, int]) -> None:
    """All rows are read, in pages: of an instance that does not count them, and of one that lists few at once."""
    rows = [{"sys_id": f"{number:032x}", "u_kind": str(number)} for number in range(2_500)]
    folder, given = tmp_path / "pulled", {**ODD, "u_odd": rows}
    asked = [f"--query=u_odd={query}"] * bool(query)
    with stub(given, hidden=hidden, largest_page=largest_page) as url:
        assert main(["pull", "--from", url, "--tables", "u_odd", "--rows", "2400", "--out", str(folder), *asked]) == 0
    found = yaml.safe_load((folder / "data.yaml").read_text())["u_odd"]
    assert [row["sys_id"] for row in found] == [row["sys_id"] for row in rows[:2400]]


def test_more_references_than_a_request_asks_for() -> None:
    """All records that the instance has are copied, also those in a list; a telephone's number becomes another."""
    columns = [
        column(1, "u_ref", "reference", reference="u_even"),
        column(2, "u_list", "glide_list", reference="u_even"),
        column(3, "u_phone", "integer", "u_even"),
    ]
    ids, gone = [f"{number:032x}" for number in range(1, 151)], "f" * 32
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "u_odd"), defined(2, "u_even")],
        "sys_dictionary": columns,
        "u_odd": [{"sys_id": f"e{each[1:]}", "u_ref": each, "u_list": f"{each},{gone}"} for each in ids],
        "u_even": [{"sys_id": each, "u_phone": "5551234"} for each in ids],
    }
    with stub(given) as url:
        assert main(["pull", "--from", url, "--tables", "u_odd", "--rows", "150", "--out", "pulled"]) == 0
    rows = yaml.safe_load(Path("pulled", "data.yaml").read_text())
    assert [(row["u_ref"], row["u_list"]) for row in rows["u_odd"]] == [(each, each) for each in ids]
    assert [row["sys_id"] for row in rows["u_even"]] == ids
    [phone] = {row["u_phone"] for row in rows["u_even"]}
    assert phone.isdecimal()
    assert phone != "5551234"


def test_references_to_a_record_whose_sys_id_is_none() -> None:
    """They lead to it under its new sys_id, also in a list; those to a record that was not copied are counted."""
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "u_odd"), defined(2, "u_even")],
        "sys_dictionary": [
            column(1, "u_ref", "reference", reference="u_even"),
            column(2, "u_list", "glide_list", reference="u_even"),
            column(3, "", "collection", "u_even"),
        ],
        "u_odd": [
            {"sys_id": "e" * 32, "u_ref": "zq1.anna", "u_list": "zq1.anna,zq3@bank.test"},
            {"sys_id": "f" * 32, "u_ref": "zq2.anna", "u_list": "zq2.anna, zq1.anna"},
        ],
        "u_even": [{"sys_id": "zq1.anna"}],
    }
    with stub(given) as url:
        assert main(["pull", "--from", url, "--tables", "u_odd,u_even", "--out", "pulled"]) == 0
    rows = yaml.safe_load(Path("pulled", "data.yaml").read_text())
    [there] = [row["sys_id"] for row in rows["u_even"]]
    assert [(row.get("u_ref"), row["u_list"]) for row in rows["u_odd"]] == [(there, there), (None, there)]
    report = Path("pulled", "report.txt").read_text()
    for name in ("u_ref", "u_list"):
        assert f"column 'u_odd.{name}': emptied in 1 rows: it refers to records that were not copied" in report
    assert "zq" not in report + str(rows)


@pytest.mark.parametrize("cut", [b"\\ud83d", b"\xf0\x9f"])
def test_a_text_that_was_cut_within_a_character(cut: bytes) -> None:
    """Columns end where they are full, also in the middle of an emoji: the rest of the text is copied."""
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "u_odd")],
        "sys_dictionary": [column(1, "u_note", "html"), column(2, "u_other", "html")],
    }
    row = b'{"sys_id": "%s", "u_note": "cut %s", "u_other": "whole \\ud83d\\ude00 \\u00e9"}' % (b"e" * 32, cut)
    with stub(given, lambda table: b'{"result": [%s]}' % row * (table == "u_odd")) as url:
        assert main(["pull", "--from", url, "--tables", "u_odd", "--out", "pulled", "--keep-text"]) == 0
    [found] = yaml.safe_load(Path("pulled", "data.yaml").read_text())["u_odd"]
    assert found["u_other"] == "whole \U0001f600 \xe9"
    assert found["u_note"] in {"cut ?", "cut \ufffd"}


@pytest.mark.parametrize(
    ("body", "code", "error"),
    [
        (b'{"result": [1]}', 3, "200: expected a list of records as result"),
        (b"[]", 3, "200: expected a list of records as result"),
        (b'{"error": {"message": "No Record found"}}', 2, "--tables: the instance has no table 'u_odd'"),
        (b"[" * 100_000, 3, "200 application/json: expected JSON"),
        (b'{"error": "no"}', 3, "404: expected a list of records as result"),
        (
            b'{"error": {"message": "ACL Exception Query Failed for zq@bank.test"}}',
            3,
            "t read it (404: ACL Exception);",
        ),
        (b'{"error": {"message": "Zq Zwick may not"}}', 3, "cannot read it (404);"),
    ],
)
def test_answers_of_another_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: bytes, code: int, error: str
) -> None:
    """An answer that no instance gives ends the pull in one line; an old instance has 404 for no rows."""
    with stub({}, lambda _table: body) as url:
        assert main(["pull", "--from", url, "--tables", "u_odd", "--out", str(tmp_path / "pulled")]) == code
    said = capsys.readouterr().err
    assert error in said
    assert not re.search("zq|zwick", said, re.IGNORECASE)


@pytest.mark.long
@pytest.mark.parametrize(
    ("without", "hidden", "code", "line"),
    [
        ("sys_dictionary", {}, 1, "table 'u_odd': its columns were not read: the instance shows the user"),
        ("", {"sys_dictionary": 2}, 1, "table 'sys_dictionary': 2 rows are hidden from the user"),
        ("u_odd", {"u_odd": 3}, 1, "table 'u_odd': 3 rows are hidden from the user"),
        ("", {"u_odd": 3}, 0, "table 'u_odd': 3 rows are hidden from the user"),
        ("u_odd", {}, 0, "table 'u_odd': no rows: there are none, or the user may"),
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
    assert "admin" not in said
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
    """The journal has a request to which nobody answers; only its owner reads it, as queries may name people."""
    Path("sent.jsonl").touch(0o644)
    options = ["--from", "http://127.0.0.1:1", "--tables", "u_odd", "--out", "pulled", "--journal", "sent.jsonl"]
    assert main(["pull", *options]) == 3
    assert Path("sent.jsonl").stat().st_mode & 0o777 == 0o600
    [sent] = [json.loads(line) for line in Path("sent.jsonl").read_text().splitlines()]
    assert sent["status"] is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no terminals among its files")
def test_a_device_keeps_its_mode(tmp_path: Path) -> None:
    """The journal may be a terminal, which others may read as before."""
    terminal, journal = os.openpty()
    os.fchmod(journal, 0o666)
    options = ["--from", "http://127.0.0.1:1", "--tables", "u_odd", "--out", str(tmp_path / "pulled")]
    assert main(["pull", *options, "--journal", os.ttyname(journal)]) == 3
    assert os.fstat(journal).st_mode & 0o777 == 0o666
    assert b'"status":null' in os.read(terminal, 1_000)
    os.close(terminal)
    os.close(journal)


def test_after_ctrl_c_the_same_command_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """An interrupted pull says that what it has read is kept, and the next one that it is not read again."""
    interrupts = iter([True])
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "u_odd")],
        "sys_dictionary": [column(1, "u_day", "glide_date_time")],
    }

    def interrupt(name: str) -> bytes:
        if name == "u_odd" and next(interrupts, False):
            os.kill(os.getpid(), signal.SIGINT)
        return b""

    options = ["--tables", "u_odd", "--out", "pulled"]
    with stub(given, interrupt) as url:
        assert main(["pull", "--from", url, *options]) == 130
        assert "What has been read is kept: the same command goes on there." in capsys.readouterr().err
        assert Path("pulled", "unfinished-pull.jsonl").is_file()
        assert main(["pull", "--from", url, *options]) == 0
        assert "pages of an earlier pull are not read again" in capsys.readouterr().out
        Path("pulled", ".gitignore").write_text("mine\n")
        assert main(["pull", "--from", url, *options]) == 0
        assert "earlier pull" not in capsys.readouterr().out
    assert Path("pulled", ".gitignore").read_text() == "mine\n"


ARMED = "x\x1b[31m\n::error::zq@bank.test"


def test_words_of_the_instance_are_shown_without_what_is_personal(capsys: pytest.CaptureFixture[str]) -> None:
    """Names, types, targets and languages may be anything: addresses are replaced, and controls are escaped."""
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "u_odd", ARMED)],
        "sys_dictionary": [
            column(1, "u_type", ARMED),
            column(2, ARMED, "string"),
            column(3, "u_ref", "reference", reference=ARMED),
            column(4, "u_state", "string", default_value=ARMED),
            column(5, "u_kind", ARMED, reference=ARMED, use_reference_qualifier=ARMED, reference_qual=ARMED),
        ],
        "sys_choice": [choice(1, "u_state", "open") | {"language": ARMED}, choice(2, "u_state", "shut")],
    }
    with stub(given) as url:
        assert main(["pull", "--from", url, "--tables", "u_odd", "--out", "pulled"]) == 0
    said = capsys.readouterr().out + Path("pulled", "report.txt").read_text()
    written = "".join(file.read_text() for file in Path("pulled").iterdir())
    assert "u_type" in said
    assert [each for each in ("zq", "bank", "\x1b", "\n::error::") if each in said] == []
    assert [each for each in ("zq", "bank") if each in written] == []


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX-Bad: a\0zq anna\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzq anna\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\nzq anna",
        b"zq anna\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"zq anna" * 9_000 + b"\r\n\r\n",
    ],
    ids=["header", "chunk", "gzip", "no HTTP", "long header"],
)
def test_an_answer_that_is_no_http_is_not_quoted(capsys: pytest.CaptureFixture[str], answer: bytes) -> None:
    """The line has neither its bytes nor the query."""
    options = ["--tables", "u_odd", "--out", "pulled", "--query", "u_odd=caller_id.name=zq"]
    with raw_server(answer) as url:
        assert main(["pull", "--from", url, *options]) == 3
    said = capsys.readouterr().err
    assert "the answer could not be read: " in said
    assert not re.search("zq|anna|query", said)


def test_git_ignores_the_seed_and_what_is_unfinished() -> None:
    """These name people, or tell who they are; the other files are to be committed."""
    with stub({"sys_db_object": [defined(1, "u_odd")]}) as url:
        assert main(["pull", "--from", url, "--tables", "u_odd", "--out", "pulled"]) == 1
    assert Path("pulled", ".gitignore").read_text() == "/seed.txt\n/unfinished-pull.jsonl\n"
