import asyncio
import ssl
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession, DummyCookieJar, web

from console_sim.app import create_app
from console_sim.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.tls import issue_certificate
from privman_core.virtual_clock import VirtualClock
from tests.page_walk import breaches, shown_pages

from .conftest import (
    ADVANCED,
    API_CLIENT,
    APPROVALS,
    CREDENTIALS,
    DECIDE,
    ENDPOINT,
    MESSAGING,
    POLICIES,
    PROCESSES,
    SERVER,
    SERVERS,
    TASKS,
    USERS,
    Person,
    Site,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")
ELSEWHERE = {"Host": "console.example"}


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
@pytest.mark.parametrize("path", [ADVANCED, f"{USERS}/create", APPROVALS, DECIDE, ENDPOINT, "/login", "/logout"])
async def test_form_without_its_token_is_refused(site: Site, path: str, token: str) -> None:
    """A forged form changes nothing."""
    shown = await site.person.post(path, {"api_enabled": "yes", "__RequestVerificationToken": token})
    assert (shown.status, "This form has expired. Nothing was changed." in shown.text) == (403, True)
    assert "API Enabled : off" in (await site.person.get("/")).text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
async def test_form_of_another_site_is_refused(site: Site, headers: dict[str, str]) -> None:
    """Even with the token of this one."""
    form = (await site.person.get(ADVANCED)).hidden(0) | {"api_enabled": "yes"}
    shown = await site.person.post(ADVANCED, form, headers=headers)
    assert (shown.status, "This form has expired. Nothing was changed." in shown.text) == (403, True)
    assert "API Enabled : off" in (await site.person.get("/")).text
    own = {"Origin": site.url, "Sec-Fetch-Site": "same-origin"}
    assert (await site.person.post(ADVANCED, form, headers=own)).status == 200


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded; charset=nonsense", b"a=b"),
        ("application/x-www-form-urlencoded", b"a=\xff%ff"),
        ("multipart/form-data; boundary=x", b"no boundary"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n--x--',
        ),
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 1024 * 1024),
    ],
    ids=["unknown charset", "no UTF-8", "no boundary", "file", "JSON", "too long"],
)
async def test_unreadable_form_is_refused(site: Site, content_type: str, body: bytes) -> None:
    """It lacks its token."""
    headers = {"Content-Type": content_type}
    async with site.person.http.post(site.url + ADVANCED, data=BytesIO(body), headers=headers) as answer:
        assert (answer.status, answer.content_type) == (403, "text/html")


async def test_session_cookie_is_protected(site: Site) -> None:
    """The cookie is HttpOnly and SameSite; over plain HTTP it cannot be Secure; it is set once."""
    cookie = (await site.person.get("/")).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert "Set-Cookie" not in (await site.person.get("/")).headers


async def test_cookie_is_secure_under_tls(tmp_path: Path) -> None:
    """Over HTTPS, the session's cookie is never sent over HTTP."""
    tls = issue_certificate("127.0.0.1", tmp_path / "ca.pem")
    trust = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    app = create_app(Settings(), clock=VirtualClock(), ids=Ids(1))
    async with serving(app, "127.0.0.1", 0, tls) as url, ClientSession() as http, http.get(url, ssl=trust) as answer:
        assert "Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("settings", [Settings(admin_token="open-sesame")])
async def test_expired_form_shows_what_was_typed(site: Site) -> None:
    """It says that nobody is logged in, leads to the log-in, and repeats no secret."""
    values = {"name": "Main", "description": "a long text", "password": "hidden", "__RequestVerificationToken": "0"}
    shown = await site.person.post(f"{CREDENTIALS}/create", values, headers=ELSEWHERE)
    assert (shown.status, "You are logged out." in shown.text, "hidden" in shown.text) == (403, True, False)
    assert ("<dd>a long text</dd>" in shown.html, shown.links["Log in"]) == (
        True,
        f"/login?{urlencode({'page': f'{CREDENTIALS}/create'})}",
    )


@pytest.mark.parametrize("settings", [Settings(admin_token="open-sesame")])
async def test_a_jump_logs_nobody_out(site: Site) -> None:
    """Who moves the clock has not left the page."""
    person = site.person
    form = (await person.get("/login", headers=ELSEWHERE)).hidden()
    await person.post("/login", form | {"key": "open-sesame"}, headers=ELSEWHERE)
    await site.clock.advance(24 * 3_600)
    assert (await person.get("/", headers=ELSEWHERE)).url == f"{site.url}/"


