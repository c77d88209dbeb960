"""An instance: dictionary, database, rules, users and time, put together."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from functools import partial
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.errors import (
    DatabaseUnavailable,
    NotAuthenticated,
    PlatformError,
    TransactionCancelled,
)
from mock_servicenow.now_platform.identity.api_keys import api_key, api_key_rules
from mock_servicenow.now_platform.identity.authentication import Authentication
from mock_servicenow.now_platform.identity.makers import maker_rules
from mock_servicenow.now_platform.identity.oauth.bearer import bearer
from mock_servicenow.now_platform.identity.oauth.registry import registry_rules
from mock_servicenow.now_platform.identity.privileges import privilege_rules
from mock_servicenow.now_platform.identity.public_tables import guest
from mock_servicenow.now_platform.identity.roles import by_now
from mock_servicenow.now_platform.identity.user_rules import user_rules
from mock_servicenow.now_platform.identity.web_sessions import WebSessions
from mock_servicenow.now_platform.provisioning.release_profile import ReleaseProfile
from mock_servicenow.now_platform.query import Compilations
from mock_servicenow.now_platform.records.attachments import attachment_rules
from mock_servicenow.now_platform.records.cache import Cache
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.records.unit_of_work import UnitOfWork
from mock_servicenow.now_platform.rest.call import Repeatable
from mock_servicenow.now_platform.rest.fields import FieldLists
from mock_servicenow.now_platform.rules.property_rules import property_rules
from mock_servicenow.now_platform.rules.rulebook import Rulebook
from mock_servicenow.now_platform.rules.rules import BusinessRule
from mock_servicenow.now_platform.rules.stored_rules import stored_rule_checks
from mock_servicenow.now_platform.rules.task_rules import task_rules
from mock_servicenow.now_platform.storage.long_reads import Aside, NotAsideError, OverrunError
from mock_servicenow.now_platform.storage.store import Store
from mock_servicenow.now_platform.users import SYSTEM, User
from privman_core.clock import Clock
from privman_core.findings import Finding
from privman_core.ids import Ids
from privman_core.seldom_log import SeldomLog

T = TypeVar("T")
_STOPPING, _SHARED = 4, 2  # threads that stop statements, and that work for those who ask for much of a shared database
_INTERRUPT_AGAIN = 0.1  # seconds
_SOON = 1.0  # seconds for which what asks for little may keep others like it waiting
_ENDED = "user '{}' was deleted, deactivated or locked out during the request: what was left of it was refused"


class Instance:
    """One ServiceNow instance without its network.

    Attributes:
        cache: what is worked out from tables.
        rules: the business rules.
        web_sessions: the sessions of browsers and of clients that keep cookies.
        authentication: finds the user behind a request.
        release: what differs between releases.
        queries: compiles queries on the dictionary's tables.
        fields: those that answers may have.
        tokens_end_with_client: whether access tokens of an OAuth client that was deactivated or deleted are refused.
        at_reset: called when the instance goes back to its first rows; each forgets what outlives requests.
        vanishing: the files that are deleted and of which bytes are still there.
        learn: is told every key and secret that is written, before it is stored one way, or presented.
        retire: is told those that open nothing.
        learn_place: is called with the name of each header or parameter that carries keys, and whether it is a header.
    """

    def __init__(  # noqa: PLR0913 - what an instance is made of
        self,
        *,
        dictionary: Dictionary,
        store: Store,
        clock: Clock,
        ids: Ids,
        release: ReleaseProfile | None = None,
        queries: Compilations | None = None,
        fields: FieldLists | None = None,
        tokens_end_with_client: bool = True,
    ) -> None:
        self.dictionary = dictionary
        self.store = store
        self.clock = clock
        self.ids = ids
        self.release = release or ReleaseProfile()
        self.queries = queries or Compilations(dictionary)
        self.fields = fields or FieldLists(dictionary)
        self.tokens_end_with_client = tokens_end_with_client
        self.rules = Rulebook(
            [
                *task_rules(),
                *user_rules(),
                *attachment_rules(),
                *registry_rules(),
                *api_key_rules(),
                *maker_rules(),
                *property_rules(),
                *stored_rule_checks(),
                *privilege_rules(),
            ]
        )
        self.cache = Cache(lambda: store.embedded and not store.is_aside)
        self.web_sessions = WebSessions(clock, ids)
        self.at_reset: list[Callable[[], None]] = [self.web_sessions.clear]
        self.database_log = SeldomLog(logging.getLogger("mock_servicenow.database"), clock)
        self._working: set[asyncio.Task[Any]] = set()
        self._in_threads: set[asyncio.Task[Any]] = set()
        self.vanishing: set[str] = set()
        self._closing = False
        self._ended = 0  # how often all work was ended
        self._asides: set[Aside] = set()
        self._stopping = ThreadPoolExecutor(_STOPPING)  # not behind the work that it is to stop
        self._pieces = asyncio.Semaphore(1 if store.embedded else _SHARED)
        # One long read at a time, since each may hold a copy of the database, and one that asks for little.
        self._turn, self._soon = asyncio.Lock(), asyncio.Lock()
        self.learn: Callable[[str], None] = lambda _secret: None
        self.retire: Callable[[str], None] = lambda _secret: None
        self.learn_place: Callable[[str, bool], None] = lambda _name, _is_header: None
        self._loop: asyncio.AbstractEventLoop  # known once something runs
        self.authentication = Authentication(self)
        for scheme in (bearer, api_key, self.web_sessions.authenticate, guest):
            self.authentication.add_scheme(scheme)

    @property
    def system(self) -> User:
        """The user for whom the instance itself acts, without access control."""
        return SYSTEM

    def add_rule(self, rule: BusinessRule) -> None:
        """Let a business rule act from the next write on."""
        self.rules.add(rule)
        self.cache.clear()

    async def run(self, work: Callable[[], T]) -> T:
        """Run synchronous work on the database: inline if it is embedded, else in a worker thread.

        Work in a thread goes on when whoever waits for it is cancelled; `aclose` waits for it.
        """
        self._loop = asyncio.get_running_loop()
        return work() if self.store.embedded else await asyncio.shield(self._start_thread(work))

    async def run_in_turn(self, work: Callable[[], T]) -> T:
        """Run a piece of long work as `run` does, after those that wait already.

        On an embedded database one goes on at a time, on a shared one a few: whoever asks for little is answered
        between two of them, or by another thread.
        """
        async with self._pieces:
            try:
                return await self.run(work)
            finally:
                await asyncio.sleep(0)

    async def run_again(self, repeatable: Repeatable[T]) -> T:
        """Run work as `run` does; on an embedded database what reads for long is given up, and done again aside.

        Others are answered meanwhile. Until it writes, it ends with whoever waits for it. What asks for little waits
        for nothing that takes long: it is tried twice, as it may have met a pause, and then in a turn of its own kind.

        Raises:
            TransactionCancelled: it takes about a minute, or the instance ends all work.
        """
        work, findings = repeatable.work, repeatable.findings
        if not self.store.embedded:
            async with nullcontext() if repeatable.light else self._pieces:
                return await self._run_interruptible(work)
        before, attempts = len(findings), self._attempts(work, light=repeatable.light)
        while True:
            try:
                return await next(attempts)()
            except OverrunError:
                del findings[before:]
            except NotAsideError:
                del findings[before:]
                return await self.run(work)

    def _attempts(self, work: Callable[[], T], *, light: bool) -> Iterator[Callable[[], Awaitable[T]]]:
        """Yield how work is tried one after the other; the last attempt never overruns."""
        brief = partial(self.store.briefly, work)
        if light:
            yield partial(self.run, brief)
        yield partial(self.run_in_turn, brief)
        if light:
            yield partial(self._run_aside, work, self._soon, _SOON)
        yield partial(self._run_aside, work, self._turn)

    async def _run_interruptible(self, work: Callable[[], T]) -> T:
        self._loop = asyncio.get_running_loop()
        interruptible = self.store.interruptible()
        working = self._start_thread(partial(interruptible.run, work))
        try:
            return await asyncio.shield(working)
        finally:
            if not working.done():
                interruptible.stop()
                self._loop.run_in_executor(self._stopping, interruptible.cancel)

    async def _run_aside(self, work: Callable[[], T], turn: asyncio.Lock, seconds: float | None = None) -> T:
        async with turn:
            aside = self.store.aside()
            self._asides.add(aside)
            working = self._start_thread(lambda: aside.run(work))
            try:
                ended, _ = await asyncio.wait([working], timeout=seconds)
                if not ended:
                    raise OverrunError
                return working.result()
            finally:
                while not working.done():  # whoever waited may have gone, but its copy of the database is there
                    aside.stop()
                    await asyncio.wait([working], timeout=_INTERRUPT_AGAIN)
                self._asides.discard(aside)

    def _start_thread(self, work: Callable[[], T]) -> asyncio.Task[T]:
        working = asyncio.create_task(asyncio.to_thread(work))
        self._in_threads.add(working)
        working.add_done_callback(self._left_thread)
        return working

    async def work_off(
        self, steps: Generator[Repeatable[Any] | None, Any, T], turns: asyncio.Semaphore | None = None
    ) -> T:
        """Run work in steps, that of others between them; it goes on when whoever waits for it is cancelled.

        Args:
            steps: the work; it has not begun. Where it yields a `Repeatable`, it is sent what that returns.
            turns: bounds how much of such work goes on at the same time; what waits for its turn ends with its caller.

        Raises:
            TransactionCancelled: the instance ends all work.
        """
        if turns is not None:
            await turns.acquire()
        working = self._start_steps(steps)
        if turns is not None:
            working.add_done_callback(lambda _task: turns.release())
        return await asyncio.shield(working)

    def go_on(self, steps: Generator[None, None, None]) -> None:
        """Run work in steps for which nobody waits; at the end of the instance it is left undone."""
        self._loop.call_soon_threadsafe(self._start_steps, steps)

    async def end_work(self) -> None:
        """End work in steps after the step that it is at, and long reads, whoever waits for them."""
        self._ended += 1
        for aside in self._asides:
            aside.stop()
        await asyncio.gather(*self._working, return_exceptions=True)
        if self.store.embedded:
            await asyncio.gather(*self._in_threads, return_exceptions=True)

    async def aclose(self) -> None:
        """End the work that nobody waits for any more, and give up the database."""
        self._closing = True
        ending = asyncio.ensure_future(self._end_everything())
        while not ending.done():  # again and again: a statement that is about to begin is not interrupted
            self.store.interrupt()
            await asyncio.wait([ending], timeout=_INTERRUPT_AGAIN)
        await ending
        self._stopping.shutdown()
        self.store.close()

    async def _end_everything(self) -> None:
        await self.end_work()
        await asyncio.gather(*self._in_threads, return_exceptions=True)

    def later(self, delay: timedelta, steps: Callable[[], Generator[None, None, None]]) -> None:
        """Run work in steps once that much time has passed; work of `run` may call it."""

        async def job() -> None:
            try:
                await self.work_off(steps())
            except DatabaseUnavailable:
                self.later(delay, steps)
            except PlatformError:  # ended, or what it was about has been deleted meanwhile
                return

        self._loop.call_soon_threadsafe(self.clock.call_at, self.clock.now() + delay, job)

    async def _run_steps(self, steps: Generator[Repeatable[Any] | None, Any, T]) -> T:
        before, go_on = self._ended, partial(next, steps)
        while self._ended == before and not self._closing:
            step = await self.run_in_turn(partial(_step, go_on))
            if isinstance(step, _Ended):
                value: T = step.value
                return value
            go_on = await self._after(steps, step)
        steps.close()
        raise TransactionCancelled

    async def _after(
        self, steps: Generator[Repeatable[Any] | None, Any, T], step: Repeatable[Any] | None
    ) -> "partial[Repeatable[Any] | None]":
        """Do what a step asks for, or let others do something, and return how the steps go on."""
        if step is None:
            return partial(next, steps)
        try:
            return partial(steps.send, await self.run_again(step))
        except PlatformError as error:
            return partial(steps.throw, error)

    def _start_steps(self, steps: Generator[Repeatable[Any] | None, Any, T]) -> asyncio.Task[T]:
        working = asyncio.create_task(self._run_steps(steps))
        self._working.add(working)
        working.add_done_callback(self._done)
        return working

    def _done(self, working: asyncio.Task[Any]) -> None:
        self._working.discard(working)
        _ = working.cancelled() or working.exception()  # counts as retrieved, though the caller may have gone

    def _left_thread(self, working: asyncio.Task[Any]) -> None:
        self._in_threads.discard(working)
        _ = working.cancelled() or working.exception()  # counts as retrieved, though the caller may have gone

    def transaction(self, user: User, findings: list[Finding] | None = None) -> UnitOfWork:
        """Give a session in a transaction of its own: committed when the body ends, undone when it raises."""
        return UnitOfWork(self, user, [] if findings is None else findings)

    @contextmanager
    def next_transaction(
        self, user: User, findings: list[Finding] | None = None, ended: list[Finding] | None = None
    ) -> Iterator[Session]:
        """Give a session as `transaction` does where work goes on that has begun before: with the user's rights by now.

        Args:
            user: for whom the work began.
            findings: collects what is swallowed.
            ended: collects that he may not act any more; by default ``findings`` does.

        Raises:
            NotAuthenticated: he has been deleted, deactivated or locked out meanwhile.
        """
        with self.transaction(user, findings) as session:
            current = by_now(session.of_system, user)
            if current is None:
                _tell(user, session.findings if ended is None else ended)
                raise NotAuthenticated(self.release.not_authenticated)
            yield session.acting_for(current)

    def property(self, session: Session, name: str, default: str = "") -> str:
        """Return a system property's value."""
        return self.cache.get("properties", "", ("sys_properties",), lambda: _properties(session)).get(name, default)

    def time_zone(self, session: Session) -> tzinfo:
        """Return where the session's user reads date-times: his own zone, else the instance's."""
        name = session.user.time_zone or self.property(session, "glide.sys.default.tz", "UTC")
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # the last for a folder, or a long name
            return UTC


@dataclass(frozen=True, slots=True)
class _Ended(Generic[T]):
    value: T


def _step(go_on: "Callable[[], Repeatable[Any] | None]") -> "Repeatable[Any] | _Ended[Any] | None":
    try:
        return go_on()
    except StopIteration as end:
        return _Ended(end.value)


def _tell(user: User, findings: list[Finding]) -> None:
    told = Finding("swallowed", "user-ended", _ENDED.format(user.user_name))
    if told not in findings:
        findings.append(told)


def _properties(session: Session) -> dict[str, str]:
    return {record["name"]: record["value"] for record in session.elevated.find_all("sys_properties")}
