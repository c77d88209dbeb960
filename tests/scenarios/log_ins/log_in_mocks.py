"""Mocks to log in to in every way, and the settings that do so."""

from collections.abc import Callable, Mapping
from typing import Any

import requests
from aiohttp import encode_basic_auth, web
from aiohttp.typedefs import Handler
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
)

from tests.scenarios.targets import packaged

Serve = Callable[..., str]
Run = Callable[..., int]
APPROVE = packaged("approve")
KEY, SECRET, SHARED = "now_key-of-the-harness-0123", "secret-of-the-client-0123", "shared-key-of-32-bytes-or-longer-01"
CLIENT = {"SERVICENOW_CLIENT_ID": "harness", "SERVICENOW_CLIENT_SECRET": SECRET}
ADMIN = {"SERVICENOW_USER": "admin", "SERVICENOW_PASSWORD": "admin"}
CONSOLE = {"SERVICENOW_INTEGRATION_USER": "privman.integration", "SERVICENOW_INTEGRATION_PASSWORD": "admin"}
APPROVER = {"SERVICENOW_APPROVER_USER": "privman.approver", "SERVICENOW_APPROVER_PASSWORD": "admin"}
IDP = {"SERVICENOW_CLIENT_ID": "idp", "SERVICENOW_CLIENT_SECRET": SECRET}
RSA_KEY, EC_KEY = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
LONG_EC_KEY = ec.generate_private_key(ec.SECP384R1())
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "basic": ADMIN,
    "password-grant": CLIENT | ADMIN,
    "client-credentials": CLIENT | CONSOLE,
    "jwt-bearer": IDP | CONSOLE | {"SERVICENOW_USER": "harness", "SERVICENOW_JWT_KEY": SHARED},
    "api-key": {"SERVICENOW_API_KEY": KEY} | CONSOLE,
}
ROLES = ("user_admin", "web_service_admin", "approval_admin")
ADMINISTRATOR = "System Administrator"
ROWS = {
    "sys_user": [{"user_name": "harness", "name": "Harness", "email": "harness@example.com"}],
    "sys_user_has_role": [{"user": "Harness", "role": role} for role in ROLES],
    "oauth_entity": [{"name": "Client", "client_id": "harness", "client_secret": SECRET, "user": ADMINISTRATOR}],
    "oauth_jwt": [{"name": "Provider", "client_id": "idp", "client_secret": SECRET, "user_field": "user_name"}],
    "api_key": [{"name": "Key", "token": KEY, "user": ADMINISTRATOR}],
    "http_key_auth": [{"name": "Keys", "auth_parameter": "x-sn-apikey"}],
    "sys_api_access_policy": [{"name": "Tables", "api": "Table API"}],
    "sys_auth_profile_mapping": [{"api_access_policy": "Tables", "inbound_auth_profile": "Keys"}],
}
KEYS = (("Rsa", RSA_KEY), ("Ec", EC_KEY), ("Long", LONG_EC_KEY))
VERIFIERS: Mapping[str, Mapping[str, str]] = {
    "": {"shared_key": SHARED},
    "k1": {"sys_certificate": "Rsa"},
    "k2": {"sys_certificate": "Ec"},
    "k3": {"sys_certificate": "Long"},
}


def public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Return the public key in PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@web.middleware
async def log_in_by_certificate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the user of a certificate in, as an instance does that maps it to one."""
    shown = request.transport and request.transport.get_extra_info("peercert")
    if not shown or "Authorization" in request.headers:
        return await handler(request)
    headers = request.headers.copy()
    headers["Authorization"] = encode_basic_auth("admin", "admin")
    return await handler(request.clone(headers=headers))


def sent_by_the_run(url: str) -> list[dict[str, Any]]:
    """Return the requests of the run itself to the instance, each with its headers as a mapping."""
    found = requests.get(f"{url}/__admin/requests", {"limit": "1000"}, timeout=30).json()["requests"]
    incoming = [{**each, "headers": dict(each["request"]["headers"])} for each in found if each["direction"] == "in"]
    return [each for each in incoming if each["headers"].get("User-Agent") == "privman-scenarios"]
