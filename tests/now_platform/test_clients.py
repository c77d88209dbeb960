"""Released clients of ServiceNow against the platform."""

import asyncio
from collections.abc import Callable
from typing import Any

import pysnc
import pysnow
import pytest
import requests

ADMIN = "6816f79cc0a8016401c5a33be04be441"


async def as_administrator(work: Callable[[requests.Session], None]) -> None:
    """Run blocking work beside the server, with a session that is closed afterwards."""

    def run() -> None:
        with requests.Session() as session:
            session.auth = ("admin", "admin")
            work(session)

    await asyncio.to_thread(run)


async def test_pysnc_creates_reads_changes_and_deletes(origin: str) -> None:
    """ServiceNow's own client does its round on a problem."""

    def work(session: requests.Session) -> None:
        client = pysnc.ServiceNowClient(origin, session)
        problem = client.GlideRecord("problem")
        problem.initialize()
        problem.short_description = "Unit test"
        problem.bunk_field = "nothing"
        sys_id = problem.insert()
        assert sys_id
        assert problem.get_display_value("opened_by") == "System Administrator"
        assert problem.get_value("opened_by") == ADMIN
        assert problem.get_display_value("state") == "New"
        problem.assigned_to = "26fbff173b331300ad3cc9bb34efc4bd"
        assert problem.update()
        assert problem.get_display_value("assigned_to") == "Problem Admin"
        again = client.GlideRecord("problem")
        assert again.get(sys_id)
        assert again.number == problem.number
        assert again.delete()
        assert not client.GlideRecord("problem").get(sys_id)

    await as_administrator(work)


@pytest.mark.long
async def test_pysnc_pages_through_a_parent_class(origin: str) -> None:
    """All rows of a big list arrive, page by page, with joins and related lists understood."""

    def work(session: requests.Session) -> None:
        client = pysnc.ServiceNowClient(origin, session)
        logs = client.GlideRecord("syslog", batch_size=100)
        logs.query()
        assert len(logs) > 600
        assert sum(1 for _ in logs) == len(logs)
        users = client.GlideRecord("sys_user")
        users.add_join_query("sys_user_has_role", join_table_field="user").add_query("role", ADMIN_ROLE)
        users.query()
        assert 11 <= len(users) <= 24
        groups = client.GlideRecord("sys_user_group")
        groups.add_rl_query("sys_group_has_role", "group", ">0", stop_at_relationship=True).add_query(
            "role.name", "LIKE", "admin"
        )
        groups.query()
        assert 3 <= len(groups) <= 7

    await as_administrator(work)


ADMIN_ROLE = "2831a114c611228501d4ea6c309d626d"


async def test_pysnc_distinguishes_errors(origin: str) -> None:
    """Wrong credentials, an invalid table and a path that is too long are the exceptions the client has for them."""

    def work(session: requests.Session) -> None:
        client = pysnc.ServiceNowClient(origin, session)
        with pytest.raises(pysnc.exceptions.RequestException):
            client.GlideRecord("sys_user_list").get("doesntmatter")
        session.auth = ("test", "test")
        with pytest.raises(pysnc.exceptions.AuthenticationException):
            client.GlideRecord("sys_user").get("doesntmatter")

    await as_administrator(work)


async def test_pysnow_creates_reads_changes_and_deletes(origin: str) -> None:
    """The long-standing community client does its round on an incident."""

    def work(session: requests.Session) -> None:
        client = pysnow.Client(host=origin.removeprefix("https://"), session=session)
        incidents: Any = client.resource(api_path="/table/incident")
        created = incidents.create(payload={"short_description": "x", "caller_id": ADMIN}).one()
        query = {"number": created["number"]}
        assert incidents.get(query=query, stream=True).one()["sys_id"] == created["sys_id"]
        changed = incidents.update(query=query, payload={"state": "2"}).one()
        assert changed["state"] == "2"
        assert incidents.delete(query=query)["status"] == "record deleted"
        assert incidents.get(query=query).one_or_none() is None

    await as_administrator(work)


async def test_pysnow_builds_queries(origin: str) -> None:
    """What its query builder sends is understood."""

    def work(session: requests.Session) -> None:
        client = pysnow.Client(host=origin.removeprefix("https://"), session=session)
        built: Any = pysnow.QueryBuilder()
        built.field("number").starts_with("PRB").AND().field("state").equals(["101", "102"])
        built.AND().field("number").order_descending()
        problems: Any = client.resource(api_path="/table/problem")
        numbers = [problem["number"] for problem in problems.get(query=built).all()]
        assert len(numbers) == 6
        assert numbers == sorted(numbers, reverse=True)

    await as_administrator(work)
