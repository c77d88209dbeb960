import json
import re

import pytest

from .conftest import ACTIVITY_TYPE, CONFIGURATION, REQUEST, SECRET, Person, Shown, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
_NOTE = re.compile(r'<p role="status" class="notice \w+"[^>]*>([^<]*)</p>')


def _note(shown: Shown) -> str:
    found = _NOTE.search(shown.html)
    return "" if found is None else found[1]


async def _update(person: Person, table: str, sys_id: str, values: dict[str, str], count: str = "0") -> Shown:
    fields = {f"{table}.{name}": text for name, text in values.items()}
    values = {"sys_action": "update", "sys_mod_count": count} | fields
    return await person.post(f"/{table}.do?sys_id={sys_id}", values)


async def test_a_note_is_shown_once_and_only_after_its_event(site: Site) -> None:
    """It names what changed; a reload, an address and an update without a change say nothing of the kind."""
    person, sys_id = await site.person(), await site.insert("incident", {"short_description": "old"})
    path = f"/incident.do?sys_id={sys_id}"
    for address in (f"{path}&sysparm_done=update", f"{path}&sysparm_done=insert"):
        assert _note(await person.get(address)) == ""
    updated = await _update(person, "incident", sys_id, {"short_description": "new", "comments": "why"})
    assert _note(updated) == "Record updated: Short description, Additional comments."
    assert _note(await person.get(path)) == ""
    assert _note(await _update(person, "incident", sys_id, {"short_description": "new"}, "1")) == "Nothing was changed."
    assert _note(await person.post("/incident.do?sys_id=-1", {"incident.short_description": "x"})) == "Record created"


async def test_a_note_is_about_its_record_and_cannot_be_forged(site: Site) -> None:
    """Another page does not show it, and neither does one whose cookie somebody else has written."""
    person, sys_id = await site.person(), await site.insert("incident", {"short_description": "old"})
    other = await site.insert("incident", {"short_description": "other"})
    values = {"sys_action": "update", "sys_mod_count": "0", "incident.short_description": "new"}
    answer = await person.post(f"/incident.do?sys_id={sys_id}", values, allow_redirects=False)
    assert _note(await person.get(f"/incident.do?sys_id={other}")) == ""
    value = re.findall(r"glide_event_note=(\S+?);", answer.headers["Set-Cookie"])[0]
    for cookie, note in ((value, "Record updated: Short description."), (f"0{value}", ""), ("0.e30=", "")):
        shown = await person.get(f"/incident.do?sys_id={sys_id}", cookies={"glide_event_note": cookie})
        assert _note(shown) == note


async def test_a_value_that_a_rule_keeps_is_not_said_to_be_updated(site: Site) -> None:
    """The note names the field that the rule has set back."""
    await site.insert(
        "sys_script",
        {
            "name": "Keep",
            "collection": "incident",
            "when": "before",
            "action_update": "true",
            "active": "true",
            "template": "short_description=old^EQ",
        },
    )
    incident = await site.insert("incident", {"short_description": "old"})
    shown = await _update(await site.person(), "incident", incident, {"short_description": "new"})
    assert _note(shown) == "Nothing was changed. A rule of the table kept Short description."


async def test_a_repeated_request_is_not_said_to_be_created(site: Site) -> None:
    """The app answers with the record that it has."""
    sys_id = await site.ask()
    record = await site.read(REQUEST, sys_id)
    names = ("request_id", "metadata", "instance_id", "activity_type_id")
    values = {f"{REQUEST}.{name}": record[name] for name in names}
    shown = await (await site.person()).post(f"/{REQUEST}.do?sys_id=-1", {"sys_action": "insert"} | values)
    assert (sys_id in shown.url, _note(shown)) == (True, "No record was created: this one has these values already")


STARS = [
    (ACTIVITY_TYPE, {"name": ""}, "mandatory, but blank: expected text of at most 100 characters"),
    (
        ACTIVITY_TYPE,
        {f"max_timeout.{unit}": "" for unit in ("hours", "minutes", "seconds")},
        "mandatory, but blank: expected hours, minutes and seconds, such as 16, 30 and 00",
    ),
    (
        CONFIGURATION,
        {"instance_metadata.name": "", "instance_metadata.value": ""},
        "mandatory, but blank: expected at least one name with its value",
    ),
]


async def test_a_printed_star_is_checked(site: Site) -> None:
    """A blank field with a star is refused beside the field, and nothing is saved."""
    instance_id, person = await site.register(), await site.person()
    activity_type_id = await site.activity_type(instance_id)
    for table, values, error in STARS:
        sys_id = instance_id if table == CONFIGURATION else activity_type_id
        shown = await _update(person, table, sys_id, values)
        assert (shown.status, f'.error">{error}<' in shown.html, "Record updated" in shown.html) == (422, True, False)
        assert (await site.read(table, sys_id))["sys_mod_count"] == "0"


