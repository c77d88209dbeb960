"""Contracts of every message between the console and ServiceNow, each part marked with its evidence."""

from privman_contracts.contracts import Contracts
from privman_contracts.errors import ContractError, InferredNamesError
from privman_contracts.evidence import Evidence
from privman_contracts.index import AnswerContract, ExchangeContract, Side
from privman_contracts.observed import Body, Observed
from privman_contracts.part import Part
from privman_contracts.violation import Violation
from privman_contracts.wire_name import WireName
from privman_contracts.wire_names import WireNames

__all__ = [
    "AnswerContract",
    "Body",
    "ContractError",
    "Contracts",
    "Evidence",
    "ExchangeContract",
    "InferredNamesError",
    "Observed",
    "Part",
    "Side",
    "Violation",
    "WireName",
    "WireNames",
]
