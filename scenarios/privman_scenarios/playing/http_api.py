"""JSON over HTTP: one origin, the credentials sent to it, and the shapes that its answers must have."""

import asyncio
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import UnionType
from typing import Any
from urllib.parse import unquote

import orjson
from aiohttp import ClientConnectorCertificateError, ClientConnectorError, ClientError, ClientSession
from yarl import URL

from privman_core.inputs import CONTROL, reason_of
from privman_core.masking import MASK
from privman_core.outbound import read_bounded
from privman_scenarios.errors import ExpectationError
from privman_scenarios.output import SECRETS, complain, mask


class Login(tuple[str, str]):
    """A user's name and password as clients of HTTP take them; shown without the password, as in a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr((self[0], MASK))


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and password, sent with HTTP Basic."""

    user: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        SECRETS.add_login(self.user, self.password)

    @property
    def login(self) -> Login:
        """Both, as clients of HTTP take them."""
        return Login((self.user, self.password))

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


Shape = type | UnionType | Callable[[object], bool] | Sequence["Shape"] | Mapping[str, "Shape"]
"""A type, a check, a list of one shape, or the keys that a mapping has; a key that ends in ``?`` may be absent."""


def fault_of(value: object, shape: Shape, where: str = "") -> str:
    """Return what is wrong with the value, in words; empty when it has the shape."""
    if isinstance(shape, Mapping):
        return _fault_of_mapping(value, shape, where)
    if isinstance(shape, list):
        return _fault_of_list(value, shape[0], where)
    if isinstance(shape, type | UnionType):
        holds = isinstance(value, shape) and (not isinstance(value, bool) or shape is bool)
        name = getattr(shape, "__name__", str(shape))
    else:
        holds, name = _is_checked(value, shape), " ".join((shape.__doc__ or "").split())
    return "" if holds else f"{where or 'the answer'} to be {name}"


def _is_checked(value: object, check: object) -> bool:
    return callable(check) and bool(check(value))


def _fault_of_mapping(value: object, shape: Mapping[str, Shape], where: str) -> str:
    if not isinstance(value, dict):
        return f"{where or 'the answer'} to be an object"
    for key, inner in shape.items():
        name = key.removesuffix("?")
        if name not in value:
            if name == key:
                return f"{where}.{name}".lstrip(".") + " to be there"
            continue
        if fault := fault_of(value[name], inner, f"{where}.{name}".lstrip(".")):
            return fault
    return ""


def _fault_of_list(value: object, shape: Shape, where: str) -> str:
    if not isinstance(value, list):
        return f"{where or 'the answer'} to be a list"
    faults = (fault_of(item, shape, f"{where}[{number}]") for number, item in enumerate(value))
    return next(filter(None, faults), "")


def moment(value: object) -> bool:
    """a moment in ISO 8601 with an offset"""  # noqa: D403, D415 - part of a message
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def moment_or_null(value: object) -> bool:
    """a moment in ISO 8601 with an offset, or null"""  # noqa: D403, D415 - part of a message
    return value is None or moment(value)


def header_pairs(value: object) -> bool:
    """a list of names and values"""  # noqa: D403, D415 - part of a message
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)  # noqa: PLR2004 - a pair
        for pair in value
    )


KEPT_CALLS = 6
NEAR_SECONDS = 60
"""Seconds that a party of this process may take to answer, including everything it does first."""
# After so many it is said whom a command waits for; longer than any call.
SILENT_SECONDS, NEVER_SECONDS = 5, 86_400
USER_AGENT = "privman-scenarios"
CONTROL_PLANE = "/__admin"
_SUCCESS, _CLIENT_ERRORS = range(200, 300), range(400, 500)
# Credentials, a proxy, a time limit, a rate limit: nobody has looked at what was asked.
_UNSEEN = frozenset({401, 407, 408, 425, 429})
# POST creates, which takes nothing from anybody.
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS", "POST"})
_HEADERS = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": USER_AGENT}