@pytest.mark.long
@pytest.mark.parametrize("settings", [Settings(admin_token="open-sesame")])
async def test_visitors_end_no_session(site: Site) -> None:
    """A thousand requests without a cookie log nobody out."""
    person = site.person
    form = (await person.get("/login", headers=ELSEWHERE)).hidden()
    await person.post("/login", form | {"key": "open-sesame"}, headers=ELSEWHERE)
    async with ClientSession(cookie_jar=DummyCookieJar()) as http:
        for _ in range(1_001):
            async with http.get(f"{site.url}/login") as answer:
                assert "Set-Cookie" in answer.headers
    assert (await person.get("/", headers=ELSEWHERE)).url == f"{site.url}/"


async def test_visitors_form_belongs_to_its_cookie(site: Site) -> None:
    """With another cookie the form is refused, and the page says what to do."""
    hidden = (await site.person.get(ADVANCED)).hidden()
    assert (await site.person.post(ADVANCED, hidden)).status == 200
    async with ClientSession() as http:
        other = Person(site.url, http)
        shown = await other.post(ADVANCED, hidden)
    assert (shown.status, "Open the page again" in shown.html) == (403, True)


@pytest.mark.parametrize("host", ["console.example", "console.example:8090", "a:b"])
async def test_other_host_names_open_no_page(site: Site, host: str) -> None:
    """The refusal says how to open the pages."""
    shown = await site.person.get(APPROVALS, headers={"Host": host})
    assert (shown.status, shown.url) == (403, f"{site.url}/login?page={APPROVALS}")
    assert "CONSOLE_SIM_ADMIN_TOKEN" in shown.text


async def test_localhost_is_this_machine(site: Site) -> None:
    """The pages open under the name localhost too."""
    assert (await site.person.get(APPROVALS, headers={"Host": "localhost:8090"})).status == 200


@pytest.mark.parametrize("settings", [Settings(admin_token="open-sesame")])
async def test_token_logs_in_and_out(site: Site) -> None:
    """On another host the pages require the control plane's token; log-in and log-out replace the session."""
    person = site.person
    asked = await person.get("/", headers=ELSEWHERE)
    assert (asked.status, asked.url) == (200, f"{site.url}/login")
    form = asked.hidden()
    wrong = await person.post("/login", form | {"key": "sesame"}, headers=ELSEWHERE)
    assert "Nothing was saved" not in wrong.text
    assert (wrong.status, wrong.error("key")) == (
        422,
        "Token does not match the token that the console was started with",
    )
    shown = await person.post("/login", form | {"key": "open-sesame"}, headers=ELSEWHERE)
    assert (shown.status, shown.url) == (200, f"{site.url}/")
    hidden = shown.hidden()
    assert hidden != form
    assert (await person.post("/logout", hidden, headers=ELSEWHERE)).url == f"{site.url}/login"
    assert (await person.get("/", headers=ELSEWHERE)).url == f"{site.url}/login"
    for page, opened in ((USERS, USERS), ("//elsewhere.example", "/"), ("/\\elsewhere.example", "/")):
        asked = await person.get("/login", params={"page": page}, headers=ELSEWHERE)
        shown = await person.fill(asked, {"key": "open-sesame"}, headers=ELSEWHERE)
        assert (page, shown.url) == (page, f"{site.url}{opened}")
        await person.post("/logout", shown.hidden(), headers=ELSEWHERE)
    assert (await person.get(USERS, headers=ELSEWHERE)).url == f"{site.url}/login?page={USERS}"


@pytest.mark.parametrize("settings", [Settings(admin_token="open-sesame")])
@pytest.mark.parametrize("path", [ADVANCED, USERS, APPROVALS, f"{API_CLIENT}/reset-secret", ENDPOINT])
async def test_with_a_token_every_form_requires_a_log_in(site: Site, path: str) -> None:
    """A visitor's token is valid for the log-in page only."""
    hidden = (await site.person.get("/login")).hidden()
    async with site.person.http.post(site.url + path, data=hidden, allow_redirects=False) as answer:
        expected = 405 if path == USERS else 303
        assert (answer.status, answer.headers.get("Location", "/login")) == (expected, "/login")


