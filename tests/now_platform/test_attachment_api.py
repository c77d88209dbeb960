"""The Attachment API."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Callable
from hashlib import sha256, shake_256
from io import BytesIO
from typing import Any

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.errors import RecordNotFound
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.attachments import File, Target, attach
from mock_servicenow.now_platform.records.plans import LONGEST_TEXT

Client = TestClient[web.Request, web.Application]
Values = dict[str, Any]
URL = "https://dev12345.service-now.com"
BASE = "/api/now/attachment"
MULTIPART = {"Content-Type": "multipart/form-data; boundary=xyz"}
# platform 3.1: metadata keys
KEYS = {
    "table_sys_id",
    "size_bytes",
    "download_link",
    "sys_updated_on",
    "sys_id",
    "image_height",
    "sys_created_on",
    "file_name",
    "sys_created_by",
    "compressed",
    "average_image_color",
    "sys_updated_by",
    "sys_tags",
    "table_name",
    "image_width",
    "sys_mod_count",
    "content_type",
    "size_compressed",
    "created_by_name",
    "updated_by_name",
    "hash",
    "chunk_size_bytes",
    "state",
}


async def make(client: Client, table: str, **values: str) -> str:
    """Return the sys_id of a new record."""
    response = await client.post(f"/api/now/table/{table}", json=values)
    assert response.status == 201, await response.text()
    sys_id: str = (await response.json())["result"]["sys_id"]
    return sys_id


async def upload(client: Client, record: str, name: str = "test.txt", content: bytes = b"x", **more: Any) -> Values:
    """Return the metadata of a file uploaded to a problem."""
    where = {"file_name": name, "table_name": "problem", "table_sys_id": record}
    response = await client.post(f"{BASE}/file", params=where, data=BytesIO(content), **more)
    assert response.status == 201, await response.text()
    result: Values = (await response.json())["result"]
    return result


async def listed(client: Client, query: str = "", **parameters: str) -> list[str]:
    """Return the names of the files that a list answers."""
    response = await client.get(BASE, params={"sysparm_query": query, **parameters})
    assert response.status == 200, await response.text()
    return [attachment["file_name"] for attachment in (await response.json())["result"]]


def rows(instance: Instance, table: str) -> int:
    """Return how many rows a table has."""
    with instance.transaction(instance.system) as session:
        return session.count(table)


async def vanished(instance: Instance, table: str, left: int = 0) -> None:
    """Wait until no more rows are left: files vanish in steps, after the answer."""
    while rows(instance, table) != left:
        await asyncio.sleep(0)


@pytest.fixture
async def problem(client: Client) -> str:
    """Return the sys_id of a problem without attachments."""
    return await make(client, "problem")


async def test_upload_answers_the_metadata(client: Client, problem: str) -> None:
    """3.1: POST /file answers 201 with every metadata key, all values being strings."""
    metadata = await upload(client, problem, "größe.bin", b"\x00\x01" * 500, headers={"Content-Type": "image/png"})
    assert set(metadata) == KEYS
    assert all(isinstance(value, str) for value in metadata.values())
    assert metadata["file_name"] == "größe.bin"
    assert metadata["table_name"] == "problem"
    assert metadata["table_sys_id"] == problem
    assert metadata["content_type"] == "image/png"
    assert metadata["size_bytes"] == "1000"
    assert 0 < int(metadata["size_compressed"]) < 1000
    assert metadata["compressed"] == "true"
    assert metadata["state"] == "available"
    assert metadata["hash"] == sha256(b"\x00\x01" * 500).hexdigest()
    assert metadata["download_link"] == f"{URL}/api/now/attachment/{metadata['sys_id']}/file"
    assert metadata["created_by_name"] == metadata["updated_by_name"] == "System Administrator"


@pytest.mark.parametrize("prefix", ["/api/now/v1", "/api/now/v2", "/api/now"])
async def test_location_repeats_the_version(client: Client, problem: str, prefix: str) -> None:
    """3.1: Location is the file's address in the version of the call."""
    where = {"file_name": "test.txt", "table_name": "problem", "table_sys_id": problem}
    response = await client.post(f"{prefix}/attachment/file", params=where, data=b"x")
    sys_id = (await response.json())["result"]["sys_id"]
    assert response.headers["Location"] == f"{URL}{prefix}/attachment/{sys_id}/file"


