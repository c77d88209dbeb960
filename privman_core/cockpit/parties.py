"""The parties that a page shows: the one that serves it, and the other one if it is known and answers."""

from asyncio import gather
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from msgspec import Struct
from yarl import URL

from privman_core.cockpit.foreign_answers import ForeignAnswerError, read_answer
from privman_core.cockpit.other_party import ControlClient, OtherParty
from privman_core.cockpit.own_party import OwnParty
from privman_core.cockpit.party_facts import Hello
from privman_core.cockpit.product import Product
from privman_core.cockpit.shared_clock import SAME_TIME
from privman_core.cockpit.shown_party import PartyError, ShownParty, UnusablePartyError
from privman_core.inputs import is_loopback_name

MOST_TRIED = 5
"""How many addresses of the product's configuration are tried for the other party."""
_MOST_REASONS = 3
_SUCCESSES = range(200, 300)
_NEWS = timedelta(minutes=5)  # of real time, for which pages say that the other party has started again


class Parties(Struct, frozen=True):
    """One party or both, the one that serves the page first.

    Attributes:
        hellos: how each introduces itself, in the same order.
        reason: why there is only one; empty for both.
        news: a sentence that the other party has started again; empty after a while.
    """

    all: list[ShownParty]
    hellos: list[Hello]
    reason: str = ""
    news: str = ""

    def __iter__(self) -> Iterator[ShownParty]:
        return iter(self.all)

    @property
    def armed(self) -> int:
        """How many faults are armed at all parties."""
        return sum(hello.armed for hello in self.hellos)

    @property
    def times(self) -> list[Hello]:
        """The parties whose times a page shows: only the first if their times agree."""
        first = self.hellos[0]
        return [first, *(hello for hello in self.hellos if abs(hello.now - first.now) >= SAME_TIME)]

    @property
    def on_one_machine(self) -> bool:
        """Whether both have the same real time."""
        return all(is_loopback_name(URL(party.url).host or "") for party in self.all if party.url)

    def named(self, name: str) -> ShownParty | None:
        """Return the party of that name, in any case; None for one that is not shown."""
        return next((party for party in self.all if party.name.lower() == name.lower()), None)


class OtherAddress(Struct, frozen=True):
    """Where the other party is; empty for the address that the product's configuration names."""

    url: str = ""
    token: str = ""


