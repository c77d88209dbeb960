"""Requests that are sent wait for their turn, so that silent hosts hold up nobody but themselves."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privman_core.turns import PreemptedError, Turns
from tests.generated import examples


async def _take(turns: Turns, host: str, taken: list[str], end: asyncio.Event) -> None:
    async with turns.turn(host):
        taken.append(host)
        await end.wait()


async def _rest() -> None:
    """Let everything go on that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_host_holds_up_nobody_else() -> None:
    """Who waits for a busy host waits for that alone; one that has a turn to spare is asked at once."""
    taken: list[str] = []
    turns, end = Turns(1, 3), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for host in ("a", "a", "b", "c"):
            group.create_task(_take(turns, host, taken, end))
        await _rest()
        assert taken == ["a", "b", "c"]
        end.set()
    assert taken == ["a", "b", "c", "a"]


async def test_turns_are_given_in_order() -> None:
    """Where all turns are taken, they are given in the order in which they were asked for."""
    taken: list[str] = []
    turns, first, rest = Turns(1, 1), asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_take(turns, "a", taken, first))
        for host in ("b", "c"):
            group.create_task(_take(turns, host, taken, rest))
        await _rest()
        first.set()
        await _rest()
        assert taken == ["a", "b"]
        rest.set()
    assert taken == ["a", "b", "c"]


@pytest.mark.parametrize("at_once", [False, True])
async def test_who_gives_up_leaves_the_turn_to_others(*, at_once: bool) -> None:
    """Whether the turn was given already or not."""
    taken: list[str] = []
    turns, first, rest = Turns(1, 1), asyncio.Event(), asyncio.Event()
    rest.set()
    async with asyncio.TaskGroup() as group:
        group.create_task(_take(turns, "a", taken, first))
        waiting = group.create_task(_take(turns, "b", taken, rest))
        group.create_task(_take(turns, "c", taken, rest))
        await _rest()
        if at_once:
            first.set()
            await asyncio.sleep(0)  # the first ends its turn, the second has not noticed yet
        waiting.cancel()
        await _rest()
        first.set()
    assert taken == ["a", "c"]


async def test_the_oldest_turn_makes_way() -> None:
    """Where all are taken and others wait; nobody makes way for who waits for his own host."""
    taken: list[str] = []
    turns, end = Turns(1, 2, patience=0), asyncio.Event()
    oldest, younger = (asyncio.create_task(_take(turns, host, taken, asyncio.Event())) for host in ("a", "b"))
    await _rest()
    same = asyncio.create_task(_take(turns, "a", taken, end))
    await asyncio.wait([same], timeout=0.01)
    same.cancel()
    await asyncio.wait([same])
    assert not oldest.done()
    end.set()
    await _take(turns, "c", taken, end)
    with pytest.raises(PreemptedError):
        await oldest
    assert not younger.done()
    younger.cancel()
    await asyncio.wait([younger])
    assert taken == ["a", "b", "c"]


async def test_a_young_turn_does_not_make_way() -> None:
    """It may be answered yet; and a body that runs out of time by itself has not made way."""
    taken: list[str] = []
    turns, end = Turns(1, 1), asyncio.Event()
    waiting = asyncio.create_task(_take(turns, "b", taken, end))
    with pytest.raises(TimeoutError):
        async with turns.turn("a"), asyncio.timeout(0.01):
            await asyncio.Event().wait()
    end.set()
    await waiting
    assert taken == ["b"]


@pytest.mark.long
@examples(100)
@given(
    hosts=st.lists(st.sampled_from("abc"), min_size=1, max_size=12),
    leaving=st.lists(st.integers(0, 11), max_size=12),
)
async def test_turns_of_those_who_leave_together_are_free_again(hosts: list[str], leaving: list[int]) -> None:
    """Whoever leaves, in any order and at one moment: the others get their turns, and so do those who follow."""
    taken: list[str] = []
    turns, end = Turns(1, 2), asyncio.Event()
    tasks = [asyncio.create_task(_take(turns, host, taken, end)) for host in hosts]
    await _rest()
    for number in leaving:
        tasks[number % len(tasks)].cancel()
    end.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes if outcome is not None} <= {asyncio.CancelledError}
    async with turns.turn("a"), turns.turn("b"):
        taken.append("both")
    assert taken[-1] == "both"
