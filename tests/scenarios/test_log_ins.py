"""Every way to log in to an instance, and users who exist already."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
import yaml
from aiohttp import encode_basic_auth, web
from aiohttp.typedefs import Handler
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

import mock_servicenow.app
from mock_servicenow.settings import Settings
from privman_core.clock import RealClock
from privman_core.ids import Ids
from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.commands.cli import main
from privman_scenarios.language.loader import catalog_files

pytest_plugins = ["pytester"]
APPROVE = str(next(path for path in catalog_files() if path.stem == "approve"))
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
APP_ROLES = ("x_thyti_thycotic_p.admin", "x_thyti_thycotic_p.approver")
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


def private(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Return the private key in PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


Serve = Callable[..., str]


@pytest.fixture(scope="module")
def start(privman_loop: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts a mock in real time, with a client, an identity provider and an API key, once of a kind."""
    ends = ExitStack()
    certificates = [{"name": name, "pem_certificate": public(key)} for name, key in KEYS]

    @cache
    def start(key_id: str, tls: ssl.SSLContext | None, release: str) -> str:
        verifier = {"oauth_jwt": "Provider", "kid": key_id, **VERIFIERS[key_id]}
        rows = tmp_path_factory.mktemp("rows") / "rows.yaml"
        content = {**ROWS, "sys_certificate": certificates, "jwt_verifier_map": [verifier]}
        rows.write_text(yaml.safe_dump(content), encoding="utf-8")
        clock = RealClock()
        app = mock_servicenow.app.create_app(Settings(data=(rows,), release=release), clock=clock, ids=Ids(1))
        app.middlewares.insert(0, _log_in_by_certificate)
        served = serving(app, tls=tls)
        url = privman_loop.run(served.__aenter__())
        ends.callback(lambda: privman_loop.run(clock.aclose()))
        ends.callback(lambda: privman_loop.run(served.__aexit__(None, None, None)))
        return url

    with ends:
        yield start


@pytest.fixture
def serve(start: Serve) -> Serve:
    """Gives the address of such a mock in its first state."""

    def serve(key_id: str = "", tls: ssl.SSLContext | None = None, release: str = "default") -> str:
        url = start(key_id, tls, release)
        if tls is None:
            requests.post(f"{url}/__admin/reset", timeout=30).raise_for_status()
        return url

    return serve


@web.middleware
async def _log_in_by_certificate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the user of a certificate in, as an instance does that maps it to one (platform 4.1)."""
    shown = request.transport and request.transport.get_extra_info("peercert")
    if not shown or "Authorization" in request.headers:
        return await handler(request)
    headers = request.headers.copy()
    headers["Authorization"] = encode_basic_auth("admin", "admin")
    return await handler(request.clone(headers=headers))


class Administrator:
    """Configures an instance that is served."""

    def __init__(self, url: str) -> None:
        self._table = f"{url}/api/now/table"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {self._token(url)}"

    def _token(self, url: str) -> str:
        """Return a token, as the newest releases refuse a password."""
        form = {"grant_type": "password", "username": "admin", "password": "admin"}
        client = {"client_id": "harness", "client_secret": SECRET}
        token: str = requests.post(f"{url}/oauth_token.do", {**form, **client}, timeout=30).json()["access_token"]
        return token

    def find(self, table: str, query: str) -> str:
        """Return the sys_id of the one record."""
        [found] = self._session.get(f"{self._table}/{table}", params={"sysparm_query": query}).json()["result"]
        sys_id: str = found["sys_id"]
        return sys_id

    def allow_client_credentials(self) -> None:
        """Switch the grant on."""
        enabled = self.find("sys_properties", "name=glide.oauth.inbound.client.credential.grant_type.enabled")
        self._session.patch(f"{self._table}/sys_properties/{enabled}", json={"value": "true"}).raise_for_status()

    def grant(self, user_name: str, *roles: str) -> None:
        """Give a user roles."""
        user = self.find("sys_user", f"user_name={user_name}")
        for role in roles:
            values = {"user": user, "role": self.find("sys_user_role", f"name={role}")}
            self._session.post(f"{self._table}/sys_user_has_role", json=values).raise_for_status()


Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Plays a scenario on an instance with these variables, and gives the exit code."""

    def run(url: str, *options: str, file: str = APPROVE, **variables: str) -> int:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return main(["run", file, "--servicenow-url", url, "--quiet-time", "0", *options])

    return run


