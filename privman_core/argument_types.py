"""Read what options, variables and profiles hold; imports little, because every run of pytest loads it.

Each function takes text, and raises ArgumentTypeError with one line that shows the value, unless it may be a secret.
"""

from argparse import ArgumentTypeError
from pathlib import Path

from privman_core.natural_numbers import natural_number

_SHORTEST, _LONGEST = 0.1, 3_600
_MOST = 999_999_999
LOG_INS = ("basic", "password-grant", "client-credentials", "jwt-bearer", "api-key", "certificate")
"""Ways to log in to ServiceNow."""
PASSWORD_LOG_INS = LOG_INS[:2]
"""Those that send a user's password: the default user and password count for these alone."""


def path(text: str) -> Path:
    """Return a path; nothing is none, and not the current folder."""
    from privman_core.inputs import can_be_path  # noqa: PLC0415 - see the module's docstring

    if not text:
        raise ArgumentTypeError("invalid path '': expected a file or a folder ('.' is the current one)")
    if not can_be_path(text):
        raise ArgumentTypeError(f"invalid path {text!r}: expected a file or a folder")
    return Path(text)


def seconds(text: str) -> float:
    """Return a span of time in seconds."""
    try:
        span = float(text)
    except ValueError:
        span = 0
    if not _SHORTEST <= span <= _LONGEST:
        raise ArgumentTypeError(f"invalid span {text!r}: expected {_SHORTEST} to {_LONGEST} seconds")
    return span


def count(text: str) -> int:
    """Return a whole number from 1."""
    number = natural_number(text)
    if not number or number > _MOST:
        raise ArgumentTypeError(f"invalid count {text!r}: expected a whole number from 1")
    return number


def count_from_zero(text: str) -> int:
    """Return a whole number from 0."""
    return 0 if text == "0" else count(text)


def percent(text: str) -> float:
    """Return a percentage."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1
    if not 0 <= value <= 100:  # noqa: PLR2004 - percent
        raise ArgumentTypeError(f"invalid percentage {text!r}: expected a number from 0 to 100")
    return value


def url(text: str) -> str:
    """Return an http(s) address without a trailing slash."""
    from privman_core.inputs import plain_url  # noqa: PLC0415 - see the module's docstring

    try:
        return plain_url(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def system_url(text: str) -> str:
    """Return the http(s) address of a system, which has no path."""
    address = url(text)
    scheme, _, rest = address.partition("://")
    place, slash, _ = rest.partition("/")
    if slash:
        raise ArgumentTypeError(f"invalid address {address!r}: expected it without a path, {scheme}://{place}")
    return address


def ca_file(text: str) -> Path:
    """Return a PEM file that has a certificate."""
    from privman_core.inputs import reason_of, trust  # noqa: PLC0415 - see the module's docstring

    try:
        trust(Path(text))
    except OSError as error:
        raise ArgumentTypeError(f"no certificate in {text!r}: {reason_of(error)}; expected a PEM file") from None
    return Path(text)


def user(text: str) -> str:
    """Return the name of a user."""
    from privman_core.inputs import CONTROL  # noqa: PLC0415 - see the module's docstring

    if not text or CONTROL.search(text) or not _is_utf8(text):
        raise ArgumentTypeError(f"invalid user name {text!r}: expected UTF-8 text without control characters")
    return text


def text(value: str) -> str:
    """Return one line of text."""
    from privman_core.inputs import CONTROL  # noqa: PLC0415 - see the module's docstring

    if not value or CONTROL.search(value) or not _is_utf8(value):
        raise ArgumentTypeError(f"invalid text {value!r}: expected UTF-8 text without control characters")
    return value


def basic_user(name: str) -> str:
    """Return the name of a user who can log in with Basic, which ends it at a colon."""
    if ":" in user(name):
        raise ArgumentTypeError(f"invalid user name {name!r}: expected no ':', which Basic cannot send")
    return name


def host(name: str) -> str:
    """Return the name or the address of an interface to listen on."""
    from privman_core.inputs import can_be_looked_up, quoted  # noqa: PLC0415 - see the module's docstring

    if not can_be_looked_up(name):
        expected = "expected a host name, or an IP address such as 127.0.0.1 (0.0.0.0 is every IPv4 one)"
        raise ArgumentTypeError(f"invalid host {quoted(name)}: {expected}")
    return name


def log_in_kind(name: str) -> str:
    """Return the name of a way to log in."""
    from privman_core.near_words import hint  # noqa: PLC0415 - see the module's docstring

    if name not in LOG_INS:
        expected = hint(name, LOG_INS)
        raise ArgumentTypeError(f"invalid log-in {name!r}{expected}; expected one of {', '.join(LOG_INS)}")
    return name


def secret(value: str) -> str:
    """Return a password, or another secret."""
    if not _is_utf8(value):
        raise ArgumentTypeError("invalid secret: expected UTF-8 text")
    if not value:
        raise ArgumentTypeError("invalid secret: expected text, got none")
    return value


def token(text: str) -> str:
    """Return what a header can carry."""
    if not text or not text.isascii() or not text.isprintable() or text != text.strip():
        raise ArgumentTypeError("invalid token: expected one line of ASCII characters, without blanks at its ends")
    return text


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes of a variable or an argument that are not UTF-8
        return False
    return True