class PartyFinder:
    """Finds the other party: at the address of a setting, or else wherever one answers on this machine.

    Without a setting it tries the addresses in the product's own configuration, the last one that has answered, and
    those where senders of requests listen. These may have been written from another machine. So only addresses on this
    machine are used, and no token is sent there.

    Args:
        own: serves the cockpit.
        product: of that party.
        setting: where the other one is.
        senders: returns where senders of requests listen.
    """

    def __init__(
        self,
        own: OwnParty,
        product: Product,
        client: ControlClient,
        setting: OtherAddress,
        senders: Callable[[], Sequence[str]],
    ) -> None:
        self.own = own
        self._product = product
        self._client = client
        self._setting = setting
        self._senders = senders
        self._last: OtherParty | None = None
        self._started: datetime | None = None
        self._restarted: datetime | None = None

    async def find(self) -> Parties:
        """Return the parties that answer now."""
        own = self.own.hello()
        try:
            other, hello = await self._greeted()
        except PartyError as error:
            return Parties([self.own], [own], str(error))
        is_news = self._restarted and self._client.clock.now() - self._restarted < _NEWS
        news = f"{other.name} has started again: its journal and its faults began anew." if is_news else ""
        return Parties([self.own, other], [own, hello], news=news)

    async def other(self) -> OtherParty:
        """Return the other party, if it is one of the simulators and answers; raises PartyError."""
        other, _ = await self._greeted()
        return other

    async def drift(self) -> dict[str, Any]:
        """Return name and time of the other party under ``other``, if it is known and its time differs.

        It is known from the setting, or since a page has found it.
        """
        try:
            other = self._last or (await self.other() if self._setting.url else None)
            if other is None:
                return {}
            now = (await other.afresh().clock()).now
        except (PartyError, UnusablePartyError):
            return {}
        apart = now - self.own.hello().now
        return {"other": {"name": other.name, "now": now.isoformat()}} if abs(apart) >= SAME_TIME else {}

    async def _greeted(self) -> tuple[OtherParty, Hello]:
        """Return the other party and how it introduces itself; raises PartyError that says why none does."""
        addresses, reasons = await self._addresses(), dict[str, str]()
        for some in (addresses[:1], addresses[1:]):  # at once, since each may be silent
            answers = await gather(*(self._answer_of(url, token) for url, token in some))
            for (url, token), answer in zip(some, answers, strict=True):
                if isinstance(answer, Hello):
                    return self._known(url, token, answer), answer
                reasons[url] = answer
        raise PartyError(self._why(reasons))

    async def _answer_of(self, url: str, token: str) -> Hello | str:
        """Return how the party at an address introduces itself, or why none does."""
        try:
            return await self._ask(url, token)
        except PartyError as error:
            return str(error)

    def _known(self, url: str, token: str, hello: Hello) -> OtherParty:
        self._note_restart(url, hello)
        self._last, self._started = OtherParty(hello.name, url, token, self._client), hello.started
        return self._last

    def _why(self, reasons: Mapping[str, str]) -> str:
        """Return some of the reasons, that of the party that answered last before the others."""
        urls = sorted(reasons, key=lambda url: self._last is None or url != self._last.url)
        why = " ".join(reasons[url] for url in urls[:_MOST_REASONS]) or "No other party is known yet."
        return why if self._setting.url or self._last else f"{why} {self._product.way_to_other}"

    async def _addresses(self) -> list[tuple[str, str]]:
        """Return where the other party may be, the most likely address first, each with the token to send there."""
        if self._setting.url:
            return [(self._setting.url, self._setting.token)]
        named = _origins(await self._product.other_urls())[:MOST_TRIED]
        last = [self._last.url] if self._last else []
        return [(url, "") for url in dict.fromkeys([*named, *last, *self._senders()])]

    def _note_restart(self, url: str, hello: Hello) -> None:
        if self._last and self._last.url == url and hello.started != self._started:
            self._restarted = self._client.clock.now()

    async def _ask(self, url: str, token: str) -> Hello:
        """Return how the party at that address introduces itself; raises PartyError if none is there, or this one."""
        known = f"{self._last.name}," if self._last and self._last.url == url else "The other party,"
        if not self._setting.url and not is_loopback_name(URL(url).host or ""):
            raise PartyError(f"The other party, {url}, is on another machine.")
        try:
            answer = await self._client.greet(url, token)
        except PartyError as error:
            raise PartyError(f"{known} {url}, {error}.") from None
        if answer.status == HTTPStatus.FORBIDDEN:
            way = self._product.way_to_other if self._setting.url or self._last else ""
            raise PartyError(f"{known} {url}, refuses the token of this cockpit, or its lack of one. {way}".rstrip())
        if answer.status not in _SUCCESSES:
            raise PartyError(f"The other party, {url}, is none of the simulators: it answers with {answer.status}.")
        try:
            hello = read_answer(answer.body, Hello)
        except ForeignAnswerError:
            raise PartyError(f"The other party, {url}, is none of the simulators.") from None
        if hello.name == self.own.name:
            raise PartyError(f"The other party, {url}, is {hello.name} itself.")
        return hello


def _origins(urls: Iterable[str]) -> list[str]:
    """Return the addresses of the servers that the URLs lead to, each once; invalid ones are left out."""
    found = dict[str, None]()
    for url in urls:
        with suppress(ValueError):
            found[str(URL(url).origin())] = None
    return list(found)
