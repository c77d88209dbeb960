"""The records that this run has created on an instance, and the only way to change or delete a record there."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from privman_core.masking import MASK
from privman_scenarios.errors import ExpectationError
from privman_scenarios.output import mask
from privman_scenarios.playing.http_api import HttpApi
from privman_scenarios.playing.log_in import LogIn
from privman_scenarios.playing.party_answer import PartyAnswer
from privman_scenarios.playing.record_pages import record_pages
from privman_scenarios.playing.stock import COMPLETE, UNKNOWN, Stock, list_stock

SYS_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_TABLE = re.compile(r"[a-z]\w*", re.ASCII)
_RECORD_PATH = re.compile(r"/api/now/(?:v\d/)?table/([a-z]\w*)/([0-9a-f]{32})", re.ASCII)
_SPAN = re.compile(r"(?:\d{4}-\d\d-\d\d )?\d+:\d\d:\d\d", re.ASCII)
# Whoever answers so may have passed the creation on before.
_LOST = (0, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT)
# A text that was cut at the length of its column says enough when it is that long.
_TELLING = 20


class NotOwnError(ExpectationError):
    """A record would be changed or deleted that this run has not created, as far as can be seen."""


@dataclass(slots=True)
class OwnRecord:
    """A record that was created by this run.

    Attributes:
        table: as the instance calls it.
        sys_id: 32 hexadecimal digits, from the answer to its creation.
        sent: the values of its creation that nobody of this run has changed since.
        stock: what its table had before.
        by: the user who has created it; empty where that is not known.
    """

    table: str
    sys_id: str
    sent: dict[str, Any]
    stock: Stock = COMPLETE
    by: str = ""

    @property
    def path(self) -> str:
        """The record's path."""
        return f"/api/now/table/{self.table}/{self.sys_id}"

    def changed(self, values: Mapping[str, Any]) -> None:
        """Take note that this run has changed columns: what an instance makes of that is not known."""
        unchanged = {column: value for column, value in self.sent.items() if column not in values}
        self.sent = unchanged or {column: values[column] for column in self.sent}


@dataclass(frozen=True, slots=True)
class Mark:
    """A value by which records are recognized whose creation was never answered with a sys_id.

    Attributes:
        value: drawn by this run, so that no record of anybody else holds it.
        most: how many records there may be with it.
    """

    table: str
    column: str
    value: str
    most: int


