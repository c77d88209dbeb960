import pytest

from .conftest import ACTIONS, ENDPOINT, POLICIES, PROCESSES, SERVERS, TASKS, TYPES, Shown, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
MANUAL = "Default Manual Approval Process"
SERVICENOW = {"template": "ServiceNow Approval Process"}
DEFAULT_TYPE = "Default Execute Application Request Type"
FORM_ACTION = "Approval Request Form Action"
CHANGED = "The values changed after you opened this page, so nothing was saved"


async def create_process(site: Site, name: str, template: str = "ServiceNow Approval Process") -> Shown:
    """Create an approval process and return its page."""
    return await site.person.submit(f"{PROCESSES}/create", {"template": template, "name": name, "description": ""})


async def create_server(site: Site, name: str = "Dev instance") -> None:
    """Create a ServiceNow server."""
    await site.person.submit(f"{SERVERS}/create", {"name": name, "base_url": site.servicenow})


def spans(page: Shown) -> list[str]:
    """Return the spans of time of a process's page."""
    return [f"{page.value(field)} {unit_of(page, field)}" for field in ("check_every", "timeout")]


def unit_of(page: Shown, field: str) -> str:
    """Return the selected unit of a span of time."""
    choices = page.html.partition(f'name="{field}_unit"')[2].partition("</select>")[0]
    return choices.partition(" selected>")[2].partition("<")[0]


async def settings_of(site: Site, name: str) -> dict[str, str]:
    """Return the fields of a process's page, as a browser sends them."""
    page = await site.person.open(PROCESSES, name)
    fields = ("check_every", "timeout")
    times = {field: page.value(field) for field in fields} | {f"{field}_unit": unit_of(page, field) for field in fields}
    return {"name": name, "description": page.area("description"), "server": page.chosen("server")} | times


async def test_automation_has_the_printed_tree(site: Site) -> None:
    """Tasks, tab Automation, with Approval Processes and Approval Types (action_type.png)."""
    shown = await site.person.open(TASKS, "Automation")
    assert shown.address == PROCESSES
    assert "Automation Approvals Approval Processes Approval Types" in shown.text
    names = [MANUAL, "Default Offline Approval Process", "Mobile Message Approval Process"]
    assert [row[0] for row in shown.cells] == names
    types = await site.person.open(PROCESSES, "Approval Types")
    assert (types.tabs, "2 Items Search Create Export (not simulated) Name" in types.text) == (
        ["Tasks", "Automation"],
        True,
    )
    assert [row[0] for row in types.cells] == [DEFAULT_TYPE, "Default Offline Execute Application Request Type"]


async def test_process_is_created_and_gets_its_server(site: Site) -> None:
    """New has template, name and description; the server is empty at first (action_new.png, action_addserver.png)."""
    await create_server(site)
    page = await site.person.open(PROCESSES, "Create")
    assert (page.chosen("template"), page.value("name")) == (
        "ServiceNow Approval Process",
        "New ServiceNow Approval Process",
    )
    assert page.choices("template")[-2:] == ["Manual Approval Process", "ServiceNow Approval Process"]
    values = {"template": page.chosen("template"), "name": "To dev", "description": "Ours"}
    shown = await site.person.fill(page, values)
    assert "Service Now Approval Process Details" in shown.text
    assert (shown.area("description"), shown.chosen("server")) == ("Ours", "")
    assert spans(shown) == ["20 Second(s)", "20 Minute(s)"]
    changes = {"server": "Dev instance", "timeout": "2", "timeout_unit": "Hour(s)", "check_every": "90"}
    saved = await site.person.fill(shown, await settings_of(site, "To dev") | changes)
    assert (saved.chosen("server"), spans(saved)) == ("Dev instance", ["90 Second(s)", "2 Hour(s)"])
    listed = (await site.admin("GET", "/approval-processes"))["approval_processes"]
    expected = {"server": "Dev instance", "timeout": 7_200, "check_every": 90}
    assert listed[-1].items() >= expected.items()


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 Second(s)"), (0.5, "0.5 Second(s)"), (7_200.25, "7200.25 Second(s)"), (60, "1 Minute(s)")],
)
async def test_time_out_of_any_length_is_shown(site: Site, seconds: float, shown: str) -> None:
    """The control plane takes a part of a second, which the form shows, although it takes whole numbers only."""
    await site.admin("POST", "/approval-processes", {"name": "Short", "timeout": seconds, **SERVICENOW})
    page = await site.person.open(PROCESSES, "Short")
    assert spans(page)[1] == shown


async def test_manual_process_has_no_server(site: Site) -> None:
    """Its page has name, description and template only."""
    shown = await create_process(site, "By us", "Manual Approval Process")
    assert "ServiceNow Server" not in shown.text
    saved = await site.person.fill(shown, {"name": "By the helpdesk", "description": "Ours"})
    assert (saved.value("name"), saved.area("description")) == ("By the helpdesk", "Ours")


