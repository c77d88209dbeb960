import ssl
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import ClientSession, DummyCookieJar, web

from console_sim.app import create_app
from console_sim.settings import Settings
from privman_core.ids import Ids
from privman_core.serving import issue_certificate, serving
from privman_core.virtual_clock import VirtualClock

from .conftest import (
    ADVANCED,
    API_CLIENT,
    APPROVALS,
    CREDENTIALS,
    ENDPOINT,
    MESSAGING,
    SYSTEMS,
    TASKS,
    USERS,
    Person,
    Site,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGES = ["/", APPROVALS, CREDENTIALS, f"{CREDENTIALS}/create", SYSTEMS, f"{SYSTEMS}/edit", MESSAGING, ADVANCED]
MORE_PAGES = [USERS, f"{USERS}/create", API_CLIENT, TASKS, ENDPOINT, "/login"]
ELSEWHERE = {"Host": "console.example"}


@pytest.mark.parametrize("path", [*PAGES, *MORE_PAGES, "/ui/live.js", "/ui/base.css", "/ui/style.css"])
async def test_every_answer_carries_the_policy(site: Site, path: str) -> None:
    """Pages and what belongs to them forbid inline script and everything from elsewhere."""
    headers = (await site.person.get(path)).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", [*PAGES, *MORE_PAGES])
async def test_no_page_needs_what_the_policy_forbids(site: Site, path: str) -> None:
    """There is no inline script, style or handler, and nothing is fetched from another host."""
    await site.set_up()
    html = (await site.person.get(path)).html
    assert "style=" not in html
    assert html.count("<script") == html.count('<script src="/ui/')
    assert 'href="//' not in html
    assert 'href="http' not in html


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
@pytest.mark.parametrize("path", [ADVANCED, f"{USERS}/create", f"{APPROVALS}/decide", ENDPOINT, "/login", "/logout"])
async def test_form_without_its_token_is_refused(site: Site, path: str, token: str) -> None:
    """A post that another page forged changes nothing, whatever it is sent to."""
    shown = await site.person.post(path, {"api_enabled": "yes", "__RequestVerificationToken": token})
    assert (shown.status, "This form has expired. Reload the page." in shown.text) == (403, True)
    assert "API Enabled : off" in (await site.person.get("/")).text


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
async def test_what_is_no_form_is_refused(site: Site, content_type: str, body: bytes) -> None:
    """A body that cannot be read as a form carries no token."""
    headers = {"Content-Type": content_type}
    async with site.person.http.post(site.url + ADVANCED, data=BytesIO(body), headers=headers) as answer:
        assert (answer.status, answer.content_type) == (403, "text/html")


async def test_session_cookie_is_kept_from_scripts_and_other_sites(site: Site) -> None:
    """The cookie is HttpOnly and SameSite; over plain HTTP it cannot be Secure; it is set once."""
    cookie = (await site.person.get("/")).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert "Set-Cookie" not in (await site.person.get("/")).headers


async def test_cookie_is_secure_under_tls(tmp_path: Path) -> None:
    """Served over https, the session's cookie is never sent over http."""
    tls = issue_certificate("127.0.0.1", tmp_path / "ca.pem")
    trust = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    app = create_app(Settings(), clock=VirtualClock(), ids=Ids(1))
    async with serving(app, "127.0.0.1", 0, tls) as url, ClientSession() as http, http.get(url, ssl=trust) as answer:
        assert "Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("settings", [Settings(admin_token="open-sesame")])
async def test_a_session_that_nobody_uses_ends(site: Site) -> None:
    """Whoever does nothing for 30 minutes has to log in again; each page begins them anew."""
    person = site.person
    form = (await person.get("/login", headers=ELSEWHERE)).hidden()
    await person.post("/login", form | {"key": "open-sesame"}, headers=ELSEWHERE)
    for _ in range(3):
        await site.clock.advance(1_799)
        assert (await person.get("/", headers=ELSEWHERE)).url == f"{site.url}/"
    await site.clock.advance(1_800)
    assert (await person.get("/", headers=ELSEWHERE)).url == f"{site.url}/login"


@pytest.mark.parametrize("settings", [Settings(admin_token="open-sesame")])
async def test_visitors_end_nobodys_session(site: Site) -> None:
    """After a thousand requests without a cookie, whoever has logged in still is."""
    person = site.person
    form = (await person.get("/login", headers=ELSEWHERE)).hidden()
    await person.post("/login", form | {"key": "open-sesame"}, headers=ELSEWHERE)
    async with ClientSession(cookie_jar=DummyCookieJar()) as http:
        for _ in range(1_001):
            async with http.get(f"{site.url}/login") as answer:
                assert "Set-Cookie" in answer.headers
    assert (await person.get("/", headers=ELSEWHERE)).url == f"{site.url}/"


async def test_a_visitors_form_counts_as_long_as_its_cookie(site: Site) -> None:
    """A visitor's session is proven by its cookie alone; another cookie's token is refused and says what to do."""
    hidden = (await site.person.get(ADVANCED)).hidden()
    assert (await site.person.post(ADVANCED, hidden)).status == 200
    async with ClientSession() as http:
        other = Person(site.url, http)
        shown = await other.post(ADVANCED, hidden)
    assert (shown.status, "Reload the page" in shown.html) == (403, True)


@pytest.mark.parametrize("host", ["console.example", "console.example:8090", "a:b"])
async def test_pages_answer_this_machine_alone(site: Site, host: str) -> None:
    """A name that somebody made to lead here opens no page, and the refusal says what does."""
    shown = await site.person.get(APPROVALS, headers={"Host": host})
    assert (shown.status, shown.url) == (403, f"{site.url}/login")
    assert "CONSOLE_SIM_ADMIN_TOKEN" in shown.text


async def test_localhost_is_this_machine(site: Site) -> None:
    """The pages open under the name localhost too."""
    assert (await site.person.get(APPROVALS, headers={"Host": "localhost:8090"})).status == 200


@pytest.mark.parametrize("settings", [Settings(admin_token="open-sesame")])
async def test_token_opens_the_pages_to_others(site: Site) -> None:
    """From elsewhere the pages ask for the control plane's token, open another session, and close it again."""
    person = site.person
    asked = await person.get("/", headers=ELSEWHERE)
    assert (asked.status, asked.url) == (200, f"{site.url}/login")
    form = asked.hidden()
    wrong = await person.post("/login", form | {"key": "sesame"}, headers=ELSEWHERE)
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


CLOSED_PAGES = [path for path in (*PAGES, *MORE_PAGES) if path != "/login"]


@pytest.mark.parametrize("settings", [Settings(admin_token="open-sesame")])
@pytest.mark.parametrize("path", CLOSED_PAGES)
async def test_with_a_token_every_page_demands_a_log_in(site: Site, path: str) -> None:
    """On this machine, too: nothing is seen or done without the token."""
    shown = await site.person.get(path)
    assert shown.url == f"{site.url}/login"
    shown = await site.person.post("/login", shown.hidden() | {"key": "open-sesame"})
    assert shown.url == f"{site.url}/"
    assert (await site.person.get(path)).url == f"{site.url}{path}"


@pytest.mark.parametrize("settings", [Settings(admin_token="open-sesame")])
@pytest.mark.parametrize("path", [ADVANCED, USERS, f"{APPROVALS}/decide", f"{API_CLIENT}/reset-secret", ENDPOINT])
async def test_with_a_token_nothing_is_posted_without_a_log_in(site: Site, path: str) -> None:
    """A visitor's form token opens no other form than the log-in."""
    hidden = (await site.person.get("/login")).hidden()
    async with site.person.http.post(site.url + path, data=hidden, allow_redirects=False) as answer:
        expected = 405 if path == USERS else 303
        assert (answer.status, answer.headers.get("Location", "/login")) == (expected, "/login")


@pytest.mark.parametrize("settings", [Settings(control_plane=False)])
async def test_without_a_control_plane_the_pages_are_closed(site: Site) -> None:
    """Where nobody can log in, the refusal says what to do."""
    shown = await site.person.get(APPROVALS)
    assert (shown.status, shown.url) == (403, f"{site.url}/login")
    assert "with --no-admin these pages require a log-in" in shown.text


@pytest.mark.parametrize("settings", [Settings(control_plane=False, admin_token="open-sesame")])
async def test_without_a_control_plane_the_token_opens_the_pages(site: Site) -> None:
    """As with one, though there is no cockpit to lead to."""
    form = (await site.person.get("/login")).hidden()
    shown = await site.person.post("/login", form | {"key": "open-sesame"})
    assert (shown.status, shown.url) == (200, f"{site.url}/")
    assert "cockpit" not in shown.html


async def test_journal_has_what_people_post_and_nothing_of_what_they_typed(site: Site) -> None:
    """Pages that are looked at are not journaled; a post is, with its status and no body."""
    await site.person.submit(f"{CREDENTIALS}/create", {"name": "x", "account_name": "y", "password": "s3cret"})
    found = (await site.admin("GET", "/requests"))["requests"]
    assert [(each["method"], each["url"], each["status"]) for each in found] == [
        ("POST", f"{CREDENTIALS}/create", 303),
    ]
    assert found[0]["request"]["body"] == ""


async def test_faults_do_not_strike_people(site: Site) -> None:
    """A fault that waits for the next request is not used up by an open browser."""
    await site.admin("POST", "/faults", {"kind": "status"})
    assert (await site.person.get("/")).status == 200
    assert len((await site.admin("GET", "/faults"))["faults"]) == 1


async def test_unknown_address_is_answered_as_the_api_does(site: Site) -> None:
    """What is no page is answered in the API's envelope."""
    assert (await site.person.get("/no-such-page")).status == 404
    assert (await site.person.get("/ui/none.css")).status == 404


async def test_no_page_shows_a_secret(site: Site) -> None:
    """Neither the API Client's Secret nor any password reaches a page."""
    await site.set_up()
    await site.set_up(servicenow_password="unheard-of-password")
    created = await site.person.submit(API_CLIENT, {}, action=f"{API_CLIENT}/reset-secret")
    secret = created.detail("Secret")
    assert len(secret) == 64
    paths = [
        *PAGES,
        *MORE_PAGES,
        f"{CREDENTIALS}/edit?name=ServiceNow+user",
        f"{CREDENTIALS}/edit?name=ServiceNow+webhook",
    ]
    html = "".join([(await site.person.get(path)).html for path in paths])
    assert secret not in html
    assert "unheard-of-password" not in html


async def test_secret_in_servicenows_own_words_is_masked(site: Site) -> None:
    """A refusal that repeats what it was sent does not bring the Secret to a page."""

    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "refused", "detail": await request.text()}}, status=400)

    echo = web.Application()
    echo.router.add_route("*", "/{path:.*}", refuse)
    created = await site.person.submit(f"{USERS}/create", {"user_type": "API Client"})
    async with serving(echo, "127.0.0.1", 0) as url:
        await site.set_up(servicenow_url=url)
    for path in (f"{SYSTEMS}/edit", TASKS):
        shown = await site.person.get(path)
        assert "400 refused" in shown.text
        assert created.detail("Secret") not in shown.html
        assert created.detail("Client Id") not in shown.html


async def test_version_of_a_form_tells_nothing(site: Site) -> None:
    """Two consoles give the same state different versions, so that none can be guessed back to a password."""
    other = create_app(Settings(), clock=VirtualClock(), ids=Ids(3))
    async with serving(other, "127.0.0.1", 0) as url, site.person.http.get(url + ADVANCED) as answer:
        elsewhere = await answer.text()
    version = (await site.person.get(ADVANCED)).hidden()["version"]
    assert len(version) == 64
    assert version not in elsewhere
