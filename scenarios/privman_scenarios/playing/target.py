"""A system that already runs, and how one logs in to it."""

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aiohttp import ClientSession

from privman_core.client_settings import FAR_SECONDS, setting_named
from privman_core.command_line import UsageError
from privman_core.forward_proxies import forward_proxies
from privman_core.inputs import Trust, trust
from privman_core.resolution import Resolved
from privman_core.tls import load_chain
from privman_scenarios.errors import ExpectationError
from privman_scenarios.output import SECRETS
from privman_scenarios.playing.http_api import NO_TOKEN, HttpApi, OriginRoute
from privman_scenarios.playing.log_in import Credentials, InstanceUsers, LogIn, Login


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate that proves to a server who connects (mutual TLS).

    Attributes:
        context: trusts the CAs that the run trusts.
    """

    context: ssl.SSLContext = field(repr=False)

    @classmethod
    def load(cls, certificate: Path, key: Path | None, password: str, ca_file: Path | None) -> Self:
        """Read PEM files, the key perhaps in the certificate's; raises OSError, ValueError for a wrong password."""
        trusted = trust(ca_file)
        context = ssl.create_default_context() if trusted is True else trusted
        load_chain(context, certificate, key, lambda: password)  # without one OpenSSL would ask the terminal
        return cls(context)


_NOBODY = Credentials("", "")


@dataclass(frozen=True, slots=True)
class Target:
    """A system that already runs.

    Attributes:
        log_in: log-in for the instance; unused for a console.
        admin_token: what its control plane demands, and where that is from.
        seconds: how long it may take to answer.
        integration, approver: see `InstanceUsers`.
        certificate: shown to it, and to nobody else; None for none.
        place: names where its address is from, for people; empty for one that nobody has named.
    """

    url: str
    log_in: LogIn = _NOBODY
    admin_token: Resolved = NO_TOKEN
    seconds: float = FAR_SECONDS
    integration: LogIn | None = None
    approver: LogIn | None = None
    certificate: ClientCertificate | None = None
    place: str = ""

    def __post_init__(self) -> None:
        SECRETS.add(self.admin_token.value)
        for login in forward_proxies(os.environ).logins():
            SECRETS.add_login(*login)

    @property
    def users(self) -> InstanceUsers:
        """Who acts there."""
        return InstanceUsers(self.log_in, self.integration, self.approver)

    @property
    def console_login(self) -> Login:
        """User name and password of the console that a run sets up; raises UsageError where there are none."""
        try:
            return self.users.console.login
        except ExpectationError:
            user, password = (setting_named(f"servicenow_integration_{each}").sources for each in ("user", "password"))
            expected = f"Expected a user ({user}) and a password ({password})"
            why = f"The console that this run sets up logs in with a password, and {self.log_in.words} has none"
            raise UsageError(f"{why}. {expected}.") from None

    def api(self, session: ClientSession) -> HttpApi:
        """Return how to speak to it."""
        tls: Trust = self.certificate.context if self.certificate else True
        route = OriginRoute(tls, forward_proxies(os.environ))
        token, seconds = self.admin_token, self.seconds
        return HttpApi(
            session, self.url, shared=True, admin_token=token, seconds=seconds, route=route, place=self.place
        )
