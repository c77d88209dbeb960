"""Log-ins from settings: a row for each kind. Settings go by the names of their environment variables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from privman_contracts import wording
from privman_core.clock import Clock
from privman_core.command_line import UsageError
from privman_core.inputs import reason_of, shown
from privman_scenarios.output import SECRETS
from privman_scenarios.playing.log_in import ApiKeyLogIn, CertificateLogIn, Credentials, LogIn
from privman_scenarios.playing.oauth_log_ins import (
    AssertionKey,
    ClientCredentialsGrant,
    JwtBearerGrant,
    OAuthClient,
    PasswordGrant,
)
from privman_scenarios.playing.target import ClientCertificate, Target

Values = Mapping[str, str]
"""Settings; one that is missing or empty is not set."""
Role = Literal["", "APPROVER_", "INTEGRATION_"]
"""Whose log-in: the run's own, or that of a user who exists already."""
_EXISTING: tuple[Role, Role] = ("INTEGRATION_", "APPROVER_")
_CLIENT = ("CLIENT_ID", "CLIENT_SECRET")
_PERSONAL = frozenset({"USER", "PASSWORD", "API_KEY", "JWT_SUBJECT"})


@dataclass(frozen=True, slots=True)
class _Settings:
    """The settings of one role, under their names without ``SERVICENOW_`` and the role.

    Attributes:
        personal: those that the role does not share with the run.
    """

    values: Values
    role: Role
    kind: str
    personal: frozenset[str]

    def name(self, setting: str) -> str:
        """Return the name under which users set it."""
        return f"SERVICENOW_{self.role}{setting}"

    def find(self, setting: str) -> str:
        """Return the setting, empty where it is not set."""
        shared = "" if setting in self.personal else self.values.get(f"SERVICENOW_{setting}", "")
        return self.values.get(self.name(setting), "") or shared

    def __getitem__(self, setting: str) -> str:
        """Return the setting; raises UsageError for one that is not set, or is not text."""
        found = self.find(setting)
        # A password may be empty.
        if not found and not (setting == "PASSWORD" and self.name(setting) in self.values):
            raise UsageError(f"{self.name(setting)} is not set, and the log-in by {self.kind} requires it.")
        try:
            found.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{self.name(setting)} is not UTF-8 text.") from None
        return found


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of log-in.

    Attributes:
        personal: the settings that no two users share.
    """

    log_in: Callable[[_Settings, Clock], LogIn]
    personal: frozenset[str] = _PERSONAL


def _client(settings: _Settings) -> OAuthClient:
    return OAuthClient(settings["CLIENT_ID"], settings["CLIENT_SECRET"])


def _credentials(settings: _Settings, _clock: Clock) -> Credentials:
    return Credentials(settings["USER"], settings["PASSWORD"])


def _api_key(settings: _Settings, _clock: Clock) -> LogIn:
    key = settings["API_KEY"].strip()
    if not key.isascii() or not key.isprintable():
        raise UsageError(f"{settings.name('API_KEY')} is not a key. Expected one line of ASCII characters.")
    return ApiKeyLogIn(key, settings.find("USER"))


def _jwt_bearer(settings: _Settings, clock: Clock) -> LogIn:
    key = AssertionKey(settings["JWT_KEY"], settings.find("JWT_KEY_ID"))
    try:
        key.sign({})
    except ValueError:
        expected = "Expected the secret that is shared with the instance, or a private RSA or EC key (PEM)"
        raise UsageError(f"{settings.name('JWT_KEY')} cannot sign. {expected}, without a password.") from None
    user = settings["USER"]
    return JwtBearerGrant(_client(settings), user, clock, settings.find("JWT_SUBJECT") or user, key)


_KINDS: Mapping[str, _Kind] = {
    "basic": _Kind(_credentials),
    "password-grant": _Kind(
        lambda settings, clock: PasswordGrant(_client(settings), _credentials(settings, clock), clock)
    ),
    "client-credentials": _Kind(
        lambda settings, clock: ClientCredentialsGrant(_client(settings), settings.find("USER"), clock),
        _PERSONAL.union(_CLIENT),
    ),
    "jwt-bearer": _Kind(_jwt_bearer),
    "api-key": _Kind(_api_key),
    "certificate": _Kind(lambda settings, _clock: CertificateLogIn(settings.find("USER"))),
}
KINDS = tuple(_KINDS)
"""Ways to log in, as ``SERVICENOW_AUTH`` names them."""


def log_in(values: Values, clock: Clock, role: Role = "") -> LogIn:
    """Return how a user logs in; raises UsageError."""
    # A console logs in by user name and password, whatever the run does.
    shared = "" if role == "INTEGRATION_" else values.get("SERVICENOW_AUTH", "")
    name = values.get(f"SERVICENOW_{role}AUTH", "") or shared or "basic"
    if name not in _KINDS:
        near = wording.nearest(name, KINDS) or f" Expected one of {', '.join(KINDS)}."
        raise UsageError(f"SERVICENOW_{role}AUTH is {shown(name)}, which is no way to log in.{near}")
    kind = _KINDS[name]
    return kind.log_in(_Settings(values, role, name, kind.personal), clock)


def certificate(values: Values, ca_file: Path | None) -> ClientCertificate | None:
    """Return the certificate to show to the instance, None for none; raises UsageError."""
    file, key = values.get("SERVICENOW_CERT", ""), values.get("SERVICENOW_CERT_KEY", "")
    if not file and key:
        raise UsageError("SERVICENOW_CERT_KEY requires SERVICENOW_CERT, the certificate of that key.")
    if not file:
        return None
    password = values.get("SERVICENOW_CERT_KEY_PASSWORD", "")
    SECRETS.add(password)
    try:
        return ClientCertificate.load(Path(file), Path(key) if key else None, password, ca_file)
    except (OSError, ValueError) as error:
        expected = "Expected a certificate and its private key (PEM); SERVICENOW_CERT_KEY_PASSWORD has its password"
        raise UsageError(f"{' and '.join(filter(None, (file, key)))}: {_why_unusable(error)}. {expected}.") from None


def _why_unusable(error: Exception) -> str:
    return reason_of(error) if isinstance(error, OSError) else "the password is too long"


def instance(  # noqa: PLR0913 - what a target is made of
    url: str, values: Values, clock: Clock, *, admin_token: str, seconds: float, ca_file: Path | None
) -> Target:
    """Return an instance that already runs, with its users; raises UsageError.

    ``SERVICENOW_APPROVER_USER`` and ``SERVICENOW_INTEGRATION_USER`` name those that exist already.
    """
    shown_to_it = certificate(values, ca_file)
    own = log_in(values, clock)
    if shown_to_it and not url.lower().startswith("https:"):
        raise UsageError(f"SERVICENOW_CERT requires an address that begins with https, and {url} does not.")
    if isinstance(own, CertificateLogIn) and not shown_to_it:
        raise UsageError("SERVICENOW_CERT is not set, and the log-in by certificate requires it.")
    integration, approver = (_existing(values, clock, role) for role in _EXISTING)
    return Target(url, own, admin_token, seconds, integration, approver, shown_to_it)


def _existing(values: Values, clock: Clock, role: Role) -> LogIn | None:
    return log_in(values, clock, role) if values.get(f"SERVICENOW_{role}USER") else None
