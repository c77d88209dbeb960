"""Tokens: used, scoped, revoked and kept secret."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.identity.oauth.tokens import LOOKED_AT
from mock_servicenow.now_platform.instance import Instance
from privman_core.journal import Journal

from .oauth import ADMIN, CLIENT_ID, CLIENT_SECRET, INCIDENTS, PASSWORD, REDIRECT, code, opens, tokens

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def limit(create: Callable[..., str], instance: Instance) -> Callable[[str], str]:
    """Return a function that limits the client to one more scope and returns the sys_id of the limit."""

    def limit(scope: str) -> str:
        with instance.transaction(instance.system) as session:
            client = session.find("oauth_entity", client_id=CLIENT_ID)
            assert client is not None
        return create("oauth_entity_scope", name=scope, oauth_entity=client.sys_id, oauth_entity_scope=scope)

    return limit


async def renewed(client: Client, grant: dict[str, Any]) -> str:
    """Return the scope that a grant's refresh token gives."""
    answer = await tokens(client, grant_type="refresh_token", refresh_token=grant["refresh_token"])
    scope: str = answer["scope"]
    return scope


async def test_token_in_the_query(anonymous: Client, swallowed: Callable[[], list[str]]) -> None:
    """The parameter access_token works like the header and does not filter."""
    token = (await tokens(anonymous))["access_token"]
    assert (await anonymous.get(f"{INCIDENTS}&access_token={token}")).status == 200
    assert not swallowed()
    assert (await anonymous.get(f"{INCIDENTS}&access_token=x")).status == 401


@pytest.mark.parametrize("token", ["", "unknown"])
async def test_invalid_tokens_get_401(anonymous: Client, token: str) -> None:
    """An unknown token is a 401 with the usual envelope, which names the scheme."""
    response = await anonymous.get(INCIDENTS, headers={"Authorization": f"Bearer {token}"})
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == 'BEARER realm="Service-now"'
    assert (await response.json())["error"]["message"] == "User is not authenticated"


async def test_a_refresh_token_opens_no_api(anonymous: Client) -> None:
    """Only the access token is for APIs."""
    assert not await opens(anonymous, (await tokens(anonymous))["refresh_token"])


async def test_a_token_acts_as_its_user(anonymous: Client) -> None:
    """What a token writes is its user's."""
    headers = {"Authorization": f"bearer {(await tokens(anonymous))['access_token']}"}
    response = await anonymous.post("/api/now/table/incident", json={}, headers=headers)
    assert (await response.json())["result"]["sys_created_by"] == "admin"
    assert response.headers["X-Is-Logged-In"] == "true"


async def test_scopes(anonymous: Client, create: Callable[..., str], instance: Instance) -> None:
    """A token limited to scopes opens only the APIs that are bound to one of them."""
    with instance.transaction(instance.system) as session:
        client = session.find("oauth_entity", client_id=CLIENT_ID)
        assert client is not None
    for scope in ("tables", "other"):
        create("oauth_entity_scope", name=scope, oauth_entity=client.sys_id, oauth_entity_scope=scope)
    create("oauth_api_scope", name="Tables", scope="tables", api="Table API")
    both = await tokens(anonymous)
    assert both["scope"] == "tables other"
    assert await opens(anonymous, both["access_token"])
    other = await tokens(anonymous, **PASSWORD, scope="other none")
    assert other["scope"] == "other"
    response = await anonymous.get(INCIDENTS, headers={"Authorization": f"Bearer {other['access_token']}"})
    assert response.status == 403
    assert (await response.json())["error"]["message"] == "Missing required api access scope"


async def test_a_refresh_token_gives_no_more_than_its_grant(anonymous: Client, limit: Callable[[str], str]) -> None:
    """A grant that was given no scope, or one of two, stays so."""
    limit("tables")
    limit("other")
    for asked, scope in (("none", ""), ("other", "other"), ("", "tables other")):
        grant = await tokens(anonymous, **PASSWORD, scope=asked)
        assert grant["scope"] == scope
        assert await renewed(anonymous, grant) == scope


async def test_a_refresh_token_after_the_clients_last_scope(
    anonymous: Client, client: Client, limit: Callable[[str], str]
) -> None:
    """A client without limits needs a new grant for more than its users have allowed."""
    row = limit("tables")
    grant = await tokens(anonymous)
    given = await code(anonymous)
    assert (await client.delete(f"/api/now/table/oauth_entity_scope/{row}")).status == 204
    assert await renewed(anonymous, grant) == "tables"
    redeemed = await tokens(anonymous, grant_type="authorization_code", code=given, redirect_uri=REDIRECT)
    assert redeemed["scope"] == "tables"


