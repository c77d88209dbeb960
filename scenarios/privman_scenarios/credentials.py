"""A user's name and password."""

from base64 import b64encode
from dataclasses import dataclass, field

from privman_scenarios.output import SECRETS


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and password, sent with HTTP Basic."""

    user: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        SECRETS.add_login(self.user, self.password)

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}"