class OwnRecords:
    """The records of this run on one instance.

    No other class sends PATCH, PUT or DELETE to an instance that this run did not start. It does so only for a sys_id
    of 32 hexadecimal digits that the instance returned for a creation of this run, after it has read the record and
    found in it what was sent.

    Attributes:
        others: the sys_id of each record of the app that was there before this run.
        stocks: what each table had before this run has created a record there.
        kept: those that this run uses all the same; they stay too.
        sources: note what else has been created, such as by a console.
        consoles: addresses of the consoles that this run lets act, each with a slash at the end.
        unnamed: what may have been created, though no answer names the record, and no mark finds it.
        unlisted: the tables of the app that the instance does not list: what this run creates there is not deleted.
    """

    def __init__(self, api: HttpApi, reader: LogIn) -> None:
        self._api = api
        self._reader = reader
        self._records: list[OwnRecord] = []
        self.others: frozenset[str] = frozenset()
        self.kept: frozenset[str] = frozenset()
        self.stocks: dict[str, Stock] = {}
        self.sources: list[Callable[[], Awaitable[None]]] = []
        self.consoles: set[str] = set()
        self.unnamed: list[str] = []
        self.unlisted: frozenset[str] = frozenset()

    async def take_stock(self, table: str) -> None:
        """Record what a table has before this run creates its first record there."""
        if _TABLE.fullmatch(table) and self.stocks.get(table, UNKNOWN) == UNKNOWN:
            self.stocks[table] = await list_stock(self._api, table, self._reader)

    def note(
        self, table: str, sent: Mapping[str, Any], answer: PartyAnswer, *, marked: bool = False, by: str = ""
    ) -> bool:
        """Remember what a creation has made; returns whether its answer names a record.

        A record of a table of which no stock was taken is never deleted, as nobody knows whether it is new.
        Where it names none, and no mark finds the record (``marked``), that is kept in `unnamed`.
        """
        sys_id = _created(answer, table)
        if not sys_id or sys_id in self.others | self.kept:
            if not marked and self._may_have_created(table, answer):
                column, value = next(iter(sent.items()), ("", ""))
                what = f"{table} with {column} {_shortened(value)}"
                self.unnamed.append(f"/api/now/table/{what} (perhaps created, but no answer names the record)")
            return False
        if self.find(table, sys_id) is None:
            self._records.append(OwnRecord(table, sys_id, dict(sent), self.stocks.get(table, UNKNOWN), by))
        return True

    def _may_have_created(self, table: str, answer: PartyAnswer) -> bool:
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - success
            return answer.status in _LOST
        sys_id = _named(answer)
        return sys_id not in self.others | self.kept and self.find(table, sys_id) is None

    def find(self, table: str, sys_id: str) -> OwnRecord | None:
        """Return the record of this run with that sys_id, None where it is not one."""
        return next((each for each in self._records if (each.table, each.sys_id) == (table, sys_id)), None)

    async def refresh(self) -> None:
        """Record what has been created since the last time."""
        for source in self.sources:
            await source()

    async def look_up(self, table: str, sys_id: str) -> OwnRecord:
        """Return the record of this run with that sys_id; raises NotOwnError where it is not one."""
        await self.refresh()
        return self.created(table, sys_id)

    def created(self, table: str, sys_id: str) -> OwnRecord:
        """Return the same, as far as has been noted; raises NotOwnError where it is not one."""
        record = self.find(table, sys_id)
        if record is None:
            raise NotOwnError("a record that this run has created", f"/api/now/table/{table}/{sys_id}")
        return record

    def newest_first(self) -> list[OwnRecord]:
        """Return every record, the newest first."""
        return self._records[::-1]

    async def change(self, record: OwnRecord, values: Mapping[str, Any], auth: LogIn) -> PartyAnswer:
        """Change columns of a record; raises NotOwnError where it is not this run's."""
        return await self.send("PATCH", record, record.path, values, auth=auth)

    async def send(  # noqa: PLR0913 - what a request is made of
        self,
        method: str,
        record: OwnRecord,
        path: str,
        body: object,
        *,
        auth: LogIn | None,
        headers: Mapping[str, str] | None = None,
    ) -> PartyAnswer:
        """Send what changes the record, as it is, to its path with or without a query; raises NotOwnError."""
        if urlsplit(path).path != record.path or method == "DELETE":
            raise NotOwnError(f"to change {record.path} only", f"{method} {path}")
        await self.require_own(record)
        answer = await self._api.send_unchecked(method, path, body, auth=auth, headers=headers)
        if isinstance(body, Mapping) and not answer.refused:
            record.changed(body)
        return answer

    async def require_own(self, record: OwnRecord) -> None:
        """Raise NotOwnError unless the instance shows the record as this run has created it."""
        if why := _why_not_own(record, await self._read(record)):
            raise NotOwnError(f"{record.path} to be the record that this run has created", why)

    async def delete(self, record: OwnRecord) -> str:
        """Delete the record after a look at it; returns why it could not be, empty when it is gone."""
        answer = await self._read(record)
        if answer.status != HTTPStatus.NOT_FOUND:
            if why := _why_not_own(record, answer):
                return f"{record.path} ({why})"
            answer = await self._api.send_unchecked("DELETE", record.path, None, auth=self._reader)
            if not answer.refused and (await self._read(record)).status != HTTPStatus.NOT_FOUND:
                return f"{record.path} (still there after DELETE was answered {answer.status})"
        return f"{record.path} ({answer})" if answer.refused and answer.status != HTTPStatus.NOT_FOUND else ""

    async def remove(self, record: OwnRecord, auth: LogIn) -> PartyAnswer:
        """Delete the record as a step of a scenario does; raises NotOwnError where it is not this run's."""
        await self.require_own(record)
        return await self._api.send_unchecked("DELETE", record.path, None, auth=auth)

    async def marked(self, mark: Mark) -> list[OwnRecord]:
        """Return the records that carry the mark; raises NotOwnError where there are more than were created."""
        query = urlencode({"sysparm_query": f"{mark.column}={mark.value}", "sysparm_exclude_reference_link": "true"})
        found = []
        async for page in record_pages(self._api.getting(self._reader), f"/api/now/table/{mark.table}?{query}"):
            if page.refused:
                raise ExpectationError(f"the records of {mark.table} with {mark.column} {mark.value!r}", str(page))
            # An instance ignores a term of a query that it does not understand, and then every record is found.
            found += [
                OwnRecord(mark.table, record["sys_id"], {mark.column: mark.value})
                for record in _records(page)
                if record.get(mark.column) == mark.value and record["sys_id"] not in self.others | self.kept
            ]
        found = [self.find(each.table, each.sys_id) or each for each in found]
        if len(found) > mark.most:
            paths = ", ".join(each.path for each in found)
            expected = f"at most {mark.most} records of {mark.table} with {mark.column} {mark.value!r}"
            raise NotOwnError(f"{expected}, as many as this run has created", f"{len(found)}: {paths}")
        return found

    async def _read(self, record: OwnRecord) -> PartyAnswer:
        if not SYS_ID.fullmatch(record.sys_id) or not _TABLE.fullmatch(record.table):
            raise NotOwnError("a sys_id of 32 hexadecimal digits", record.path)
        path = f"{record.path}?sysparm_exclude_reference_link=true"
        return await self._api.call("GET", path, auth=self._reader)


