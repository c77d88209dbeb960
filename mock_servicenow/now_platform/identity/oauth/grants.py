"""The five grants, and the consent of a user: on what proof a client gets tokens."""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from msgspec import Struct

from mock_servicenow.now_platform.errors import GrantError
from mock_servicenow.now_platform.identity.authentication import check_password
from mock_servicenow.now_platform.identity.makers import maker, why_not
from mock_servicenow.now_platform.identity.oauth import tokens
from mock_servicenow.now_platform.identity.oauth.clients import (
    Consent,
    client_holder,
    find_client,
    issue_code,
    known_client,
    redeem_code,
    redirects_to,
)
from mock_servicenow.now_platform.identity.oauth.jwt import JwtBearer
from mock_servicenow.now_platform.identity.oauth.tokens import Tokens, granted_scope, kept_scope
from mock_servicenow.now_platform.identity.roles import acting_user, holding_user, may_log_in
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import NOBODY, Holder, User
from privman_core.clock import Clock

CLIENT_CREDENTIALS_PROPERTY = Property("glide.oauth.inbound.client.credential.grant_type.enabled")
Form = Mapping[str, str]
Issued = dict[str, str | int]


class Proven(Struct, frozen=True):
    """The proof of a grant.

    Attributes:
        scope: the scope of the tokens.
        refresh: the refresh token to hand over; empty where there is none yet.
        refreshable: whether a refresh token belongs to the grant.
        renews: whether even a valid access token is replaced.
        made_by: the maker of the credential that proved it; None for the user.
    """

    user_id: str
    scope: str
    refresh: str = ""
    refreshable: bool = True
    renews: bool = False
    made_by: Holder | None = None


class Grants:
    """Gives tokens to clients."""

    def __init__(self, clock: Clock) -> None:
        self._assertions = JwtBearer(clock)
        self._by_type: dict[str, Callable[[Session, Record, Form], Proven]] = {
            "password": self._password,
            "refresh_token": self._refresh,
            "client_credentials": self._client_credentials,
            "authorization_code": self._code,
            "urn:ietf:params:oauth:grant-type:jwt-bearer": self._assertion,
        }

    def issue(self, session: Session, form: Form) -> Issued:
        """Return the answer to a request for tokens; raises GrantError."""
        grant = self._by_type.get(form.get("grant_type", ""))
        if grant is None:
            raise GrantError(
                f"grant_type is '{form.get('grant_type', '')}'; expected one of {', '.join(self._by_type)}"
            )
        client = known_client(session, form.get("client_id", ""), form.get("client_secret", ""))
        return self.hand_over(session, client, grant(session, client, form))

    def hand_over(self, session: Session, client: Record, proven: Proven) -> Issued:
        """Return the answer to a grant that has been proven."""
        mine = Tokens(session, client, proven.user_id, proven.made_by)
        scope = proven.scope
        access = (mine.issue if proven.renews else mine.current)(tokens.ACCESS, scope)
        answer: Issued = {"access_token": access.text}
        if proven.refreshable:
            answer["refresh_token"] = proven.refresh or mine.current(tokens.REFRESH, scope).text
        left = tokens.seconds_left(session, access.record)
        return answer | {"scope": scope, "token_type": "Bearer", "expires_in": left}

    def _password(self, session: Session, client: Record, form: Form) -> Proven:
        _check_secret(client, form)
        name = form.get("username", "")
        user = check_password(session, name, form.get("password", ""))
        if user is None:
            raise GrantError(f"username is '{name}'; no such user may log in, or the password is wrong")
        if not may_log_in(session, user):
            raise GrantError(f"user '{name}' is for web services only; this grant needs a user who may log in")
        return Proven(user.sys_id, _scope(session, client, form))

    def _refresh(self, session: Session, client: Record, form: Form) -> Proven:
        presented = form.get("refresh_token", "")
        record = tokens.find_valid(session, tokens.REFRESH, presented)
        if record is None or record["peer"] != client.sys_id:
            raise GrantError("the refresh_token has expired, was revoked or belongs to another client")
        user, made_by = _acting(session, record["user"]), maker(session, record.sys_id)
        why = why_not(session, made_by, user)
        if why:
            raise GrantError(f"the refresh_token is refused: {why}")
        scope = kept_scope(session, client, record["scopes"])
        return Proven(record["user"], scope, refresh=presented, renews=True, made_by=made_by)

    def _client_credentials(self, session: Session, client: Record, form: Form) -> Proven:
        _check_secret(client, form)
        if not session.is_on(CLIENT_CREDENTIALS_PROPERTY):
            raise GrantError(f"the property {CLIENT_CREDENTIALS_PROPERTY} is not true")
        if not client["user"]:
            raise GrantError(f"'{client['name']}' has no OAuth Application User")
        user, made_by = _acting(session, client["user"]), maker(session, client.sys_id)
        why = why_not(session, made_by, user)
        if why:
            raise GrantError(f"'{client['name']}' is refused: {why}; an administrator has to give it a new secret")
        return Proven(user.sys_id, _scope(session, client, form), refreshable=False, made_by=made_by)

    def _code(self, session: Session, client: Record, form: Form) -> Proven:
        consent = redeem_code(session, form.get("code", ""))
        if consent is None or consent.client != client_holder(session, client):
            raise GrantError("the code has expired, was used before or belongs to another client")
        if form.get("redirect_uri", "") != consent.redirect_uri:
            raise GrantError(f"redirect_uri is '{form.get('redirect_uri', '')}'; expected '{consent.redirect_uri}'")
        if consent.challenge and not consent.proven_by(form.get("code_verifier", "")):
            raise GrantError("the code_verifier does not match the code_challenge")
        if not consent.challenge:
            _check_secret(client, form)
        if holding_user(session, consent.holder) is None:
            raise GrantError("the user who allowed it is not active, is locked out, or was deleted")
        return Proven(consent.holder.sys_id, kept_scope(session, client, consent.scope))

    def _assertion(self, session: Session, client: Record, form: Form) -> Proven:
        user = self._assertions.user(session, client, form.get("assertion", ""))
        scope = _scope(session, client, form)
        return Proven(user.sys_id, scope, refreshable=False, made_by=NOBODY)


