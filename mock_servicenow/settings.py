"""The options of an instance."""

from dataclasses import dataclass, field
from pathlib import Path

from mock_servicenow.now_platform.provisioning.provisioning import DEFAULT_PASSWORD
from privman_core.reverse_proxies import Network


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of an instance.

    Attributes:
        username: of the administrator; empty for ``admin``, or for the one in an existing database.
        password: of the administrator and of the app's ready-made users.
        database: SQLAlchemy URL, of SQLite or PostgreSQL.
        url: public base URL used in links; empty for each request's Host.
        inferred: a file that replaces inferred wire names.
        release: name of a release profile, such as ``yokohama``.
        tables: files with extra tables.
        data: files with extra rows.
        admin_token: token of the control plane; empty admits this machine only.
        control_plane: whether to serve one; a real system has none.
        key: a secret that processes of one server share; empty draws one.
        ca_file: extra CA certificates to trust (PEM).
        proxies: reverse proxies that give a request its public address.
        console_url: of the console simulator that the cockpit shows, too; empty for the registered one, if that runs on
            this machine.
        console_admin_token: token of that simulator's control plane.
    """

    username: str = ""
    password: str = field(default=DEFAULT_PASSWORD, repr=False)
    database: str = "sqlite://"
    url: str = ""
    inferred: Path | None = None
    release: str = "default"
    tables: tuple[Path, ...] = ()
    data: tuple[Path, ...] = ()
    admin_token: str = field(default="", repr=False)
    control_plane: bool = True
    key: str = field(default="", repr=False)
    ca_file: Path | None = None
    proxies: tuple[Network, ...] = ()
    console_url: str = ""
    console_admin_token: str = field(default="", repr=False)
