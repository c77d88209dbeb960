"""Credentials that the console uses elsewhere (integration 2.4, 2.5)."""

from dataclasses import dataclass, field

TYPE = "User Credential"


@dataclass(frozen=True, slots=True)
class Credential:
    """An account name with its password, by the credential's name."""

    name: str
    account_name: str
    password: str = field(repr=False)
