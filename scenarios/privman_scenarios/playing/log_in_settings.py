"""Log-ins from settings: a row for each kind. Settings go by the names of their environment variables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from privman_core.client_settings import setting_named
from privman_core.clock import Clock
from privman_core.command_line import UsageError
from privman_core.inputs import reason_of
from privman_core.resolution import Resolved
from privman_core.setting_types import Setting
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

Values = Mapping[str, Resolved]
"""Settings by their variable; one that is missing or empty is not set."""
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
        shared = "" if setting in self.personal else _text(self.values, f"SERVICENOW_{setting}")
        return _text(self.values, self.name(setting)) or shared

    def place(self, setting: str) -> str:
        """Return where a setting that is set has its value from."""
        own = self.name(setting)
        return _place(self.values, own if _text(self.values, own) else f"SERVICENOW_{setting}")

    def source(self, setting: str) -> str:
        """Return where a secret has its value from, for people; empty where it is not set."""
        place = self.place(setting) if self.find(setting) else ""
        return "the default password" if place == "default" else place

    def __getitem__(self, setting: str) -> str:
        """Return the setting; raises UsageError for one that is not set, or is not text."""
        if found := self.find(setting):
            return found
        raise UsageError(_setting(self.name(setting)).missing(f"the log-in by {self.kind}"))


def _text(values: Values, variable: str) -> str:
    return str(values[variable].value) if variable in values else ""


def _place(values: Values, variable: str) -> str:
    return values[variable].place(_setting(variable))


def _setting(variable: str) -> Setting:
    return setting_named(variable.lower())


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of log-in.

    Attributes:
        personal: the settings that no two users share.
    """

    log_in: Callable[[_Settings, Clock], LogIn]
    personal: frozenset[str] = _PERSONAL


def _client(settings: _Settings) -> OAuthClient:
    return OAuthClient(settings["CLIENT_ID"], settings["CLIENT_SECRET"], settings.source("CLIENT_SECRET"))


def _credentials(settings: _Settings, _clock: Clock) -> Credentials:
    return Credentials(settings["USER"], settings["PASSWORD"], settings.source("PASSWORD"))


def _api_key(settings: _Settings, _clock: Clock) -> LogIn:
    key = settings["API_KEY"].strip()
    if not key.isascii() or not key.isprintable():
        raise UsageError(f"{settings.place('API_KEY')} is not a key. Expected one line of ASCII characters.")
    return ApiKeyLogIn(key, settings.find("USER"), settings.source("API_KEY"))


def _jwt_bearer(settings: _Settings, clock: Clock) -> LogIn:
    key = AssertionKey(settings["JWT_KEY"], settings.find("JWT_KEY_ID"), settings.source("JWT_KEY"))
    try:
        key.sign({})
    except ValueError:
        expected = "Expected the secret that is shared with the instance, or a private RSA or EC key (PEM)"
        raise UsageError(f"{settings.place('JWT_KEY')} cannot sign. {expected}, without a password.") from None
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
    "certificate": _Kind(lambda settings, _clock: CertificateLogIn(settings.find("USER"), settings.source("CERT"))),
}


def log_in(values: Values, clock: Clock, role: Role = "") -> LogIn:
    """Return how a user logs in; raises UsageError."""
    # A console logs in by user name and password, whatever the run does.
    sources = [f"SERVICENOW_{role}AUTH", *([] if role == "INTEGRATION_" else ["SERVICENOW_AUTH"])]
    source = next((each for each in sources if _text(values, each)), "")
    name = _text(values, source) or "basic"
    kind = _KINDS[name]
    return kind.log_in(_Settings(values, role, name, kind.personal), clock)


def certificate(values: Values, ca_file: Path | None) -> ClientCertificate | None:
    """Return the certificate to show to the instance, None for none; raises UsageError."""
    file, key = _text(values, "SERVICENOW_CERT"), _text(values, "SERVICENOW_CERT_KEY")
    if not file and key:
        raise UsageError(_setting("SERVICENOW_CERT").missing(_place(values, "SERVICENOW_CERT_KEY")))
    if not file:
        return None
    password = _text(values, "SERVICENOW_CERT_KEY_PASSWORD")
    SECRETS.add(password)
    try:
        return ClientCertificate.load(Path(file), Path(key) if key else None, password, ca_file)
    except (OSError, ValueError) as error:
        of_key = _setting("SERVICENOW_CERT_KEY_PASSWORD").sources
        expected = f"Expected a certificate and its private key (PEM); {of_key} has its password"
        # OpenSSL does not say which.
        named = getattr(error, "filename", None) or " and ".join(filter(None, (file, key)))
        raise UsageError(f"{named}: {_why_unusable(error)}. {expected}.") from None


def _why_unusable(error: Exception) -> str:
    return reason_of(error) if isinstance(error, OSError) else "the password is too long"


def instance(  # noqa: PLR0913 - what a target is made of
    url: str, values: Values, clock: Clock, *, admin_token: Resolved, seconds: float, ca_file: Path | None
) -> Target:
    """Return an instance that already runs, with its users; raises UsageError.

    ``SERVICENOW_APPROVER_USER`` and ``SERVICENOW_INTEGRATION_USER`` name those that exist already.
    """
    client_certificate = certificate(values, ca_file)
    own = log_in(values, clock)
    if client_certificate and not url.lower().startswith("https:"):
        place = _place(values, "SERVICENOW_CERT")
        raise UsageError(f"{place} requires an address that begins with https, and {url} does not.")
    if isinstance(own, CertificateLogIn) and not client_certificate:
        raise UsageError(_setting("SERVICENOW_CERT").missing("the log-in by certificate"))
    integration, approver = (_existing(values, clock, role) for role in _EXISTING)
    return Target(url, own, admin_token, seconds, integration, approver, client_certificate)


def _existing(values: Values, clock: Clock, role: Role) -> LogIn | None:
    return log_in(values, clock, role) if _text(values, f"SERVICENOW_{role}USER") else None
