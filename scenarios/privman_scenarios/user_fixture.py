"""A user of the instance, as whom a connector under test logs in."""

from privman_core.loop_thread import LoopThread
from privman_scenarios.playing.http_api import HttpApi
from privman_scenarios.playing.log_in import LogIn
from privman_scenarios.short_tracebacks import is_for_users

__tracebackhide__ = is_for_users


class UserFixture:
    """A user of the instance.

    Attributes:
        name: the user name; empty where only the instance knows it, as with an API key.
    """

    __slots__ = ("_api", "_log_in", "_loop", "name")

    def __init__(self, loop: LoopThread, api: HttpApi, log_in: LogIn) -> None:
        self._loop = loop
        self._api = api
        self._log_in = log_in
        self.name = log_in.user

    @property
    def auth(self) -> tuple[str, str]:
        """User name and password, as requests and httpx take them.

        Raises ExpectationError for a user who logs in without a password: take `headers`.
        """
        return self._log_in.login

    @property
    def headers(self) -> dict[str, str]:
        """The headers that log a request in, with a token that is valid now; raises ExpectationError if refused."""
        return self._loop.run(self._api.headers_for(self._log_in))
