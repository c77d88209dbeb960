"""Consent: authorization codes and implicit grants."""

import asyncio
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.users import Holder
from privman_core.virtual_clock import VirtualClock

from .oauth import ADMIN, CLIENT_ID, REDIRECT, ask, code, consent, opens, query, refused, tokens

Client = TestClient[web.Request, web.Application]
Change = Callable[..., None]


async def test_authorization_code_grant(anonymous: Client) -> None:
    """Login and consent lead to the redirect with code and state, and the code to both tokens."""
    page = await anonymous.get("/oauth_auth.do", params=query())
    assert page.status == 200
    assert page.content_type == "text/html"
    assert "Ready-made client asks to access your account" in await page.text()
    assert 'name="user_password"' in await page.text()
    redeemed = {"grant_type": "authorization_code", "code": await code(anonymous), "redirect_uri": REDIRECT}
    answer = await tokens(anonymous, **redeemed)
    assert await opens(anonymous, answer["access_token"])
    assert "refresh_token" in answer
    assert await refused(anonymous, **redeemed), "a code can be redeemed once"


@pytest.mark.long
@pytest.mark.usefixtures("often_switching")
async def test_concurrent_calls_redeem_a_code_once(anonymous: Client) -> None:
    """Codes that are issued and redeemed at the same moments are whole, and each is redeemed once."""
    for _ in range(5):
        codes = await asyncio.gather(*(code(anonymous) for _ in range(6)))
        redeemed = {"grant_type": "authorization_code", "redirect_uri": REDIRECT}
        answers = await asyncio.gather(*(ask(anonymous, **redeemed, code=each) for each in codes * 2))
        assert sorted(answer.status for answer in answers) == [*[200] * 6, *[401] * 6]


async def test_a_logged_in_user_consents_without_password(anonymous: Client, instance: Instance) -> None:
    """A visitor with a session is not asked for a password, and the form proves itself by the session's token."""
    session = instance.web_sessions.open(Holder(ADMIN))
    anonymous.session.cookie_jar.update_cookies({"JSESSIONID": session.id})
    page = await (await anonymous.get("/oauth_auth.do", params=query())).text()
    assert 'name="user_password"' not in page
    found = re.search(r'name="sysparm_ck" value="(\w+)"', page)
    assert found is not None
    response = await consent(anonymous, {"decision": "allow", "sysparm_ck": found[1]})
    assert response.headers["Location"].startswith(f"{REDIRECT}?code=")


async def test_a_forged_form_is_intercepted(anonymous: Client, instance: Instance) -> None:
    """A form with a wrong token leads to the security interceptor."""
    session = instance.web_sessions.open(Holder(ADMIN))
    anonymous.session.cookie_jar.update_cookies({"JSESSIONID": session.id})
    response = await consent(anonymous, {"decision": "allow", "sysparm_ck": "forged"})
    assert response.status == 302
    assert response.headers["Location"] == "/security_interceptor.do"


async def test_web_service_users_cannot_consent(anonymous: Client, instance: Instance, change: Change) -> None:
    """Neither by the password on the page nor by the session that a call has opened."""
    change("sys_user", "user_name", "admin", web_service_access_only="true")
    assert (await consent(anonymous)).status == 401
    session = instance.web_sessions.open(Holder(ADMIN), by_call=True)
    anonymous.session.cookie_jar.update_cookies({"JSESSIONID": session.id})
    page = await (await anonymous.get("/oauth_auth.do", params=query())).text()
    assert 'name="user_password"' in page


async def test_other_sites_cannot_frame_the_consent(anonymous: Client) -> None:
    """A button that a user does not see for what it is gives no token away."""
    page = await anonymous.get("/oauth_auth.do", params=query())
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


async def test_a_wrong_password_on_the_page(anonymous: Client) -> None:
    """The page is shown again, and no code is given."""
    response = await consent(anonymous, {"user_name": "admin", "user_password": "wrong", "decision": "allow"})
    assert response.status == 401
    assert 'name="user_password"' in await response.text()


