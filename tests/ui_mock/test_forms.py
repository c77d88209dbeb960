import json
import re
from typing import Any

import pytest

from mock_servicenow.now_platform.records.display import MOST_NAMED
from mock_servicenow.privilege_manager.approval_requests import MOST_RESPONSES
from mock_servicenow.ui.form_fields import LONGEST_SHOWN, MOST_PAIRS

from .conftest import ACTIVITY_TYPE, ADMIN_ID, CONFIGURATION, REQUEST, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


USER = "expected the Name or sys_id of one record of User"


def _error(html: str, name: str) -> str:
    found = re.search(rf'id="{re.escape(name)}\.error">([^<]*)<', html)
    return "" if found is None else found[1].replace("&#39;", "'")


async def _update(site: Site, table: str, sys_id: str, values: dict[str, Any], user: str = "admin") -> Any:
    person = await site.person(user)
    return await person.post(f"/{table}.do?sys_id={sys_id}", {"sys_action": "update", "sys_mod_count": "0"} | values)


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("order", "1.5", "invalid whole number '1.5': expected a whole number such as 15"),
        (
            "due_date",
            "tomorrow",
            "invalid date and time 'tomorrow': expected a date and time such as 2026-12-24 08:30:00",
        ),
        (
            "state",
            "99",
            "'99' is not one of the choices: expected one of New, In Progress, On Hold, Resolved, Closed, Canceled",
        ),
        ("caller_id", "Nobody Known", f"'Nobody Known' does not match exactly one record of sys_user: {USER}"),
        ("caller_id", "f" * 32, f"'{'f' * 32}' does not match exactly one record of sys_user: {USER}"),
        ("short_description", "x" * 161, "161 characters: expected at most 160"),
    ],
)
async def test_invalid_values_are_refused(site: Site, field: str, value: str, error: str) -> None:
    """The form is shown again with the value and an error beside its field; nothing is saved."""
    sys_id = await site.insert("incident", {"short_description": "right"})
    values = {f"incident.{field}": value, "incident.category": "software"}
    shown = await _update(site, "incident", sys_id, values)
    assert shown.status == 422
    assert _error(shown.html, f"incident.{field}") == error
    assert value in shown.html
    assert (await site.read("incident", sys_id))["category"] != "software"


async def test_invalid_number_is_refused(site: Site) -> None:
    """The error has a number with a fraction."""
    shown = await _update(site, "alm_asset", await site.insert("alm_asset", {}), {"alm_asset.cost": "much"})
    assert _error(shown.html, "alm_asset.cost") == "invalid number 'much': expected a number such as 1.5"


async def test_invalid_duration_is_refused(site: Site) -> None:
    """One invalid part of a duration refuses all three; each invalid one is named, and marked."""
    sys_id = await site.activity_type(await site.register())
    name = f"{ACTIVITY_TYPE}.max_timeout"
    minutes, hours = (
        "invalid minutes '60': expected a whole number from 0 to 59",
        "expected a whole number from 0 to 9,999",
    )
    for parts, error in (
        (("1", "60", ""), minutes),
        (("x", "", ""), f"invalid hours 'x': {hours}"),
        (("99999999", "2", ""), f"invalid hours '99999999': {hours}"),
        (("x", "60", "2"), f"invalid hours 'x': {hours}; {minutes}"),
    ):
        units = zip(("hours", "minutes", "seconds"), parts, strict=True)
        shown = await _update(site, ACTIVITY_TYPE, sys_id, {f"{name}.{unit}": part for unit, part in units})
        assert shown.status == 422
        assert _error(shown.html, name) == error
        marked = re.findall(rf'name="{re.escape(name)}\.(\w+)"[^>]*aria-invalid', shown.html)
        assert marked == [unit for unit in ("hours", "minutes") if unit in error]


async def test_empty_fields_clear_a_duration(site: Site) -> None:
    """Three empty fields mean that there is no duration."""
    sys_id = await site.insert("incident", {"time_worked": "1:00:00"})
    empty = {f"incident.time_worked.{unit}": "" for unit in ("hours", "minutes", "seconds")}
    shown = await _update(site, "incident", sys_id, empty)
    assert (shown.status, "Record updated: Time worked." in shown.html) == (200, True)
    assert (await site.read("incident", sys_id))["time_worked"] == ""


