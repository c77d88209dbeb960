"""Why something was refused, in the same words on every version of Python."""

import os
import ssl

_LONGEST_SHOWN = 80


def reason_of(error: OSError) -> str:
    """Return the system's own words in one line.

    asyncio words the errors of sockets in ways of its own; failed look-ups of a name have negative numbers.
    """
    if error.errno is not None and error.errno > 0 and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno)
    return " ".join((error.strerror or str(error)).partition(" (_ssl")[0].split())


def shown(value: object) -> str:
    """Return a value as Python writes it, a long one by its beginning."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
