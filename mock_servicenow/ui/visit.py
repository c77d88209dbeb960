"""One request of a browser."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web
from multidict import MultiMapping

from mock_servicenow.now_platform.identity.web_sessions import WebSession
from mock_servicenow.now_platform.users import User
from privman_core.findings import Finding


@dataclass(slots=True)
class Visit:
    """One request of a browser, and who is behind it.

    Attributes:
        web_session: the one its cookie names, or a new one of a visitor.
        user: None before the log-in.
        form: what was posted, text alone.
        findings: collects what is swallowed.
    """

    request: web.Request
    web_session: WebSession
    user: User | None
    form: MultiMapping[str]
    findings: list[Finding] = field(default_factory=list)

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the URL."""
        return self.request.query

    def last(self, name: str) -> str | None:
        """Return the last posted value of that name; None if there is none."""
        values = self.form.getall(name, [])
        return values[-1] if values else None
