"""The token that a delivery needs."""

import asyncio
import json
from uuid import uuid4

import pytest

from .conftest import REQUEST, RESPONSE, Instance
from .deliveries import decided, deliveries, response_of


async def test_token_is_kept_between_deliveries(instance: Instance) -> None:
    """The token is asked for once and used for every decision."""
    instance.console.statuses = [503]
    await decided(instance)
    await instance.clock.advance(50)
    assert len(instance.console.logons) == 1
    assert instance.console.tokens == ["Bearer token-1"] * 2


@pytest.mark.parametrize(
    "other", [{"Username": "0f8fad5b-d9cb-469f-a165-70867728950e"}, {"Password": "another"}, {"Token Url": "{}?x=1"}]
)
async def test_each_registration_has_its_own_token(instance: Instance, other: dict[str, str]) -> None:
    """A token is used for the Client Id, Secret and address that it was given for, and for no other."""
    address = instance.metadata()["Token Url"]
    changed = {key: value.format(address) for key, value in other.items()}
    first = await instance.set_up()
    second = await instance.register(**changed)
    for ids in (first, (second, await instance.add_activity_type(second)), first):
        sys_id = await instance.asked(ids, request_id=str(uuid4()))
        await instance.update(REQUEST, sys_id, {"status": "Approve"})
        await instance.clock.settle()
    assert instance.console.tokens == ["Bearer token-1", "Bearer token-2", "Bearer token-1"]


@pytest.mark.long
async def test_dead_token_is_renewed_at_once(instance: Instance) -> None:
    """A 401 drops the token, gets another and tries at once, which is no retry."""
    instance.console.statuses = [401]
    await decided(instance)
    assert instance.console.tokens == ["Bearer token-1", "Bearer token-2"]
    assert await response_of(instance) == ("200", "0")


async def test_token_is_renewed_once_only(instance: Instance) -> None:
    """A second 401 in a row is final."""
    instance.console.statuses = [401, 401]
    await decided(instance)
    await instance.clock.advance(3600)
    assert len(instance.console.decisions) == 2
    assert await response_of(instance) == ("401", "0")


@pytest.mark.long
async def test_two_deliveries_with_one_dead_token(instance: Instance) -> None:
    """Deliveries that find the token dead at the same time both get through with new ones."""
    ids = await decided(instance)
    waiting = [await instance.asked(ids, request_id=f"85d71683-7dac-4762-8120-{turn:012x}") for turn in range(2)]
    both_sent = asyncio.Event()

    async def wait_for_both() -> None:
        if len(instance.console.decisions) == 3:
            both_sent.set()
        await both_sent.wait()

    instance.console.dead_tokens, instance.console.before_answer = {"token-1"}, wait_for_both
    for sys_id in waiting:
        await instance.update(REQUEST, sys_id, {"status": "Approve"})
    await instance.clock.settle()
    assert {record["response_status_code"] for record in await instance.read(RESPONSE)} == {"200"}
    assert len(instance.console.decisions) == 5


@pytest.mark.long
async def test_refused_logon_is_final(instance: Instance) -> None:
    """A console that refuses the Client Id and Secret is not asked again: its 401 is recorded."""
    instance.console.token_statuses = [401]
    await decided(instance)
    await instance.clock.advance(3600)
    assert len(instance.console.logons) == 1
    assert await response_of(instance) == ("401", "0")


@pytest.mark.long
@pytest.mark.parametrize(("length", "status"), [(65_536, "400"), (65_537, "0")])
async def test_longest_token(instance: Instance, length: int, status: str) -> None:
    """A token of 64 KiB is used, though this console takes no such header; a longer one counts as none."""
    instance.console.token_bodies = [json.dumps("t" * length).encode()]
    await decided(instance)
    assert await response_of(instance) == (status, "0")


async def test_failing_logon_is_repeated(instance: Instance) -> None:
    """A token endpoint that fails for the moment is asked again after the wait."""
    instance.console.token_statuses = [503]
    await decided(instance)
    assert await response_of(instance) == ("503", "0")
    await instance.clock.advance(50)
    assert await response_of(instance) == ("200", "1")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>log on</html>",
        b'{"token": "x"}',
        b'""',
        b'"two\\nlines"',
        b"[" * 60_000,
        b"9" * 5_000,
        b"\xff\xfe",
        b'"' + b"t" * 65_537 + b'"',
    ],
    ids=["page", "object", "empty", "line break", "nested too deeply", "a number without end", "no text", "too long"],
)
async def test_token_must_be_a_json_string(instance: Instance, body: bytes) -> None:
    """Anything but a JSON string in place of the token is no token: status 0, tried again."""
    instance.console.token_bodies = [body]
    await decided(instance)
    assert await response_of(instance) == ("0", "0")
    reason = "the token call was answered with 200, but without a usable token"
    assert (await deliveries(instance))[0]["error"] == reason
    await instance.clock.advance(50)
    assert await response_of(instance) == ("200", "1")


async def test_no_token_is_in_the_journal(instance: Instance) -> None:
    """What a token endpoint answers is masked, whether it is used as a token or not."""
    instance.console.token_statuses = [503]
    instance.console.token_bodies = [b'"a-t0ken-that-is-not-given-out"']
    await decided(instance)
    shown = json.dumps((await instance.call("GET", "/__admin/requests", None)).body)
    assert "t0ken" not in shown
