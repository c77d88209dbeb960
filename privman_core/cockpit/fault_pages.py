"""The cockpit's page of faults: known ones with the exchanges that they struck, recipes, and a form for each kind."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from privman_core.cockpit.fault_words import effect, in_words, step
from privman_core.cockpit.parties import PartyFinder
from privman_core.cockpit.party_facts import FaultsState
from privman_core.cockpit.recipes import BLANKS, Recipe, read_value
from privman_core.cockpit.shown_party import PartyError, ShownParty
from privman_core.control import COCKPIT
from privman_core.cuts import cut
from privman_core.faults import DescribedKind
from privman_core.inputs import quoted
from privman_core.natural_numbers import MANY, natural_number
from privman_core.pages.forms import Form
from privman_core.pages.rendering import see
from privman_core.pages.site import PageError, Visit

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
_ALL = "all"
_LONGEST = 200


class FaultPages:
    """Arms and disarms faults of both parties."""

    def __init__(self, parties: PartyFinder) -> None:
        self._parties = parties

    async def show(self, visit: Visit) -> web.Response:
        """Show the faults, the recipes, and a form for the kind in the address, filled in from there.

        A link may set ``party``, ``kind`` and any field of the form in its address; a ``status`` alone means that kind.
        """
        query = dict(visit.query)
        if query.get("status") and not query.get("kind"):
            query["kind"] = "status"
        form = Form(_DEFAULTS | query)
        try:
            await self._chosen(form)
        except PartyError as error:
            form.add_error(error.key, str(error))
        return await self._page(visit, form)

    async def arm(self, visit: Visit) -> web.Response:
        """Arm the fault of a recipe, or one of a kind; a refused form is shown again with errors beside its fields."""
        form = visit.form
        try:
            party = await self._chosen(form)
            await (_follow if form.value("recipe") else _arm)(party, form)
        except PartyError as error:
            form.errors.update(error.errors or {error.key or "party": str(error)})
        return await self._page(visit, form) if form.errors else see(f"{COCKPIT}/faults")

    async def disarm(self, visit: Visit) -> web.Response:
        """Disarm or forget the fault of a ``number`` at a ``party``; the number ``all`` means every one there."""
        number, party = visit.form.value("number"), await self._chosen(visit.form)
        if number == _ALL:
            await party.disarm_all()
        elif (armed := natural_number(number)) is not None and armed < MANY:
            await party.disarm(armed)
        else:
            what = f"'number' is {quoted(number)}; expected the number of a fault, or {_ALL}."
            raise PageError(HTTPStatus.UNPROCESSABLE_ENTITY, "Not possible", what)
        return see(f"{COCKPIT}/faults")

    async def _chosen(self, form: Form) -> ShownParty:
        """Return the party that the form names, by default the one that serves the page; raises PartyError."""
        parties, name = await self._parties.find(), form.value("party")
        party = parties.named(name) if name else self._parties.own
        if party is None:
            why = parties.reason or f"expected {' or '.join(each.name for each in parties)}."
            raise PartyError(f"the party {cut(name, _LONGEST)!r} is not shown: {why}", "party")
        return party

    async def _page(self, visit: Visit, form: Form) -> web.Response:
        parties = await self._parties.find()
        faults = {party.name: await party.faults() for party in parties}
        party = parties.named(form.value("party"))
        # One that is not shown stays chosen, so that nobody arms the fault elsewhere by mistake.
        chosen = party.name if party else cut(form.value("party"), _LONGEST) or self._parties.own.name
        return await visit.page(
            "cockpit/faults.html",
            400 if form.errors else 200,
            title="Faults",
            parties=parties,
            faults=faults,
            chosen=chosen,
            kind=_kind(faults.get(chosen) or faults[self._parties.own.name], form),
            kinds=_parties_by_kind(faults),
            all_kinds={each.kind: each for state in faults.values() for each in state.kinds}.values(),
            methods=METHODS,
            fields=FIELDS,
            blanks=BLANKS,
            words={"in_words": in_words, "effect": effect, "step": step},
            form=form,
            posted=visit.request.method == "POST",
        )


def _kind(state: FaultsState, form: Form) -> DescribedKind | None:
    """Return the kind whose fields the form shows; None until one is chosen."""
    return next((each for each in state.kinds if each.kind == form.value("kind")), None)


def _parties_by_kind(faults: Mapping[str, FaultsState]) -> dict[str, list[str]]:
    """Return every kind, with the parties that have it."""
    kinds = dict.fromkeys(each.kind for state in faults.values() for each in state.kinds)
    return {
        kind: [name for name, state in faults.items() if any(each.kind == kind for each in state.kinds)]
        for kind in kinds
    }


async def _arm(party: ShownParty, form: Form) -> None:
    """Arm the fault of a kind; raises PartyError."""
    kinds = {each.kind: each for each in (await party.faults()).kinds}
    await party.arm(_spec(form, kinds))


async def _follow(party: ShownParty, form: Form) -> None:
    """Arm the fault of a recipe, unless a field has an error; raises PartyError."""
    recipe = await _recipe(party, form.value("recipe"))
    texts = {name: form.value(name) for name in recipe.blanks}
    spec, errors = recipe.filled(texts, (await party.clock()).now)
    if errors:
        raise PartyError(", ".join(errors), errors=errors)
    await party.arm(spec)


async def _recipe(party: ShownParty, name: str) -> Recipe:
    found = next((each for each in (await party.faults()).recipes if each.name == name), None)
    if found is None:
        raise PartyError(f"{party.name} has no recipe {cut(name, _LONGEST)!r}", "recipe")
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
