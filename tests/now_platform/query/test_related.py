"""Conditions on other rows: dot-walks, related lists, joins, sub-queries, text search."""

import pytest

from .conftest import Desk


@pytest.fixture
def office(desk: Desk) -> Desk:
    """Users with managers and departments, groups with roles, tasks under one another."""
    desk.add("cmn_department", "fin", name="Finance")
    desk.add("sys_user", "boss", name="Boss", vip="true", department="fin")
    desk.add("sys_user", "abel", name="Abel", vip="false", manager="boss")
    desk.add("sys_user", "bow", name="Bow", manager="abel")
    desk.add("sys_user_group", "net", name="Network", manager="abel")
    desk.add("sys_user_group", "db", name="Database", manager="abel")
    desk.add("sys_user_group", "hr", name="People", manager="boss")
    desk.add("sys_user_role", "itil", name="itil")
    desk.add("sys_user_role", "adm", name="user_admin")
    desk.add("sys_group_has_role", "1", group="net", role="itil")
    desk.add("sys_group_has_role", "2", group="net", role="adm")
    desk.add("sys_group_has_role", "3", group="db", role="itil")
    desk.add("sys_group_has_role", "4", role="itil")
    desk.add("incident", "one", number="INC1", caller_id="bow", opened_by="abel", active="true")
    desk.add("incident", "two", number="INC2", caller_id="abel", parent="one", short_description="Mail is down")
    desk.add("problem", "three", number="PRB3", parent="two", opened_by="gone")
    return desk


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("caller_id.vip=false", "two"),
        ("caller_id.manager.name=boss", "two"),
        ("caller_id.manager.manager.department.nameSTARTSWITHfin", "one"),
        ("caller_id.managerLIKEbos", "two"),
        ("caller_id.vip!=true", "one two"),
        ("caller_id.managerISEMPTY", ""),
        ("opened_by.nameISEMPTY", "two"),
        ("opened_by.nameANYTHING", "one two"),
        ("opened_by.nameISNOTEMPTY", "one"),
        ("opened_by.name!=Bow", "one"),
        ("parent.number=INC1", "two"),
        ("parent.parentISEMPTY", "one two"),
        ("caller_id.name=bow^ORopened_by.name=bow^ORparent.number=inc1", "one two"),
    ],
)
def test_dot_walk(office: Desk, query: str, rows: str) -> None:
    """A dotted name is a condition on the referenced row; an empty reference leads to nothing."""
    assert office.ask(query) == rows.split()
    assert office.findings == ()


def test_dot_walk_to_a_record_that_is_gone(office: Desk) -> None:
    """A reference to a deleted record leads to nothing."""
    assert office.ask("opened_by.nameISEMPTY^opened_byISNOTEMPTY", "problem") == ["three"]


def test_order_by_dot_walk(office: Desk) -> None:
    """ORDERBY walks too; rows without a value come first, or last downwards."""
    assert office.ask("ORDERBYparent.parent.number^ORDERBYnumber", "task") == ["one", "two", "three"]
    assert office.ask("ORDERBYDESCparent.parent.number^ORDERBYnumber", "task") == ["three", "one", "two"]


def test_order_by_reference(office: Desk) -> None:
    """A reference sorts by its display value."""
    assert office.ask("ORDERBYmanager^ORDERBYname", "sys_user") == ["boss", "bow", "abel"]


def test_order_by_unknown_column(office: Desk) -> None:
    """An ORDERBY of no column is ignored and reported."""
    assert office.ask("ORDERBYnothing^ORDERBYDESCnumber", "task") == ["three", "two", "one"]
    assert office.ignored() == ["'ORDERBYnothing' is ignored: table 'task' has no column 'nothing'"]


