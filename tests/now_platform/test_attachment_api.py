"""The Attachment API."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.plans import LONGEST_TEXT

from .attachments import BASE, URL, listed, make, rows, upload, vanished

Client = TestClient[web.Request, web.Application]
Values = dict[str, Any]


async def attach_to_toy(client: Client, toy: str) -> str:
    """Return the sys_id of a file attached to a toy."""
    where = {"file_name": "toy.txt", "table_name": "u_toy", "table_sys_id": toy}
    response = await client.post(f"{BASE}/file", params=where, data=b"x")
    assert response.status == 201, await response.text()
    sys_id: str = (await response.json())["result"]["sys_id"]
    return sys_id


async def test_get_answers_the_metadata(client: Client, problem: str) -> None:
    """3.1: GET of one attachment answers its metadata, an unknown one 404."""
    metadata = await upload(client, problem)
    response = await client.get(f"{BASE}/{metadata['sys_id']}")
    assert (await response.json())["result"] == metadata
    response = await client.get(f"{BASE}/{'0' * 32}")
    assert response.status == 404
    assert (await response.json())["error"]["message"] == "No Record found"


async def test_head_answers_like_get(client: Client, problem: str) -> None:
    """1.2: HEAD answers the headers of GET."""
    await upload(client, problem)
    response = await client.head(BASE)
    assert response.status == 200
    assert response.headers["X-Total-Count"] == "1"


async def test_list_filters(client: Client, problem: str) -> None:
    """3.1: lists filter by table and record, and by file name."""
    other = await make(client, "problem")
    await upload(client, problem, "test.txt")
    await upload(client, other, "other.txt")
    assert await listed(client, f"table_name=problem^table_sys_id={problem}") == ["test.txt"]
    assert await listed(client, "table_name=problem^file_name=other.txt") == ["other.txt"]
    assert await listed(client, "file_name=thisdoesntexist918") == []
    assert await listed(client, "ORDERBYfile_name") == ["other.txt", "test.txt"]


async def test_an_empty_list_gets_200(client: Client) -> None:
    """8.3: a v1 list without attachments is 200, unlike one of the Table API."""
    response = await client.get("/api/now/v1/attachment", params={"sysparm_query": "file_name=none"})
    assert response.status == 200
    assert await response.json() == {"result": []}
    assert response.headers["X-Total-Count"] == "0"


async def test_list_pages(client: Client, problem: str) -> None:
    """3.1: sysparm_limit and sysparm_offset page through the list; Link and X-Total-Count describe the page."""
    for name in "abc":
        await upload(client, problem, name)
    response = await client.get(BASE, params={"sysparm_limit": "2", "sysparm_offset": "0"})
    assert [each["file_name"] for each in (await response.json())["result"]] == ["a", "b"]
    assert response.headers["X-Total-Count"] == "3"
    assert f'<{URL}{BASE}?sysparm_limit=2&sysparm_offset=2>;rel="next"' in response.headers["Link"]
    assert await listed(client, sysparm_limit="2", sysparm_offset="2") == ["c"]


@pytest.mark.long
async def test_a_list_has_a_default_limit(client: Client, problem: str, instance: Instance) -> None:
    """3.1: without sysparm_limit a list ends after 1000 attachments."""
    with instance.transaction(instance.system) as session:
        more = {"table_name": "problem", "table_sys_id": problem, "file_name": "x"}
        session.store_rows("sys_attachment", [{**more, "sys_id": f"{number:032x}"} for number in range(1001)])
    response = await client.get(BASE)
    assert len((await response.json())["result"]) == 1000
    assert response.headers["X-Total-Count"] == "1001"


async def test_list_without_link(client: Client, problem: str) -> None:
    """3.1: sysparm_suppress_pagination_header drops Link and keeps X-Total-Count."""
    await upload(client, problem)
    response = await client.get(BASE, params={"sysparm_suppress_pagination_header": "true"})
    assert "Link" not in response.headers
    assert response.headers["X-Total-Count"] == "1"


async def test_table_parameters_have_no_effect(client: Client, problem: str) -> None:
    """3.1: with the Table API's parameters every value stays a plain string."""
    metadata = await upload(client, problem)
    asked = {"sysparm_display_value": "all", "sysparm_exclude_reference_link": "true", "sysparm_fields": "sys_id"}
    response = await client.get(BASE, params=asked)
    assert (await response.json())["result"] == [metadata]