async def test_references_and_times_are_read_as_displayed(site: Site) -> None:
    """A reference is a display value or sys_id, cleared by an empty field; times are in the user's time zone."""
    sys_id = await site.insert("incident", {"short_description": "x"})
    values = {"incident.caller_id": ADMIN_ID, "incident.opened_by": "", "incident.due_date": "2026-02-03 04:05:06"}
    assert (await _update(site, "incident", sys_id, values)).status == 200
    record = await site.read("incident", sys_id)
    assert (record["caller_id"]["value"], record["opened_by"]) == (ADMIN_ID, "")
    assert record["due_date"].startswith("2026-02-03")


async def test_dates_are_read_as_displayed(site: Site) -> None:
    """A date without a time has the user's format."""
    sys_id = await site.insert("u_toy", {"u_name": "bear"})
    values = {"u_toy.u_bought": "2026-02-03", "u_toy.u_key": "k"}
    assert (await _update(site, "u_toy", sys_id, values)).status == 200
    assert (await site.read("u_toy", sys_id))["u_bought"] == "2026-02-03"
    shown = await _update(site, "u_toy", sys_id, {"u_toy.u_bought": "soon", "sys_mod_count": "1"})
    assert _error(shown.html, "u_toy.u_bought") == "invalid date 'soon': expected a date such as 2026-12-24"


async def test_hidden_and_locked_columns_have_no_control(site: Site) -> None:
    """A hidden column is in neither list nor form; a locked one is read-only."""
    sys_id = await site.insert("u_toy", {"u_name": "bear", "u_hidden": "honey", "u_locked": "tail"})
    await site.add_user("child")
    child = await site.person("child")
    for path in (f"/u_toy.do?sys_id={sys_id}", "/u_toy_list.do?sysparm_fields=u_name,u_hidden"):
        shown = await child.get(path)
        assert (shown.status, "bear" in shown.html, "honey" in shown.html) == (200, True, False)
    html = (await child.get(f"/u_toy.do?sys_id={sys_id}")).html
    assert ('name="u_toy.u_locked"' in html, 'name="u_toy.u_name"' in html, "tail" in html) == (False, True, True)


async def test_empty_field_keeps_a_mandatory_password(site: Site) -> None:
    """A stored password need not be typed again; any other mandatory field must have a value."""
    sys_id = await site.insert("u_toy", {"u_name": "bear"})
    shown = await _update(site, "u_toy", sys_id, {"u_toy.u_key": ""})
    assert _error(shown.html, "u_toy.u_key") == "mandatory, but blank: expected a password"
    assert (await _update(site, "u_toy", sys_id, {"u_toy.u_key": "k"})).status == 200
    values = {"u_toy.u_key": "", "u_toy.u_locked": "x", "sys_mod_count": "1"}
    assert (await _update(site, "u_toy", sys_id, values)).status == 200
    shown = await _update(site, "u_toy", sys_id, {"u_toy.u_name": "", "sys_mod_count": "2"})
    assert _error(shown.html, "u_toy.u_name") == "mandatory, but blank: expected text of at most 40 characters"
    for blank in ("  ", " \n\t"):
        shown = await _update(site, "u_toy", sys_id, {"u_toy.u_name": blank, "sys_mod_count": "2"})
        assert _error(shown.html, "u_toy.u_name").startswith("mandatory, but blank")


async def test_missing_mandatory_field_is_named(site: Site) -> None:
    """A new record without a mandatory value is refused."""
    person = await site.person()
    shown = await person.post("/sys_api_access_policy.do?sys_id=-1", {"sys_api_access_policy.name": ""})
    assert shown.status == 422
    assert (
        _error(shown.html, "sys_api_access_policy.name")
        == "mandatory, but blank: expected text of at most 100 characters"
    )


