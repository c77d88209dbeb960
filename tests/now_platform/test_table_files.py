"""Files of tables: what they add to tables that ship, and what their errors name."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mock_servicenow.cli import main
from mock_servicenow.now_platform.dictionary.column_types import FAMILIES
from mock_servicenow.now_platform.dictionary.definitions import DictionaryError, Table
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.located_files import FilePlace
from mock_servicenow.now_platform.dictionary.table_files import load_dictionary, packaged_tables
from mock_servicenow.now_platform.dictionary.table_format import FORMS, checked_tables

SHIPPED = json.loads(resources.files("mock_servicenow").joinpath("tables.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SHIPPED)


def _dictionary(folder: Path, *texts: str) -> Dictionary:
    files = [folder / f"{number}.yaml" for number, _ in enumerate(texts, start=1)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    return load_dictionary(*files, tables=[Table("u_given")])


def test_a_file_changes_a_table_that_ships(tmp_path: Path) -> None:
    """It adds columns, choices and rules, and gives columns that the table has other attributes."""
    dictionary = _dictionary(
        tmp_path,
        """
- name: incident
  label: Ticket
  acls: [{operation: delete, roles: [admin]}]
  columns:
    u_cost_centre: {label: Cost centre, reference: cmn_department, mandatory: true}
    category: {length: 100, choices: {cloud: Cloud, network: Networks}}
    close_code: {mandatory: true}
- name: u_given
  columns: {u_name: {display: true}}
