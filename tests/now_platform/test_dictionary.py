"""Table definitions, packaged and of one's own."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mock_servicenow.now_platform.dictionary.definitions import Acl, Column, DictionaryError, Table
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.table_files import load_dictionary


def test_inheritance(dictionary: Dictionary) -> None:
    """A child has its parents' columns, its own ones replace theirs, and all share one physical table."""
    columns = dictionary.columns("incident")
    assert next(iter(columns)) == "sys_id"
    assert {"sys_class_name", "short_description", "caller_id"} <= columns.keys()
    assert columns["state"].choices[0].label == "New"
    assert dictionary.columns("task")["state"].choices[1].label == "Open"
    assert dictionary.root("incident") == "task"
    assert dictionary.lineage("cmdb_ci_linux_server") == (
        "cmdb_ci_linux_server",
        "cmdb_ci_server",
        "cmdb_ci_computer",
        "cmdb_ci_hardware",
        "cmdb_ci",
    )
    assert set(dictionary.family("cmdb_ci_computer")) >= {"cmdb_ci_computer", "cmdb_ci_server", "cmdb_ci_linux_server"}
    assert dictionary.sql_table("incident") is dictionary.sql_table("task")
    assert dictionary.table("bunk") is None


def test_only_hierarchies_have_classes(dictionary: Dictionary) -> None:
    """sys_class_name is where a table is extended or may be."""
    assert dictionary.has_classes("sys_user")
    assert dictionary.has_classes("task")
    assert not dictionary.has_classes("syslog")


@pytest.mark.parametrize(
    ("table", "column"),
    [("incident", "number"), ("sys_user", "name"), ("sys_user_has_role", "role"), ("sys_ui_list_element", "element")],
)
def test_display_columns(dictionary: Dictionary, table: str, column: str) -> None:
    """The flagged column stands for a record, the child's flag before the parent's."""
    assert dictionary.display_column(table) == column


@pytest.mark.parametrize(
    ("columns", "display"), [((), "sys_id"), ((Column("name"),), "name"), ((Column("u_name"), Column("x")), "u_name")]
)
def test_display_columns_without_flag(columns: tuple[Column, ...], display: str) -> None:
    """Without a flag the usual names stand for a record, else its sys_id."""
    assert Dictionary([Table("u_x", columns=columns)]).display_column("u_x") == display


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([Table("a", parent="b")], "table 'a' extends 'b', which is not defined"),
        ([Table("a", parent="b"), Table("b", parent="a")], "table 'a' extends itself through 'b'"),
        ([Table("a"), Table("A")], "table 'A' differs only in case from table 'a'"),
        ([Table("sqlite_a")], "table 'sqlite_a' has a name that is reserved"),
        ([Table("mock_servicenow_schema")], "table 'mock_servicenow_schema' has a name that is reserved"),
        ([Table("a", columns=(Column("rowid"),))], "table 'a', column 'rowid' has a name that databases reserve"),
        (
            [Table("a", columns=(Column("u_a"), Column("U_A")))],
            "table 'a', column 'U_A' differs only in case from column 'u_a'",
        ),
        ([Table("a"), Table("a")], "table 'a' is defined already"),
        ([Table("a", columns=(Column("sys_id"),))], "table 'a', column 'sys_id' is one that every table has"),
        ([Table("a", acls=(Acl("read", column="b"),))], "table 'a', acl has column 'b', which is not defined"),
        (
            [Table("a", columns=(Column("c", type="reference", reference="b"),))],
            "table 'a', column 'c' refers to table 'b', which is not defined",
        ),
        (
            [Table("a", columns=(Column("c"),)), Table("b", parent="a", columns=(Column("c", type="integer"),))],
            "table 'b', column 'c' has type 'integer'; its hierarchy stores that column as 'string'",
        ),
    ],
)
def test_definitions_that_cannot_hold(tables: list[Table], message: str) -> None:
    """What is wrong is told with table and column."""
    with pytest.raises(DictionaryError, match=message):
        Dictionary(tables)


NAMES = [f"u_{name}" for name in "abcdef"]


@pytest.mark.long
@given(st.dictionaries(st.sampled_from(NAMES), st.none() | st.sampled_from(NAMES), min_size=1))
@example({"u_a": "u_b", "u_b": "u_c", "u_c": "u_b"})
def test_any_tables_are_ordered_or_refused(parents: dict[str, str | None]) -> None:
    """Each table is below its parents, or one of those that are missing or extend themselves is named."""
    walks = {name: [*_walk(name, parents)] for name in parents}
    wrong = [name for name, walk in walks.items() if len(walk) > len(parents) or walk[-1] not in parents]
    tables = [Table(name, parent=parent) for name, parent in parents.items()]
    if wrong:
        with pytest.raises(DictionaryError) as refused:
            Dictionary(tables)
        assert str(refused.value).split("'")[1] in wrong
        return
    made = Dictionary(tables)
    assert {name: [*made.lineage(name)] for name in parents} == walks
    assert all({*made.family(name)} == {each for each in parents if name in walks[each]} for name in parents)


def _walk(name: str, parents: Mapping[str, str | None]) -> Iterator[str]:
    """Yield a table and what it extends, one more than there are tables if that never ends."""
    each: str | None = name
    for _ in range(len(parents) + 1):
        if each is None:
            return
        yield each
        each = parents.get(each)


@pytest.mark.long
def test_tables_may_extend_each_other_in_a_long_row() -> None:
    """More of them than Python's functions may call each other."""
    tables = [Table(f"u_{number}", parent=f"u_{number - 1}" if number else None) for number in range(1_200)]
    assert len(Dictionary(tables[::-1]).lineage("u_1199")) == 1_200


