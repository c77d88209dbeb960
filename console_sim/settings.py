"""The options of a console, and its addresses."""

import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from console_sim.errors import BadRequestError
from privman_core.reverse_proxies import Network

TOKEN_PATH = "/Tms/services/api/logon/token"  # noqa: S105 - a path
APPROVE_PATH = "/Tms/services/api/v1/approval/approve"
VERSION_PATH = "/Tms/services/api/v1/version/Current"
SWAGGER_DOCUMENT_PATH = "/Tms/services/swagger/docs/v1"
SWAGGER_PAGE_PATH = "/Tms/services/swagger/ui/index"


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a console.

    Attributes:
        console_url: URL under which ServiceNow reaches the console; empty for the Host of the request for the set-up.
        inferred: a file that replaces inferred wire names.
        admin_token: token of the control plane; empty admits this machine only.
        control_plane: whether to serve one; a real system has none.
        ca_file: extra CA certificates to trust (PEM).
        tls: for requests to ServiceNow, with the certificates to trust, in place of ``ca_file``, and to show.
        proxies: reverse proxies that give a request its public address.
        answer_seconds: time limit for ServiceNow's answers.
        retries: whether calls to ServiceNow with a transient failure are retried.
        token_lifetime: of the API's tokens; None for that of the rule ``token_lifetime``.
        documented_only: whether to leave out what the vendor does not document: retries towards ServiceNow, the
            comparison of InstanceId, and on the pages the history, comments, durations other than hours, and decisions
            about requests that ServiceNow decides.
        max_timeout: time limit for decisions on approval requests.
        database: SQLAlchemy URL of an SQLite file that keeps the console's state; ``sqlite://`` for memory.
        servicenow_url: of the fake instance that the cockpit shows, too; empty for that of the newest foreign system,
            if it runs on this machine.
        servicenow_admin_token: token of that instance's control plane.
        version: the answer of ``version/Current``.
    """

    console_url: str = ""
    inferred: Path | None = None
    admin_token: str = ""
    control_plane: bool = True
    ca_file: Path | None = None
    tls: ssl.SSLContext | None = None
    proxies: tuple[Network, ...] = ()
    answer_seconds: float = 30
    retries: bool = True
    token_lifetime: timedelta | None = None
    documented_only: bool = False
    max_timeout: timedelta = timedelta(hours=16, minutes=30)
    database: str = "sqlite://"
    servicenow_url: str = ""
    servicenow_admin_token: str = field(default="", repr=False)
    version: str = "11.1.0"


def own_url(settings: Settings, request: web.Request) -> str:
    """Return the console's URL: from the settings, or from the request; raises BadRequestError."""
    try:
        return settings.console_url or str(request.url.origin())
    except ValueError:
        raise BadRequestError(f"Host is {request.host!r}; expected a host, or host and port") from None
