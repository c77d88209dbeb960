"""Contracts of every message between the console and ServiceNow, each part marked with its evidence.

Each module imports only from those below it::

    compatibility        contract_checks      state_reasons
    exchange_parts       scenario_text
    scenario_steps
    left_out             scenario_variables
    scenario_values
    schema_differences   openapi      overrides
    contracts
    body_parts           validation   swagger
    schemas              exchanges    written_names
    wire_names
    evidence
    rules    files    wording

Errors::

    ContractError
    └── InferredNamesError   a file of names that cannot be used, or an unknown name
"""

from privman_contracts.body_parts import BodyPart
from privman_contracts.contracts import Contracts
from privman_contracts.evidence import Evidence, Part, Violation
from privman_contracts.exchanges import AnswerContract, Body, ExchangeContract, Observed, PartyName, WebhookContract
from privman_contracts.files import ContractError, InferredNamesError
from privman_contracts.wire_names import WireName, WireNames

__all__ = [
    "AnswerContract",
    "Body",
    "BodyPart",
    "ContractError",
    "Contracts",
    "Evidence",
    "ExchangeContract",
    "InferredNamesError",
    "Observed",
    "Part",
    "PartyName",
    "Violation",
    "WebhookContract",
    "WireName",
    "WireNames",
]