async def test_a_refresh_token_from_before_the_clients_first_scope(
    anonymous: Client, limit: Callable[[str], str]
) -> None:
    """A grant of everything includes each scope to which its client is limited later."""
    grant = await tokens(anonymous)
    limit("tables")
    assert await renewed(anonymous, grant) == "tables"


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_revocation(anonymous: Client, kind: str) -> None:
    """A revoked token is dead at once; nobody need log in to revoke it."""
    first = await tokens(anonymous)
    assert await opens(anonymous, first["access_token"])
    assert (await anonymous.get("/oauth_revoke_token.do", params={"token": first[kind]})).status == 200
    assert await opens(anonymous, first["access_token"]) is (kind == "refresh_token")
    assert (await tokens(anonymous))[kind] != first[kind]


async def test_head_revokes_nothing(anonymous: Client) -> None:
    """A link checker's HEAD leaves the token alive; the documented GET alone revokes it."""
    token = (await tokens(anonymous))["access_token"]
    assert (await anonymous.head("/oauth_revoke_token.do", params={"token": token})).status == 405
    assert await opens(anonymous, token)


async def test_revoking_an_unknown_token_gets_200(anonymous: Client) -> None:
    """The answer does not reveal whether a token exists."""
    assert (await anonymous.get("/oauth_revoke_token.do")).status == 200
    assert (await anonymous.get("/oauth_revoke_token.do?token=x")).status == 200


async def test_the_journal_shows_no_secret(anonymous: Client, journal: Journal) -> None:
    """No token, code, secret or password can be read in the journal."""
    given = await code(anonymous)
    answer = await tokens(anonymous, grant_type="authorization_code", code=given, redirect_uri=REDIRECT)
    await anonymous.get(f"{INCIDENTS}&access_token={answer['access_token']}")
    printed = orjson.dumps([journal.to_json(exchange) for exchange in journal.kept()]).decode()
    for secret in (given, answer["access_token"], answer["refresh_token"], CLIENT_SECRET, "user_password=admin"):
        assert secret not in printed


async def test_the_tables_show_no_secret(client: Client) -> None:
    """The registry and the issued tokens can be read, but neither secret nor token."""
    answer = await tokens(client)
    for table in ("oauth_entity", "oauth_entity_profile", "oauth_credential"):
        response = await client.get(f"/api/now/table/{table}?sysparm_display_value=all")
        assert (await response.json())["result"]
        text = await response.text()
        assert CLIENT_SECRET not in text
        assert answer["access_token"] not in text


async def test_only_administrators_read_the_tables(user: Client) -> None:
    """Others cannot read the registry."""
    assert (await user.get("/api/now/table/oauth_entity")).status == 403


@pytest.mark.parametrize("client_id", [{}, {"client_id": "mine"}])
async def test_a_client_is_registered_by_the_table_api(client: Client, client_id: dict[str, str]) -> None:
    """A client made with its secret as a display value can ask for tokens; its id is made up unless it has one."""
    made = {"name": "Mine", "client_secret": "my-secret"} | client_id
    response = await client.post("/api/now/table/oauth_entity?sysparm_input_display_value=true", json=made)
    known = (await response.json())["result"]["client_id"]
    assert known == client_id.get("client_id", known)
    assert await tokens(client, **PASSWORD, client_id=known, client_secret="my-secret")


@pytest.mark.long
async def test_a_bounded_number_of_tokens_is_searched(anonymous: Client, instance: Instance) -> None:
    """Each renewal adds a token, and costs no more than the one before it; those that have ended go some at a time."""
    first = await tokens(anonymous)
    with instance.transaction(instance.system) as session:
        (client,) = session.find_all("oauth_entity", client_id=CLIENT_ID)
        ended = {"type": "access_token", "user": ADMIN, "peer": client.sys_id, "expires": "2020-01-01 00:00:00"}
        session.store_rows(
            "oauth_credential",
            [{**ended, "sys_id": session.ids.sys_id(), "token": f"{number}"} for number in range(LOOKED_AT + 1)],
        )
    for left in (1, 0):
        await tokens(anonymous, grant_type="refresh_token", refresh_token=first["refresh_token"])
        with instance.transaction(instance.system) as session:
            assert session.count("oauth_credential", "expires<2021-01-01 00:00:00") == left
    assert await opens(anonymous, first["access_token"])
