"""The settings of our clients, a row each.

Imports little, because every run of pytest loads it.
"""

from collections.abc import Iterator

from privman_core import argument_types
from privman_core.setting_types import FILE, Client, FilesSetting, SecretSetting, Setting, SettingKind

FAR_SECONDS = 30
"""Seconds that a target may take for an answer by default."""
PATIENCE = 15
"""Default seconds to retry an expectation against a system in real time."""
PROFILE = "PRIVMAN_PROFILE"
"""The variable that names the profile."""
PROFILE_FILES = ("privman.toml", "pyproject.toml")
"""Files searched for profiles; pyproject.toml has them in ``[tool.privman]``."""
PLAYERS: frozenset[Client] = frozenset({"run", "record", "load", "pytest"})
"""The clients that start a fake for a party without a URL."""
_URL = SettingKind(argument_types.system_url, "URL")
_CA_FILE = SettingKind(argument_types.ca_file, "PATH", is_path=True)
_SPAN = SettingKind(argument_types.seconds, "SECONDS", is_number=True)
_INSTANCE_ALONE: frozenset[Client] = frozenset({"fidelity", "learn"})
_OF_SERVICENOW: frozenset[Client] = PLAYERS | _INSTANCE_ALONE | {"setup"}
_OF_USER: frozenset[Client] = _OF_SERVICENOW | {"pull"}
_OF_CONSOLE: frozenset[Client] = PLAYERS | {"setup"}
_ON_MOCK: frozenset[Client] = PLAYERS | {"mutate", "matrix"}
_TOKEN_FILE = "admin-token-file"  # noqa: S105 - an option's name
_NAME = SettingKind(argument_types.user, "NAME")
_TEXT = SettingKind(argument_types.text, "TEXT")
_SECRET = SettingKind(argument_types.secret, "SECRET")
_LOG_IN = SettingKind(argument_types.log_in_kind, "KIND")
_KINDS = " or ".join((", ".join(argument_types.LOG_INS[:-1]), argument_types.LOG_INS[-1]))


def _of_user(
    role: str, whose: str, clients: frozenset[Client], of_key: frozenset[Client] = frozenset()
) -> Iterator[Setting]:
    """Yield the credentials of a user of an instance, for every kind of log-in; more clients read the API key."""

    def named(word: str, help_: str) -> Setting:
        return Setting("servicenow", f"{role}{word}", help_, _TEXT, clients, option_name="")

    def secret(word: str, help_: str, more: frozenset[Client] = frozenset()) -> Setting:
        return SecretSetting("servicenow", f"{role}{word}", help_, _SECRET, clients | more)

    yield named("client-id", f"OAuth client of {whose}")
    yield secret("client-secret", f"secret of the OAuth client of {whose}")
    yield secret("jwt-key", f"private key (PEM) or shared secret that signs assertions for {whose}")
    yield named("jwt-key-id", f"`kid` of the assertions for {whose}")
    yield named("jwt-subject", f"`sub` of the assertions for {whose} (default: the user name)")
    yield secret("api-key", f"API key of {whose}", of_key)


