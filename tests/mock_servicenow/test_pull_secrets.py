"""``mock-servicenow pull`` leaves out texts with secrets: each row of secrets.yaml, by its examples."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from mock_servicenow.cli import main
from mock_servicenow.pull.pseudonyms import Pseudonyms
from mock_servicenow.pull.text_screen import SecretForms, SecretPattern, TextScreen
from tests.core.test_regular_expressions import quadratic

from .pulling import choice, column, defined, pull_table, stub

ROWS = SecretForms.packaged().rows
EXAMPLES = [(row, example) for row in ROWS for example in row.examples]
INNOCENT = [
    *("Password", "Password reset", "API key", "Token", "Basic information", "Task-based", "Key account manager"),
    *("u_code!=CC-9", "active=true^u_state=1", "Secretary: Anna", "yyyy-MM-dd", "Session = 1"),
]
SYS_ID = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
PROSE = [*INNOCENT, "Needs a password reset", "PIN", "It is on the desk", "Passed: 5 of 5", "The map shows the way"]


@pytest.mark.parametrize(("row", "example"), EXAMPLES, ids=[example for _, example in EXAMPLES])
def test_each_row_finds_its_examples(row: SecretPattern, example: str) -> None:
    """Within a longer text, too, and in any column."""
    screen = TextScreen(Pseudonyms("any seed"))
    for text in (example, f"Hello,\n{example}\nBye"):
        assert row.finds(text, text.lower())
        assert not screen.clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "pass\u00adword: hunter2",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44: hunter2",
        "pass\u200bword is hunter2",
    ],
)
def test_letters_that_look_otherwise_are_read_as_what_they_are(text: str) -> None:
    """Wide ones, and words with invisible characters in them."""
    assert not TextScreen(Pseudonyms("any seed")).clean(text)


@pytest.mark.parametrize(
    "text", ["zq(at)bank.test", "zq [at] bank.test", "zq%40bank.test", "2001:db8::1", "123-45-6789"]
)
def test_what_is_personal_in_another_form(text: str) -> None:
    """Is replaced in the middle of a text."""
    made = TextScreen(Pseudonyms("any seed")).clean(f"Of {text}, as before")
    assert text not in made
    assert (made[:3], made[-11:]) == ("Of ", ", as before")


def test_rows_take_linear_time() -> None:
    """As every expression in the code does."""
    assert [quadratic(row.pattern.pattern, row.pattern.flags, searched=True) for row in ROWS] == [""] * len(ROWS)
    about = SecretForms.packaged().about
    assert not quadratic(about.pattern, about.flags, searched=False)


def test_no_kept_text_has_a_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pull with --keep-text leaves out a value for each example, and copies prose without one."""
    texts = [*(example for _, example in EXAMPLES), *PROSE]
    columns = [column(at, f"u_{at}", "string", max_length="4000") for at in range(len(texts))]
    row = {f"u_{at}": text for at, text in enumerate(texts)}
    _code, written = pull_table(tmp_path / "pulled", columns, row, "--keep-text")
    [found] = yaml.safe_load(written)["u_odd"]
    assert [found[name] for name in row if name in found] == PROSE
    line = "--keep-text: free text was copied, with every name and secret in it that was not recognised\n"
    assert line in (tmp_path / "pulled" / "report.txt").read_text()
    assert line in capsys.readouterr().out


def test_definitions_may_name_a_password(tmp_path: Path) -> None:
    """Whatever is left out of free text is left out of defaults, labels and copied values, which may be sys_ids."""
    texts = [*(example for _, example in EXAMPLES), *INNOCENT]
    columns = [
        column(at, f"u_{at}", "string", max_length="4000", default_value=text, column_label=text)
        for at, text in enumerate(texts)
    ]
    rules, row = tmp_path / "rules.yaml", {f"u_{at}": text for at, text in enumerate(texts)}
    rules.write_text('[{columns: ["u_*"], as: copy}]')
    _code, written = pull_table(tmp_path / "pulled", columns, row, "--rules", str(rules))
    [found] = yaml.safe_load(written)["u_odd"]
    assert [value for name, value in found.items() if name.startswith("u_")] == [
        text for name, text in sorted(row.items()) if text in {*INNOCENT, SYS_ID}
    ]
    [table] = yaml.safe_load((tmp_path / "pulled" / "tables.yaml").read_text())
    kept = [each["default"] for each in table["columns"].values() if "default" in each]
    assert len(kept) == len(INNOCENT)
    assert kept[:2] == INNOCENT[:2]
    assert {each["label"] for each in table["columns"].values() if "label" in each} >= {*INNOCENT}


