"""The cockpit's page of one approval request: state and reasons at each party, time line, what falls due."""

from http import HTTPStatus

from aiohttp import web

from privman_core.cockpit.approval_facts import MOST_ABOUT, MOST_REGISTERING
from privman_core.cockpit.followed_request import FollowedRequest
from privman_core.cockpit.parties import PartyFinder
from privman_core.pages.site import PageError, Visit

_SHORT = 8  # digits of a RequestId in the title
_WHOLE = 36


class OneRequestPage:
    """Shows one approval request."""

    def __init__(self, parties: PartyFinder) -> None:
        self._parties = parties

    async def show(self, visit: Visit) -> web.Response:
        """Show the request with the RequestId of the address; raises PageError if there is no trace of it."""
        request_id, parties = visit.request.match_info["request_id"].lower(), await self._parties.find()
        if len(request_id) != _WHOLE:
            raise _not_found(request_id, "Expected a whole RequestId, such as those in the list of approvals.")
        followed = await FollowedRequest.read(parties, request_id)
        if followed is None:
            raise _not_found(request_id, "No party has a request with this RequestId, and no exchange is about it.")
        return await visit.page(
            "cockpit/request.html",
            title=f"Request {request_id[:_SHORT]}…",
            parties=parties,
            request_id=request_id,
            followed=followed,
            most=MOST_ABOUT,
            most_registering=MOST_REGISTERING,
        )


def _not_found(request_id: str, detail: str) -> PageError:
    return PageError(HTTPStatus.NOT_FOUND, f"Request {request_id} not found", detail)
