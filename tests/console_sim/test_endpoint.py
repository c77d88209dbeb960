"""What the endpoint sees: pending, allowed once or for a time, asked again."""

from typing import Any

import pytest

from .conftest import REQUESTS, ConsoleUnderTest

REPORT = {"UserName": "Russell Finn", "AgentName": "0433-vm-catalina", "FilePath": "/usr/local/bin/tree"}


async def run(console: ConsoleUnderTest, **metadata: str) -> Any:
    """Start the application on the endpoint."""
    return await console.admin("POST", "/run", {"metadata": {**REPORT, **metadata}})


async def decide(console: ConsoleUnderTest, request_id: str, response: str = "Approve", **values: str) -> None:
    """Let ServiceNow deliver a decision, whose only optional parts are those given."""
    decision = {key: value for key, value in console.decision(request_id, response).items() if key != "Duration"}
    assert (await console.deliver({**decision, **values}))[0] == 200


async def test_one_time_allows_one_run(console: ConsoleUnderTest) -> None:
    """An approval without Duration is One Time: it allows one run, then the endpoint asks again (approval-sudo.md)."""
    asked = await run(console)
    assert (asked["outcome"], asked["state"]) == ("asked", "Pending")
    await decide(console, asked["request_id"])
    shown = await console.request(asked["request_id"])
    assert (shown["state"], shown["one_time"], shown["used_at"]) == ("Approved", True, None)
    allowed = await run(console)
    assert (allowed["outcome"], allowed["request_id"]) == ("allowed", asked["request_id"])
    shown = await console.request(asked["request_id"])
    assert (shown["state"], shown["used_at"]) == ("Expired", "2026-01-05T09:00:00+00:00")
    again = await run(console)
    assert (again["outcome"], again["request_id"] != asked["request_id"]) == ("asked", True)


async def test_timed_allows_until_it_ends(console: ConsoleUnderTest) -> None:
    """An approval for N hours allows any number of runs until then; then the endpoint asks again (manage-appr-3)."""
    asked = await run(console)
    await decide(console, asked["request_id"], Duration="02:00:00")
    assert not (await console.request(asked["request_id"]))["one_time"]
    await console.advance(7_199)
    assert [(await run(console))["outcome"] for _ in range(3)] == ["allowed"] * 3
    await console.advance(1)
    assert (await run(console))["outcome"] == "asked"


async def test_while_pending_nothing_is_sent(console: ConsoleUnderTest) -> None:
    """Starting the application again shows the request as pending (approval/helpdesk.md)."""
    asked = await run(console)
    again = await run(console)
    assert (again["outcome"], again["request_id"]) == ("pending", asked["request_id"])
    status, answer = await console.call("POST", "/__admin/approval-requests", {"metadata": REPORT})
    assert (status, answer["request_id"]) == (200, asked["request_id"])
    assert len(console.servicenow.rows(REQUESTS)) == 1


@pytest.mark.parametrize("end", ["Deny", "time-out"])
async def test_after_a_denial_or_time_out_the_endpoint_asks_again(console: ConsoleUnderTest, end: str) -> None:
    """Neither lasts."""
    asked = await run(console)
    if end == "Deny":
        await decide(console, asked["request_id"], "Deny")
    else:
        await console.advance(1_200)
    assert (await run(console))["outcome"] == "asked"


