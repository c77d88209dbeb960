"""What a new instance holds: the rows that clients' own test-suites rely on."""

import pytest

from mock_servicenow.now_platform.instance import Instance

ADMIN = "6816f79cc0a8016401c5a33be04be441"
ADMIN_ROLE = "2831a114c611228501d4ea6c309d626d"


def test_the_administrator(instance: Instance) -> None:
    """Name, mail, department and masked password are the well-known ones."""
    with instance.transaction(instance.system) as session:
        admin = session.get("sys_user", ADMIN)
        assert admin is not None
        assert (admin["user_name"], admin["name"], admin["email"]) == (
            "admin",
            "System Administrator",
            "admin@example.com",
        )
        assert session.display(admin, "department") == "Finance"
        assert session.display(admin, "user_password") == "********"
        assert "admin" not in admin["user_password"]


@pytest.mark.parametrize(
    ("table", "query", "least", "most"),
    [
        ("sys_user", "active=true", 10, 30),
        ("sys_user", "nameISEMPTY", 1, 5),
        ("sys_user", "mobile_phoneISNOTEMPTY", 1, 19),
        ("sys_user", "JOINsys_user.sys_id=sys_user_group.manager!active=true", 2, 30),
        ("sys_user", f"JOINsys_user.sys_id=sys_user_has_role.user!role={ADMIN_ROLE}", 11, 24),
        ("sys_user_group", "RLQUERYsys_group_has_role.group,>0,m2m^role.nameLIKEadmin^ENDRLQUERY", 3, 7),
        ("sys_db_object", "name=alm_asset^ORname=bsm_chart", 2, 2),
        ("syslog", "", 601, 1000),
        ("sys_metadata", "", 501, 5000),
        ("problem", "", 9, 100),
        ("problem", "state=101", 1, 100),
        ("incident", "number=INC0000060", 1, 1),
        ("sys_user_role", "nameINadmin,web_service_admin,approval_admin", 3, 3),
    ],
)
def test_rows(instance: Instance, table: str, query: str, least: int, most: int) -> None:
    """Each table holds as many matching rows as the suites want."""
    with instance.transaction(instance.system) as session:
        assert least <= session.count(table, query) <= most


@pytest.mark.long
def test_every_reference_leads_somewhere(instance: Instance) -> None:
    """No packaged row refers to a record that is not there."""
    with instance.transaction(instance.system) as session:
        for table in instance.dictionary:
            names = [
                column.name for column in instance.dictionary.columns(table.name).values() if column.type == "reference"
            ]
            for record in session.find_all(table.name):
                for name in names:
                    column = instance.dictionary.columns(table.name)[name]
                    assert not record[name] or session.displays.referenced(column, record[name]), (table.name, name)


def test_the_dictionary_is_readable_as_rows(instance: Instance) -> None:
    """sys_db_object, sys_dictionary and sys_choice describe every table."""
    with instance.transaction(instance.system) as session:
        incident = session.find("sys_db_object", name="incident")
        assert incident is not None
        assert session.display(incident, "super_class") == "Task"
        state = session.find("sys_dictionary", name="incident", element="state")
        assert state is not None
        assert state["internal_type"] == "integer"
        choices = session.query("sys_choice", "name=incident^element=state^ORDERBYsequence")
        assert [choice["label"] for choice in choices][:3] == ["New", "In Progress", "On Hold"]


def test_a_child_of_metadata_is_read_as_metadata(instance: Instance) -> None:
    """Rows of the dictionary are application files."""
    with instance.transaction(instance.system) as session:
        classes = {record["sys_class_name"] for record in session.query("sys_metadata")}
        assert {"sys_db_object", "sys_dictionary", "sys_choice", "sys_user_role"} <= classes
