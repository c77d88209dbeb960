"""How one logs in to an instance: what every kind has in common, and the kinds that ask for no token."""

from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from privman_core.masking import MASK
from privman_scenarios.errors import ExpectationError
from privman_scenarios.language.known import DEFAULT_APPROVER, INTEGRATION_USER
from privman_scenarios.output import SECRETS
from privman_scenarios.playing.party_answer import PartyAnswer

PostForm = Callable[[str, Mapping[str, str]], Awaitable[PartyAnswer]]
"""Sends a form to a path of the instance, and returns the answer, status 0 where there was none."""


class LogInRefusedError(Exception):
    """The instance gives no token.

    Attributes:
        answer: the instance's, never one that succeeded.
    """

    def __init__(self, answer: PartyAnswer) -> None:
        self.answer = answer
        super().__init__(str(answer))


class Login(tuple[str, str]):
    """A user's name and password as clients of HTTP take them; shown without the password, as in a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr((self[0], MASK))


class LogIn(ABC):
    """How one logs in to an instance, as one user.

    Attributes:
        user: their name; empty where only the instance knows it.
        source: where the last of its secrets is set, for people; empty where nobody has set it.
    """

    __slots__ = ()
    user: str
    source: str

    @property
    @abstractmethod
    def words(self) -> str:
        """Names the kind, and the user as far as known, for people."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Where each of its secrets is set, for people; empty for one that is not set."""
        return (self.source,)

    @property
    def named(self) -> str:
        """Names the kind, the user, and where the secrets are set."""
        sources = " and ".join(dict.fromkeys(filter(None, self.sources)))
        return f"{self.words} from {sources}" if sources else self.words

    @abstractmethod
    async def headers(self, post: PostForm) -> Mapping[str, str]:
        """Return the headers that a request is sent with; raises LogInRefusedError."""

    def forget(self, refused: Mapping[str, str]) -> bool:  # noqa: ARG002 - for kinds that can log in anew
        """Forget headers that the instance has refused; returns whether it may accept the next ones."""
        return False

    @property
    def login(self) -> Login:
        """User name and password, as clients of HTTP take them; raises ExpectationError where there are none."""
        raise ExpectationError("a log-in with user name and password", self.words)


@dataclass(frozen=True, slots=True)
class Credentials(LogIn):
    """A user's name and password, sent with HTTP Basic."""

    user: str
    password: str = field(repr=False)
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        SECRETS.add_login(self.user, self.password)

    @property
    def words(self) -> str:
        """Names the kind and the user."""
        return f"the credentials of {self.user!r}"

    @property
    def login(self) -> Login:
        """Both, as clients of HTTP take them."""
        return Login((self.user, self.password))

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}"

    async def headers(self, post: PostForm) -> Mapping[str, str]:  # noqa: ARG002 - no token is asked for
        """Return the Authorization header."""
        return {"Authorization": self.header}


@dataclass(frozen=True, slots=True)
class InstanceUsers:
    """The users that act on an instance.

    Attributes:
        own: this run's, which reads, creates and deletes.
        integration: whom the console logs in as; None for `own`.
        approver: one who exists already; None where the run creates the users that it needs.
    """

    own: LogIn
    integration: LogIn | None = None
    approver: LogIn | None = None

    @property
    def existing(self) -> Mapping[str, LogIn]:
        """Those who exist already, by their names in scenarios."""
        named = {INTEGRATION_USER: self.integration, DEFAULT_APPROVER: self.approver}
        return {name: log_in for name, log_in in named.items() if log_in}

    @property
    def console(self) -> LogIn:
        """Whom the console logs in as."""
        return self.integration or self.own

    def acted_by(self, administrator: LogIn) -> Self:
        """Return the same users on a fake that stands in for the instance, where its administrator acts as each."""
        existing = self.integration and administrator, self.approver and administrator
        return type(self)(administrator, *existing)


@dataclass(frozen=True, slots=True)
class ApiKeyLogIn(LogIn):
    """An API key of a user."""

    key: str = field(repr=False)
    user: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        SECRETS.add(self.key)

    @property
    def words(self) -> str:
        """Names the kind."""
        return "the API key"

    async def headers(self, post: PostForm) -> Mapping[str, str]:  # noqa: ARG002 - no token is asked for
        """Return the header for keys."""
        return {"x-sn-apikey": self.key}


@dataclass(frozen=True, slots=True)
class CertificateLogIn(LogIn):
    """A client certificate that the instance maps to a user: no request carries anything else."""

    user: str = ""
    source: str = ""

    @property
    def words(self) -> str:
        """Names the kind."""
        return "the client certificate"

    async def headers(self, post: PostForm) -> Mapping[str, str]:  # noqa: ARG002 - no token is asked for
        """Return none."""
        return {}