@pytest.mark.parametrize("template", ["Manual Approval Process", "ServiceNow Approval Process"])
async def test_name_that_was_not_edited_is_that_of_the_template(site: Site, template: str) -> None:
    """The name that the form offers follows the template; the page of the process shows which it is."""
    page = await site.person.open(PROCESSES, "Create")
    shown = await site.person.fill(page, {"template": template, "name": page.value("name"), "description": "Ours"})
    assert (shown.value("name"), shown.area("description")) == (f"New {template}", "Ours")
    assert shown.detail("Template") == template


async def test_processes_of_the_product_are_read_only(site: Site) -> None:
    """Their pages have no form, and a form of another page changes nothing (admin/config/general)."""
    shown = await site.person.open(PROCESSES, MANUAL)
    assert ("This item is read-only." in shown.text, "<form" in shown.html) == (True, False)
    own = await create_process(site, "By us", "Manual Approval Process")
    forged = await site.person.post(shown.address, own.hidden() | {"name": "taken over"})
    assert (forged.status, f"Approval process '{MANUAL}' is read-only" in forged.text) == (403, True)
    assert MANUAL in (await site.person.get(PROCESSES)).text


@pytest.mark.parametrize(
    ("values", "field", "complaint"),
    [
        ({"name": ""}, "name", "Name is empty; expected text"),
        ({"name": MANUAL}, "name", f"Name '{MANUAL}' already exists"),
        ({"server": ""}, "server", "ServiceNow Server is empty; choose one"),
        ({"server": "gone"}, "server", "ServiceNow Server 'gone' is not one of the choices"),
        ({"timeout": "0"}, "timeout", "Timeout after '0' is invalid; expected a whole number from 1 to 5,270,400"),
        ({"timeout": "soon"}, "timeout", "Timeout after 'soon' is invalid; expected a whole number from 1 to"),
        (
            {"timeout_unit": "Day(s)"},
            "timeout",
            "Timeout after has unit 'Day(s)'; expected one of Second(s), Minute(s)",
        ),
        ({"check_every": ""}, "check_every", "Check request status every is empty; expected a whole number"),
    ],
)
async def test_invalid_process_is_refused(site: Site, values: dict[str, str], field: str, complaint: str) -> None:
    """The error is beside its field, and nothing is saved."""
    await create_server(site)
    page = await create_process(site, "To dev")
    usual = await settings_of(site, "To dev") | {"server": "Dev instance", "description": "typed"}
    shown = await site.person.fill(page, usual | values)
    assert (shown.status, shown.error(field)[: len(complaint)]) == (422, complaint)
    assert shown.area("description") == "typed"
    assert (await settings_of(site, "To dev"))["server"] == ""


async def test_refused_form_shows_no_earlier_success(site: Site) -> None:
    """The message of the form before it is gone."""
    created = await create_process(site, "By us", "Manual Approval Process")
    address = created.url.removeprefix(site.url)
    assert ("Approval process 'By us' created." in created.text, 'class="notice good"' in created.html) == (True, True)
    refused = await site.person.fill(created, {"name": "", "description": ""}, action=address)
    assert (refused.status, "Nothing was saved." in refused.text) == (422, True)
    assert "created." not in refused.text
    assert 'class="notice good"' not in refused.html


async def test_invalid_new_process_is_refused(site: Site) -> None:
    """A template and a new name are needed."""
    shown = await create_process(site, MANUAL, "Other")
    assert (shown.status, shown.error("name")) == (422, f"Name '{MANUAL}' already exists")
    assert shown.error("template") == "Template 'Other' is not one of the choices"
    assert "3 Items" in (await site.person.get(PROCESSES)).text


async def test_type_selects_its_process(site: Site) -> None:
    """With the printed sections; the next request follows (action_type2.png)."""
    await site.set_up()
    page = await site.person.open(TYPES, DEFAULT_TYPE)
    text = page.text
    assert "Approval Process Details" in text
    assert text.index("Characteristics") < text.index("Policy Specific") < text.index("File Specific")
    assert text.index("Options") < text.index("Security Rating System(s)") < text.index("Process Handler")
    assert (page.is_ticked("policy_specific"), page.is_ticked("file_specific")) == (False, True)
    assert page.chosen("process") == "ServiceNow Approval Process"
    values = {"name": DEFAULT_TYPE, "policy_specific": "yes", "process": MANUAL, "description": "Ours"}
    shown = await site.person.fill(page, values)
    assert (shown.is_ticked("policy_specific"), shown.is_ticked("file_specific")) == (True, False)
    assert (shown.chosen("process"), shown.area("description")) == (MANUAL, "Ours")
    await site.person.submit(ENDPOINT, {"PolicyName": "Elevate installers", "UserReason": "work"})
    assert await site.records("request") == []


