"""A person decides a request of the SOAP integration on the form of its requested item."""

import re

import pytest

from .conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_form_decides_a_requested_item(site: Site) -> None:
    """By its fields Approval and Additional comments, which the status service answers."""
    item = await site.insert("sc_cat_item", {"name": "Execute Application Request"})
    requested = await site.insert("sc_req_item", {"cat_item": item, "approval": "requested"})
    person = await site.person("admin")
    values = {"sc_req_item.approval": "rejected", "sc_req_item.comments": "Not <here> & now"}
    shown = await person.get(f"/sc_req_item.do?sys_id={requested}")
    count = re.search(r'name="sys_mod_count" value="(\d+)"', shown.html)
    assert count is not None
    form = {"sys_action": "update", "sys_mod_count": count[1], **values}
    saved = await person.post(f"/sc_req_item.do?sys_id={requested}", form)
    assert saved.status < 400, saved.html
    assert (await site.read("sc_req_item", requested))["approval"] == "rejected"
    entries = await site.call("GET", f"/api/now/table/sys_journal_field?element_id={requested}")
    assert [(each["element"], each["value"]) for each in entries["result"]] == [("comments", "Not <here> & now")]
