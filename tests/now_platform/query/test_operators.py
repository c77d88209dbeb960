"""Each operator of the platform, in each of its spellings."""

import pytest

from .conftest import Desk


@pytest.fixture
def shelf(desk: Desk) -> Desk:
    """Incidents with texts, numbers, booleans and references, and one with nothing at all."""
    desk.add("sys_user", "abel", user_name="abel.tuter", name="Abel Tuter", vip="true", manager="bow")
    desk.add("sys_user", "bow", user_name="bow.ruggeri", name="Bow Ruggeri", vip="false")
    desk.add("sys_user", "cy", user_name="cy", name="Cy Émile")
    desk.add("incident", "one", number="INC001", short_description="Disk 100% full", priority=1, active="true")
    desk.add("incident", "two", number="INC002", short_description="disk_quota", priority=2, active="false")
    desk.add("incident", "three", number="INC003", short_description="École", priority=10, cost=2.5)
    desk.add("incident", "void")
    return desk


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("number=inc001", "one"),
        ("number!=inc001", "three two"),
        ("short_descriptionLIKEDISK", "one two"),
        ("short_descriptionCONTAINSdisk", "one two"),
        ("short_description*disk", "one two"),
        ("short_descriptionNOT LIKEdisk", "three"),
        ("short_descriptionNOTLIKEdisk", "three"),
        ("short_description!*disk", "three"),
        ("short_descriptionDOES NOT CONTAINdisk", "three"),
        ("short_descriptionSTARTSWITHdisk_", "two"),
        ("short_descriptionENDSWITHFULL", "one"),
        ("short_description%FULL", "one"),
        ("numberINinc001,INC003,nothing", "one three"),
        ("numberNOT INinc001,INC003", "two"),
        ("short_descriptionISEMPTY", "void"),
        ("short_descriptionEMPTY", "void"),
        ("short_descriptionEMPTYSTRING", "void"),
        ("short_description=", "void"),
        ("short_descriptionISNOTEMPTY", "one three two"),
        ("short_descriptionNOTEMPTY", "one three two"),
        ("short_description!=", "one three two"),
        ("numberIN,INC001", "one void"),
        ("numberIN", "void"),
        ("short_descriptionANYTHING", "one three two void"),
        ("short_description<e", "one two"),
        ("number<=inc002", "one two"),
        ("number>Inc001", "three two"),
        ("number>=INC003", "three"),
        ("sys_id>=t", "three two void"),
        ("numberBETWEENinc001@INC002", "one two"),
    ],
)
def test_text(shelf: Desk, query: str, rows: str) -> None:
    """Text compares without regard to case, never matches where empty unless asked."""
    assert shelf.ask(query) == rows.split()
    assert shelf.findings == ()


@pytest.mark.parametrize(
    ("query", "rows"),
    [("short_descriptionLIKE0%", "one"), ("short_descriptionLIKEk_q", "two"), ("short_descriptionLIKE\\", "")],
)
def test_wildcards_are_literal(shelf: Desk, query: str, rows: str) -> None:
    """A percent sign, an underscore or a backslash in a value stands for itself."""
    assert shelf.ask(query) == rows.split()


@pytest.mark.parametrize(
    "query",
    ["short_description=éCOLE", "short_descriptionLIKEÉc", "short_descriptionINx,éCOLE", "short_description%COLE"],
)
def test_letters_beyond_ascii(shelf: Desk, query: str) -> None:
    """Case does not count for any alphabet."""
    assert shelf.ask(query) == ["three"]


def test_names_are_case_sensitive(shelf: Desk) -> None:
    """Column and operator names are case-sensitive, unlike values."""
    assert len(shelf.ask("Number=INC001")) == 4
    assert len(shelf.ask("numberlikeINC001")) == 4
    assert [finding.rule for finding in shelf.findings] == ["query-term-ignored"]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("priority=1", "one"),
        ("priority!=1", "three two"),
        ("priority<10", "one two"),
        ("priority>=2.5", "three"),
        ("priorityBETWEEN2@10", "three two"),
        ("priorityIN1,2", "one two"),
        ("priorityIN1,2.5", "one"),
        ("priorityNOT IN1,2", "three"),
        ("priorityLIKE1", "one three"),
        ("priorityINx,1,x", "one"),
        ("priorityNOT INx,1", "three two"),
        ("cost=2.50", "three"),
        ("cost>2", "three"),
        ("priority<99999999999999999999999999", "one three two"),
        ("priority<9999999999999999999", "one three two"),
    ],
)
def test_numbers(shelf: Desk, query: str, rows: str) -> None:
    """Numbers compare by size, not as text."""
    assert shelf.ask(query) == rows.split()


