"""Both commands serve https with the same options."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from aiohttp import ClientError, ClientSession
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.preloaded import run, start

COMMANDS = ["mock-servicenow", "console-sim"]
OWN_PASSWORD = {"MOCK_SERVICENOW_PASSWORD": "open sesame"}
both = pytest.mark.parametrize("command", COMMANDS)


@asynccontextmanager
async def serving(command: str, *arguments: str) -> AsyncIterator[str]:
    """Serve on a free port until the body ends; yields the address."""
    process = await start(command, "serve", "--port", "0", *arguments)
    try:
        banner = await process.line()
        assert banner.startswith(f"{command} serves "), (await process.communicate())[1]
        yield banner.split()[2]
        process.terminate()
        assert (await process.communicate())[1] == b""
    finally:
        process.kill()
    assert process.returncode == 0


async def _status(url: str, trust: ssl.SSLContext) -> int:
    async with ClientSession() as session, session.get(f"{url}/__admin/health", ssl=trust) as answer:
        return answer.status


@pytest.mark.long
@both
async def test_tls_writes_the_authority_to_trust(command: str, tmp_path: Path) -> None:
    """A client that trusts the written authority accepts the certificate."""
    authority = tmp_path / "ca.pem"
    async with serving(command, "--tls", "--tls-ca-file", str(authority)) as url:
        assert url.startswith("https://127.0.0.1:")
        assert await _status(url, ssl.create_default_context(cafile=authority)) == 200


@pytest.mark.long
@both
async def test_a_server_that_finds_no_port_leaves_the_authority(command: str, tmp_path: Path) -> None:
    """It may be that of the server which has the port."""
    authority = tmp_path / "ca.pem"
    options = ["--tls", "--tls-ca-file", str(authority)]
    async with serving(command, *options) as url:
        before = authority.read_bytes()
        code, _, err = await run(command, "serve", "--port", url.rpartition(":")[2], *options, environment={})
        assert (code, "cannot listen on" in err, authority.read_bytes() == before) == (2, True, True)


@pytest.mark.long
@both
async def test_the_authority_replaces_nothing_else(command: str, tmp_path: Path) -> None:
    """A path that was mistyped may be that of a key, a bundle or anything else; an earlier authority may go."""
    one = trustme.CA().cert_pem.bytes()
    for number, text in enumerate((b"a note", one + one, trustme.CA().private_key_pem.bytes(), bytes(17 << 20))):
        file = tmp_path / f"{number}.pem"
        file.write_bytes(text)
        code, _, err = await run(command, "serve", "--port", "0", "--tls", "--tls-ca-file", str(file), environment={})
        assert (code, file.read_bytes()) == (2, text)
        assert f"--tls-ca-file would overwrite {file}, which is not one CA certificate" in err
    for text in (b"", one):
        (tmp_path / "ca.pem").write_bytes(text)
        async with serving(command, "--tls", "--tls-ca-file", str(tmp_path / "ca.pem")):
            assert (tmp_path / "ca.pem").read_bytes() not in {b"", one}


@both
async def test_own_certificate(command: str, tmp_path: Path) -> None:
    """A certificate and key of one's own are used as they are."""
    authority = trustme.CA()
    files = _write_certificate(authority, tmp_path)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with serving(command, *files) as url:
        assert await _status(url, context) == 200


@pytest.mark.long
@both
async def test_a_certificate_of_the_client_is_demanded(command: str, tmp_path: Path) -> None:
    """One of another CA is refused, as is a client without one; without TLS there is nobody to ask."""
    authority, clients = trustme.CA(), trustme.CA()
    clients.cert_pem.write_to_path(tmp_path / "clients.pem")
    demanded = ["--tls-client-ca", str(tmp_path / "clients.pem")]
    known, unknown, bare = (ssl.create_default_context() for _ in range(3))
    for context in (known, unknown, bare):
        authority.configure_trust(context)
    clients.issue_cert("jane@example.com").configure_cert(known)
    trustme.CA().issue_cert("jane@example.com").configure_cert(unknown)
    async with serving(command, *_write_certificate(authority, tmp_path), *demanded) as url:
        assert await _status(url, known) == 200
        for context in (unknown, bare):
            with pytest.raises(ClientError):
                await _status(url, context)
    assert "--tls-client-ca requires --tls or --tls-cert" in (await run(command, "serve", *demanded, environment={}))[2]