def _why_not_own(record: OwnRecord, answer: PartyAnswer) -> str:
    """Return why the record that was read is not to be touched; empty when it is this run's."""
    shown = answer.json.get("result") if isinstance(answer.json, dict) else None
    if answer.refused or not isinstance(shown, dict):
        return f"it cannot be read: {answer}"
    if shown.get("sys_id") != record.sys_id:
        return f"the instance shows another record there, {_shortened(shown.get('sys_id'))}"
    by = text_of(shown.get("sys_created_by"))
    if record.by and by and by.lower() != record.by.lower():
        return f"{_shortened(by)} has created it, and this run is {_shortened(record.by)}"
    return record.stock.why_doubtful(record.sys_id, shown) or "; ".join(_differences(record.sent, shown))


def _named(answer: PartyAnswer) -> str:
    """Return the sys_id of the record in an answer, empty where there is none."""
    result = answer.json.get("result") if isinstance(answer.json, dict) else None
    return str(result.get("sys_id")) if isinstance(result, dict) else ""


def _created(answer: PartyAnswer, table: str) -> str:
    """Return the sys_id that the answer to a creation names, empty where that is none."""
    result = answer.json.get("result") if isinstance(answer.json, dict) else None
    # Where a record is there already, an instance may answer that one, with another status.
    if answer.status != HTTPStatus.CREATED:
        return ""
    sys_id = result.get("sys_id") if isinstance(result, dict) else None
    if sys_id is None:
        found = _RECORD_PATH.fullmatch(urlsplit(answer.headers.get("location", "")).path)
        sys_id = found[2] if found and found[1] == table else None
    return sys_id if isinstance(sys_id, str) and SYS_ID.fullmatch(sys_id) and _TABLE.fullmatch(table) else ""


def _records(answer: PartyAnswer) -> Iterator[Mapping[str, Any]]:
    """Yield the records of an answer that have a sys_id."""
    result = answer.json.get("result") if isinstance(answer.json, dict) else None
    for each in result if isinstance(result, list) else ():
        sys_id = each.get("sys_id") if isinstance(each, dict) else None
        if isinstance(sys_id, str) and SYS_ID.fullmatch(sys_id):
            yield each


def _differences(sent: Mapping[str, Any], shown: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the record shows other than it was created; also when it shows nothing of that."""
    # System columns can be sent, and are ignored.
    own = {column: value for column, value in sent.items() if not column.startswith("sys_")}
    compared = {column: agree(value, shown.get(column)) for column, value in own.items()}
    for column, agrees in compared.items():
        if agrees is False:
            yield f"its {column} is {_shortened(shown[column])}, and this run sent {_shortened(sent[column])}"
    if not any(compared.values()):
        yield "it shows nothing of what this run sent"


def agree(sent: object, shown: object) -> bool | None:
    """Tell whether a column shows what was sent; None where that cannot be seen, as with a password."""
    ours, theirs = text_of(sent), text_of(shown)
    if ours and (ours == theirs or (len(theirs) >= _TELLING and ours.startswith(theirs))):
        return True
    pairs = _object(ours), _object(theirs)
    if all(pairs):
        return _agree_in_json(*pairs)
    # An instance keeps a duration as a date.
    unseen = not ours or not theirs or MASK in ours or set(theirs) == {"*"} or _SPAN.fullmatch(ours)
    return None if unseen else False


def _agree_in_json(sent: Mapping[str, Any], shown: Mapping[str, Any]) -> bool | None:
    agreed = [agree(value, shown.get(key)) for key, value in sent.items()]
    return False if False in agreed else any(agreed) or None


def _shortened(value: object) -> str:
    """Return the beginning of a value for people; masked before it is cut, as half a secret is recognized by nobody."""
    return repr(mask(text_of(value))[:60])


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def text_of(value: object) -> str:
    """Return what the Table API writes for a value; of a reference, the record that it names."""
    if isinstance(value, Mapping):
        value = value.get("value")
    if value is None:
        return ""
    return (str(value).lower() if isinstance(value, bool) else str(value)).strip()
