"""Faults to arm and disarm."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from privman_core.control import COCKPIT
from privman_core.faults import FaultError, Faults
from privman_core.pages.answers import see
from privman_core.pages.cockpit_frame import CockpitFrame
from privman_core.pages.cockpit_gate import posted

METHODS = ("", "GET", "POST", "PUT", "PATCH", "DELETE")
_FIELDS: Mapping[str, str] = {
    "path": "Path (* for anything)",
    "skip": "How many pass first",
    "times": "How many it strikes (empty: all)",
    "after": "Seconds until it begins",
}
_FIRST = {"path": "*", "skip": "0", "times": "1", "after": "0"}
_TEXTS = frozenset({"kind", "method", "path", "body"})


class FaultPage:
    """What befalls the next requests that fit."""

    def __init__(self, frame: CockpitFrame, faults: Faults) -> None:
        self._frame = frame
        self._faults = faults
        self._keys = ("kind", "method", *_FIELDS, *faults.options)

    async def show(self, request: web.Request) -> web.Response:
        """Answer the page."""
        return self._page(request, _FIRST)

    async def arm(self, request: web.Request) -> web.Response:
        """Arm one fault; what cannot be armed comes back beside its field."""
        texts = {key: await posted(request, key) for key in self._keys}
        try:
            self._faults.arm(_spec(texts))
        except FaultError as error:
            return self._page(request, texts, error)
        return see(f"{COCKPIT}/faults")

    async def disarm(self, request: web.Request) -> web.Response:
        """Disarm the fault of a ``number``, or all."""
        number = await posted(request, "number")
        if number.isascii() and number.isdecimal():
            self._faults.disarm(int(number[:12]))
        else:
            self._faults.clear()
        return see(f"{COCKPIT}/faults")

    def _page(self, request: web.Request, texts: dict[str, str], error: FaultError | None = None) -> web.Response:
        return self._frame.page(
            "faults.html",
            request,
            200 if error is None else 400,
            title="Faults",
            armed=self._faults.armed,
            kinds=self._faults.kinds,
            methods=METHODS,
            fields=_FIELDS,
            options=self._faults.options,
            texts=dict.fromkeys(self._keys, "") | texts,
            wrong="" if error is None else error.key,
            error="" if error is None else str(error),
        )


def _spec(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the fault as JSON has it; an empty field stands for the usual, empty ``times`` for all."""
    given = {key: text if key in _TEXTS else _value(text) for key, text in texts.items() if text}
    return {"times": None, **given}


def _value(text: str) -> object:
    """Return the number or object that a text spells; the text itself where it spells none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
