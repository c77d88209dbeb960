"""Credentials end with their user and their client, and give no more rights than their maker had."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mock_servicenow.now_platform.instance import Instance
from privman_core.virtual_clock import VirtualClock

from .conftest import basic

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
Change = Callable[..., None]
Opens = Callable[[], Awaitable[bool]]
TABLES = "/api/now/table"
INCIDENTS = f"{TABLES}/incident?sysparm_limit=1"
USER, CLIENT, KEY = "1" * 32, "2" * 32, "3" * 32
PROVEN = {"client_id": "app", "client_secret": "s"}
REDIRECT = "https://localhost/callback"
SIGNING = "shared-key"
HELD = {"user_name": "ann", "user_password": "p", "email": "ann@example.com"}


class Holder:
    """A user and a client, and what the user gets by each kind of credential."""

    def __init__(self, client: Client, anonymous: Client, instance: Instance, clock: VirtualClock) -> None:
        self._admin = client
        self._http = anonymous
        self._instance = instance
        self._clock = clock

    async def make(self, table: str, **values: str) -> None:
        """Create a record as the administrator."""
        path = f"{TABLES}/{table}?sysparm_input_display_value=true"
        assert (await self._admin.post(path, json=values)).status == 201

    async def change(self, table: str, sys_id: str, **values: str) -> None:
        """Change a record as the administrator."""
        path = f"{TABLES}/{table}/{sys_id}?sysparm_input_display_value=true"
        assert (await self._admin.patch(path, json=values)).status == 200

    async def delete(self, table: str, sys_id: str) -> None:
        """Delete a record as the administrator."""
        assert (await self._admin.delete(f"{TABLES}/{table}/{sys_id}")).status == 204

    async def make_again(self, table: str, sys_id: str, **values: str) -> None:
        """Delete a record and create another one under its sys_id."""
        await self.delete(table, sys_id)
        await self.make(table, sys_id=sys_id, **values)

    async def session_of_a_call(self) -> Opens:
        """Return whether the session that a call with a password has opened lets the next call in."""
        answer = await self._http.get(INCIDENTS, headers=basic("ann", "p"))
        self._http.session.cookie_jar.clear()
        session = self._instance.web_sessions.find(answer.cookies["JSESSIONID"].value)
        assert session is not None
        return self.asks({"X-UserToken": session.token, "Cookie": f"JSESSIONID={session.id}"})

    async def session_of_a_page(self) -> Opens:
        """Return whether the consent page asks a logged-in user for no password."""
        answer = await self._http.get(INCIDENTS, headers=basic("ann", "p"))
        self._http.session.cookie_jar.clear()
        cookie = {"Cookie": f"JSESSIONID={answer.cookies['JSESSIONID'].value}"}

        async def opens() -> bool:
            page = await self._http.get("/oauth_auth.do", params=self._asked(), headers=cookie)
            return 'name="user_password"' not in await page.text()

        return opens

    async def access_token(self) -> Opens:
        """Return whether an access token opens the Table API."""
        return self.bears(await self.granted(grant_type="password", username="ann", password="p"))

    async def token_of_an_assertion(self) -> Opens:
        """Return the same of one that was given for an assertion."""
        return self.bears(await self.asserted())

    async def asserted(self) -> dict[str, str]:
        """Return the answer to an assertion."""
        claims = {
            "sub": "ann@example.com",
            "aud": "app",
            "iss": "app",
            "exp": self._clock.now().timestamp() + 60,
            "jti": "1",
        }
        parts = (urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=") for part in ({"alg": "HS256"}, claims))
        signed = ".".join(parts)
        signature = urlsafe_b64encode(hmac.digest(SIGNING.encode(), signed.encode(), "sha256")).decode().rstrip("=")
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        return await self.granted(grant_type=grant, assertion=f"{signed}.{signature}")

    async def refresh_token(self) -> Opens:
        """Return whether a refresh token is exchanged."""
        answer = await self.granted(grant_type="password", username="ann", password="p")
        return self.grants(grant_type="refresh_token", refresh_token=answer["refresh_token"])

    async def code(self) -> Opens:
        """Return whether the code of a consent is redeemed."""
        decision = {"user_name": "ann", "user_password": "p", "decision": "allow"}
        answer = await self._http.post("/oauth_auth.do", params=self._asked(), data=decision, allow_redirects=False)
        [code] = parse_qs(urlsplit(answer.headers["Location"]).query)["code"]
        return self.grants(grant_type="authorization_code", code=code, redirect_uri=REDIRECT)

    async def client_credentials(self) -> Opens:
        """Return whether the client acts for its user."""
        return self.grants(grant_type="client_credentials")

    async def api_key(self) -> Opens:
        """Return whether the user's key opens the Table API."""
        return self.asks({"x-sn-apikey": "key"})

    async def password(self) -> Opens:
        """Return whether the user's password does."""
        return self.asks(basic("ann", "p"))

    async def limited_token(self) -> str:
        """Return the sys_id of the only access token limited to files."""
        answer = await self._admin.get(f"{TABLES}/oauth_credential?type=access_token&scopes=files")
        [token] = (await answer.json())["result"]
        return str(token["sys_id"])

    def _asked(self) -> dict[str, str]:
        return {"response_type": "code", "client_id": "app", "redirect_uri": REDIRECT, "state": "s"}

    def asks(self, headers: dict[str, str]) -> Opens:
        """Return whether a call with these headers is let in."""

        async def opens() -> bool:
            answer = await self._http.get(INCIDENTS, headers=headers)
            assert answer.status in {200, 401}
            return answer.status == 200

        return opens

    def bears(self, answer: dict[str, str]) -> Opens:
        """Return the same of one with the access token."""
        return self.asks({"Authorization": f"Bearer {answer['access_token']}"})

    def grants(self, **form: str) -> Opens:
        """Return whether the client gets tokens for a form."""

        async def opens() -> bool:
            return (await self._http.post("/oauth_token.do", data=PROVEN | form)).status == 200

        return opens

    async def granted(self, **form: str) -> dict[str, str]:
        """Return the tokens for a form."""
        answer = await self._http.post("/oauth_token.do", data=PROVEN | form)
        assert answer.status == 200
        granted: dict[str, str] = await answer.json()
        return granted


