"""TLS for a served instance."""

import ssl
from pathlib import Path


def load_certificate(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return TLS with a certificate of one's own; raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def issue_certificate(host: str, ca_file: Path) -> ssl.SSLContext:
    """Return TLS with a new certificate for the host, and write the authority that clients must trust.

    Raises OSError where it cannot be written.
    """
    import trustme  # noqa: PLC0415 - its cryptography costs a start without TLS too much

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*{host, "localhost", "127.0.0.1", "::1"}).configure_cert(context)
    authority.cert_pem.write_to_path(ca_file)
    return context
