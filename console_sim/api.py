"""The console's API under ``/Tms/services``."""

import re
from contextlib import suppress
from http import HTTPStatus

import orjson
from aiohttp import web

from console_sim.api_documents import ApiDocuments
from console_sim.approval_decision import DeliveredDecision
from console_sim.approval_request import ApprovalRequest
from console_sim.callers import Callers, bearer_token
from console_sim.console import Console
from console_sim.envelope import Envelope, read_json_object
from console_sim.errors import (
    ConflictError,
    ConsoleError,
    MethodNotAllowedError,
    NotAllowedError,
    NotFoundError,
)
from console_sim.item_api import READING, Answer, ItemApi
from console_sim.json_object import spelled
from console_sim.settings import (
    APPROVE_PATH,
    SWAGGER_DOCUMENT_PATH,
    SWAGGER_PAGE_PATH,
    TOKEN_PATH,
    VERSION_PATH,
    Settings,
)
from privman_core.exchange import EXCHANGE

_SLASHES = re.compile("/+")
_SAME_DECISION = "same_decision_status"
_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT)


class ConsoleApi:
    """Token, decision endpoint (the Privilege Manager Post Uri), version, Swagger and items."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it brings together
        self,
        settings: Settings,
        console: Console,
        callers: Callers,
        envelope: Envelope,
        documents: ApiDocuments,
        items: ItemApi,
    ) -> None:
        self._settings = settings
        self._console = console
        self._callers = callers
        self._envelope = envelope
        self._items = items
        self._token_key = console.names.group("keys.token")
        self._logged_out = console.names.number("log_out_status")
        self._repeated = console.names.number(_SAME_DECISION)
        calls: dict[str, dict[str, Answer]] = {
            TOKEN_PATH: {"POST": self.log_on, "DELETE": self.log_out},
            APPROVE_PATH: {"POST": self.approve},
            VERSION_PATH: dict.fromkeys(READING, self.version),
            SWAGGER_DOCUMENT_PATH: dict.fromkeys(READING, documents.swagger_document),
            SWAGGER_PAGE_PATH: dict.fromkeys(READING, documents.swagger_page),
        }
        self._calls = {path.lower(): methods for path, methods in calls.items()}

    def routes(self) -> list[web.RouteDef]:
        """Return one route for everything below ``/Tms``: as on IIS, case and repeated slashes do not matter."""
        return [web.route("*", "/{application:[Tt][Mm][Ss]}/{path:.*}", self.dispatch)]

    async def dispatch(self, request: web.Request) -> web.StreamResponse:
        """Answer the call; raises NotFoundError or MethodNotAllowedError."""
        path = _SLASHES.sub("/", request.path).rstrip("/")
        methods = self._calls.get(path.lower()) or self._items.calls(path)
        if not methods:
            raise NotFoundError(f"nothing found at {request.path}")
        call = methods.get(request.method)
        if call is None:
            message = f"{request.method} is not allowed at {request.path}; expected {' or '.join(methods)}"
            raise MethodNotAllowedError(message, methods)
        return await call(request)

    async def log_on(self, request: web.Request) -> web.Response:
        """Answer a token, as a JSON string."""
        exchange, key = request[EXCHANGE], self._token_key
        exchange.asks_secret = True  # until it is read: any part of it may be the Secret
        self._callers.require_api()
        body = spelled(await read_json_object(request), tuple(key.values()))
        client_id, secret = body.text(key["UserName"]), body.text(key["Password"])
        exchange.asks_secret = False
        token = self._console.users.log_on(client_id, secret)
        return web.Response(body=orjson.dumps(token), content_type="application/json")

    async def log_out(self, request: web.Request) -> web.Response:
        """Revoke the token."""
        await self._callers.require_user(request)
        self._console.tokens.revoke(bearer_token(request))
        if self._logged_out in _WITHOUT_BODY:
            return web.Response(status=self._logged_out)
        return self._envelope.ok(None, self._logged_out)

    async def approve(self, request: web.Request) -> web.Response:
        """Take a decision, an approval or a denial, and answer the state that follows."""
        user = await self._callers.require_user(request)
        if not user.may_approve:
            await self._note_refused(request)
            raise NotAllowedError("the API user has no role with 'Approve Approval Requests'")
        delivered = self._console.decisions.read_delivered(await read_json_object(request), request[EXCHANGE].findings)
        decided, is_new = self._take(delivered)
        state = decided.state(self._console.clock.now())
        status = HTTPStatus.OK if is_new else self._repeated
        if status >= HTTPStatus.BAD_REQUEST:
            raise ConflictError(f"approval request {decided.request_id} has this decision already", _SAME_DECISION)
        return self._envelope.ok({"RequestId": decided.request_id, "State": state}, status)

    async def _note_refused(self, request: web.Request) -> None:
        """Note the request that a decision is about, if it can be read."""
        with suppress(ConsoleError):
            self._console.decisions.read_delivered(await read_json_object(request), request[EXCHANGE].findings)

    async def version(self, _request: web.Request) -> web.Response:
        """Answer the console's version; needs no token."""
        return self._envelope.ok(self._settings.version)

    def _take(self, delivered: DeliveredDecision) -> tuple[ApprovalRequest, bool]:
        try:
            return self._console.approvals.take_delivered(delivered)
        except NotFoundError as error:
            raise NotFoundError(str(error), "unknown_request_status") from None
        except ConflictError as error:
            raise ConflictError(str(error), "other_decision_status") from None