async def test_metadata_as_xml(client: Client, problem: str) -> None:
    """1.10: metadata can be had as XML."""
    metadata = await upload(client, problem)
    response = await client.get(f"{BASE}/{metadata['sys_id']}", headers={"Accept": "application/xml"})
    assert "<file_name>test.txt</file_name>" in await response.text()


async def test_rename(client: Client, problem: str) -> None:
    """3.1: PATCH gives another name and answers 204 without a body."""
    metadata = await upload(client, problem)
    response = await client.patch(f"{BASE}/{metadata['sys_id']}", json={"file_name": "new.txt"})
    assert response.status == 204
    assert await response.read() == b""
    assert await listed(client) == ["new.txt"]


async def test_rename_needs_a_name(client: Client, problem: str) -> None:
    """3.1: PATCH without a name is refused with 400, of an unknown attachment with 404."""
    metadata = await upload(client, problem)
    response = await client.patch(f"{BASE}/{metadata['sys_id']}", json={})
    assert response.status == 400
    response = await client.patch(f"{BASE}/{'0' * 32}", json={"file_name": "a"})
    assert response.status == 404


async def test_delete(client: Client, problem: str, instance: Instance) -> None:
    """3.1: DELETE answers 204 and leaves neither metadata nor bytes nor attributes."""
    metadata = await upload(client, problem)
    await client.post(f"{BASE}/{metadata['sys_id']}/attributes", json={"key": "a", "value": "b"})
    response = await client.delete(f"{BASE}/{metadata['sys_id']}")
    assert response.status == 204
    assert (await client.get(f"{BASE}/{metadata['sys_id']}")).status == 404
    assert (await client.delete(f"{BASE}/{metadata['sys_id']}")).status == 404
    assert rows(instance, "sys_attachment_attribute") == 0
    await vanished(instance, "sys_attachment_doc")


async def test_deleting_a_record_deletes_its_attachments(client: Client, problem: str, instance: Instance) -> None:
    """1.8: deleting a record deletes its attachments, those that name its parent table too, and no others."""
    other = await make(client, "problem")
    await upload(client, problem)
    where = {"file_name": "task.txt", "table_name": "task", "table_sys_id": problem}
    assert (await client.post(f"{BASE}/file", params=where, data=b"x")).status == 201
    await upload(client, other, "kept.txt")
    with instance.transaction(instance.system) as session:
        session.insert("sys_attachment", {"table_name": "sys_user", "table_sys_id": problem})
    await client.delete(f"/api/now/table/problem/{problem}")
    assert await listed(client) == ["kept.txt"]
    assert rows(instance, "sys_attachment") == 2
    await vanished(instance, "sys_attachment_doc", left=1)


@pytest.mark.long
async def test_file_content_is_deleted_in_steps(client: Client, problem: str, instance: Instance) -> None:
    """Others are answered in between; until then no other file takes the sys_id of one of them.

    A shared database keeps nobody waiting: there the content goes with its file.
    """
    other = await make(client, "problem")
    with instance.transaction(instance.system) as session:
        files = [session.ids.sys_id() for _ in range(20)]
        owner = {"table_name": "problem", "table_sys_id": problem}
        session.store_rows("sys_attachment", [{"sys_id": each, **owner} for each in files])
        parts = [{"sys_attachment": each, "position": str(part)} for each in files for part in range(5)]
        ids = [{"sys_id": session.ids.sys_id(), "data": "x" * 500_000} for _ in parts]
        session.store_rows("sys_attachment_doc", [{**part, **each} for part, each in zip(parts, ids, strict=True)])
    assert (await client.delete(f"/api/now/table/problem/{problem}")).status == 204
    again = {"sys_id": files[-1], "table_name": "problem", "table_sys_id": other, "file_name": "x"}
    refused = await client.post("/api/now/table/sys_attachment", json=again)
    if not instance.store.embedded:
        assert (refused.status, rows(instance, "sys_attachment_doc")) == (201, 0)
        return
    assert (refused.status, rows(instance, "sys_attachment_doc") > 0) == (403, True)
    while files[0] in instance.vanishing:
        await asyncio.sleep(0)
    early = await client.post("/api/now/table/sys_attachment", json=again | {"sys_id": files[0]})
    assert (early.status, rows(instance, "sys_attachment_doc") > 0) == (201, True)
    await vanished(instance, "sys_attachment_doc")
    assert (await client.post("/api/now/table/sys_attachment", json=again)).status == 201


