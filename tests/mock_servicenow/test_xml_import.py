"""XML of an instance as a file of rows: exports and update sets."""

from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from mock_servicenow import StartError
from mock_servicenow.app import create_app
from mock_servicenow.settings import Settings
from privman_core.ids import Ids
from privman_core.virtual_clock import VirtualClock

from .conftest import Instance, running

TABLE, PARENT = "7" * 32, "1" * 32
EXPORT = f"""<?xml version="1.0" encoding="UTF-8"?>
<unload unload_date="2026-01-05 09:00:00">
<sys_db_object action="INSERT_OR_UPDATE"><label>Laptop</label><name>u_laptop</name><sys_id>{TABLE}</sys_id>
  <super_class display_value="Task">{PARENT}</super_class></sys_db_object>
<sys_dictionary action="INSERT_OR_UPDATE" element="u_owner" table="u_laptop"><column_label>Owner</column_label>
  <internal_type display_value="Reference">reference</internal_type><reference>sys_user</reference></sys_dictionary>
<sys_dictionary action="INSERT_OR_UPDATE"><name>incident</name><element>short_description</element>
  <column_label>Summary</column_label><max_length>200</max_length></sys_dictionary>
<u_laptop action="INSERT_OR_UPDATE"><number>LAP1</number><u_owner display_value="Olga">{"8" * 32}</u_owner>
  <sys_id>{"9" * 32}</sys_id><u_unknown>x</u_unknown><u_empty/></u_laptop>
<sys_user action="INSERT_OR_UPDATE"><user_name>olga</user_name><first_name>Olga</first_name><last_name>Oak</last_name>
  <user_password/><sys_id>{"8" * 32}</sys_id></sys_user>
<sys_user_role action="INSERT_OR_UPDATE"><name>u_keeper</name><sys_id>{"6" * 32}</sys_id></sys_user_role>
<sys_user_role action="INSERT_OR_UPDATE"><name>itil</name><sys_id>{"5" * 32}</sys_id></sys_user_role>
<sys_user_has_role action="INSERT_OR_UPDATE"><user>{"8" * 32}</user><role display_value="itil">{"5" * 32}</role>
  <sys_id>{"4" * 32}</sys_id></sys_user_has_role>
<sys_user action="INSERT_OR_UPDATE"><user_name>admin</user_name><user_password>S2,1,abc</user_password>
  <title>Boss</title><sys_id>{"3" * 32}</sys_id></sys_user>
<sys_number action="INSERT_OR_UPDATE"><category>incident</category><prefix>INC</prefix><sys_id>{"2" * 32}</sys_id>
  </sys_number>
<sys_properties action="INSERT_OR_UPDATE"><name>glide.sys.default.tz</name><value>Europe/Vienna</value></sys_properties>
</unload>
"""


def update_set(*payloads: str, more: str = "") -> str:
    """Return an update set of these payloads, every other one escaped and the others as CDATA."""
    updates = []
    for index, payload in enumerate(payloads):
        text = f'<?xml version="1.0" encoding="UTF-8"?><record_update>{payload}</record_update>'
        shown = escape(text) if index % 2 else f"<![CDATA[{text}]]>"
        updates.append(f"<sys_update_xml><name>u{index}</name>\n<payload>{shown}</payload></sys_update_xml>")
    head = f'<sys_remote_update_set action="INSERT_OR_UPDATE"><name>Mine</name></sys_remote_update_set>{more}'
    return f'<unload unload_date="2026-01-05 09:00:00">\n{head}\n' + "\n".join(updates) + "\n</unload>"


def written(folder: Path, text: str, name: str = "instance.xml") -> Settings:
    """Return the settings of an instance with that file of rows."""
    file = folder / name
    file.write_text(text)
    return Settings(data=(file,))


async def shown(instance: Instance, table: str, query: str, fields: str) -> list[list[str]]:
    """Return columns of the records that a query matches, as people read them."""
    parameters = {"sysparm_display_value": "true", "sysparm_exclude_reference_link": "true", "sysparm_fields": fields}
    rows = await instance.read(table, query=query, **parameters)
    return [[row[name] for name in fields.split(",")] for row in rows]


