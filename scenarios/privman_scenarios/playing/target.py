"""A system that already runs, and how one logs in to it."""

from dataclasses import dataclass, field

from aiohttp import ClientSession

from privman_scenarios.output import SECRETS
from privman_scenarios.playing import FAR_SECONDS
from privman_scenarios.playing.http_api import Credentials, HttpApi

_NOBODY = Credentials("", "")


@dataclass(frozen=True, slots=True)
class Target:
    """A system that already runs.

    Attributes:
        log_in: how one logs in; nobody has to at a console's control plane.
        admin_token: what its control plane demands, empty where it demands nothing.
        seconds: how long it may take to answer.
    """

    url: str
    log_in: Credentials = _NOBODY
    admin_token: str = field(default="", repr=False)
    seconds: float = FAR_SECONDS

    def __post_init__(self) -> None:
        SECRETS.add(self.admin_token)

    def api(self, session: ClientSession) -> HttpApi:
        """Return how to speak to it."""
        return HttpApi(session, self.url, shared=True, admin_token=self.admin_token, seconds=self.seconds)
