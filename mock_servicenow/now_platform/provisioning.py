"""A new instance: its tables created, its first rows stored, its administrator known."""

from dataclasses import dataclass, field

ADMIN_ID = "6816f79cc0a8016401c5a33be04be441"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an administrator logs in with."""

    username: str = "admin"
    password: str = field(default="admin", repr=False)
