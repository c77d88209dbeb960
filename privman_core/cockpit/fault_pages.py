"""The cockpit's page of faults: what is armed and whom it hit, recipes, and a form for every kind."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from privman_core.cockpit.both_ends import BothEnds, Ends
from privman_core.cockpit.ends import End, EndError
from privman_core.cockpit.facts import FaultsState
from privman_core.cockpit.fault_words import effect, in_words, step
from privman_core.cockpit.recipes import BLANKS, Recipe, read_value
from privman_core.control import COCKPIT
from privman_core.cuts import cut
from privman_core.faults import DescribedKind
from privman_core.pages.forms import Form
from privman_core.pages.rendering import see
from privman_core.pages.site import Visit

METHODS = ("", "GET", "POST", "PUT", "PATCH", "DELETE")
FIELDS: Mapping[str, str] = {
    "path": "Path (* matches anything)",
    "skip": "Requests to let pass first",
    "times": "Requests to hit (empty: all)",
    "after": "Delay in seconds before it takes effect",
    "lasts": "Seconds that it lasts (empty: no limit)",
}
_DEFAULTS = {"path": "*", "skip": "0", "times": "1", "after": "0"}
_TEXTS = frozenset({"kind", "method", "path", "body"})
_BLANK_OF = {"after": "from", "lasts": "for"}
"""The field of a recipe from which a key of the fault is read, where it has another name."""
_MOST_DIGITS = 12
_LONGEST = 200


class FaultPages:
    """Arms and disarms faults of both ends."""

    def __init__(self, ends: BothEnds) -> None:
        self._ends = ends

    async def show(self, visit: Visit) -> web.Response:
        """Show the faults, the recipes, and a form for the kind in the address, filled in from there.

        The address of a link may have ``end``, ``kind`` and any field of the form; a ``status`` makes it that kind.
        """
        query = dict(visit.query)
        if query.get("status") and not query.get("kind"):
            query["kind"] = "status"
        return await self._page(visit, Form(_DEFAULTS | query))

    async def arm(self, visit: Visit) -> web.Response:
        """Arm the fault of a recipe, or one of a kind; a form that is refused comes back with errors beside fields."""
        form = visit.form
        try:
            end = await self._chosen(visit)
            await (_follow if form.value("recipe") else _arm)(end, form)
        except EndError as error:
            form.add_error(error.key, str(error))
        return await self._page(visit, form) if form.errors else see(f"{COCKPIT}/faults")

    async def disarm(self, visit: Visit) -> web.Response:
        """Disarm or forget the fault of a ``number`` at an ``end``, or all of that end."""
        number = visit.form.value("number")[:_MOST_DIGITS]
        await (await self._chosen(visit)).disarm(int(number) if number.isascii() and number.isdecimal() else 0)
        return see(f"{COCKPIT}/faults")

    async def _chosen(self, visit: Visit) -> End:
        """Return the end that the form names, by default the one that serves the page; raises EndError."""
        ends, name = await self._ends.find(), visit.form.value("end")
        end = ends.named(name) if name else self._ends.own
        if end is None:
            raise EndError(f"the end {cut(name, _LONGEST)!r} is not shown: {ends.reason}", "end")
        return end

    async def _page(self, visit: Visit, form: Form) -> web.Response:
        ends = await self._ends.find()
        faults = {end.name: await end.faults() for end in ends}
        chosen = ends.named(form.value("end")) or self._ends.own
        return await visit.page(
            "cockpit/faults.html",
            400 if form.errors else 200,
            title="Faults",
            ends=ends,
            faults=faults,
            chosen=chosen.name,
            kind=_kind(faults[chosen.name], form),
            kinds=_ends_by_kind(ends, faults),
            all_kinds={each.kind: each for state in faults.values() for each in state.kinds}.values(),
            methods=METHODS,
            fields=FIELDS,
            blanks=BLANKS,
            words={"in_words": in_words, "effect": effect, "step": step},
            form=form,
        )


def _kind(state: FaultsState, form: Form) -> DescribedKind | None:
    """Return the kind whose fields the form shows; None before one is chosen."""
    return next((each for each in state.kinds if each.kind == form.value("kind")), None)


def _ends_by_kind(ends: Ends, faults: Mapping[str, FaultsState]) -> dict[str, list[str]]:
    """Return every kind, with the ends that have it."""
    kinds = dict.fromkeys(each.kind for state in faults.values() for each in state.kinds)
    return {
        kind: [end.name for end in ends if any(each.kind == kind for each in faults[end.name].kinds)] for kind in kinds
    }


async def _arm(end: End, form: Form) -> None:
    """Arm the fault of a kind; raises EndError."""
    kinds = {each.kind: each for each in (await end.faults()).kinds}
    try:
        await end.arm(_spec(form, kinds))
    except EndError as error:
        raise EndError(str(error), error.key or "end") from None


async def _follow(end: End, form: Form) -> None:
    """Arm the fault of a recipe, unless a field gets an error; raises EndError."""
    recipe = await _recipe(end, form.value("recipe"))
    texts = {name: form.value(name) for name in recipe.blanks}
    spec, errors = recipe.filled(texts, (await end.clock()).now)
    form.errors.update(errors)
    if errors:
        return
    try:
        await end.arm(spec)
    except EndError as error:
        raise EndError(str(error), _BLANK_OF.get(error.key, error.key) or "end") from None


async def _recipe(end: End, name: str) -> Recipe:
    found = next((each for each in (await end.faults()).recipes if each.name == name), None)
    if found is None:
        raise EndError(f"{end.name} has no recipe {cut(name, _LONGEST)!r}", "recipe")
    return found


def _spec(form: Form, kinds: Mapping[str, DescribedKind]) -> dict[str, Any]:
    """Return the fault as the control plane reads it; an empty field means the default, empty ``times`` means all."""
    known = kinds.get(form.value("kind"))
    options = () if known is None else known.options
    texts = {field: form.value(field).strip() for field in ("kind", "method", *FIELDS, *options)}
    return {
        "times": None,
        **{key: text if key in _TEXTS else read_value(text) for key, text in texts.items() if text},
    }
