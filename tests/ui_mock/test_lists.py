import re
from urllib.parse import quote

import pytest

from mock_servicenow.now_platform.query.operators import OPERATORS, Operator, Takes
from mock_servicenow.now_platform.records.plans import LONGEST_TEXT

from .conftest import CONFIGURATION, REQUEST, SECRET, Site

OFFERED = ("=", "!=", "LIKE", "NOT LIKE", "STARTSWITH", "ENDSWITH", "ISEMPTY", "ISNOTEMPTY", ">", ">=", "<", "<=")

pytestmark = pytest.mark.asyncio(loop_scope="session")
_ROW = re.compile(r'id="r(\w{32})" href="[^"]+">([^<]*)</a>')


def _first_cells(html: str) -> list[str]:
    return [text for _, text in _ROW.findall(html)]


async def test_newest_records_come_first(site: Site) -> None:
    """Without an order a list begins with the newest record."""
    await site.incidents(2)
    person = await site.person()
    html = (await person.get("/incident_list.do?sysparm_fields=short_description")).html
    assert _first_cells(html)[:2] == ["mine 01", "mine 00"]


async def test_breadcrumbs_show_queries_in_words(site: Site) -> None:
    """Each condition is one crumb, with its alternatives; the order has none."""
    person = await site.person()
    query = "state=1^ORstate=2^active=true^NQcategoryISEMPTY^caller_id=6816f79cc0a8016401c5a33be04be441^ORDERBYnumber"
    html = (await person.get(f"/incident_list.do?sysparm_query={quote(query)}")).html
    crumbs = re.findall(r"<li><a [^>]*>([^<]*)</a></li>", html.split('class="crumbs"')[1].split("</nav>")[0])
    assert crumbs == [
        "All",
        "State is New or State is In Progress",
        "Active is true or Category is empty",
        "Caller is System Administrator",
    ]


@pytest.mark.long
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.word)
async def test_breadcrumb_shows_each_operator_in_words(site: Site, operator: Operator) -> None:
    """A condition that is added by the filter has the same crumb."""
    person = await site.person()
    value = "" if operator.takes is Takes.NOTHING else "x"
    added = await person.get(
        f"/incident_list.do?filter_field=category&filter_value=x&filter_operator={quote(operator.word)}"
    )
    crumbs = added.html.split('class="crumbs"')[1].split("</nav>")[0]
    assert f">{f'Category {operator.label} {value}'.rstrip()}</a>" in crumbs
    assert (f">{operator.label}</option>" in added.html) == (operator.word in OFFERED)


@pytest.mark.parametrize("term", ["caller_id.name=x", "nonsense", "no_column=1", "caller_id=", "123TEXTQUERY321=mine"])
async def test_breadcrumb_of_another_term_is_the_term(site: Site, term: str) -> None:
    """A term that is not a plain condition is shown as it is."""
    person = await site.person()
    html = (await person.get(f"/incident_list.do?sysparm_query={quote(term)}")).html
    assert ("Caller is<" if term == "caller_id=" else f">{term}<") in html


async def test_ignored_terms_are_named(site: Site) -> None:
    """The list names the parts of a query that the platform ignored."""
    person = await site.person()
    html = (await person.get("/incident_list.do?sysparm_query=no_column=1")).html
    assert "no_column" in html.split('class="notice"')[1]


async def test_a_refused_query_is_a_page(site: Site) -> None:
    """An access rule for queries holds for lists, too."""
    rule = await site.insert("sys_security_acl", {"name": "incident.number", "operation": "query_range"})
    role = await site.call("GET", "/api/now/table/sys_user_role?sysparm_query=name=admin")
    await site.insert("sys_security_acl_role", {"sys_security_acl": rule, "sys_user_role": role["result"][0]["sys_id"]})
    await site.add_user("reader")
    person = await site.person("reader")
    refused = await person.get("/incident_list.do?sysparm_query=ORDERBYnumber")
    assert [refused.status, "Insufficient rights to query records" in refused.html] == [403, True]