@pytest.mark.parametrize(
    ("kind", "other", "outcome"),
    [
        ({"file_specific": True, "policy_specific": False}, {"FilePath": "/bin/ls"}, "asked"),
        ({"file_specific": True, "policy_specific": False}, {"PolicyName": "Another"}, "pending"),
        ({"file_specific": False, "policy_specific": True}, {"FilePath": "/bin/ls"}, "pending"),
        ({"file_specific": False, "policy_specific": True}, {"PolicyName": "Another"}, "asked"),
        ({"file_specific": True, "policy_specific": True}, {"PolicyName": "Another"}, "asked"),
        ({"file_specific": False, "policy_specific": False}, {"PolicyName": "Another", "FilePath": "/x"}, "pending"),
        ({"file_specific": True, "policy_specific": False}, {"UserName": "Ada"}, "asked"),
        ({"file_specific": True, "policy_specific": False}, {"AgentName": "other"}, "asked"),
    ],
)
async def test_what_a_request_counts_for(
    console: ConsoleUnderTest, kind: dict[str, bool], other: dict[str, str], outcome: str
) -> None:
    """A request counts for its user and computer, and for what its type is specific to (action_type2.png)."""
    await console.admin("POST", "/approval-type", {"approval_type": "Default Execute Application Request Type", **kind})
    await run(console, PolicyName="One")
    assert (await run(console, **{"PolicyName": "One", **other}))["outcome"] == outcome


WINDOWS = {"UserName": "ACME\\Straße", "AgentName": "PC1", "FilePath": r"C:\Tools\Straße.exe"}


@pytest.mark.parametrize("key", WINDOWS)
async def test_case_of_user_computer_and_file_does_not_matter(console: ConsoleUnderTest, key: str) -> None:
    """As on Windows, where "straße" and "strasse" are two names."""
    asked = await run(console, **WINDOWS)
    again = await run(console, **{**WINDOWS, key: WINDOWS[key].lower()})
    assert (again["outcome"], again["request_id"]) == ("pending", asked["request_id"])
    if "ß" in WINDOWS[key]:
        assert (await run(console, **{**WINDOWS, key: WINDOWS[key].replace("ß", "ss")}))["outcome"] == "asked"
    await decide(console, asked["request_id"])
    allowed = await run(console, **{**WINDOWS, key: WINDOWS[key].lower()})
    assert (allowed["outcome"], allowed["request_id"]) == ("allowed", asked["request_id"])


async def test_a_policy_by_name_or_id_is_the_same(console: ConsoleUnderTest) -> None:
    """A report that has only one of them means the same policy."""
    name = "Default Execute Application Request Type"
    await console.admin("POST", "/approval-type", {"approval_type": name, "policy_specific": True})
    policy = (await console.admin("GET", "/policies"))["policies"][-1]
    await run(console, PolicyName=policy["name"])
    assert (await run(console, PolicyId=f"{{{policy['id'].upper()}}}"))["outcome"] == "pending"


AGENT, INITIATOR = "1fc43a39-6b0e-4a28-8b12-0c8ad6ab5f0e", "b7d8a1c2-03f4-4b5e-9a6c-7d8e9f0a1b2c"
SHA1 = "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"
BY_ID = {"InitiatorId": INITIATOR, "AgentId": AGENT, "Sha1Hash": SHA1}


@pytest.mark.parametrize("key", [*BY_ID, "PolicyId"])
@pytest.mark.parametrize("decided", [False, True])
async def test_one_id_has_many_spellings(console: ConsoleUnderTest, key: str, *, decided: bool) -> None:
    """Who asks again with a GUID in braces, or a GUID or hash in another case, is the same asker."""
    name = "Default Execute Application Request Type"
    await console.admin("POST", "/approval-type", {"approval_type": name, "policy_specific": True})
    report = {**BY_ID, "PolicyId": "d3b07384-d9a0-4c9b-8f3e-2a1b0c9d8e7f"}
    asked = await console.admin("POST", "/run", {"metadata": report})
    if decided:
        await decide(console, asked["request_id"], Duration="02:00:00")
    for spelled in spellings(report[key], in_braces=key != "Sha1Hash"):
        again = await console.admin("POST", "/run", {"metadata": {**report, key: spelled}})
        assert (again["outcome"], again["request_id"]) == (["pending", "allowed"][decided], asked["request_id"])
    assert len(console.servicenow.rows(REQUESTS)) == 1


def spellings(text: str, *, in_braces: bool) -> list[str]:
    """Return other spellings of the same."""
    return [text.upper(), *([f"{{{text}}}", f"{{{text.upper()}}}"] if in_braces else [])]