@pytest.mark.long
@both
async def test_a_certificate_of_the_client_may_be_optional(command: str, tmp_path: Path) -> None:
    """Then a client without one is served, while one of another CA is refused."""
    authority, clients = trustme.CA(), trustme.CA()
    clients.cert_pem.write_to_path(tmp_path / "clients.pem")
    optional = ("--tls-client-ca", str(tmp_path / "clients.pem"), "--tls-client-optional")
    bare, unknown = (ssl.create_default_context() for _ in range(2))
    for context in (bare, unknown):
        authority.configure_trust(context)
    trustme.CA().issue_cert("jane@example.com").configure_cert(unknown)
    async with serving(command, *_write_certificate(authority, tmp_path), *optional) as url:
        assert await _status(url, bare) == 200
        with pytest.raises(ClientError):
            await _status(url, unknown)


@pytest.mark.long
@both
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tls-client-optional"], "--tls-client-optional requires --tls-client-ca PATH"),
        (["--tls"], "--tls requires --tls-ca-file PATH"),
        (["--tls", "--tls-ca-file", "/no/such/folder/ca.pem"], "/no/such/folder/ca.pem: No such file or directory"),
        (["--tls-ca-file", "ca.pem"], "--tls-ca-file PATH requires --tls"),
        (
            ["--tls", "--tls-ca-file", "ca.pem", "--host", "my_host"],
            "--tls cannot certify the --host 'my_host'. Expected",
        ),
        (["--tls-cert", "cert.pem"], "--tls-cert and --tls-key go together"),
        (["--tls-cert", "no.pem", "--tls-key", "no.key"], "no.pem: No such file or directory"),
        (["--tls-cert", __file__, "--tls-key", "no.key"], "no.key: No such file or directory"),
        (["--tls-cert", "/dev/zero", "--tls-key", "no.key"], "/dev/zero: Not a regular file"),
        (
            ["--tls", "--tls-ca-file", "ca.pem", "--tls-cert", "no.pem", "--tls-key", "no.key"],
            "--tls-ca-file and --tls-cert exclude each other",
        ),
    ],
)
async def test_unusable_options_are_one_line(command: str, arguments: list[str], message: str) -> None:
    """With exit code 2, and nothing is served."""
    code, out, err = await run(command, "serve", "--port", "0", *arguments, environment=OWN_PASSWORD)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"{command}: {message}")


@both
async def test_certificate_and_key_are_swapped(command: str, tmp_path: Path) -> None:
    """The file that lacks what its option names is named; both may be in one file."""
    _write_certificate(trustme.CA(), tmp_path)
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    for given, lacks in (((key, cert), "certificate"), ((cert, cert), "private key")):
        files = ("--tls-cert", given[0], "--tls-key", given[1])
        code, out, err = await run(command, "serve", "--port", "0", *files, environment={})
        line = f"{command}: {given[0]}: no {lacks} (PEM) in it\n"
        assert (code, out, err) == (2, "", line)


@both
async def test_a_passphrase_is_never_asked_for(command: str, tmp_path: Path) -> None:
    """A key that has one is refused; OpenSSL would wait for it at the terminal."""
    files = _write_certificate(trustme.CA(), tmp_path)
    key = tmp_path / "key.pem"
    private = load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    code, out, err = await run(command, "serve", "--port", "0", *files, environment={})
    assert (code, out) == (2, "")
    assert err.endswith("key.pem: the key has a passphrase; expected one without\n")


def _write_certificate(authority: trustme.CA, folder: Path) -> list[str]:
    """Write certificate and key, and return the options that name them."""
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    return ["--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem")]
