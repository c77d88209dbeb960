import re

import pytest

from console_sim.settings import Settings

from .conftest import APPROVALS, DECIDE, HISTORY, POLICY, Shown, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
CONFIRM = f"{APPROVALS}/confirm"
USER = "0433-vm-catalina\\russellfinn"


async def choose(site: Site, response: str, *request_ids: str) -> Shown:
    """Tick requests and press a button above the list."""
    page = await site.person.get(APPROVALS)
    form = [*page.hidden().items(), *(("request", each) for each in request_ids), ("decide", response)]
    return await site.person.call("POST", APPROVALS, data=form)


async def confirm(site: Site, page: Shown, request_ids: tuple[str, ...], **values: str) -> Shown:
    """Confirm the approval of requests."""
    form = [*page.hidden().items(), *(("request", each) for each in request_ids), *values.items()]
    return await site.person.call("POST", CONFIRM, data=dict(form) if len(request_ids) == 1 else form)


async def state(site: Site, request_id: str) -> tuple[str, str, bool]:
    """Return the state of a request, its duration, and whether it is a one-time approval."""
    request = await site.admin("GET", f"/approval-requests/{request_id}")
    return request["state"], request["duration"], request["one_time"]


async def test_list_has_the_printed_columns(site: Site) -> None:
    """Policy, user, user reason and time, oldest first (manage-appr.png)."""
    assert "No requests are awaiting approval" in (await site.person.get(APPROVALS)).text
    await site.ask(PolicyName="First", InitiatorUserName=USER, UserReason="Testing rg command")
    await site.clock.advance(60)
    await site.ask(PolicyName="Second", UserName="Russell Finn")
    shown = await site.person.get(APPROVALS)
    assert "2 Items Search Details All Policy User User Reason Requested ↑" in shown.text
    first, second = (shown.html.split("<tbody>")[number].split("</tbody>")[0] for number in (1, 2))
    assert all(text in first for text in ("First", "russellfinn", "Testing rg command", "1/5/26, 9:00 AM UTC"))
    assert all(text in second for text in ("Second", "Russell Finn", "1/5/26, 9:01 AM UTC"))


async def test_the_list_shows_the_account_before_the_display_name(site: Site) -> None:
    r"""As printed, such as 0433-vm-catalina\russellfinn; a display name can change."""
    await site.ask(UserName="Russell Finn", InitiatorUserName=USER)
    assert USER in (await site.person.get(APPROVALS)).text
    assert "Russell Finn" not in (await site.person.get(APPROVALS)).text


async def test_details_are_as_printed(site: Site) -> None:
    """User Reason, File Path and Computer, then Approve and Deny (manage-appr-2.png)."""
    await site.ask(UserReason="Für's Büro", FilePath="/usr/local/bin/rg", AgentName="0433-vm-catalina")
    shown = await site.person.get(APPROVALS)
    details = {term: shown.detail(term) for term in ("User Reason", "File Path", "Computer")}
    expected = {"User Reason": "Für's Büro", "File Path": "/usr/local/bin/rg", "Computer": "0433-vm-catalina"}
    assert details == expected


async def test_request_without_a_name_is_shown_by_its_policy_id(site: Site) -> None:
    """The list has the policy's id in braces, as it is on the wire."""
    guid = "85d71683-7dac-4762-8120-76a9a564fdc1"
    await site.admin("POST", "/approval-requests", {"metadata": {"PolicyId": guid}})
    assert f"{{{guid}}}" in (await site.person.get(APPROVALS)).text


async def test_unsent_request_shows_the_reason(site: Site) -> None:
    """A request that ServiceNow refuses waits, and its details give the reason."""
    await site.set_up(use_webhook=False)
    await site.ask()
    shown = await site.person.get(APPROVALS)
    assert shown.detail("In ServiceNow") == "not acknowledged, attempts: 1"
    assert shown.detail("Last error") == "500 Invalid table CreateExecuteAppApprovalRequest"
    assert shown.detail("Approval process") == "ServiceNow Approval Process"
    assert shown.detail("Times out") == "Jan 5, 2026, 9:20:00 AM UTC"


