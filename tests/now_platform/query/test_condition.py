"""Whether one record, as it would be, meets a condition: what business rules ask."""

import pytest
import sqlalchemy as sa

from mock_servicenow.now_platform.query import RecordChange, Sight, compile_condition, parse

from .conftest import CONTEXT, Desk

VALUES = {
    "sys_id": "one",
    "sys_class_name": "incident",
    "number": "INC1",
    "short_description": "EICAR found",
    "priority": "2",
    "cost": "2.5",
    "active": "true",
    "opened_by": "abel",
    "description": "",
}
PREVIOUS = VALUES | {"priority": "1", "number": "INC1"}


def meets(desk: Desk, query: str, previous: dict[str, str] | None = None) -> bool:
    """Return whether the record meets the query."""
    compiled = compile_condition(
        parse(query), RecordChange("incident", VALUES, previous or {}), Sight(desk.dictionary), CONTEXT
    )
    desk.findings = compiled.findings
    return bool(desk.connection.scalar(sa.select(compiled.where)))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("short_descriptionLIKEeicar^ORdescriptionLIKEeicar^EQ", True),
        ("short_descriptionLIKEother^ORdescriptionLIKEother^EQ", False),
        ("priority<3^active=true^cost>2^number=inc1", True),
        ("descriptionISEMPTY^priorityISNOTEMPTY", True),
        ("closed=x", True),
        ("description!=x", False),
        ("opened_by.name=Abel", True),
        ("opened_by.manager.name=Abel", False),
        ("prioritySAMEASurgency", False),
        ("RLQUERYtask.parent,>0^ENDRLQUERY", True),
        ("sys_class_nameINSTANCEOFtask", True),
        ("numberIN" + ",".join(map(str, range(50))) + ",INC1", True),
        ("", True),
    ],
)
def test_as_it_would_be(desk: Desk, query: str, expected: bool) -> None:  # noqa: FBT001 - a row of a table
    """A rule's condition looks at the record as it would be after the change."""
    desk.add("sys_user", "abel", name="Abel")
    desk.add("incident", "child", parent="one")
    assert meets(desk, query) is expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("priorityVALCHANGES", True),
        ("priorityCHANGESFROM1", True),
        ("priorityCHANGESFROM2", False),
        ("priorityCHANGESTO2", True),
        ("priorityCHANGESTO1", False),
        ("numberVALCHANGES", False),
        ("numberCHANGESTOINC1", False),
        ("priorityCHANGESTO2^numberVALCHANGES", False),
    ],
)
def test_changes(desk: Desk, query: str, expected: bool) -> None:  # noqa: FBT001
    """Change tests compare the record with what it was."""
    assert meets(desk, query, PREVIOUS) is expected


def test_changes_of_a_new_record(desk: Desk) -> None:
    """Every value of a new record is a change from nothing."""
    assert meets(desk, "numberVALCHANGES^numberCHANGESFROM^numberCHANGESTOINC1")
    assert not meets(desk, "descriptionVALCHANGES")


def test_changes_elsewhere(desk: Desk) -> None:
    """Only the record's own columns are known to change."""
    assert meets(desk, "opened_by.nameVALCHANGES")
    assert "own columns" in desk.ignored()[0]