@pytest.mark.parametrize(
    "content",
    [b"", b"text\r\nwith\nlines\r", bytes(range(256)) * 3, shake_256(b"").digest(2_000_000)],
    ids=["empty", "text", "every byte", "several chunks"],
)
async def test_file_answers_the_bytes(client: Client, problem: str, content: bytes) -> None:
    """3.1: GET /file answers exactly the bytes that were uploaded, with their Content-Type."""
    metadata = await upload(client, problem, content=content, headers={"Content-Type": "application/x-thing"})
    response = await client.get(f"{BASE}/{metadata['sys_id']}/file")
    assert response.status == 200
    assert await response.read() == content
    assert response.headers["Content-Type"] == "application/x-thing"


async def test_thirty_megabytes_come_back_whole(client: Client, problem: str) -> None:
    """3.1: the limits of other REST bodies do not hold for files."""
    content = shake_256(b"").digest(1024) * 30 * 1024
    metadata = await upload(client, problem, content=content)
    assert metadata["size_bytes"] == str(30 * 1024 * 1024)
    response = await client.get(f"{BASE}/{metadata['sys_id']}/file")
    assert sha256(await response.read()).hexdigest() == metadata["hash"]


async def test_file_carries_its_metadata(client: Client, problem: str) -> None:
    """3.1: X-Attachment-Metadata holds the metadata as JSON, whatever characters the name has."""
    metadata = await upload(client, problem, "größe\n.txt")
    response = await client.get(f"{BASE}/{metadata['sys_id']}/file")
    assert json.loads(response.headers["X-Attachment-Metadata"]) == metadata


@pytest.mark.parametrize(
    "content_type", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "text/javascript", ""]
)
async def test_browsers_save_files_and_run_nothing(client: Client, problem: str, content_type: str) -> None:
    """3.1: a file is never shown in the instance's origin, whatever its type claims."""
    sent = {"headers": {"Content-Type": content_type}} if content_type else {"skip_auto_headers": ["Content-Type"]}
    metadata = await upload(client, problem, "a.html", b"<script>alert(1)</script>", **sent)
    response = await client.get(f"{BASE}/{metadata['sys_id']}/file")
    assert response.headers["Content-Disposition"] == "attachment; filename=\"a.html\"; filename*=UTF-8''a.html"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Type"] == (content_type or "application/octet-stream")


@pytest.mark.parametrize(
    ("name", "plain", "encoded"),
    [
        ("größe.txt", "gr__e.txt", "gr%C3%B6%C3%9Fe.txt"),
        ('a";b=\\.txt', "a_;b=_.txt", "a%22%3Bb%3D%5C.txt"),
        ("a\r\nX-Injected: 1", "a__X-Injected: 1", "a%0D%0AX-Injected%3A%201"),
    ],
)
async def test_file_name_stays_in_its_header(client: Client, problem: str, name: str, plain: str, encoded: str) -> None:
    """3.1: quotes, line ends and other letters in a name neither end the header nor add one."""
    metadata = await upload(client, problem, name)
    response = await client.get(f"{BASE}/{metadata['sys_id']}/file")
    assert response.headers["Content-Disposition"] == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
    assert "X-Injected" not in response.headers


async def test_content_type_stays_in_its_header(client: Client, problem: str) -> None:
    """3.1: a stored content type with line ends adds no header to the file's answer."""
    metadata = await upload(client, problem)
    changed = {"content_type": "text/plain\r\nX-Injected: 1"}
    assert (await client.patch(f"/api/now/table/sys_attachment/{metadata['sys_id']}", json=changed)).status == 200
    response = await client.get(f"{BASE}/{metadata['sys_id']}/file")
    assert (response.status, response.headers["Content-Type"]) == (200, "text/plain  X-Injected: 1")
    assert "X-Injected" not in response.headers


@pytest.mark.parametrize("data", ["no base64", "bm8gZ3ppcA=="])
async def test_damaged_file(client: Client, problem: str, data: str) -> None:
    """3.1: a file whose stored chunks make no sense is refused."""
    metadata = await upload(client, problem)
    [chunk] = (await (await client.get("/api/now/table/sys_attachment_doc")).json())["result"]
    await client.patch(f"/api/now/table/sys_attachment_doc/{chunk['sys_id']}", json={"data": data})
    response = await client.get(f"{BASE}/{metadata['sys_id']}/file")
    assert response.status == 400
    assert (await response.json())["error"]["detail"] == "chunk 0 of the file is damaged"