async def test_approval_is_one_time_unless_hours_are_chosen(site: Site) -> None:
    """Approve asks: One Time, the default, or For some hours (manage-appr-3.png)."""
    await site.set_up()
    asked = await site.ask(InitiatorUserName=USER)
    page = await choose(site, f"Approve {asked}")
    assert (page.status, "Confirm Approval" in page.text, USER in page.text) == (200, True, True)
    assert await state(site, asked) == ("Pending", "", False)
    assert 'value="one_time" checked' in page.html
    assert page.value("hours") == "1"
    done = await confirm(site, page, (asked,), duration="one_time", hours="1")
    assert "Approved 1 request. ServiceNow has acknowledged 1 of 1." in done.text
    assert await state(site, asked) == ("Approved", "", True)
    (record,) = await site.records("request")
    assert (record["request_id"], record["status"], record["duration"]) == (asked, "Approve", "")


@pytest.mark.long
async def test_three_requests_are_approved_for_two_hours_at_once(site: Site) -> None:
    """Each of them is recorded in ServiceNow with its duration, and leaves the list."""
    await site.set_up()
    asked = tuple([await site.ask(FilePath=f"/{number}") for number in range(3)])
    left = await site.ask(FilePath="/left")
    page = await choose(site, "Approve", *asked)
    await confirm(site, page, asked, duration="timed", hours="2")
    assert [await state(site, each) for each in asked] == [("Approved", "02:00:00", False)] * 3
    records = {each["request_id"]: (each["status"], each["duration"]) for each in await site.records("request")}
    assert records == dict.fromkeys(asked, ("Approve", "1970-01-01 02:00:00")) | {left: ("Pending", "")}
    shown = await site.person.get(APPROVALS)
    assert ("1 Items" in shown.text, left in shown.html, asked[0] in shown.html) == (True, True, False)


async def test_denial_is_taken_at_once(site: Site) -> None:
    """Deny asks nothing; several are denied at once, and one by the button in its details."""
    await site.set_up()
    first, second, third = [await site.ask(FilePath=f"/{number}") for number in range(3)]
    assert "Denied 2 requests. ServiceNow has acknowledged 2 of 2." in (await choose(site, "Deny", first, second)).text
    assert "Denied 1 request. ServiceNow has acknowledged 1 of 1." in (await choose(site, f"Deny {third}")).text
    assert [(await state(site, each))[0] for each in (first, second, third)] == ["Denied"] * 3
    assert {each["status"] for each in await site.records("request")} == {"Deny"}


async def test_nothing_ticked_is_an_error(site: Site) -> None:
    """The buttons above the list need a choice."""
    asked = await site.ask()
    for response in ("Approve", "Deny"):
        shown = await choose(site, response)
        assert (shown.status, "Nothing was decided. Tick at least one request." in shown.text) == (422, True)
    assert (await state(site, asked))[0] == "Pending"


async def test_more_than_a_page_is_an_error(site: Site) -> None:
    """At most the 25 requests of one page are decided at once; the page of the list has no more."""
    for response in ("Approve", "Deny"):
        shown = await choose(site, response, *(f"id{number}" for number in range(26)))
        assert (shown.status, "Nothing was decided. Tick at most 25 requests." in shown.text) == (422, True)


async def test_confirmation_has_an_address(site: Site) -> None:
    """Going back to it asks again; without a request it leads to the list."""
    asked = await site.ask()
    page = await choose(site, f"Approve {asked}")
    assert page.address == f"{CONFIRM}?request={asked}"
    assert asked in (await site.person.get(page.address)).html
    assert (await site.person.get(CONFIRM)).address == APPROVALS


@pytest.mark.parametrize(
    ("values", "field", "complaint"),
    [
        ({"duration": "timed", "hours": "0"}, "hours", "Hours '0' is invalid; expected a whole number from 1 to 9,999"),
        ({"duration": "timed", "hours": "10000"}, "hours", "Hours '10000' is invalid; expected a whole number from 1"),
        ({"duration": "timed", "hours": "²"}, "hours", "Hours '²' is invalid"),
        ({"duration": "timed", "hours": ""}, "hours", "Hours is empty; expected a whole number"),
        (
            {"duration": "one_time", "hours": "8"},
            "hours",
            "Hours is '8', but One Time is selected; select For, or empty",
        ),
        ({"duration": "ever"}, "duration", "Duration 'ever' is not one of the choices"),
        ({}, "duration", "Duration is empty; choose one"),
    ],
)
async def test_invalid_duration_is_refused(site: Site, values: dict[str, str], field: str, complaint: str) -> None:
    """The error is beside its field, and nothing is decided."""
    asked = await site.ask()
    page = await choose(site, f"Approve {asked}")
    shown = await confirm(site, page, (asked,), **values)
    assert (shown.status, shown.error(field)[: len(complaint)]) == (422, complaint)
    assert asked in shown.html
    assert (await state(site, asked))[0] == "Pending"