@pytest.mark.long
async def test_an_export_brings_tables_columns_and_records(tmp_path: Path) -> None:
    """Tables act, records of them refer to others, and what is here already under another sys_id is changed."""
    async with running(written(tmp_path, EXPORT)) as instance:
        assert await shown(instance, "u_laptop", "number=LAP1", "u_owner,sys_class_name") == [["Olga Oak", "Laptop"]]
        assert await shown(instance, "task", "number=LAP1", "sys_class_name") == [["Laptop"]]
        assert await shown(instance, "sys_user_has_role", "user.user_name=olga", "role.name") == [["itil"]]
        assert len(await instance.read("sys_user_role", query="nameINitil,u_keeper")) == 2
        label = await shown(instance, "sys_dictionary", "name=incident^element=short_description", "column_label")
        assert label == [["Summary"]]
        zone = await shown(instance, "sys_properties", "name=glide.sys.default.tz", "value")
        assert zone == [["Europe/Vienna"]]
        assert await shown(instance, "sys_user", "user_name=admin", "title") == [["Boss"]]
        assert await instance.findings("value-ignored") == [
            "table sys_user: secrets were left out: user_password: only the instance that they are from can read them"
        ]
        assert await instance.findings("column-ignored") == [
            "table u_laptop lacks columns, whose values were left out: u_unknown"
        ]


RULE = """<sys_script action="INSERT_OR_UPDATE"><name>Set priority</name><collection>incident</collection>
<script><![CDATA[current.priority = 1;]]></script><when>before</when><active>true</active></sys_script>"""
PLAIN = "<sys_script><name>Stop</name><collection>problem</collection><when>before</when></sys_script>"
SCRIPT = """<sys_dictionary action="INSERT_OR_UPDATE" element="u_code" table="u_site">
<internal_type>script_plain</internal_type></sys_dictionary>
<sys_documentation element="u_code" language="en" table="u_site">
<sys_documentation action="INSERT_OR_UPDATE"><name>u_site</name><element>u_code</element><label>The code</label>
</sys_documentation></sys_documentation>
<u_site action="INSERT_OR_UPDATE"><u_zone>b</u_zone><u_code>gs.log(1)</u_code></u_site>"""
MERGED = """<sys_choice_v2 action="INSERT_OR_UPDATE" field="impact" table="incident" version="4">
<sys_choice action="INSERT_OR_UPDATE"><name>incident</name><element>impact</element><value>9</value>
<label>None</label></sys_choice></sys_choice_v2>"""
BATCH = f"""<sys_remote_update_set><name>Child</name><sys_id>{"1" * 32}</sys_id><parent>{"2" * 32}</parent>
</sys_remote_update_set>"""
POLICY = '<sys_ux_policy action="INSERT_OR_UPDATE"><short_description>Hide it</short_description></sys_ux_policy>'
CHOICES = """<sys_choice action="INSERT_OR_UPDATE" field="category" table="incident" version="1">
<sys_choice_set action="INSERT_OR_UPDATE"><name>incident</name><element>category</element></sys_choice_set>
<sys_choice action="INSERT_OR_UPDATE"><name>incident</name><element>category</element><value>cloud</value>
<label>Cloud</label><language>en</language><sequence>1</sequence></sys_choice></sys_choice>"""
DATABASE = """<database><element label="Site" max_length="40" name="u_site" type="collection">
<element default="a" display="true" label="Zone" max_length="80" name="u_zone" type="string"><choice>
<element label="Alpha" sequence="0" value="a"/></choice></element><index name="i"><element name="u_zone"/></index>
</element></database>"""


