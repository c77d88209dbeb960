"""Logging on and off: the token (integration 4)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from console_sim.api.access import Access, bearer_token
from console_sim.api.envelope import Envelope
from console_sim.api.json_body import read_json_object
from console_sim.bodies import Body
from console_sim.errors import BadRequestError
from console_sim.tokens import Tokens
from console_sim.users import Users
from privman_contracts import WireNames

_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT)


class Logon:
    """The address of the token."""

    def __init__(self, names: WireNames, envelope: Envelope, access: Access, users: Users, tokens: Tokens) -> None:
        self._key = names.group("keys.token")
        self._logged_out = names.number("log_out_status")
        self._envelope = envelope
        self._access = access
        self._users = users
        self._tokens = tokens

    async def log_on(self, request: web.Request) -> web.Response:
        """Answer a token, as a JSON string."""
        self._access.require_api()
        body = self._read(await read_json_object(request))
        token = self._users.log_on(body.text(self._key["UserName"]), body.text(self._key["Password"]))
        return web.Response(body=orjson.dumps(token), content_type="application/json")

    async def log_out(self, request: web.Request) -> web.Response:
        """Make the token dead."""
        self._access.require_user(request)
        self._tokens.revoke(bearer_token(request))
        if self._logged_out in _WITHOUT_BODY:
            return web.Response(status=self._logged_out)
        return self._envelope.ok(None, self._logged_out)

    def _read(self, values: Mapping[str, Any]) -> Body:
        """Return the body with its keys spelled as documented, because clients write them in any case."""
        documented = {key.lower(): key for key in self._key.values()}
        spelled: dict[str, Any] = {}
        for key, value in values.items():
            name = documented.get(key.lower(), key)
            if name in spelled:
                raise BadRequestError(f"{key!r} stands twice; expected it once, in whatever case")
            spelled[name] = value
        return Body(spelled, tuple(self._key.values()))