async def test_the_longest_duration_is_taken(site: Site) -> None:
    """9,999 hours are more than a year."""
    asked = await site.ask()
    page = await choose(site, f"Approve {asked}")
    await confirm(site, page, (asked,), duration="timed", hours="9999")
    assert await state(site, asked) == ("Approved", "9999:00:00", False)


async def test_unknown_decision_gets_404(site: Site) -> None:
    """A form without one of the buttons decides nothing."""
    asked = await site.ask()
    shown = await choose(site, f"Maybe {asked}")
    assert (shown.status, "expected Approve or Deny" in shown.text) == (404, True)
    assert (await state(site, asked))[0] == "Pending"


async def test_unknown_request_gets_404(site: Site) -> None:
    """Nothing is decided, not even the request beside it."""
    asked = await site.ask()
    for response in ("Approve", "Deny"):
        shown = await choose(site, response, asked, "none")
        assert (shown.status, "Unknown approval request 'none'" in shown.text) == (404, True)
    assert (await state(site, asked))[0] == "Pending"


async def test_stale_decision_decides_none_of_them(site: Site) -> None:
    """If one of several was decided differently meanwhile, the others stay as they are."""
    first, second = await site.ask(FilePath="/1"), await site.ask(PolicyName="Elevate rg", UserName="ada")
    page = await choose(site, "Approve", first, second)
    await site.admin("POST", f"/approval-requests/{second}/decide", {"response": "Deny"})
    shown = await confirm(site, page, (first, second), duration="one_time")
    told = f"of ada under policy Elevate rg: request {second} is Denied already, by another decision."
    assert (shown.status, f"Nothing was decided, because of the request {told}" in shown.text) == (409, True)
    assert (await state(site, first))[0] == "Pending"
    assert shown.links["Manage Approvals"] == APPROVALS


async def test_confirmation_leaves_out_what_was_decided_meanwhile(site: Site) -> None:
    """It says which, and by whom; the others can be approved."""
    first, second = await site.ask(FilePath="/1"), await site.ask(PolicyName="Elevate rg", UserName="ada")
    await site.admin("POST", f"/approval-requests/{second}/decide", {"response": "Deny"})
    page = await choose(site, "Approve", first, second)
    assert "Elevate rg, ada: Denied by Privilege Manager Console" in page.text
    assert ([value for name, value in page.pairs() if name == "request"], second in page.html) == ([first], False)
    none = await choose(site, "Approve", second)
    assert ("Elevate rg, ada: Denied" in none.text, '<form method="post" action=' in none.html) == (True, False)


async def test_decision_that_servicenow_refuses_names_the_request_and_its_status_there(site: Site) -> None:
    """Of several that are approved at once, one may be denied in ServiceNow, which the console does not know yet."""
    await site.set_up()
    first, second = await site.ask(FilePath="/1"), await site.ask(PolicyName="Elevate rg", UserName="ada")
    await site.admin("POST", "/faults", {"kind": "status", "status": 503, "times": None})
    record = next(each for each in await site.records("request") if each["request_id"] == second)
    url = f"{site.servicenow}/api/now/table/x_thyti_thycotic_p_request/{record['sys_id']}"
    headers = {"Authorization": "Basic YWRtaW46YWRtaW4="}
    async with site.person.http.patch(url, headers=headers, json={"status": "Deny"}) as answer:
        assert answer.status == 200
    page = await choose(site, "Approve", first, second)
    done = await confirm(site, page, (first, second), duration="one_time")
    assert (
        "ServiceNow has acknowledged 1 of 2. It has not acknowledged that of ada under policy Elevate rg: 403"
        in done.text
    )
    assert "its status in ServiceNow is 'Deny'" in done.text


