"""Every way to log in to an instance, and users who exist already."""

from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from privman_scenarios.commands.cli import main

from .log_in_mocks import (
    APPROVE,
    APPROVER,
    CONSOLE,
    EC_KEY,
    LONG_EC_KEY,
    RSA_KEY,
    SECRET,
    SETTINGS,
    Run,
    Serve,
    sent_by_the_run,
)

APP_ROLES = ("x_thyti_thycotic_p.admin", "x_thyti_thycotic_p.approver")


def private(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Return the private key in PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


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