async def test_password_is_set_and_never_shown(site: Site) -> None:
    """A password field is always empty: left empty it keeps the password, filled in it sets a new one."""
    await site.add_user("worker")
    found = await site.call("GET", "/api/now/table/sys_user", params={"user_name": "worker"})
    sys_id = found["result"][0]["sys_id"]
    name = "sys_user.user_password"
    kept = await _update(site, "sys_user", sys_id, {name: "", "sys_user.title": "Dr"})
    assert kept.status == 200
    assert f'name="{name}" type="password"' in kept.html
    assert (await (await site.person("worker")).get("/")).url == f"{site.url}/"
    values = {name: "a-new-password", "sys_mod_count": "1", "sys_user.failed_attempts": "x"}
    refused = await _update(site, "sys_user", sys_id, values)
    assert (refused.status, "a-new-password" in refused.html) == (422, False)
    assert (await _update(site, "sys_user", sys_id, {name: "a-new-password", "sys_mod_count": "1"})).status == 200
    assert "/login.do" in (await (await site.person("worker")).get("/")).url


async def test_reader_gets_a_form_without_buttons(site: Site) -> None:
    """A user without write access sees the values, and their posted form is refused."""
    sys_id = await site.activity_type(await site.register())
    person = await site.person("privman.approver")
    html = (await person.get(f"/{ACTIVITY_TYPE}.do?sys_id={sys_id}")).html
    assert "PM Approval Request" in html
    assert 'name="sys_action"' not in html
    for action in ("update", "delete"):
        values = {"sys_action": action, "sys_mod_count": "0", f"{ACTIVITY_TYPE}.description": "mine"}
        assert (await person.post(f"/{ACTIVITY_TYPE}.do?sys_id={sys_id}", values)).status == 403
    created = await person.post(f"/{ACTIVITY_TYPE}.do?sys_id=-1", {f"{ACTIVITY_TYPE}.name": "mine"})
    assert (created.status, "ACL Exception Insert Failed" in created.html) == (403, True)
    assert (await site.read(ACTIVITY_TYPE, sys_id))["description"] == "Approve or deny PM request"


async def test_refusing_business_rule_is_named(site: Site) -> None:
    """The form is shown again with the name of the rule and the typed values."""
    person = await site.person()
    values = {"name": "Typed <by> hand", "description": "x", "valid_responses": "Deny", "max_timeout.hours": "1"}
    values |= {"max_timeout.minutes": "", "max_timeout.seconds": ""}
    shown = await person.post(
        f"/{ACTIVITY_TYPE}.do?sys_id=-1", {f"{ACTIVITY_TYPE}.{name}": text for name, text in values.items()}
    )
    assert (shown.status, "Registered instance only" in shown.html) == (403, True)
    assert "Typed &lt;by&gt; hand" in shown.html


async def test_record_opens_with_the_fields_of_its_class(site: Site) -> None:
    """A link that names the parent table opens the form of the class."""
    sys_id = await site.insert("incident", {"short_description": "x", "category": "hardware"})
    html = (await (await site.person()).get(f"/task.do?sys_id={sys_id}")).html
    assert "<h1>Incident - " in html
    assert 'value="hardware"' in html


async def test_unknown_record_gets_404_and_unknown_button_400(site: Site) -> None:
    """Neither changes anything."""
    person = await site.person()
    assert (await person.get(f"/incident.do?sys_id={'0' * 32}")).status == 404
    assert (await person.post(f"/incident.do?sys_id={'0' * 32}", {"sys_action": "update"})).status == 404
    sys_id = await site.insert("incident", {})
    values = {"sys_action": "explode", "sys_mod_count": "0"}
    assert (await person.post(f"/incident.do?sys_id={sys_id}", values)).status == 400


async def test_forged_link_leads_back_to_the_own_list(site: Site) -> None:
    """A sysparm_stack outside the instance is ignored."""
    person = await site.person()
    away = await person.get("/incident.do?sys_id=-1&sysparm_stack=//elsewhere.example/x_list.do")
    assert '<a class="icon" href="/incident_list.do">' in away.html


async def test_unlisted_choice_is_kept(site: Site) -> None:
    """A stored choice that is not offered stays selected and is valid until it is changed."""
    sys_id = await site.insert("incident", {"state": "42"})
    html = (await (await site.person()).get(f"/incident.do?sys_id={sys_id}")).html
    assert '<option value="42" selected>42</option>' in html
    assert (await _update(site, "incident", sys_id, {"incident.state": "42", "incident.priority": "1"})).status == 200