async def test_an_attachment_without_record_is_hidden(client: Client, instance: Instance) -> None:
    """3.1: an attachment whose record or table does not exist is not found."""
    with instance.transaction(instance.system) as session:
        lost = session.insert("sys_attachment", {"table_name": "problem", "table_sys_id": "0" * 32})
        session.insert("sys_attachment", {"table_name": "bunk", "table_sys_id": "0" * 32})
    assert (await client.get(f"{BASE}/{lost.sys_id}")).status == 404
    assert await listed(client) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", BASE), ("GET", f"{BASE}/upload"), ("PUT", f"{BASE}/1"), ("PATCH", f"{BASE}/1/attributes/a")],
)
async def test_verbs_that_are_not_offered(client: Client, method: str, path: str) -> None:
    """1.9: a verb that the resource does not offer is 405."""
    assert (await client.request(method, path)).status == 405


@pytest.mark.parametrize("path", [f"{BASE}/1/bunk", f"{BASE}/1/attributes/a/b"])
async def test_paths_that_do_not_exist(client: Client, path: str) -> None:
    """1.9: a path below an attachment that means nothing is 400."""
    response = await client.get(path)
    assert response.status == 400
    assert (await response.json())["error"]["message"] == "Requested URI does not represent any resource"


@pytest.mark.long
async def test_readers_of_a_record_read_its_attachments(client: Client, user: Client) -> None:
    """3.1: the read rules of the record hold for its attachments; the total leaves out those hidden."""
    red = await attach_to_toy(client, await make(client, "u_toy", u_name="red", u_color="r"))
    blue = await attach_to_toy(client, await make(client, "u_toy", u_name="blue", u_color="b"))
    assert (await user.get(f"{BASE}/{red}/file")).status == 200
    assert (await user.get(f"{BASE}/{blue}/file")).status == 404
    response = await user.get(BASE)
    assert [each["sys_id"] for each in (await response.json())["result"]] == [red]
    assert response.headers["X-Total-Count"] == "1"


@pytest.mark.long
async def test_writers_of_a_record_change_its_attachments(
    client: Client, user: Client, grant: Callable[[str, str], None]
) -> None:
    """3.1: the write rules of the record hold for its attachments: 403 where it denies."""
    toy = await make(client, "u_toy", u_name="red", u_color="r")
    red = await attach_to_toy(client, toy)
    where = {"file_name": "mine.txt", "table_name": "u_toy", "table_sys_id": toy}
    refused = {
        "Insert": await user.post(f"{BASE}/file", params=where, data=b"x"),
        "Update": await user.patch(f"{BASE}/{red}", json={"file_name": "mine.txt"}),
        "Delete": await user.delete(f"{BASE}/{red}"),
    }
    for operation, response in refused.items():
        assert response.status == 403
        detail = f"ACL Exception {operation} Failed due to security constraints"
        assert (await response.json())["error"] == {"message": "Operation Failed", "detail": detail}
    assert (await user.post(f"{BASE}/{red}/attributes", json={"key": "a", "value": "b"})).status == 403
    grant("plain", "toy_writer")
    await attach_to_toy(user, toy)
    assert (await user.delete(f"{BASE}/{red}")).status == 204


