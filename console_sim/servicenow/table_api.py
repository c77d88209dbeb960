"""The Table API as its callers see it (platform 1)."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote, urlencode

import orjson

from console_sim.credential import Credential
from console_sim.servicenow.answers import Record, read_record, read_records, read_texts
from console_sim.servicenow.failures import UnreachableError
from privman_core.clock import Clock
from privman_core.outbound import Answer, HttpCaller, NoAnswerError

Fields = Mapping[str, str]
_MOST_FOUND = 100


class TableApi:
    """Calls one instance as one user, with HTTP Basic; every method raises ServiceNowError."""

    def __init__(self, caller: HttpCaller, clock: Clock, base_url: str, credential: Credential, seconds: float) -> None:
        self._caller = caller
        self._clock = clock
        self._base_url = base_url
        self._seconds = seconds
        account = f"{credential.account_name}:{credential.password}".encode()
        self._headers = {"Authorization": f"Basic {b64encode(account).decode()}", "Accept": "application/json"}

    async def create(self, table: str, fields: Fields) -> str:
        """Insert a record and return its sys_id."""
        return read_record(*await self._call("POST", self._url(table), fields)).sys_id

    async def update(self, table: str, sys_id: str, fields: Fields) -> None:
        """Change a record."""
        read_texts(*await self._call("PATCH", self._url(table, sys_id), fields))

    async def read(self, table: str, sys_id: str) -> Mapping[str, str]:
        """Return the columns of a record that hold text."""
        return read_texts(*await self._call("GET", self._url(table, sys_id)))

    async def find(self, table: str, query: str, columns: Sequence[str]) -> list[Record]:
        """Return sys_id and these columns of the newest records that fit the encoded query, the newest first."""
        parameters = {
            "sysparm_query": f"{query}^ORDERBYDESCsys_created_on",
            "sysparm_fields": ",".join(["sys_id", *columns]),
            "sysparm_exclude_reference_link": "true",
            "sysparm_limit": str(_MOST_FOUND),
        }
        return read_records(*await self._call("GET", f"{self._url(table)}?{urlencode(parameters, quote_via=quote)}"))

    def _url(self, *parts: str) -> str:
        return "/".join([table_url(self._base_url), *parts])

    async def _call(self, method: str, url: str, fields: Fields | None = None) -> tuple[Answer, datetime]:
        """Return the answer and when it came."""
        headers, body = dict(self._headers), b""
        if fields is not None:
            headers["Content-Type"] = "application/json"
            body = orjson.dumps(dict(fields))
        try:
            answer = await self._caller.send(method, url, headers, body, self._seconds)
        except NoAnswerError as error:
            raise UnreachableError(str(error)) from None
        return answer, self._clock.now()


def table_url(base_url: str) -> str:
    """Return where the Table API of that instance is."""
    return f"{base_url}/api/now/table"
