"""A user's name and password."""

from base64 import b64encode
from dataclasses import dataclass, field

from privman_core.masking import MASK
from privman_scenarios.output import SECRETS


class Login(tuple[str, str]):
    """A user's name and password as clients of HTTP take them; shown without the password, as in a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr((self[0], MASK))


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and password, sent with HTTP Basic."""

    user: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        SECRETS.add_login(self.user, self.password)

    @property
    def login(self) -> Login:
        """Both, as clients of HTTP take them."""
        return Login((self.user, self.password))

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}"