def _scope(session: Session, client: Record, form: Form) -> str:
    return granted_scope(session, client, form.get("scope", ""))


def _check_secret(client: Record, form: Form) -> None:
    """Raise GrantError for a public client that sends no secret."""
    if not form.get("client_secret", ""):
        raise GrantError(f"'{client['name']}' is a public client; this grant needs its client_secret")


def _acting(session: Session, user_id: str) -> User:
    user = acting_user(session, user_id)
    if user is None:
        raise GrantError(f"user {user_id} is not active or is locked out")
    return user


class Asked(Struct, frozen=True):
    """The request of a client for a user's consent, found valid."""

    client: Record
    query: Form

    def back(self, answer: Mapping[str, str | int], *, hidden: bool = False) -> str:
        """Return the URL that takes an answer to the client; hidden, it never leaves the browser."""
        url = self.query["redirect_uri"]
        mark = "#" if hidden else "&" if "?" in url else "?"
        return f"{url}{mark}{urlencode({**answer, 'state': self.query['state']})}"


class Authorization:
    """Hands users' consent over to clients."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    def asked(self, session: Session, query: Form) -> Asked:
        """Return the request in an address; raises GrantError with the text for the page."""
        client = find_client(session, query.get("client_id", ""))
        if client is None:
            raise GrantError(f"client_id '{query.get('client_id', '')}' names no active client")
        if not redirects_to(client, query.get("redirect_uri", "")):
            raise GrantError(f"redirect_uri is '{query.get('redirect_uri', '')}'; it is not registered")
        if query.get("response_type") not in {"code", "token"}:
            raise GrantError(f"response_type is '{query.get('response_type', '')}'; expected code or token")
        if not query.get("state"):
            raise GrantError("Missing State parameter in request")
        if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
            raise GrantError(f"code_challenge_method is '{query.get('code_challenge_method', '')}'; expected S256")
        return Asked(client, query)

    def allow(self, session: Session, asked: Asked, holder: Holder) -> str:
        """Return the URL that takes the code, or the token itself (``response_type=token``), to the client."""
        query = asked.query
        scope = granted_scope(session, asked.client, query.get("scope", ""))
        if query["response_type"] == "token":
            proven = Proven(holder.sys_id, scope, refreshable=False)
            return asked.back(self._grants.hand_over(session, asked.client, proven), hidden=True)
        client = client_holder(session, asked.client)
        consent = Consent(client, holder, query["redirect_uri"], scope, query.get("code_challenge", ""))
        return asked.back({"code": issue_code(session, consent)})

    def deny(self, asked: Asked) -> str:
        """Return the URL that takes the refusal to the client."""
        return asked.back({"error": "access_denied"})
