import re
from html import unescape

import pytest

from .conftest import Person, Shown, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
_HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')
_TEXT = re.compile(r'<input id="[^"]+" name="([^"]+[.][^"]+)" value="([^"]*)"')
_ROW = re.compile(r'name="selected" value="([^"]+)"')


async def hide(site: Site, *columns: str) -> None:
    """Let only chiefs read columns."""
    chief = await site.insert("sys_user_role", {"name": "chief"})
    for column in columns:
        rule = await site.insert("sys_security_acl", {"name": column, "operation": "read"})
        await site.insert("sys_security_acl_role", {"sys_security_acl": rule, "sys_user_role": chief})


async def test_stamps_that_a_user_may_not_read_are_checked(site: Site) -> None:
    """A form and a selected row carry a digest of them; the second to save overwrites and deletes nothing."""
    await hide(site, "incident.sys_mod_count", "incident.sys_created_on")
    await site.add_user("clerk", "itil")
    sys_id = await site.insert("incident", {"short_description": "first"})
    path, person = f"/incident.do?sys_id={sys_id}", await site.person("clerk")
    opened = [await person.get(path) for _ in range(2)]
    pressed = {"sys_action": "update", "incident.short_description": "second"}
    saved = [await person.post(path, {**dict(_HIDDEN.findall(each.html)), **pressed}) for each in opened]
    assert [each.status for each in saved] == [200, 409]
    for form in ({}, {"sys_mod_count": "1"}):
        assert (await person.post(path, form | pressed)).status == 409
    assert (await site.read("incident", sys_id))["sys_mod_count"] == "1"


async def test_rows_with_stamps_that_a_user_may_not_read_are_deleted_if_unchanged(site: Site) -> None:
    """A row that was changed since the list was shown stays."""
    await hide(site, "cmn_department.sys_mod_count")
    sys_id, other = [await site.insert("cmn_department", {"name": f"u{number}"}) for number in range(2)]
    await site.add_user("clerk")
    person, path = await site.person("clerk"), "/cmn_department_list.do?sysparm_query=nameSTARTSWITHu"
    rows = _ROW.findall((await person.get(path)).html)
    await site.change("cmn_department", sys_id, {"name": "u2"})
    done = await person.post(path, {"sys_action": "delete", "selected": rows})
    assert "1 record was deleted. 1 record was changed or deleted since the list was shown." in done.html
    assert other not in (await person.get(path)).html


async def _forms(person: Person, site: Site) -> list[tuple[str, str]]:
    """Return the table and the sys_id of the first record of each list."""
    found = (await site.call("GET", "/api/now/table/sys_db_object?sysparm_fields=name&sysparm_limit=1000"))["result"]
    lists = [(each["name"], await person.get(f"/{each['name']}_list.do")) for each in found]
    rows = [(table, _ROW.findall(shown.html)) for table, shown in lists]
    return [(table, some[0].partition(".")[0]) for table, some in rows if some]


@pytest.mark.long
async def test_second_to_save_any_form_overwrites_nothing(site: Site) -> None:
    """Of two forms of one record that were opened at once, the second is refused, whatever the table."""
    await site.ask(valid_responses="Approve,Deny")
    person, saved = await site.person(), set[str]()
    for table, sys_id in await _forms(person, site):
        path = f"/{table}.do?sys_id={sys_id}"
        opened = (await person.get(path)).html
        for name, value in _TEXT.findall(opened):
            mine, theirs = (
                {**dict(_HIDDEN.findall(opened)), "sys_action": "update", name: f"{unescape(value)}{end}"}
                for end in "12"
            )
            if "Record updated" not in (await person.post(path, mine)).html:
                continue
            count = _stamp(await person.get(path))
            assert (table, (await person.post(path, theirs)).status) == (table, 409)
            assert (table, _stamp(await person.get(path))) == (table, count)
            saved.add(table)
            break
    assert {"incident", "sys_user", "x_thyti_thycotic_p_activity_type"} <= saved
    assert len(saved) >= 20


def _stamp(shown: Shown) -> str:
    """Return how often the record of a form was changed."""
    return str(dict(_HIDDEN.findall(shown.html))["sys_mod_count"])