@pytest.mark.long
async def test_the_table_api_applies_the_access_of_the_record(client: Client, user: Client) -> None:
    """3.1: sys_attachment shows and changes no more by the Table API than by its own."""
    toys = [await make(client, "u_toy", u_name=name, u_color=name[0]) for name in ("red", "blue")]
    red, blue = [await attach_to_toy(client, toy) for toy in toys]
    table = "/api/now/table/sys_attachment"
    assert [each["sys_id"] for each in (await (await user.get(table)).json())["result"]] == [red]
    statuses = [(await user.get(f"{table}/{each}")).status for each in (red, blue)]
    assert statuses == [200, 404]
    assert (await user.patch(f"{table}/{red}", json={"file_name": "mine.txt"})).status == 403
    assert (await user.delete(f"{table}/{blue}")).status == 404
    assert (await client.delete(f"{table}/{red}")).status == 204


async def test_deleting_a_file_deletes_files_attached_to_it(client: Client, instance: Instance) -> None:
    """However many there are, and files of files, too; those of other records stay."""
    with instance.transaction(instance.system) as session:
        gone, kept = (session.insert("incident", {}).sys_id for _ in range(2))
        ids = [f"{number:032x}" for number in range(502)]
        tables = [*["incident"] * 500, "sys_attachment", "incident"]
        owners = [*[gone] * 500, ids[499], kept]
        session.store_rows(
            "sys_attachment",
            [
                {"sys_id": sys_id, "table_name": table, "table_sys_id": owner}
                for sys_id, table, owner in zip(ids, tables, owners, strict=True)
            ],
        )
        for table in ("sys_attachment_doc", "sys_attachment_attribute"):
            session.store_rows(
                table, [{"sys_id": each, "sys_attachment": each} for each in (ids[0], ids[500], ids[501])]
            )
    assert (await client.delete(f"/api/now/table/incident/{gone}")).status == 204
    await vanished(instance, "sys_attachment_doc", left=1)
    with instance.transaction(instance.system) as session:
        for table in ("sys_attachment", "sys_attachment_doc", "sys_attachment_attribute"):
            assert [record.sys_id for record in session.find_all(table)] == [ids[501]]


@pytest.mark.long
async def test_many_long_files_names_and_attributes_are_listed(client: Client, instance: Instance) -> None:
    """Lists of rows of any length and number are read in parts, and complete; they can be deleted at once."""
    with instance.transaction(instance.system) as session:
        record = session.insert("incident", {}).sys_id
        names = [f"{number:03}{'x' * LONGEST_TEXT * (number % 50 == 0)}" for number in range(205)]
        owner = {"table_name": "incident", "table_sys_id": record}
        session.store_rows(
            "sys_attachment",
            [{**owner, "sys_id": f"{number:032x}", "file_name": name} for number, name in enumerate(names)],
        )
        session.store_rows(
            "sys_attachment_attribute",
            [
                {"sys_id": f"{number:032x}", "sys_attachment": f"{1:032x}", "key": f"{number}", "value": name}
                for number, name in enumerate(names)
            ],
        )
    for limit in (102, 1_000):
        asked = {"sysparm_query": f"table_sys_id={record}^ORDERBYsys_id", "sysparm_limit": limit}
        response = await client.get("/api/now/attachment", params=asked)
        assert [each["file_name"] for each in (await response.json())["result"]] == names[:limit]
        assert response.headers["X-Total-Count"] == str(len(names))
    path = f"/api/now/attachment/{1:032x}/attributes"
    result = (await (await client.get(path)).json())["result"]
    assert result == [{"key": f"{number}", "value": name} for number, name in enumerate(names)]
    assert (await client.delete(path)).status == 204
    assert (await (await client.get(path)).json())["result"] == []


async def test_metadata_in_a_header_is_bounded(client: Client, instance: Instance) -> None:
    """No client reads a header of any length, and a batch has the headers of each item."""
    with instance.transaction(instance.system) as session:
        record = session.insert("incident", {}).sys_id
        values = {"table_name": "incident", "table_sys_id": record, "file_name": "x" * 2_000}
        sys_id = session.insert("sys_attachment", values).sys_id
    response = await client.get(f"/api/now/attachment/{sys_id}/file")
    assert json.loads(response.headers["X-Attachment-Metadata"])["file_name"] == "x" * 255