OF_USERS = (
    Holder.session_of_a_call,
    Holder.session_of_a_page,
    Holder.access_token,
    Holder.token_of_an_assertion,
    Holder.refresh_token,
    Holder.code,
    Holder.client_credentials,
    Holder.api_key,
    Holder.password,
)
OF_CLIENTS = OF_USERS[2:7]
Kind = Callable[[Holder], Awaitable[Opens]]
ADMIN_ROLE = "2831a114c611228501d4ea6c309d626d"


@pytest.fixture
async def holder(  # noqa: PLR0913, PLR0917 - fixtures
    client: Client, anonymous: Client, instance: Instance, clock: VirtualClock, create: Create, change: Change
) -> Holder:
    """Return a user with a client and a key."""
    holder = Holder(client, anonymous, instance, clock)
    change("sys_properties", "name", "glide.oauth.inbound.client.credential.grant_type.enabled", value="true")
    with instance.transaction(instance.system) as session:
        parameter = session.find("sys_token_auth_parameter", type="auth_header")
        assert parameter is not None
    profile = create("http_key_auth", name="Keys", auth_parameter=parameter.sys_id)
    policy = create("sys_api_access_policy", name="Tables", api="Table API")
    create("sys_auth_profile_mapping", api_access_policy=policy, inbound_auth_profile=profile)
    await holder.make("sys_user", sys_id=USER, **HELD)
    await make_client(holder)
    await holder.make("api_key", sys_id=KEY, name="Key", token="key", user=USER)
    return holder


async def make_client(holder: Holder, **values: str) -> None:
    """Create the user's client, which takes assertions as well."""
    await holder.make("oauth_jwt", sys_id=CLIENT, name="App", redirect_url=REDIRECT, user=USER, **PROVEN, **values)
    await holder.make("jwt_verifier_map", oauth_jwt=CLIENT, shared_key=SIGNING)


@pytest.mark.long
@pytest.mark.parametrize("kind", OF_USERS)
async def test_credentials_open_until_their_user_is_deleted(holder: Holder, kind: Kind) -> None:
    """Each kind opens something at first."""
    assert await (await kind(holder))()


