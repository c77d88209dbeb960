"""The grant for assertions that an identity provider signed."""

import asyncio
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from mock_servicenow.now_platform.errors import GrantError
from mock_servicenow.now_platform.identity.oauth.jwt import JwtBearer
from mock_servicenow.now_platform.instance import Instance
from privman_core.journal import Journal
from privman_core.virtual_clock import VirtualClock

Client = TestClient[web.Request, web.Application]
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
INCIDENTS = "/api/now/table/incident?sysparm_limit=1"
DENIED = {"error_description": "access_denied", "error": "server_error"}
CLIENT_ID = "3f1c9a7be52d4c08a6d90b5e7714c2fd"
CLIENT_SECRET = "ready-made-secret"
Change = Callable[..., None]


async def tokens(client: Client, **form: str) -> dict[str, Any]:
    """Return the tokens of a grant that holds."""
    response = await client.post("/oauth_token.do", data=form)
    assert response.status == 200, await response.text()
    answer: dict[str, Any] = await response.json()
    return answer


async def refused(client: Client, **form: str) -> bool:
    """Return whether a grant is answered as the platform answers every grant that does not hold."""
    response = await client.post("/oauth_token.do", data=form)
    return response.status == 401 and await response.json() == DENIED


def reasons(journal: Journal) -> list[str]:
    """Return what the findings say of refused grants."""
    return [finding.message for _, finding in journal.findings() if finding.rule == "oauth-refused"]


def encoded(value: object) -> str:
    """Return JSON as a part of a token."""
    return plain(orjson.dumps(value))


def plain(value: bytes) -> str:
    """Return bytes as a part of a token."""
    return urlsafe_b64encode(value).decode().rstrip("=")


Sign = Callable[[bytes], bytes]
SHARED = "shared-key"
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def hs256(signed: bytes) -> bytes:
    """Sign with the shared key."""
    return hmac.digest(SHARED.encode(), signed, "sha256")


def rs512(signed: bytes) -> bytes:
    """Sign with the RSA key."""
    return RSA_KEY.sign(signed, padding.PKCS1v15(), hashes.SHA512())