@pytest.mark.parametrize(
    "query", ["number.name=x", "caller_id.=x", "caller_id..name=x", "caller_id." + "manager." * 8 + "name=x"]
)
def test_no_way_to_walk(office: Desk, query: str) -> None:
    """A walk through what is no reference, or without end, is ignored and reported."""
    assert office.ask(query) == ["one", "two"]
    assert len(office.ignored()) == 1


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("RLQUERYsys_group_has_role.group,>0,m2m^role.nameLIKEadmin^ENDRLQUERY", "net"),
        ("^RLQUERYsys_group_has_role.group,>=1,role.name=itil^ENDRLQUERY", "db net"),
        ("RLQUERYsys_group_has_role.group,>=1", "db net"),
        ("RLQUERYsys_group_has_role.group,=0^ENDRLQUERY", "hr"),
        ("RLQUERYsys_group_has_role.group,=2^ENDRLQUERY", "net"),
        ("RLQUERYsys_group_has_role.group,<2^ENDRLQUERY", "db hr"),
        ("RLQUERYsys_group_has_role.group,<=1^role=adm^ENDRLQUERY", "db hr net"),
        ("RLQUERYsys_group_has_role.group,!=1^ENDRLQUERY", "hr net"),
        ("RLQUERYsys_group_has_role.group,>=0^ENDRLQUERY", "db hr net"),
        ("RLQUERYsys_group_has_role.group,>1^ENDRLQUERY^name=network", "net"),
        ("name=network^RLQUERYsys_group_has_role.group,>0^role=adm^ORrole=itil^ENDRLQUERY^ORname=people", "net"),
        ("RLQUERYsys_group_has_role.group,>0^role=adm^NQrole=itil^ENDRLQUERY", "db net"),
        ("name=people^ORRLQUERYsys_group_has_role.group,>0^ENDRLQUERY", ""),
    ],
)
def test_related_list(office: Desk, query: str, rows: str) -> None:
    """RLQUERY keeps rows by the number of rows that point to them."""
    assert office.ask(query, "sys_user_group") == rows.split()
    assert office.findings == ()


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("JOINsys_user.sys_id=sys_user_group.manager!", "abel boss"),
        ("JOINsys_user.sys_id=sys_user_group.manager!name=Network", "abel"),
        ("JOINsys_user.sys_id=sys_user_group.manager!nameLIKEe^^nameLIKEpeople^ORDERBYname", "boss"),
        ("JOINsys_user.sys_id=sys_user_group.manager!name=people^name=abel", ""),
        ("vip=true^JOINsys_user.sys_id=sys_user_group.manager!", "boss"),
        ("JOINsys_user.name=task.short_description!", ""),
        ("JOINsys_user.sys_id=incident.caller_id!active=true", "bow"),
        ("JOINsys_user.sys_id=incident.opened_by!", "abel"),
        ("JOINsys_user.sys_id=problem.opened_by!", ""),
    ],
)
def test_join(office: Desk, query: str, rows: str) -> None:
    """JOIN keeps each row once that has a match; the exclamation mark ends the fields."""
    assert office.ask(query, "sys_user") == rows.split()
    assert office.findings == ()


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SUBQUERYsys_id,manager,sys_user_group^nameLIKEnet^ENDSUBQUERY", "abel"),
        ("SUBQUERYsys_id,manager,sys_user_group^ENDSUBQUERY^vip=true", "boss"),
        ("SUBQUERYsys_id,manager,sys_user^SUBQUERYsys_id,manager,sys_user^^name=bow^^ENDSUBQUERY^ENDSUBQUERY", "boss"),
        ("SUBQUERYsys_id,manager,sys_user_group^RLQUERYsys_group_has_role.group,>1^ENDRLQUERY", "abel"),
    ],
)
def test_subquery(office: Desk, query: str, rows: str) -> None:
    """SUBQUERY field, related field, related table is a semi-join that may nest."""
    assert office.ask(query, "sys_user") == rows.split()
    assert office.findings == ()


@pytest.mark.parametrize(
    "query",
    [
        "RLQUERYnothing.group,>0^ENDRLQUERY",
        "RLQUERYsys_group_has_role.nothing,>0^ENDRLQUERY",
        "RLQUERYsys_group_has_role^role=adm^ENDRLQUERY",
        "RLQUERYsys_group_has_role.group,>many^role=adm^ENDRLQUERY",
        "JOINsys_user_group.sys_id=nothing.x!",
        "JOINsys_user_group.nothing=sys_group_has_role.group!",
        "JOINsys_user.sys_id=sys_group_has_role.group!",
        "JOINsys_user_group.sys_id=task.priority!",
        "RLQUERYtask.priority,>0^ENDRLQUERY",
        "JOINnothing.sys_id=sys_group_has_role.group!",
        "JOINsys_user_group.sys_id=sys_group_has_role.group",
        "SUBQUERYsys_id,group^role=adm^ENDSUBQUERY",
        "123TEXTINDEXGROUP321=portal",
        "ENDRLQUERY",
        "RLQUERYsys_group_has_role.group,>=0^" * 5,
        "SUBQUERYsys_id,sys_id,sys_user_group^" * 4 + "ENDSUBQUERY^" * 4,
        "JOINsys_user_group.sys_id=sys_user_group.sys_id!" * 5,
    ],
)
def test_unusable_clause(office: Desk, query: str) -> None:
    """A clause that names nothing, or nests too deep, is ignored with its conditions and reported."""
    found = office.ask(query, "sys_user_group")
    assert [finding.rule for finding in office.findings] == ["query-term-ignored"]
    assert found == ["db", "hr", "net"]


@pytest.mark.parametrize(
    ("words", "rows"), [("down", "two"), ("MAIL down", "two"), ("mail inc2", "two"), ("mail inc1", ""), ("", "one two")]
)
def test_text_search(office: Desk, words: str, rows: str) -> None:
    """A text query finds rows that hold every word in some column."""
    assert office.ask(f"123TEXTQUERY321={words}") == rows.split()
