"""A shared instance is left as it was found."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from privman_core.clock import Clock
from privman_scenarios.console import Console
from privman_scenarios.control_plane import ControlPlane, Journal
from privman_scenarios.errors import ExpectationError, TargetUnreachableError
from privman_scenarios.http_api import Answer
from privman_scenarios.own_records import Mark, OwnRecords
from privman_scenarios.registration import Registration
from privman_scenarios.servicenow import ServiceNow
from privman_scenarios.stock import COMPLETE
from privman_scenarios.variables import TABLES
from privman_scenarios.writes import Writes

# An instance may do in the background what follows from a decision.
_SECONDS_UNTIL_A_RESPONSE = 10
_TABLE_API = "/api/now/table/"


class Cleanup:
    """Deletes what a run has created in an instance: by itself, and by the consoles that it let act.

    Args:
        servicenow: the instance, on which others work too.
        own: the records of this run there.
        writes: told of each write of the consoles.
        clock: real time, for patience with the instance.
    """

    def __init__(self, servicenow: ServiceNow, own: OwnRecords, writes: Writes | None, clock: Clock) -> None:
        self._clock = clock
        self._servicenow = servicenow
        self._writes = writes
        self._own = own
        self._sent: Counter[str] = Counter()

    def watch(self, console: Console) -> None:
        """Take note of what the console creates from now on: its journal shows it."""
        self._own.consoles.add(f"{console.url}/")
        if console.has_control:
            watched = _Watched(console.control, self._note_sent)
            self._own.sources.append(watched.note_last)
            console.control.before_forgetting.append(watched.note_all)

    async def take_stock(self, kept: Registration | None) -> None:
        """Let the records that are there already be those of others; raises TargetUnreachableError.

        Args:
            kept: the registration of a real console, which the scenarios use and which stays.
        """
        try:
            found = {sys_id for table in TABLES for sys_id in await self._servicenow.sys_ids(table)}
        except ExpectationError as error:
            await self._servicenow.ask_dictionary()  # for a recording, which then tells what the tables are called
            raise TargetUnreachableError(f"{self._servicenow.url} does not list its records: {error.came}.") from None
        self._own.kept = frozenset(asdict(kept).values() if kept else ())
        self._own.others = frozenset(found - self._own.kept)
        self._own.stocks = {self._servicenow.names.table(table): COMPLETE for table in TABLES}  # `others` has them

    async def clean_up(self) -> None:
        """Delete the records, the newest first; raises TargetUnreachableError that names what stays.

        One interrupt lets it go on, wherever that comes; a second one ends it.
        """
        work = asyncio.ensure_future(self._clean_up())
        try:
            await _through_one_interrupt(work)
        except asyncio.CancelledError:
            if work.done() and not work.cancelled():
                raise
            perhaps = ", ".join(record.path for record in self._own.newest_first())
            raise TargetUnreachableError(f"{self._servicenow.url} may keep records of this run: {perhaps}.") from None

    async def _clean_up(self) -> None:
        try:
            left = await self._delete_all()
        except ExpectationError as error:
            why = f"expected {error.expected}; came {error.came}"
            kept = "; ".join(["", *(record.path for record in self._own.newest_first())])
            raise TargetUnreachableError(f"{self._servicenow.url} cannot be cleaned up: {why}{kept}.") from None
        if left:
            raise TargetUnreachableError(f"{self._servicenow.url} keeps records of this run: {'; '.join(left)}.")

    async def _delete_all(self) -> list[str]:
        """Delete the records and return what stays; an instance that was busy for a moment is asked once more."""
        with suppress(ExpectationError):
            if not (left := await self._delete_once()) or left == self._own.unnamed:
                return left
        await self._clock.sleep(1)
        return await self._delete_once()

    async def _delete_once(self) -> list[str]:
        await self._own.refresh()
        await self._wait_for_responses()
        return [*await self._strangers(), *await self._delete(), *self._own.unnamed]

    async def _wait_for_responses(self) -> None:
        """Let the instance write what follows from each decision that it has accepted: nobody would delete it later."""
        awaited = self._servicenow.accepted & self._servicenow.drawn
        for _ in range(_SECONDS_UNTIL_A_RESPONSE):
            for request_id in sorted(awaited):
                if await self._servicenow.find_of_all("response", request_id=request_id):
                    awaited.discard(request_id)
            if not awaited:
                return
            await self._clock.sleep(1)

    async def _delete(self) -> list[str]:
        found = [record for mark in self._marks() for record in await self._own.marked(mark)]
        newest = self._own.newest_first()
        outcomes = [
            await self._own.delete(record) for record in (*(each for each in found if each not in newest), *newest)
        ]
        return [why for why in outcomes if why]

    async def _strangers(self) -> list[str]:
        """Return the responses to requests of this run whose request_id another run may have used as well."""
        own = {self._request_id(each.table, each.sent) for each in self._own.newest_first()} - {""}
        return [
            f"/api/now/table/{self._servicenow.names.table('response')}/{response['sys_id']} "
            f"(perhaps of another run, which has used the request_id {request_id!r} too)"
            for request_id in sorted(own - self._servicenow.drawn)
            for response in await self._servicenow.find_of_all("response", request_id=request_id)
            if response["request_id"] == request_id and response["sys_id"] not in self._own.others
        ]

    def _marks(self) -> Iterator[Mark]:
        """Yield how records are known that no answer has named: by a request_id that nobody else has."""
        names, decisions = self._servicenow.names, self._servicenow.decisions
        response, request = ("response", names.table("response")), ("request", names.table("request"))
        for request_id in sorted(self._servicenow.drawn):
            # The instance writes a response for each decision, and perhaps one for a time-out.
            yield Mark(response[1], names.column("response", "request_id"), request_id, decisions[request_id] + 1)
            yield Mark(request[1], names.column("request", "request_id"), request_id, max(1, self._sent[request_id]))

    def _note_sent(self, exchange: Mapping[str, Any]) -> None:
        """Take note of what a console has sent, if it was sent to the instance."""
        if exchange["direction"] == "out" and exchange["url"].startswith(f"{self._servicenow.url}{_TABLE_API}"):
            self._note_write(exchange)

    def _note_write(self, exchange: Mapping[str, Any]) -> None:
        path = unquote(urlsplit(exchange["url"].removeprefix(self._servicenow.url)).path)
        table, _, sys_id = path.removeprefix(_TABLE_API).partition("/")
        values = _object(exchange["request"]["body"])
        if self._writes:
            self._writes.of_console(exchange)
        if exchange["method"] == "POST":
            self._note_created(table, values, _answer(exchange, path))
        elif exchange["method"] == "PATCH" and (changed := self._own.find(table, sys_id)):
            self._servicenow.decisions[self._request_id(table, changed.sent)] += 1
            changed.changed(values)

    def _note_created(self, table: str, values: Mapping[str, Any], answer: Answer) -> None:
        request_id = self._request_id(table, values)
        if request_id:
            self._servicenow.drawn.add(request_id)
            self._sent[request_id] += 1
        self._own.note(table, values, answer, marked=bool(request_id))

    def _request_id(self, table: str, values: Mapping[str, Any]) -> str:
        """Return the request_id among the values of a request, empty for what is none."""
        is_request = table == self._servicenow.names.table("request")
        return str(values.get(self._servicenow.names.column("request", "request_id"), "")) if is_request else ""


async def _through_one_interrupt(work: asyncio.Future[None]) -> None:
    """Await the work; an interrupt is raised when it is done, a second one of this task cancels it at once."""
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) and task.cancelling() > 1:
            work.cancel()
        await work
        raise


class _Watched:
    """The journal of one console, of which each exchange is noted once."""

    def __init__(self, control: ControlPlane, note: Callable[[Mapping[str, Any]], None]) -> None:
        self._control = control
        self._note = note
        self._noted = 0

    async def note_last(self) -> None:
        """Note what the console has sent since the last time."""
        self._note_new(await self._control.journal())

    def note_all(self, journal: Journal) -> None:
        """Note the rest of a journal that is about to be emptied."""
        self._note_new(journal)
        self._noted = 0  # the next exchange is number 1

    def _note_new(self, journal: Journal) -> None:
        new = [exchange for exchange in journal if exchange["number"] > self._noted]
        self._noted = max([self._noted, *(exchange["number"] for exchange in new)])
        for exchange in new:
            self._note(exchange)


def _answer(exchange: Mapping[str, Any], path: str) -> Answer:
    headers = {name.lower(): value for name, value in exchange["response"]["headers"]}
    return Answer("POST", path, exchange["status"], headers, exchange["response"]["body"].encode())


def _object(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