def sent_by_the_run(url: str) -> list[dict[str, Any]]:
    """Return the requests of the run itself to the instance, each with its headers as a mapping."""
    found = requests.get(f"{url}/__admin/requests", {"limit": "1000"}, timeout=30).json()["requests"]
    incoming = [{**each, "headers": dict(each["request"]["headers"])} for each in found if each["direction"] == "in"]
    return [each for each in incoming if each["headers"].get("User-Agent") == "privman-scenarios"]


@pytest.mark.long
@pytest.mark.parametrize("kind", SETTINGS)
def test_a_run_logs_in(kind: str, run: Run, serve: Serve) -> None:
    """Every request of the run itself proves its user in that way; the console's user is tried with a password."""
    url = serve()
    Administrator(url).allow_client_credentials()
    Administrator(url).grant("harness", *APP_ROLES)
    assert run(url, "--servicenow-auth", kind, **SETTINGS[kind]) == 0
    tried = set() if kind in ("basic", "password-grant") else {"Basic"}  # the console's user, once
    to_tables = [each for each in sent_by_the_run(url) if each["url"].startswith("/api/now/table/sys_user?")]
    shown = {"basic": "Basic", "api-key": ""}.get(kind, "Bearer")
    schemes = {each["headers"].get("Authorization", "").partition(" ")[0] for each in to_tables}
    assert schemes == {shown} | tried
    keyed = {each["headers"].get("Authorization", "") == "" for each in to_tables if "x-sn-apikey" in each["headers"]}
    assert keyed == ({True} if kind == "api-key" else set())


@pytest.mark.long
@pytest.mark.parametrize(
    ("key_id", "key"), [("k1", private(RSA_KEY)), ("k2", private(EC_KEY)), ("k3", private(LONG_EC_KEY))]
)
def test_an_assertion_may_be_signed_with_a_private_key(key_id: str, key: str, run: Run, serve: Serve) -> None:
    """RSA and EC; the key's id tells the instance which of its keys to check it with."""
    settings = {**SETTINGS["jwt-bearer"], "SERVICENOW_JWT_KEY": key, "SERVICENOW_JWT_KEY_ID": key_id}
    url = serve(key_id)
    Administrator(url).grant("harness", *APP_ROLES)
    assert run(url, "--servicenow-auth", "jwt-bearer", **settings) == 0


@pytest.mark.long
@pytest.mark.parametrize("kind", ["password-grant", "jwt-bearer"])
def test_the_newest_release_needs_no_basic_and_no_new_user(kind: str, run: Run, serve: Serve) -> None:
    """An existing approver decides, by the same kind of log-in; the run only tries the console's user with Basic."""
    url = serve(release="australia")
    administrator = Administrator(url)
    administrator.grant("harness", *APP_ROLES)
    administrator.grant("privman.integration", "snc_basic_auth_api_access")
    settings = {**SETTINGS[kind], **CONSOLE, **APPROVER, "SERVICENOW_AUTH": kind}
    assert run(url, "--approver-user", "privman.approver", **settings) == 0
    sent = sent_by_the_run(url)
    assert len([each for each in sent if each["headers"].get("Authorization", "").startswith("Basic")]) == 1
    assert not [each for each in sent if each["method"] == "POST" and "/sys_user" in each["url"]]


USERS = """
title: Users
steps:
  - servicenow.create-user: {name: other, roles: []}
---
title: Approvers
steps:
  - console.ask:
  - servicenow.decide-at-once:
      decisions: [{response: Approve, by: one}, {response: Approve}]
"""