async def test_type_is_created_and_duplicated(site: Site) -> None:
    """A new type is decided in the console; a duplicate has what its model has."""
    page = await site.person.open(TYPES, "Create")
    new = await site.person.fill(page, {"name": "Ours", "description": "For us"})
    assert (new.chosen("process"), new.area("description"), new.is_ticked("file_specific")) == (MANUAL, "For us", True)
    await site.person.fill(new, {"name": "Ours", "policy_specific": "yes", "process": MANUAL})
    page = await site.person.get((await site.person.open(TYPES, "Ours")).links["Duplicate"])
    copy = await site.person.fill(page, {"name": "Ours too", "description": "x"})
    assert (copy.is_ticked("policy_specific"), copy.is_ticked("file_specific")) == (True, False)
    assert "4 Items" in (await site.person.get(TYPES)).text


async def test_invalid_type_is_refused(site: Site) -> None:
    """Errors are beside their fields, and nothing is saved: a type always has a process."""
    page = await site.person.open(TYPES, DEFAULT_TYPE)
    other = "Default Offline Execute Application Request Type"
    for values, field, complaint in (
        ({"name": other, "process": MANUAL}, "name", f"Name '{other}' already exists"),
        ({"name": DEFAULT_TYPE, "process": ""}, "process", "Process Handler is empty; choose one"),
        ({"name": DEFAULT_TYPE, "process": "gone"}, "process", "Process Handler 'gone' is not one of the choices"),
    ):
        shown = await site.person.fill(page, values | {"file_specific": ""})
        assert (shown.status, shown.error(field)) == (422, complaint)
    assert (await site.person.open(TYPES, DEFAULT_TYPE)).is_ticked("file_specific")
    for path in (f"{TYPES}/create", page.links["Duplicate"]):
        shown = await site.person.submit(path, {"name": DEFAULT_TYPE})
        assert (shown.status, shown.error("name")) == (422, f"Name '{DEFAULT_TYPE}' already exists")


async def test_action_is_duplicated_and_gets_a_type(site: Site) -> None:
    """The product's are read-only: Duplicate, name, Create, approval type (new_req_form_action.png)."""
    await site.admin("POST", "/approval-types", {"name": "Ours"})
    name = "Approval Request (with ServiceNow Request Item Number) Form Action"
    page = await site.person.open(ACTIONS, name)
    assert ("This item is read-only." in page.text, "Save Changes" in page.text) == (True, False)
    assert page.detail("Approval Type") == DEFAULT_TYPE
    question = await site.person.get(page.links["Duplicate"])
    refused = await site.person.fill(question, {"name": name})
    assert (refused.status, refused.error("name")) == (422, f"Name '{name}' already exists")
    copy = await site.person.fill(question, {"name": "ServiceNow Approval Request Form Action"})
    assert copy.chosen("approval_type") == DEFAULT_TYPE
    values = {"name": "To ServiceNow", "description": "Ours", "approval_type": "Ours"}
    saved = await site.person.fill(copy, values)
    assert (saved.value("name"), saved.area("description"), saved.chosen("approval_type")) == tuple(values.values())
    wrong = await site.person.fill(saved, values | {"approval_type": "gone"})
    assert (wrong.status, wrong.error("approval_type")) == (422, "Approval Type 'gone' is not one of the choices")


async def test_action_that_asks_nobody_has_no_type(site: Site) -> None:
    """A duplicate of another action has name and description only."""
    page = await site.person.open(ACTIONS, "Restrict File Dialogs")
    copy = await site.person.submit(page.links["Duplicate"], {"name": "Restrict some"})
    assert "Approval Type" not in copy.text
    saved = await site.person.fill(copy, {"name": "Restrict some", "description": "Ours"})
    assert saved.area("description") == "Ours"
    forged = await site.person.post(page.address, copy.hidden() | {"name": "taken over"})
    assert (forged.status, "Action 'Restrict File Dialogs' is read-only" in forged.text) == (403, True)


