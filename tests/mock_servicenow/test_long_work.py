"""Work that takes many steps, such as a batch: others are answered meanwhile, and it needs nobody to wait for it."""

import asyncio
from base64 import b64encode
from urllib.parse import urlsplit

import orjson
from aiohttp import encode_basic_auth

from mock_servicenow.app import Blueprint
from mock_servicenow.settings import Settings

from .conftest import ADMIN, Instance, running

BODY = b64encode(b'{"short_description":"step"}').decode()
ITEM = {"id": "1", "method": "POST", "url": "/api/now/table/incident", "body": BODY}


async def begin_batch(instance: Instance, items: int) -> asyncio.StreamWriter:
    """Send a batch of inserts and return the connection on which nobody waits for its answer."""
    address = urlsplit(instance.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    body = orjson.dumps({"rest_requests": [ITEM] * items})
    head = f"POST /api/now/v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Authorization: {encode_basic_auth(*ADMIN)}\r\n\r\n".encode() + body)
    return writer


async def inserted(instance: Instance) -> int:
    """Return how many records the batch has made so far."""
    return len(await instance.read("incident", query="short_description=step"))


async def test_others_are_answered_during_a_batch(instance: Instance) -> None:
    """Between the items of one caller's batch another caller sees the first ones done and the last ones not yet."""
    writer = await begin_batch(instance, 200)
    seen = {await inserted(instance)}
    while max(seen) < 200:
        seen.add(await inserted(instance))
    writer.close()
    assert seen - {0, 200}


async def test_batch_goes_on_without_its_client(instance: Instance) -> None:
    """A client that hangs up does not undo or end what it began, as on the platform."""
    writer = await begin_batch(instance, 50)
    while not await inserted(instance):
        pass
    writer.transport.abort()
    while await inserted(instance) < 50:
        pass


async def test_instance_ends_during_a_batch(blueprint: Blueprint) -> None:
    """An instance that is stopped ends the work that nobody waits for any more."""
    async with running(Settings(), blueprint) as instance:
        writer = await begin_batch(instance, 5_000)
        while not await inserted(instance):
            pass
        writer.transport.abort()
    assert writer.transport.is_closing()
