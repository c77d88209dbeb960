import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from mock_servicenow.ui.row_actions import ROW_ACTIONS

from .conftest import ACTIVITY_TYPE, GUID, REQUEST, RESPONSE, Shown, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
_SELECTED = re.compile(r'name="selected" value="([^"]+)" aria-label="Select ([^"]*)"')
_FORM = re.compile(r'<a id="r\w{32}" href="([^"]+)"')


def _query(shown: Shown) -> str:
    return parse_qs(urlsplit(shown.url).query).get("sysparm_query", [""])[0]


def _link(shown: Shown, name: str) -> str:
    found = re.search(rf'href="([^"]+)"><svg[^>]*><path[^>]*/></svg><span class="hidden">{name}<', shown.html)
    return "" if found is None else html.unescape(found[1])


SEARCHES = [
    ("short_description", "mine", "short_description>=mine"),
    ("short_description", "*mine", "short_descriptionLIKEmine"),
    ("short_description", "%mine%", "short_descriptionLIKEmine"),
    ("short_description", "%mine", "short_descriptionENDSWITHmine"),
    ("short_description", "mine%", "short_descriptionSTARTSWITHmine"),
    ("short_description", "=mine", "short_description=mine"),
    ("short_description", "!=mine", "short_description!=mine"),
    ("short_description", "!*mine", "short_descriptionNOT LIKEmine"),
    ("state", "in progress", "state=2"),
    ("state", "6", "state=6"),
    ("opened_at", "2026-01-05 01:00:00", "opened_at>=2026-01-05 09:00:00"),
    ("opened_by", "=System Administrator", "opened_by.name=System Administrator"),
    ("close_notes", "a^b", "close_notes>=a b"),
]


async def test_search_boxes_read_the_documented_wildcards(site: Site) -> None:
    """The box in the head and the one above the column are the same; displayed values become stored ones."""
    person = await site.person()
    path = "/incident_list.do?sysparm_query=active%3Dtrue&search="
    for column, text, condition in SEARCHES:
        for box in ({f"search.{column}": text}, {"search_field": column, "search_text": text}):
            shown = await person.get(path, params=box)
            assert (text, _query(shown)) == (text, f"active=true^{condition}")
    await site.insert("u_toy", {"u_name": "bear", "u_key": "k"})
    assert _query(await person.get("/u_toy_list.do?search=&search.u_bought=2026-02-03")) == "u_bought>=2026-02-03"


async def test_properties_change_the_search(site: Site) -> None:
    """As documented, a text without wildcards is then contained, or begins the value."""
    person = await site.person()
    for name, operator in (("starts_with", "STARTSWITH"), ("contains", "LIKE")):
        await site.insert("sys_properties", {"name": f"glide.ui.goto_use_{name}", "value": "true"})
        shown = await person.get("/incident_list.do?search=&search.number=x&search.nothing=y&search.state=")
        assert _query(shown) == f"number{operator}x"


async def test_lists_and_records_are_exported_from_their_menu(site: Site) -> None:
    """The cookie of the browser is enough; the file has the filter and the columns of the list."""
    await site.incidents(2)
    person = await site.person()
    query = "sysparm_query=short_description%3Dmine+01&sysparm_fields=short_description"
    shown = await person.get(f"/incident_list.do?{query}")
    for name in ("CSV", "XML"):
        exported = await person.get(f"/incident_list.do?{query}&{name}")
        assert f'href="/incident_list.do?{query.replace("&", "&amp;")}&amp;{name}"' in shown.html
        assert (exported.status, "mine 01" in exported.html, "mine 00" in exported.html) == (200, True, False)
    form = await person.get(html.unescape(_FORM.findall(shown.html)[0]))
    [link] = re.findall(r'href="([^"]+)" download>Export XML<', form.html)
    assert "<short_description>mine 01<" in (await person.get(html.unescape(link))).html


async def test_empty_result_offers_to_remove_the_filter(site: Site) -> None:
    """A table without rows has none to remove, and a row beyond the last leads to the first page."""
    person = await site.person()
    shown = await person.get("/incident_list.do?sysparm_query=number=none")
    assert 'No records match the filter. <a href="/incident_list.do">Remove the filter</a>' in shown.html
    shown = await person.get(f"/{RESPONSE}_list.do?sysparm_query=ORDERBYresponse")
    assert ("No records to show" in shown.html, "Remove the filter" in shown.html) == (True, False)
    await site.incidents(1)
    shown = await person.get("/incident_list.do?sysparm_query=short_description=mine+00&sysparm_first_row=900")
    assert 'The list has no row 900: its last is 1. <a href="/incident_list.do?sysparm_query=' in shown.html


