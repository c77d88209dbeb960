"""The five grants: on what proof a client gets tokens (platform 4.3)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mock_servicenow.now_platform.identity.authentication import check_password
from mock_servicenow.now_platform.identity.makers import NOBODY, maker, why_not
from mock_servicenow.now_platform.identity.oauth import tokens
from mock_servicenow.now_platform.identity.oauth.codes import AuthorizationCodes
from mock_servicenow.now_platform.identity.oauth.jwt_bearer import JwtBearer
from mock_servicenow.now_platform.identity.oauth.refusal import RefusedError
from mock_servicenow.now_platform.identity.oauth.registry import client_holder, known_client
from mock_servicenow.now_platform.identity.oauth.scopes import granted_scope, kept_scope
from mock_servicenow.now_platform.identity.oauth.tokens import LiveTokens, Tokens
from mock_servicenow.now_platform.identity.roles import acting_user, holding_user, may_log_in
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.users import Holder, User
from privman_core.clock import Clock
from privman_core.masking import Secrets

CLIENT_CREDENTIALS_PROPERTY = "glide.oauth.inbound.client.credential.grant_type.enabled"
Form = Mapping[str, str]
Issued = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Proven:
    """What a grant has proven.

    Attributes:
        scope: what the tokens may be used for.
        refresh: the refresh token to hand over; empty where there is none yet.
        refreshable: whether a refresh token belongs to the grant.
        renews: whether even a valid access token is replaced.
        made_by: who stands behind the tokens; None for the user.
    """

    user_id: str
    scope: str
    refresh: str = ""
    refreshable: bool = True
    renews: bool = False
    made_by: Holder | None = None


class Grants:
    """Gives tokens to clients.

    Args:
        codes: those that users' consent is handed over as.
        secrets: learns every token that leaves the instance.
    """

    def __init__(self, clock: Clock, codes: AuthorizationCodes, secrets: Secrets) -> None:
        self._codes = codes
        self._live = LiveTokens(secrets)
        self._assertions = JwtBearer(clock)
        self._by_type: dict[str, Callable[[Session, Record, Form], Proven]] = {
            "password": self._password,
            "refresh_token": self._refresh,
            "client_credentials": self._client_credentials,
            "authorization_code": self._code,
            "urn:ietf:params:oauth:grant-type:jwt-bearer": self._assertion,
        }

    def issue(self, session: Session, form: Form) -> Issued:
        """Return the answer to a request for tokens; raises RefusedError."""
        grant = self._by_type.get(form.get("grant_type", ""))
        if grant is None:
            raise RefusedError(
                f"grant_type is '{form.get('grant_type', '')}'; expected one of {', '.join(self._by_type)}"
            )
        client = known_client(session, form.get("client_id", ""), form.get("client_secret", ""))
        return self.hand_over(session, client, grant(session, client, form))

    def hand_over(self, session: Session, client: Record, proven: Proven) -> Issued:
        """Return the answer for what has been proven."""
        mine = Tokens(session, self._live, client, proven.user_id, proven.made_by)
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
            raise RefusedError(f"username is '{name}'; he does not exist, may not log in, or the password is another")
        if not may_log_in(session, user):
            raise RefusedError(f"user '{name}' is for web services only; this grant needs one who may log in")
        return Proven(user.sys_id, _scope(session, client, form))

    def _refresh(self, session: Session, client: Record, form: Form) -> Proven:
        presented = form.get("refresh_token", "")
        record = tokens.find_valid(session, tokens.REFRESH, presented)
        if record is None or record["peer"] != client.sys_id:
            raise RefusedError("the refresh_token has expired, was revoked or is not one of this client")
        user, made_by = _acting(session, record["user"]), maker(session, record.sys_id)
        why = why_not(session, made_by, user)
        if why:
            raise RefusedError(f"the refresh_token is refused: {why}")
        scope = kept_scope(session, client, record["scopes"])
        return Proven(record["user"], scope, refresh=presented, renews=True, made_by=made_by)

    def _client_credentials(self, session: Session, client: Record, form: Form) -> Proven:
        _check_secret(client, form)
        if session.system_property(CLIENT_CREDENTIALS_PROPERTY) != "true":
            raise RefusedError(f"the property {CLIENT_CREDENTIALS_PROPERTY} is not true")
        if not client["user"]:
            raise RefusedError(f"'{client['name']}' has no OAuth Application User")
        user, made_by = _acting(session, client["user"]), maker(session, client.sys_id)
        why = why_not(session, made_by, user)
        if why:
            raise RefusedError(f"'{client['name']}' is refused: {why}; an administrator has to give it a new secret")
        return Proven(user.sys_id, _scope(session, client, form), refreshable=False, made_by=made_by)

    def _code(self, session: Session, client: Record, form: Form) -> Proven:
        consent = self._codes.redeem(form.get("code", ""))
        if consent is None or consent.client != client_holder(session, client):
            raise RefusedError("the code has expired, was used before or is not one of this client")
        if form.get("redirect_uri", "") != consent.redirect_uri:
            raise RefusedError(f"redirect_uri is '{form.get('redirect_uri', '')}'; expected '{consent.redirect_uri}'")
        if consent.challenge and not consent.proven_by(form.get("code_verifier", "")):
            raise RefusedError("the code_verifier is not that of the code_challenge")
        if not consent.challenge:
            _check_secret(client, form)
        if holding_user(session, consent.holder) is None:
            raise RefusedError("whoever allowed it is not active, is locked out, or was deleted")
        return Proven(consent.holder.sys_id, kept_scope(session, client, consent.scope))

    def _assertion(self, session: Session, client: Record, form: Form) -> Proven:
        user = self._assertions.user(session, client, form.get("assertion", ""))
        scope = _scope(session, client, form)
        return Proven(user.sys_id, scope, refreshable=False, made_by=NOBODY)


def _scope(session: Session, client: Record, form: Form) -> str:
    return granted_scope(session, client, form.get("scope", ""))


def _check_secret(client: Record, form: Form) -> None:
    """Raise RefusedError for a public client that sends no secret."""
    if not form.get("client_secret", ""):
        raise RefusedError(f"'{client['name']}' is a public client; this grant needs its client_secret")


def _acting(session: Session, user_id: str) -> User:
    user = acting_user(session, user_id)
    if user is None:
        raise RefusedError(f"user {user_id} is not active or is locked out")
    return user