async def test_long_file_in_a_batch(client: Client, problem: str) -> None:
    """3.2: a batch answers a file up to its limit, and ends at one beyond it."""
    items = [
        {"id": str(size), "method": "GET", "url": f"{BASE}/{metadata['sys_id']}/file"}
        for size in (3, 11)
        if (metadata := await upload(client, problem, content=shake_256(b"").digest(1024) * 1024 * size))
    ]
    answer = await (await client.post("/api/now/v1/batch", json={"rest_requests": items})).json()
    [served] = answer["serviced_requests"]
    assert len(b64decode(served["body"])) == 3 * 1024 * 1024
    assert answer["unserviced_requests"] == ["11"]


async def test_file_of_a_record_that_vanishes_meanwhile(client: Client, instance: Instance, problem: str) -> None:
    """3.1: nothing stays of a file whose record is deleted while it is stored."""
    target = Target(instance, instance.system, "problem", problem)
    steps = attach(target, File("a", "text/plain", BytesIO(shake_256(b"").digest(3_000_000)), 3_000_000), [])
    while not rows(instance, "sys_attachment_doc"):
        next(steps)
    await client.delete(f"/api/now/table/problem/{problem}")
    with pytest.raises(RecordNotFound):
        list(steps)
    await vanished(instance, "sys_attachment_doc")


async def test_any_content_type_is_kept(client: Client, problem: str) -> None:
    """3.1: whatever Content-Type is sent becomes content_type; without one it is that of unknown bytes."""
    for_all = await upload(client, problem, headers={"Content-Type": "*/*"})
    without = await upload(client, problem, skip_auto_headers=["Content-Type"])
    assert for_all["content_type"] == "*/*"
    assert without["content_type"] == "application/octet-stream"


async def test_encryption_context_is_kept(client: Client, problem: str) -> None:
    """3.1: encryption_context is stored with the attachment."""
    where = {"file_name": "a", "table_name": "problem", "table_sys_id": problem, "encryption_context": "c" * 32}
    response = await client.post(f"{BASE}/file", params=where, data=b"x")
    sys_id = (await response.json())["result"]["sys_id"]
    record = await client.get(f"/api/now/table/sys_attachment/{sys_id}")
    assert (await record.json())["result"]["encryption_context"] == "c" * 32


@pytest.mark.parametrize("missing", ["file_name", "table_name", "table_sys_id"])
async def test_upload_needs_its_parameters(client: Client, problem: str, missing: str) -> None:
    """3.1: an upload without name, table or record is refused with 400."""
    where = {"file_name": "a", "table_name": "problem", "table_sys_id": problem}
    del where[missing]
    response = await client.post(f"{BASE}/file", params=where, data=b"x")
    assert response.status == 400
    assert missing in (await response.json())["error"]["detail"]


async def test_upload_needs_its_record(client: Client) -> None:
    """3.1: an upload to a record that does not exist is refused with 404, to a table that does not with 400."""
    where = {"file_name": "a", "table_name": "problem", "table_sys_id": "0" * 32}
    response = await client.post(f"{BASE}/file", params=where, data=b"x")
    assert response.status == 404
    assert (await response.json())["error"]["message"] == "No Record found"
    response = await client.post(f"{BASE}/file", params={**where, "table_name": "bunk"}, data=b"x")
    assert response.status == 400
    assert (await response.json())["error"]["message"] == "Invalid table bunk"


async def test_size_is_limited_by_a_property(client: Client, problem: str, instance: Instance) -> None:
    """3.1: com.glide.attachment.max_size limits a file, in megabytes."""
    await make(client, "sys_properties", name="com.glide.attachment.max_size", value="1")
    await upload(client, problem, content=b"x" * 1024 * 1024)
    where = {"file_name": "large.txt", "table_name": "problem", "table_sys_id": problem}
    response = await client.post(f"{BASE}/file", params=where, data=BytesIO(b"x" * (1024 * 1024 + 1)))
    assert response.status == 400
    assert "'large.txt' has 1048577 bytes" in (await response.json())["error"]["detail"]
    assert rows(instance, "sys_attachment") == 1


