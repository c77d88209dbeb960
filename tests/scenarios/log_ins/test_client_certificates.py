"""Client certificates: mutual TLS, keys with a password, and what is said where one is missing."""

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from privman_scenarios.commands.cli import main

from .log_in_mocks import (
    Run,
    Serve,
)


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