def test_tables_of_ones_own(tmp_path: Path) -> None:
    """A YAML file defines tables; labels, types and defaults have usual values."""
    file = tmp_path / "app.yaml"
    file.write_text(
        """
- name: u_pet
  number: PET
  acls: [{operation: write, roles: [keeper], column: u_age, condition: u_tame=true}]
  columns:
    number: {display: true}
    u_owner_name:
    u_owner: {reference: sys_user}
    u_age: {type: integer, default: 0, choices: {0: Newborn, 1: Young}}
    u_tame: {type: boolean, default: true, label: Is tame}
- {name: u_dog, extends: u_pet}
"""
    )
    dictionary = load_dictionary(file)
    columns = dictionary.columns("u_dog")
    assert columns["u_owner_name"].label == "Owner name"
    assert columns["u_owner"].is_reference
    assert columns["u_age"].default == "0"
    assert columns["u_age"].choices[1].value == "1"
    assert columns["u_tame"].default == "true"
    assert columns["u_tame"].label == "Is tame"
    assert dictionary.acls("u_dog")[0].roles == ("keeper",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "app.yaml:2: did not find expected node content"),
        ("name: x", "app.yaml:1: expected a list of tables"),
        ("- x", "app.yaml:1: expected a list of tables"),
        ("- {label: x}", "app.yaml:1: a table has name None; expected letters, digits and _, a letter first"),
        ("- {name: u x}", "app.yaml:1: a table has name 'u x'; expected letters, digits and _, a letter first"),
        ("- {name: x, label: [y]}", "app.yaml:1: table 'x' has label ['y']; expected text"),
        ("- {name: x, number: 5}", "app.yaml:1: table 'x' has number 5; expected text"),
        ("- {name: x, extendable: maybe}", "app.yaml:1: table 'x' has extendable 'maybe'; expected true or false"),
        ("- {name: x, columns: [a]}", "app.yaml:1: table 'x' has columns ['a']; expected a mapping of columns"),
        ("- {name: x, columns: {1: {}}}", "app.yaml:1: table 'x': a column has name 1; expected letters, digits and _"),
        ("- {name: x, columns: {a b: {}}}", "app.yaml:1: table 'x': a column has name 'a b'; expected letters, digits"),
        ("- {name: x, columns: {a: {length: 0}}}", "app.yaml:1: table 'x', column 'a' has length 0; expected a whole"),
        (
            "- {name: x, columns: {a: {choices: [y]}}}",
            "app.yaml:1: table 'x', column 'a' has choices ['y']; expected a",
        ),
        (
            "- {name: x, columns: {a: {choices: {y: [z]}}}}",
            "app.yaml:1: table 'x', column 'a' has choices {'y': ['z']};",
        ),
        (
            "- {name: x, columns: {a: {default: [y]}}}",
            "app.yaml:1: table 'x', column 'a' has default ['y']; expected a",
        ),
        ("- {name: x, acls: y}", "app.yaml:1: table 'x' has acls 'y'; expected a list of rules"),
        ("- {name: x, acls: [y]}", "app.yaml:1: table 'x', acl is 'y'; expected a mapping"),
        (
            "- {name: x, acls: [{}]}",
            "app.yaml:1: table 'x', acl has no operation; expected one of create, delete, query_match",
        ),
        ("- {name: x, acls: [{operation: fly}]}", "app.yaml:1: table 'x', acl has operation 'fly'; expected one of"),
        (
            "- {name: x, acls: [{operation: read, roles: y}]}",
            "app.yaml:1: table 'x', acl has roles 'y'; expected a list of names",
        ),
        (
            "- {name: x, colums: {}}",
            "app.yaml:1: table 'x' has key 'colums' (did you mean 'columns'?); expected one of acls,",
        ),
        ("- {name: x, columns: {a: string}}", "app.yaml:1: table 'x', column 'a' is 'string'; expected a mapping"),
        ("- {name: x, columns: {a: {kind: y}}}", "app.yaml:1: table 'x', column 'a' has key 'kind'; expected one of"),
        (
            "- {name: x, acls: [{role: y}]}",
            "app.yaml:1: table 'x', acl has key 'role' (did you mean 'roles'?); expected one of",
        ),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    """The error names file, table and column, shows the value and says what was expected."""
    (tmp_path / "app.yaml").write_text(text)
    (tmp_path / "notes.txt").write_text("not a table")
    with pytest.raises(DictionaryError) as caught:
        load_dictionary(tmp_path)
    assert str(caught.value).startswith(message)


@pytest.mark.long
@pytest.mark.usefixtures("often_switching")
def test_threads_that_ask_at_once_get_one_whole_table() -> None:
    """A table has all its columns, and is the same, for threads that ask for it before anybody has."""
    columns = tuple(Column(f"u_{number}") for number in range(200))
    for _ in range(20):
        dictionary = load_dictionary(tables=[Table("u_wide", columns=columns)])
        begin = Barrier(8)

        def ask(dictionary: Dictionary = dictionary, begin: Barrier = begin) -> tuple[int, int]:
            begin.wait()
            table = dictionary.sql_table("u_wide")
            return id(table), len(table.c)

        with ThreadPoolExecutor(8) as threads:
            found = {each.result() for each in [threads.submit(ask) for _ in range(8)]}
        assert [count for _, count in found] == [len(dictionary.columns("u_wide"))]