async def test_a_request_has_many_spellings(console: ConsoleUnderTest) -> None:
    """It is shown by its id in any case, and decided once, however often it is named."""
    asked = await run(console)
    named = [asked["request_id"], *spellings(asked["request_id"], in_braces=True)]
    assert (await console.request(named[1]))["request_id"] == asked["request_id"]
    await console.admin("POST", "/approval-requests/decide", {"request_ids": named, "response": "Deny"})
    assert [method for method, *_ in console.servicenow.calls].count("PATCH") == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"policyname": "x"}, "'metadata' has key 'policyname' (did you mean 'PolicyName'?); expected PascalCase"),
        ({"FileVersion": 1}, "'FileVersion' of 'metadata' is 1; expected text"),
        ({"PolicyId": "{140a5e8c-1c3f-4d0a-9e0b-0d5a3e3a3f10"}, "'PolicyId' of 'metadata' is '{140a5e8c-1c3f-"),
        ({f"Key{number}": "" for number in range(1_000)}, "'metadata' has 1,00"),
    ],
)
async def test_a_run_is_checked_whatever_was_approved(
    console: ConsoleUnderTest, wrong: dict[str, object], message: str
) -> None:
    """Metadata that asking refuses starts nothing, and uses up no approval."""
    await decide(console, (await run(console))["request_id"])
    for path in ("/run", "/approval-requests"):
        status, told = await console.call("POST", f"/__admin{path}", {"metadata": {**REPORT, **wrong}})
        assert (status, told["error"][: len(message)]) == (400, message)
    assert (await run(console))["outcome"] == "allowed"


@pytest.mark.parametrize("lacking", list(REPORT))
async def test_a_report_that_lacks_something_is_like_no_other(console: ConsoleUnderTest, lacking: str) -> None:
    """Who cannot be told apart asks each time."""
    report = {key: value for key, value in REPORT.items() if key != lacking}
    for _ in range(2):
        answer = await console.admin("POST", "/run", {"metadata": report})
        assert answer["outcome"] == "asked"
    assert len(console.servicenow.rows(REQUESTS)) == 2


async def test_the_consoles_own_decision_is_one_time_or_timed(console: ConsoleUnderTest) -> None:
    """Manage Approvals decides either way, too."""
    for duration, one_time in (({}, True), ({"duration": "01:00:00"}, False)):
        asked = await run(console, FilePath=f"/{one_time}")
        path = f"/approval-requests/{asked['request_id']}/decide"
        decided = await console.admin("POST", path, {"response": "Approve", **duration})
        assert (decided["one_time"], decided["recorded"]) == (one_time, True)
        assert (await run(console, FilePath=f"/{one_time}"))["outcome"] == "allowed"


async def test_time_out_of_a_process(console: ConsoleUnderTest) -> None:
    """It is configurable, and counts from the next request on."""
    first = await console.ask()
    await console.admin("POST", "/approval-process", {"process": "ServiceNow Approval Process", "timeout": 86_400})
    second = await console.ask()
    ends = [first["times_out_at"], second["times_out_at"]]
    assert ends == ["2026-01-05T09:20:00+00:00", "2026-01-06T09:00:00+00:00"]
    await console.advance(86_399)
    states = [(await console.request(each["request_id"]))["state"] for each in (first, second)]
    assert states == ["TimedOut", "Pending"]
    await console.advance(1)
    assert (await console.request(second["request_id"]))["state"] == "TimedOut"


async def test_nothing_is_polled(console: ConsoleUnderTest) -> None:
    """While a request waits and when it has timed out, the console asks ServiceNow nothing and cancels nothing (I)."""
    asked = await console.ask()
    calls = len(console.servicenow.calls)
    await console.advance(3_600)
    assert (await console.request(asked["request_id"]))["state"] == "TimedOut"
    assert len(console.servicenow.calls) == calls


async def test_nothing_runs_without_a_table(console: ConsoleUnderTest) -> None:
    """Starting an application needs metadata."""
    assert (await console.call("POST", "/__admin/run", {}))[0] == 400