async def test_policy_is_created_with_an_approval_action(site: Site) -> None:
    """A new policy has the wizard's actions and is inactive until it is switched on (approval/helpdesk.md)."""
    await site.set_up()
    page = await site.person.open(POLICIES, "Create Policy")
    assert ("Name this policy" in page.text, page.chosen("action")) == (True, FORM_ACTION)
    shown = await site.person.fill(page, {"name": "Helpdesk", "description": "Ours", "action": FORM_ACTION})
    assert (shown.value("name"), shown.area("description")) == ("Helpdesk", "Ours")
    assert not shown.is_ticked("active")
    assert {FORM_ACTION, "Restrict File Dialogs", "Add Administrative Rights"} < shown.links.keys()
    assert shown.detail("Approval Type") == f"{DEFAULT_TYPE}, process ServiceNow Approval Process"
    assert (await site.person.submit(ENDPOINT, {"PolicyName": "Helpdesk", "UserReason": "work"})).status == 422
    values = {"name": "Helpdesk", "description": "Ours", "action": FORM_ACTION, "active": "yes"}
    assert (await site.person.fill(shown, values)).is_ticked("active")
    assert (await site.person.submit(ENDPOINT, {"PolicyName": "Helpdesk", "UserReason": "work"})).status == 200
    assert len(await site.records("request")) == 1
    rows = {row[0]: row[1:] for row in (await site.person.get(POLICIES)).cells}
    assert rows["Helpdesk"] == ["Ours", DEFAULT_TYPE, "Active"]
    assert rows["Elevate Privilege Manager Remove Programs Utility Policy"][1:] == ["none", "Inactive"]


async def test_policy_changes_its_action(site: Site) -> None:
    """Another action, or none, decides where the next request goes; the other actions stay."""
    await site.set_up()
    await site.admin("POST", "/approval-types", {"name": "Ours", "process": MANUAL})
    await site.admin("POST", "/policies", {"name": "Other", "approval_type": "Ours"})
    page = await site.person.open(POLICIES, "Elevate installers")
    values = {"name": "Elevate installers", "active": "yes"}
    shown = await site.person.fill(page, values | {"action": "Ours Form Action"})
    assert shown.detail("Approval Type") == f"Ours, process {MANUAL}"
    assert ("Restrict File Dialogs" in shown.links, FORM_ACTION in shown.links) == (True, False)
    silent = await site.person.fill(shown, values | {"action": ""})
    assert silent.detail("Approval Type") == "none: the policy asks nobody"
    assert "Restrict File Dialogs" in silent.links


async def test_invalid_policy_is_refused(site: Site) -> None:
    """Errors are beside their fields, and nothing is saved."""
    await site.admin("POST", "/policies", {"name": "Ours"})
    page = await site.person.open(POLICIES, "Ours")
    wrong = {"name": "", "action": "Restrict File Dialogs"}
    for shown in (await site.person.fill(page, wrong), await site.person.submit(f"{POLICIES}/create", wrong)):
        assert (shown.status, shown.error("name")) == (422, "Name is empty; expected text")
        assert shown.error("action") == "Approval action 'Restrict File Dialogs' is not one of the choices"
    assert (await site.person.open(POLICIES, "Ours")).is_ticked("active")


async def test_policies_of_the_product_are_read_only(site: Site) -> None:
    """Their pages have no form, and a form of another page changes nothing."""
    await site.admin("POST", "/policies", {"name": "Ours"})
    shown = await site.person.open(POLICIES, "Elevate Privilege Manager Remove Programs Utility Policy")
    assert ("This item is read-only." in shown.text, "<form" in shown.html) == (True, False)
    own = await site.person.open(POLICIES, "Ours")
    forged = await site.person.post(shown.address, own.hidden() | {"name": "taken over"})
    assert (forged.status, "is read-only; make one of your own" in forged.text) == (403, True)


async def test_stale_items_are_refused(site: Site) -> None:
    """A form that was opened before a change overwrites nothing."""
    await create_server(site)
    process = await create_process(site, "To dev")
    kind = await site.person.submit(f"{TYPES}/create", {"name": "Ours"})
    await site.admin("POST", "/policies", {"name": "Asking", "approval_type": "Ours"})
    action = await site.person.open(ACTIONS, "Ours Form Action")
    policy = await site.person.open(POLICIES, "Asking")
    forms = (
        (process, await settings_of(site, "To dev") | {"server": "Dev instance"}),
        (kind, {"name": "Ours", "process": MANUAL}),
        (action, {"name": "Ours Form Action", "approval_type": "Ours"}),
        (policy, {"name": "Asking"}),
    )
    for page, values in forms:
        assert (await site.person.fill(page, values | {"description": "first"})).status == 200
        shown = await site.person.fill(page, values | {"description": "second"})
        assert (page.address, shown.status, CHANGED in shown.text) == (page.address, 409, True)
        assert (await site.person.get(shown.links["Open the page again"])).area("description") == "first"
        assert (await site.person.get(page.address)).area("description") == "first"


@pytest.mark.parametrize("path", [f"{PROCESSES}/process", f"{TYPES}/type", f"{ACTIONS}/action", f"{POLICIES}/policy"])
async def test_unknown_items_get_404(site: Site, path: str) -> None:
    """The page names what does not exist."""
    shown = await site.person.get(f"{path}?id=none")
    assert (shown.status, "'none' does not exist" in shown.text) == (404, True)