@pytest.mark.long
@pytest.mark.parametrize("kind", OF_USERS)
async def test_credentials_end_with_their_user(holder: Holder, kind: Kind) -> None:
    """Nothing of a deleted user opens anything, before or after another user has the sys_id."""
    opens = await kind(holder)
    await holder.delete("sys_user", USER)
    await holder.make("sys_user", sys_id=USER, user_name="bob", user_password="q")
    assert not await opens()


@pytest.mark.long
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("kind", OF_CLIENTS)
@pytest.mark.parametrize("tokens_end", [True, False])
async def test_tokens_end_with_their_client(
    holder: Holder, instance: Instance, kind: Kind, *, tokens_end: bool, again: bool
) -> None:
    """A later client with the sys_id and client_id gets nothing; access tokens live on where an instance has it so."""
    instance.tokens_end_with_client = tokens_end
    opens = await kind(holder)
    await holder.delete("oauth_jwt", CLIENT)
    if again:
        await holder.make("oauth_jwt", sys_id=CLIENT, name="Another", redirect_url=REDIRECT, **PROVEN)
    lives_on = not tokens_end and kind in {Holder.access_token, Holder.token_of_an_assertion}
    assert await opens() == lives_on


async def test_a_key_ends_with_its_record(holder: Holder) -> None:
    """A later key with the same sys_id has its own token."""
    opens = await holder.api_key()
    await holder.make_again("api_key", KEY, name="Another", token="other", user=USER)
    assert not await opens()


@pytest.mark.parametrize("table", ["sys_user", "u_staff"])
async def test_credentials_of_users_in_an_extending_table_end_with_them(holder: Holder, table: str) -> None:
    """What extends the table of users is deleted as they are, by either name."""
    await holder.make_again("sys_user", USER, **HELD)
    await holder.delete("sys_user", USER)
    await holder.make("u_staff", sys_id=USER, **HELD)
    opens = await holder.session_of_a_call()
    await holder.delete(table, USER)
    await holder.make("u_staff", sys_id=USER, **HELD)
    assert not await opens()


# Who has made a credential


@pytest.fixture
async def maker(user: Client, grant: Callable[[str, str], None]) -> Client:
    """Return the client of a user who manages keys and clients, but is not an administrator."""
    for role in ("api_service_admin", "oauth_admin", "user_admin"):
        grant("plain", role)
    return user


async def plant(client: Client, table: str, sys_id: str = "", /, **values: str) -> None:
    """Write a credential as somebody."""
    path = f"{TABLES}/{table}/{sys_id}".rstrip("/") + "?sysparm_input_display_value=true"
    assert (await (client.patch if sys_id else client.post)(path, json=values)).ok


async def plant_key(maker: Client, _holder: Holder) -> Opens:
    """Give the user a key."""
    await plant(maker, "api_key", user=USER, token="planted")
    return _holder.asks({"x-sn-apikey": "planted"})


async def plant_token_of_key(maker: Client, holder: Holder) -> Opens:
    """Give a key that an administrator has made another token."""
    await plant(maker, "api_key", KEY, token="planted")
    await holder.change("api_key", KEY, name="Renamed")
    return holder.asks({"x-sn-apikey": "planted"})


async def plant_client(maker: Client, holder: Holder) -> Opens:
    """Let a client act for the user."""
    await plant(maker, "oauth_entity", client_id="planted", client_secret="known", user=USER)
    return holder.grants(grant_type="client_credentials", client_id="planted", client_secret="known")


async def plant_user_of_client(maker: Client, holder: Holder) -> Opens:
    """Let a client whose secret an administrator has set act for the user."""
    await plant(maker, "oauth_entity", CLIENT, user="")
    await plant(maker, "oauth_entity", CLIENT, user=USER)
    return await holder.client_credentials()


async def plant_token_of_client(maker: Client, holder: Holder) -> Opens:
    """Let a client get a token for the user."""
    await plant(maker, "oauth_entity", client_id="planted", client_secret="known", user=USER)
    return holder.bears(
        await holder.granted(grant_type="client_credentials", client_id="planted", client_secret="known")
    )


