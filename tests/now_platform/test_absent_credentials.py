"""No scheme takes an absent credential for one that is stored empty."""

import hmac
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from mock_servicenow.now_platform.errors import NotAuthenticated
from mock_servicenow.now_platform.identity.authentication import Evidence
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.users import hash_password, verify_password
from privman_core.ids import Ids, is_same
from tests.generated import examples

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
Swallowed = Callable[[], list[str]]
ADMIN = "6816f79cc0a8016401c5a33be04be441"
TABLES = "/api/now/table"
LATER = "2099-01-01 00:00:00"
CLIENT_CREDENTIALS = "glide.oauth.inbound.client.credential.grant_type.enabled"
SIGNED_WITH = "shared-key"

HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": ""},
    {"Authorization": "Basic"},
    {"Authorization": "Basic " + b64encode(b":").decode()},
    {"Authorization": "Basic " + b64encode(b"admin:").decode()},
    {"Authorization": "Basic " + b64encode(b"unset:").decode()},
    {"Authorization": "Basic " + b64encode(b"admin:wrong").decode()},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"x-sn-apikey": ""},
    {"x-sn-apikey": "Key"},
    {"x-sn-apikey": "Key "},
    {"Cookie": "JSESSIONID="},
    {"Cookie": "JSESSIONID=; glide_user=", "X-UserToken": ""},
    {"X-UserToken": ""},
)
QUERIES = ("", "access_token=", "x-sn-apikey=", "access_token=&x-sn-apikey=", "access_token", "x-sn-apikey")


@pytest.fixture
def empty(instance: Instance) -> None:
    """Store one of every kind of credential for the administrator, each of them empty, as an old database may."""
    with instance.transaction(instance.system) as session:
        ids = iter(session.ids.sys_id() for _ in range(100))

        def store(table: str, **values: str) -> str:
            sys_id = next(ids)
            active = {"active": "true"} if "active" in instance.dictionary.columns(table) else {}
            session.store_rows(table, [{"sys_id": sys_id, **active, **values}])
            return sys_id

        for prefix in ("", "Key "):
            for kind in ("auth_header", "query_param"):
                parameter = store("sys_token_auth_parameter", parameter_name="x-sn-apikey", type=kind, prefix=prefix)
                profile = store("http_key_auth", auth_parameter=parameter)
                policy = store("sys_api_access_policy", api="Table API", apply_all_methods="true", apply_global="false")
                store("sys_auth_profile_mapping", api_access_policy=policy, inbound_auth_profile=profile)
        store("api_key", name="Empty", user=ADMIN)
        client = store("oauth_entity", name="Empty", client_id="", client_secret="", public_client="true", user=ADMIN)
        for kind in ("access_token", "refresh_token"):
            store("oauth_credential", type=kind, user=ADMIN, peer=client, expires=LATER, scopes="useraccount")
        store("oauth_entity", name="No secret", client_id="no-secret", user=ADMIN, public_client="false")
        for name, key in (("unsigned", ""), ("signed", SIGNED_WITH)):
            provider = store(
                "oauth_jwt", name=name, client_id=name, client_secret="s", user_field="email", public_client="true"
            )
            store("jwt_verifier_map", oauth_jwt=provider, shared_key=key)
        store("sys_user", user_name="", email="", user_password=hash_password("", session.ids))
        store("sys_user", user_name="unset", email="")
        for record in session.find_all("sys_properties", name=CLIENT_CREDENTIALS):
            session.update("sys_properties", record.sys_id, {"value": "true"})


@pytest.mark.long
@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("headers", HEADERS, ids=str)
async def test_absent_credentials_get_401(anonymous: Client, headers: dict[str, str], query: str) -> None:
    """Every scheme's empty form is refused, to read and to write."""
    read = await anonymous.get(f"{TABLES}/incident?{query}", headers=headers)
    written = await anonymous.post(f"{TABLES}/sys_user?{query}", headers=headers, json={"user_name": "intruder"})
    assert (read.status, written.status) == (401, 401)


@pytest.mark.usefixtures("empty")
async def test_a_visitors_session_authenticates_nobody(anonymous: Client) -> None:
    """The cookie of a session without a log-in opens nothing, whatever token goes with it."""
    opened = await anonymous.get(f"{TABLES}/incident")
    cookie = f"JSESSIONID={opened.cookies['JSESSIONID'].value}"
    for token in ("", " ", "undefined"):
        answer = await anonymous.get(f"{TABLES}/incident", headers={"Cookie": cookie, "X-UserToken": token})
        assert answer.status == 401


