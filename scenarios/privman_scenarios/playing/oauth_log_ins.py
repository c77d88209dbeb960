"""Log-ins with an OAuth access token: a class for each grant."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import uuid4

from privman_core.clock import LAST, Clock, later
from privman_scenarios.output import SECRETS
from privman_scenarios.playing.log_in import Credentials, LogIn, Login, LogInRefusedError, PostForm
from privman_scenarios.playing.party_answer import PartyAnswer, Shape, fault_of

TOKEN_PATH = "/oauth_token.do"  # noqa: S105 - a path
_ISSUED: Shape = {"access_token": str, "expires_in?": int | float}
_EARLY = 60
"""Seconds before its end at which a token is replaced; half of its life if that is less."""
_LONGEST = 10 * 365 * 86_400
"""Seconds; no token is kept longer."""
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """An application in the instance's OAuth registry."""

    client_id: str
    secret: str = field(repr=False)
    source: str = ""

    def __post_init__(self) -> None:
        SECRETS.add(self.secret)


class OAuthLogIn(LogIn):
    """An access token, asked for when it is first needed, before it expires, and when it is refused.

    While a token is valid, an instance may hand it out again instead of a new one: then it is used to its end.
    """

    __slots__ = ("_client", "_clock", "_ends", "_token", "user")

    def __init__(self, client: OAuthClient, user: str, clock: Clock) -> None:
        self.user = user
        self._client = client
        self._clock = clock
        self._token = ""
        self._ends = _NEVER

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the client's secret is set."""
        return (self._client.source,)

    @abstractmethod
    def _grant(self) -> Mapping[str, str]:
        """Return the fields of the form that are the grant's own."""

    async def headers(self, post: PostForm) -> Mapping[str, str]:
        """Return the Authorization header; raises LogInRefusedError."""
        if self._clock.now() >= self._ends:
            client = {"client_id": self._client.client_id, "client_secret": self._client.secret}
            self._keep(await post(TOKEN_PATH, {**self._grant(), **client}))
        return self._headers()

    def forget(self, refused: Mapping[str, str]) -> bool:
        """Let the next request ask for a token, unless another one has done so meanwhile."""
        if refused.get("Authorization") == self._headers()["Authorization"]:
            self._ends = _NEVER
        return True

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _keep(self, answer: PartyAnswer) -> None:
        if answer.refused:
            raise LogInRefusedError(answer)
        if fault := fault_of(answer.json, _ISSUED):
            raise LogInRefusedError(replace(answer, status=0, error=f"expected {fault}; got {answer}"))
        token, seconds = answer.json["access_token"], answer.json.get("expires_in")
        self._ends = LAST if seconds is None else later(self._clock.now(), self._used_for(seconds, token))
        if token != self._token:
            SECRETS.add(token)
            SECRETS.retire(self._token)
            self._token = token

    def _used_for(self, seconds: float, token: str) -> float:
        lasts = min(seconds, _LONGEST)
        return lasts if token == self._token else lasts - min(_EARLY, lasts / 2)


class PasswordGrant(OAuthLogIn):
    """The grant for a user's name and password."""

    __slots__ = ("_credentials",)

    def __init__(self, client: OAuthClient, credentials: Credentials, clock: Clock) -> None:
        super().__init__(client, credentials.user, clock)
        self._credentials = credentials

    @property
    def words(self) -> str:
        """Names the kind and the user."""
        return f"the OAuth password grant of {self.user!r}"

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the client's secret and the password are set."""
        return (self._client.source, self._credentials.source)

    @property
    def login(self) -> Login:
        """User name and password."""
        return self._credentials.login

    def _grant(self) -> Mapping[str, str]:
        return {"grant_type": "password", "username": self.user, "password": self._credentials.password}


class ClientCredentialsGrant(OAuthLogIn):
    """The grant for a client that acts as a user of its own."""

    __slots__ = ()

    @property
    def words(self) -> str:
        """Names the kind and the client."""
        return f"the OAuth client credentials of {self._client.client_id!r}"

    def _grant(self) -> Mapping[str, str]:
        return {"grant_type": "client_credentials"}


@dataclass(frozen=True, slots=True)
class AssertionKey:
    """What assertions are signed with.

    Attributes:
        text: a private key (PEM), or the secret that is shared with the instance.
        key_id: names it to the instance, which may have several; empty for the only one.
    """

    text: str = field(repr=False)
    key_id: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        SECRETS.add(self.text)

    def sign(self, claims: Mapping[str, object]) -> str:
        """Return a JSON Web Token of these claims; raises ValueError for a key that cannot sign."""
        import jwt  # noqa: PLC0415 - few runs need it

        headers = {"kid": self.key_id} if self.key_id else None
        try:
            return jwt.encode(dict(claims), self.text, self._algorithm(), headers)
        except (jwt.PyJWTError, TypeError) as error:
            raise ValueError(" ".join(str(error).split())) from None

    def _algorithm(self) -> str:
        if "-----BEGIN" not in self.text:
            return "HS256"
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey  # noqa: PLC0415 - the same
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - the same

        key = load_pem_private_key(self.text.encode(), None)
        return _OF_CURVES.get(key.curve.name, "ES256") if isinstance(key, EllipticCurvePrivateKey) else "RS256"


_OF_CURVES = {"secp384r1": "ES384", "secp521r1": "ES512"}
_ASSERTION_SECONDS = 300


class JwtBearerGrant(OAuthLogIn):
    """The grant for an assertion that speaks for a user.

    Args:
        subject: the user as assertions name them.
        key: signs the assertions.
    """

    __slots__ = ("_key", "_subject")

    def __init__(self, client: OAuthClient, user: str, clock: Clock, subject: str, key: AssertionKey) -> None:
        super().__init__(client, user, clock)
        self._subject = subject
        self._key = key

    @property
    def words(self) -> str:
        """Names the kind and the user."""
        return f"the OAuth JWT assertion for {self._subject!r}"

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the client's secret and the key are set."""
        return (self._client.source, self._key.source)

    def _grant(self) -> Mapping[str, str]:
        now, client = int(self._clock.now().timestamp()), self._client.client_id
        claims = {"iss": client, "aud": client, "sub": self._subject, "jti": str(uuid4())}
        assertion = self._key.sign({**claims, "iat": now, "exp": now + _ASSERTION_SECONDS})
        SECRETS.add(assertion)
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