def form(problem: str, *, file_first: bool = False, files: int = 1) -> FormData:
    """Return a form that uploads a binary file."""
    data = FormData(quote_fields=False)
    fields = [("table_name", "problem"), ("table_sys_id", problem)]
    for name, value in [] if file_first else fields:
        data.add_field(name, value)
    for number in range(files):
        data.add_field(
            "uploadFile", b"\r\n\x00--\r\n\r\n" * 3, filename=f"größe {number}.bin", content_type="image/png"
        )
    for name, value in fields if file_first else []:
        data.add_field(name, value)
    return data


async def test_multipart_upload(client: Client, problem: str) -> None:
    """3.1: POST /upload reads table_name and table_sys_id from the form, name and type from the file's part."""
    response = await client.post("/api/now/v1/attachment/upload", data=form(problem))
    metadata = (await response.json())["result"]
    assert response.status == 201
    assert response.headers["Location"] == f"{URL}/api/now/v1/attachment/{metadata['sys_id']}/file"
    assert metadata["file_name"] == "größe 0.bin"
    assert metadata["content_type"] == "image/png"
    assert metadata["table_sys_id"] == problem
    file = await client.get(f"{BASE}/{metadata['sys_id']}/file")
    assert await file.read() == b"\r\n\x00--\r\n\r\n" * 3


async def test_multipart_upload_of_a_file_without_a_type(client: Client, problem: str) -> None:
    """3.1: a file whose part names no Content-Type is of the type of unknown bytes."""
    body = (
        '--xyz\r\nContent-Disposition: form-data; name="table_name"\r\n\r\nproblem\r\n'
        f'--xyz\r\nContent-Disposition: form-data; name="table_sys_id"\r\n\r\n{problem}\r\n'
        '--xyz\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n\r\n--xyz--\r\n'
    )
    headers = {"Content-Type": 'multipart/form-data; boundary="xyz"'}
    response = await client.post(f"{BASE}/upload", data=body.encode(), headers=headers)
    assert response.status == 201, await response.text()
    assert (await response.json())["result"]["content_type"] == "application/octet-stream"


@pytest.mark.parametrize("line", [b"--xyzzy", b"--xyz-", b"--xy", b"--xyz-more", b"x--xyz"])
async def test_line_that_begins_like_the_boundary(client: Client, problem: str, line: bytes) -> None:
    """3.1: only a whole boundary ends a part; a line that begins like one is content."""
    content = b"first\r\n" + line + b"\r\nlast"
    response = await client.post(f"{BASE}/upload", data=multipart(problem, content), headers=MULTIPART)
    metadata = (await response.json())["result"]
    assert metadata["size_bytes"] == str(len(content))
    assert await (await client.get(f"{BASE}/{metadata['sys_id']}/file")).read() == content


async def test_line_that_begins_like_the_end_of_the_form(client: Client, problem: str) -> None:
    """3.1: a form whose end cannot be told from its content is refused, not cut."""
    response = await client.post(f"{BASE}/upload", data=multipart(problem, b"a\r\n--xyz--b"), headers=MULTIPART)
    assert response.status == 400


def multipart(problem: str, content: bytes) -> bytes:
    """Return a form that uploads a file with the boundary ``xyz``."""
    field = '--xyz\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    file = b'--xyz\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n'
    fields = field.format("table_name", "problem") + field.format("table_sys_id", problem)
    return fields.encode() + file + content + b"\r\n--xyz--\r\n"


async def test_multipart_upload_takes_one_file(client: Client, problem: str, swallowed: Any) -> None:
    """3.1: one file a call; a second one is ignored, and both that and a file before the fields are told."""
    response = await client.post(f"{BASE}/upload", data=form(problem, file_first=True, files=2))
    assert response.status == 201
    assert await listed(client) == ["größe 0.bin"]
    assert "files-ignored" in swallowed()
    assert "form-order" in swallowed()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--xyz--"),
        ("multipart/form-data; boundary=xyz", b"no boundary"),
        ("multipart/form-data; boundary=xyz", b"--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\ncut off"),
        ("multipart/form-data; boundary=xyz", b"--xyz\r\nContent-Disposition: form-data; name=a\r\n--xyz--"),
    ],
    ids=["no form", "no boundary named", "no boundary", "cut off", "no content"],
)
async def test_multipart_upload_reads_forms_alone(client: Client, content_type: str, body: bytes) -> None:
    """1.9: a body that is no form is refused with 400."""
    response = await client.post(f"{BASE}/upload", data=body, headers={"Content-Type": content_type})
    assert response.status == 400
    assert (await response.json())["error"]["message"] == "Exception while reading request"


