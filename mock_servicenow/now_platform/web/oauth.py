"""OAuth over HTTP: ``/oauth_token.do``, ``/oauth_auth.do``, ``/oauth_revoke_token.do``."""

from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from mock_servicenow.now_platform.errors import GrantError
from mock_servicenow.now_platform.identity.authentication import basic_credentials, check_password
from mock_servicenow.now_platform.identity.oauth import tokens
from mock_servicenow.now_platform.identity.oauth.grants import Asked, Authorization, Grants
from mock_servicenow.now_platform.identity.roles import may_log_in, page_user
from mock_servicenow.now_platform.identity.web_sessions import COOKIE, WebSession
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.call import JSON
from mock_servicenow.now_platform.users import Holder
from mock_servicenow.now_platform.web.server import add_headers
from privman_core.bodies import receive
from privman_core.exchange import findings_of
from privman_core.findings import Finding
from privman_core.ids import is_same

Form = Mapping[str, str]
INTERCEPTOR = "/security_interceptor.do"
_MOST_FIELDS = 100
_LONGEST_FORM = 256 * 1024
_FORM = "application/x-www-form-urlencoded"
# No other site may frame the form; no form-action, because the answer redirects to the client's address.
_UNFRAMED = {"Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"}
_FAILURE = {"error_description": "access_denied", "error": "server_error"}

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="UTF-8"><title>{title}</title></head>
<body><h1>{title}</h1>{body}</body></html>
"""
_CONSENT = """<form method="post">
<p>{client} asks to access your account.</p>
{proof}
<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button>
</form>"""
_LOGIN = """<p><label>User name <input name="user_name" autocomplete="username" required></label></p>
<p><label>Password <input name="user_password" type="password" autocomplete="current-password" required></label></p>"""


def routes(instance: Instance) -> list[web.RouteDef]:
    """Return the routes of OAuth."""
    endpoints = OAuthEndpoints(instance)
    return [
        web.route("*", "/oauth_token.do", endpoints.token),
        web.get("/oauth_auth.do", endpoints.ask),
        web.post("/oauth_auth.do", endpoints.decide),
        web.get("/oauth_revoke_token.do", endpoints.revoke, allow_head=False),
    ]


class OAuthEndpoints:
    """Answers the three addresses."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._secrets = instance.secrets
        self._grants = Grants(instance.clock)
        self._authorization = Authorization(self._grants)

    async def token(self, request: web.Request) -> web.Response:
        """Give tokens for a grant; every refusal is the same answer."""
        form, findings = self._asserted(request) | await _form(request), findings_of(request)
        issued = await self._instance.run(lambda: self._issue(form, findings))
        status, body = (401, _FAILURE) if issued is None else (200, issued)
        answer = web.Response(status=status, body=orjson.dumps(body), headers={"Content-Type": JSON})
        return self._finished(request, answer)

    async def ask(self, request: web.Request) -> web.Response:
        """Show the page on which the user decides."""
        return self._finished(request, await self._instance.run(lambda: self._answer(request, None)))

    async def decide(self, request: web.Request) -> web.Response:
        """Redirect with the user's decision."""
        form = await _form(request)
        return self._finished(request, await self._instance.run(lambda: self._answer(request, form)))

    async def revoke(self, request: web.Request) -> web.Response:
        """Delete a token, whoever asks."""
        await self._instance.run(lambda: self._revoke(request.query.get("token", "")))
        return self._finished(request, web.Response())

    @staticmethod
    def _asserted(request: web.Request) -> dict[str, str]:
        """Return the assertion that PySNC sends in a header of its own instead of in the form."""
        scheme, _, assertion = request.headers.get("Authentication", "").partition(" ")
        return {"assertion": assertion} if scheme == "Bearer" else {}

    def _issue(self, form: Form, findings: list[Finding]) -> Mapping[str, str | int] | None:
        with self._instance.transaction(self._instance.system) as session:
            try:
                return self._grants.issue(session, form)
            except GrantError as refusal:  # caught here, so that a counted failure to log in is kept
                findings.append(Finding("swallowed", "oauth-refused", f"no token is given: {refusal}", "body"))
                return None

    def _answer(self, request: web.Request, form: Form | None) -> web.Response:
        """Answer the page's address: without a form with the page, else as the form decides."""
        with self._instance.transaction(self._instance.system) as session:
            try:
                asked = self._authorization.asked(session, request.query)
            except GrantError as refusal:
                return _html(_error_page(str(refusal)), 400)
            visitor = self._visitor(session, request)
            if form is None:
                return _html(_consent_page(asked.client["name"], "" if visitor is None else visitor.token))
            return self._decided(session, asked, visitor, form)

    def _decided(self, session: Session, asked: Asked, visitor: WebSession | None, form: Form) -> web.Response:
        if form.get("decision") != "allow":
            return _redirect(self._authorization.deny(asked))
        if visitor is not None and not is_same(visitor.token, form.get("sysparm_ck", "")):
            return _redirect(INTERCEPTOR)
        holder = self._logged_in(session, form) if visitor is None else visitor.holder
        if holder is None:
            return _html(_consent_page(asked.client["name"], ""), 401)
        return _redirect(self._authorization.allow(session, asked, holder))

    def _visitor(self, session: Session, request: web.Request) -> WebSession | None:
        """Return the session of a visitor who is logged in and may use pages still."""
        found = self._instance.web_sessions.find(request.cookies.get(COOKIE, ""), session)
        return found if found is not None and page_user(session, found.holder) is not None else None

    def _logged_in(self, session: Session, form: Form) -> Holder | None:
        user = check_password(session, form.get("user_name", ""), form.get("user_password", ""))
        return user.holder if user is not None and may_log_in(session, user) else None

    def _revoke(self, token: str) -> None:
        with self._instance.transaction(self._instance.system) as session:
            tokens.revoke(session, token)
        self._secrets.retire(token)

    def _finished(self, request: web.Request, answer: web.Response) -> web.Response:
        add_headers(self._instance, request, answer)
        return answer


