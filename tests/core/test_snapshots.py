"""Snapshots at the control plane of any server."""

import asyncio

import pytest

from privman_core.ids import Ids

from .conftest import Party

MIB = 1024**2


async def test_a_server_returns_to_a_snapshot(party: Party) -> None:
    """To what it had stored, and to the time; the journal is empty then, and no fault is armed."""
    await party.call("POST", "/__admin/clock/advance", json={"seconds": 60})
    taken = {"name": "one-minute", "at": "2026-01-05T09:01:00+00:00", "bytes": 1_000_000}
    assert await party.call("POST", "/__admin/snapshots", json={"name": "one-minute"}) == (201, taken)
    party.stored = 5
    await party.call("POST", "/__admin/clock/advance", json={"seconds": 60})
    await party.call("POST", "/__admin/faults", json={"kind": "status", "status": 503})
    await party.call("POST", "/", data="something")
    for _ in range(2):
        assert (await party.call("POST", "/__admin/snapshots/one-minute/restore"))[0] == 204
    assert party.stored == 1_000_000
    assert (await party.call("GET", "/__admin/clock"))[1]["now"] == "2026-01-05T09:01:00+00:00"
    assert (await party.call("GET", "/__admin/requests"))[1] == {"requests": [], "evicted": 0}
    assert (await party.call("GET", "/__admin/faults"))[1] == {"faults": []}


async def test_snapshots_are_listed_and_deleted(party: Party) -> None:
    """They outlive a reset; one that is not there is named, with the nearest."""
    for name in ("first", "second"):
        await party.call("POST", "/__admin/snapshots", json={"name": name})
    await party.call("POST", "/__admin/reset")
    assert await _names(party) == ["first", "second"]
    assert (await party.call("DELETE", "/__admin/snapshots/first"))[0] == 204
    assert await _names(party) == ["second"]
    unknown = "unknown snapshot 'secont' (did you mean 'second'?)"
    for method, path in (("DELETE", "secont"), ("POST", "secont/restore")):
        assert await party.call(method, f"/__admin/snapshots/{path}") == (404, {"error": unknown})


async def _names(party: Party) -> list[str]:
    return [each["name"] for each in (await party.call("GET", "/__admin/snapshots"))[1]["snapshots"]]


@pytest.mark.parametrize("name", ["", "a/b", "-a", "a" * 65, "é", "a\n", 5, None, ["a"]])
async def test_names_that_cannot_be(party: Party, name: object) -> None:
    """They would not fit into an address, or a line."""
    status, body = await party.call("POST", "/__admin/snapshots", json={"name": name})
    assert (status, body["error"].partition("; ")[2]) == (400, "expected 1 to 64 letters, digits, '.', '_' or '-'")


async def test_snapshots_are_bounded(party: Party) -> None:
    """In number and in size; a name is given once."""
    for number in range(16):
        assert (await party.call("POST", "/__admin/snapshots", json={"name": f"s{number}"}))[0] == 201
    full = await party.call("POST", "/__admin/snapshots", json={"name": "one-more"})
    assert (full[0], full[1]["error"][:51]) == (400, "there are 16 snapshots, which is the limit: s0, s1,")
    taken = await party.call("POST", "/__admin/snapshots", json={"name": "s3"})
    assert taken == (400, {"error": "there is a snapshot 's3'; expected another name, or DELETE it before"})
    await party.call("DELETE", "/__admin/snapshots/s3")
    party.stored = 120 * MIB
    large = "the stored state has 120.0 MiB; snapshots have 113.7 MiB left of 128.0 MiB"
    assert await party.call("POST", "/__admin/snapshots", json={"name": "large"}) == (400, {"error": large})


CHANGES = {
    "reset": ("/__admin/reset", None),
    "copy": ("/__admin/snapshots", {"name": "second"}),
    "return": ("/__admin/snapshots/first/restore", None),
}


async def _begun(party: Party, *changes: str) -> list[asyncio.Task[tuple[int, object]]]:
    """Ask for changes of the state while none can end; return their answers."""
    await party.call("POST", "/__admin/snapshots", json={"name": "first"})
    party.changes.clear()
    party.gate.clear()
    calls = [asyncio.create_task(party.call("POST", CHANGES[each][0], json=CHANGES[each][1])) for each in changes]
    while not party.changes:
        await party.call("GET", "/__admin/health")
    return calls


async def test_one_change_of_the_state_at_a_time(party: Party) -> None:
    """The second of two begins once the first has ended, whichever they are."""
    calls = await _begun(party, *CHANGES, "reset")
    for _ in range(5):  # which take longer to be answered than the changes take to arrive
        await party.call("GET", "/__admin/health")
    party.gate.set()
    assert [status for status, _ in await asyncio.gather(*calls)] == [204, 201, 204, 204]
    assert [each.split()[1] for each in party.changes] == ["begins", "ends"] * 4


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_ends_without_its_caller(party: Party, change: str) -> None:
    """A server that is half reset would be of no use; the next change begins afterwards."""
    [call] = await _begun(party, change)
    call.cancel()
    await asyncio.wait([call])
    for _ in range(5):
        await party.call("GET", "/__admin/health")
    party.gate.set()
    assert (await party.call("POST", "/__admin/reset"))[0] == 204
    assert party.changes == [f"{change} begins", f"{change} ends", "reset begins", "reset ends"]


def test_identifiers_without_a_seed_are_never_drawn_again() -> None:
    """There is no sequence to return to."""
    ids = Ids()
    state = ids.state()
    drawn = ids.token()
    ids.restore(state)
    assert ids.token() != drawn
