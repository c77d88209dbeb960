"""JSON over HTTP: one origin, and how one logs in to it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlencode

import orjson
from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientError,
    ClientOSError,
    ClientSession,
    ServerDisconnectedError,
)
from yarl import URL

from privman_core.client_settings import setting_named
from privman_core.forward_proxies import NO_PROXIES, ForwardProxies, ProxyError
from privman_core.inputs import CONTROL, Trust, reason_of
from privman_core.outbound import read_bounded
from privman_core.resolution import Resolved
from privman_scenarios.errors import ExpectationError
from privman_scenarios.output import complain
from privman_scenarios.playing.log_in import LogIn, LogInRefusedError
from privman_scenarios.playing.party_answer import PartyAnswer

KEPT_CALLS = 6
NEAR_SECONDS = 60
"""Seconds that a party of this process may take to answer, including everything it does first."""
Get = Callable[[str], Awaitable[PartyAnswer]]
"""Gets a path of an origin, and can do nothing else."""
# After so many it is said whom a command waits for; longer than any call.
SILENT_SECONDS, NEVER_SECONDS = 5, 86_400
USER_AGENT = "privman-scenarios"
# POST creates, which takes nothing from anybody.
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS", "POST"})
_HEADERS = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": USER_AGENT}
_FORM = {**_HEADERS, "Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class PartyCall:
    """A request as it was sent, with its answer.

    Attributes:
        url: the absolute address.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    answer: PartyAnswer


@dataclass(frozen=True, slots=True)
class OriginRoute:
    """How an origin is reached.

    Attributes:
        tls: the certificates that this origin alone is trusted with, or shown; True for those of the session.
        proxies: what its requests may go through.
    """

    tls: Trust = True
    proxies: ForwardProxies = NO_PROXIES


_DIRECT = OriginRoute()
NO_TOKEN = Resolved("", "default", "default")
"""For a control plane that demands no token."""