def test_long_numbers(desk: Desk) -> None:
    """Numbers of eighteen digits are compared to the last one."""
    desk.add("incident", "one", priority=123_456_789_012_345_678)
    assert desk.ask("priority=123456789012345678") == ["one"]
    assert desk.ask("priority=123456789012345679") == []


@pytest.mark.parametrize(
    "query", ["priority=high", "priority>", "priority=1e3", "opened_at>yesterday", "priorityINx,y"]
)
def test_value_of_the_wrong_type(shelf: Desk, query: str) -> None:
    """A value that is no number or no date matches no row, and the tool says so."""
    assert shelf.ask(query) == []
    assert [finding.rule for finding in shelf.findings] == ["query-value-unusable"]


@pytest.mark.parametrize(
    "query", ["priority!=high", "priorityNOT INx,y", "opened_at!=never", "numberNOT LIKE" + "x" * 60_000]
)
def test_not_a_value_of_the_wrong_type(shelf: Desk, query: str) -> None:
    """What is not a value that no row could hold is everything but empty."""
    shelf.add("incident", "old", number="X", priority=1, opened_at="2020-01-01 00:00:00")
    column = query.removesuffix("x" * 60_000).partition("!")[0].partition("NOT")[0]
    assert shelf.ask(query) == shelf.ask(f"{column}ISNOTEMPTY") != []


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("number=inc001^ORnumber=INC003", "one three"),
        ("number=inc001^ORnumber=INC003^ORnumber=", "one three void"),
        ("number=inc001^ORnumber=javascript:gs.getUserName()", "one"),
        ("number=inc001^ORshort_description=école", "one three"),
        ("short_description=école^ORshort_description=disk_quota^ORshort_description=É", "three two"),
        ("priority=1^ORpriority=high", "one"),
        ("nothing=1^ORnothing=2", "one three two void"),
    ],
)
def test_one_column_of_several_values(shelf: Desk, query: str, rows: str) -> None:
    """Many equalities of one column joined by OR mean what each of them means."""
    assert shelf.ask(query) == rows.split()


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("active=true", "one"),
        ("active=TRUE", "one"),
        ("active=1", "one"),
        ("active=false", "two"),
        ("active!=true", "three two void"),
        ("activeNOT INtrue", "three two void"),
        ("activeNOT INtrue,false", "three void"),
        ("activeNOT IN", "one two"),
        ("active=maybe", "two"),
        ("active!=maybe", "one three void"),
        ("activeINmaybe,1", "one two"),
        ("activeNOT INmaybe", "one three void"),
        ("activeISEMPTY", "three void"),
        ("activeISNOTEMPTY", "one two"),
    ],
)
def test_booleans(shelf: Desk, query: str, rows: str) -> None:
    """A boolean that is not true may be false or empty."""
    assert shelf.ask(query) == rows.split()


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("manager=bow", "abel"),
        ("manager=BOW", "abel"),
        ("managerINbow,cy", "abel"),
        ("managerINcy,BOW", "abel"),
        ("managerLIKERUGG", "abel"),
        ("managerSTARTSWITHbow", "abel"),
        ("manager>=b", "abel"),
        ("manager=Bow Ruggeri", ""),
        ("managerNOT LIKERUGG", ""),
        ("managerISEMPTY", "bow cy"),
        ("nameLIKEémile", "cy"),
    ],
)
def test_references(shelf: Desk, query: str, rows: str) -> None:
    """References equal a sys_id; other operators look at the display value."""
    assert shelf.ask(query, "sys_user") == rows.split()


def test_sys_id_keeps_its_case(desk: Desk) -> None:
    """A sys_id in capitals is found as it was given."""
    desk.add("incident", "AAAABBBBCCCCDDDDEEEEFFFF00001111")
    assert desk.ask("sys_id=AAAABBBBCCCCDDDDEEEEFFFF00001111") == ["AAAABBBBCCCCDDDDEEEEFFFF00001111"]


def test_dynamic_me(shelf: Desk) -> None:
    """DYNAMIC with the id of Me stands for the user who asks."""
    shelf.add("sys_user", "dan", manager="abel")
    assert shelf.ask("managerDYNAMIC90d1921e5f510100a9ad2572f2b477fe", "sys_user") == ["dan"]
    assert shelf.ask("managerDYNAMICffff", "sys_user") == ["abel", "bow", "cy", "dan"]
    assert "only Me is known" in shelf.ignored()[0]


@pytest.fixture
def tree(desk: Desk) -> Desk:
    """Departments below one another, and who works there."""
    desk.add("cmn_department", "top")
    desk.add("cmn_department", "middle", parent="top")
    desk.add("cmn_department", "leaf", parent="middle")
    desk.add("cmn_department", "other")
    for place in ("top", "middle", "leaf", "other"):
        desk.add("sys_user", f"in_{place}", department=place)
    desk.add("sys_user", "abel", manager="in_top")
    desk.add("sys_user", "under", manager="abel")
    return desk