async def plant_access_token(maker: Client, holder: Holder) -> Opens:
    """Store an access token."""
    token = {"type": "access_token", "token": "planted", "expires": "2099-01-01 00:00:00", "scopes": "useraccount"}
    await plant(maker, "oauth_credential", user=USER, peer=CLIENT, **token)
    return holder.bears({"access_token": "planted"})


async def plant_refresh_token(maker: Client, holder: Holder) -> Opens:
    """Store a refresh token."""
    token = {"type": "refresh_token", "token": "planted", "expires": "2099-01-01 00:00:00", "scopes": "useraccount"}
    await plant(maker, "oauth_credential", user=USER, peer=CLIENT, **token)
    return holder.grants(grant_type="refresh_token", refresh_token="planted")


async def plant_renewed_token(maker: Client, holder: Holder) -> Opens:
    """Exchange a refresh token that was stored."""
    await plant_refresh_token(maker, holder)
    return holder.bears(await holder.granted(grant_type="refresh_token", refresh_token="planted"))


async def plant_scopes(maker: Client, holder: Holder) -> Opens:
    """Widen a token that the user got by logging in."""
    await holder.make("oauth_entity_scope", oauth_entity=CLIENT, oauth_entity_scope="files")
    answer = await holder.granted(grant_type="password", username="ann", password="p")
    await plant(maker, "oauth_credential", await holder.limited_token(), scopes="useraccount")
    return holder.bears(answer)


async def plant_expiry(maker: Client, holder: Holder) -> Opens:
    """Let a key that an administrator has made open something for longer."""
    await plant(maker, "api_key", KEY, expires="2099-01-01 00:00:00")
    return await holder.api_key()


async def speak_for_user(_maker: Client, holder: Holder) -> Opens:
    """Get a token for an assertion, whose key its provider knows."""
    return await holder.token_of_an_assertion()


Plant = Callable[[Client, Holder], Awaitable[Opens]]
PLANTS = (
    plant_key,
    plant_token_of_key,
    plant_client,
    plant_user_of_client,
    plant_token_of_client,
    plant_access_token,
    plant_refresh_token,
    plant_renewed_token,
    plant_scopes,
    plant_expiry,
    speak_for_user,
)


@pytest.mark.parametrize("plant", PLANTS)
async def test_planted_credentials_do_not_act_for_an_administrator(
    holder: Holder, maker: Client, plant: Plant, swallowed: Callable[[], list[str]]
) -> None:
    """Credentials that others made for a user end with the user's promotion, with a finding."""
    opens = await plant(maker, holder)
    assert await opens()
    await holder.make("sys_user_has_role", user=USER, role=ADMIN_ROLE)
    assert not await opens()
    assert swallowed()[-1] in {"credential-refused", "oauth-refused"}


@pytest.mark.long
@pytest.mark.parametrize("asserted", [False, True], ids=["key", "assertion"])
@pytest.mark.parametrize("second", PLANTS[:-1])
async def test_what_is_made_by_a_planted_credential_is_planted(
    holder: Holder,
    maker: Client,
    server: TestServer,
    second: Plant,
    asserted: bool,  # noqa: FBT001
) -> None:
    """Somebody who knows the first credential makes a second one with it."""
    for role in ("api_service_admin", "oauth_admin"):
        await holder.make("sys_user_has_role", user=USER, role=role)
    if asserted:
        headers = {"Authorization": f"Bearer {(await holder.asserted())['access_token']}"}
    else:
        await plant(maker, "api_key", user=USER, token="first")
        headers = {"x-sn-apikey": "first"}
    async with TestClient(server, headers=headers) as planted:
        opens = await second(planted, holder)
        assert await opens()
        await holder.make("sys_user_has_role", user=USER, role=ADMIN_ROLE)
        assert not await opens()


