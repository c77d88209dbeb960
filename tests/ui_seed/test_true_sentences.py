"""The cockpit's page of a request, in stories in which a sentence could claim what is not, or no longer, so."""

import pytest

from .desk import APPROVE, METADATA, TABLE, Desk

pytestmark = [pytest.mark.asyncio(loop_scope="session")]


def check(shown: str, said: tuple[str, ...], unsaid: tuple[str, ...]) -> None:
    """Assert that a page has these texts, and none of those."""
    assert [text for text in said if text not in shown] == []
    assert [text for text in unsaid if text in shown] == []


async def test_nothing_promises_a_retry_after_the_time_out(desk: Desk) -> None:
    """The last retry before the time-out is the last one."""
    await desk.servicenow("POST", "/faults", {"kind": "status", "status": 503, "method": "POST", "times": None})
    asked = await desk.ask()
    await desk.advance(950)
    shown = await desk.page(asked["request_id"])
    check(
        shown, ("It is not sent again by itself", "times out, unless a decision is accepted"), ("sends it again due",)
    )
    assert "Send approval request" not in await desk.fakes.look(desk.fakes.console, "/clock")
    await desk.advance(300)
    check(await desk.page(asked["request_id"]), ("timed out at",), ("It is sent again", "sends it again due"))


async def test_failures_have_the_cause_that_their_exchange_shows(desk: Desk) -> None:
    """A refused log-in names its user and what the console says; a fault of the tester is no guess."""
    await desk.approve(await desk.ask("Elevate updaters"))
    await desk.console("POST", "/api-user/reset-secret", {})
    shown = await desk.page(await desk.approve(await desk.ask()))
    said = (
        "The console answered the decision with 401, and the token call after it was answered with 401",
        "ServiceNow logs in with the Username and Password of the registration, as '",
        "Console refused it: UserName or Password is wrong.",
        "It has been pending since 2026-01-05 09:00:00 UTC: no decision has been accepted.",
    )
    check(shown, said, ("was not sent", "answers like this if", "waits for the decision of"))


async def test_faults_are_named_as_the_cause(desk: Desk) -> None:
    """An armed fault explains both the refusal of a decision and that of a request."""
    await desk.console("POST", "/faults", {"kind": "status", "status": 403, "path": APPROVE})
    shown = await desk.page(await desk.approve(await desk.ask()))
    check(
        shown,
        ("answered 403, which is not tried again. The fault 'status' that was armed at Console caused this.",),
        ("if no role",),
    )
    await desk.servicenow("POST", "/faults", {"kind": "status", "status": 401, "method": "POST"})
    shown = await desk.page(await desk.fakes.ask())
    said = (
        "A refusal is not tried again",
        "The console tried to log in as 'privman.integration'",
        "at ServiceNow",
        "fault",
    )
    check(shown, said, ("first_retry_wait",))


async def test_process_is_as_it_was_when_asked(desk: Desk) -> None:
    """A request whose process had no server says so of that time, and cites no rule of retries."""
    await desk.console("POST", "/approval-processes", {"name": "Lonely", "server": None})
    await desk.console("POST", "/approval-types", {"name": "Lonely type", "process": "Lonely"})
    await desk.console("POST", "/policies", {"name": "Lonely policy", "approval_type": "Lonely type"})
    shown = await desk.page((await desk.ask("Lonely policy"))["request_id"])
    unsent = "no server not sent: approval process 'Lonely' had no ServiceNow server"
    assert unsent in await desk.look(desk.fakes.servicenow, "/deliveries")
    async with desk.fakes.http.get(desk.fakes.console) as home:
        assert "Lonely, without a ServiceNow server: requests are not sent" in await home.text()
    check(
        shown,
        ("'Lonely' had no ServiceNow server", "the time-out of 'Lonely' was 20 min when it was asked for"),
        ("has no Serv", "first_retry_wait"),
    )


async def test_approval_without_computer_promises_no_run(desk: Desk) -> None:
    """Nothing can be matched with a request that named no computer."""
    metadata = {key: value for key, value in METADATA.items() if key != "AgentName"}
    shown = await desk.page(
        await desk.approve(await desk.console("POST", "/approval-requests", {"metadata": metadata}))
    )
    check(shown, ("No run can use the approval: the request was made without a computer",), ("still to come",))


async def test_who_sent_it_is_who_logged_in(desk: Desk) -> None:
    """Not what the contract expects; whoever uses the console's account without being the console is called so."""
    asked = await desk.ask()
    values = {"request_id": "0f3c1b52-9d7e-4a16-8b58-52c9b6a5d002", "metadata": "{}"}
    await desk.try_to("POST", "", values, "privman.approver")
    await desk.try_to("PATCH", f"/{asked['sys_id']}", {"comment": "mine"}, "privman.integration")
    journal = await desk.look(desk.fakes.servicenow, "?find=-from:console")
    assert (journal.count("Approver → ServiceNow"), journal.count("API client (as Console) → ServiceNow")) == (1, 0)
    assert "API client (as Console) → ServiceNow" in await desk.look(desk.fakes.servicenow, "?find=from:console")
    shown = await desk.page(await desk.approve(asked))
    said = ("API client (as Console) (privman.integration) → ServiceNow", "Approver (privman.approver) → ServiceNow")
    check(shown, (*said, "Console (privman.integration) → ServiceNow", "ServiceNow (API User"), ())
    path = await desk.path(desk.fakes.servicenow, "user:privman.approver+method:POST")
    page = await desk.fakes.look(desk.fakes.servicenow, path)
    check(page, ("<dd>Approver</dd>", "<dd>privman.approver</dd>", "Approver to ServiceNow"), ("Console to",))


