"""The cockpit's pages that replay a request, as it was or edited."""

from collections.abc import Callable
from http import HTTPStatus

from aiohttp import web

from privman_core.cockpit.addresses import exchange_page, target_of
from privman_core.cockpit.chosen_exchanges import Chosen, one_chosen
from privman_core.cockpit.exchange_facts import EditedRequest
from privman_core.cockpit.parties import PartyFinder
from privman_core.cockpit.replayer import MOST_HEADERS, SET_ANEW
from privman_core.cockpit.shown_party import PartyError
from privman_core.inputs import quoted
from privman_core.json_texts import lined
from privman_core.pages.forms import Form
from privman_core.pages.rendering import see
from privman_core.pages.site import PageError, Visit

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
LONGEST_LINED = 64 * 1024
"""A JSON body of up to so many characters is indented in the form."""
_NEEDED = ("method", "path")


class ReplayPages:
    """Replays a request, and shows the form in which it can be edited first.

    Args:
        listens_at: learns from a request where the party that serves the page listens.
    """

    def __init__(self, parties: PartyFinder, listens_at: Callable[[web.Request], None]) -> None:
        self._parties = parties
        self._listens_at = listens_at

    async def replay(self, visit: Visit) -> web.Response:
        """Replay a request as it was, and show the new exchange."""
        chosen = await one_chosen(await self._parties.find(), visit)
        self._listens_at(visit.request)
        try:
            number = await chosen.party.replay(chosen.number)
        except PartyError as error:
            raise PageError(HTTPStatus.CONFLICT, "Not replayed", str(error), chosen.address) from None
        return see(exchange_page(chosen.party.name, number))

    async def edit(self, visit: Visit) -> web.Response:
        """Show the form with the request as it was, secrets masked."""
        chosen = await one_chosen(await self._parties.find(), visit)
        printed = chosen.detail.printed
        headers = (each for each in printed["request"]["headers"] if each[0].lower() not in SET_ANEW)
        values = {
            "method": printed["method"],
            "path": target_of(printed["url"]),
            "headers": "\n".join(f"{name}: {value}" for name, value in headers),
            "body": lined(printed["request"]["body"], LONGEST_LINED),
        }
        return await self._page(visit, chosen, Form(values))

    async def send(self, visit: Visit) -> web.Response:
        """Send the edited request; a refused form is shown again with an error beside the field."""
        chosen, form = await one_chosen(await self._parties.find(), visit), visit.form
        self._listens_at(visit.request)
        edited = _read(form, chosen.detail.printed["request"]["body"])
        if form.errors:
            return await self._page(visit, chosen, form)
        try:
            number = await chosen.party.replay(chosen.number, edited)
        except PartyError as error:
            form.add_error(error.key, str(error))
            return await self._page(visit, chosen, form)
        return see(exchange_page(chosen.party.name, number))

    async def _page(self, visit: Visit, chosen: Chosen, form: Form) -> web.Response:
        methods = list(dict.fromkeys((*METHODS, chosen.detail.row.method)))
        return await visit.page(
            "cockpit/edit.html",
            400 if form.errors else 200,
            title=f"Edit and replay exchange {chosen.number} of {chosen.party.name}",
            parties=await self._parties.find(),
            chosen=chosen,
            methods=methods,
            form=form,
        )


def _read(form: Form, printed: str) -> EditedRequest:
    """Return the edited request; what is invalid is an error beside its field.

    A body that the form only indented is sent as it was.
    """
    for field in _NEEDED:
        form.text(field)
    headers = []
    lines = [line for line in form.value("headers").split("\n") if line.strip()]
    for number, line in enumerate(lines[: MOST_HEADERS + 1], start=1):
        name, colon, value = line.partition(":")
        if not colon:
            form.add_error("headers", f"line {number} is {quoted(line)}; expected Name: value")
        headers.append((name.strip(), value.strip()))
    body = form.value("body")
    if body.replace("\r\n", "\n") == lined(printed, LONGEST_LINED):
        body = printed
    return EditedRequest(form.value("method").strip(), form.value("path").strip(), headers, body)