@pytest.mark.long
def test_scenarios_that_create_users_are_skipped(
    run: Run, serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where an approver exists already, nobody else is created."""
    for number, text in enumerate(USERS.split("---")):
        (tmp_path / f"{number}.yaml").write_text(f"own: {{users: [one]}}{text}", encoding="utf-8")
    assert run(serve(), "--max-skipped", "100", file=str(tmp_path), **APPROVER) == 1
    said = capsys.readouterr().out
    why = "needs users of its own: with an existing approver, here 'privman.approver', none are created"
    assert said.count(why) == 2
    assert "0 passed, 0 failed, 2 skipped" in said


@pytest.mark.long
def test_a_dry_run_prints_no_user_where_they_exist(run: Run, serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints what the run would write: with an approver who exists, no user."""
    assert run(serve(), "--dry-run", **APPROVER) == 0
    printed = capsys.readouterr().out
    assert "/x_thyti_thycotic_p_request/" in printed
    assert "/sys_user" not in printed


@pytest.mark.long
def test_who_is_not_there_is_not_created(
    run: Run, serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The console's user is a second one, whom nobody has named."""
    step = "servicenow.call: {path: /api/now/table/sys_user, by: scenario.integration, status: 200}"
    story = tmp_path / "story.yaml"
    story.write_text(f"title: Read\nsteps:\n  - {step}\n", encoding="utf-8")
    assert run(serve(), file=str(story), **APPROVER) == 1
    assert "a run with an existing approver creates no users" in capsys.readouterr().out


def refusals() -> Iterator[Any]:
    """Yield a setting that is wrong in each kind, and how the refusal begins."""
    wrong, client = "Wrong-0123456789-of-nobody", "SERVICENOW_CLIENT_SECRET"
    words = {
        "basic": ("SERVICENOW_PASSWORD", "the credentials of 'admin' from SERVICENOW_PASSWORD (401)"),
        "password-grant": (
            "SERVICENOW_PASSWORD",
            f"the OAuth password grant of 'admin' from {client} and SERVICENOW_PASSWORD: ",
        ),
        "client-credentials": (
            client,
            f"the OAuth client credentials of 'harness' from {client}: POST /oauth_token.do -> 401 ",
        ),
        "jwt-bearer": (
            "SERVICENOW_JWT_KEY",
            f"the OAuth JWT assertion for 'harness' from {client} and SERVICENOW_JWT_KEY: ",
        ),
        "api-key": ("SERVICENOW_API_KEY", "the API key from SERVICENOW_API_KEY (401)"),
    }
    for kind, (variable, begins) in words.items():
        yield pytest.param(kind, {**SETTINGS[kind], variable: f"{wrong}-{'x' * 32}"}, begins, id=kind)


@pytest.mark.long
@pytest.mark.parametrize(("kind", "settings", "begins"), [*refusals()])
def test_a_refusal_is_one_line(  # noqa: PLR0913, PLR0917 - fixtures
    kind: str, settings: Mapping[str, str], begins: str, run: Run, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the kind and the answer, and no secret."""
    url = serve()
    assert run(url, "--servicenow-auth", kind, **settings) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"privman-scenarios: {url} refused {begins}")
    assert said.count("\n") == 1
    assert "Wrong" not in said


@pytest.mark.long
@pytest.mark.parametrize("role", ["APPROVER", "INTEGRATION"])
def test_existing_users_are_tried_once(role: str, run: Run, serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is played: on an instance five failures lock a user out. The targets' command tells it, too."""
    url = serve()
    name = f"privman.{role.lower()}"
    wrong = {**APPROVER, **CONSOLE, f"SERVICENOW_{role}_PASSWORD": "Wrong-0123456789"}
    once = "Tried once: refusals may lock a user out."
    why = (
        f"privman-scenarios: {url} refused the credentials of '{name}' from SERVICENOW_{role}_PASSWORD (401). {once}\n"
    )
    assert run(url, **wrong) == 3
    assert capsys.readouterr().err == why
    assert main(["targets", "--servicenow-url", url]) == 3
    assert capsys.readouterr().err == why
    journal = sent_by_the_run(url)
    assert [each["status"] for each in journal].count(401) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"SERVICENOW_AUTH": "jwt-barer"},
            "SERVICENOW_AUTH: invalid log-in 'jwt-barer' (did you mean 'jwt-bearer'?)",
        ),
        (
            {"SERVICENOW_AUTH": "saml"},
            "; expected one of basic, password-grant, client-credentials, jwt-bearer, api-key",
        ),
        (
            {"SERVICENOW_AUTH": "api-key"},
            "no servicenow api-key, which the log-in by api-key requires. Expected SERVICENOW_API_KEY or",
        ),
        ({"SERVICENOW_AUTH": "api-key", "SERVICENOW_API_KEY": "a\nb"}, "SERVICENOW_API_KEY is not a key. Expected one"),
        (
            {"SERVICENOW_AUTH": "api-key", "SERVICENOW_API_KEY": KEY},
            "the API key has none. Expected a user (--integration-user",
        ),
        (
            {"SERVICENOW_AUTH": "jwt-bearer", **CLIENT, "SERVICENOW_JWT_KEY": SHARED},
            "no servicenow user, which the log-in by jwt-bearer requires. Exp",
        ),
        (
            {"SERVICENOW_AUTH": "client-credentials"},
            "no servicenow client-id, which the log-in by client-credentials requires. Expected SERVICENOW_CLIENT_ID",
        ),
        (
            {"SERVICENOW_AUTH": "client-credentials", **CLIENT, **CONSOLE, "SERVICENOW_APPROVER_USER": "a"},
            "requires. Expected SERVICENOW_APPROVER_CLIENT_ID or servicenow.approver-client-id in a profile.",
        ),
        (
            {"SERVICENOW_APPROVER_USER": "a"},
            "Expected SERVICENOW_APPROVER_PASSWORD or servicenow.approver-password-variable in a profile.",
        ),
        (
            {**SETTINGS["jwt-bearer"], "SERVICENOW_AUTH": "jwt-bearer", "SERVICENOW_JWT_KEY": public(RSA_KEY)},
            "SERVICENOW_JWT_KEY cannot sign. Expected the secret that is shared with the instance, or a private RSA",
        ),
        (
            {
                **SETTINGS["jwt-bearer"],
                "SERVICENOW_AUTH": "jwt-bearer",
                "SERVICENOW_JWT_KEY": "ssh-rsa AAAAB3NzaC1yc2EA",
            },
            "SERVICENOW_JWT_KEY cannot sign. Expected the secret that is shared with the instance, or a private RSA",
        ),
        (
            {"SERVICENOW_AUTH": "certificate", **CONSOLE},
            "no servicenow cert, which the log-in by certificate requires. Expected --servicenow-cert, SERVICENOW_CERT",
        ),
        ({"SERVICENOW_CERT": "/dev/null"}, "/dev/null: "),
        ({"SERVICENOW_CERT": __file__}, f"{__file__}: no certificate (PEM) in it. Expected a cert"),
        ({"SERVICENOW_CERT": "/dev/zero"}, "/dev/zero: Not a regular file. Expected a certificate and its private"),
        ({"SERVICENOW_CERT": __file__, "SERVICENOW_CERT_KEY": "/dev/zero"}, ": /dev/zero: Not a regular file."),
        ({"SERVICENOW_CERT": "no.pem"}, "SERVICENOW_CERT: no.pem: No such file or directory."),
        ({"SERVICENOW_JWT_SUBJECT": "\udcff"}, "SERVICENOW_JWT_SUBJECT: invalid text '\\udcff': expected UTF-8 text"),
        (
            {"SERVICENOW_CERT_KEY": "/dev/null"},
            "no servicenow cert, which SERVICENOW_CERT_KEY requires. Expected --servicenow-cert, SERVICENOW_CERT",
        ),
    ],
)
def test_an_unusable_setting_is_one_line(
    settings: Mapping[str, str], said: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent; the line names the variable, and shows no value of a secret."""
    assert run("http://127.0.0.1:9", **settings) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert KEY not in err


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("auth = 'Basic'", "privman.toml:2: servicenow.auth: invalid log-in 'Basic' (did you mean 'basic'?)"),
        (
            "auth = 'api-key'\napi-key-variable = 'OURS'",
            "privman.toml:3: servicenow.api-key-variable is not a key.",
        ),
        ("auth = 'jwt-bearer'\njwt-key-variable = 'OURS'", "privman.toml:3: servicenow.jwt-key-variable cannot"),
        ("cert-key = '/dev/null'", "which privman.toml:2: servicenow.cert-key requires. Expected --servic"),
    ],
)
def test_an_unusable_setting_is_named_by_its_source(  # noqa: PLR0913, PLR0917 - fixtures
    profile: str,
    said: str,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By file and line of a profile: nobody has set a variable."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "privman.toml").write_text(f"[servicenow]\n{profile}\n")
    assert run("http://127.0.0.1:9", OURS="-----BEGIN a\nb") == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("kind", SETTINGS)
def test_the_default_user_is_shown_where_it_counts(
    kind: str, serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It logs in wherever ``targets`` shows it: with a password, in both ways."""
    for name, value in SETTINGS[kind].items():
        if name not in ADMIN:
            monkeypatch.setenv(name, value)
    code = main(["targets", "--servicenow-url", serve(), "--servicenow-auth", kind])
    names = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.endswith("default")}
    has_password = kind in {"basic", "password-grant"}
    assert names & {"servicenow-user", "servicenow-password"} == (
        {"servicenow-user", "servicenow-password"} if has_password else set()
    )
    assert code == 0 or not has_password