async def test_buttons_of_rows_have_names_of_their_own(site: Site) -> None:
    """Two users of one policy are told apart."""
    for user in ("ada", "bob"):
        await site.ask(PolicyName="Elevate rg", UserName=user)
    names = re.findall(r'aria-label="((?:Approve|Deny) [^"]*)"', (await site.person.get(APPROVALS)).html)
    assert names == [f"{verb} Elevate rg, {user}" for user in ("ada", "bob") for verb in ("Approve", "Deny")]


async def test_timed_out_request_leaves_the_list(site: Site) -> None:
    """After the process's time-out nobody can decide."""
    await site.set_up()
    asked = await site.ask()
    page = await choose(site, f"Approve {asked}")
    await site.admin("POST", "/clock/advance", {"seconds": 20 * 60})
    assert "No requests are awaiting approval" in (await site.person.get(APPROVALS)).text
    shown = await confirm(site, page, (asked,), duration="one_time")
    assert shown.status == 409
    assert re.search(r"of an unknown user under policy R&D .*: request [\w-]+ timed out at", shown.text)


@pytest.mark.long
async def test_requests_by_the_thousand_are_forgotten_once_timed_out(site: Site) -> None:
    """The list of those that wait stays right, however many have timed out."""
    await site.set_up(use_webhook=False)
    for number in range(1_001):
        if number == 1_000:
            await site.clock.advance(20 * 60)
        await site.ask(FilePath=f"/{number}", AgentName="pc", UserName="ada")
    assert "1 Items" in (await site.person.get(APPROVALS)).text


async def test_list_is_paged(site: Site) -> None:
    """Each page has 25 requests, oldest first; an invalid page number shows the first page, one too high the last."""
    for number in range(27):
        await site.ask(PolicyName=f"P{number:02}")
    first = await site.person.get(APPROVALS)
    assert ("27 Items" in first.text, "P00" in first.text, "P25" in first.text) == (True, True, False)
    assert ("Newer" in first.text, "Older" in first.text) == (True, False)
    second = await site.person.get(f"{APPROVALS}?page=2")
    assert ("P25" in second.text, "P26" in second.text, "P24" in second.text) == (True, True, False)
    assert ("Newer" in second.text, "Older" in second.text) == (False, True)
    assert (await site.person.get(f"{APPROVALS}?page={'9' * 40}")).text == second.text
    for wrong in ("0", "-1", "x", "²"):
        assert (await site.person.get(APPROVALS, params={"page": wrong})).text == first.text


async def test_all_requests_of_the_page_are_ticked_by_a_link(site: Site) -> None:
    """The box above the printed ones works without script."""
    for number in range(3):
        await site.ask(FilePath=f"/{number}")
    assert (await site.person.get(APPROVALS)).html.count(" checked") == 0
    assert (await site.person.open(APPROVALS, "All")).html.count(" checked") == 3


async def test_history_has_what_left_the_list(site: Site) -> None:
    """Every request with its state, newest first; the list is marked as the simulator's own."""
    await site.set_up()
    assert "No approval requests yet" in (await site.person.get(HISTORY)).text
    request_id = await site.ask(UserReason="Für's Büro")
    await choose(site, f"Deny {request_id}")
    shown = await site.person.get(HISTORY)
    assert "Approval history Simulator only" in shown.text
    assert "User unknown User Reason Für's Büro Requested Jan 5, 2026, 9:00:00 AM UTC" in shown.text
    assert '<span class="badge denied">Denied</span>' in shown.html
    assert shown.detail("Decided by") == "Privilege Manager Console, Jan 5, 2026, 9:00:00 AM UTC"
    assert shown.detail("Comment") == "none"
    assert shown.detail("UserReason") == "Für's Büro"
    assert shown.detail("In ServiceNow").startswith("decision acknowledged, sys_id ")


