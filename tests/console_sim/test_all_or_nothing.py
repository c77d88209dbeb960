"""What changes together is kept together or not at all, in memory and in a file."""

from pathlib import Path

import pytest

from .conftest import METADATA, REQUESTS, ConsoleUnderTest, StubServiceNow
from .on_file import console_on, write

REPORT = {**METADATA, "UserName": "Ada", "AgentName": "pc", "FilePath": "/bin/ls"}
MEGABYTE = 1_000_000


def failing_for(kind: str) -> tuple[str, ...]:
    """Return what makes the file refuse to insert things of a kind, until its table of failures is empty."""
    failing = f"NEW.kind = '{kind}' AND EXISTS (SELECT 1 FROM failures)"  # noqa: S608 - our own words
    return (
        "CREATE TABLE failures (number INTEGER PRIMARY KEY)",
        "INSERT INTO failures VALUES (1)",
        f"CREATE TRIGGER fail BEFORE INSERT ON document WHEN {failing} BEGIN SELECT RAISE(FAIL, 'disk I/O error'); END",
    )


@pytest.mark.long
async def test_no_request_is_decided_if_memory_is_full_for_one(console: ConsoleUnderTest) -> None:
    """Several requests whose comments do not fit all are as they were, and can be decided with a shorter one."""
    report = {"metadata": {**METADATA, "UserReason": "x" * MEGABYTE}}
    waiting = [(await console.admin("POST", "/approval-requests", report))["request_id"] for _ in range(31)]
    decision = {"request_ids": waiting, "response": "Deny", "comment": "x" * MEGABYTE}
    status, told = await console.call("POST", "/__admin/approval-requests/decide", decision)
    assert (status, told["error"][:54]) == (500, "no room for this approval request: 31 unfinished ones ")
    assert {(await console.request(each))["state"] for each in waiting} == {"Pending"}
    assert [method for method, *_ in console.servicenow.calls].count("PATCH") == 0
    await console.admin("POST", "/approval-requests/decide", {**decision, "comment": "no"})
    assert {(await console.request(each))["state"] for each in waiting} == {"Denied"}


@pytest.mark.long
async def test_a_delivered_decision_that_finds_no_room_leaves_its_request_pending(console: ConsoleUnderTest) -> None:
    """Manage Approvals still lists it, and ServiceNow can deliver a shorter decision."""
    report = {"metadata": {**METADATA, "UserReason": "x" * MEGABYTE}}
    waiting = [(await console.admin("POST", "/approval-requests", report))["request_id"] for _ in range(33)]
    decision = console.decision(waiting[0])
    status, _ = await console.deliver({**decision, "Comment": "x" * MEGABYTE})
    assert status == 500
    async with console.session.get(f"{console.url}/manage-approvals") as page:
        assert waiting[0] in await page.text()
    assert (await console.deliver(decision))[0] == 200


async def test_a_refused_decision_that_cannot_be_kept_is_refused_all_the_same(
    file: Path, servicenow: StubServiceNow
) -> None:
    """The caller learns why it was refused, not that the database failed."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
    refusal = "NEW.kind = 'approval request' AND CAST(NEW.body AS TEXT) LIKE '%by another decision%'"
    write(file, f"CREATE TRIGGER fail BEFORE UPDATE ON document WHEN {refusal} BEGIN SELECT RAISE(FAIL, 'full'); END")
    async with console_on(file, servicenow) as console:
        asked = (await console.ask())["request_id"]
        assert (await console.deliver(console.decision(asked)))[0] == 200
        assert (await console.deliver(console.decision(asked, "Deny")))[0] == 409
        assert (await console.request(asked))["refused_decision"] == ""


@pytest.mark.long
async def test_a_request_for_which_there_is_no_room_costs_no_other(console: ConsoleUnderTest) -> None:
    """A decided request goes when a new one takes its place, not when that is refused all the same."""
    decided = (await console.ask())["request_id"]
    await console.deliver(console.decision(decided))
    report = {"metadata": {**METADATA, "UserReason": "x" * MEGABYTE}}
    statuses = [(await console.call("POST", "/__admin/approval-requests", report))[0] for _ in range(34)]
    assert statuses == [201] * 33 + [500]
    assert (await console.request(decided))["state"] == "Approved"


async def test_a_run_that_a_timed_approval_allows_changes_nothing(file: Path, servicenow: StubServiceNow) -> None:
    """The application starts even if the database can keep nothing more."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
        asked = (await console.admin("POST", "/approval-requests", {"metadata": REPORT}))["request_id"]
        await console.deliver(console.decision(asked, Duration="02:00:00"))
    write(file, "CREATE TRIGGER fail BEFORE UPDATE ON document BEGIN SELECT RAISE(FAIL, 'full'); END")
    async with console_on(file, servicenow) as console:
        run = await console.admin("POST", "/run", {"metadata": REPORT})
    assert (run["outcome"], run["request_id"]) == ("allowed", asked)


@pytest.mark.long
async def test_a_request_is_kept_with_what_it_is_the_last_one_for(file: Path, servicenow: StubServiceNow) -> None:
    """Without the one there is not the other, so that asking again shows the request that is pending."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
    write(file, *failing_for("latest request"))
    body = {"metadata": REPORT}
    async with console_on(file, servicenow) as console:
        assert (await console.call("POST", "/__admin/approval-requests", body))[0] == 500
        assert (await console.admin("GET", "/approval-requests"))["approval_requests"] == []
        async with console.session.get(f"{console.url}/manage-approvals/history") as page:
            assert "No approval requests yet" in await page.text()
    assert servicenow.rows(REQUESTS) == []
    write(file, "DELETE FROM failures")
    async with console_on(file, servicenow) as console:
        (created, first), (repeated, second) = [
            await console.call("POST", "/__admin/approval-requests", body) for _ in range(2)
        ]
        assert (created, repeated) == (201, 200)
        assert second["request_id"] == first["request_id"]


@pytest.mark.long
async def test_an_action_is_kept_with_the_policy_that_it_is_made_for(file: Path, servicenow: StubServiceNow) -> None:
    """A policy that is refused leaves no action behind."""
    async with console_on(file, servicenow) as console:
        await console.admin("POST", "/approval-types", {"name": "T"})
    write(file, *failing_for("policy"))
    policy = {"name": "P", "approval_type": "T"}
    async with console_on(file, servicenow) as console:
        for _ in range(2):
            assert (await console.call("POST", "/__admin/policies", policy))[0] == 500
        assert await actions(console) == []
    write(file, "DELETE FROM failures")
    async with console_on(file, servicenow) as console:
        assert (await console.admin("POST", "/policies", policy))["actions"][0] == "T Form Action"
        assert await actions(console) == ["T Form Action"]


async def actions(console: ConsoleUnderTest) -> list[str]:
    """Return the actions of the approval type T."""
    async with console.session.get(f"{console.url}/admin/actions") as page:
        html = await page.text()
    return ["T Form Action"] * html.count(">T Form Action<")
