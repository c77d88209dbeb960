"""https: the options of the commands that serve, and their certificates."""

import ssl
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from msgspec import Struct

from privman_core.argument_types import ca_file
from privman_core.command_line import UsageError
from privman_core.inputs import reason_of
from privman_core.regular_files import read_regular

_MOST_BYTES = 16 * 1024 * 1024
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_PRIVATE_KEY = b"PRIVATE KEY-----"


def add_tls(parser: ArgumentParser) -> None:
    """Add the options of `tls_settings`."""
    parser.add_argument("--tls", action="store_true", help="serve https")
    parser.add_argument(
        "--tls-ca-file", type=Path, metavar="PATH", help="write the CA certificate that clients must trust to this file"
    )
    parser.add_argument("--tls-cert", type=Path, metavar="PATH", help="serve https with this certificate (PEM)")
    parser.add_argument("--tls-key", type=Path, metavar="PATH", help="private key for --tls-cert (PEM)")
    parser.add_argument(
        "--tls-client-ca",
        type=ca_file,
        metavar="PATH",
        help="refuse clients without a certificate that one of these CAs has issued (PEM)",
    )
    parser.add_argument(
        "--tls-client-optional", action="store_true", help="with --tls-client-ca, serve clients without one, too"
    )


class Tls(Struct, frozen=True):
    """How a command serves.

    Attributes:
        context: None for plain http.
        authority: the new CA certificate, in PEM; empty if there is none.
        ca_file: where clients find it.
    """

    context: ssl.SSLContext | None
    authority: bytes = b""
    ca_file: Path | None = None

    def publish(self) -> None:
        """Write the CA certificate that clients must trust; raises UsageError.

        Only for a server that listens: the file may be that of another one, which has the port.
        """
        if self.ca_file is None:
            return
        try:
            self.ca_file.write_bytes(self.authority)
        except OSError as error:
            raise UsageError(f"{self.ca_file}: {reason_of(error)}") from None


def tls_settings(options: Namespace) -> Tls:
    """Return the TLS that the options ask for; raises UsageError."""
    _check(options)
    tls = _own_certificate(options)
    if options.tls_client_ca and tls.context is not None:
        tls.context.verify_mode = ssl.CERT_OPTIONAL if options.tls_client_optional else ssl.CERT_REQUIRED
        tls.context.load_verify_locations(options.tls_client_ca)
    return tls


def _check(options: Namespace) -> None:
    """Raise UsageError for options that do not go together."""
    if bool(options.tls_cert) != bool(options.tls_key):
        raise UsageError("--tls-cert and --tls-key go together")
    if options.tls_ca_file and not options.tls:
        raise UsageError("--tls-ca-file PATH requires --tls")
    if options.tls_ca_file and options.tls_cert:
        raise UsageError("--tls-ca-file and --tls-cert exclude each other; clients trust the issuer of --tls-cert")
    if options.tls and not options.tls_cert and options.tls_ca_file is None:
        raise UsageError("--tls requires --tls-ca-file PATH, where the certificate to trust is written")
    if options.tls_ca_file and not _may_replace(options.tls_ca_file):
        raise UsageError(f"--tls-ca-file would overwrite {options.tls_ca_file}, which is not one CA certificate")
    if options.tls_client_ca and not (options.tls or options.tls_cert):
        raise UsageError("--tls-client-ca requires --tls or --tls-cert")
    if options.tls_client_optional and not options.tls_client_ca:
        raise UsageError("--tls-client-optional requires --tls-client-ca PATH")


def _may_replace(file: Path) -> bool:
    """Return whether a file holds no more than an earlier start has written: people mistype paths."""
    if not file.is_file():
        return True
    try:
        text = read_regular(file, _MOST_BYTES)
    except OSError:
        return False
    return not text.strip() or (text.startswith(_CERTIFICATE) and text.count(b"-----BEGIN ") == 1)


def _own_certificate(options: Namespace) -> Tls:
    if not options.tls_cert:
        return Tls(*_issue(options.host), options.tls_ca_file) if options.tls else Tls(None)
    try:
        return Tls(load_certificate(options.tls_cert, options.tls_key))
    except OSError as error:
        named = error.filename or f"{options.tls_cert}, {options.tls_key}"  # OpenSSL does not say which
        raise UsageError(f"{named}: {reason_of(error)}") from None


def load_certificate(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return TLS with that certificate; raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_chain(context, certificate, key, _refuse_passphrase)
    return context


def load_chain(context: ssl.SSLContext, certificate: Path, key: Path | None, password: Callable[[], str]) -> None:
    """Give a context the certificate to show, its key perhaps in the same file; raises OSError."""
    # OpenSSL would read a device without an end, wait at a pipe, and not say which file lacks what.
    texts = {file: read_regular(file, _MOST_BYTES) for file in filter(None, (certificate, key))}
    for file, mark, lacks in (
        (certificate, _CERTIFICATE, "certificate"),
        (key or certificate, _PRIVATE_KEY, "private key"),
    ):
        if mark not in texts[file]:
            raise OSError(None, f"no {lacks} (PEM) in it", str(file))
    context.load_cert_chain(certificate, key, password)


def _refuse_passphrase() -> NoReturn:
    """Raise OSError: OpenSSL would ask at the terminal."""
    raise OSError("the key has a passphrase; expected one without")


def issue_certificate(host: str, ca_file: Path) -> ssl.SSLContext:
    """Return TLS with a new certificate for the host, and write the authority that clients must trust.

    Raises OSError where it cannot be written.
    """
    context, authority = _issue(host)
    ca_file.write_bytes(authority)
    return context


def _issue(host: str) -> tuple[ssl.SSLContext, bytes]:
    import trustme  # noqa: PLC0415 - its cryptography costs a start without TLS too much

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    names = dict.fromkeys(filter(None, (host, "localhost", "127.0.0.1", "::1")))
    try:
        authority.issue_cert(*names).configure_cert(context)
    except ValueError:  # idna's errors are some
        raise UsageError(f"--tls cannot certify the --host {host!r}. Expected another, or --tls-cert.") from None
    return context, authority.cert_pem.bytes()