async def test_history_tells_what_an_approval_allows(site: Site) -> None:
    """One run, or runs until its end; and when the one run took place."""
    await site.set_up()
    asked = await site.ask(UserName="ada", AgentName="pc", FilePath="/1")
    await site.admin("POST", f"/approval-requests/{asked}/decide", {"response": "Approve"})
    assert (await site.person.get(HISTORY)).detail("Allows") == "one run"
    what = {"PolicyName": POLICY, "UserName": "ada", "AgentName": "pc", "FilePath": "/1"}
    assert (await site.admin("POST", "/run", {"metadata": what}))["outcome"] == "allowed"
    assert (await site.person.get(HISTORY)).detail("Run at") == "Jan 5, 2026, 9:00:00 AM UTC"
    timed = await site.ask(FilePath="/2")
    await site.admin("POST", f"/approval-requests/{timed}/decide", {"response": "Approve", "duration": "02:00:00"})
    assert (await site.person.get(HISTORY)).detail("Allows") == "runs until Jan 5, 2026, 11:00:00 AM UTC"
    await site.admin("POST", "/clock/advance", {"seconds": 7_200})
    assert (await site.person.get(HISTORY)).html.count('<span class="badge expired">Expired</span>') == 2


async def test_history_is_paged(site: Site) -> None:
    """Each page has 25 requests, newest first."""
    for number in range(27):
        await site.ask(PolicyName=f"P{number:02}")
    first = await site.person.get(HISTORY)
    assert "1 to 25 of 27, newest first" in first.text
    assert (first.html.index("P26"), "P01" in first.html) < (first.html.index("P02"), True)
    assert ("Older" in first.text, "Newer" in first.text) == (True, False)
    second = await site.person.get(f"{HISTORY}?page=2")
    assert ("26 to 27 of 27" in second.text, "Older" in second.text, "Newer" in second.text) == (True, False, True)
    assert (await site.person.get(f"{HISTORY}?page=3")).text == second.text


async def test_comment_and_any_duration_have_a_page_of_their_own(site: Site) -> None:
    """The page is marked as the simulator's own; what it decides is recorded in ServiceNow (release notes 11.1)."""
    await site.set_up()
    request_id = await site.ask(UserName="ada", UserReason="To work")
    link = (await site.person.get(APPROVALS)).links["Decide with a comment or another duration"]
    page = await site.person.get(link)
    assert "Decide Simulator only" in page.text
    assert (page.detail("Policy"), page.detail("User"), page.detail("User Reason")) == (POLICY, "ada", "To work")
    assert "Back to Manage Approvals" in page.text
    shown = await site.person.fill(page, {"comment": "Fine", "duration": "00:30:00", "response": "Approve"})
    assert shown.url.endswith(APPROVALS)
    shown = await site.person.get(HISTORY)
    assert (shown.detail("Comment"), shown.detail("Allows")) == ("Fine", "runs until Jan 5, 2026, 9:30:00 AM UTC")
    (record,) = await site.records("request")
    assert (record["request_id"], record["status"], record["comment"]) == (request_id, "Approve", "Fine")
    assert "This request is Approved." in (await site.person.get(link)).text


@pytest.mark.parametrize(
    ("response", "duration", "field", "complaint"),
    [
        ("Approve", "two hours", "duration", "Duration 'two hours' is invalid; expected hours, minutes and seconds"),
        ("Deny", "02:00:00", "duration", "Duration must be empty, because the response denies"),
        ("Maybe", "", "", ""),
    ],
)
async def test_invalid_decision_is_refused(
    site: Site, response: str, duration: str, field: str, complaint: str
) -> None:
    """The error is beside its field, and the form stays filled in."""
    request_id = await site.ask()
    values = {"comment": "typed", "duration": duration, "response": response}
    shown = await site.person.submit(f"{DECIDE}?request={request_id}", values)
    assert (shown.status, shown.error(field)[: len(complaint)]) == (422, complaint)
    assert (shown.value("duration"), shown.area("comment")) == (duration, "typed")
    assert (await state(site, request_id))[0] == "Pending"


async def test_stale_decision_with_a_comment_is_refused(site: Site) -> None:
    """A request that was decided after the page was opened is not decided again."""
    request_id = await site.ask()
    page = await site.person.get(f"{DECIDE}?request={request_id}")
    await site.admin("POST", f"/approval-requests/{request_id}/decide", {"response": "Deny"})
    shown = await site.person.fill(page, {"response": "Approve"})
    assert (shown.status, "The request is Denied already, by Privilege Manager Console" in shown.text) == (409, True)
    assert (await state(site, request_id))[0] == "Denied"
    assert (await site.person.get(f"{DECIDE}?request=none")).status == 404


