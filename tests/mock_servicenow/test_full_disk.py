"""Temporary files that have no room: what waits in them waits in memory."""

import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from io import BytesIO

import pytest

from mock_servicenow.settings import Settings

from .conftest import Instance, running

TEXT = {"Content-Type": "text/plain"}
CONTENT = bytes(range(256)) * 20_000


@pytest.fixture
async def instance() -> AsyncIterator[Instance]:
    """Run an instance in memory, whatever store is asked for: a file of rows would have no room either."""
    async with running(Settings()) as instance:
        yield instance


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let files have so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def _file_of(instance: Instance) -> str:
    problem = (await instance.insert("problem", {})).result["sys_id"]
    return f"/api/now/attachment/file?table_name=problem&table_sys_id={problem}&file_name=x"


@pytest.mark.long
@pytest.mark.parametrize("size", [0, 1_000_000])
async def test_an_upload_is_taken_without_room_on_the_disk(instance: Instance, size: int) -> None:
    """Whether there is none, or it ends while the body arrives."""
    path = await _file_of(instance)
    with room_for(size):
        stored = await instance.call("POST", path, data=BytesIO(CONTENT), headers=TEXT)
    assert (stored.status, stored.result["size_bytes"]) == (201, str(len(CONTENT)))
    kept = await instance.call("GET", f"/api/now/attachment/{stored.result['sys_id']}/file")
    assert kept.body == CONTENT


async def test_a_batch_is_answered_without_room_on_the_disk(instance: Instance) -> None:
    """Its answers wait in memory."""
    for _ in range(3):
        await instance.insert("problem", {"description": "x" * 100_000})
    items = [{"id": str(each), "method": "GET", "url": "/api/now/table/problem"} for each in range(5)]
    with room_for(0):
        body = {"batch_request_id": "1", "rest_requests": items}
        batch = await instance.call("POST", "/api/now/v1/batch", json=body)
    assert [item["status_code"] for item in batch.body["serviced_requests"]] == [200] * 5


@pytest.mark.long
async def test_a_large_upload_is_refused_without_room_on_the_disk(
    instance: Instance, caplog: pytest.LogCaptureFixture
) -> None:
    """It has the platform's error and one line in the log."""
    path = await _file_of(instance)
    with room_for(0):
        refused = await instance.call("POST", path, data=BytesIO(bytes(65 * 1024 * 1024)), headers=TEXT)
    assert (refused.status, refused.body["error"]["message"]) == (500, "Database unavailable")
    assert caplog.messages == ["a body of more than 67108864 bytes is refused: no temporary file has room for it"]