@pytest.mark.long
async def test_an_update_set_brings_what_it_contains(tmp_path: Path) -> None:
    """Payloads are imported; what cannot run or has no table becomes a finding with its name and line."""
    rows = '<u_site action="INSERT_OR_UPDATE"><u_zone>a</u_zone></u_site>'
    text = update_set(
        RULE.replace("]]>", "]]]]><![CDATA[>"), POLICY, CHOICES, DATABASE, rows, SCRIPT, MERGED, PLAIN, more=BATCH
    )
    async with running(written(tmp_path, text)) as instance:
        assert await shown(instance, "incident", "", "category") != []
        categories = await shown(instance, "sys_choice", "name=incident^element=category", "label")
        assert categories == [["Cloud"]]
        assert await shown(instance, "u_site", "", "u_zone") == [["Alpha"], ["b"]]
        assert len(await shown(instance, "sys_choice", "name=task^ORname=incident^element=impact", "label")) > 1
        assert await instance.findings("script-not-run") == [
            "u_site is stored, and does nothing: no script runs here, and it has one in u_code"
        ]
        assert await shown(instance, "sys_dictionary", "element=u_code", "column_label") == [["The code"]]
        made = await instance.insert("incident", {"priority": "5"})
        assert made.status == 201
        assert await instance.findings("record-ignored") == [
            "sys_ux_policy 'Hide it' was left out: there is no such table here"
        ]
        found = (await instance.call("GET", "/__admin/findings", None)).body["findings"]
        assert ("business-rule-not-run", "instance.xml:5") in {(each["rule"], each["where"]) for each in found}
        await instance.call("POST", "/__admin/reset", None)
        assert await instance.findings("record-ignored")
        assert await shown(instance, "u_site", "", "u_zone") == [["Alpha"], ["b"]]


@pytest.mark.long
async def test_what_an_instance_exports_comes_back(tmp_path: Path) -> None:
    """The records of an export by address are the same in another instance, those of new columns and classes, too."""
    tables, plain = ("sys_db_object", "sys_dictionary", "u_laptop", "task"), {"sysparm_exclude_reference_link": "true"}
    files = []
    async with running(written(tmp_path, EXPORT)) as instance:
        for number, table in enumerate(tables):
            answer = await instance.call("GET", f"/{table}_list.do?XML&sysparm_record_count=10000")
            files.append(written(tmp_path, answer.body.decode(), f"{number}.xml").data[0])
        there = [sorted(map(str, await instance.read(table, **plain))) for table in tables]
    async with running(Settings(data=tuple(files))) as instance:
        assert [sorted(map(str, await instance.read(table, **plain))) for table in tables] == there


@pytest.mark.long
async def test_deletions(tmp_path: Path) -> None:
    """Records are deleted by sys_id, by their key or by a query; what ships of the dictionary stays, with a finding."""
    text = f"""<unload>
<sys_dictionary><name>incident</name><element>u_old</element><sys_id>{"a" * 32}</sys_id></sys_dictionary>
<sys_dictionary action="DELETE"><sys_id>{"a" * 32}</sys_id></sys_dictionary>
<sys_dictionary action="DELETE"><sys_id>{"b" * 32}</sys_id></sys_dictionary>
<sys_dictionary action="DELETE"><name>incident</name><element>state</element></sys_dictionary>
<problem action="INSERT_OR_UPDATE"><number>PRB1</number><sys_id>{"c" * 32}</sys_id></problem>
<problem action="DELETE"><sys_id>{"c" * 32}</sys_id></problem>
<problem action="DELETE"><sys_id>{"d" * 32}</sys_id></problem>
<incident action="delete_multiple" query="number=INC0000060"/>
<incident action="delete_multiple" query="u_nmber=INC0000060"/>
<incident action="delete_multiple" query="123TEXTQUERY321="/>
<incident action="delete_multiple" query=""/>
<sys_translated_text action="delete_multiple" query="documentkey=1"/>
</unload>"""
    unknown = "'u_nmber=INC0000060': table 'incident' has no column 'u_nmber'"
    async with running(written(tmp_path, text)) as instance:
        assert await instance.read("sys_dictionary", query="name=incident^element=u_old") == []
        assert await instance.read("problem", query="number=PRB1") == []
        assert await instance.read("incident", query="number=INC0000060") == []
        assert await instance.read("incident") != []
        assert sorted(await instance.findings("record-ignored")) == [
            "incident: nothing was deleted: '123TEXTQUERY321=': it names no word",
            f"incident: nothing was deleted: {unknown} (did you mean 'number'?)",
            "incident: nothing was deleted: it has no query",
            "sys_dictionary 'incident.state' was not deleted: it ships, comes from a file, or is extended",
        ]


@pytest.mark.long
@pytest.mark.long
async def test_definitions_are_bounded(tmp_path: Path) -> None:
    """As many as act."""
    settings = written(tmp_path, f"<unload>{'<sys_choice/>' * 30_001}</unload>")
    with pytest.raises(StartError, match="is one more than 30,000 records that define tables, columns"):
        create_app(settings, clock=VirtualClock(), ids=Ids(1))