""",
        "- {name: incident, columns: {u_cost_centre: {label: Centre, default: ''}}}",
    )
    columns = dictionary.columns("incident")
    assert [columns["u_cost_centre"].label, columns["u_cost_centre"].reference] == ["Centre", "cmn_department"]
    assert columns["u_cost_centre"].mandatory
    labels = {choice.value: choice.label for choice in columns["category"].choices}
    assert labels["cloud"] == "Cloud"
    assert labels["network"] == "Networks"
    assert labels["inquiry"] == "Inquiry / Help"
    assert [columns["category"].max_length, columns["category"].default] == [100, "inquiry"]
    assert columns["close_code"].mandatory
    assert columns["close_code"].choices
    table = dictionary.table("incident")
    assert table is not None
    assert [table.label, table.parent, table.number_prefix] == ["Ticket", "task", "INC"]
    assert [acl.operation for acl in table.acls] == ["delete"]
    assert dictionary.display_column("u_given") == "u_name"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["parent first", "child first"])
def test_a_table_that_extends_another_gives_its_columns_other_attributes(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    """What it leaves out is as in the parent, except that its choices replace the parent's; the order is free."""
    texts = [
        "- {name: u_case, extends: incident, columns: {u_size: {type: integer, default: 1}, priority: {default: 5}}}",
        "- {name: u_claim, extends: u_case, columns: {u_size: {label: Extent}, priority: {choices: {5: Low}}}}",
    ]
    columns = _dictionary(tmp_path, *(texts[number] for number in order)).columns("u_claim")
    assert [columns["u_size"].type, columns["u_size"].label, columns["u_size"].default] == ["integer", "Extent", "1"]
    assert [(choice.value, choice.label) for choice in columns["priority"].choices] == [("5", "Low")]
    assert columns["priority"].default == "5"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "- name: u_x\n  columns:\n    u_a: {}\n    u_b:\n      type: intger\n",
            "5: table 'u_x', column 'u_b' has type 'intger' (did you mean 'integer'?); expected a column type",
        ),
        (
            "- name: u_x\n  columns:\n    u_b:\n      label: B\n      reference: sys_usr\n",
            "5: table 'u_x', column 'u_b' refers to table 'sys_usr' (did you mean 'sys_user'?), which is not defined",
        ),
        (
            "\n- name: u_x\n  extends: tsk\n",
            "3: table 'u_x' extends 'tsk' (did you mean 'task'?), which is not defined",
        ),
        ("- {name: incident, extends: problem}", "1: table 'incident' extends 'task'; it cannot extend 'problem'"),
        ("- {name: task, extends: problem}", "1: table 'task' extends no table; it cannot extend 'problem'"),
        ("- {name: u_x, extends: u_y}\n- {name: u_y, extends: u_x}\n", "1: table 'u_x' extends itself through 'u_y'"),
        (
            f"- name: u_x\n  columns: {{{', '.join(f'u_{number}: ' for number in range(1_001))}}}",
            "2: table 'u_x', column 'u_1000' is one more than 1000 in its hierarchy",
        ),
        (
            "- {name: u_x, columns: {u_a: {type: boolean, default: maybe}}}",
            "1: table 'u_x', column 'u_a' has default 'maybe'; expected true or false",
        ),
        (
            "- {name: u_x, columns: {u_a: {reference: sys_user, default: admin}}}",
            "1: table 'u_x', column 'u_a' has default 'admin'; expected a sys_id, or javascript:gs.getUserID()",
        ),
        (
            "- {name: u_x, columns: {u_a: {default: 'javascript:gs.getUserId()'}}}",
            "1: table 'u_x', column 'u_a' has default 'javascript:gs.getUserId()'; expected one of javascript:gs.get",
        ),
        (
            "- name: u_x\n  columns:\n    u_a:\n      choices: {low: Low}\n      type: integer",
            "4: table 'u_x', column 'u_a' has choice 'low'; expected a value of type integer",
        ),
        (
            "- {name: u_x, columns: {u_a: {choices: {yes: Sure}}}}",
            "1: table 'u_x', column 'u_a' has choice true: Sure. YAML reads yes, no, on and off as true or false.",
        ),
        (
            "- {name: u_x, columns: {u_a: {choices: {sure: Yes}}}}",
            "1: table 'u_x', column 'u_a' has choice sure: true. YAML reads yes, no, on and off as true or false.",
        ),
        (
            "- name: incident\n  columns:\n    catgory: {}\n",
            "3: table 'incident', column 'catgory' does not ship (did you mean 'category'?); a new name so like it",
        ),
        (
            "- {name: incident, columns: {shortdescription: {}}}",
            "1: table 'incident', column 'shortdescription' does not ship (did you mean 'short_description'?)",
        ),
        (
            "- {name: u_x, extends: u_y}\n- {name: u_y, extends: u_z}\n- {name: u_z, extends: u_y}\n",
            "2: table 'u_y' extends itself through 'u_z'",
        ),
        ("- {name: u_x}\n- {name: u_x}\n", "2: table 'u_x' is defined twice"),
        (
            "- name: incident\n  columns:\n    state:\n      type: string\n",
            "4: table 'incident', column 'state' has type 'integer'; it cannot become 'string'",
        ),
        (
            "- {name: incident, columns: {caller_id: {reference: task}}}",
            "1: table 'incident', column 'caller_id' has reference 'sys_user'; it cannot become 'task'",
        ),
        (
            "- {name: u_x, columns: {u_a: {type: reference}}}",
            "1: table 'u_x', column 'u_a' has type reference and no reference; expected the name of a table",
        ),
        (
            "- {name: u_x, columns: {u_a: {type: integer, reference: task}}}",
            "1: table 'u_x', column 'u_a' has type integer and a reference; expected type reference or glide_list",
        ),
        (
            "- {name: u_x, columns: {u_a: {type: integer, default: few}}}",
            "1: table 'u_x', column 'u_a' has default 'few'; expected a value of type integer",
        ),
        (
            "- name: u_x\n  columns:\n    u_a:\n      choices: {high: High, low: Low}\n      default: hihg\n",
            "5: table 'u_x', column 'u_a' has default 'hihg' (did you mean 'high'?); expected one of its choices",
        ),
        (
            "- {name: incident, columns: {impact: {default: 7}}}",
            "1: table 'incident', column 'impact' has default 7; expected one of its choices: 1, 2, 3",
        ),
        (
            "- {name: u_x, columns: {u_a: {type: int}}}",
            "1: table 'u_x', column 'u_a' has type 'int' (did you mean 'integer'?); expected a column type",
        ),
        (
            "- {name: u_x, columns: {u_a: {type: datetime}}}",
            "1: table 'u_x', column 'u_a' has type 'datetime' (did you mean 'glide_date_time'?); expected",
        ),
        (
            "- {name: u_x}\n- name: incidnet\n  columns: {u_a: }\n",
            "2: table 'incidnet' does not ship (did you mean 'incident'?); a new table has 'new: true'",
        ),
        ("- {name: sysuser}", "1: table 'sysuser' does not ship (did you mean 'sys_user'?); a new table has"),
        ("- {name: u_givne}", "1: table 'u_givne' does not ship (did you mean 'u_given'?); a new table has"),
        ("- {name: incident, new: true}", "1: table 'incident' is not new: it ships"),
        ("- {name: u_x, columns: {u_a: {length: true}}}", "1: table 'u_x', column 'u_a' has length True; expected"),
        (
            "- name: u_x\n  columns:\n    u_a: {length: 99999999999999999999}",
            "3: table 'u_x', column 'u_a' has length 99999999999999999999; expected a whole number from 1 to 10000000",
        ),
        (
            "- name: u_x\n  columns: {u_a: }\n  acls:\n  - {operation: raed}\n",
            "4: table 'u_x', acl has operation 'raed' (did you mean 'read'?); expected one of",
        ),
        (
            "- name: u_x\n  columns: {u_amount: }\n  acls:\n  - {operation: read, column: amount}\n",
            "3: table 'u_x', acl has column 'amount' (did you mean 'u_amount'?), which is not defined",
        ),
        ("- {name: u_x, columns: {rowid: }}", "1: table 'u_x', column 'rowid' has a name that databases reserve"),
        (f"- name: {'u' * 64}", "1: a table has name 'uuu"),
        ("", "1: expected a list of tables"),
    ],
)
def test_an_error_names_file_line_and_the_nearest_word(tmp_path: Path, text: str, message: str) -> None:
    """One line says where the mistake is, what it is, and what was expected."""
    with pytest.raises(DictionaryError) as caught:
        _dictionary(tmp_path, "- {name: u_y}" if "u_y" not in text else "[]", text)
    assert str(caught.value).startswith(f"2.yaml:{message}")


