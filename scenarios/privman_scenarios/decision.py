"""A decision on its way to the console, as a test waits for it."""

import asyncio
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, cast

from privman_core.clock import Clock
from privman_core.loop_thread import LoopThread
from privman_scenarios.errors import ExpectationError
from privman_scenarios.playing.control_plane import ControlPlane
from privman_scenarios.playing.own_records import agree, text_of
from privman_scenarios.playing.party_answer import Shape, moment_or_null
from privman_scenarios.playing.step_player import look_in_real_time
from privman_scenarios.playing.world import World
from privman_scenarios.short_tracebacks import is_for_users

__tracebackhide__ = is_for_users
_DELIVERY: Shape = {
    "request_id": str,
    "response_sys_id": str,
    "state": str,
    "response_status_code": int,
    "retry_attempts": int,
    "next_attempt_at": moment_or_null,
}
# As whom an instance may write a response in the background.
_SYSTEM = ("", "system")
_NAMES = {"sys_created_by": "approver"}
_ACCEPTED, _COUNT = re.compile(r"2[0-9]{2}"), re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class DecisionDelivery:
    """A decision that reached the console.

    Attributes:
        status: of the console's answer to the last attempt.
        retries: how many attempts went before that one.
    """

    status: int
    retries: int

    if TYPE_CHECKING:
        # Where an event loop runs, what `Decision.delivered` gives is a coroutine.
        def __await__(self) -> Generator[Any, None, Self]: ...


class Decision:
    """A decision that an approver, or the connector under test, has taken in ServiceNow.

    Args:
        clock: real time, for patience with systems that keep it.
        decided: what was decided, by columns of the response, with ``sys_created_by`` for who did; none where
            somebody else decided.

    Attributes:
        status: of ServiceNow's answer to the approver; 0 where somebody else asked.
    """

    def __init__(  # noqa: PLR0913 - the last two are known of a test's own decision
        self,
        loop: LoopThread,
        world: World,
        clock: Clock,
        request_id: str,
        status: int = 0,
        *,
        decided: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._loop = loop
        self._world = world
        self._clock = clock
        self._request_id = request_id
        self._decided = decided
        self.status = status

    @property
    def words(self) -> str:
        """The decision, for messages."""
        return f"the decision on {self._request_id}"

    def delivered(self) -> DecisionDelivery:
        """Wait until the console has accepted the decision, however often that takes; virtual time jumps as far.

        To be awaited where an event loop runs, as in an asynchronous test, whose own loop goes on meanwhile; a test
        that forgets it fails at its end.

        Raises:
            ExpectationError: nobody has decided, ServiceNow has refused this decision or given up, or a system that
                keeps real time has not delivered within the patience of the run, or has delivered another decision.
        """
        self._world.unawaited[self] = f"{self.words} was delivered"
        if _is_asynchronous():
            return cast("DecisionDelivery", self._awaited())
        try:
            return self._loop.run(self._waiting())
        finally:
            del self._world.unawaited[self]

    async def _awaited(self) -> DecisionDelivery:
        try:
            delivery = await self._loop.wait(self._waiting())
        except Exception:  # but no cancellation, as of a task that nobody awaits
            self._world.unawaited.pop(self, None)
            raise
        self._world.unawaited.pop(self, None)
        return delivery

    async def _waiting(self) -> DecisionDelivery:
        # What reached the console then is the decision of somebody before.
        if self.status >= HTTPStatus.BAD_REQUEST:
            raise self._error(f"{self.status} from ServiceNow, which refused it")
        if self._world.virtual:
            return await self._virtual()
        return await look_in_real_time(self._accepted, self._world.patience, lambda: self._clock.sleep(1))

    async def _virtual(self) -> DecisionDelivery:
        control = self._world.servicenow.control
        while True:
            await self._world.settle()
            delivery = await self._newest(control)
            if delivery["state"] == "delivered":
                if self._decided:
                    await self._require_own(delivery["response_sys_id"])
                return DecisionDelivery(delivery["response_status_code"], delivery["retry_attempts"])
            if delivery["next_attempt_at"] is None:
                raise self._error(f"{delivery['response_status_code']} after {delivery['retry_attempts']} retries")
            await self._world.advance(_seconds_between(await control.now(), delivery["next_attempt_at"]))

    async def _newest(self, control: ControlPlane) -> dict[str, Any]:
        deliveries = (await control.read("/deliveries", {"deliveries": [_DELIVERY]}))["deliveries"]
        own = [each for each in deliveries if each["request_id"] == self._request_id]
        if not own:
            raise self._error("no decision")
        newest: dict[str, Any] = own[-1]
        return newest

    async def _require_own(self, sys_id: str) -> None:
        """Raise ExpectationError where the response that was delivered is to another decision."""
        for record in await self._world.servicenow.select("response", request_id=self._request_id):
            if record["sys_id"] == sys_id and (other := await self._another(record)):
                raise self._error(other)

    async def _another(self, record: Mapping[str, Any]) -> str:
        """Return what shows that a response is to another decision, empty where nothing does."""
        for column, ours in self._decided.items():
            theirs = text_of(record.get(column, ours))
            if agree(ours, theirs) is True or ours.strip() == theirs or await self._may_hide(column, theirs):
                continue
            return f"the {_NAMES.get(column, column)} {theirs!r}"
        return ""

    async def _may_hide(self, column: str, shown: str) -> bool:
        """Tell whether the instance may show that for any decision."""
        if column == "sys_created_by":
            return shown.lower() in _SYSTEM
        if column == "response" or shown:
            return False
        servicenow = self._world.servicenow
        asked = await servicenow.select("request", request_id=self._request_id)
        types = {each["activity_type_id"] for each in asked}
        declared = [each for each in await servicenow.find_of_all("activity_type") if each["sys_id"] in types]
        return any(text_of(each["include_comment"]) == "false" for each in declared)

    async def _accepted(self) -> DecisionDelivery:
        """Return the delivery that the Responses table shows; raises ExpectationError while it shows none."""
        last = "no decision"
        for record in await self._world.servicenow.select("response", request_id=self._request_id):
            if other := await self._another(record):
                last = other
                continue
            last, retries = (str(record.get(key) or "") for key in ("response_status_code", "retry_attempts"))
            if _ACCEPTED.fullmatch(last):
                return DecisionDelivery(int(last), int(retries) if _COUNT.fullmatch(retries) else 0)
            last = last or "no attempt"
        raise self._error(last)

    def _error(self, got: str) -> ExpectationError:
        return ExpectationError(f"{self.words} to be delivered", got)


def _is_asynchronous() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _seconds_between(now: str, then: str) -> float:
    return (datetime.fromisoformat(then) - datetime.fromisoformat(now)).total_seconds()
