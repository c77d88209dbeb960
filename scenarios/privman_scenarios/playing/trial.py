"""Play a scenario of which only the invariants are judged."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from privman_scenarios.errors import ExpectationError
from privman_scenarios.language.kinds import to_seconds
from privman_scenarios.language.model import Scenario, Step
from privman_scenarios.language.vocabulary import Need, Verb, Vocabulary
from privman_scenarios.playing.events import Failure
from privman_scenarios.playing.invariants import INVARIANTS, Invariant
from privman_scenarios.playing.observations import Observations, Sighting, gather
from privman_scenarios.playing.play import Play
from privman_scenarios.playing.product_facts import holding_faults
from privman_scenarios.playing.step_player import look_in_virtual_time

# Real seconds until a step that has not ended is looked into.
GLANCE = 0.05
# Long enough for every retry; long enough for every time-out.
QUIET, OVER = 3_600, 17 * 3_600
# The default of the faults that hold an answer back, in seconds.
HOLD = 60
ASKS = "console.ask"
TRIAL_NEEDS: frozenset[Need] = frozenset({"a console control plane", "a servicenow control plane", "virtual time"})


class InvariantTrial:
    """Plays steps whatever becomes of them, notes what the console shows on the way, and judges at the end.

    Args:
        hold: for how many seconds a fault of the scenario holds what ServiceNow receives; 0 for never.
    """

    def __init__(self, vocabulary: Vocabulary, play: Play, hold: float = 0) -> None:
        self._vocabulary = vocabulary
        self._play = play
        self._hold = hold
        self._sightings: list[Sighting] = []
        self._instance_ids: dict[str, set[str]] = defaultdict(set)

    async def step(self, step: Step) -> None:
        """Play a step; only what it expects may fail it, with ExpectationError."""
        verb = self._vocabulary[step.verb]
        try:
            await self._perform(verb, step)
        except ExpectationError:
            if verb.only_looks:
                raise
        await self._play.world.settle()
        await self._look()

    async def conclude(self) -> Observations:
        """Let the world get well and all time run out; returns what both parties know then."""
        world = self._play.world
        for party in world.parties.values():
            await party.control.clear_faults()
        for seconds in (QUIET, OVER):
            await world.advance(seconds)
            await self._look()
        await world.advance(await self._until_time_outs())
        await self._look()
        return await gather(world, self._sightings, self._play.runs, self._instance_ids)

    async def _look(self) -> None:
        self._sightings.append({each["request_id"]: each["state"] for each in await self._approvals()})
        for console in self._play.world.consoles:
            for system in await console.foreign_systems():
                self._instance_ids[system["id"]].update({system["instance_id"]} - {None})

    async def _until_time_outs(self) -> float:
        """Return in how many seconds the last request times out in its console; 0 if all have."""
        ends = [each["times_out_at"] for each in await self._approvals() if each["times_out_at"]]
        now = datetime.fromisoformat(await self._play.world.console.control.now())
        return max([0.0, *((datetime.fromisoformat(end) - now).total_seconds() for end in ends)])

    async def _approvals(self) -> list[dict[str, Any]]:
        return [each for console in self._play.world.consoles for each in await console.approvals()]

    async def _perform(self, verb: Verb, step: Step) -> None:
        work = self._work(verb, step)
        if not self._hold or verb.name == "clock.advance":
            await work
            return
        held = await self._held()
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.wait([task], timeout=GLANCE)
            if not task.done() and await self._held() > held:
                await self._play.world.advance(self._hold)
        await task

    async def _work(self, verb: Verb, step: Step) -> None:
        arguments = self._play.arguments_of(verb, step)
        if step.eventually:
            await look_in_virtual_time(verb, self._play, arguments, to_seconds(step.eventually))
        else:
            await verb.perform(self._play, arguments)

    async def _held(self) -> int:
        """Return how many messages are held by a fault; whoever sent them waits for the answer."""
        journals = [await instance.control.journal() for instance in self._play.world.instances]
        return sum(_is_held(exchange) for journal in journals for exchange in journal)


def _is_held(exchange: Mapping[str, Any]) -> bool:
    waits = not exchange["status"] and not exchange["error"]
    return waits and exchange["fault"] in holding_faults()


async def try_out(vocabulary: Vocabulary, scenario: Scenario, play: Play) -> Failure | None:
    """Play the scenario and return the first invariant that does not hold, or the first expectation."""
    trial = InvariantTrial(vocabulary, play, hold_of(scenario.played))
    step = Step("invariants", {}, scenario.line)
    try:
        for step in scenario.played:
            await trial.step(step)
        step = Step("invariants", {}, scenario.line)
        seen = await trial.conclude()
        _require_requests(vocabulary, scenario, seen)
    except ExpectationError as error:
        return Failure(step.verb, scenario.file_of(step), step.line, error.expected, error.got)
    for name, invariant in INVARIANTS.items():
        if why := next(invariant(seen), ""):
            return Failure(name, scenario.file, scenario.line, _promise(invariant), why)
    return None


def _require_requests(vocabulary: Vocabulary, scenario: Scenario, seen: Observations) -> None:
    """Raise ExpectationError where nobody has asked for anything, so that the invariants are about nothing.

    A scenario without requests may be about faults or restarts during the set-up.
    """
    acts = [step.verb for step in scenario.steps if not _only_looks_on(vocabulary[step.verb])]
    if not seen.approvals and not seen.requests and (not acts or ASKS in acts):
        raise ExpectationError("an approval request that the invariants are about", "none of either party")


def _only_looks_on(verb: Verb) -> bool:
    return verb.only_looks or verb.name.startswith("clock.")


def hold_of(steps: Sequence[Step]) -> float:
    """Return for how many seconds a fault holds what ServiceNow receives; 0 without one."""
    faults = (step.arguments for step in steps if step.verb == "servicenow.fault")
    holding = (arguments for arguments in faults if arguments["kind"] in holding_faults())
    return max((arguments.get("options", {}).get("seconds", HOLD) for arguments in holding), default=0)


def _promise(invariant: Invariant) -> str:
    promise = (invariant.__doc__ or "").rstrip(".")
    return f"that {promise[:1].lower()}{promise[1:]}"