async def test_line_endings_are_no_change(site: Site) -> None:
    """A text area that is posted with CRLF writes nothing."""
    sys_id = await site.insert("incident", {"description": "one\ntwo"})
    await _update(site, "incident", sys_id, {"incident.description": "one\r\ntwo"})
    assert (await site.read("incident", sys_id))["sys_mod_count"] == "0"


async def test_delete_leads_back_to_the_list(site: Site) -> None:
    """The deleted record is gone."""
    sys_id = await site.insert("incident", {"short_description": "gone soon"})
    person = await site.person()
    shown = await person.post(f"/incident.do?sys_id={sys_id}", {"sys_action": "delete", "sys_mod_count": "0"})
    assert shown.url == f"{site.url}/incident_list.do"
    assert (await person.get(f"/incident.do?sys_id={sys_id}")).status == 404


async def test_unchanged_duration_writes_nothing(site: Site) -> None:
    """A form without the duration's fields writes nothing either."""
    sys_id = await site.activity_type(await site.register())
    name = f"{ACTIVITY_TYPE}.max_timeout"
    parts = {f"{name}.hours": "16", f"{name}.minutes": "30", f"{name}.seconds": "00"}
    assert (await _update(site, ACTIVITY_TYPE, sys_id, parts)).status == 200
    assert (await _update(site, ACTIVITY_TYPE, sys_id, {})).status == 200
    assert (await site.read(ACTIVITY_TYPE, sys_id))["sys_mod_count"] == "0"


async def test_reference_is_set_and_cleared_by_text(site: Site) -> None:
    """The display value of exactly one record sets the reference, an empty text clears it."""
    sys_id = await site.insert("incident", {})
    values = {"incident.caller_id": "System Administrator"}
    assert (await _update(site, "incident", sys_id, values)).status == 200
    assert (await site.read("incident", sys_id))["caller_id"]["value"] == ADMIN_ID
    assert (await _update(site, "incident", sys_id, {"incident.caller_id": "", "sys_mod_count": "1"})).status == 200
    assert (await site.read("incident", sys_id))["caller_id"] == ""


async def test_long_text_is_shortened_and_read_only(site: Site) -> None:
    """Posting a shortened text would lose the rest."""
    sys_id = await site.insert("incident", {"description": "<" * (LONGEST_SHOWN + 1), "short_description": "a"})
    shown = await _update(site, "incident", sys_id, {"incident.short_description": "b", "incident.description": "c"})
    assert (shown.status, shown.html.count("&lt;")) == (200, LONGEST_SHOWN)
    assert "&lt;…</textarea>" in shown.html
    assert 'name="incident.description"' not in shown.html
    record = await site.read("incident", sys_id)
    assert (record["short_description"], len(record["description"])) == ("b", LONGEST_SHOWN + 1)


async def test_long_list_of_references_is_shortened(site: Site) -> None:
    """Each entry with a name is another record to read."""
    sys_id = await site.insert("incident", {"watch_list": ",".join([ADMIN_ID] * 3_000)})
    person = await site.person()
    html = (await person.get(f"/incident.do?sys_id={sys_id}")).html
    assert 'name="incident.watch_list"' not in html
    assert html.count("System Administrator, ") == MOST_NAMED


@pytest.mark.parametrize(("number", "offered"), [(MOST_PAIRS, True), (MOST_PAIRS + 1, False)])
async def test_many_pairs_are_read_only(site: Site, number: int, *, offered: bool) -> None:
    """A form has at most 1,000 fields, so posting more pairs would lose some."""
    sys_id = await site.register()
    pairs = await site.pairs(sys_id)
    more = {f"key {count}": "" for count in range(number - len(pairs))}
    await site.change(CONFIGURATION, sys_id, {"instance_metadata": json.dumps(pairs | more)})
    html = (await (await site.person()).get(f"/{CONFIGURATION}.do?sys_id={sys_id}")).html
    assert ('value="key 0"' in html, "key 0: " in html) == (offered, not offered)


async def test_number_of_responses_is_limited(site: Site) -> None:
    """Each valid response has a button, up to the limit."""
    sys_id = await site.ask(valid_responses=",".join(f"R{number}" for number in range(MOST_RESPONSES + 1)))
    html = (await (await site.person()).get(f"/{REQUEST}.do?sys_id={sys_id}")).html
    assert html.count('value="decide:R') == MOST_RESPONSES