class HttpApi:
    """One origin, spoken to in JSON.

    Args:
        session: to send with.
        url: the origin.
        shared: whether others use it, because this run has not started it: then `call` changes and deletes nothing.
        admin_token: what its control plane demands, and where that is from.
        seconds: how long an answer may take.
        route: how it is reached.
        place: names where its address is from, for people; empty for one that nobody has named.

    Attributes:
        url: without a trailing slash.
        named: that, with the place.
        recent: the last calls and their answers, oldest first.
        listeners: called with each call when it has ended.
    """

    def __init__(  # noqa: PLR0913 - what an origin is made of
        self,
        session: ClientSession,
        url: str,
        *,
        shared: bool = False,
        admin_token: Resolved = NO_TOKEN,
        seconds: float = NEAR_SECONDS,
        route: OriginRoute = _DIRECT,
        place: str = "",
    ) -> None:
        self._session = session
        self._route = route
        self.seconds = seconds
        self.admin_token = admin_token
        self.shared = shared
        self.url = url.rstrip("/")
        self.named = f"{self.url} ({place})" if place else self.url
        # Within a machine packing an answer takes longer than sending it.
        self._unasked = frozenset[str]() if shared else frozenset({"Accept-Encoding"})
        self._silent_seconds = min(SILENT_SECONDS, seconds / 2) if shared else NEVER_SECONDS
        self.recent: deque[PartyAnswer] = deque(maxlen=KEPT_CALLS)
        self.listeners: list[Callable[[PartyCall], None]] = []

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        auth: LogIn | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> PartyAnswer:
        """Send a JSON body (bytes go as they are) and return the answer, status 0 where there was none.

        Raises ExpectationError for what may change or delete what others have in a shared origin.
        """
        if self.shared and (method.upper() not in _HARMLESS or _is_tunnel(path, headers or {})):
            raise ExpectationError(f"no request that may change what others have in {self.url}", f"{method} {path}")
        return await self.send_unchecked(method, path, body, auth=auth, headers=headers)

    async def send_unchecked(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        auth: LogIn | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> PartyAnswer:
        """Do the same whatever it does there; only for `OwnRecords` and `ControlPlane`."""
        if not path.startswith("/"):
            raise ExpectationError("a path that begins with /", repr(path))
        # Whoever sends it would leave line breaks and tabs out: another path than the one that was checked.
        if CONTROL.search(path):
            raise ExpectationError("a path without control characters, which are written as %0A", repr(path))
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        try:
            sent = {**_HEADERS, **(headers or {}), **await self._log_in(auth)}
            answer = await self._exchange(method, path, data, sent)
            if answer.status == HTTPStatus.UNAUTHORIZED and auth is not None and auth.forget(sent):
                sent |= await self._log_in(auth)
                answer = await self._exchange(method, path, data, sent)
        except LogInRefusedError as error:  # nothing was sent, so there is nothing to listen to
            self.recent.append(error.answer)
            return error.answer
        self.recent.append(answer)
        for listener in self.listeners:
            listener(PartyCall(f"{self.url}{path}", sent, data or b"", answer))
        return answer

    def getting(self, auth: LogIn) -> Get:
        """Return what gets a path as that user."""
        return lambda path: self.call("GET", path, auth=auth)

    async def headers_for(self, auth: LogIn) -> dict[str, str]:
        """Return the headers that a request of that user carries; raises ExpectationError where they are refused."""
        try:
            return await self._log_in(auth)
        except LogInRefusedError as error:
            raise ExpectationError(f"{auth.words} to be accepted", str(error.answer)) from None

    async def _log_in(self, auth: LogIn | None) -> dict[str, str]:
        return {} if auth is None else dict(await auth.headers(self._post_form))

    async def _post_form(self, path: str, form: Mapping[str, str]) -> PartyAnswer:
        return await self._exchange("POST", path, urlencode(form).encode(), _FORM)

    async def _exchange(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> PartyAnswer:
        try:
            return await self._send(method, path, data, headers)
        except TimeoutError:
            return PartyAnswer(method, path, 0, {}, b"", f"no answer within {self.seconds:g} s")
        except ProxyError as error:
            return PartyAnswer(method, path, 0, {}, b"", str(error))
        except (ClientError, OSError, ValueError) as error:
            why = self._route.proxies.reason(URL(self.url), error) or f"{_reason(error)}{self._hint(error)}"
            return PartyAnswer(method, path, 0, {}, b"", why)

    def _hint(self, error: Exception) -> str:
        """Return what may help where a connection ends at once, as a server does that demands a certificate."""
        ends = isinstance(error, ServerDisconnectedError | ClientOSError) and not isinstance(
            error, ClientConnectorError
        )
        is_asked = ends and self._route.tls is True and self.url.startswith("https:")
        return (
            f" (perhaps it demands a client certificate: {setting_named('servicenow_cert').sources})"
            if is_asked
            else ""
        )

    async def _send(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> PartyAnswer:
        address = URL(f"{self.url}{path}", encoded=True)
        async with (
            self._announced_if_slow(method, path),
            asyncio.timeout(self.seconds),
            self._session.request(
                method,
                address,
                data=data,
                allow_redirects=False,
                skip_auto_headers=self._unasked,
                ssl=self._route.tls,
                **self._route.proxies.options(address, headers),
            ) as response,
        ):
            self._route.proxies.raise_if_proxy_refused(address, response)
            received = {name.lower(): value for name, value in response.headers.items()}
            return PartyAnswer(method, path, response.status, received, await read_bounded(response))

    @asynccontextmanager
    async def _announced_if_slow(self, method: str, path: str) -> AsyncIterator[None]:
        """Announce once that the run waits for a system that already runs, when its answer takes long."""
        notice = f"waiting for {self.url} to answer {method} {path.partition('?')[0]}, at most {self.seconds:g} s"
        timer = asyncio.get_running_loop().call_later(self._silent_seconds, self._announce, notice)
        try:
            yield
        finally:
            timer.cancel()

    def _announce(self, notice: str) -> None:
        self._silent_seconds = NEVER_SECONDS
        complain("privman-scenarios", notice)


def _is_tunnel(path: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a POST may be another request: by an overriding header, in a batch, or for a control plane."""
    overrides = any("override" in name.lower() or name.lower() == "x-http-method" for name in headers)
    plain = unquote(path).lower()
    return overrides or "/batch" in plain or "/__" in plain


async def finished(call: Coroutine[Any, Any, PartyAnswer]) -> PartyAnswer:
    """Await the call's end even when interrupted: what it creates must be known to be deleted."""
    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    finally:
        await task


def _reason(error: Exception) -> str:
    if isinstance(error, ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "") or str(error.certificate_error)
        return f"its certificate is not trusted: {why} (certificates to trust: {setting_named('ca_file').sources})"
    if isinstance(error, ClientConnectorError) and (error.os_error.errno is None or error.os_error.errno > 0):
        return f"no connection: {reason_of(error.os_error)}"
    return f"no answer: {' '.join(str(error).split()) or type(error).__name__}"