@pytest.fixture
def mutual(tmp_path: Path) -> tuple[ssl.SSLContext, dict[str, str]]:
    """Return TLS that demands a certificate, and the settings with one; ``ca.pem`` is to be trusted."""
    servers, clients = trustme.CA(), trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    servers.issue_cert("127.0.0.1").configure_cert(context)
    clients.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    servers.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = clients.issue_cert("harness@example.com")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    issued.private_key_pem.write_to_path(tmp_path / "client.key")
    files = {"SERVICENOW_CERT": "client.pem", "SERVICENOW_CERT_KEY": "client.key"}
    return context, {name: str(tmp_path / file) for name, file in files.items()}


@pytest.mark.long
@pytest.mark.parametrize("kind", ["basic", "certificate"])
def test_mutual_tls(kind: str, mutual: tuple[ssl.SSLContext, dict[str, str]], serve: Serve, tmp_path: Path) -> None:
    """A gateway demands a certificate beside the credentials, or the certificate alone proves the user."""
    trusted = ["--ca-file", str(tmp_path / "ca.pem"), "--trap", "shapes-of-a-reference"]
    shown = [
        "--servicenow-cert",
        mutual[1]["SERVICENOW_CERT"],
        "--servicenow-cert-key",
        mutual[1]["SERVICENOW_CERT_KEY"],
    ]
    url = serve(tls=mutual[0])
    assert main(["fidelity", "--servicenow-url", url, *trusted, *shown, "--servicenow-auth", kind]) == 0