async def test_multipart_upload_needs_file_and_fields(client: Client) -> None:
    """3.1: a form without a file or without the fields is refused with 400."""
    no_file = b'--xyz\r\nContent-Disposition: form-data; name="table_name"\r\n\r\nproblem\r\n--xyz--'
    headers = {"Content-Type": "multipart/form-data; boundary=xyz"}
    response = await client.post(f"{BASE}/upload", data=no_file, headers=headers)
    assert (await response.json())["error"]["detail"] == "the form holds no file"
    only_file = FormData()
    only_file.add_field("uploadFile", b"x", filename="a.txt")
    response = await client.post(f"{BASE}/upload", data=only_file)
    assert "table_name, table_sys_id" in (await response.json())["error"]["detail"]


async def test_get_answers_the_metadata(client: Client, problem: str) -> None:
    """3.1: GET of one attachment answers its metadata, an unknown one 404."""
    metadata = await upload(client, problem)
    response = await client.get(f"{BASE}/{metadata['sys_id']}")
    assert (await response.json())["result"] == metadata
    response = await client.get(f"{BASE}/{'0' * 32}")
    assert response.status == 404
    assert (await response.json())["error"]["message"] == "No Record found"


async def test_head_is_as_get(client: Client, problem: str) -> None:
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


async def test_an_empty_list_is_no_error(client: Client) -> None:
    """8.3: a v1 list without attachments is 200, unlike one of the Table API."""
    response = await client.get("/api/now/v1/attachment", params={"sysparm_query": "file_name=none"})
    assert response.status == 200
    assert await response.json() == {"result": []}
    assert response.headers["X-Total-Count"] == "0"


async def test_list_pages(client: Client, problem: str) -> None:
    """3.1: sysparm_limit and sysparm_offset page through the list; Link and X-Total-Count tell."""
    for name in "abc":
        await upload(client, problem, name)
    response = await client.get(BASE, params={"sysparm_limit": "2", "sysparm_offset": "0"})
    assert [each["file_name"] for each in (await response.json())["result"]] == ["a", "b"]
    assert response.headers["X-Total-Count"] == "3"
    assert f'<{URL}{BASE}?sysparm_limit=2&sysparm_offset=2>;rel="next"' in response.headers["Link"]
    assert await listed(client, sysparm_limit="2", sysparm_offset="2") == ["c"]


async def test_list_has_a_limit_by_itself(client: Client, problem: str, instance: Instance) -> None:
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


async def test_attachments_vanish_with_their_record(client: Client, problem: str, instance: Instance) -> None:
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


async def test_files_vanish_in_steps(client: Client, problem: str, instance: Instance) -> None:
    """Others are answered in between; until then no other file takes the sys_id of one of them."""
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
    assert (refused.status, rows(instance, "sys_attachment_doc") > 0) == (403, True)
    await vanished(instance, "sys_attachment_doc")
    assert (await client.post("/api/now/table/sys_attachment", json=again)).status == 201


async def test_an_attachment_of_nothing_is_not_seen(client: Client, instance: Instance) -> None:
    """3.1: an attachment whose record or table does not exist is not found."""
    with instance.transaction(instance.system) as session:
        lost = session.insert("sys_attachment", {"table_name": "problem", "table_sys_id": "0" * 32})
        session.insert("sys_attachment", {"table_name": "bunk", "table_sys_id": "0" * 32})
    assert (await client.get(f"{BASE}/{lost.sys_id}")).status == 404
    assert await listed(client) == []


async def test_attributes(client: Client, problem: str) -> None:
    """3.1: an attachment has keys with values: POST adds, GET reads, PUT changes, DELETE removes."""
    attributes = f"{BASE}/{(await upload(client, problem))['sys_id']}/attributes"
    response = await client.post(attributes, json={"key": "alt", "value": "A picture"})
    assert response.status == 201
    assert await response.json() == {"result": {"key": "alt", "value": "A picture"}}
    await client.post(attributes, json={"key": "author", "value": ""})
    response = await client.put(f"{attributes}/alt", json={"value": "Another"})
    assert response.status == 200
    assert await response.json() == {"result": {"key": "alt", "value": "Another"}}
    assert await (await client.get(f"{attributes}/alt")).json() == {"result": {"key": "alt", "value": "Another"}}
    assert (await client.delete(f"{attributes}/alt")).status == 204
    assert await (await client.get(attributes)).json() == {"result": [{"key": "author", "value": ""}]}
    assert (await client.delete(attributes)).status == 204
    assert await (await client.get(attributes)).json() == {"result": []}


