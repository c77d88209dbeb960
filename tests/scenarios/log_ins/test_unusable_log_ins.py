"""Log-ins that are refused, and settings of log-ins that cannot be used."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from privman_scenarios.commands.cli import main

from .log_in_mocks import (
    ADMIN,
    CLIENT,
    CONSOLE,
    KEY,
    RSA_KEY,
    SETTINGS,
    SHARED,
    Run,
    Serve,
    public,
)


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
