"""The addresses of servers on this machine, as the marks of their requests say."""

from aiohttp import web
from yarl import URL

from privman_core.inputs import is_loopback_name
from privman_core.own_machine import is_sent_here, listening_url

MOST_SENDERS = 5
"""Senders that are remembered."""


class Neighbours:
    """Where this server listens on this machine, and where others do that have sent it requests.

    Attributes:
        own: the address of this server; empty until somebody on this machine has sent it a request.
    """

    def __init__(self) -> None:
        self.own = ""
        self._senders: dict[str, None] = {}

    @property
    def senders(self) -> list[str]:
        """The addresses of others, the last one that was heard of first."""
        return list(reversed(self._senders))

    def meet(self, request: web.Request) -> None:
        """Learn from the connection of a request where this server listens; its headers do not count."""
        if (url := listening_url(request)) is not None and is_loopback_name(url.host or ""):
            self.own = str(url)

    def hear(self, request: web.Request, sender: str) -> None:
        """Remember where the sender of a request says that it listens, if both are on this machine."""
        if sender in {self.own, next(reversed(self._senders), "")}:
            return
        if not _is_here(sender) or not is_sent_here(request):
            return
        self._senders.pop(sender, None)
        self._senders[sender] = None
        if len(self._senders) > MOST_SENDERS:
            self._senders.pop(next(iter(self._senders)))


def _is_here(url: str) -> bool:
    try:
        address = URL(url)
        return str(address.origin()) == url and is_loopback_name(address.host or "")
    except ValueError:
        return False
