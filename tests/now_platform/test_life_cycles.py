"""The life cycles that tasks have out of the box: moves, stamps and counters."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.dictionary.table_files import load_dictionary
from privman_core.virtual_clock import VirtualClock

from .conftest import Create
from .writing import ADMIN, patch, post

Client = TestClient[web.Request, web.Application]
Swallowed = Callable[[], list[str]]
NOW = "2026-01-05 09:00:00"
GROUPS = "sys_user_group"


async def _move(client: Client, table: str, sys_id: str, **values: str) -> tuple[int, str]:
    """Return the status of a change, and the text of the error."""
    response = await client.patch(f"/api/now/table/{table}/{sys_id}", json=values)
    return response.status, "" if response.status == 200 else (await response.json())["error"]["detail"]


async def test_resolving_an_incident_stamps_it(client: Client) -> None:
    """Docs, "Resolve and close an incident": who resolved it, and when; it stays active until it is closed."""
    record = await post(client, "incident", {"state": "2"})
    resolved = await patch(client, "incident", record["sys_id"], {"state": "6"})
    assert (record["resolved_at"], resolved["resolved_at"]) == ("", NOW)
    assert (resolved["resolved_by"]["value"], resolved["active"], resolved["closed_at"]) == (ADMIN, "true", "")
    closed = await patch(client, "incident", record["sys_id"], {"state": "7"})
    assert (closed["active"], closed["closed_at"], closed["closed_by"]["value"]) == ("false", NOW, ADMIN)
    assert closed["resolved_at"] == NOW


async def test_the_time_to_a_resolution_is_measured(client: Client, clock: VirtualClock) -> None:
    """Docs, samples; users: seconds and durations since it was opened, anew after it was opened again."""
    names = ("calendar_stc", "business_stc", "calendar_duration", "business_duration")
    record = await post(client, "incident", {"state": "2"})
    await clock.advance(3_700)
    resolved = await patch(client, "incident", record["sys_id"], {"state": "6"})
    assert [resolved[name] for name in names] == ["3700", "3700", *["1970-01-01 01:01:40"] * 2]
    await clock.advance(60)
    closed = await patch(client, "incident", record["sys_id"], {"state": "7"})
    assert closed["calendar_stc"] == "3700"
    reopened = await patch(client, "incident", record["sys_id"], {"state": "2"})
    assert [reopened[name] for name in names] == ["", "", "", ""]
    canceled = await patch(client, "incident", record["sys_id"], {"state": "8", "opened_at": "2026-01-05 09:00:01"})
    assert canceled["calendar_stc"] == "3759"
    early = {"state": "6", "resolved_at": "2020-01-01 00:00:00"}
    assert (await post(client, "incident", early))["calendar_stc"] == "0"
    assert (await post(client, "incident", {"state": "6", "opened_at": ""}))["calendar_stc"] == ""


async def test_a_resolution_that_the_client_sends_is_kept(client: Client) -> None:
    """An import brings its own."""
    sent = {"state": "6", "resolved_at": "2020-01-01 00:00:00"}
    assert (await post(client, "incident", sent))["resolved_at"] == "2020-01-01 00:00:00"


async def test_reopening_an_incident_is_counted(client: Client, clock: VirtualClock) -> None:
    """Docs, "Reopening an incident": count, time and user; the next resolution has stamps of its own."""
    record = await post(client, "incident", {"state": "6"})
    await clock.advance(60)
    reopened = await patch(client, "incident", record["sys_id"], {"state": "2"})
    assert [reopened[name] for name in ("reopen_count", "reopened_time", "resolved_at", "resolved_by")] == [
        "1",
        "2026-01-05 09:01:00",
        "",
        "",
    ]
    assert reopened["reopened_by"]["value"] == ADMIN
    again = await patch(client, "incident", record["sys_id"], {"state": "7"})
    assert (await patch(client, "incident", record["sys_id"], {"state": "1"}))["reopen_count"] == "2"
    assert (again["reopen_count"], again["active"]) == ("1", "false")


@pytest.mark.long
async def test_a_change_of_group_is_counted(client: Client, create: Create) -> None:
    """Docs, "First assignment resolution": the first group counts 0."""
    first, second = create(GROUPS, name="First"), create(GROUPS, name="Second")
    for table in ("incident", "sc_task"):
        record = await post(client, table, {})
        counts = [
            (await patch(client, table, record["sys_id"], {"assignment_group": group}))["reassignment_count"]
            for group in (first, second, second, "", first)
        ]
        assert counts == ["0", "1", "1", "2", "2"]


async def test_incident_state_follows_state_and_the_reverse(client: Client) -> None:
    """Docs, samples of the Table API: both columns have one value, whichever is written, and both filter."""
    record = await post(client, "incident", {"incident_state": "3"})
    assert (record["state"], record["incident_state"]) == ("3", "3")
    assert (await post(client, "incident", {"incident_state": "6"}))["resolved_at"] == NOW
    for written, value in (("state", "2"), ("incident_state", "6")):
        changed = await patch(client, "incident", record["sys_id"], {written: value})
        assert (changed["state"], changed["incident_state"]) == (value, value)
    query = {"sysparm_query": "incident_state=7", "sysparm_fields": "state,incident_state"}
    found = (await (await client.get("/api/now/table/incident", params=query)).json())["result"]
    assert found == [{"state": "7", "incident_state": "7"}]


PROBLEM_MOVES = [
    *("101 102", "101 103", "102 103", "102 107", "103 104", "103 106", "103 107", "104 103", "104 106"),
    *("104 107", "106 103", "106 107", "107 103"),
]


@pytest.mark.parametrize("move", PROBLEM_MOVES)
async def test_a_problem_makes_the_moves_of_its_buttons(client: Client, create: Create, move: str) -> None:
    """Itsm, integration tests of problems; Docs, "Managing problems"."""
    before, after = move.split()
    assert await _move(client, "problem", create("problem", state=before), state=after) == (200, "")


@pytest.mark.long
async def test_a_problem_makes_no_other_move(client: Client, create: Create, swallowed: Swallowed) -> None:
    """Itsm, integration test "Cancel a problem (fail)": the error has the rule's text, and nothing is written."""
    problem = create("problem", state="102")
    told = "Problem state transition from state 102 to 106 is not possible"
    assert await _move(client, "problem", problem, state="106", description="x") == (403, told)
    assert swallowed() == ["rule-aborted"]
    record = (await (await client.get(f"/api/now/table/problem/{problem}")).json())["result"]
    assert (record["state"], record["problem_state"], record["description"]) == ("102", "102", "")
    states = ("101", "102", "103", "104", "106", "107")
    for before, after in ((one, other) for one in states for other in states if one != other):
        moved = await _move(client, "problem", create("problem", state=before), problem_state=after)
        assert (moved[0] == 200) is (f"{before} {after}" in PROBLEM_MOVES)