@pytest.mark.long
def test_the_console_of_a_run_shows_the_certificate(
    mutual: tuple[ssl.SSLContext, dict[str, str]], run: Run, serve: Serve, tmp_path: Path
) -> None:
    """A gateway demands it of everybody."""
    assert run(serve(tls=mutual[0]), "--ca-file", str(tmp_path / "ca.pem"), **mutual[1]) == 0


@pytest.mark.long
def test_a_certificate_that_is_demanded_and_missing_is_named(
    mutual: tuple[ssl.SSLContext, dict[str, str]],
    run: Run,
    serve: Serve,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The line says which option is missing."""
    url = serve(tls=mutual[0])
    assert run(url, "--ca-file", str(tmp_path / "ca.pem")) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"privman-scenarios: {url} could not be reached: ")
    assert "--servicenow-cert" in said


def test_a_certificate_is_shown_over_https_only(
    mutual: tuple[ssl.SSLContext, dict[str, str]], run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without TLS nobody would ask for it."""
    assert run("http://127.0.0.1:9", **mutual[1]) == 2
    assert "SERVICENOW_CERT requires an address that begins with https" in capsys.readouterr().err
    assert run("https://127.0.0.1:9", SERVICENOW_AUTH="certificate", **mutual[1]) == 2
    assert "the client certificate has none. Expected a user (--integration-user" in capsys.readouterr().err


@pytest.mark.parametrize(("password", "code"), [("of-the-key", 3), ("another", 2), ("", 2), ("x" * 2_000, 2)])
def test_a_key_may_have_a_password(
    password: str,
    code: int,
    mutual: tuple[ssl.SSLContext, dict[str, str]],
    run: Run,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nobody is asked for it at the terminal; with the right one the instance is asked, which is not there."""
    file = Path(mutual[1]["SERVICENOW_CERT_KEY"])
    key = load_pem_private_key(file.read_bytes(), None)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"of-the-key")))
    variables = {"SERVICENOW_CERT_KEY_PASSWORD": password} if password else {}
    assert run("https://127.0.0.1:9", **mutual[1], **variables) == code
    err = capsys.readouterr().err
    assert (err.count("\n"), "of-the-key" in err) == (1, False)


@pytest.mark.long
def test_a_recording_holds_no_credentials(run: Run, serve: Serve, tmp_path: Path) -> None:
    """Neither what the log-in was asked for nor the token."""
    url, out = serve(), tmp_path / "out.har"
    assert run(url, SERVICENOW_AUTH="password-grant", **SETTINGS["password-grant"]) == 0
    assert main(["record", APPROVE, "--servicenow-url", url, "--quiet-time", "0", "--out", str(out)]) == 0
    recorded = out.read_text(encoding="utf-8")
    assert "Bearer ***" in recorded
    assert SECRET not in recorded
    assert "oauth_token" not in recorded


@pytest.mark.long
@pytest.mark.parametrize("kind", ["api-key", "client-credentials"])
def test_fidelity_logs_in(
    kind: str, serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A probe that names the user who probes asks the instance who that is, where only that knows."""
    url = serve()
    Administrator(url).allow_client_credentials()
    for name, value in SETTINGS[kind].items():
        monkeypatch.setenv(name, value)
    assert (
        main(["fidelity", "--servicenow-url", url, "--servicenow-auth", kind, "--trap", "shapes-of-a-reference"]) == 0
    )
    assert capsys.readouterr().out.startswith("1 the same, 0 different")


CONNECTOR = """
import requests

def test_it(servicenow, console):
    request_id = console.ask({"PolicyName": "Elevate installers"})
    table = f"{servicenow.url}/api/now/table/x_thyti_thycotic_p_request"
    query = {"sysparm_query": f"request_id={request_id}"}
    [found] = requests.get(table, query, headers=servicenow.integration.headers, timeout=30).json()["result"]
    values = {"status": "Approve"}
    requests.patch(f"{table}/{found['sys_id']}", json=values, headers=servicenow.approver.headers, timeout=30)
    servicenow.decision(request_id).delivered()
    assert (servicenow.approver.name, servicenow.approver.auth[0]) == ("privman.approver", "privman.approver")
    assert servicenow.headers["Authorization"].startswith("Bearer ")
    assert servicenow.integration.auth == ("privman.integration", "admin")
    assert servicenow.auth == ("admin", "admin")
"""


@pytest.mark.long
def test_fixtures_log_in(pytester: pytest.Pytester, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connector under test gets what it logs in with, as approver and as the console's user."""
    for name, value in {**SETTINGS["password-grant"], **CONSOLE, **APPROVER}.items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile(CONNECTOR)
    options = ("--privman-servicenow-url", serve(), "--privman-servicenow-auth", "password-grant")
    pytester.runpytest_inprocess("-p", "no:asyncio", *options).assert_outcomes(passed=1)


OWN = """
import pytest
import requests

def test_it(servicenow):
    for user in (servicenow.approver, servicenow.integration):
        answer = requests.get(f"{servicenow.url}/api/now/table/incident", auth=user.auth, timeout=30)
        assert (answer.status_code, user.name.split(".")[0]) == (200, "scenario")
        assert set(user.headers) == {"Authorization"}
"""


@pytest.mark.long
def test_fixtures_create_users_in_our_own_instance(pytester: pytest.Pytester) -> None:
    """Nobody has named existing ones."""
    pytester.makepyfile(OWN)
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


KEYED = """
import pytest
from privman_scenarios.errors import ExpectationError

def test_it(servicenow):
    assert list(servicenow.headers) == ["x-sn-apikey"]
    for name in ("auth", "basic_auth"):
        with pytest.raises(ExpectationError, match="a log-in with user name and password; got the API key"):
            getattr(servicenow, name)
"""


@pytest.mark.long
def test_all_tests_try_a_password_once(
    pytester: pytest.Pytester, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five tests with a wrong password would lock the user out; each of them fails in the same line."""
    url = serve()
    monkeypatch.setenv("SERVICENOW_PASSWORD", "Wrong-0123456789")
    pytester.makepyfile(
        "import pytest\n\n@pytest.mark.parametrize('n', range(5))\ndef test_it(servicenow, n):\n    pass"
    )
    refused = pytester.runpytest_inprocess("-p", "no:asyncio", "--privman-servicenow-url", url)
    refused.assert_outcomes(errors=5)
    refused.stdout.fnmatch_lines(["*refused the credentials of 'admin' from SERVICENOW_PASSWORD (401). Tried once: *"])
    assert [each["status"] for each in sent_by_the_run(url)].count(401) == 1


@pytest.mark.long
def test_fixtures_without_a_password(pytester: pytest.Pytester, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has none says so; an existing user who is refused fails each test in one line."""
    for name, value in {**SETTINGS["api-key"], "SERVICENOW_AUTH": "api-key"}.items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile(KEYED)
    options = ("-p", "no:asyncio", "--privman-servicenow-url", serve())
    pytester.runpytest_inprocess(*options).assert_outcomes(passed=1)
    kinds = {"SERVICENOW_AUTH": "api-key", "SERVICENOW_APPROVER_AUTH": "password-grant"}
    for name, value in {**CLIENT, **APPROVER, **kinds, "SERVICENOW_APPROVER_PASSWORD": "Wrong"}.items():
        monkeypatch.setenv(name, value)
    refused = pytester.runpytest_inprocess(*options)
    refused.assert_outcomes(errors=1)
    refused.stdout.fnmatch_lines(
        ["*refused the OAuth password grant of 'privman.approver' from SERVICENOW_CLIENT_SECRET and SERVICENOW_APP*"]
    )
