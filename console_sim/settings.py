"""The options of a console, and its addresses."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from console_sim.errors import BadRequestError

TOKEN_PATH = "/Tms/services/api/logon/token"  # noqa: S105 - a path
APPROVE_PATH = "/Tms/services/api/v1/approval/approve"
VERSION_PATH = "/Tms/services/api/v1/version/Current"
SWAGGER_DOCUMENT_PATH = "/Tms/services/swagger/docs/v1"
SWAGGER_PAGE_PATH = "/Tms/services/swagger/ui/index"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a console is started with.

    Attributes:
        console_url: the address under which ServiceNow reaches the console; empty for the one under which
            the control plane is asked for the set-up.
        inferred: a file that replaces inferred wire names.
        admin_token: what the control plane demands; empty opens it to this machine alone.
        control_plane: whether there is one; a real system has none.
        ca_file: certificates to trust besides the machine's own, in PEM.
        answer_seconds: how long ServiceNow may take to answer.
        retries: whether calls to ServiceNow that fail for a passing reason are tried again.
        max_timeout: how long an approval request waits for its decision (integration 3).
        database: a SQLAlchemy URL of an SQLite file that keeps the console's state; ``sqlite://`` for memory.
        version: what ``version/Current`` answers.
    """

    console_url: str = ""
    inferred: Path | None = None
    admin_token: str = ""
    control_plane: bool = True
    ca_file: Path | None = None
    answer_seconds: float = 30
    retries: bool = True
    max_timeout: timedelta = timedelta(hours=16, minutes=30)
    database: str = "sqlite://"
    version: str = "11.1.0"


def own_url(settings: Settings, request: web.Request) -> str:
    """Return the address from the settings, or the one that the request was sent to; raises BadRequestError."""
    try:
        return settings.console_url or str(request.url.origin())
    except ValueError:
        raise BadRequestError(f"Host is {request.host!r}; expected a host, or host and port") from None