def test_in_hierarchy(tree: Desk) -> None:
    """IN_HIERARCHY finds what points to a record or anywhere below it."""
    assert tree.ask("departmentIN_HIERARCHYh@middle", "sys_user") == ["in_leaf", "in_middle"]
    assert tree.ask("managerIN_HIERARCHYh%40in_top", "sys_user") == ["abel", "under"]


def test_in_dynamic_hierarchy(tree: Desk) -> None:
    """IN_HIERARCHY_DYNAMIC starts at the user who asks."""
    me = "90d1921e5f510100a9ad2572f2b477fe"
    assert tree.ask(f"managerIN_HIERARCHY_DYNAMICh%40{me}", "sys_user") == ["under"]


@pytest.mark.parametrize("query", ["departmentIN_HIERARCHYmiddle", "nameIN_HIERARCHYh@x", "idIN_HIERARCHYh@x"])
def test_no_hierarchy(tree: Desk, query: str) -> None:
    """Without a tree to walk the term is ignored."""
    assert len(tree.ask(query, "sys_user")) == 6
    assert len(tree.findings) == 1


def test_reference_without_a_tree(desk: Desk) -> None:
    """A reference to a table that does not refer to itself has no hierarchy."""
    desk.add("incident", "one")
    assert desk.ask("groupIN_HIERARCHYh@x") == ["one"]
    assert "refers to itself" in desk.ignored()[0]


@pytest.fixture
def classes(desk: Desk) -> Desk:
    """One row of each class of the task hierarchy."""
    for table in ("task", "incident", "major_incident", "problem"):
        desk.add(table, table)
    return desk


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("task", "incident major_incident problem task"),
        ("incident", "incident major_incident"),
        ("major_incident", "major_incident"),
        ("problem", "problem"),
    ],
)
def test_class_and_its_children(classes: Desk, table: str, rows: str) -> None:
    """A table holds its own rows and those of the tables that extend it."""
    assert classes.ask("", table) == rows.split()


def test_instance_of(classes: Desk) -> None:
    """INSTANCEOF accepts the class and every one below it."""
    assert classes.ask("sys_class_nameINSTANCEOFincident", "task") == ["incident", "major_incident"]
    assert classes.ask("sys_class_name=incident", "task") == ["incident"]


def test_instance_of_no_table(classes: Desk) -> None:
    """INSTANCEOF of a table that does not exist is ignored."""
    assert len(classes.ask("sys_class_nameINSTANCEOFnothing", "task")) == 4
    assert "table 'nothing' does not exist" in classes.ignored()[0]


@pytest.mark.parametrize(
    "query",
    [
        "numberVALCHANGES",
        "numberCHANGESFROMx",
        "numberCHANGESTOx",
        "numberMATCH_PATx",
        "numberDOESNOTHAVEx",
        "numberONToday@a@b",
        "numberBETWEENa",
        "numberBETWEENa@b@c",
        "sys_tags.abc=abc",
    ],
)
def test_not_for_data(shelf: Desk, query: str) -> None:
    """What stored rows cannot be asked is ignored and reported."""
    assert len(shelf.ask(query)) == 4
    assert [finding.rule for finding in shelf.findings] == ["query-term-ignored"]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("short_descriptionSAMEASdescription", "same void"),
        ("short_descriptionNSAMEASdescription", "differ half"),
        ("priorityGT_FIELDurgency", "half"),
        ("priorityLT_FIELDurgency", "differ"),
        ("priorityGT_OR_EQUALS_FIELDurgency", "half same"),
        ("priorityLT_OR_EQUALS_FIELDurgency", "differ same"),
        ("priorityLE_OR_EQUALS_FIELDurgency", "differ same"),
        ("short_descriptionSAMEASopened_by.name", "differ void"),
    ],
)
def test_two_columns(desk: Desk, query: str, rows: str) -> None:
    """Columns of one row compare with one another."""
    desk.add("sys_user", "u", name="X")
    desk.add("incident", "same", short_description="x", description="X", priority=1, urgency=1)
    desk.add("incident", "differ", short_description="x", description="y", priority=1, urgency=2, opened_by="u")
    desk.add("incident", "half", short_description="x", priority=3, urgency=2)
    desk.add("incident", "void")
    assert desk.ask(query) == rows.split()


@pytest.mark.parametrize("query", ["numberSAMEASpriority", "numberSAMEASdescription@day", "numberSAMEASnothing"])
def test_columns_that_do_not_compare(shelf: Desk, query: str) -> None:
    """Columns of different kinds, or that do not exist, are not compared."""
    assert len(shelf.ask(query)) == 4
    assert [finding.rule for finding in shelf.findings] == ["query-term-ignored"]
