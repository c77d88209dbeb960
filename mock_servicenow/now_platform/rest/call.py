"""One call of a REST API and its answer, so that a batch can make calls as the web server does."""

from collections.abc import Callable, Generator, Iterable, Mapping
from io import BytesIO
from typing import IO, Any
from urllib.parse import parse_qsl, quote

from msgspec import Struct, field
from multidict import CIMultiDict, MultiDict
from yarl import URL

from mock_servicenow.now_platform.errors import PlatformError
from mock_servicenow.now_platform.running import Repeatable
from mock_servicenow.now_platform.users import User
from privman_core.cuts import cut
from privman_core.findings import Finding

JSON = "application/json;charset=UTF-8"
XML = "application/xml; charset=UTF-8"


_OVERRIDDEN = frozenset({"GET", "POST"})


def verb_of(method: str, headers: Mapping[str, str], findings: list[Finding] | None = None) -> str:
    """Return the verb that counts: of a GET or POST the overriding one, if the header names it (Docs: REST API).

    Args:
        method: the verb that was sent.
        headers: those of the request.
        findings: collects that the header is ignored.
    """
    override, sent = headers.get("X-HTTP-Method-Override"), method.upper()
    if not override or sent in _OVERRIDDEN:
        return (override or method).upper()
    if findings is not None:
        message = f"X-HTTP-Method-Override '{cut(override, 20)}' of a {sent} is ignored: it counts for GET and POST"
        findings.append(Finding("swallowed", "override-ignored", message, "X-HTTP-Method-Override"))
    return sent


class Call(Struct):
    """One call.

    Attributes:
        verb: as `verb_of` returns it.
        path: the whole path of the URL, decoded.
        version: ``v1`` or ``v2`` where the URL names it, else empty.
        prefix: what links to records begin with: ``/api/now``, and the version if this call names one.
        resource: what follows the namespace, such as ``/api/now``, and the version.
        query: the decoded parameters.
        raw_query: the query string as sent.
        origin: what links in the answer begin with, such as ``https://dev12345.service-now.com``.
        headers: case-insensitive.
        findings: collects what is swallowed.
        upload: the body where it is a file, which may be too large for memory; ``body`` is empty then.
        check: raises PlatformError unless the sender may call another path by a verb: its API is open, to the
            credential too, and no rate limit is exceeded. It counts that call.
    """

    verb: str
    path: str
    query: MultiDict[str]
    raw_query: str
    origin: str
    headers: Mapping[str, str]
    body: bytes
    user: User
    findings: list[Finding]
    check: Callable[[str, str], object]
    version: str = ""
    prefix: str = "/api/now"
    resource: tuple[str, ...] = ()
    upload: IO[bytes] | None = None

    def file(self) -> IO[bytes]:
        """Return the body to be read piece by piece."""
        return BytesIO(self.body) if self.upload is None else self.upload

    def swallowed(self, rule: str, message: str, where: str = "") -> None:
        """Record that something was ignored without saying so."""
        self.findings.append(Finding("swallowed", rule, message, where))


class Answer(Struct):
    """The answer to a call; the headers that every answer carries are added later.

    Attributes:
        pieces: the body in its place where it may be too large for memory.
    """

    status: int = 200
    body: bytes = b""
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict)
    pieces: Iterable[bytes] | None = None


Steps = Generator[Repeatable[Any] | None, Any, Answer]
"""Work on a call that takes long: other calls may be answered wherever it yields.

Where it yields something `Repeatable`, it is sent what that returns.
"""


def guarded(begin: Callable[[], Answer | Steps], failure: Callable[[PlatformError], Answer]) -> Answer | Steps:
    """Return the outcome of a call, in which a PlatformError becomes an answer, however late it is raised."""
    try:
        outcome = begin()
    except PlatformError as error:
        return failure(error)
    return outcome if isinstance(outcome, Answer) else _guarded(outcome, failure)


def _guarded(steps: Steps, failure: Callable[[PlatformError], Answer]) -> Steps:
    try:
        return (yield from steps)
    except PlatformError as error:
        return failure(error)


def steps_of(outcome: Answer | Steps) -> Steps:
    """Return the work that is left of an API's outcome."""
    return outcome if isinstance(outcome, Answer) else (yield from outcome)


_KEPT = "%/:?@!$'()*+,;=&~-._"


def address_of(url: str) -> URL:
    """Return an address without its query; raises ValueError."""
    return URL(url.partition("#")[0].partition("?")[0])


def query_of(url: str) -> str:
    """Return the query of an address, what cannot be sent as it is encoded; raises ValueError."""
    return quote(url.partition("#")[0].partition("?")[2], _KEPT)


def parameters_of(query: str) -> MultiDict[str]:
    """Return the decoded parameters of a query."""
    return MultiDict(parse_qsl(query, keep_blank_values=True))
