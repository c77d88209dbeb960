"""Changes of audited tables are rows of sys_audit."""

from pathlib import Path

import pytest

from mock_servicenow import MockServiceNow, Settings

from .table_client import TableClient

OWN = """
- {name: u_vault, audited: true, columns: {u_name: , u_key: {type: password2}, u_text: {length: 9000}}}
- {name: u_safe, extends: u_vault}
"""

SECRETS = """
- name: u_open
  columns: {u_name: {display: true}, u_key: {type: password2}, u_hidden: , u_note: }
  audited: true
  acls: [{operation: read, column: u_hidden, roles: [], condition: u_name=b}]
- name: u_limited
  audited: true
  columns: {u_name: {display: true}, u_note: }
  acls: [{operation: read, roles: [], condition: u_name=secret}]
- {name: u_long, columns: {u_text: {length: 1000000}, u_more: {length: 1000000}}}
"""


class _Tables(TableClient):
    """The Table API, with what is audited."""

    def audit(self, table: str, enabled: str) -> None:
        [record] = self.find("sys_dictionary", f"name={table}^internal_type=collection^elementISEMPTY")
        self.change("sys_dictionary", record["sys_id"], audit=enabled)

    def audited(self, sys_id: str, *names: str) -> list[tuple[str, ...]]:
        """Return columns of the rows about a record, in order."""
        rows = self.find("sys_audit", f"documentkey={sys_id}^ORDERBYrecord_checkpoint^ORDERBYfieldname")
        return [tuple(row[name] for name in names or ("fieldname", "oldvalue", "newvalue")) for row in rows]


def test_changes_of_an_incident_are_audited() -> None:
    """Docs, auditing: table, column, record, user, both values; journals too, columns of the system not."""
    with MockServiceNow() as instance:
        tables = _Tables(instance)
        incident = tables.make("incident", short_description="a")
        assert tables.audited(incident) == []
        tables.change("incident", incident, state="2", work_notes="Looked")
        tables.change("incident", incident, short_description="b")
        assert tables.audited(incident) == [
            ("incident_state", "1", "2"),
            ("state", "1", "2"),
            ("work_notes", "", "Looked"),
            ("short_description", "a", "b"),
        ]
        assert tables.audited(incident, "tablename", "user", "record_checkpoint")[-1] == ("incident", "admin", "2")


def test_deletions_are_audited() -> None:
    """Docs, auditing and deleted records; users: the row of sys_audit that says DELETED; what changed stays known.

    Of every table, whether its changes are audited or not; those whose names begin with sys_ leave none.
    """
    with MockServiceNow() as instance:
        tables = _Tables(instance)
        incident, task = tables.make("incident", short_description="Gone"), tables.make("sc_task")
        group = tables.make("sys_user_group", name="Gone")
        [shown] = tables.find("incident", f"sys_id={incident}")
        tables.change("incident", incident, description="1")
        for table, record in (("incident", incident), ("sc_task", task), ("sys_user_group", group)):
            tables.delete(table, record)
        columns = ("fieldname", "oldvalue", "newvalue", "record_checkpoint", "tablename", "user")
        assert tables.audited(incident, *columns) == [
            ("DELETED", "DELETED", "DELETED", "-1", "incident", "admin"),
            ("description", "", "1", "1", "incident", "admin"),
        ]
        assert tables.audited(task, "fieldname") == [("DELETED",)]
        [deleted, _] = tables.find("sys_audit_delete", "ORDERBYtablename")
        told = [deleted[name] for name in ("tablename", "documentkey", "display_value", "sys_created_by")]
        assert told == ["incident", incident, shown["number"], "admin"]


def test_properties_say_which_deletions_are_audited() -> None:
    """Docs, system tables, list of tables: by default carts leave nothing."""
    with MockServiceNow() as instance:
        tables = _Tables(instance)

        def deleted(table: str) -> int:
            record = tables.make(table)
            tables.delete(table, record)
            return len(tables.find("sys_audit_delete", f"documentkey={record}"))

        listed = ("sys_user_group", "sc_cart", "cmn_location")
        assert [deleted(table) for table in listed] == [0, 0, 1]
        tables.make("sys_properties", name="glide.ui.audit_deleted_tables", value="sys_user_role, sys_user_group")
        tables.make("sys_properties", name="glide.db.audit.ignore.delete", value="cmn_location")
        assert [deleted(table) for table in listed] == [1, 1, 0]