async def test_a_long_list_of_attributes_shows_no_other_file(client: Client, problem: str) -> None:
    """Not even one that is written while the list is read, and stored where one of the list was."""
    mine, other = [f"{BASE}/{(await upload(client, problem))['sys_id']}/attributes" for _ in range(2)]
    for number in range(24):  # longer than all buffers on the way
        assert (await client.post(mine, json={"key": f"{number}", "value": "x" * 1_000_000})).status == 201
    listed = await client.get(mine)
    assert (await client.delete(f"{mine}/23")).status == 204
    assert (await client.post(other, json={"key": "alt", "value": "A picture"})).status == 201
    keys = [attribute["key"] for attribute in (await listed.json())["result"]]
    assert keys == [f"{number}" for number in range(23)]


async def test_attributes_that_do_not_exist(client: Client, problem: str) -> None:
    """3.1: an unknown key is 404 for every verb, and so is an unknown attachment."""
    attributes = f"{BASE}/{(await upload(client, problem))['sys_id']}/attributes"
    assert (await client.get(f"{attributes}/bunk")).status == 404
    assert (await client.put(f"{attributes}/bunk", json={"value": "a"})).status == 404
    assert (await client.delete(f"{attributes}/bunk")).status == 404
    assert (await client.get(f"{BASE}/{'0' * 32}/attributes")).status == 404


async def test_attributes_need_key_and_value(client: Client, problem: str) -> None:
    """3.1: an attribute without key or value is refused with 400, and so is a key for the second time."""
    attributes = f"{BASE}/{(await upload(client, problem))['sys_id']}/attributes"
    response = await client.post(attributes, json={})
    assert response.status == 400
    assert "key, value" in (await response.json())["error"]["detail"]
    assert (await client.post(attributes, json={"key": "a", "value": "1"})).status == 201
    response = await client.post(attributes, json={"key": "a", "value": "2"})
    assert response.status == 400
    assert "'a'" in (await response.json())["error"]["detail"]


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


async def attach_to_toy(client: Client, toy: str) -> str:
    """Return the sys_id of a file attached to a toy."""
    where = {"file_name": "toy.txt", "table_name": "u_toy", "table_sys_id": toy}
    response = await client.post(f"{BASE}/file", params=where, data=b"x")
    assert response.status == 201, await response.text()
    sys_id: str = (await response.json())["result"]["sys_id"]
    return sys_id


async def test_an_attachment_is_seen_by_who_sees_its_record(client: Client, user: Client) -> None:
    """3.1: the read rules of the record hold for its attachments; the total leaves out those hidden."""
    red = await attach_to_toy(client, await make(client, "u_toy", u_name="red", u_color="r"))
    blue = await attach_to_toy(client, await make(client, "u_toy", u_name="blue", u_color="b"))
    assert (await user.get(f"{BASE}/{red}/file")).status == 200
    assert (await user.get(f"{BASE}/{blue}/file")).status == 404
    response = await user.get(BASE)
    assert [each["sys_id"] for each in (await response.json())["result"]] == [red]
    assert response.headers["X-Total-Count"] == "1"


async def test_an_attachment_is_changed_by_who_may_change_its_record(
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


async def test_the_table_api_holds_attachments_to_their_record(client: Client, user: Client) -> None:
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


async def test_files_vanish_with_what_they_are_attached_to(client: Client, instance: Instance) -> None:
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


async def test_metadata_in_a_header_has_an_end(client: Client, instance: Instance) -> None:
    """No client reads a header of any length, and a batch has the headers of each item."""
    with instance.transaction(instance.system) as session:
        record = session.insert("incident", {}).sys_id
        values = {"table_name": "incident", "table_sys_id": record, "file_name": "x" * 2_000}
        sys_id = session.insert("sys_attachment", values).sys_id
    response = await client.get(f"/api/now/attachment/{sys_id}/file")
    assert json.loads(response.headers["X-Attachment-Metadata"])["file_name"] == "x" * 255