async def test_what_a_fault_struck_is_judged_at_neither_party(desk: Desk) -> None:
    """The sender's journal knows no fault, so its row is judged by the mark that it shares with the other party."""
    await desk.servicenow("POST", "/faults", {"kind": "hibernating", "method": "POST"})
    request_id = await desk.fakes.ask()
    shown = await desk.page(request_id)
    check(shown, ("fault: hibernating",), ("violation", "unexpected-status"))
    journal = await desk.fakes.look(desk.fakes.console, f"?find=request:{request_id}")
    check(journal, ("not judged: fault", "hibernating"), (">broken",))
    for url, find in ((desk.fakes.console, f"request:{request_id}"), (desk.fakes.servicenow, "fault:*")):
        page = await desk.fakes.look(url, await desk.path(url, find))
        check(page, ("not judged: fault", "The fault hibernating", "of ServiceNow"), ("did not keep", ">violation<"))


async def test_what_the_tester_replays_is_the_testers(desk: Desk) -> None:
    """Neither party's sentence takes it for its own, and an edited one is called edited."""
    await desk.console("POST", "/faults", {"kind": "status", "status": 403, "path": APPROVE})
    request_id = await desk.approve(await desk.ask())
    sn = desk.fakes.servicenow
    failed = await desk.path(sn, "to:console status:403")
    await desk.fakes.post(sn, f"{failed}/replay", {})
    said = (
        "replayed by the tester at 09:00:00, and the answer was 200",
        "The console accepted a delivered decision at",
        "Deliver an approver's decision, replayed by the tester",
    )
    check(await desk.page(request_id), said, ("which delivered that",))
    asked = await desk.path(sn, "from:console method:POST")
    replayed = (await desk.fakes.post(sn, f"{asked}/replay", {}))[1]
    check(replayed, ("Tester to ServiceNow",), ("API client",))
    edited = {"method": "POST", "path": "/api/now/table/x_thyti_thycotic_p_request", "headers": "", "body": "{}"}
    page = (await desk.fakes.post(sn, f"{asked}/edit", edited))[1]
    check(page, ("edited and replayed", "Tester to ServiceNow"), (" Console to ServiceNow",))


async def test_deleted_registration_is_why(desk: Desk) -> None:
    """The sentence about the refusal says so, and the deletion is among the calls about the registration."""
    [record] = await desk.rows("integration_configuration")
    await desk.call("DELETE", f"integration_configuration/{record['sys_id']}")
    request_id = await desk.fakes.ask()
    why = f"business rule 'Accept request' on {TABLE}: 'instance_id' is '{record['sys_id']}'; expected a registered"
    for url, said in ((desk.fakes.servicenow, f"Why: {why}"), (desk.fakes.console, f"ServiceNow refused it: {why}")):
        shown = await desk.page(request_id, url)
        check(shown, (said,), ("No such call", "rule-aborted"))
        used = shown.partition("Registration used")[2]
        path = "/api/now/table/x_thyti_thycotic_p_integration_configuration"
        check(used, (f"POST {path}", f"DELETE {path}/{record['sys_id']}"), ())


@pytest.mark.parametrize("kind", ["hibernating", "malformed"])
async def test_answer_that_its_sender_cannot_use_is_no_success(desk: Desk, kind: str) -> None:
    """Whatever its status: the step is a failed one, with the answer and what the console made of it."""
    await desk.servicenow("POST", "/faults", {"kind": kind, "method": "POST"})
    request_id = await desk.fakes.ask()
    shown, html = await desk.page(request_id), await desk.fakes.look(desk.fakes.console, f"/requests/{request_id}")
    check(shown, ("unusable", "Console counts that as a failure: 20", "answer 20"), ())
    assert 'class="step tone-bad"' in html
    page = await desk.fakes.look(desk.fakes.console, await desk.path(desk.fakes.console, "to:servicenow"))
    check(page, ("Console counts that as a failure: 20", "unusable"), ('class="tag good">20',))


async def test_token_that_cannot_be_used_is_no_success(desk: Desk) -> None:
    """ServiceNow counts the token call as failed, although its status is 200."""
    await desk.console("DELETE", "/tokens")
    await desk.console("POST", "/faults", {"kind": "malformed", "path": "*/logon/token"})
    shown = await desk.page(await desk.approve(await desk.ask()))
    check(shown, ("200 unusable", "ServiceNow counts that as a failure: the token call was"), ())


async def test_attempt_is_as_servicenow_took_its_answer(desk: Desk) -> None:
    """An envelope with an error is a refusal, whatever its status."""
    body = '{"Status": "error"}'
    await desk.console("POST", "/faults", {"kind": "status", "status": 200, "body": body, "path": APPROVE})
    request_id = await desk.approve(await desk.ask())
    check(await desk.look(desk.fakes.servicenow, "/deliveries"), ("09:00:00 200 with an error",), ())
    check(await desk.page(request_id), ("200 with an error", "200 unusable"), ())