@pytest.mark.parametrize("settings", [Settings(control_plane=False)])
async def test_without_a_control_plane_the_pages_are_closed(site: Site) -> None:
    """Without a token nobody can log in, and the refusal says what to do."""
    shown = await site.person.get(APPROVALS)
    assert (shown.status, shown.url) == (403, f"{site.url}/login?page={APPROVALS}")
    assert "With --no-admin these pages require a log-in" in shown.text


@pytest.mark.parametrize("settings", [Settings(control_plane=False, admin_token="open-sesame")])
async def test_without_a_control_plane_the_token_opens_the_pages(site: Site) -> None:
    """The pages have no link to a cockpit then."""
    form = (await site.person.get("/login")).hidden()
    shown = await site.person.post("/login", form | {"key": "open-sesame"})
    assert (shown.status, shown.url) == (200, f"{site.url}/")
    assert "cockpit" not in shown.html


async def test_journal_has_posted_forms_without_their_fields(site: Site) -> None:
    """Looking at a page is not journaled; posting a form is, with its status and no body."""
    await site.person.submit(f"{CREDENTIALS}/create", {"name": "x", "account_name": "y", "password": "s3cret"})
    found = (await site.admin("GET", "/requests"))["requests"]
    assert [(each["method"], each["url"], each["status"]) for each in found] == [
        ("POST", f"{CREDENTIALS}/create", 303),
    ]
    assert found[0]["request"]["body"] == ""


async def test_journal_ends_the_form_of_a_browser_that_left(site: Site) -> None:
    """If the browser leaves before the answer, the journal says that none was sent."""
    asked, never = asyncio.Event(), asyncio.Event()

    async def silence(_request: web.Request) -> web.Response:
        asked.set()
        await never.wait()
        return web.Response()

    silent = web.Application()
    silent.router.add_route("*", "/{path:.*}", silence)
    async with serving(silent, "127.0.0.1", 0) as url:
        await site.set_up()
        webhook = {"use_webhook": "yes", "api_credential": "ServiceNow webhook", "post_uri": f"{site.url}/Tms/"}
        values = {"name": "ServiceNow", "base_url": url, "credential": "ServiceNow user", **webhook}
        leaving = asyncio.create_task(site.person.submit(SERVER, values))
        await asked.wait()
        leaving.cancel()
        errors = {await _last_error(site) for _ in range(100)}
        never.set()
    assert "no answer was sent: CancelledError" in errors


async def _last_error(site: Site) -> str:
    found = (await site.admin("GET", "/requests"))["requests"]
    return str(next(each["error"] for each in reversed(found) if each["direction"] == "in"))


