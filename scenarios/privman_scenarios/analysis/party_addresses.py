"""The names of parties in place of their addresses, which are others in each run."""

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from privman_scenarios.analysis.recorded import Headers, Recorded

_LENGTH = "content-length"


class PartyAddresses:
    """Replaces addresses, such as ``127.0.0.1:40189`` by ``servicenow``, wherever an exchange has them.

    Args:
        urls: of each party by its name; a further one, such as ``console 2``, becomes ``console-2``.
    """

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._names = {urlsplit(url).netloc: name.replace(" ", "-") for name, url in urls.items()}
        colon = "(?::|%3A)"  # also within a query
        found = "|".join(re.escape(address).replace(":", colon) for address in self._names) or "(?!)"  # nothing
        self._address = re.compile(rf"(?<![0-9.])(?:{found})(?![0-9])", re.IGNORECASE)

    def replaced(self, exchange: Recorded) -> Recorded:
        """Return the exchange with names; its Content-Length fits them."""
        request, response = self._in_body(exchange.request), self._in_body(exchange.response)
        return replace(
            exchange,
            url=self._in_text(exchange.url),
            request_headers=self._in_headers(exchange.request_headers, len(request) - len(exchange.request)),
            request=request,
            response_headers=self._in_headers(exchange.response_headers, len(response) - len(exchange.response)),
            response=response,
        )

    def _in_headers(self, headers: Headers, longer: int) -> Headers:
        return tuple(
            (name, str(int(value) + longer) if name.lower() == _LENGTH and value.isdigit() else self._in_text(value))
            for name, value in headers
        )

    def _in_body(self, body: bytes) -> bytes:
        # Latin 1 has a character for each byte, so that nothing else changes.
        return self._in_text(body.decode("latin-1")).encode("latin-1")

    def _in_text(self, text: str) -> str:
        return self._address.sub(lambda found: self._names[found[0].lower().replace("%3a", ":")], text)