def es256(signed: bytes) -> bytes:
    """Sign with the key on an elliptic curve."""
    r, s = decode_dss_signature(EC_KEY.sign(signed, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


ODD_CURVE = """-----BEGIN PUBLIC KEY-----
MDIwEAYHKoZIzj0CAQYFK4EEAAYDHgAEGWh8RAQ4cX0gKJB9o51kduokI5KF9Ck9wXvGtw==
-----END PUBLIC KEY-----
"""  # secp112r1, which no library for tokens knows


def public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Return the public key as text."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def endpoint(create: Callable[..., str], change: Change) -> Callable[..., None]:
    """Return what sets up an OAuth JWT API endpoint ``idp`` with a key."""
    change("sys_user", "user_name", "itil", user_password="itil")

    def endpoint(pem: str = "", kid: str = "", **values: str) -> None:
        provider = create("oauth_jwt", name="Provider", client_id="idp", client_secret="s", **values)
        certificate = create("sys_certificate", name="Key", pem_certificate=pem) if pem else ""
        shared = "" if pem else SHARED
        create("jwt_verifier_map", oauth_jwt=provider, kid=kid, shared_key=shared, sys_certificate=certificate)

    return endpoint


@pytest.fixture
def assertion(clock: VirtualClock) -> Callable[..., str]:
    """Return what signs an assertion for ITIL User that is valid for a minute."""
    count = iter(range(1000))

    def sign(alg: str = "HS256", key: Sign = hs256, kid: str = "", **claims: object) -> str:
        until = clock.now().timestamp() + 60
        base = {"sub": "itil@example.com", "aud": "idp", "iss": "idp", "exp": until, "jti": str(next(count))}
        signed = f"{encoded({'alg': alg, 'kid': kid})}.{encoded(base | claims)}"
        return f"{signed}.{plain(key(signed.encode()))}"

    return sign


def bearing(assertion: str) -> dict[str, str]:
    """Return the form of the grant."""
    return {"grant_type": JWT_BEARER, "client_id": "idp", "client_secret": "s", "assertion": assertion}


@pytest.mark.parametrize(
    ("alg", "key", "pem"),
    [("HS256", hs256, ""), ("RS512", rs512, public(RSA_KEY)), ("ES256", es256, public(EC_KEY))],
)
async def test_jwt_bearer_grant(  # noqa: PLR0913, PLR0917 - fixtures
    anonymous: Client, endpoint: Callable[..., None], assertion: Callable[..., str], alg: str, key: Sign, pem: str
) -> None:
    """A signed assertion speaks for its subject, without a refresh token."""
    endpoint(pem)
    answer = await tokens(anonymous, **bearing(assertion(alg, key)))
    assert "refresh_token" not in answer
    opened = await anonymous.get(INCIDENTS, headers={"Authorization": f"Bearer {answer['access_token']}"})
    assert opened.status == 200


async def test_an_assertion_in_a_header(
    anonymous: Client, endpoint: Callable[..., None], assertion: Callable[..., str], journal: Journal
) -> None:
    """PySNC sends the assertion in a header ``Authentication``."""
    endpoint()
    form = {"grant_type": JWT_BEARER, "client_id": "idp", "client_secret": "s"}
    headers = {"Authentication": f"Bearer {assertion()}"}
    response = await anonymous.post("/oauth_token.do", data=form, headers=headers)
    assert response.status == 200
    printed = orjson.dumps([journal.to_json(exchange) for exchange in journal.kept()]).decode()
    assert headers["Authentication"] not in printed


@pytest.mark.long
async def test_a_certificate(anonymous: Client, endpoint: Callable[..., None], assertion: Callable[..., str]) -> None:
    """The key may be in an X.509 certificate, found by the key's id, and the user be found by another column."""
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    leaf = authority.issue_cert("idp.example.com", key_type=trustme.KeyType.RSA)
    pem = leaf.cert_chain_pems[0].bytes().decode()
    endpoint(pem, kid="k1", user_field="user_name", jti_claim="id")
    private = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    assert isinstance(private, rsa.RSAPrivateKey)

    def rs256(signed: bytes) -> bytes:
        return private.sign(signed, padding.PKCS1v15(), hashes.SHA256())

    claims = {"sub": "itil", "id": "one", "aud": ["x", "idp"]}
    assert await refused(anonymous, **bearing(assertion("RS256", rs256, "k2", **claims)))
    assert await tokens(anonymous, **bearing(assertion("RS256", rs256, "k1", **claims)))


def certificate(first: str, last: str) -> str:
    """Return a certificate of the RSA key that is valid between two days."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example.com")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(RSA_KEY.public_key())
    built = built.not_valid_before(datetime.fromisoformat(first)).not_valid_after(datetime.fromisoformat(last))
    return built.serial_number(1).sign(RSA_KEY, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        ("2020-01-01", "2021-01-01", "is valid from 2020-01-01 00:00:00+00:00 to 2021-01-01 00:00:00+00:00"),
        ("2090-01-01", "2091-01-01", "is valid from 2090-01-01 00:00:00+00:00 to 2091-01-01 00:00:00+00:00"),
    ],
)
async def test_expired_certificates_verify_nothing(  # noqa: PLR0913, PLR0917 - fixtures
    anonymous: Client,
    endpoint: Callable[..., None],
    assertion: Callable[..., str],
    journal: Journal,
    first: str,
    last: str,
    reason: str,
) -> None:
    """A certificate that has ended, or is not valid yet, signs nothing."""
    endpoint(certificate(first, last))
    assert await refused(anonymous, **bearing(assertion("RS512", rs512)))
    assert reason in reasons(journal)[0]


@pytest.mark.parametrize("change_of", ["deactivated", "deleted"])
async def test_inactive_certificates_verify_nothing(  # noqa: PLR0913, PLR0917 - fixtures
    anonymous: Client,
    client: Client,
    endpoint: Callable[..., None],
    assertion: Callable[..., str],
    journal: Journal,
    change_of: str,
) -> None:
    """A certificate that was deactivated or deleted signs nothing from then on."""
    endpoint(certificate("2020-01-01", "2090-01-01"))
    assert await tokens(anonymous, **bearing(assertion("RS512", rs512)))
    found = await (await client.get("/api/now/table/sys_certificate?sysparm_query=name=Key")).json()
    record = f"/api/now/table/sys_certificate/{found['result'][0]['sys_id']}"
    if change_of == "deactivated":
        assert (await client.patch(record, json={"active": "false"})).status == 200
    else:
        assert (await client.delete(record)).status == 204
    assert await refused(anonymous, **bearing(assertion("RS512", rs512)))
    assert "not active or was deleted" in reasons(journal)[0]


async def test_an_assertion_can_be_used_once(
    anonymous: Client, endpoint: Callable[..., None], assertion: Callable[..., str], clock: VirtualClock
) -> None:
    """A jti is refused the second time, until the assertion has expired for good."""
    endpoint()
    once = assertion(jti="same")
    assert await tokens(anonymous, **bearing(once))
    assert await refused(anonymous, **bearing(once))
    await clock.advance(60 + 300)
    assert await refused(anonymous, **bearing(once))
    assert await tokens(anonymous, **bearing(assertion(jti="same")))


@pytest.mark.long
@pytest.mark.usefixtures("often_switching")
async def test_concurrent_calls_use_an_assertion_once(
    anonymous: Client, endpoint: Callable[..., None], assertion: Callable[..., str]
) -> None:
    """Callers who come with one assertion at the same moment get one token."""
    endpoint()
    for _ in range(10):
        form = bearing(assertion())
        answers = await asyncio.gather(*(anonymous.post("/oauth_token.do", data=form) for _ in range(6)))
        assert sorted(answer.status for answer in answers) == [200, *[401] * 5]


def test_a_bounded_number_of_used_assertions_is_remembered(
    instance: Instance, endpoint: Callable[..., None], assertion: Callable[..., str], clock: VirtualClock
) -> None:
    """However long assertions are valid, those that end first are forgotten where there are too many."""
    endpoint()
    ends, grant = clock.now().timestamp() + 1e9, JwtBearer(clock, kept=2)
    first, second, third = (assertion(exp=ends + number) for number in range(3))
    with instance.transaction(instance.system) as session:
        client = session.find("oauth_jwt", client_id="idp")
        assert client is not None
        for each in (third, first, second, first):
            assert grant.user(session, client, each).user_name == "itil"
        with pytest.raises(GrantError):
            grant.user(session, client, third)


async def test_jti_verification_off(
    anonymous: Client, endpoint: Callable[..., None], assertion: Callable[..., str]
) -> None:
    """Replay is allowed where the registry says so."""
    endpoint(enable_jti_verification="false")
    once = assertion()
    assert await tokens(anonymous, **bearing(once)) == await tokens(anonymous, **bearing(once))


async def test_clock_skew(
    anonymous: Client, endpoint: Callable[..., None], assertion: Callable[..., str], clock: VirtualClock
) -> None:
    """An assertion is taken until 300 s after its end and from 300 s before its beginning."""
    endpoint()
    now = clock.now().timestamp()
    assert await tokens(anonymous, **bearing(assertion(exp=now - 299, nbf=now + 300)))
    assert await refused(anonymous, **bearing(assertion(exp=now - 300)))
    assert await refused(anonymous, **bearing(assertion(nbf=now + 301)))


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "other"}, "the assertion's aud is ['other']; expected the client_id"),
        ({"aud": []}, "the assertion's aud is []"),
        ({"exp": "soon"}, "the assertion's exp is 'soon'; expected Unix seconds"),
        ({"exp": 0}, "the assertion's exp is 0, which has passed"),
        ({"jti": ""}, "the assertion's jti is missing"),
        ({"sub": "nobody@example.com"}, "the assertion's sub is 'nobody@example.com'; no active user has that email"),
        ({"sub": "former.employee@example.com"}, "no active user has that email"),
        ({"sub": "admin@example.com"}, "an assertion cannot speak for 'admin', who holds a privileged role"),
        ({"alg": "none"}, "the assertion's alg is 'none'; expected HS, RS or ES"),
        ({"alg": "HS1"}, "the assertion's alg is 'HS1'"),
        ({"alg": "HS384"}, "the assertion's signature is not made with the key"),
        ({"alg": "RS256"}, "the assertion's signature is not made with the key"),
        ({"key": lambda _signed: b"forged"}, "the assertion's signature is not made with the key"),
    ],
)
async def test_invalid_assertions_get_401(  # noqa: PLR0913, PLR0917 - fixtures
    anonymous: Client,
    endpoint: Callable[..., None],
    assertion: Callable[..., str],
    journal: Journal,
    claims: dict[str, Any],
    reason: str,
) -> None:
    """Each check of the assertion refuses with the same answer; the finding says which one."""
    endpoint()
    assert await refused(anonymous, **bearing(assertion(**claims)))
    assert reason in reasons(journal)[0]


@pytest.mark.parametrize(
    ("pem", "alg", "key"),
    [
        (public(RSA_KEY), "RS256", rs512),
        (public(EC_KEY), "ES256", lambda _signed: b"x" * 64),
        (public(EC_KEY), "RS256", rs512),
        (public(RSA_KEY), "ES256", es256),
        ("no key", "RS256", rs512),
        (ODD_CURVE, "ES256", es256),
        (ODD_CURVE, "RS256", rs512),
        (public(RSA_KEY), "HS256", hs256),
    ],
)
async def test_wrong_keys_get_401(  # noqa: PLR0913, PLR0917 - fixtures
    anonymous: Client, endpoint: Callable[..., None], assertion: Callable[..., str], pem: str, alg: str, key: Sign
) -> None:
    """A signature holds only for its own key and algorithm."""
    endpoint(pem)
    assert await refused(anonymous, **bearing(assertion(alg, key)))


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "!.!.!", f"{encoded([])}.{encoded({})}.", "e30.e30.a"])
async def test_other_text_than_a_token_gets_401(
    anonymous: Client, endpoint: Callable[..., None], journal: Journal, text: str
) -> None:
    """What cannot be taken apart is refused as well."""
    endpoint()
    assert await refused(anonymous, **bearing(text))
    assert reasons(journal) == ["no token is given: the assertion is not a JSON Web Token"]


async def test_an_assertion_for_another_kind_of_client(anonymous: Client, assertion: Callable[..., str]) -> None:
    """The grant needs an OAuth JWT API endpoint."""
    form = bearing(assertion()) | {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    assert await refused(anonymous, **form)


async def test_a_user_field_that_does_not_exist(
    anonymous: Client, endpoint: Callable[..., None], assertion: Callable[..., str]
) -> None:
    """A provider whose user field does not exist finds no user."""
    endpoint(user_field="u_none")
    assert await refused(anonymous, **bearing(assertion()))


@pytest.mark.parametrize("issuer", ["elsewhere", "", None, ["idp"]])
async def test_the_issuer_must_be_the_client(
    anonymous: Client, endpoint: Callable[..., None], assertion: Callable[..., str], journal: Journal, issuer: object
) -> None:
    """Another issuer, or none, is refused."""
    endpoint()
    assert await refused(anonymous, **bearing(assertion(iss=issuer)))
    assert "the assertion's iss is" in reasons(journal)[-1]


async def test_other_claims_are_validated(
    anonymous: Client,
    endpoint: Callable[..., None],
    assertion: Callable[..., str],
    create: Callable[..., str],
    instance: Instance,
) -> None:
    """A claim validation names another issuer, or a value that another claim must have."""
    endpoint()
    with instance.transaction(instance.system) as session:
        provider = session.find("oauth_jwt", client_id="idp")
        assert provider is not None
    create("oauth_jwt_claim_validation", name="iss", value="https://idp.example.com", oauth_jwt=provider.sys_id)
    assert await tokens(anonymous, **bearing(assertion(iss="https://idp.example.com")))
    assert await tokens(anonymous, **bearing(assertion()))
    create("oauth_jwt_claim_validation", name="tenant", value="ours", oauth_jwt=provider.sys_id)
    assert await refused(anonymous, **bearing(assertion()))
    assert await tokens(anonymous, **bearing(assertion(tenant="ours")))


@pytest.mark.parametrize(("ahead", "holds"), [(-60, True), (300, True), (301, False)])
async def test_an_assertion_is_not_issued_in_the_future(  # noqa: PLR0913 - fixtures
    anonymous: Client,
    endpoint: Callable[..., None],
    assertion: Callable[..., str],
    clock: VirtualClock,
    ahead: int,
    *,
    holds: bool,
) -> None:
    """Beyond the clock skew of the provider it is refused."""
    endpoint()
    form = bearing(assertion(iat=clock.now().timestamp() + ahead))
    assert await refused(anonymous, **form) != holds
