"""Plays the probes of traps on one instance and leaves nothing behind."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from privman_contracts import WireNames
from privman_scenarios.credentials import Credentials
from privman_scenarios.fidelity.observation import observe
from privman_scenarios.fidelity.trap import Step, Trap
from privman_scenarios.http_api import Answer, HttpApi
from privman_testbench.ids import Ids

_PLACE = re.compile(r"<([\w.]+)>")
_UNKNOWN = "0" * 32
_OK, _CREATED, _DELETED, _GONE = 200, 201, 204, 404
# What an address may hold besides letters and digits; the rest is quoted.
_IN_ADDRESS = "/?&=^,.:;()<>!*@~_-"


@dataclass(slots=True)
class Probed:
    """What a probe has seen.

    Attributes:
        seen: what was looked at, with what was there.
        left_out: why the probe was not played; empty when it was.
        left_behind: addresses of records that could not be deleted.
    """

    seen: dict[str, str] = field(default_factory=dict)
    left_out: str = ""
    left_behind: list[str] = field(default_factory=list)


class Prober:
    """Plays probes on one instance as one user."""

    def __init__(self, api: HttpApi, user: Credentials, names: WireNames, ids: Ids) -> None:
        self._api = api
        self._user = user
        self._stranger = Credentials(f"stranger-{ids.hex(12)}", ids.token())
        self._ids = ids
        self._names = {name.path: str(name.value) for name in names}
        self._created: list[str] = []
        self._me = ""

    async def probe(self, trap: Trap) -> Probed:
        """Play the trap's probe; what it created is deleted, also when it is interrupted."""
        mark = f"fidelity-{self._ids.hex(12)}"
        places = {**self._names, "mark": mark, "user": self._user.user, "me": await self._own_id(), "unknown": _UNKNOWN}
        probed = Probed()
        try:
            await self._play(trap, {**places, "long": f"^ORsys_id={_UNKNOWN}" * 300}, probed)
        finally:
            probed.left_behind += await self._clean_up(trap, mark)
        return probed

    async def _play(self, trap: Trap, places: dict[str, str], probed: Probed) -> None:
        if trap.needs and (answer := await self._call("GET", _put(trap.needs, places))).status != _OK:
            probed.left_out = f"{answer.method} {answer.path} answered {answer.status}"
            return
        if trap.table:
            answer = await self._call("POST", f"/api/now/table/{trap.table}", _put(trap.values, places))
            probed.seen[f"0 POST /api/now/table/{trap.table}: status"] = str(answer.status)
            places["sys_id"] = _sys_id(answer)
            if answer.status != _CREATED:
                return
        for number, step in enumerate(trap.steps, start=1):
            seen = await self._step(step, places)
            probed.seen.update({f"{number} {what}": value for what, value in seen.items()})

    async def _step(self, step: Step, places: Mapping[str, str]) -> dict[str, str]:
        users = {"prober": self._user, "nobody": None, "stranger": self._stranger}
        body = step.text.encode() if step.text else _put(step.json, places)
        path = quote(_put(step.path, places), safe=_IN_ADDRESS + "%")
        answer = await self._api.call(
            step.method, path, body, auth=users[step.user], headers=_put(dict(step.headers), places)
        )
        self._note(answer)
        own = {self._api.url: "<instance>", places["mark"]: "<mark>", f"'{places['user']}'": "<user>"}
        head = f"{step.method} {step.path}{'' if step.user == 'prober' else f' as {step.user}'}"
        return {f"{head}: {what}": observe(answer, what, own) for what in step.compare}

    async def _call(self, method: str, path: str, body: object = None) -> Answer:
        answer = await self._api.call(method, path, body, auth=self._user)
        self._note(answer)
        return answer

    def _note(self, answer: Answer) -> None:
        """Remember what was created, to delete it."""
        if answer.method == "POST" and answer.status == _CREATED:
            located = urlsplit(answer.headers.get("location", "")).path
            path = located or f"{urlsplit(answer.path).path}/{_sys_id(answer)}"
            # Without the version, so that one record has one address.
            self._created.append(f"/api/now/table/{'/'.join(path.split('/')[-2:])}")

    async def _clean_up(self, trap: Trap, mark: str) -> list[str]:
        """Delete what was created, the newest first, and return what could not be."""
        created, self._created = self._created[::-1], []
        created += [path for path in await self._marked(trap, mark) if path not in created]
        answers = [await self._call("DELETE", path) for path in created]
        return [answer.path for answer in answers if answer.status not in (_DELETED, _GONE)]

    async def _marked(self, trap: Trap, mark: str) -> list[str]:
        """Return the records with the mark, of which perhaps no answer told."""
        found: list[str] = []
        for column in (column for column, value in trap.values.items() if value == "<mark>"):
            answer = await self._call("GET", f"/api/now/table/{trap.table}?sysparm_query={column}={mark}")
            found += [f"/api/now/table/{trap.table}/{record['sys_id']}" for record in _records(answer)]
        return found

    async def _own_id(self) -> str:
        if not self._me:
            self._me = await self._looked_up()
        return self._me

    async def _looked_up(self) -> str:
        query = f"user_name={quote(self._user.user, safe='')}"
        answer = await self._call("GET", f"/api/now/table/sys_user?sysparm_query={query}&sysparm_limit=1")
        return next((record["sys_id"] for record in _records(answer)), _UNKNOWN)


def _records(answer: Answer) -> list[dict[str, Any]]:
    result = answer.json.get("result") if isinstance(answer.json, dict) else None
    return result if isinstance(result, list) else []


def _sys_id(answer: Answer) -> str:
    """Return the sys_id of what was created, else one of nothing."""
    result = answer.json.get("result") if isinstance(answer.json, dict) else None
    return str(result.get("sys_id", _UNKNOWN)) if isinstance(result, dict) else _UNKNOWN


def _put(value: Any, places: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    """Return the value with each place in it, such as ``<sys_id>``, filled."""
    if isinstance(value, dict):
        return {_put(key, places): _put(item, places) for key, item in value.items()}
    if isinstance(value, list):
        return [_put(item, places) for item in value]
    return _PLACE.sub(lambda found: places.get(found[1], found[0]), value) if isinstance(value, str) else value
