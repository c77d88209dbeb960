"""Secrets that are compared."""

import hmac


def is_same(known: str, presented: str) -> bool:
    """Compare two secrets in constant time, whatever bytes a caller presents; an empty one equals none."""
    if not known or not presented:
        return False
    return hmac.compare_digest(known.encode(errors="surrogatepass"), presented.encode(errors="surrogatepass"))