@pytest.mark.long
@pytest.mark.parametrize("planted", [True, False])
async def test_work_of_a_planted_credential_gains_nothing_under_way(  # noqa: PLR0913, PLR0917 - fixtures
    holder: Holder,
    maker: Client,
    anonymous: Client,
    instance: Instance,
    create: Create,
    clock: VirtualClock,
    planted: bool,  # noqa: FBT001
) -> None:
    """Rows that wait when their user becomes an administrator are imported without the new rights."""
    await holder.make("sys_user_has_role", user=USER, role="import_set_loader")
    await holder.make("sys_user", sys_id="4" * 32, user_name="friend")
    loads = create("sys_transform_map", name="Grants", source_table="imp_user", target_table="sys_user_has_role")
    create("sys_transform_entry", map=loads, source_field="user_id", target_field="user")
    create("sys_transform_entry", map=loads, source_field="title", target_field="role")
    if planted:
        await plant(maker, "api_key", KEY, token="key", expires="2099-01-01 00:00:00")
    with instance.transaction(instance.system) as session:
        [profile] = session.find_all("http_key_auth")
    policy = create("sys_api_access_policy", name="Imports", api="Import Set API")
    create("sys_auth_profile_mapping", api_access_policy=policy, inbound_auth_profile=profile.sys_id)
    rows = {"records": [{"User ID": "4" * 32, "Title": ADMIN_ROLE}]}
    answer = await anonymous.post("/api/now/import/imp_user/insertMultiple", json=rows, headers={"x-sn-apikey": "key"})
    assert answer.status == 201
    await holder.make("sys_user_has_role", user=USER, role=ADMIN_ROLE)
    await clock.advance(5)
    with instance.transaction(instance.system) as session:
        granted = session.find("sys_user_has_role", user="4" * 32, role=ADMIN_ROLE)
    assert (granted is None) == planted


@pytest.mark.long
@pytest.mark.parametrize("kind", [each for each in OF_USERS if each is not Holder.token_of_an_assertion])
async def test_other_credentials_act_for_an_administrator(holder: Holder, kind: Kind) -> None:
    """Credentials made by administrators, or got by logging in, have the user's later rights."""
    opens = await kind(holder)
    await holder.make("sys_user_has_role", user=USER, role=ADMIN_ROLE)
    assert await opens()


async def test_an_administrators_new_token_makes_a_planted_key_valid(holder: Holder, maker: Client) -> None:
    """The last secret is worthless then."""
    await plant(maker, "api_key", KEY, token="planted")
    await holder.make("sys_user_has_role", user=USER, role=ADMIN_ROLE)
    await holder.change("api_key", KEY, token="another")
    assert await holder.asks({"x-sn-apikey": "another"})()


async def test_a_key_made_by_a_later_administrator_is_valid(
    holder: Holder, maker: Client, grant: Callable[[str, str], None]
) -> None:
    """The user may make such keys now."""
    opens = await plant_key(maker, holder)
    await holder.make("sys_user_has_role", user=USER, role=ADMIN_ROLE)
    grant("plain", "admin")
    assert await opens()


async def test_tokens_of_other_proofs_are_not_mixed(holder: Holder, maker: Client) -> None:
    """A client that acts for the user gets another token than the user's password gives."""
    assert maker is not None
    mine = await holder.granted(grant_type="password", username="ann", password="p")
    again = await holder.granted(grant_type="password", username="ann", password="p")
    other = await holder.asserted()
    assert mine["access_token"] == again["access_token"] != other["access_token"]


async def test_a_client_of_administrators_cannot_be_redirected(holder: Holder, maker: Client) -> None:
    """Neither by its redirect URL nor by another client that takes its place; what leads nobody may be changed."""
    await holder.make("sys_user_has_role", user=USER, role=ADMIN_ROLE)
    await holder.change("oauth_jwt", CLIENT, user="")
    before = await maker.patch(f"{TABLES}/oauth_entity/{CLIENT}", json={"redirect_url": "https://elsewhere.example"})
    assert before.status == 200
    await holder.granted(grant_type="password", username="ann", password="p")
    for column in ("redirect_url", "client_id", "client_secret"):
        path = f"{TABLES}/oauth_entity/{CLIENT}?sysparm_input_display_value=true"
        assert (await maker.patch(path, json={column: "https://evil.example"})).status == 403
    assert (await maker.delete(f"{TABLES}/oauth_entity/{CLIENT}")).status == 403
    assert (await maker.patch(f"{TABLES}/oauth_entity/{CLIENT}", json={"comments": "x"})).status == 200
