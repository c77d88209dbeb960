"""What clients of live instances rely on, where documents and their test suites say so."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from .attachments import BASE
from .conftest import Create
from .writing import Swallowed, patch, post

Client = TestClient[web.Request, web.Application]
RAW = {"sysparm_exclude_reference_link": "true"}


async def _found(client: Client, table: str, **asked: str) -> list[dict[str, Any]]:
    """Return the records that a list answers."""
    response = await client.get(f"/api/now/table/{table}", params={f"sysparm_{key}": asked[key] for key in asked})
    found: list[dict[str, Any]] = (await response.json())["result"]
    return found


@pytest.mark.parametrize("written", ["True", "TRUE", "true"])
async def test_display_value_in_any_case(client: Client, swallowed: Swallowed, written: str) -> None:
    """Pysnow, itsm's inventory plugin: Python writes a bool as ``True``."""
    [record] = await _found(client, "incident", query="number=INC0000060", fields="state", display_value=written)
    assert (record, swallowed()) == ({"state": "Closed"}, [])
    asked = {"sysparm_group_by": "state", "sysparm_count": "true", "sysparm_display_value": written}
    response = await client.get("/api/now/stats/incident", params=asked)
    groups = [each["groupby_fields"][0]["value"] for each in (await response.json())["result"]]
    assert "Closed" in groups


@pytest.mark.parametrize(
    ("written", "stored", "found"),
    [
        ("2021-07-15T08:00:00", "2021-07-15 08:00:00", []),
        ("2021-07-15 08:00:00", "2021-07-15 08:00:00", []),
        ("2021-07-15", "2021-07-15 00:00:00", []),
        ("2021-07-15T08:00:00Z", "2021-07-15 08:00:00", ["value-form-unknown"]),
        ("2021-07-15T08:00:00.123+02:00", "2021-07-15 06:00:00", ["value-form-unknown"]),
        ("2021-07-15 08:00", "2021-07-15 08:00:00", ["value-form-unknown"]),
        ("0001-01-01T00:00:00+02:00", "", ["value-ignored"]),
        ("2021-07-15T25:00:00", "", ["value-ignored"]),
        ("20210715T080000", "", ["value-ignored"]),
    ],
)
async def test_iso_date_times(
    client: Client, swallowed: Swallowed, written: str, stored: str, found: list[str]
) -> None:
    """Itsm, integration test of change tasks: a date-time with a T is stored; other ISO forms are converted to UTC."""
    record = await post(client, "change_task", {"planned_end_date": written})
    assert (record["planned_end_date"], swallowed()) == (stored, found)


async def test_a_reference_by_a_name_in_any_case(client: Client, create: Create, swallowed: Swallowed) -> None:
    """Itsm queries ``name=network``; a name in the very letters precedes others."""
    network = (await _found(client, "sys_user_group", query="name=Network", fields="sys_id"))[0]["sys_id"]
    record = await post(client, "incident", {"assignment_group": "network"}, **RAW)
    assert (record["assignment_group"], swallowed()) == (network, [])
    shouted = create("sys_user_group", name="NETWORK")
    for name, group in (("NETWORK", shouted), ("Network", network), ("network", "")):
        changed = await patch(client, "incident", record["sys_id"], {"assignment_group": name}, **RAW)
        assert changed["assignment_group"] == group


async def test_an_unknown_name_leaves_a_reference_empty(client: Client, swallowed: Swallowed) -> None:
    """It would be no sys_id; a domain may have a path."""
    record = await post(client, "incident", {"caller_id": "Nobody Such", "sys_domain": "global"}, **RAW)
    assert (record["caller_id"], record["sys_domain"]) == ("", "global")
    assert swallowed() == ["reference-unresolved"]


@pytest.mark.parametrize(
    ("asked", "created"),
    [
        ("2020-02-03 04:05:06", "2020-02-03 04:05:06"),
        ("once", "2026-01-05 09:00:00"),
        ("1" * 10_000, "2026-01-05 09:00:00"),
    ],
)
async def test_creation_time_of_an_attachment(
    client: Client, problem: str, swallowed: Swallowed, asked: str, created: str
) -> None:
    """Docs, Attachment API: the moment at which an app that was offline made the file."""
    where = {"file_name": "a.txt", "table_name": "problem", "table_sys_id": problem, "creation_time": asked}
    response = await client.post(f"{BASE}/file", params=where, data=b"x")
    assert (response.status, (await response.json())["result"]["sys_created_on"]) == (201, created)
    assert swallowed() == ([] if asked == created else ["parameter-ignored"])


@pytest.mark.parametrize(
    ("name", "status"), [("a.txt", 201), ("A.PDF", 201), ("a.exe", 400), ("a.txt.exe", 400), ("a", 400)]
)
async def test_extensions_of_attachments(client: Client, create: Create, problem: str, name: str, status: int) -> None:
    """Docs, Attachment API, available system properties: a list of extensions refuses all others."""
    create("sys_properties", name="glide.attachment.extensions", value="txt, pdf")
    where = {"file_name": name, "table_name": "problem", "table_sys_id": problem}
    response = await client.post(f"{BASE}/file", params=where, data=b"x")
    assert response.status == status
    if status == 400:
        told = f"'{name}' is not of a type that glide.attachment.extensions allows: txt, pdf"
        assert (await response.json())["error"]["detail"] == told


@pytest.mark.long
@pytest.mark.parametrize("path", [BASE, "/api/now/table/sys_attachment"])
async def test_extensions_of_renamed_attachments(client: Client, create: Create, problem: str, path: str) -> None:
    """A refused extension is no more given by renaming, whichever the API; another change is none."""
    where = {"file_name": "a.txt", "table_name": "problem", "table_sys_id": problem}
    made = (await (await client.post(f"{BASE}/file", params=where, data=b"x")).json())["result"]["sys_id"]
    create("sys_properties", name="glide.attachment.extensions", value="pdf")
    for name, status in (("a.exe", 400), ("a.txt", 200), ("a.pdf", 200)):
        answer = await client.patch(f"{path}/{made}", json={"file_name": name})
        assert (answer.status == 400) == (status == 400), await answer.text()
    assert (await (await client.get(f"{BASE}/{made}")).json())["result"]["file_name"] == "a.pdf"


async def test_yesterday_in_a_query(client: Client, create: Create, swallowed: Swallowed) -> None:
    """Docs, GlideSystem API: ``gs.yesterday()`` is the moment 24 hours ago."""
    moments = {"2026-01-04 08:59:59": False, "2026-01-04 09:00:01": True}
    for moment in moments:
        create("incident", number=moment, due_date=moment)
    found = await _found(client, "incident", query="due_date>javascript:gs.yesterday()", fields="number")
    assert [each["number"] for each in found] == [moment for moment, later in moments.items() if later]
    assert swallowed() == []


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("incident", "business_stc calendar_stc child_incidents caused_by comments_and_work_notes incident_state"),
        ("incident", "business_service delivery_plan group_list reopened_by reopened_time"),
        ("problem", "problem_state reopen_count reopened_at reopened_by"),
        ("sys_user", "last_login building source notification cost_center country calendar_integration"),
        ("change_task", "on_hold on_hold_reason close_code"),
        ("sc_request", "stage"),
    ],
)
async def test_columns_that_samples_and_clients_read(client: Client, table: str, columns: str) -> None:
    """Docs, samples of the Table, Contact and Case APIs; itsm."""
    assert {*columns.split()} <= (await post(client, table, {})).keys()
