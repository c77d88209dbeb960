"""The authorization endpoint: a user's consent, handed over by a redirect (platform 4.4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from mock_servicenow.now_platform.identity.oauth.codes import AuthorizationCodes, Consent
from mock_servicenow.now_platform.identity.oauth.grants import Grants, Proven
from mock_servicenow.now_platform.identity.oauth.refusal import RefusedError
from mock_servicenow.now_platform.identity.oauth.registry import client_holder, find_client, redirects_to
from mock_servicenow.now_platform.identity.oauth.scopes import granted_scope
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import Holder

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks of a user, found to be sound."""

    client: Record
    query: Form

    def back(self, answer: Mapping[str, str | int], *, hidden: bool = False) -> str:
        """Return where the browser goes with an answer; hidden, it never leaves the browser."""
        url = self.query["redirect_uri"]
        mark = "#" if hidden else "&" if "?" in url else "?"
        return f"{url}{mark}{urlencode({**answer, 'state': self.query['state']})}"


class Authorization:
    """Hands users' consent over to clients."""

    def __init__(self, codes: AuthorizationCodes, grants: Grants) -> None:
        self._codes = codes
        self._grants = grants

    def asked(self, session: Session, query: Form) -> Asked:
        """Return what the address asks; raises RefusedError with the text for the page."""
        client = find_client(session, query.get("client_id", ""))
        if client is None:
            raise RefusedError(f"client_id is '{query.get('client_id', '')}'; there is no such active client")
        if not redirects_to(client, query.get("redirect_uri", "")):
            raise RefusedError(f"redirect_uri is '{query.get('redirect_uri', '')}'; it is not registered")
        if query.get("response_type") not in {"code", "token"}:
            raise RefusedError(f"response_type is '{query.get('response_type', '')}'; expected code or token")
        if not query.get("state"):
            raise RefusedError("Missing State parameter in request")
        if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
            raise RefusedError(f"code_challenge_method is '{query.get('code_challenge_method', '')}'; expected S256")
        return Asked(client, query)

    def allow(self, session: Session, asked: Asked, holder: Holder) -> str:
        """Return where the browser takes the code, or the token itself (``response_type=token``)."""
        query = asked.query
        scope = granted_scope(session, asked.client, query.get("scope", ""))
        if query["response_type"] == "token":
            proven = Proven(holder.sys_id, scope, refreshable=False)
            return asked.back(self._grants.hand_over(session, asked.client, proven), hidden=True)
        client = client_holder(session, asked.client)
        consent = Consent(client, holder, query["redirect_uri"], scope, query.get("code_challenge", ""))
        return asked.back({"code": self._codes.issue(consent)})

    def deny(self, asked: Asked) -> str:
        """Return where the browser takes the refusal."""
        return asked.back({"error": "access_denied"})