async def test_selected_rows_are_deleted(site: Site) -> None:
    """All but one that was changed since the list was shown; the note says how many."""
    await site.incidents(3)
    person, path = await site.person(), "/incident_list.do?sysparm_query=short_descriptionSTARTSWITHmine"
    rows = [row for row, _ in _SELECTED.findall((await person.get(path)).html)]
    await site.change("incident", rows[0].partition(".")[0], {"short_description": "mine, changed"})
    for values, note in (
        ({"selected": rows}, "Nothing was done: no action was chosen"),
        ({"sys_action": "delete"}, "Nothing was done: no row was selected"),
        (
            {"sys_action": "delete", "selected": rows[:1]},
            "Nothing was changed. 1 record was changed or deleted since the list was shown.",
        ),
        ({"sys_action": "delete", "selected": rows}, "2 records were deleted. 1 record was changed or deleted since"),
    ):
        shown = await person.post(path, values)
        assert (shown.url, note in shown.html) == (f"{site.url}{path}", True)
    [(row, name)] = _SELECTED.findall((await person.get(path)).html)
    assert name == "INC0010003"
    assert "1 record was deleted.<" in (await person.post(path, {"sys_action": "delete", "selected": row})).html


async def test_every_row_action_asks_its_own_question(site: Site) -> None:
    """The style hides a question as long as another action is chosen."""
    await site.ask()
    person = await site.person()
    shown = await person.get(f"/{REQUEST}_list.do")
    assert re.findall('data-action="([^"]+)"', shown.html) == list(ROW_ACTIONS)
    [style] = re.findall('href="([^"]+/style.css)"', shown.html)
    named = {
        re.sub('"', "", each) for each in re.findall(r"\) \[data-action=([^]]+)\]", (await person.get(style)).html)
    }
    assert named == ROW_ACTIONS.keys()


async def test_refused_deletion_deletes_nothing(site: Site) -> None:
    """An access rule refuses one of the rows; whoever may do nothing to rows has no boxes."""
    await site.ask()
    approver = await site.person("privman.approver")
    shown = await approver.get(f"/{ACTIVITY_TYPE}_list.do")
    assert (_SELECTED.findall(shown.html), "Actions on selected rows" in shown.html) == ([], False)
    assert 'value="delete"' not in (await approver.get(f"/{REQUEST}_list.do")).html
    rows = [row for row, _ in _SELECTED.findall((await (await site.person()).get(f"/{REQUEST}_list.do")).html)]
    refused = await approver.post(f"/{REQUEST}_list.do", {"sys_action": "delete", "selected": rows})
    assert "Nothing was changed. Operation Failed: ACL Exception Delete Failed" in refused.html
    assert len((await site.call("GET", f"/api/now/table/{REQUEST}"))["result"]) == 1


async def test_approvers_answer_selected_requests(site: Site) -> None:
    """By the valid responses of their activity types; requests that are decided stay, and other tables have none."""
    first, second = await site.ask(valid_responses="Approve,Maybe"), await site.ask(GUID.replace("8", "9"))
    await site.change(REQUEST, second, {"status": "Deny"})
    approver, path = await site.person("privman.approver"), f"/{REQUEST}_list.do"
    shown = await approver.get(path)
    rows = re.findall(r'name="shown" value="([^"]+)"', shown.html)
    assert re.findall(r'<option value="(\w+:\w+)">', shown.html) == ["decide:Approve", "decide:Maybe"]
    every = {"select_all": "1", "shown": rows, "decision.duration.hours": "ignored"}
    refused = await approver.post(path, every | {"sys_action": "decide:Deny"})
    assert "Nothing was changed. Business rule &#39;Admit decision&#39; aborted it" in refused.html
    for nothing in ("", "Pending"):  # no rule refuses what changes nothing
        action = {"sys_action": f"decide:{nothing}"}
        form = await approver.post(f"/{REQUEST}.do?sys_id={first}", action | {"sys_mod_count": "0"})
        for shown in (form, await approver.post(path, every | action)):
            assert f"&#39;{nothing}&#39; is no response that decides a request" in shown.html
    answered = await approver.post(path, every | {"sys_action": "decide:Maybe"})
    assert "1 request was decided. 1 record was not pending." in answered.html
    assert [(await site.read(REQUEST, each))["status"] for each in (first, second)] == ["Maybe", "Deny"]
    assert "decide:" not in (await approver.get(path)).html
    await site.incidents(1)
    [row, *_] = _SELECTED.findall((await (admin := await site.person()).get("/incident_list.do")).html)
    shown = await admin.post("/incident_list.do", {"sys_action": "decide:Maybe", "selected": row[0]})
    assert "Nothing was changed. 1 record was not pending." in shown.html


async def test_decision_that_a_rule_changes_is_not_said_to_be_taken(site: Site) -> None:
    """The note after an action on a row says that a rule of the table changed it."""
    sys_id = await site.ask()
    script = {"filter_condition": "", "action_update": "true", "template": "status=Deny^EQ", "when": "before"}
    rule = {"name": "Deny all", "collection": REQUEST, "active": "true"}
    await site.insert("sys_script", rule | script)
    person, path = await site.person(), f"/{REQUEST}_list.do"
    [(row, _)] = _SELECTED.findall((await person.get(path)).html)
    shown = await person.post(path, {"sys_action": "decide:Approve", "selected": row})
    assert ">1 decision was changed by a rule of the table." in shown.html
    assert (await site.read(REQUEST, sys_id))["status"] == "Deny"