async def test_reanalyzing_a_problem_is_counted(client: Client) -> None:
    """Docs, "Resolve and complete a problem": a closed problem returns to root cause analysis."""
    record = await post(client, "problem", {"state": "106"})
    assert record["resolved_at"] == NOW
    closed = await patch(client, "problem", record["sys_id"], {"state": "107"})
    again = await patch(client, "problem", record["sys_id"], {"state": "103"})
    assert (closed["active"], closed["resolved_at"]) == ("false", NOW)
    assert (again["active"], again["reopen_count"], again["reopened_at"], again["resolved_at"]) == (
        "true",
        "1",
        NOW,
        "",
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "states"),
    [
        ("normal", ["-5", "-4", "-3", "-2", "-1", "0", "3"]),
        ("standard", ["-5", "-2", "-1", "0", "3"]),
        ("emergency", ["-5", "-3", "-2", "-1", "0", "3"]),
    ],
)
async def test_a_change_goes_through_the_states_of_its_type(client: Client, kind: str, states: list[str]) -> None:
    """Docs, "State progression for normal, standard, and emergency changes": no state may be left out."""
    record = await post(client, "change_request", {"type": kind})
    for skipped, state in zip(states[2:], states[1:], strict=False):
        status, told = await _move(client, "change_request", record["sys_id"], state=skipped)
        assert (status, told.partition("^")[0]) == (
            403,
            "Operation against file 'change_request' was aborted by Business Rule 'State model - Can change state?",
        )
        assert await _move(client, "change_request", record["sys_id"], state=state) == (200, "")
    closed = await patch(client, "change_request", record["sys_id"], {"state": "3"})
    assert (closed["active"], closed["closed_at"]) == ("false", NOW)


@pytest.mark.parametrize(("state", "status"), [("-5", 200), ("-4", 200), ("-1", 200), ("0", 403), ("3", 403)])
async def test_a_change_is_canceled_until_its_review(client: Client, create: Create, state: str, status: int) -> None:
    """Docs, "State model and transitions": neither in Review nor in Closed."""
    change = create("change_request", state=state)
    assert (await _move(client, "change_request", change, state="4"))[0] == status


async def test_a_type_without_moves_is_free(client: Client, create: Create) -> None:
    """No source knows the states of a type that a team has added."""
    change = create("change_request", type="sox")
    assert await _move(client, "change_request", change, state="3") == (200, "")


@pytest.mark.parametrize(
    ("table", "closing", "opening"),
    [("problem_task", "157", "152"), ("change_task", "3", "1"), ("sc_req_item", "4", "2"), ("sc_task", "7", "1")],
)
async def test_a_task_closes_and_opens(client: Client, table: str, closing: str, opening: str) -> None:
    """Docs, "Complete a problem task"; users: each table has closed states of its own, or those of task."""
    record = await post(client, table, {})
    closed = await patch(client, table, record["sys_id"], {"state": closing})
    assert (closed["active"], closed["closed_at"], closed["closed_by"]["value"]) == ("false", NOW, ADMIN)
    assert (await patch(client, table, record["sys_id"], {"state": opening}))["active"] == "true"


async def test_all_notes_of_a_task_are_one_journal(client: Client) -> None:
    """Docs, samples of the Table API: ``comments_and_work_notes`` shows both journals, and takes no entry."""
    record = await post(client, "incident", {"comments": "one", "comments_and_work_notes": "no"})
    await patch(client, "incident", record["sys_id"], {"work_notes": "two"})
    response = await client.get(
        f"/api/now/table/incident/{record['sys_id']}",
        params={"sysparm_display_value": "true", "sysparm_fields": "comments_and_work_notes"},
    )
    shown = (await response.json())["result"]["comments_and_work_notes"]
    heads = [line.rpartition("(")[2] for line in shown.splitlines() if line.startswith("2026")]
    assert heads == ["Work notes)", "Additional comments)"]
    assert [line for line in shown.splitlines() if line in {"one", "two", "no"}] == ["two", "one"]
    assert record["comments_and_work_notes"] == ""


def test_every_life_cycle_that_ships_is_checked() -> None:
    """The reader checks them as it checks a team's."""
    dictionary = load_dictionary()
    named = {table.name for table in dictionary if table.life_cycle is not None}
    assert named >= {"task", "incident", "problem", "problem_task", "change_request", "change_task"}