async def test_pages_use_up_no_faults(site: Site) -> None:
    """A fault that waits for the next request is not used up by an open browser."""
    await site.admin("POST", "/faults", {"kind": "status"})
    assert (await site.person.get("/")).status == 200
    assert len((await site.admin("GET", "/faults"))["faults"]) == 1


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/manage-approvalz", "/nothing", "/admin/<b>", "/manage-approvals/nobody"])
async def test_unknown_address_is_a_page_for_a_browser(site: Site, path: str) -> None:
    """It names the address and leads back; nothing of it is journaled."""
    shown = await site.person.get(path, headers=BROWSER)
    assert (shown.status, shown.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert f"Page not found No page has the address '{path}'. " in shown.text
    assert shown.text.endswith("Home")
    assert (shown.links["Home"], shown.links["Manage Approvals"], breaches(shown.headers, shown.html)) == (
        "/",
        APPROVALS,
        [],
    )
    assert (await site.admin("GET", "/requests"))["requests"] == []


async def test_long_unknown_address_is_shortened(site: Site) -> None:
    """The page repeats the beginning."""
    shown = await site.person.get(f"/{'x' * 500}", headers=BROWSER)
    assert (f"'/{'x' * 199}…'" in shown.text, "x" * 200 in shown.text) == (True, False)


@pytest.mark.parametrize("path", ["/nothing", "/Tms/services/api/v1/nothing", "//tms/nothing", "/__admin/nothing"])
async def test_unknown_address_of_a_program_gets_json(site: Site, path: str) -> None:
    """The API and the control plane answer JSON whatever the client accepts, other addresses unless it is HTML."""
    headers = {} if path == "/nothing" else BROWSER
    shown = await site.person.get(path, headers=headers)
    assert (shown.status, shown.headers["Content-Type"]) == (404, "application/json")
    posted = await site.person.post("/nothing", {}, headers=BROWSER)
    assert (posted.status, posted.headers["Content-Type"]) == (404, "application/json")
    assert (await site.person.get("/ui/none.css")).status == 404


@pytest.mark.parametrize("settings", [Settings(admin_token="open-sesame")])
async def test_unknown_address_sends_visitors_to_the_log_in_page(site: Site) -> None:
    """Whoever is not logged in learns no addresses."""
    shown = await site.person.get("/nothing", headers=BROWSER)
    assert (shown.status, shown.url) == (200, f"{site.url}/login?page=/nothing")


async def test_no_page_shows_a_secret(site: Site) -> None:
    """Neither the API Client's Secret nor any password is on a page."""
    await site.set_up()
    await site.set_up(servicenow_password="unheard-of-password")
    created = await site.person.submit(API_CLIENT, {}, action=f"{API_CLIENT}/reset-secret")
    secret = created.detail("Secret")
    assert len(secret) == 32
    paths = [
        *shown_pages(site.app),
        f"{CREDENTIALS}/edit?name=ServiceNow+user",
        f"{CREDENTIALS}/edit?name=ServiceNow+webhook",
    ]
    html = "".join([(await site.person.get(path)).html for path in paths])
    assert secret not in html
    assert "unheard-of-password" not in html


async def test_secret_in_a_servicenow_error_is_masked(site: Site) -> None:
    """An error of ServiceNow that repeats the request does not bring the Secret to a page."""

    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "refused", "detail": await request.text()}}, status=400)

    echo = web.Application()
    echo.router.add_route("*", "/{path:.*}", refuse)
    created = await site.person.submit(f"{USERS}/create", {"user_type": "API Client"})
    async with serving(echo, "127.0.0.1", 0) as url:
        await site.set_up(servicenow_url=url)
    for path in (SERVER, TASKS):
        shown = await site.person.get(path)
        assert "400 refused" in shown.text
        assert created.detail("Secret") not in shown.html
        assert created.detail("Client Id") not in shown.html


async def test_version_of_a_form_reveals_nothing(site: Site) -> None:
    """Two consoles give the same values different versions, so nobody can guess a password from one."""
    other = create_app(Settings(), clock=VirtualClock(), ids=Ids(3))
    async with serving(other, "127.0.0.1", 0) as url, site.person.http.get(url + ADVANCED) as answer:
        elsewhere = await answer.text()
    version = (await site.person.get(ADVANCED)).hidden()["version"]
    assert len(version) == 64
    assert version not in elsewhere


LONG = "x" * 100_000


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"{SERVERS}/create", "base_url"),
        (f"{MESSAGING}/create", "request_url"),
        (f"{MESSAGING}/create", "credential"),
        (f"{PROCESSES}/create", "template"),
        (f"{POLICIES}/create", "action"),
        (f"{USERS}/create", "user_type"),
    ],
)
async def test_an_error_shows_the_beginning_of_what_was_typed(site: Site, path: str, field: str) -> None:
    """The field has all of it."""
    page = await site.person.submit(path, {field: LONG})
    assert page.status == 422
    assert 0 < len(page.error(field)) < 300


async def test_an_error_of_a_user_or_process_shows_the_beginning(site: Site) -> None:
    """Of a date and of a number that are too long."""
    await site.set_up()
    users = (await site.person.get(USERS)).links
    user = await site.person.get(next(address for address in users.values() if address.startswith(API_CLIENT)))
    page = await site.person.fill(user, {"display_name": "Key", "expires": LONG})
    assert 0 < len(page.error("expires")) < 300
    process = await site.person.open(PROCESSES, "ServiceNow Approval Process")
    page = await site.person.fill(process, {"name": "P", "server": "ServiceNow", "check_every": LONG, "timeout": "1"})
    assert 0 < len(page.error("check_every")) < 300