async def test_breadcrumbs_of_a_long_query_are_limited(site: Site) -> None:
    """Each link repeats all conditions before it, so the page would grow with the square of the query."""
    person = await site.person()
    for terms, crumbs in ((["active=true"] * 3_000, 102), (["short_descriptionLIKE" + "x" * 9_000] * 6, 3)):
        url = f"incident?sysparm_query={'^'.join(terms)}"
        tiny = (await site.call("POST", "/api/now/tinyurl", json={"url": url}))["result"]
        html = (await person.get(f"/{tiny}")).html
        shown = html.split('class="crumbs"')[1].split("</nav>")[0]
        assert (shown.count("<li>"), f">{len(terms) - crumbs + 2:,} more<" in shown) == (crumbs, True)
        assert re.findall(r"<th scope=.col.>(?:<a[^>]*>)?", html) == ['<th scope="col">'] * 8


async def test_emptiness_filter_needs_no_value(site: Site) -> None:
    """The value is dropped if the operator takes none, and a caret cannot end a condition."""
    person = await site.person()
    path = "/incident_list.do?sysparm_query=active%3Dtrue%5EORDERBYnumber&filter_field=category"
    empty = await person.get(f"{path}&filter_operator=ISEMPTY&filter_value=x")
    assert empty.url.endswith("sysparm_query=active%3Dtrue%5EcategoryISEMPTY%5EORDERBYnumber")
    caret = await person.get("/incident_list.do?filter_field=category&filter_value=a^b")
    assert caret.url.endswith("sysparm_query=category%3Da+b")


@pytest.mark.parametrize("first", ["x", "0", "-4", "", "9" * 40])
async def test_invalid_first_row_is_ignored(site: Site, first: str) -> None:
    """Any value of sysparm_first_row gets a page."""
    person = await site.person()
    shown = await person.get(f"/incident_list.do?sysparm_first_row={first}")
    assert shown.status == 200
    assert ("The list has no row 10,000: its last is " in shown.html) == (first == "9" * 40)


async def test_unreadable_table_gets_403(site: Site) -> None:
    """A user without a role of the app gets none of its lists."""
    await site.add_user("newcomer")
    person = await site.person("newcomer")
    shown = await person.get(f"/{REQUEST}_list.do")
    assert (shown.status, "User Not Authorized" in shown.html) == (403, True)


async def test_secrets_are_masked_in_lists(site: Site) -> None:
    """A registration's Password is masked wherever its pairs are shown."""
    await site.register()
    html = (await (await site.person()).get(f"/{CONFIGURATION}_list.do")).html
    assert "Password: ********" in html
    assert SECRET not in html


async def test_text_without_pairs_is_hidden(site: Site) -> None:
    """Other text in a name-value column might be a secret."""
    await site.insert(CONFIGURATION, {"instance_metadata": f"Password={SECRET}"})
    html = (await (await site.person()).get(f"/{CONFIGURATION}_list.do")).html
    assert "(not name-value pairs)" in html
    assert SECRET not in html


async def test_references_link_to_their_record(site: Site) -> None:
    """A reference is shown by its display value."""
    await site.incidents(1)
    person = await site.person()
    html = (await person.get("/incident_list.do?sysparm_fields=number,opened_by")).html
    assert '<a href="/sys_user.do?sys_id=6816f79cc0a8016401c5a33be04be441">System Administrator</a>' in html


async def test_row_without_a_display_value_has_a_link(site: Site) -> None:
    """The first cell links to the record even if it is empty; long text is shortened."""
    await site.insert("incident", {"description": "y" * 4_000})
    html = (await (await site.person()).get("/incident_list.do?sysparm_fields=close_notes,description")).html
    assert _first_cells(html)[0] == "(empty)"
    assert f">{'y' * 120}…<" in html