def test_a_choice_may_name_a_password(tmp_path: Path) -> None:
    """One that may be a secret is left out, with a line; a label alone becomes the value."""
    choices = [choice(1, "u_kind", "password_reset"), choice(2, "u_kind", SYS_ID) | {"label": "Passwort: geheim1"}]
    given = {
        "sys_db_object": [defined(1, "u_odd")],
        "sys_dictionary": [column(1, "u_kind", "string")],
        "sys_choice": [*choices, choice(3, "u_kind", "pw hunter2")],
    }
    with stub(given) as url:
        main(["pull", "--from", url, "--tables", "u_odd", "--out", str(tmp_path / "pulled")])
    [table] = yaml.safe_load((tmp_path / "pulled" / "tables.yaml").read_text())
    assert table["columns"]["u_kind"]["choices"] == {"password_reset": "password_reset", SYS_ID: SYS_ID}
    line = "column 'u_odd.u_kind': left out: a choice, which may be a secret\n"
    assert line in (tmp_path / "pulled" / "report.txt").read_text()


KNOWN = [
    *(
        "active=true^ORu_state=1",
        "active=true^EQ",
        "typeINincident,task^u_level>=2.5",
        "nameISNOTEMPTY^u_ref=" + "e" * 32,
    ),
    *(
        "sys_class_name=u_odd^NQu_state=open",
        "u_stateINopen,shut^ORDERBYnumber^GROUPBYmanager.name",
        "nameSAMEASuser_name",
    ),
]
UNKNOWN = [
    *("email=zq@bank.test", "active=true^ORmanager.name=Zq", "nameSTARTSWITHZq", "user_nameINadmin,zq", "u_id=4711471"),
    *("active=true^name=javascript:'Zq'", "u_owner=javascript:lookup('Zq')", "javascript:'Zq'", "sys_created_by=zq"),
    *("titleLIKEZq", "123TEXTQUERY321=Zq", "IR_AND_OR_QUERY=Zq", "GOTOname>=Zq", "NAME=Zq", "name =Zq", "name=A^^Zq"),
    *("RLQUERYsys_user_grmember.user,>=1^name=Zq^ENDRLQUERY", "JOINincident.caller_id=sys_user.sys_id!name=Zq", "Zq"),
    *("nameISEMPTYZq", "ORDERBYzq zq", "GROUPBYzq zq", "SUBQUERYsys_id,user,sys_user^name=Zq^ENDSUBQUERY"),
    *("u_api_token=4711", "active=true^ORu_pin_code=4711", "u_word=password: Zq", "name=incident,Zq"),
]


@pytest.fixture(scope="module")
def qualifiers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sequence[str], str]:
    """Pull a column for each qualifier; returns those that were written, and all files."""
    given = {
        "sys_db_object": [defined(1, "u_odd")],
        "sys_choice": [choice(1, "u_state", "open"), choice(2, "u_state", "shut")],
        "sys_dictionary": [
            column(at, f"u_{at}", "reference", reference="u_odd", reference_qual=each)
            for at, each in enumerate([*KNOWN, *UNKNOWN])
        ],
    }
    folder = tmp_path_factory.mktemp("out")
    with stub(given) as url:
        main(["pull", "--from", url, "--tables", "u_odd", "--out", str(folder)])
    [table] = yaml.safe_load((folder / "tables.yaml").read_text())
    found = [each["reference_qual"] for each in table["columns"].values() if "reference_qual" in each]
    return found, "".join(file.read_text() for file in folder.iterdir())


def test_a_qualifier_of_known_words_is_copied(qualifiers: tuple[Sequence[str], str]) -> None:
    """Of choices, booleans, sys_ids, short numbers and names of tables and columns."""
    assert qualifiers[0] == KNOWN


def test_any_other_qualifier_is_left_out(qualifiers: tuple[Sequence[str], str]) -> None:
    """With a line, whatever its operator, and whatever it is if it is no condition."""
    _, written = qualifiers
    assert not re.search(r"zq|4711", written, re.IGNORECASE)
    for at in range(len(KNOWN), len(KNOWN) + len(UNKNOWN)):
        assert re.search(rf"column 'u_odd.u_{at}': left out: its (?:reference|scripted) ", written)


def test_a_filter_is_copied_as_a_qualifier_is(tmp_path: Path) -> None:
    """Where a rule copies it."""
    (tmp_path / "rules.yaml").write_text('- {columns: ["u_filter*"], as: copy}')
    columns = [column(at, f"u_filter{at}", "conditions", max_length="4000") for at in range(2)]
    row = {"u_filter0": "active=true^state=1", "u_filter1": "active=true^emailLIKEzq@bank.test"}
    _code, written = pull_table(tmp_path / "pulled", columns, row, "--rules", str(tmp_path / "rules.yaml"))
    assert '"u_filter0":"active=true^state=1"' in written
    assert "u_filter1" not in written
