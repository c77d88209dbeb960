"""Contracts of every message between the console and ServiceNow, each part marked with its evidence."""

from privman_contracts.errors import ContractError, InferredNamesError
from privman_contracts.evidence import Evidence
from privman_contracts.wire_name import WireName
from privman_contracts.wire_names import WireNames

__all__ = ["ContractError", "Evidence", "InferredNamesError", "WireName", "WireNames"]
