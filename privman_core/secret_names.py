"""Names by which fields, parameters, columns and headers are known to be secret."""

import re

SECRET_HEADERS = frozenset(
    {
        *("authorization", "proxy-authorization", "authentication", "cookie", "set-cookie"),
        *("x-sn-apikey", "x-usertoken", "x-admin-token"),
    }
)
_SECRET_WORDS = frozenset({"auth", "authorization", "authentication", "credential", "credentials", "pass"})
KINDS_OF_KEYS = ("api", "secret", "shared", "private", "access", "signing", "encryption")
ENDINGS = (
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "passcode",
    "token",
    "sysparmck",
    *(f"{kind}key" for kind in KINDS_OF_KEYS),
    "assertion",
    "codeverifier",
)
_PATH = re.compile(r"(?:[a-z0-9_]++\.)*+([a-z0-9_]++)")
_ENDING = re.compile("|".join("_*+".join(ending) for ending in ENDINGS))


def is_secret_field(name: str) -> bool:
    """Return whether a field, parameter or column of this name is secret."""
    return name.lower().rstrip("0123456789").replace("_", "").replace("-", "").endswith(ENDINGS)


def end_of_secret_name(term: str) -> int:
    """Return where the secret column's name at the beginning of a term ends; 0 if there is none."""
    path = _PATH.match(term)
    if path is None:
        return 0
    ends = [path.start(1) + found.end() for found in _ENDING.finditer(path[1])]
    return ends[-1] if ends else 0


def is_secret_header(name: str) -> bool:
    """Return whether a header of this name is secret; one word that says so is enough, as in ``X-Auth-Key``."""
    lowered = name.lower()
    return lowered in SECRET_HEADERS or not _SECRET_WORDS.isdisjoint(lowered.split("-")) or is_secret_field(name)
