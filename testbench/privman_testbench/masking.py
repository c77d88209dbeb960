"""Secrets never reach an output."""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"
# Older ones are tokens that expired long before.
KEPT_SECRETS = 1_000
_SECRET_HEADERS = frozenset({"cookie", "set-cookie", "x-sn-apikey", "x-usertoken", "x-admin-token"})
_MASKED_KEYS = (
    r"(?:user_|new_|old_|servicenow_)?password\d?|secret|client_?secret|access_?token|refresh_?token|id_token|api_?key"
    r"|x-sn-apikey|code_verifier|assertion"
)
# The backslashes reach into JSON that stands inside a JSON string: there every quote is escaped, perhaps twice.
_JSON_PAIR = re.compile(
    rf'(?P<head>(?P<quote>\\*")(?:{_MASKED_KEYS})(?P=quote)\s*:\s*)(?P=quote)(?P<value>.*?)(?<!\\)(?P=quote)',
    re.IGNORECASE | re.DOTALL,
)
# A pair stands in a query string, or in an encoded query within one.
_FORM_PAIR = re.compile(
    rf"(?P<head>(?:^|[?&'=^]|%5E|%3D)(?:{_MASKED_KEYS}|token)(?:=|%3D))(?P<value>(?:(?!%5E)[^&\s^'])+)", re.IGNORECASE
)
_XML_PAIR = re.compile(rf"(?P<head><(?P<tag>{_MASKED_KEYS})>)(?P<value>[^<]+)", re.IGNORECASE)
# The calls within a batch: their headers, and their bodies in base64.
_BATCH_HEADER = re.compile(
    r'(?P<head>(?P<quote>\\*")name(?P=quote)\s*:\s*(?P=quote)(?:authorization|cookie|x-sn-apikey|x-usertoken)(?P=quote)'
    r"\s*,\s*(?P=quote)value(?P=quote)\s*:\s*)(?P=quote).*?(?P=quote)",
    re.IGNORECASE | re.DOTALL,
)
_BATCH_BODY = re.compile(r'(?P<head>"body"\s*:\s*")(?P<value>[A-Za-z0-9+/=]+)(?=")', re.ASCII)


class Secrets:
    """The secrets that a party has met, and the places where secrets stand.

    Generated secrets and tokens are added as they come to be known and are masked wherever they appear; passwords
    are masked by their place, since a short one such as ``admin`` is an ordinary word elsewhere.

    Args:
        kept: how many secrets are remembered, the newest.
    """

    def __init__(self, kept: int = KEPT_SECRETS) -> None:
        self._kept = kept
        self._known: dict[str, None] = {}

    def add(self, secret: str) -> None:
        """Mask this text everywhere from now on."""
        if secret:
            self._known[secret] = None
            self._known[quote(secret, safe="")] = None
        while len(self._known) > self._kept:
            del self._known[next(iter(self._known))]

    def mask(self, text: str) -> str:
        """Return the text with every secret in it masked, and bytes that are no characters written as escapes."""
        if not text.isascii():
            text = text.encode(errors="backslashreplace").decode()
        for secret in self._known:
            text = text.replace(secret, MASK)
        text = _JSON_PAIR.sub(rf"\g<head>\g<quote>{MASK}\g<quote>", text)
        text = _BATCH_HEADER.sub(rf"\g<head>\g<quote>{MASK}\g<quote>", text)
        text = _BATCH_BODY.sub(self._mask_packed, text)
        text = _FORM_PAIR.sub(rf"\g<head>{MASK}", text)
        return _XML_PAIR.sub(rf"\g<head>{MASK}", text)

    def mask_headers(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the headers with credentials masked; the scheme of an Authorization header stays readable."""
        return [(name, self._mask_header(name.lower(), value)) for name, value in headers]

    def _mask_packed(self, body: re.Match[str]) -> str:
        try:
            text = b64decode(body["value"], validate=True).decode()
        except ValueError:
            return body[0]
        masked = self.mask(text)
        return body[0] if masked == text else body["head"] + b64encode(masked.encode()).decode()

    def _mask_header(self, name: str, value: str) -> str:
        if name == "authorization":
            return f"{value.split(' ', 1)[0]} {MASK}"
        if name in _SECRET_HEADERS:
            return MASK
        return self.mask(value)