async def test_a_large_file_is_refused(tmp_path: Path) -> None:
    """A file of more than 64 MiB is not read."""
    settings = written(tmp_path, "")
    with settings.data[0].open("wb") as file:
        file.truncate(500 * 1024 * 1024)
    with pytest.raises(StartError, match=r"instance\.xml: cannot be read: More than 67108864 bytes"):
        create_app(settings, clock=VirtualClock(), ids=Ids(1))


@pytest.mark.long
@pytest.mark.store
async def test_an_existing_database_takes_it_whole_or_not_at_all(lasting: str, tmp_path: Path) -> None:
    """A second start imports again, into the same records; a file with an error changes nothing."""
    good = Settings(database=lasting, data=written(tmp_path, EXPORT).data)
    for _ in range(2):
        async with running(good) as instance:
            assert await shown(instance, "u_laptop", "", "number,u_owner") == [["LAP1", "Olga Oak"]]
            await instance.insert("u_laptop", {"number": "LAP2"})
            [second] = await instance.read("u_laptop", query="number=LAP2")
            await instance.call("DELETE", f"/api/now/table/u_laptop/{second['sys_id']}")
    half = EXPORT.replace("LAP1", "LAP3").replace("</unload>", "<u_none/></unload>")
    with pytest.raises(StartError, match="u_none"):
        create_app(
            Settings(database=lasting, data=written(tmp_path, half, "b.xml").data), clock=VirtualClock(), ids=Ids(1)
        )
    async with running(Settings(database=lasting)) as instance:
        assert await shown(instance, "u_laptop", "", "number") == [["LAP1"]]


NUMBERED = """<unload>
<sys_db_object><name>u_visit</name><super_class display_value="Task">task</super_class></sys_db_object>
<sys_db_object><name>u_stay</name><super_class display_value="Task">task</super_class></sys_db_object>
<sys_number><category>u_visit</category><prefix>VIS</prefix><number>1000</number><maximum_digits>5</maximum_digits>
</sys_number>
<u_visit><sys_id>visit-1</sys_id><number>VIS00001</number></u_visit>
</unload>"""


@pytest.mark.long
async def test_a_record_of_numbers_acts_and_a_sys_id_of_another_form_is_a_finding(tmp_path: Path) -> None:
    """A new record gets the prefix and the digits that the record says."""
    async with running(written(tmp_path, NUMBERED)) as instance:
        numbers = [(await instance.insert("u_visit", {"active": "true"})).result["number"] for _ in range(2)]
        assert numbers == ["VIS01000", "VIS01001"]
        assert (await instance.insert("u_stay", {"active": "true"})).result["number"] == ""
        found = await instance.findings("value-ignored")
    assert found == [
        "u_visit 'VIS00001', column 'sys_id' has 'visit-1'; expected 32 hexadecimal digits: it has another sys_id here"
    ]


ODD = """<unload>
<sys_dictionary><name>incident</name><element>u_r</element><internal_type>reference</internal_type>
<reference>u_nowhere</reference></sys_dictionary>
<sys_db_object><name>u_orphan</name><super_class display_value="u_none">u_none</super_class></sys_db_object>
<sys_choice><name>incident</name><element>u_none</element><value>1</value></sys_choice>
<sys_user action="DELETE"><sys_id>6816f79cc0a8016401c5a33be04be441</sys_id></sys_user>
</unload>"""


@pytest.mark.long
async def test_findings_about_definitions_have_a_place_and_a_deleted_administrator_is_one(tmp_path: Path) -> None:
    """File and line of the record; who is deleted cannot log in."""
    async with running(written(tmp_path, ODD)) as instance:
        found = (await instance.call("GET", "/__admin/findings", None)).body["findings"]
    places: dict[str, list[tuple[str, str]]] = {each["rule"]: [] for each in found}
    for each in found:
        places[each["rule"]].append((each["where"], each["message"].partition(":")[2][:20]))
    assert sorted(places["definition-ignored"]) == [
        ("instance.xml:2", " column 'incident.u_r'"[:20]),
        ("instance.xml:4", " table 'u_orphan' extends"[:20]),
        ("instance.xml:5", " choices of 'incident.u_none'"[:20]),
    ]
    assert [each["message"] for each in found if each["rule"] == "own-user-deleted"] == [
        "sys_user 'admin' has deleted itself, and is let in no more"
    ]