def _of_existing_user(role: str, whose: str, purpose: str) -> Iterator[Setting]:
    """Yield the settings of a user who exists already."""
    yield Setting(
        "servicenow", f"{role}-user", f"existing user {purpose}: {whose}", _NAME, PLAYERS, option_name=f"{role}-user"
    )
    yield SecretSetting("servicenow", f"{role}-password", f"password of {whose}", _SECRET, PLAYERS)
    help_ = f"how {whose} logs in: {_KINDS}"
    yield Setting("servicenow", f"{role}-auth", help_, _LOG_IN, PLAYERS, option_name="")
    yield from _of_user(f"{role}-", whose, PLAYERS)


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "servicenow",
        "url",
        "URL of a ServiceNow instance that already runs",
        _URL,
        _OF_USER,
        required_by=_OF_USER - PLAYERS,
    ),
    Setting(
        "servicenow",
        "user",
        "ServiceNow user",
        _NAME,
        _OF_USER,
        default="admin",
        required_by=frozenset({"setup"}),
        needs_password=True,
    ),
    SecretSetting(
        "servicenow",
        "password",
        "the user's password",
        _SECRET,
        _OF_USER,
        default="admin",
        required_by=frozenset({"setup"}),
        needs_password=True,
    ),
    Setting(
        "servicenow",
        "auth",
        f"how the user logs in: {_KINDS}",
        _LOG_IN,
        PLAYERS | _INSTANCE_ALONE | {"pull"},
        default="basic",
    ),
    *_of_user("", "the user", PLAYERS | _INSTANCE_ALONE, frozenset({"pull"})),
    Setting("servicenow", "cert", "client certificate to show to ServiceNow (PEM)", FILE, PLAYERS | _INSTANCE_ALONE),
    Setting(
        "servicenow",
        "cert-key",
        "private key of the client certificate (PEM; default: in the same file)",
        FILE,
        PLAYERS | _INSTANCE_ALONE,
    ),
    SecretSetting(
        "servicenow", "cert-key-password", "password of that private key", _SECRET, PLAYERS | _INSTANCE_ALONE
    ),
    *_of_existing_user("approver", "the approver", "to decide as"),
    *_of_existing_user("integration", "the integration user", "for the console's log-in"),
    SecretSetting(
        "servicenow",
        "admin-token",
        "token of the mock's control plane",
        SettingKind(argument_types.token, "SECRET"),
        PLAYERS | _INSTANCE_ALONE,
        default="",
        option_name=_TOKEN_FILE,
    ),
    Setting("console", "url", "URL of a console that already runs", _URL, _OF_CONSOLE),
    SecretSetting(
        "console",
        "admin-token",
        "token of the console simulator's control plane",
        SettingKind(argument_types.token, "SECRET"),
        _OF_CONSOLE,
        default="",
        option_name=_TOKEN_FILE,
    ),
    Setting("", "ca-file", "extra CA certificates to trust (PEM)", _CA_FILE, _OF_USER),
    Setting(
        "",
        "inferred",
        "names and rules that differ on your instance (YAML)",
        FILE,
        _OF_USER | {"drift", "matrix"},
    ),
    Setting(
        "",
        "release",
        "ServiceNow release of the mock",
        SettingKind(argument_types.text, "NAME"),
        PLAYERS | {"fidelity", "mutate"},
        "default",
    ),
    FilesSetting(
        "",
        "tables",
        "tables, columns, choices and rules to add to the mock (YAML or a folder; may be repeated)",
        FILE,
        _ON_MOCK,
    ),
    FilesSetting("", "data", "rows to add to the mock (YAML, JSON, XML or a folder; may be repeated)", FILE, _ON_MOCK),
    Setting(
        "",
        "timeout",
        "how long to wait for each answer of a target",
        _SPAN,
        PLAYERS | _INSTANCE_ALONE | {"pull"},
        default=FAR_SECONDS,
        needs_target=True,
    ),
    Setting(
        "",
        "patience",
        "how long to wait until a target shows what is expected",
        SettingKind(argument_types.count, "SECONDS", is_number=True),
        PLAYERS,
        default=PATIENCE,
        needs_target=True,
    ),
    Setting(
        "",
        "quiet-time",
        "how long to watch that nothing forbidden happens on a target (default: the patience; 0: check once)",
        SettingKind(argument_types.count_from_zero, "SECONDS", is_number=True),
        PLAYERS - {"load"},
        needs_target=True,
    ),
    Setting(
        "",
        "max-skipped",
        "fail if more of the scenarios than that were skipped or inapplicable (default: 100 if a party has no control "
        "plane, as a real system; else 50, and 0 skipped of the packaged catalog)",
        SettingKind(argument_types.percent, "PERCENT", is_number=True),
        frozenset({"run", "record", "merge"}),  # what cannot be done fails a test of pytest
    ),
)


_BY_NAME = {each.name: each for each in SETTINGS}


def setting_named(name: str) -> Setting:
    """Return the setting of that name, such as ``servicenow_url``."""
    return _BY_NAME[name]


def settings_of(client: Client) -> Iterator[Setting]:
    """Yield the settings that a client obeys."""
    return (each for each in SETTINGS if client in each.clients)
