"""The cockpit's pages that control both ends: arming faults, advancing the clock."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from privman_core.clock import MOST_SECONDS
from privman_core.cockpit.both_ends import BothEnds, advance, read_clocks
from privman_core.cockpit.ends import End, EndError
from privman_core.control import COCKPIT
from privman_core.cuts import cut
from privman_core.pages.forms import Form
from privman_core.pages.rendering import see
from privman_core.pages.site import Visit

METHODS = ("", "GET", "POST", "PUT", "PATCH", "DELETE")
JUMPS = {"1 second": 1, "50 seconds": 50, "1 hour": 3_600, "16 hours 30 minutes": 59_400, "1 day": 86_400}
"""The jumps that have a button, in seconds."""
_FIELDS: Mapping[str, str] = {
    "path": "Path (* matches anything)",
    "skip": "Requests to let pass first",
    "times": "Requests to hit (empty: all)",
    "after": "Delay in seconds before it takes effect",
    "lasts": "Seconds that it lasts (empty: no limit)",
}
_DEFAULTS = {"path": "*", "skip": "0", "times": "1", "after": "0"}
_TEXTS = frozenset({"kind", "method", "path", "body"})
_MOST_DIGITS = 12


class FaultPages:
    """Arms and disarms faults of both ends."""

    def __init__(self, ends: BothEnds) -> None:
        self._ends = ends

    async def show(self, visit: Visit) -> web.Response:
        """Show the armed faults, and a form to arm one."""
        return await self._page(visit, Form(_DEFAULTS))

    async def arm(self, visit: Visit) -> web.Response:
        """Arm one fault; a form that is refused comes back with an error beside its field."""
        try:
            end = await self._chosen(visit)
            options = [option for each in (await end.faults()).kinds for option in each.options]
            texts = {field: visit.form.value(field).strip() for field in ("kind", "method", *_FIELDS, *options)}
            await end.arm(_spec(texts))
        except EndError as error:
            visit.form.add_error(error.key, str(error))
            return await self._page(visit, visit.form)
        return see(f"{COCKPIT}/faults")

    async def disarm(self, visit: Visit) -> web.Response:
        """Disarm the fault of a ``number`` at an ``end``, or all of that end."""
        number = visit.form.value("number")[:_MOST_DIGITS]
        await (await self._chosen(visit)).disarm(int(number) if number.isascii() and number.isdecimal() else 0)
        return see(f"{COCKPIT}/faults")

    async def _chosen(self, visit: Visit) -> End:
        """Return the end that the form names, by default the one that serves the page; raises EndError."""
        ends, name = await self._ends.find(), visit.form.value("end")
        end = ends.named(name) if name else self._ends.own
        if end is None:
            raise EndError(f"{name!r} is not shown: {ends.reason}", "end")
        return end

    async def _page(self, visit: Visit, form: Form) -> web.Response:
        ends = await self._ends.find()
        faults = {end.name: await end.faults() for end in ends}
        kinds = {each.kind: each for state in faults.values() for each in state.kinds}
        return await visit.page(
            "cockpit/faults.html",
            400 if form.errors else 200,
            title="Faults",
            ends=ends,
            faults=faults,
            kinds=kinds,
            methods=METHODS,
            fields=_FIELDS,
            options=list(dict.fromkeys(option for each in kinds.values() for option in each.options)),
            form=form,
        )


class ClockPages:
    """Shows and advances the clocks of both ends."""

    def __init__(self, ends: BothEnds) -> None:
        self._ends = ends

    async def show(self, visit: Visit) -> web.Response:
        """Show the time, and a form to advance it."""
        return await self._page(visit, Form())

    async def advance(self, visit: Visit) -> web.Response:
        """Advance both clocks; answer when everything that fell due has been sent and answered."""
        form, text = visit.form, visit.form.value("seconds").strip()
        seconds = _seconds(text)
        if seconds is None:
            form.add_error("seconds", f"invalid seconds '{cut(text, 40)}': expected a number from 0 to {MOST_SECONDS}")
            return await self._page(visit, form)
        try:
            await advance(await self._ends.find(), seconds)
        except EndError as error:
            form.add_error("seconds", str(error))
            return await self._page(visit, form)
        return see(f"{COCKPIT}/clock")

    async def _page(self, visit: Visit, form: Form) -> web.Response:
        ends, status = await self._ends.find(), 400 if form.errors else 200
        clocks = await read_clocks(ends)
        return await visit.page(
            "cockpit/clock.html", status, title="Clock", ends=ends, clocks=clocks, jumps=JUMPS, form=form
        )


def _spec(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the fault as the control plane reads it; an empty field means the default, empty ``times`` means all."""
    given = {key: text if key in _TEXTS else _value(text) for key, text in texts.items() if text}
    return {"times": None, **given}


def _value(text: str) -> object:
    """Return the number or object that a text spells, or the text itself."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= MOST_SECONDS else None
