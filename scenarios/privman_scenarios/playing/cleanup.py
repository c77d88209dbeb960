"""Leave a shared instance as it was found, and keep a journal of every write to it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

import orjson

from privman_core.clock import Clock
from privman_core.exchange import path_of
from privman_core.inputs import reason_of
from privman_scenarios.errors import ExpectationError, TargetUnreachableError
from privman_scenarios.language.variables import TABLES
from privman_scenarios.output import complain, mask
from privman_scenarios.playing.control_plane import ControlPlane, Journal
from privman_scenarios.playing.http_api import PartyCall
from privman_scenarios.playing.own_records import Mark, OwnRecords
from privman_scenarios.playing.party import ConsoleParty
from privman_scenarios.playing.party_answer import PartyAnswer
from privman_scenarios.playing.reaching import Registration
from privman_scenarios.playing.record_pages import TableNotListedError
from privman_scenarios.playing.servicenow import ServiceNowParty
from privman_scenarios.playing.stock import COMPLETE

_QUESTIONS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Write:
    """One request that may have changed something; as text it is one line, secrets masked.

    Attributes:
        at: when it had been answered, in ISO 8601.
        by: ``run``, or ``console`` for the console that the run let act.
        status: 0 when no answer came.
    """

    at: str
    by: str
    method: str
    url: str
    body: str
    status: int

    def to_json(self) -> str:
        """Return a line of JSON, secrets masked."""
        return mask(orjson.dumps(asdict(self)).decode())

    def __str__(self) -> str:
        return mask(f"{self.method} {self.url} {self.body}".rstrip())


class Writes:
    """Reports each write.

    Args:
        tell: called with each write.
        clock: real time.

    Attributes:
        names: the address to report instead of that of a stand-in.
    """

    def __init__(self, tell: Callable[[Write], None], clock: Clock) -> None:
        self._tell = tell
        self._clock = clock
        self.names: dict[str, str] = {}
        self._lost: OSError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.require_kept()

    def require_kept(self) -> None:
        """Raise the OSError with which a write could not be kept; nobody else would report it."""
        if self._lost:
            raise self._lost

    def __call__(self, call: PartyCall) -> None:
        """Report a call of this run, unless it only reads."""
        answer = call.answer
        self._take("run", answer.method, call.url, call.body.decode(errors="replace"), answer.status)

    def of_console(self, exchange: Mapping[str, Any]) -> None:
        """Report an exchange from the journal of a console that this run let act."""
        self._take("console", exchange["method"], exchange["url"], exchange["request"]["body"], exchange["status"])

    def _take(self, by: str, method: str, url: str, body: str, status: int) -> None:
        if method in _QUESTIONS:
            return
        for stand_in, name in self.names.items():
            url = url.replace(stand_in, name)
        write = Write(self._clock.now().isoformat(), by, method, url, body, status)
        try:
            self._tell(write)
        except OSError as error:
            # The write has happened, so what it created must still be known and deleted.
            self._lost = self._lost or error
            complain("privman-scenarios", f"not kept ({reason_of(error)}): {status} {write}")


def line_in(file: Path) -> Callable[[Write], None]:
    """Return what adds a line about a write to the file, which several processes may share."""

    def tell(write: Write) -> None:
        with file.open("a", encoding="utf-8") as opened:
            opened.write(f"{write.to_json()}\n")  # masked already

    return tell


# An instance may do in the background what follows from a decision.
_SECONDS_UNTIL_A_RESPONSE = 10
_TABLE_API = "/api/now/table/"


class Cleanup:
    """Deletes what a run has created in an instance: by itself, and by the consoles that it let act.

    Args:
        servicenow: the instance, on which others work too.
        own: the records of this run there.
        writes: called with each write of the consoles.
        clock: real time, for patience with the instance.
    """

    def __init__(self, servicenow: ServiceNowParty, own: OwnRecords, writes: Writes | None, clock: Clock) -> None:
        self._clock = clock
        self._servicenow = servicenow
        self._writes = writes
        self._own = own
        self._sent: Counter[str] = Counter()

    def watch(self, console: ConsoleParty) -> None:
        """Record what the console creates from now on: its journal shows it."""
        self._own.consoles.add(f"{console.url}/")
        if console.has_control:
            watched = _Watched(console.control, self._note_sent)
            self._own.sources.append(watched.note_last)
            console.control.before_forgetting.append(watched.note_all)

    async def take_stock(self, kept: Registration | None) -> list[str]:
        """Let the records that are there already be those of others; returns a sentence for each table not listed.

        A table that the instance lacks, or does not list, is left alone: see `OwnRecords.unlisted`.
        Raises TargetUnreachableError where the instance lists none of the tables, or fails.

        Args:
            kept: the registration of a real console, which the scenarios use and which stays.
        """
        found: dict[str, set[str]] = {}
        refusal = ""
        for table in TABLES:
            try:
                found[table] = await self._servicenow.sys_ids(table)
            except TableNotListedError as error:
                refusal = error.got
            except ExpectationError as error:
                raise await self._not_listed(error.got) from None
        if not found:
            raise await self._not_listed(refusal)
        if refusal:
            await self._servicenow.ask_dictionary()  # for a recording, which then knows the names of the tables
        self._remember(found, kept)
        url = self._servicenow.url
        return [f"{url} does not list {table}, so nothing is deleted there" for table in sorted(self._own.unlisted)]

    async def _not_listed(self, refusal: str) -> TargetUnreachableError:
        await self._servicenow.ask_dictionary()  # for a recording, too
        return TargetUnreachableError(f"{self._servicenow.url} does not list its records: {refusal}.")

    def _remember(self, found: Mapping[str, set[str]], kept: Registration | None) -> None:
        listed = frozenset(self._servicenow.names.table(table) for table in found)
        self._own.kept = frozenset(asdict(kept).values() if kept else ())
        self._own.others = frozenset[str]().union(*found.values()) - self._own.kept
        self._own.stocks = dict.fromkeys(listed, COMPLETE)  # `others` has them
        self._own.unlisted = frozenset(self._servicenow.names.table(table) for table in TABLES) - listed

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
            why = f"expected {error.expected}; got {error.got}"
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
        awaited = self._servicenow.accepted & self._servicenow.drawn if self._is_listed("response") else set()
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
        if not self._is_listed("response"):
            return []
        own = {self._request_id(each.table, each.sent) for each in self._own.newest_first()} - {""}
        return [
            f"/api/now/table/{self._servicenow.names.table('response')}/{response['sys_id']} "
            f"(perhaps of another run, which has used the request_id {request_id!r} too)"
            for request_id in sorted(own - self._servicenow.drawn)
            for response in await self._servicenow.find_of_all("response", request_id=request_id)
            if response["request_id"] == request_id and response["sys_id"] not in self._own.others
        ]

    def _is_listed(self, table: str) -> bool:
        return self._servicenow.names.table(table) not in self._own.unlisted

    def _marks(self) -> Iterator[Mark]:
        """Yield how records are known that no answer has named: by a request_id that nobody else has."""
        return (mark for mark in self._every_mark() if mark.table not in self._own.unlisted)

    def _every_mark(self) -> Iterator[Mark]:
        names, decisions = self._servicenow.names, self._servicenow.decisions
        response, request = ("response", names.table("response")), ("request", names.table("request"))
        for request_id in sorted(self._servicenow.drawn):
            # The instance writes a response for each decision, and perhaps one for a time-out.
            yield Mark(response[1], names.column("response", "request_id"), request_id, decisions[request_id] + 1)
            yield Mark(request[1], names.column("request", "request_id"), request_id, max(1, self._sent[request_id]))

    def _note_sent(self, exchange: Mapping[str, Any]) -> None:
        """Record what a console has sent, if it was sent to the instance."""
        if exchange["direction"] == "out" and exchange["url"].startswith(f"{self._servicenow.url}{_TABLE_API}"):
            self._note_write(exchange)

    def _note_write(self, exchange: Mapping[str, Any]) -> None:
        path = unquote(path_of(exchange["url"].removeprefix(self._servicenow.url)))
        table, _, sys_id = path.removeprefix(_TABLE_API).partition("/")
        values = _json_object(exchange["request"]["body"])
        if self._writes:
            self._writes.of_console(exchange)
        if exchange["method"] == "POST":
            self._note_created(table, values, _answer_of(exchange, path))
        elif exchange["method"] == "PATCH" and (changed := self._own.find(table, sys_id)):
            self._servicenow.decisions[self._request_id(table, changed.sent)] += 1
            changed.changed(values)

    def _note_created(self, table: str, values: Mapping[str, Any], answer: PartyAnswer) -> None:
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


def _answer_of(exchange: Mapping[str, Any], path: str) -> PartyAnswer:
    headers = {name.lower(): value for name, value in exchange["response"]["headers"]}
    return PartyAnswer("POST", path, exchange["status"], headers, exchange["response"]["body"].encode())


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
