"""Serving an instance at an address."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp.web

from mock_servicenow.now_platform.http import LONGEST_LINE


class AddressError(Exception):
    """Raised when an instance cannot be served at an address; the message names it."""


@asynccontextmanager
async def serving(
    app: aiohttp.web.Application, host: str, port: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve until the body ends and give the origin; port 0 takes a free one.

    Raises AddressError when nobody can listen there.
    """
    runner = aiohttp.web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=1, max_line_size=LONGEST_LINE
    )
    await runner.setup()
    try:
        site = aiohttp.web.TCPSite(runner, host, port, ssl_context=tls)
        try:
            await site.start()
        except OSError as error:
            reason = error.strerror or str(error)
            raise AddressError(f"cannot listen on {host}:{port}: {' '.join(reason.split())}") from None
        yield origin(host, runner.addresses[0][1], tls=tls is not None)
    finally:
        await runner.cleanup()


def origin(host: str, port: int, *, tls: bool) -> str:
    """Return the origin of an address, such as ``https://127.0.0.1:8443``."""
    named = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{named}:{port}"


def load_certificate(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return TLS with a certificate of one's own; raises OSError or ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def issue_certificate(host: str, ca_file: Path) -> ssl.SSLContext:
    """Return TLS with a new certificate for the host, and write the authority that clients must trust."""
    import trustme  # noqa: PLC0415 - its cryptography costs a start without TLS too much

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host, "localhost", "127.0.0.1", "::1").configure_cert(context)
    authority.cert_pem.write_to_path(ca_file)
    return context
