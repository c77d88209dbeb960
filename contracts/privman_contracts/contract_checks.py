"""Judges whether the exchanges that a party records keep their contracts."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from privman_contracts.contracts import Contracts
from privman_contracts.exchange_parts import ExchangeParts
from privman_contracts.exchanges import Body, ExchangeContract, Observed, PartyName
from privman_contracts.wire_names import WireNames
from privman_core.cockpit.contract_comparison import ContractComparison
from privman_core.cockpit.exchange_facts import ExchangeToSave
from privman_core.exchange import KEPT_BODY, Exchange, Headers, path_of
from privman_core.findings import Finding


class ContractChecks:
    """Judges the exchanges of one party, and describes its API; schemas are read when first needed.

    Attributes:
        names: the spellings of the wire.
    """

    def __init__(self, names: WireNames, party: PartyName) -> None:
        self.names = names
        self._contracts = Contracts(names)
        self._party = party
        self._other: PartyName = "console" if party == "servicenow" else "servicenow"

    def judge(self, exchange: Exchange) -> Iterator[Finding]:
        """Yield each way in which the exchange breaks its contract; none where an armed fault struck."""
        if exchange.fault:
            return
        for violation in self._contracts.check(self._observed(exchange)):
            if violation.doubtful:
                # Spelled out, as every rule of a finding: scenarios read the rules off the sources.
                yield Finding("swallowed", "doubtful-value", violation.message, violation.where)
            else:
                yield Finding("violation", violation.schema, violation.message, violation.where, violation.evidence)

    def contract(self, exchange: Exchange) -> ExchangeContract | None:
        """Return the contract that an exchange has to keep; None if it has none."""
        return self._contracts.match(self._server(exchange), exchange.method, path_of(exchange.url))

    def scenario(self, title: str, exchanges: Sequence[ExchangeToSave]) -> str:
        """Return the YAML of a scenario that sends the same requests and expects the same answers."""
        from privman_contracts.scenario_text import scenario_text  # noqa: PLC0415 - only who saves one pays for it

        return scenario_text(title, exchanges, self._contracts)

    def compare(self, exchange: Exchange, printed: dict[str, Any], mask: Callable[[str], str]) -> ContractComparison:
        """Return the exchange beside its contract, with values as they are printed and secrets masked."""
        if exchange.is_cut:
            note = f"A body has more than {KEPT_BODY:,} bytes, so it is neither compared nor judged."
            return ContractComparison(note=note)
        compared = ExchangeParts(self._contracts, self._observed(exchange), printed, mask).compare()
        note = f"The fault {exchange.fault} struck this exchange, so no difference is a finding."
        return replace(compared, note=note) if exchange.fault else compared

    def exchanges(self) -> list[ExchangeContract]:
        """Return every exchange of the index that the party answers, in its order."""
        return [exchange for exchange in self._contracts.exchanges if exchange.server == self._party]

    def openapi(self, server_url: str) -> dict[str, Any]:
        """Return the OpenAPI 3.1 document of the party at that address."""
        from privman_contracts import openapi  # noqa: PLC0415 - only a reader of the document pays for it

        describe = openapi.servicenow if self._party == "servicenow" else openapi.console
        return describe(self._contracts, server_url)

    def api_document(self, server_url: str) -> dict[str, Any]:
        """Return the API document of the console at that address, in the form that the rule ``api_document`` gives."""
        from privman_contracts import openapi  # noqa: PLC0415 - the same

        return openapi.console_at_docs(self._contracts, server_url)

    def _observed(self, exchange: Exchange) -> Observed:
        request = Body(exchange.request_body, _content_type(exchange.request_headers))
        answer = Body(exchange.response_body, _content_type(exchange.response_headers))
        return Observed(self._server(exchange), exchange.method, exchange.url, request, exchange.status, answer)

    def _server(self, exchange: Exchange) -> PartyName:
        return self._party if exchange.direction == "in" else self._other


def _content_type(headers: Headers) -> str:
    return next((value for name, value in headers.items() if name.lower() == "content-type"), "")
