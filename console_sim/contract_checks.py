"""The contracts, loaded when somebody asks whether an exchange keeps them."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from privman_contracts import Body, Contracts, ExchangeContract, Observed, PartyName, WireNames
from privman_core.exchange import Exchange, Headers
from privman_core.findings import Finding


class ContractChecks:
    """Judges the console's exchanges, and describes its API.

    Attributes:
        names: the spellings of the wire.
    """

    def __init__(self, names: WireNames) -> None:
        self.names = names
        self._contracts = Contracts(names)

    def judge(self, exchange: Exchange) -> Iterator[Finding]:
        """Return each way in which the exchange breaks its contract."""
        seen = Observed(
            _server(exchange),
            exchange.method,
            exchange.url,
            Body(exchange.request_body, _content_type(exchange.request_headers)),
            exchange.status,
            Body(exchange.response_body, _content_type(exchange.response_headers)),
        )
        for violation in self._contracts.check(seen):
            if violation.doubtful:
                yield Finding("swallowed", "doubtful-value", violation.message, violation.where)
            else:
                yield Finding("violation", violation.schema, violation.message, violation.where)

    def contract(self, exchange: Exchange) -> ExchangeContract | None:
        """Return the contract that an exchange has to keep; None if it has none."""
        return self._contracts.match(_server(exchange), exchange.method, urlsplit(exchange.url).path)

    def openapi(self, server_url: str) -> dict[str, Any]:
        """Return the OpenAPI document of a console at that address."""
        from privman_contracts import openapi  # noqa: PLC0415 - only a reader of the document pays for it

        return openapi.console(self._contracts, server_url)


def _server(exchange: Exchange) -> PartyName:
    return "console" if exchange.direction == "in" else "servicenow"


def _content_type(headers: Headers) -> str:
    return next((value for name, value in headers.items() if name.lower() == "content-type"), "")
