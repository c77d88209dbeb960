"""The parties that a page shows: the one that serves it, and the other one if it is known and answers."""

from collections.abc import Iterator
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

_SUCCESSES = range(200, 300)


class Parties(Struct, frozen=True):
    """One party or both, the one that serves the page first.

    Attributes:
        hellos: how each introduces itself, in the same order.
        reason: why there is only one; empty for both.
    """

    all: list[ShownParty]
    hellos: list[Hello]
    reason: str = ""

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

    def named(self, name: str) -> ShownParty | None:
        """Return the party of that name, in any case; None for one that is not shown."""
        return next((party for party in self.all if party.name.lower() == name.lower()), None)


class OtherAddress(Struct, frozen=True):
    """Where the other party is; empty for the address that the product's configuration names."""

    url: str = ""
    token: str = ""


class PartyFinder:
    """Finds the other party: at the address of a setting, or else where the product's own configuration says.

    The configuration may have been written from another machine. So its address is used only if it is on this machine,
    and no token is sent there.

    Args:
        own: serves the cockpit.
        product: of that party.
        setting: where the other one is.
    """

    def __init__(self, own: OwnParty, product: Product, client: ControlClient, setting: OtherAddress) -> None:
        self.own = own
        self._product = product
        self._client = client
        self._setting = setting
        self._last: OtherParty | None = None

    async def find(self) -> Parties:
        """Return the parties that answer now."""
        own = self.own.hello()
        try:
            other, hello = await self._greeted()
        except PartyError as error:
            return Parties([self.own], [own], str(error))
        return Parties([self.own, other], [own, hello])

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
        """Return the other party and how it introduces itself."""
        way, (url, token) = self._product.way_to_other, await self._address()
        if not url and self._last is not None:
            raise PartyError(f"The configuration no longer names the other party, which was {self._last.url}. {way}")
        if not url:
            raise PartyError(f"No other party is known yet. {way}")
        if not self._setting.url and not is_loopback_name(URL(url).host or ""):
            raise PartyError(f"The other party, {url}, is on another machine. {way}")
        hello = await self._ask(url, token)
        self._last = OtherParty(hello.name, url, token, self._client)
        return self._last, hello

    async def _address(self) -> tuple[str, str]:
        """Return the address of the other party, empty for none, and the token that may be sent there."""
        if self._setting.url:
            return self._setting.url, self._setting.token
        configured = await self._product.other_url()
        try:
            return str(URL(configured).origin()) if configured else "", ""
        except ValueError:
            return "", ""

    async def _ask(self, url: str, token: str) -> Hello:
        """Return how the party at that address introduces itself; raises PartyError if none is there, or this one."""
        answer = await self._client.greet(url, token)
        if answer.status == HTTPStatus.FORBIDDEN:
            way = self._product.way_to_other
            raise PartyError(f"The other party, {url}, refuses the token of this cockpit, or its lack of one. {way}")
        if answer.status not in _SUCCESSES:
            raise PartyError(f"The other party, {url}, is none of the simulators: it answers with {answer.status}.")
        try:
            hello = read_answer(answer.body, Hello)
        except ForeignAnswerError:
            raise PartyError(f"The other party, {url}, is none of the simulators.") from None
        if hello.name == self.own.name:
            raise PartyError(f"The other party, {url}, is {hello.name} itself.")
        return hello