@pytest.mark.long
def test_deleted_record_can_be_imported_again(tmp_path: Path) -> None:
    """Its payload is what exports are."""
    with MockServiceNow() as instance:
        tables = _Tables(instance)
        text = "<Gone> & €\r\n\ttab\r ]]> 'a' \"b\" \x85\u2028"
        incident = tables.make("incident", short_description=text, description=text, caller_id="admin", state="2")
        [before] = tables.find("incident", f"sys_id={incident}")
        tables.delete("incident", incident)
        [deleted] = tables.find("sys_audit_delete", f"documentkey={incident}")
    (tmp_path / "gone.xml").write_text(deleted["payload"], encoding="utf-8")
    with MockServiceNow(Settings(data=(tmp_path / "gone.xml",))) as instance:
        assert _Tables(instance).find("incident", f"sys_id={incident}") == [before]


def test_rows_and_payload_hold_what_administrators_may_read(tmp_path: Path) -> None:
    """No passwords, no column that they may not read, no record of a table whose rules depend on the record.

    No payload of a record with a million characters either.
    """
    (tmp_path / "tables.yaml").write_text(SECRETS)
    with MockServiceNow(Settings(tables=(tmp_path / "tables.yaml",))) as instance:
        tables = _Tables(instance)
        text = "x" * 999_000
        made = {
            "u_open": {"u_name": "a", "u_key": "secret", "u_hidden": "secret"},
            "u_long": {"u_text": text, "u_more": text},
            "u_limited": {"u_name": "secret"},
        }
        kept, changes = {}, {}
        for table, values in made.items():
            record = tables.make(table, **values)
            secrets = dict.fromkeys(values.keys() & {"u_key", "u_hidden"}, "secret2")
            tables.change(table, record, **secrets, u_note="x")
            changes[table] = sorted({row[0] for row in tables.audited(record)})
            tables.delete(table, record)
            [kept[table]] = tables.find("sys_audit_delete", f"documentkey={record}")
        assert "<u_name>a</u_name>" in kept["u_open"]["payload"]
        assert "secret" not in str(kept)
        assert (kept["u_long"]["payload"], kept["u_limited"]["payload"], kept["u_limited"]["display_value"]) == (
            "",
            "",
            "",
        )
        assert changes == {"u_open": ["u_note"], "u_long": [], "u_limited": []}


@pytest.mark.long
@pytest.mark.parametrize(("table", "enabled"), [("sc_task", "true"), ("incident", "false")])
def test_the_dictionary_says_what_is_audited(table: str, enabled: str) -> None:
    """Docs, auditing: the check box Audit of the table's own record, from its write on."""
    with MockServiceNow() as instance:
        tables = _Tables(instance)
        record = tables.make(table)
        for number, wanted in enumerate((enabled, "true" if enabled == "false" else "false")):
            tables.audit(table, wanted)
            known = len(tables.audited(record))
            tables.change(table, record, description=str(number))
            assert len(tables.audited(record)) - known == (wanted == "true")


def test_a_record_for_another_table_audits_nothing() -> None:
    """It has no effect, and neither has a second record of a table."""
    with MockServiceNow() as instance:
        tables = _Tables(instance)
        for name in ("u_nothing", "sc_task"):
            tables.make("sys_dictionary", name=name, internal_type="collection", audit="true")
        task = tables.make("sc_task")
        tables.change("sc_task", task, description="x")
        assert tables.audited(task) == []


@pytest.mark.long
def test_passwords_and_long_texts_are_kept_out(tmp_path: Path) -> None:
    """A table that extends an audited one is not audited itself (Docs, auditing: parent and child tables)."""
    (tmp_path / "tables.yaml").write_text(OWN)
    with MockServiceNow(Settings(tables=(tmp_path / "tables.yaml",))) as instance:
        tables = _Tables(instance)
        vault = tables.make("u_vault")
        tables.change("u_vault", vault, u_key="secret", u_text="x" * 9_000)
        assert tables.audited(vault) == [("u_text", "", "x" * 4_000)]
        safe = tables.make("u_safe")
        tables.change("u_safe", safe, u_name="x")
        assert tables.audited(safe) == []


def test_rows_of_the_oldest_changes_end() -> None:
    """Of a record that changes for ever the newest thousand changes stay."""
    with MockServiceNow() as instance:
        tables = _Tables(instance)
        incident = tables.make("incident")
        tables.change("incident", incident, description="1")
        tables.change("incident", incident, "?sysparm_suppress_auto_sys_field=true", sys_mod_count="1099")
        tables.change("incident", incident, description="2")
        assert tables.audited(incident) == [("description", "1", "2")]


def test_administrators_alone_read_the_rows() -> None:
    """They may hold values of columns that others may not read."""
    with MockServiceNow() as instance:
        tables = _Tables(instance)
        tables.change("incident", tables.make("incident"), description="1")
        tables.make("sys_user", user_name="ann", user_password="secret")
        ann = _Tables(instance, ("ann", "secret"))
        assert [ann.status(table) for table in ("sys_audit", "sys_audit_delete")] == [403, 403]
