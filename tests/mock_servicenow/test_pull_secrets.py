"""``mock-servicenow pull`` leaves out texts with secrets: each row of secrets.yaml, by its examples."""

from pathlib import Path

import pytest
import yaml

from mock_servicenow.pull.pseudonyms import Pseudonyms
from mock_servicenow.pull.text_screen import SecretPattern, TextScreen, secret_rows
from tests.core.test_regular_expressions import quadratic

from .pulling import column, pull_table

ROWS = secret_rows()
EXAMPLES = [(row, example) for row in ROWS for example in row.examples]
INNOCENT = [
    *("Password", "Password reset", "API key", "Token", "Basic information", "Task-based", "Key account manager"),
    *("u_code!=CC-9", "active=true^u_state=1", "Secretary: Anna", "yyyy-MM-dd", "Session = 1"),
]
PROSE = [*INNOCENT[4:], "It is on the desk", "Passed: 5 of 5", "The map shows the way"]


@pytest.mark.parametrize(("row", "example"), EXAMPLES, ids=[example for _, example in EXAMPLES])
def test_each_row_finds_its_examples(row: SecretPattern, example: str) -> None:
    """Within a longer text, too, and in any column."""
    screen = TextScreen(Pseudonyms("any seed"))
    for text in (example, f"Hello,\n{example}\nBye"):
        assert row.finds(text, text.lower())
        assert not screen.free_text(text)
        assert row.is_for_text or not screen.label(text)


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
    assert not TextScreen(Pseudonyms("any seed")).label(text)


@pytest.mark.parametrize(
    "text", ["zq(at)bank.test", "zq [at] bank.test", "zq%40bank.test", "2001:db8::1", "123-45-6789"]
)
def test_what_is_personal_in_another_form(text: str) -> None:
    """Is replaced in the middle of a text."""
    made = TextScreen(Pseudonyms("any seed")).free_text(f"Of {text}, as before")
    assert text not in made
    assert (made[:3], made[-11:]) == ("Of ", ", as before")


def test_rows_take_linear_time() -> None:
    """As every expression in the code does."""
    assert [quadratic(row.pattern.pattern, row.pattern.flags, searched=True) for row in ROWS] == [""] * len(ROWS)


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
    """A default is left out for its own secret, but not for the word."""
    texts = [example for row, example in EXAMPLES if not row.is_for_text] + INNOCENT
    columns = [
        column(at, f"u_{at}", "string", max_length="4000", default_value=text, column_label=text)
        for at, text in enumerate(texts)
    ]
    pull_table(tmp_path / "pulled", columns, {})
    [table] = yaml.safe_load((tmp_path / "pulled" / "tables.yaml").read_text())
    kept = [each["default"] for each in table["columns"].values() if "default" in each]
    assert len(kept) == len(INNOCENT)
    assert kept[:2] == INNOCENT[:2]
    assert {each["label"] for each in table["columns"].values() if "label" in each} >= {*INNOCENT}


@pytest.mark.parametrize(
    ("qualifier", "kept"),
    [
        ("u_word=x^email=zq@bank.test^active=true", ["u_word=x^email=", ".example^active=true"]),
        ("email=zq@bank.test^ORemail=a.q@bank.test", ["email=", ".example^ORemail=", ".example"]),
        ("emailINzq@bank.test,a.q@bank.test^active=true", ["emailIN", ".example,", ".example^active=true"]),
        ("u_wordSTARTSWITHzq@bank.test^EQ", ["u_wordSTARTSWITH", ".example^EQ"]),
        ("active=true^ORmanager.name=Zq Zwick^NQsys_class_name=task", ["^ORmanager.name=", "^NQsys_class_name=task"]),
        ("nameISNOTEMPTY^u_table_name=task", ["nameISNOTEMPTY^u_table_name=task"]),
        ("user_name=javascript:gs.getUserName()", ["user_name=javascript:gs.getUserName()"]),
        ("u_card=4111 1111 1111 1111^u_at=4111111111111111", ["u_card=", "^u_at="]),
        ("u_ip=10.20.30.40^u_phone=+49 170 1234567^active=true", ["u_ip=", "^u_phone=+", "^active=true"]),
    ],
)
def test_only_the_value_of_a_qualifier_is_replaced(tmp_path: Path, qualifier: str, kept: list[str]) -> None:
    """Its other conditions stay."""
    columns = [column(1, "u_ref", "reference", reference="u_odd", reference_qual=qualifier)]
    pull_table(tmp_path / "pulled", columns, {})
    [table] = yaml.safe_load((tmp_path / "pulled" / "tables.yaml").read_text())
    found: str = table["columns"]["u_ref"]["reference_qual"]
    assert not [
        each for each in ("bank.test", "zq", "Zq", "Zwick", "a.q", "10.20.30.40", "1234567", "4111") if each in found
    ]
    assert [each for each in kept if each not in found] == []
    assert (found.count("^"), found.count("=")) == (qualifier.count("^"), qualifier.count("="))


def test_a_qualifier_with_a_secret_is_left_out(tmp_path: Path) -> None:
    """One whose value is that of a column with secrets, too."""
    queries = ["u_api_token=hunter2", "active=true^ORu_pin_code=4711", "u_word=password: hunter2"]
    columns = [
        column(at, f"u_{at}", "reference", reference="u_odd", reference_qual=query) for at, query in enumerate(queries)
    ]
    pull_table(tmp_path / "pulled", columns, {})
    written = [file.read_text() for file in (tmp_path / "pulled").iterdir()]
    assert [each for each in written if "hunter2" in each or "4711" in each] == []
    assert "column 'u_odd.u_1': left out: its reference qualifier, which may have a secret" in "".join(written)


def test_the_values_of_a_filter_are_replaced(tmp_path: Path) -> None:
    """Where a rule copies it: its conditions stay."""
    (tmp_path / "rules.yaml").write_text("- {columns: [u_filter], as: copy}")
    columns = [column(1, "u_filter", "conditions", max_length="4000")]
    row = {"u_filter": "active=true^emailLIKEzq@bank.test^state=1"}
    _code, written = pull_table(tmp_path / "pulled", columns, row, "--rules", str(tmp_path / "rules.yaml"))
    assert '"active=true^emailLIKE' in written
    assert '.example^state=1"' in written