@dataclass(frozen=True, slots=True)
class PartyAnswer:
    """An answer; as text it is one line with secrets masked.

    Attributes:
        status: 0 when nothing came.
        headers: names in lower case.
        error: why nothing came, in one line.
    """

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    error: str = ""

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON holds anything
        """The body as JSON, None where it is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    def read(self, shape: Shape) -> Any:  # noqa: ANN401 - JSON of that shape
        """Return the JSON; raises ExpectationError, which shows the exchange, where it was refused or is misshapen."""
        value = self.json
        if self.refused or (fault := fault_of(value, shape)):
            raise ExpectationError("an answer" if self.refused else fault, str(self))
        return value

    @property
    def refused(self) -> bool:
        """Whether it did not do what was asked; so does a page instead of JSON, or an error beside half a result."""
        value = self.json
        failed = isinstance(value, dict) and bool(value.get("error"))
        return self.status not in _SUCCESS or failed or (bool(self.body) and value is None)

    @property
    def is_by_product(self) -> bool:
        """Whether a status of 4xx comes with the error of ServiceNow or of a control plane.

        Not so a page or JSON of a proxy or gateway on the way.
        """
        if self.status not in _CLIENT_ERRORS:
            return True
        value = self.json
        error = value.get("error") if isinstance(value, dict) else None
        if self.path.startswith(CONTROL_PLANE):
            return isinstance(error, str)
        return isinstance(error, dict) and isinstance(error.get("message"), str)

    @property
    def is_of_client(self) -> bool:
        """Whether the product has refused what was asked, not merely who asked or how often."""
        return self.status in _CLIENT_ERRORS and self.status not in _UNSEEN and self.is_by_product

    @property
    def failed(self) -> bool:
        """Whether the product has not refused it: its server failed, something else answered, or nothing."""
        return self.refused and not self.is_of_client

    def __str__(self) -> str:
        shown = f"{self.method} {self.path} -> {self.status} {self.error or self.body.decode(errors='replace')}"
        return mask(shown.strip())


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


class HttpApi:
    """One origin, spoken to in JSON.

    Args:
        session: to send with.
        url: the origin.
        shared: whether others use it, because this run has not started it: then `call` changes and deletes nothing.
        seconds: how long an answer may take.

    Attributes:
        url: without a trailing slash.
        recent: the last calls and their answers, oldest first.
        listeners: called with each call when it has ended.
    """

    def __init__(
        self,
        session: ClientSession,
        url: str,
        *,
        shared: bool = False,
        admin_token: str = "",
        seconds: float = NEAR_SECONDS,
    ) -> None:
        self._session = session
        self.seconds = seconds
        self.admin_token = admin_token
        self.shared = shared
        self.url = url.rstrip("/")
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
        auth: Credentials | None = None,
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
        auth: Credentials | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> PartyAnswer:
        """Do the same whatever it does there; only for `OwnRecords` and `ControlPlane`."""
        if not path.startswith("/"):
            raise ExpectationError("a path that begins with /", repr(path))
        # Whoever sends it would leave line breaks and tabs out: another path than the one that was checked.
        if CONTROL.search(path):
            raise ExpectationError("a path without control characters, which are written as %0A", repr(path))
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        sent = {**_HEADERS, **(headers or {})}
        if auth is not None:
            sent["Authorization"] = auth.header
        try:
            answer = await self._send(method, path, data, sent)
        except TimeoutError:
            answer = PartyAnswer(method, path, 0, {}, b"", f"no answer within {self.seconds:g} s")
        except (ClientError, OSError, ValueError) as error:
            answer = PartyAnswer(method, path, 0, {}, b"", _reason(error))
        self.recent.append(answer)
        for listener in self.listeners:
            listener(PartyCall(f"{self.url}{path}", sent, data or b"", answer))
        return answer

    async def _send(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> PartyAnswer:
        async with (
            self._announced_if_slow(method, path),
            asyncio.timeout(self.seconds),
            self._session.request(
                method,
                URL(f"{self.url}{path}", encoded=True),
                data=data,
                headers=headers,
                allow_redirects=False,
                skip_auto_headers=self._unasked,
            ) as response,
        ):
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
        return f"its certificate is not trusted: {why} (--ca-file PATH names certificates to trust)"
    if isinstance(error, ClientConnectorError) and error.os_error.errno and error.os_error.errno > 0:
        return f"no connection: {reason_of(error.os_error)}"
    return f"no answer: {' '.join(str(error).split()) or type(error).__name__}"
