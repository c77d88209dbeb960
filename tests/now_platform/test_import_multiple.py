"""Import sets of many rows."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext
from privman_core.virtual_clock import VirtualClock

from .import_sets import BASE, emails, make, rows

Client = TestClient[web.Request, web.Application]
Values = dict[str, Any]


async def insert_multiple(client: Client, *rows: Values, **parameters: str) -> Values:
    """Return the answer to several rows."""
    response = await client.post(f"{BASE}/insertMultiple", json={"records": rows}, params=parameters)
    assert response.status == 201, await response.text()
    answer: Values = await response.json()
    return answer


async def set_state(client: Client, import_set_id: str) -> str:
    """Return the state of an import set."""
    response = await client.get(f"/api/now/table/sys_import_set/{import_set_id}")
    state: str = (await response.json())["result"]["state"]
    return state


@pytest.mark.usefixtures("user_map")
async def test_many_rows_are_transformed_later(client: Client, clock: VirtualClock) -> None:
    """3.4: insertMultiple answers 201 with both ids at once, and transforms on the clock."""
    answer = await insert_multiple(
        client,
        {"User ID": "a", "Email": "a@import.example"},
        {"User ID": "b", "Email": "b@import.example"},
    )
    assert set(answer) == {"import_set_id", "multi_import_set_id"}
    assert await emails(client) == []
    assert await set_state(client, answer["import_set_id"]) == "loaded"
    await clock.advance(1)
    assert await emails(client) == ["a@import.example", "b@import.example"]
    assert await set_state(client, answer["import_set_id"]) == "processed"
    stored = await rows(client, sys_import_set=answer["import_set_id"])
    assert [row["sys_import_state"] for row in stored] == ["inserted", "inserted"]
    assert [row["sys_import_row"] for row in stored] == ["0", "1"]


@pytest.mark.usefixtures("user_map")
async def test_many_rows_are_transformed_at_once_if_set_so(client: Client) -> None:
    """3.4: a record in sys_rest_insert_multiple for the staging table makes the transform synchronous."""
    await make(client, "sys_rest_insert_multiple", source_table="u_imp_user", transformation="synchronous")
    await insert_multiple(client, {"User ID": "a", "Email": "a@import.example"})
    assert await emails(client) == ["a@import.example"]


async def test_keys_of_many_rows_are_labels(client: Client, swallowed: Callable[[], list[str]]) -> None:
    """Docs, Import Set API: names of columns and anything else are ignored, with a finding."""
    await insert_multiple(client, {"email": "x", "User ID": 7, "Extra": {"a": "b"}, "Nickname": "y", "": "z"})
    (row,) = await rows(client)
    assert [row["user_id"], row["extra"], row["email"]] == ["7", "{a=b}", ""]
    assert swallowed() == ["name-for-label", "column-ignored"]


@pytest.mark.usefixtures("user_map")
async def test_a_row_without_a_key_is_skipped(client: Client, clock: VirtualClock) -> None:
    """Docs, insertMultiple: a row with an empty column of those that coalesce makes no record."""
    answer = await insert_multiple(client, {"Email": "a@import.example"}, {"User ID": "b", "Email": "b@import.example"})
    await clock.advance(1)
    assert await emails(client) == ["b@import.example"]
    stored = await rows(client, sys_import_set=answer["import_set_id"])
    assert [row["sys_import_state"] for row in stored] == ["ignored", "inserted"]


async def test_keys_of_many_rows_are_column_names_if_set_so(client: Client) -> None:
    """3.4: a record in sys_rest_insert_multiple may let the keys be names of columns."""
    await make(client, "sys_rest_insert_multiple", source_table="u_imp_user", column_mapping="column_name")
    await insert_multiple(client, {"user_id": "a", "User ID": "b"})
    (row,) = await rows(client)
    assert row["user_id"] == "a"


async def test_import_sets_are_grouped(client: Client) -> None:
    """3.4: multi_import_set_id adds an import set to a group; an unknown group is 404."""
    first = await insert_multiple(client, {"User ID": "a"})
    second = await insert_multiple(client, {"User ID": "b"}, multi_import_set_id=first["multi_import_set_id"])
    assert first["multi_import_set_id"] == second["multi_import_set_id"]
    assert first["import_set_id"] != second["import_set_id"]
    parameters = {"multi_import_set_id": "0" * 32}
    response = await client.post(f"{BASE}/insertMultiple", json={"records": []}, params=parameters)
    assert response.status == 404


async def test_a_refused_row_removes_its_import_set(client: Client, instance: Instance) -> None:
    """3.4: where a row is refused, the rows before it and their import set are removed."""

    def refuse(context: RuleContext) -> None:
        if context.current["user_id"] == "refused":
            context.abort("no")

    instance.add_rule(BusinessRule("no such user", "u_imp_user", "before", frozenset({"insert"}), refuse))
    response = await client.post(f"{BASE}/insertMultiple", json={"records": [{"User ID": "a"}, {"User ID": "refused"}]})
    assert response.status == 403
    for table in ("u_imp_user", "sys_import_set"):
        left = await (await client.get(f"/api/now/table/{table}")).json()
        assert left["result"] == []


@pytest.mark.long
@pytest.mark.usefixtures("user_map")
async def test_an_import_set_may_run_after_another(client: Client, clock: VirtualClock) -> None:
    """3.4: with run_after the rows are transformed when that import set is done."""
    first = await insert_multiple(client, {"User ID": "a", "Email": "a@import.example"})
    await clock.advance(0.5)
    second = await insert_multiple(
        client, {"User ID": "a", "Email": "b@import.example"}, run_after=first["import_set_id"]
    )
    await clock.advance(1)
    assert await set_state(client, second["import_set_id"]) == "loaded"
    assert await emails(client) == ["a@import.example"]
    await clock.advance(1)
    assert await set_state(client, second["import_set_id"]) == "processed"
    assert await emails(client) == ["b@import.example"]


@pytest.mark.long
@pytest.mark.usefixtures("user_map")
async def test_an_import_set_may_run_after_one_that_is_done(client: Client, clock: VirtualClock) -> None:
    """3.4: with run_after of an import set that is done, or that does not exist, nothing is waited for."""
    first = await insert_multiple(client, {"User ID": "a", "Email": "a@import.example"})
    await clock.advance(1)
    await insert_multiple(client, {"User ID": "b", "Email": "b@import.example"}, run_after=first["import_set_id"])
    await insert_multiple(client, {"User ID": "c", "Email": "c@import.example"}, run_after="0" * 32)
    await clock.advance(1)
    assert await emails(client) == ["a@import.example", "b@import.example", "c@import.example"]


@pytest.mark.usefixtures("user_map")
async def test_an_import_set_deleted_meanwhile(client: Client, clock: VirtualClock) -> None:
    """3.4: rows whose import set has been cleaned up are not transformed."""
    answer = await insert_multiple(client, {"User ID": "a", "Email": "a@import.example"})
    await client.delete(f"/api/now/table/sys_import_set/{answer['import_set_id']}")
    await clock.advance(1)
    assert await emails(client) == []


@pytest.mark.parametrize("body", [[], {}, {"records": {}}, {"records": ["a"]}])
async def test_invalid_bodies_of_many_rows_get_400(client: Client, body: object) -> None:
    """1.9: another body than a list of rows is refused."""
    response = await client.post(f"{BASE}/insertMultiple", json=body)
    assert response.status == 400
    assert "records" in (await response.json())["error"]["detail"]