async def test_consent_denied(anonymous: Client) -> None:
    """The client learns that the user denied access."""
    response = await consent(anonymous, {"decision": "deny"})
    assert response.status == 302
    assert response.headers["Location"] == f"{REDIRECT}?error=access_denied&state=a%26b"


async def test_implicit_grant(anonymous: Client) -> None:
    """``response_type=token`` hands the token over in the fragment."""
    response = await consent(anonymous, response_type="token")
    location = urlsplit(response.headers["Location"])
    answered = parse_qs(location.fragment)
    assert (answered["token_type"], answered["state"], answered["expires_in"]) == (["Bearer"], ["a&b"], ["1800"])
    assert "refresh_token" not in answered
    assert await opens(anonymous, answered["access_token"][0])


async def test_a_redirect_url_with_a_query(anonymous: Client, change: Change) -> None:
    """What the client registered is kept in the redirect."""
    change("oauth_entity", "client_id", CLIENT_ID, redirect_url="https://x/?a=1, https://y/")
    response = await consent(anonymous, redirect_uri="https://x/?a=1")
    assert response.headers["Location"].startswith("https://x/?a=1&code=")


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"state": ""}, "Missing State parameter in request"),
        ({"client_id": "<x>"}, "client_id &#x27;&lt;x&gt;&#x27; names no active client"),
        ({"redirect_uri": "https://evil/"}, "redirect_uri is &#x27;https://evil/&#x27;; it is not registered"),
        ({"redirect_uri": ""}, "redirect_uri is &#x27;&#x27;"),
        ({"response_type": "id_token"}, "response_type is &#x27;id_token&#x27;; expected code or token"),
        ({"code_challenge": "x"}, "code_challenge_method is &#x27;&#x27;; expected S256"),
        ({"code_challenge": "x", "code_challenge_method": "plain"}, "code_challenge_method is &#x27;plain&#x27;"),
    ],
)
async def test_invalid_authorization_requests_get_an_error_page(
    anonymous: Client, parameters: dict[str, str], text: str
) -> None:
    """Errors in the address are shown on a page, never by a redirect."""
    page = await anonymous.get("/oauth_auth.do", params=query(**parameters))
    assert page.status == 400
    assert text in await page.text()
    assert (await consent(anonymous, **parameters)).status == 400


async def test_pkce(anonymous: Client, change: Change) -> None:
    """A public client proves itself by the code's verifier."""
    change("oauth_entity", "client_id", CLIENT_ID, public_client="true")
    verifier = "v" * 43
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {"code_challenge": challenge, "code_challenge_method": "S256"}
    redeemed = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "client_secret": ""}
    assert await refused(anonymous, **redeemed, code=await code(anonymous, **asked), code_verifier="wrong")
    assert await refused(anonymous, **redeemed, code=await code(anonymous, **asked))
    assert await refused(anonymous, **redeemed, code=await code(anonymous), code_verifier=verifier)
    assert await tokens(anonymous, **redeemed, code=await code(anonymous, **asked), code_verifier=verifier)


@pytest.mark.long
async def test_invalid_codes_get_401(
    anonymous: Client, change: Change, create: Callable[..., str], clock: VirtualClock
) -> None:
    """A code is for its client, its redirect URL and a minute, and for a user who is still active."""
    create("oauth_entity", name="Other", client_id="other", client_secret="s")
    redeemed = {"grant_type": "authorization_code", "redirect_uri": REDIRECT}
    other = {"client_id": "other", "client_secret": "s"}
    assert await refused(anonymous, **redeemed, code="unknown")
    assert await refused(anonymous, **redeemed, **other, code=await code(anonymous))
    assert await refused(anonymous, **redeemed | {"redirect_uri": "https://x/"}, code=await code(anonymous))
    unused, late = await code(anonymous), await code(anonymous)
    await clock.advance(60)
    assert await refused(anonymous, **redeemed, code=late)
    last = await code(anonymous)
    assert await refused(anonymous, **redeemed, code=unused)
    change("sys_user", "user_name", "admin", active="false")
    assert await refused(anonymous, **redeemed, code=last)
