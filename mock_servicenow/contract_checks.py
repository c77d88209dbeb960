"""Whether the app's exchanges keep their contracts; loaded when somebody asks."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from privman_contracts import Body, Contracts, ExchangeContract, Observed, PartyName, WireNames
from privman_core.exchange import Exchange, Headers
from privman_core.findings import Finding


class ContractChecks:
    """Judges the instance's exchanges with consoles, and describes the app's API."""

    def __init__(self, names: WireNames) -> None:
        self._contracts = Contracts(names)

    def judge(self, exchange: Exchange) -> Iterator[Finding]:
        """Return each way in which the exchange breaks its contract; there is none where an armed fault struck."""
        if exchange.fault:
            return
        request = Body(exchange.request_body, _content_type(exchange.request_headers))
        answer = Body(exchange.response_body, _content_type(exchange.response_headers))
        seen = Observed(_server(exchange), exchange.method, exchange.url, request, exchange.status, answer)
        for violation in self._contracts.check(seen):
            if violation.doubtful:
                yield Finding("swallowed", "doubtful-value", violation.message, violation.where)
            else:
                yield Finding("violation", violation.schema, violation.message, violation.where)

    def contract(self, exchange: Exchange) -> ExchangeContract | None:
        """Return the contract that an exchange has to keep; None if it has none."""
        return self._contracts.match(_server(exchange), exchange.method, urlsplit(exchange.url).path)

    def openapi(self, server_url: str) -> dict[str, Any]:
        """Return the OpenAPI document of the app's tables on an instance at that address."""
        from privman_contracts import openapi  # noqa: PLC0415 - only a reader of the document pays for it

        return openapi.servicenow(self._contracts, server_url)


def _server(exchange: Exchange) -> PartyName:
    return "servicenow" if exchange.direction == "in" else "console"


def _content_type(headers: Headers) -> str:
    return next((value for name, value in headers.items() if name.lower() == "content-type"), "")
