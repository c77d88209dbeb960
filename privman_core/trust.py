"""Which servers a client believes."""

import ssl
from pathlib import Path
from typing import Literal

Trust = ssl.SSLContext | Literal[True]


def trust(ca_file: Path | None) -> Trust:
    """Return how a client checks certificates: by the machine's authorities, and by those in the PEM file besides.

    A self-signed certificate in the file is trusted itself. Raises OSError for a file that holds no certificate.
    """
    if ca_file is None:
        return True
    context = ssl.create_default_context()
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(ca_file)
    return context