def test_a_new_table_whose_name_is_like_another(tmp_path: Path) -> None:
    """The file says that it is new; one whose name has other words or another number is new anyway."""
    text = "[{name: incidnet, new: true}, {name: u_incident}, {name: u_given_2}, {name: u_given2}]"
    assert _dictionary(tmp_path, text, "- {name: incidnet, label: L}").table("incidnet") is not None


def test_the_error_is_in_the_file_that_says_so(tmp_path: Path) -> None:
    """Of several files about one table the error names the one with the mistake."""
    with pytest.raises(DictionaryError, match=r"^1\.yaml:2: .* refers to table 'u_none', which is not defined"):
        _dictionary(tmp_path, "- name: u_x\n  columns: {u_a: {reference: u_none}}\n", "- {name: u_x, label: X}")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (Table("incident"), "table 'incident' is defined twice"),
        (Table("u_x", parent="u_none"), "table 'u_x' extends 'u_none', which is not defined"),
    ],
)
def test_a_table_of_no_file(table: Table, message: str) -> None:
    """An error about it names no file."""
    with pytest.raises(DictionaryError) as caught:
        load_dictionary(tables=[table])
    assert str(caught.value) == message


def test_the_schema_is_that_of_the_reader(capsys: pytest.CaptureFixture[str]) -> None:
    """``mock-servicenow schema`` prints the JSON Schema that ships."""
    assert main(["schema"]) == 0
    is_current = json.loads(capsys.readouterr().out) == SHIPPED
    assert is_current, "run: mock-servicenow schema > mock_servicenow/tables.schema.json"


def test_the_reference_has_every_key() -> None:
    """The document explains the keys in the words that editors show."""
    document = (Path(__file__).parents[2] / "docs/reference/tables-and-rows.md").read_text()
    keys = [f"| `{name}` | {form.about} |" for forms in FORMS.values() for name, form in forms.items()]
    assert not [key for key in keys if key not in document]


def test_the_reference_has_every_type_with_values_of_its_own() -> None:
    """The others hold text."""
    document = (Path(__file__).parents[2] / "docs/reference/tables-and-rows.md").read_text()
    listed = document.partition("### Types")[2].partition("\n\nEvery other")[0]
    assert [name for name in FAMILIES if f"`{name}`" not in listed] == []


@pytest.mark.long
def test_the_tables_that_ship_satisfy_the_schema() -> None:
    """An editor shows no error in them."""
    for file in Path(str(packaged_tables())).glob("*.yaml"):
        VALIDATOR.validate(json.loads(json.dumps(yaml.safe_load(file.read_text()))))


_WORDS = st.sampled_from(["u_a", "name", "read", "string", "intger", "reference", "9", "a b", ""])
_SCALARS = st.none() | st.booleans() | st.integers(-2, 300) | st.just(1.5) | _WORDS
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_WORDS, inner, max_size=2))


def _said(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return definitions of a kind, most of whose keys are known and some of whose values fit."""
    inner: dict[str, st.SearchStrategy[object]] = {
        "columns": st.dictionaries(_WORDS, st.none() | st.deferred(lambda: _said("column")), max_size=2)
    }
    inner["acls"] = st.lists(st.deferred(lambda: _said("acl")), max_size=2)
    inner["view"] = st.lists(st.deferred(lambda: _said("joined_table")), max_size=2)
    inner["life_cycle"] = st.deferred(lambda: _said("life_cycle"))
    inner["effects"] = st.dictionaries(_WORDS, st.none() | st.deferred(lambda: _said("effect")), max_size=2)
    keys = st.sampled_from([*FORMS[kind], "other"])
    one = keys.flatmap(lambda key: st.tuples(st.just(key), inner.get(key, _VALUES) | _VALUES))
    needed = {"table": {"name": "u_x"}, "acl": {"operation": "read"}, "joined_table": {"table": "u_x", "prefix": "x"}}
    named = needed.get(kind, {})
    return st.lists(one, max_size=3).map(lambda pairs: {**named, **dict(pairs)})


def _is_read(content: object) -> bool:
    try:
        checked_tables(content, FilePlace("x.yaml", "[]"))
    except DictionaryError:
        return False
    return True


@pytest.mark.long
@given(st.lists(_said("table") | _VALUES, max_size=2) | _VALUES)
def test_the_schema_accepts_what_the_reader_accepts(content: object) -> None:
    """The reader and the schema are made of the same rows, and judge every file alike."""
    assert VALIDATOR.is_valid(content) == _is_read(content)
