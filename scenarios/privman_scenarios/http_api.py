"""JSON over HTTP, as a scenario speaks it to either party."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import ClientError, ClientSession
from yarl import URL

from privman_scenarios.credentials import Credentials
from privman_testbench.masking import Secrets

KEPT_CALLS = 6
USER_AGENT = "privman-scenarios"
_SUCCESS = range(200, 300)
_HEADERS = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": USER_AGENT}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; as text it is one line with secrets masked.

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

    @property
    def refused(self) -> bool:
        """Whether it did not do what was asked; a page instead of JSON is a refusal too."""
        return self.status not in _SUCCESS or (bool(self.body) and self.json is None)

    def __str__(self) -> str:
        shown = f"{self.method} {self.path} -> {self.status} {self.error or self.body.decode(errors='replace')}"
        return Secrets().mask(shown.strip())


class HttpApi:
    """One origin, spoken to in JSON.

    Attributes:
        url: without a trailing slash.
        recent: the last calls and their answers, oldest first.
    """

    def __init__(self, session: ClientSession, url: str) -> None:
        self._session = session
        self.url = url.rstrip("/")
        self.recent: deque[Answer] = deque(maxlen=KEPT_CALLS)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        auth: Credentials | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a JSON body (bytes go as they are) and return the answer, status 0 where there was none."""
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        sent = {**_HEADERS, **(headers or {})}
        if auth is not None:
            sent["Authorization"] = auth.header
        try:
            answer = await self._send(method, path, data, sent)
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            answer = Answer(method, path, 0, {}, b"", f"no answer: {reason}")
        self.recent.append(answer)
        return answer

    async def _send(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> Answer:
        async with (
            asyncio.timeout(60),
            self._session.request(
                method,
                URL(f"{self.url}{path}", encoded=True),
                data=data,
                headers=headers,
                allow_redirects=False,
            ) as response,
        ):
            received = {name.lower(): value for name, value in response.headers.items()}
            return Answer(method, path, response.status, received, await response.read())
