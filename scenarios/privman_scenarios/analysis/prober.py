"""Play the probes of traps on an instance, leave nothing behind, and compare it with the fake."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from privman_contracts import WireNames
from privman_core.ids import Ids
from privman_scenarios.analysis.traps import ProbeStep, Trap, observe
from privman_scenarios.errors import ExpectationError, TargetUnreachableError
from privman_scenarios.playing.http_api import HttpApi, finished
from privman_scenarios.playing.log_in import Credentials, LogIn
from privman_scenarios.playing.own_records import SYS_ID, Mark, NotOwnError, OwnRecords
from privman_scenarios.playing.party_answer import PartyAnswer

_PLACE = re.compile(r"<([\w.]+)>")
_OK, _CREATED = 200, 201
# So ServiceNow itself answers what it lacks, or what the user may not see; anything else says nothing about that.
_LACKING = (400, 403, 404)
# Characters of an address other than letters and digits; the rest is quoted.
_IN_ADDRESS = "/?&=^,.:;()<>!*@~_-"


@dataclass(slots=True)
class Probed:
    """The outcome of a probe.

    Attributes:
        seen: what was looked at, with what was there.
        left_out: why the probe was not played; empty when it was.
        trouble: why it was given up; empty when it was not.
        left_behind: records that could not be deleted, each with the reason.
    """

    seen: dict[str, str] = field(default_factory=dict)
    left_out: str = ""
    trouble: str = ""
    left_behind: list[str] = field(default_factory=list)


class Prober:
    """Plays probes on one instance as one user.

    Args:
        api: the instance; others use it.
        user: whom it is probed as.
        names: of the wire.
        ids: where marks come from; no two runs may draw the same.
    """

    def __init__(self, api: HttpApi, user: LogIn, names: WireNames, ids: Ids) -> None:
        self._api = api
        self._user = user
        self._stranger = Credentials(f"stranger-{ids.hex(12)}", ids.token())
        self._ids = ids
        self._names = {name.path: str(name.value) for name in names}
        self._own = OwnRecords(api, user)
        self._marks: Counter[tuple[str, str]] = Counter()
        self._me = ("", "")

    async def probe(self, trap: Trap) -> Probed:
        """Play the trap's probe; what it created is deleted, also when it is interrupted.

        Raises TargetUnreachableError that names what an interrupted probe leaves.
        """
        mark = f"fidelity-{self._ids.hex(12)}"
        unknown = self._ids.sys_id()
        drawn = {"mark": mark, "unknown": unknown, "guid": self._ids.guid()}
        user, me = await self._who_am_i()
        places = {**self._names, **drawn, "user": user, "me": me}
        probed = Probed()
        self._own, self._marks = OwnRecords(self._api, self._user), Counter()
        try:
            await self._play(trap, {**places, "long": f"^ORsys_id={unknown}" * 300}, probed)
        except ExpectationError as error:
            probed.trouble = f"expected {error.expected}; got {error.got}"
        except asyncio.CancelledError:
            if left := await self._clean_up(mark):
                raise TargetUnreachableError(f"{self._api.url} keeps records of this run: {'; '.join(left)}.") from None
            raise
        probed.left_behind += await self._clean_up(mark)
        return probed

    async def _play(self, trap: Trap, places: dict[str, str], probed: Probed) -> None:
        if trap.needs:
            answer = await self._api.call("GET", _put(trap.needs, places), auth=self._user)
            if answer.status != _OK and not (answer.status in _LACKING and answer.is_by_product):
                raise ExpectationError(f"{answer.path} to be answered, or refused for good", str(answer))
            if answer.status != _OK:
                probed.left_out = f"{answer.method} {answer.path} answered {answer.status}"
                return
        if trap.table:
            answer = await self._create(
                f"/api/now/table/{trap.table}", _put(trap.values, places), places["mark"], self._user
            )
            probed.seen[f"0 POST /api/now/table/{trap.table}: status"] = str(answer.status)
            if answer.status != _CREATED:
                return
            places["sys_id"] = await self._scratch(answer)
        for number, step in enumerate(trap.steps, start=1):
            seen = await self._step(step, places)
            probed.seen.update({f"{number} {what}": value for what, value in seen.items()})

    async def _scratch(self, answer: PartyAnswer) -> str:
        """Return the sys_id of the scratch record; raises NotOwnError where the instance names another record."""
        records = self._own.newest_first()
        if not records:
            raise NotOwnError("the sys_id of what was created, 32 hexadecimal digits", str(answer))
        await self._own.require_own(records[0])
        return records[0].sys_id

    async def _step(self, step: ProbeStep, places: Mapping[str, str]) -> dict[str, str]:
        answer = await self._send(step, places)
        own = {self._api.url: "<instance>", places["mark"]: "<mark>", f"'{places['user']}'": "<user>"}
        head = f"{step.method} {step.path}{'' if step.user == 'prober' else f' as {step.user}'}"
        return {f"{head}: {what}": observe(answer, what, own) for what in step.compare}

    async def _send(self, step: ProbeStep, places: Mapping[str, str]) -> PartyAnswer:
        users = {"prober": self._user, "nobody": None, "stranger": self._stranger}
        auth, headers = users[step.user], _put(dict(step.headers), places)
        body = step.text.encode() if step.text else _put(step.json, places)
        path = quote(_put(step.path, places), safe=_IN_ADDRESS + "%")
        if step.method == "GET":
            return await self._api.call("GET", path, auth=auth, headers=headers)
        if step.method == "POST" and "<sys_id>" not in step.path:
            return await self._create(path, body, places["mark"], auth, headers)
        # A step changes the scratch record only.
        record = await self._own.look_up(step.path.split("/")[-2], places.get("sys_id", ""))
        return await self._own.send(step.method, record, path, body, auth=auth, headers=headers)

    async def _create(
        self,
        path: str,
        body: object,
        mark: str,
        auth: LogIn | None,
        headers: Mapping[str, str] | None = None,
    ) -> PartyAnswer:
        """Create a record, and remember it, or its mark where the answer names none."""
        values = body[0] if isinstance(body, list) else body
        sent = values if isinstance(values, dict) else {}
        table = urlsplit(path).path.split("/")[-1]
        column = next((column for column, value in sent.items() if value == mark), "")
        await self._own.take_stock(table)
        if column:
            self._marks[table, column] += 1
        answer = await finished(self._api.call("POST", path, body, auth=auth, headers=headers))
        self._own.note(table, sent, answer, marked=True)
        return answer

    async def _clean_up(self, mark: str) -> list[str]:
        """Delete what was created, the newest first, and return what could not be, and why."""
        try:
            marked = [
                record
                for (table, column), most in self._marks.items()
                for record in await self._own.marked(Mark(table, column, mark, most))
            ]
        except ExpectationError as error:
            paths = [record.path for record in self._own.newest_first()]
            return [f"expected {error.expected}; got {error.got}", *paths]
        newest = self._own.newest_first()
        outcomes = [
            await self._own.delete(each) for each in (*newest, *(each for each in marked if each not in newest))
        ]
        return [why for why in outcomes if why]

    async def _who_am_i(self) -> tuple[str, str]:
        """Return user name and sys_id of the user who probes."""
        if not self._me[1]:
            self._me = await self._looked_up()
        return self._me

    async def _looked_up(self) -> tuple[str, str]:
        user = self._user.user
        query = f"user_name={quote(user, safe='')}" if user else "sys_id=javascript:gs.getUserID()"
        answer = await self._api.call(
            "GET", f"/api/now/table/sys_user?sysparm_query={query}&sysparm_limit=1", auth=self._user
        )
        found = (each for each in _users(answer) if SYS_ID.fullmatch(each[1]))
        return next(((user or name, sys_id) for name, sys_id in found), (user, "0" * 32))


def _users(answer: PartyAnswer) -> list[tuple[str, str]]:
    """Return user name and sys_id of each record of an answer."""
    result = answer.json.get("result") if isinstance(answer.json, dict) else None
    records = [each for each in result if isinstance(each, dict)] if isinstance(result, list) else []
    return [(str(each.get("user_name", "")), str(each.get("sys_id", ""))) for each in records]


def _put(value: Any, places: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    """Return the value with each place in it, such as ``<sys_id>``, filled."""
    if isinstance(value, dict):
        return {_put(key, places): _put(item, places) for key, item in value.items()}
    if isinstance(value, list):
        return [_put(item, places) for item in value]
    return _PLACE.sub(lambda found: places.get(found[1], found[0]), value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class TrapDifference:
    """One difference between the fake and the instance."""

    what: str
    fake: str
    instance: str


@dataclass(frozen=True, slots=True)
class TrapComparison:
    """The outcomes of a trap's probe on the fake and on the instance.

    Attributes:
        left_out: why it was not probed; empty when it was.
        trouble: why the probe was given up; empty when it was not.
        left_behind: records on the instance that could not be deleted, each with the reason.
    """

    trap: Trap
    differences: tuple[TrapDifference, ...]
    left_out: str
    trouble: str
    left_behind: tuple[str, ...]


async def compare_trap(trap: Trap, fake: Prober, instance: Prober) -> TrapComparison:
    """Play the trap's probe on the fake and on the instance."""
    here, there = await fake.probe(trap), await instance.probe(trap)
    differences = tuple(_differences(here.seen, there.seen))
    return TrapComparison(trap, differences, there.left_out, there.trouble, tuple(there.left_behind))


def _differences(fake: dict[str, str], instance: dict[str, str]) -> Iterator[TrapDifference]:
    """Yield what differs of what both were asked; a probe that fails early asks no more."""
    for what, seen in fake.items():
        if what in instance and instance[what] != seen:
            yield TrapDifference(what, seen, instance[what])
