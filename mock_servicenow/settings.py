"""What an instance is started with."""

from dataclasses import dataclass, field
from pathlib import Path

from mock_servicenow.now_platform.provisioning.provisioning import DEFAULT_PASSWORD


@dataclass(frozen=True, slots=True)
class Settings:
    """What an instance is started with.

    Attributes:
        username: the administrator's; empty for ``admin``, or whatever it is in a database that has rows.
        password: the administrator's; also that of the app's ready-made users.
        database: a SQLAlchemy URL, of SQLite or PostgreSQL.
        url: the origin that links in answers begin with; empty for the one that each request names.
        inferred: a file that replaces inferred wire names.
        release: the name of a release profile, such as ``yokohama``.
        tables: files of further tables.
        data: files of further rows.
        admin_token: what the control plane demands; empty opens it to this machine alone.
        control_plane: whether there is one; a real system has none.
        ca_file: certificates to trust besides the machine's own, in PEM.
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
    ca_file: Path | None = None
