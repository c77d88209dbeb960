"""Access tokens: when one is asked for again."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession, web

import mock_servicenow.app
from mock_servicenow.settings import Settings
from privman_core.ids import Ids
from privman_core.resolution import Resolved
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock
from privman_scenarios.errors import ExpectationError
from privman_scenarios.playing.http_api import HttpApi, PartyCall
from privman_scenarios.playing.log_in import LogIn
from privman_scenarios.playing.log_in_settings import log_in

INCIDENTS = "/api/now/table/incident?sysparm_limit=1"
VALUES = {
    "SERVICENOW_AUTH": "password-grant",
    "SERVICENOW_CLIENT_ID": "3f1c9a7be52d4c08a6d90b5e7714c2fd",
    "SERVICENOW_CLIENT_SECRET": "ready-made-secret",
    "SERVICENOW_USER": "admin",
    "SERVICENOW_PASSWORD": "admin",
}


@pytest.fixture
async def clock() -> AsyncIterator[VirtualClock]:
    """Time of both ends."""
    clock = VirtualClock(datetime(2026, 5, 4, tzinfo=UTC))
    yield clock
    await clock.aclose()


class Token:
    """Stands for an instance: hands out tokens, and lets the last one in.

    Attributes:
        asked: how many were asked for.
        answer: returns the answer with a token.
        refuses: whether every token is refused.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.refuses = False
        self.answer: Callable[[str], object] = lambda token: {"access_token": token, "expires_in": 600}

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application()
        app.router.add_post("/oauth_token.do", self.issue)
        app.router.add_get("/api/now/table/incident", self.read)
        return app

    async def issue(self, _request: web.Request) -> web.Response:
        """Hand out another token."""
        self.asked += 1
        return web.json_response(self.answer(f"token-number-{self.asked}-of-all"))

    async def read(self, request: web.Request) -> web.Response:
        """Let the last token in."""
        is_last = request.headers["Authorization"] == f"Bearer token-number-{self.asked}-of-all"
        return web.json_response({"result": []}, status=200 if is_last and not self.refuses else 401)


@asynccontextmanager
async def speaking(app: web.Application, clock: VirtualClock) -> AsyncIterator[tuple[HttpApi, LogIn]]:
    """Serve an application; gives how to speak to it, and a log-in by the password grant."""
    async with serving(app) as url, ClientSession() as session:
        yield (
            HttpApi(session, url),
            log_in({name: Resolved(value, "variable", name) for name, value in VALUES.items()}, clock),
        )


async def test_a_token_is_renewed_a_minute_before_its_end(clock: VirtualClock) -> None:
    """Until then it is kept."""
    token = Token()
    async with speaking(token.app(), clock) as (api, user):
        for seconds, asked in ((0, 1), (539, 1), (2, 2)):
            await clock.advance(seconds)
            assert (await api.call("GET", INCIDENTS, auth=user)).status == 200
            assert token.asked == asked


async def test_a_refused_token_is_renewed_once(clock: VirtualClock) -> None:
    """A second refusal is the answer; what is listened to is what came in the end."""
    token, heard = Token(), list[PartyCall]()
    async with speaking(token.app(), clock) as (api, user):
        await api.call("GET", INCIDENTS, auth=user)
        token.asked += 1  # somebody else has got one, and the first is refused from now on
        api.listeners.append(heard.append)
        assert (await api.call("GET", INCIDENTS, auth=user)).status == 200
        assert token.asked == 3
        token.refuses = True
        assert (await api.call("GET", INCIDENTS, auth=user)).status == 401
        assert token.asked == 4
    assert [call.answer.status for call in heard] == [200, 401]


async def test_whoever_was_refused_with_an_older_token_takes_the_new_one(clock: VirtualClock) -> None:
    """Of requests at the same time, each need not ask for one of its own."""
    token = Token()
    async with speaking(token.app(), clock) as (api, user):
        older = await api.headers_for(user)
        assert user.forget(older)
        newer = await api.headers_for(user)
        assert user.forget(older)
        assert await api.headers_for(user) == newer != older


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"expires_in": 5}, "expected access_token to be there; got POST /oauth_token.do -> 200"),
        ({"access_token": "text", "expires_in": "soon"}, "expected expires_in to be int | float; got POST /oauth"),
        ([], "expected the answer to be an object; got POST /oauth_token.do -> 200 []"),
    ],
)
async def test_an_answer_without_a_token_is_no_success(answer: object, error: str, clock: VirtualClock) -> None:
    """The call it was for has not been sent, and says why."""
    token = Token()
    token.answer = lambda _token: answer
    async with speaking(token.app(), clock) as (api, user):
        got = await api.call("GET", INCIDENTS, auth=user)
        assert (got.status, got.refused, api.recent[-1]) == (0, True, got)
        assert got.error.startswith(error)
        with pytest.raises(ExpectationError, match="expected the OAuth password grant of 'admin' to be accepted; got"):
            await api.headers_for(user)


@pytest.mark.parametrize("lasts", [-1e308, -1e12, -1, 0, 1e12, 1e308])
async def test_a_token_may_last_for_any_time(lasts: float, clock: VirtualClock) -> None:
    """One that has ended already is used once, and one that outlives the calendar for years."""
    token = Token()
    token.answer = lambda text: {"access_token": text, "expires_in": lasts}
    async with speaking(token.app(), clock) as (api, user):
        for _ in range(2):
            assert (await api.call("GET", INCIDENTS, auth=user)).status == 200
    assert token.asked == (1 if lasts > 0 else 2)


async def test_a_token_without_an_end_is_used_until_it_is_refused(clock: VirtualClock) -> None:
    """RFC 6749 lets a server leave the time out."""
    token = Token()
    token.answer = lambda text: {"access_token": text}
    async with speaking(token.app(), clock) as (api, user):
        for _ in range(2):
            assert (await api.call("GET", INCIDENTS, auth=user)).status == 200
            await clock.advance(10 * 86_400)
    assert token.asked == 1


async def test_an_instance_may_hand_the_same_token_out_again(clock: VirtualClock) -> None:
    """It does so while the token is valid: then the token is used to its end, and not asked for anew."""
    app = mock_servicenow.app.create_app(Settings(), clock=clock, ids=Ids(1))
    async with speaking(app, clock) as (api, user), ClientSession(api.url) as session:

        async def asked() -> int:
            async with session.get("/__admin/requests?limit=1000") as answer:
                return str(await answer.json()).count("/oauth_token.do")

        for seconds, times in ((0, 1), (1_760, 2), (20, 2), (30, 3)):
            await clock.advance(seconds)
            assert (await api.call("GET", INCIDENTS, auth=user)).status == 200
            assert await asked() == times
