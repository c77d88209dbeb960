"""Files: uploaded, limited in size and downloaded."""

import json
from base64 import b64decode
from hashlib import sha256, shake_256
from io import BytesIO
from typing import Any

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.errors import RecordNotFound
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.attachments import AttachmentTarget, File, attach

from .attachments import BASE, URL, listed, make, rows, upload, vanished

Client = TestClient[web.Request, web.Application]
Values = dict[str, Any]
MULTIPART = {"Content-Type": "multipart/form-data; boundary=xyz"}
# metadata keys
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


def multipart(problem: str, content: bytes) -> bytes:
    """Return a form that uploads a file with the boundary ``xyz``."""
    field = '--xyz\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    file = b'--xyz\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n'
    fields = field.format("table_name", "problem") + field.format("table_sys_id", problem)
    return fields.encode() + file + content + b"\r\n--xyz--\r\n"


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


async def test_a_packed_file_is_not_packed_again(client: Client, problem: str) -> None:
    """Packing what gains nothing from it would take most of an upload's time."""
    packed = await upload(client, problem, content=shake_256(b"").digest(300_000))
    assert 300_000 < int(packed["size_compressed"]) < 300_100
    text = await upload(client, problem, content=b"plain text " * 30_000)
    assert int(text["size_compressed"]) < 10_000


@pytest.mark.parametrize(("content_type", "encoding"), [("text/csv", "gzip"), ("image/png", None)])
async def test_only_texts_are_compressed(client: Client, problem: str, content_type: str, encoding: str | None) -> None:
    """Most other files are packed already."""
    metadata = await upload(client, problem, content=b"a,b\r\n" * 100, headers={"Content-Type": content_type})
    response = await client.get(f"{BASE}/{metadata['sys_id']}/file", headers={"Accept-Encoding": "gzip"})
    assert response.headers.get("Content-Encoding") == encoding
    assert await response.read() == b"a,b\r\n" * 100
    for refused in ("gzip;q=0", "gzip; q=0.0, identity", "identity", "br, GZIP;q=0"):
        plain = await client.get(f"{BASE}/{metadata['sys_id']}/file", headers={"Accept-Encoding": refused})
        assert "Content-Encoding" not in plain.headers, refused


@pytest.mark.long
async def test_thirty_megabytes_round_trip(client: Client, problem: str) -> None:
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
async def test_browsers_save_files_instead_of_running_them(client: Client, problem: str, content_type: str) -> None:
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
        ('a";b=\\.txt', "a_;b=_.txt", "a%22%3Bb%3D_.txt"),
        ("../..\\etc/passwd", ".._.._etc_passwd", ".._.._etc_passwd"),
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


@pytest.mark.parametrize("data", ["no base64", "abcde", "bm8gZ3ppcA=="])
async def test_a_damaged_file_gets_an_error(client: Client, problem: str, data: str) -> None:
    """3.1: a file whose stored chunks make no sense is refused."""
    metadata = await upload(client, problem)
    [chunk] = (await (await client.get("/api/now/table/sys_attachment_doc")).json())["result"]
    await client.patch(f"/api/now/table/sys_attachment_doc/{chunk['sys_id']}", json={"data": data})
    response = await client.get(f"{BASE}/{metadata['sys_id']}/file")
    assert response.status == 400
    assert (await response.json())["error"]["detail"] == "chunk 0 of the file is damaged"


@pytest.mark.long
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


async def test_an_upload_to_a_deleted_record_stores_nothing(client: Client, instance: Instance, problem: str) -> None:
    """3.1: nothing stays of a file whose record is deleted while it is stored."""
    target = AttachmentTarget(instance, instance.system, "problem", problem)
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
    """3.1: a form whose end looks like its content is refused, not cut."""
    response = await client.post(f"{BASE}/upload", data=multipart(problem, b"a\r\n--xyz--b"), headers=MULTIPART)
    assert response.status == 400


async def test_multipart_upload_takes_one_file(client: Client, problem: str, swallowed: Any) -> None:
    """3.1: one file a call; a second one is ignored; that and a file before the fields are findings."""
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
async def test_multipart_upload_accepts_only_forms(client: Client, content_type: str, body: bytes) -> None:
    """1.9: another body than a form gets 400."""
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