async def test_the_dictionary_says_what_is_mandatory(site: Site) -> None:
    """A change of sys_dictionary sets the star and the check."""
    query = "sysparm_query=name=incident^element=category"
    [row] = (await site.call("GET", f"/api/now/table/sys_dictionary?{query}"))["result"]
    sys_id, person = await site.insert("incident", {"category": "network"}), await site.person()
    for mandatory, status in (("true", 422), ("false", 200)):
        await site.change("sys_dictionary", row["sys_id"], {"mandatory": mandatory})
        html = (await person.get(f"/incident.do?sys_id={sys_id}")).html
        assert ('<label for="incident.category" class="mandatory">' in html) == (mandatory == "true")
        assert (await _update(person, "incident", sys_id, {"category": ""})).status == status


async def test_rows_of_pairs_change_without_saving(site: Site) -> None:
    """The form asks for a typed secret again, stays as stale as it was, and never shows the secret."""
    sys_id, person = await site.register(), await site.person()
    name = f"{CONFIGURATION}.instance_metadata"
    form = [("sysparm_ck", person.token), ("sys_action", f"remove:{name}.1"), ("sys_mod_count", "0")]
    for key, value in (("Password", "typed-anew"), ("Note", "1"), ("", "unnamed-secret")):
        form += [(f"{name}.name", key), (f"{name}.value", value)]
    async with person.http.post(f"{site.url}/{CONFIGURATION}.do?sys_id={sys_id}", data=form) as answer:
        html = await answer.text()
    assert (answer.status, "Nothing is saved yet" in html, "Enter Password again" in html) == (200, True, True)
    assert ('value="Note"' in html, "typed-anew" in html, "unnamed-secret" in html) == (False, False, False)
    assert '<input type="hidden" name="sys_mod_count" value="0">' in html
    assert (len(await site.pairs(sys_id)), SECRET in html) == (7, False)
    form[1] = ("sys_action", "update")
    async with person.http.post(f"{site.url}/{CONFIGURATION}.do?sys_id={sys_id}", data=form) as answer:
        html = await answer.text()
    assert (answer.status, "expected a name beside each value" in html) == (422, True)
    assert "Enter Password again: pages never repeat a secret" in html


async def test_stale_forms_say_so_and_overwrite_nothing(site: Site) -> None:
    """The record was deleted since, or another one has got its sys_id."""
    person, sys_id = await site.person(), await site.insert("incident", {"short_description": "first"})
    opened = (await person.get(f"/incident.do?sys_id={sys_id}")).html
    made = re.findall(r'name="sys_created_on" value="([^"]+)"', opened)[0]
    await site.call("DELETE", f"/api/now/table/incident/{sys_id}")
    gone = await _update(person, "incident", sys_id, {"short_description": "mine"})
    assert (gone.status, "The record was not saved" in gone.html, "deleted" in gone.html) == (404, True, True)
    assert "<dt>Short description</dt><dd>mine</dd>" in gone.html
    gone = await person.post(f"/incident.do?sys_id={sys_id}", {"sys_action": "delete", "sys_mod_count": "0"})
    assert (gone.status, "The record was not deleted" in gone.html) == (404, True)
    await site.clock.advance(60)
    await site.insert("incident", {"sys_id": sys_id, "short_description": "second"})
    values = {"sys_action": "update", "sys_mod_count": "0", "sys_created_on": made}
    stale = await person.post(f"/incident.do?sys_id={sys_id}", values | {"incident.short_description": "mine"})
    assert (stale.status, 'value="second"' in stale.html, "mine" in stale.html) == (409, True, False)
    assert (await site.read("incident", sys_id))["short_description"] == "second"


async def test_a_decision_that_a_rule_changes_is_not_said_to_be_recorded(site: Site) -> None:
    """A stored rule may set another status."""
    sys_id = await site.ask(valid_responses="Approve,Deny")
    await site.insert(
        "sys_script",
        {
            "name": "Always deny",
            "collection": REQUEST,
            "when": "before",
            "action_update": "true",
            "active": "true",
            "order": "1",
            "template": "status=Deny^EQ",
        },
    )
    person = await site.person("privman.approver")
    shown = await person.post(f"/{REQUEST}.do?sys_id={sys_id}", {"sys_action": "decide:Approve", "sys_mod_count": "0"})
    status = (await site.read(REQUEST, sys_id))["status"]
    assert (status, _note(shown)) == ("Deny", "A rule of the table changed the decision")


async def test_metadata_without_entries_is_text(site: Site) -> None:
    """An empty object has no details; the list shows it as it is."""
    sys_id = await site.ask()
    await site.change(REQUEST, sys_id, {"metadata": json.dumps({})})
    person = await site.person()
    assert "Request details" not in (await person.get(f"/{REQUEST}.do?sys_id={sys_id}")).html
    html = (await person.get(f"/{REQUEST}_list.do")).html
    assert re.search(r"<td[^>]*>\{\}</td>", html)
