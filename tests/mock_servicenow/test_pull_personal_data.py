"""``mock-servicenow pull`` replaces personal data and leaves out secrets, as rules say."""

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mock_servicenow.cli import main
from mock_servicenow.now_platform.dictionary.column_types import TYPES
from mock_servicenow.pull.pseudonyms import Pseudonyms
from privman_contracts import WireNames
from tests.generated import examples

from .pulling import choice, column, defined, pull_table, stub


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


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
KNOWN_TO_NOBODY = {
    "u_wert_a": ("longint", "4711000815"),
    "u_wert_b": ("decimal", "98125.5"),
    "u_wert_c": ("glide_date_time", "1980-05-17 00:00:00"),
    "u_wert_d": ("due_date", "1980-05-17 00:00:00"),
    "u_wert_e": ("float", "48.137154"),
    "u_since": ("glide_duration", "1980-05-17 00:00:00"),
    "x_acme_wert": ("integer", "4711000816"),
}


def test_numbers_and_moments_of_columns_that_do_not_ship(tmp_path: Path) -> None:
    """They are not copied, whatever the name, unless a choice or by a rule; those of columns that ship are."""
    columns = [column(at, name, type_, "incident") for at, (name, (type_, _)) in enumerate(KNOWN_TO_NOBODY.items())]
    shipping = {"opened_at": "2026-01-05 10:00:00", "business_stc": "77001"}
    columns += [column(70, "opened_at", "glide_date_time", "task"), column(71, "business_stc", "integer", "incident")]
    columns.append(column(72, "u_level", "integer", "incident"))
    row = {name: value for name, (_, value) in KNOWN_TO_NOBODY.items()} | shipping
    level = choice(1, "u_level", "2") | {"name": "incident"}
    given: dict[str, list[dict[str, Any]]] = {
        "sys_db_object": [defined(1, "incident", "task"), defined(2, "task")],
        "sys_dictionary": columns,
        "sys_choice": [level],
        "incident": [{"sys_id": "e" * 32, "u_level": "2", **row}, {"sys_id": "f" * 32, "u_level": "7"}],
    }
    rules = tmp_path / "rules.yaml"
    rules.write_text("- {columns: [u_wert_c, u_wert_a], as: copy}")
    with stub(given) as url:
        for more, kept in ([], {*shipping}), (["--rules", str(rules)], {*shipping, "u_wert_c", "u_wert_a"}):
            assert main(["pull", "--from", url, "--tables", "incident", "--out", "pulled", *more]) == 0
            first, second = yaml.safe_load(Path("pulled", "data.yaml").read_text())["incident"]
            assert {name: first[name] for name in first.keys() & row.keys()} == {name: row[name] for name in kept}
            assert (first["u_level"], "u_level" in second) == ("2", False)


def test_streets_are_no_free_text(tmp_path: Path) -> None:
    """Whatever the length of their columns."""
    lengths = {"street": "255", "u_address": "255", "u_home_street": "100", "u_anschrift": "40", "u_strasse_2": "4000"}
    columns = [column(at, name, "string", max_length=length) for at, (name, length) in enumerate(lengths.items())]
    columns.append(column(90, "email_address", "string", max_length="255"))
    row = dict.fromkeys(lengths, "Zwickweg 7")
    _code, written = pull_table(tmp_path / "a", columns, row | {"email_address": "zq@bank.test"}, "--keep-text")
    [found] = yaml.safe_load(written)["u_odd"]
    assert found.keys() & {*row, "email_address"} == {"email_address"}


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
    assert "column 'u_odd.u_ref': left out: its reference qualifier, which may name somebody or have a secret" in report
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
        "sys_number": [{"sys_id": "a" * 32, "category": "u_odd", "prefix": "ODD"}],
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


@pytest.mark.long
@given(
    st.sets(st.text("abcxyz0189 .,-@_", min_size=1), min_size=2, max_size=8).map(sorted),
    st.sampled_from(["words", "email", "digits"]),
    st.integers(12, 60),
)
@examples(200)
def test_a_pseudonym_fits_its_column(values: list[str], kind: str, most: int) -> None:
    """It is never longer than the column, and no two values that fit there have the same one."""
    fitting = [each for each in values if len(each) <= most and re.search(r"\w", each)]
    made = [Pseudonyms("any seed").replaced(kind, each, most) for each in fitting]
    assert max(map(len, made), default=0) <= most
    assert len({*made}) == len(made)
    assert {*made} & {*fitting} == set()


@pytest.mark.parametrize("most", [1, 2])
def test_a_pseudonym_fits_a_short_column(most: int) -> None:
    """All words of so many letters or digits have different ones."""
    values = list(map("".join, product("abcdefghijklmnopqrstuvwxyz", repeat=most)))
    values += list(map("".join, product("0123456789", repeat=most)))
    made = [Pseudonyms("any seed").replaced("words", each, most) for each in values]
    assert sorted(made) == sorted(values)
    assert [each for each, other in zip(values, made, strict=True) if each == other] == []


@pytest.mark.parametrize("value", ["--", "¿?", "a" * 20, "Zebulon Zwick"])
def test_a_pseudonym_fits_whatever_the_value(value: str) -> None:
    """A value without letters, and one that is itself too long, get letters."""
    made = Pseudonyms("any seed").replaced("words", value, 5)
    assert made.isalpha()
    assert len(made) == 5


@pytest.mark.parametrize("most", [1, 5, 10, 17, 18, 30])
def test_a_short_address_is_nobodys(most: int) -> None:
    """It ends with .example, or is no address at all."""
    made = Pseudonyms("any seed").replaced("email", "zebulon.zwick@bank.test", most)
    assert len(made) <= most
    assert made.endswith("@x.example") or "@" not in made


@given(st.from_regex(r"[A-Z][a-z]{1,9}", fullmatch=True), st.from_regex(r"[A-Z][a-z]{1,9}", fullmatch=True))
@examples(50)
def test_a_name_and_its_parts_stay_alike(first: str, last: str) -> None:
    """The pseudonym of a full name consists of those of its parts, and those of user name and address do, too."""
    names = Pseudonyms("any seed")
    both = f"{names.words(first)} {names.words(last)}"
    assert names.words(f"{first} {last}") == both
    assert names.words(f"{first}.{last}".lower()) == both.lower().replace(" ", ".")
    assert names.email(f"{first}.{last}@firm.test").startswith(both.replace(" ", ".") + "@")