async def test_rows_have_previews(site: Site) -> None:
    """Each with the columns that are not empty, the metadata entry by entry, and a link to the form."""
    await site.ask()
    shown = await (await site.person("privman.approver")).get(f"/{REQUEST}_list.do")
    preview = shown.html.partition('popover id="p')[2].partition("</div>")[0]
    named = re.findall("<dt>([^<]+)</dt>", preview)
    assert named[:4] == ["Request Id", "Status", "PolicyName", "UserReason"]
    assert ("Updated by" in named, "Comment" in named, ">Open Record</a>" in preview) == (True, False, True)
    assert re.findall('aria-sort="([^"]+)"><a[^>]+>([^<]+)', shown.html) == [("descending", "Created ")]


async def test_deletion_that_a_rule_aborts_says_why(site: Site) -> None:
    """The note of the list and the message of the form name the rule and its reason."""
    path, person = "/sys_db_object_list.do?sysparm_query=name=incident", await site.person()
    [(row, _)] = _SELECTED.findall((await person.get(path)).html)
    sys_id, count, _ = row.split(".")
    form = {"sys_action": "delete", "sys_mod_count": count}
    for refused in (
        await person.post(path, {"sys_action": "delete", "selected": row}),
        await person.post(f"/sys_db_object.do?sys_id={sys_id}", form),
    ):
        assert "aborted it: table &#39;incident&#39; ships, or comes from a file" in refused.html


async def test_a_form_leads_to_the_records_beside_it(site: Site) -> None:
    """In the order of the list that it was opened from, and back to its page."""
    await site.incidents(22)
    query = "short_descriptionSTARTSWITHmine%5EORDERBYshort_description"
    person = await site.person()
    page = await person.get(f"/incident_list.do?sysparm_query={query}&sysparm_first_row=21")
    first, last = [html.unescape(each) for each in _FORM.findall(page.html)]
    shown = await person.get(last)
    assert (_link(shown, "Previous record"), _link(shown, "Next record")) == (first, "")
    assert parse_qs(urlsplit(_link(shown, "Back to list")).query)["sysparm_first_row"] == ["21"]
    before = await person.get(_link(await person.get(first), "Previous record"))
    assert ('value="mine 19"' in before.html, _link(before, "Next record")) == (True, first)
    await site.call("DELETE", f"/api/now/table/incident/{parse_qs(urlsplit(first).query)['sys_id'][0]}")
    assert _link(await person.get(last), "Previous record") != ""
    for place in (
        "sysparm_record_row=1&sysparm_record_list=number=none",
        "sysparm_record_row=1&sysparm_record_target=no",
    ):
        shown = await person.get(f"{last.partition('&')[0]}&{place}")
        assert (shown.status, _link(shown, "Next record"), _link(shown, "Previous record")) == (200, "", "")


async def test_titles_are_as_printed(site: Site) -> None:
    """A record without a display value is named by the time at which it was made."""
    sys_id = await site.ask()
    await site.change(REQUEST, sys_id, {"status": "Deny"})
    await site.clock.settle()
    person, record = await site.person(), await site.read(REQUEST, sys_id)
    [response] = (await site.call("GET", f"/api/now/table/{RESPONSE}"))["result"]
    for table, row, title in (
        (ACTIVITY_TYPE, record["activity_type_id"], "Activity Details - PM Approval Request"),
        (RESPONSE, response["sys_id"], r"Response - Created \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    ):
        shown = await person.get(f"/{table}.do?sys_id={row}")
        assert re.search(f"<h1>{title}</h1>", shown.html)
        assert "Times are in the time zone America/Los_Angeles (UTC-08:00)." in shown.html
    assert "<h1>Requests</h1>" in (await person.get(f"/{REQUEST}_list.do")).html
    responses = (await person.get(f"/{RESPONSE}_list.do")).html
    assert '<th scope="col" class="number">' in responses
    assert re.search('<td class="number"[^>]*>200</td>', responses)


BROWSER = {"Accept": "text/html,*/*;q=0.8"}


async def test_unknown_address_is_a_page_for_a_browser(site: Site) -> None:
    """Programs, APIs and files keep their answers."""
    person = await site.person()
    shown = await person.get("/no/such/page", headers=BROWSER)
    assert (shown.status, "No page has the address &#39;/no/such/page&#39;" in shown.html) == (404, True)
    for path, headers in (("/no/such/page", {}), ("/ui/none.css", BROWSER), ("/__admin/none", BROWSER)):
        assert "<html" not in (await person.get(path, headers=headers)).html
    assert "error" in (await person.get("/api/now/none", headers=BROWSER)).html