async def _form(request: web.Request) -> dict[str, str]:
    """Return the fields of a posted form, with the client's id and secret from HTTP Basic; else empty."""
    if request.method != "POST" or request.content_type != _FORM:
        told = f"{request.method} with Content-Type '{request.content_type}'; expected POST with {_FORM}"
        findings_of(request).append(Finding("swallowed", "oauth-body", told, "body"))
        return {}
    form = _fields(await _text(request))
    client = basic_credentials(request.headers.get("Authorization", ""))
    return form if client is None else {"client_id": client[0], "client_secret": client[1]} | form


async def _text(request: web.Request) -> str:
    """Return the body; empty where it is too long for a form, too slow or cannot be unpacked."""
    try:
        return (await receive(request, _LONGEST_FORM)).read().decode(errors="replace")
    except web.HTTPException:
        return ""


def _fields(body: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(body, max_num_fields=_MOST_FIELDS))
    except ValueError:  # there are more
        return {}


def _html(page: str, status: int = 200) -> web.Response:
    return web.Response(status=status, text=page, content_type="text/html", charset="UTF-8", headers=_UNFRAMED)


def _redirect(location: str) -> web.Response:
    return web.Response(status=302, headers={"Location": location})


def _consent_page(client: str, user_token: str) -> str:
    """Return the form, with a log-in or the session's token of a visitor who is logged in."""
    token = f'<input type="hidden" name="sysparm_ck" value="{escape(user_token)}">'
    form = _CONSENT.format(client=escape(client), proof=token if user_token else _LOGIN)
    return _PAGE.format(title="Authorize application", body=form)


def _error_page(message: str) -> str:
    """Return the page that says why the request is invalid."""
    return _PAGE.format(title="Authorization error", body=f"<p>{escape(message)}</p>")