async def test_tiny_url_opens_its_query(site: Site) -> None:
    """A link of the Tiny URL API shows the list of its long query."""
    await site.incidents(1)
    person = await site.person()
    url = f"{site.url}/api/now/table/incident?sysparm_query=short_description%3Dmine+00"
    page = (await site.call("POST", "/api/now/tinyurl", json={"url": url}))["result"]
    html = (await person.get(f"/{page}")).html
    assert "Short description is mine 00" in html
    assert (await person.get("/incident_list.do?sysparm_tiny=unknown")).status == 200


@pytest.mark.parametrize("path", ["/no_table_list.do", "/no_table.do?sys_id=-1"])
async def test_unknown_table_gets_404(site: Site, path: str) -> None:
    """The page names the table."""
    shown = await (await site.person()).get(path)
    assert shown.status == 404
    assert "Table &#39;no_table&#39; does not exist" in shown.html


@pytest.mark.long
async def test_every_table_has_a_list_and_a_form(site: Site) -> None:
    """Tables need nothing more than the dictionary."""
    person = await site.person()
    found = await site.call("GET", "/api/now/table/sys_db_object", params={"sysparm_fields": "name"})
    names = [row["name"] for row in found["result"] if not row["name"].endswith(("_secret", "_delivery", "_deleted"))]
    assert len(names) > 30
    for name in names:
        assert (await person.get(f"/{name}_list.do")).status == 200, name
        assert (await person.get(f"/{name}.do?sys_id=-1")).status == 200, name


async def test_unreadable_rows_leave_no_trace(site: Site) -> None:
    """Neither rows, count nor notices reveal that there are more."""
    for name in ("bear", "secret toy", "ball"):
        await site.insert("u_toy", {"u_name": name})
    await site.add_user("child")
    html = (await (await site.person("child")).get("/u_toy_list.do")).html
    assert _first_cells(html) == ["ball", "bear"]
    assert "1 to 2 of 2" in html
    assert 'class="notice"' not in html


@pytest.mark.long
async def test_long_rows_are_read_in_parts(site: Site) -> None:
    """Each row is listed once, in order."""
    for number in range(3):
        sys_id = await site.insert("incident", {"short_description": f"long {number}"})
        for column in ("close_notes", "description", "user_input", "correlation_id"):
            await site.change("incident", sys_id, {column: "x" * (LONGEST_TEXT - 100)})
    path = (
        "/incident_list.do?sysparm_query=short_descriptionSTARTSWITHlong&sysparm_fields=short_description,description"
    )
    html = (await (await site.person()).get(path)).html
    assert _first_cells(html) == ["long 2", "long 1", "long 0"]
    assert len(html) < LONGEST_TEXT


async def test_a_database_view_is_listed_and_shown(site: Site) -> None:
    """A list and a form as of a table; nothing can be added, changed or deleted."""
    task = await site.insert("incident", {"short_description": "measured"})
    sla = await site.insert("contract_sla", {"name": "P1 response"})
    await site.insert("task_sla", {"task": task, "sla": sla})
    person = await site.person()
    columns = "inc_short_description,taskslatable_sla"
    html = (await person.get(f"/incident_sla_list.do?sysparm_fields={columns}")).html
    assert ("measured" in html, "P1 response" in html, "sys_id=-1" in html) == (True, True, False)
    [row] = (await site.call("GET", "/api/now/table/incident_sla?sysparm_fields=sys_id"))["result"]
    shown = await person.get(f"/incident_sla.do?sys_id={row['sys_id']}")
    assert (shown.status, "measured" in shown.html) == (200, True)
    assert not re.search(r'name="sys_action" value="(?:update|delete)" class="main"', shown.html)
    refused = await person.post(f"/incident_sla.do?sys_id={row['sys_id']}", {"sys_action": "update"})
    assert (refused.status, "is a database view" in refused.html) == (403, True)
    assert (await person.get("/incident_sla.do?sys_id=-1")).status == 200
    assert (await person.post("/incident_sla.do?sys_id=-1", {"sys_action": "insert"})).status == 403