def assertion(client_id: str, key: str, **claims: str) -> str:
    """Return a JSON Web Token for a provider."""
    parts = ({"alg": "HS256"}, {"aud": client_id, "iss": client_id, "exp": 4_000_000_000, "jti": "1", **claims})
    signed = ".".join(urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=") for part in parts)
    signature = hmac.digest(key.encode(), signed.encode(), "sha256") if key else b""
    return f"{signed}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FORMS: tuple[Mapping[str, str], ...] = (
    *(
        {"grant_type": grant, "client_id": client, "client_secret": "", **proof}
        for client in ("", "no-secret", "unsigned")
        for grant, proof in (
            ("password", {"username": "", "password": ""}),
            ("password", {"username": "admin", "password": ""}),
            ("password", {"username": "unset", "password": ""}),
            ("refresh_token", {"refresh_token": ""}),
            ("client_credentials", {}),
            ("authorization_code", {"code": "", "redirect_uri": "", "code_verifier": ""}),
            (JWT, {"assertion": ""}),
        )
    ),
    {"grant_type": JWT, "client_id": "unsigned", "assertion": assertion("unsigned", "", sub="abel.tuter@example.com")},
    {"grant_type": JWT, "client_id": "signed", "assertion": assertion("signed", SIGNED_WITH, sub="")},
    {"grant_type": JWT, "client_id": "signed", "assertion": assertion("signed", SIGNED_WITH)},
)


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("form", FORMS, ids=str)
async def test_absent_proof_gets_no_token(anonymous: Client, form: Mapping[str, str]) -> None:
    """No grant gives a token for an empty client, secret, password, code, refresh token, key or subject."""
    answer = await anonymous.post("/oauth_token.do", data=dict(form))
    assert answer.status == 401, await answer.text()


@pytest.mark.usefixtures("empty")
async def test_an_absent_client_gets_no_consent_page(anonymous: Client) -> None:
    """The consent page knows no client without an id."""
    asked = "response_type=token&state=x&client_id=&redirect_uri="
    assert (await anonymous.get(f"/oauth_auth.do?{asked}")).status == 400


async def test_a_key_without_a_token_is_inactive(client: Client, swallowed: Swallowed) -> None:
    """A token that the platform drops leaves a key that opens nothing, and a finding says so."""
    created = await client.post(f"{TABLES}/api_key", json={"name": "k", "user": ADMIN, "token": "k"})
    record = (await created.json())["result"]
    assert record["active"] == "false"
    assert swallowed() == ["password-ignored", "api-key-without-token"]
    path = f"{TABLES}/api_key/{record['sys_id']}?sysparm_input_display_value=true"
    assert (await (await client.patch(path, json={"active": "true"})).json())["result"]["active"] == "false"
    activated = await client.patch(path, json={"token": "k", "active": "true"})
    assert (await activated.json())["result"]["active"] == "true"
    emptied = await client.patch(path, json={"token": ""})
    assert (await emptied.json())["result"]["active"] == "false"


def test_an_empty_password_never_matches() -> None:
    """Not even the hash of an empty password lets anybody in."""
    assert not verify_password("", hash_password("", Ids(1)))
    assert not is_same("", "")


@pytest.fixture
def emptied(instance: Instance, empty: None) -> Instance:
    """Return an instance that has only empty credentials."""
    assert empty is None
    return instance


BLANK = st.sampled_from(["", "Basic", "Basic ", "basic Og==", "Bearer", "bearer ", "Key", "Key "])
PLACES = st.sampled_from(["Authorization", "x-sn-apikey", "X-UserToken", "Authentication"])
PARAMETERS = st.sampled_from(["access_token", "x-sn-apikey", "token", "code", "user"])


@pytest.mark.long
@examples(200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    headers=st.dictionaries(PLACES, BLANK),
    query=st.dictionaries(PARAMETERS, st.sampled_from(["", "Key ", "Key"])),
    cookies=st.dictionaries(st.sampled_from(["JSESSIONID", "glide_user", "glide_session_store"]), st.just("")),
)
def test_blank_evidence_proves_nothing(
    emptied: Instance, headers: dict[str, str], query: dict[str, str], cookies: dict[str, str]
) -> None:
    """Whatever empty evidence is combined, nobody is found behind it."""
    evidence = Evidence(headers, query, cookies, f"{TABLES}/incident", "GET")
    with pytest.raises(NotAuthenticated):
        emptied.authentication.user(evidence)