async def test_refused_decision_of_servicenow_is_shown(site: Site) -> None:
    """A decision that came after the console's time-out is visible in the history."""
    await site.set_up()
    await site.ask()
    (record,) = await site.records("request")
    await site.admin("POST", "/clock/advance", {"seconds": 20 * 60})
    url = f"{site.servicenow}/api/now/table/x_thyti_thycotic_p_request/{record['sys_id']}"
    headers = {"Authorization": "Basic YWRtaW46YWRtaW4="}
    async with site.person.http.patch(url, headers=headers, json={"status": "Deny"}) as answer:
        assert answer.status == 200
    async with site.person.http.post(f"{site.servicenow}/__admin/clock/advance", json={"seconds": 1}) as answer:
        assert answer.status == 200
    assert "timed out at" in (await site.person.get(HISTORY)).detail("Refused decision")


async def test_long_texts_are_shortened(site: Site) -> None:
    """Comments and metadata of any size leave the pages readable."""
    await site.set_up()
    facts = {f"Fact{number}": "x" for number in range(900)} | {"UserReason": "y" * 50_000}
    asked = await site.admin("POST", "/approval-requests", {"metadata": facts})
    assert len((await site.person.get(APPROVALS)).html) < 20_000
    decision = {"response": "Approve", "comment": "z" * 200_000}
    await site.admin("POST", f"/approval-requests/{asked['request_id']}/decide", decision)
    html = (await site.person.get(HISTORY)).html
    assert (f"{'z' * 2_000}…" in html, f"{'y' * 2_000}…" in html, "z" * 2_001 in html) == (True, True, False)
    assert len(html) < 30_000


async def test_script_in_a_policy_is_shown_as_text(site: Site) -> None:
    """Without a browser's help, too."""
    await site.ask()
    for path in (APPROVALS, HISTORY):
        shown = await site.person.get(path)
        assert POLICY not in shown.html
        assert POLICY.split("<", maxsplit=1)[0] in shown.text


async def test_reset_forgets_the_requests(site: Site) -> None:
    """After a reset no page shows earlier requests or tasks."""
    await site.set_up()
    await site.ask()
    await site.admin("POST", "/reset")
    assert "No server task was attempted" in (await site.person.get("/admin/tasks")).text
    assert "No requests are awaiting approval" in (await site.person.get(APPROVALS)).text
    assert "No approval requests yet" in (await site.person.get(HISTORY)).text


async def test_requests_for_servicenow_have_the_mark(site: Site) -> None:
    """As documented, Manage Approvals lists manual ones only (elevate/app-req-app.md)."""
    await site.ask(PolicyName="Manual", CommandLineArguments="-v")
    assert (await site.person.get(APPROVALS)).detail("Command Line") == "-v"
    await site.set_up()
    await site.ask(PolicyName="For ServiceNow")
    shown = (await site.person.get(APPROVALS)).text
    assert ("For ServiceNow Decided in ServiceNow, listed by" in shown, "Manual Decided" in shown) == (True, False)


@pytest.mark.parametrize("settings", [Settings(documented_only=True)])
async def test_documented_only_leaves_out_the_rest(site: Site) -> None:
    """No page has the mark, the simulator's own pages are gone, and requests for ServiceNow are not listed."""
    request_id = await site.ask(PolicyName="Manual")
    await site.set_up()
    await site.ask(PolicyName="For ServiceNow")
    assert "1 Items" in (await site.person.get(APPROVALS)).text
    assert "Manage Approvals : 1 waiting" in (await site.person.get("/")).text
    for path in ("/", APPROVALS, "/admin/users/api-client"):
        assert (path, "Simulator only" in (await site.person.get(path)).text) == (path, False)
    for path in (HISTORY, f"{DECIDE}?request={request_id}"):
        assert (path, (await site.person.get(path)).status) == (path, 404)
    page = await choose(site, f"Approve {request_id}")
    await confirm(site, page, (request_id,), duration="timed", hours="1")
    assert await state(site, request_id) == ("Approved", "01:00:00", False)


async def test_no_text_turns_its_direction(site: Site) -> None:
    """Whoever decides sees the control that would show the end of a text backwards."""
    await site.ask(FilePath="evil\u202egpj.exe", UserReason="a\r\nb")
    for path in ("/manage-approvals", "/manage-approvals/history"):
        text = (await site.person.get(path)).text
        assert (path, "evil\\u202egpj.exe" in text, "\u202e" in text, "\\r" in text) == (path, True, False, False)
