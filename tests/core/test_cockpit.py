import re
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientSession, MultipartWriter
from yarl import URL

from privman_core.cockpit.cockpit import CockpitKeys
from privman_core.cockpit.waits import in_words
from privman_core.pages.expired_forms import BARE, LOGGED_OUT, OTHER_SESSION
from privman_core.pages.site import TOO_LARGE

from .cockpit_browser import FORM_TOKEN, Browser
from .conftest import TOKEN, Party

ELSEWHERE = {"Host": "rebound.example"}


def _rows(html: str) -> list[list[str]]:
    """Return the cells of the rows of a page's first table."""
    body = html.split("<tbody>", 1)[1].split("</tbody>", 1)[0]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in re.split(r"<tr[^>]*>", body)[1:]]
    return [[" ".join(re.sub(r"<[^>]+>", "", cell).split()) for cell in row] for row in cells]


async def test_journal_shows_the_newest_exchange_first(party: Party, browser: Browser) -> None:
    """Each row has number, time, parties, answer, verdict and request."""
    await party.call("GET", "/one?a=<b>")
    await party.call("POST", "/two", data="right")
    await party.call("POST", "/three", data="wrong")
    where, time = "in the journal of Echo", "09:00:00.000"
    assert [row[1:] for row in _rows((await browser.get())[1])] == [
        [f"3 {where}", f"2026-01-05 {time}", "Caller → Echo", "200", "broken (1)", "POST /three"],
        [f"2 {where}", time, "Caller → Echo", "200", "kept", "POST /two"],
        [f"1 {where}", time, "Caller → Echo", "200", "no contract", "GET /one?a=%3Cb%3E"],
    ]


@pytest.mark.parametrize("page", ["", "/sequence"])
async def test_search_that_finds_nothing_says_which_values_there_are(party: Party, browser: Browser, page: str) -> None:
    """For words that have few values, if no exchange has the one that is sought."""
    assert "None of the newest" not in (await browser.get(f"{page}?find=method:PUT"))[1]
    await party.call("GET", "/one")
    await party.call("POST", "/two")
    for line, said in (
        ("method:POTS", "the method 'POTS' (did you mean 'POST'?); they have GET, POST."),
        ("party:nobody", "the party 'nobody'; they have Caller, Echo."),
        ("to:caller", "the receiver 'caller'; all have Echo."),
        ("from:x,caller -method:FOO status:404", "the sender 'x'; all have Caller."),
    ):
        html = (await browser.get(f"{page}?find={line}"))[1].replace("&#39;", "'")
        assert (line, f"None of the newest exchanges has {said}" in html) == (line, True)
    for line in ("method:get status:404", "-party:nobody -party:echo", "user:nobody"):
        assert (line, "None of the newest" in (await browser.get(f"{page}?find={line}"))[1]) == (line, False)
    assert "The quotation mark is not closed" in (await browser.get(f'{page}?find=body:"a'))[1]


async def test_cockpit_is_not_in_the_journal_and_meets_no_fault(party: Party, browser: Browser) -> None:
    """Looking at the cockpit changes nothing."""
    await party.call("POST", "/__admin/faults", json={"kind": "status"})
    assert (await browser.get())[0] == 200
    assert party.journal.kept() == []
    assert len(party.faults.armed) == 1


async def test_journal_is_searched(party: Party, browser: Browser) -> None:
    """A text matches method, URL and status in any case; words ask for parts of an exchange."""
    await party.call("POST", "/Alpha", data="wrong")
    await party.call("POST", "/beta", data="right")
    assert [row[6] for row in _rows((await browser.get("?find=ALPHA"))[1])] == ["POST /Alpha"]
    assert [row[6] for row in _rows((await browser.get("?find=200"))[1])] == ["POST /beta", "POST /Alpha"]
    _, html = await browser.get("?find=verdict:broken")
    assert [row[6] for row in _rows(html)] == ["POST /Alpha"]
    assert 'value="verdict:broken"' in html
    assert "No exchange matches the search" in (await browser.get("?find=<nowhere>"))[1]
    status, html = await browser.get("?find=metod:POST")
    assert (status, "unknown word &#39;metod&#39; (did you mean &#39;method&#39;?)" in html) == (400, True)
    assert "if none is ticked, none, because of the error in the search" in html


async def test_guessing_finds_no_secret(roomy_party: Party, http: ClientSession) -> None:
    """Searches match only what the pages show, so the beginning of a password matches nothing."""
    party, browser = roomy_party, Browser(roomy_party, http)
    await party.call("POST", "/log-on?access_token=tiger", json={"password": "tiger", "user": "kitten"})
    await party.caller.send("POST", f"{party.url}/mint", {}, b'"tigress"', 5, answers_secret=True)
    for guess in ("tig", "tiger", "access_token=t"):
        assert "No exchange matches the search" in (await browser.get(f"?find={guess}"))[1]
    for guess in ("tig", "tiger"):
        _, html = await browser.get(f"/sequence?find=body:{guess}")
        assert "/log-on" not in html
    assert "/log-on" in (await browser.get("/sequence?find=body:KITTEN"))[1]


async def test_journal_has_older_pages(roomy_party: Party, http: ClientSession) -> None:
    """Each page has fifty exchanges and a link to older ones, with the same search."""
    browser = Browser(roomy_party, http)
    for number in range(53):
        await roomy_party.call("GET", f"/{'even' if number % 2 else 'odd'}/{number}")
    _, html = await browser.get("?find=GET")
    assert len(_rows(html)) == 50
    assert 'href="/__cockpit?find=GET&amp;before-echo=4"' in html
    assert [row[1][0] for row in _rows((await browser.get("?find=GET&before-echo=4"))[1])] == ["3", "2", "1"]
    assert len(_rows((await browser.get("?before-echo=x"))[1])) == 50


async def test_journal_counts_evicted_exchanges(party: Party, browser: Browser) -> None:
    """Past its bound of five the journal says how many exchanges are gone; the page of one of them says so too."""
    for number in range(7):
        await party.call("GET", f"/{number}")
    assert "2 older exchanges of Echo are no longer kept" in (await browser.get())[1]
    status, html = await browser.get("/exchanges/echo/1")
    assert (status, "or is no longer kept" in html) == (404, True)


async def test_an_exchange_leads_to_its_neighbours_that_are_kept(party: Party, browser: Browser) -> None:
    """To none that has left the journal, or has not happened yet."""
    for number in range(7):
        await party.call("GET", f"/{number}")
    pages = [(await browser.get(f"/exchanges/echo/{number}"))[1] for number in (3, 5, 7)]
    assert [re.findall(r'rel="(\w+)"[^>]*/exchanges/echo/(\d+)"', page) for page in pages] == [
        [("next", "4")],
        [("prev", "4"), ("next", "6")],
        [("prev", "6")],
    ]


async def test_button_clears_the_journal(party: Party, browser: Browser) -> None:
    """A page says first how many exchanges that deletes; the list is empty afterwards."""
    for _ in range(2):
        await party.call("GET", "/one")
    assert 'name="cockpit_token"' not in (await browser.get(""))[1]
    assert "2 exchanges of Echo will be deleted. They cannot be restored." in (await browser.get("/journal/clear"))[1]
    status, html = await browser.post("/journal/clear", {})
    assert (status, "The journal is empty" in html) == (200, True)


async def test_exchange_shows_request_answer_verdict_and_findings(party: Party, browser: Browser) -> None:
    """The page has headers and bodies with JSON indented, markup escaped and secrets masked."""
    await party.call(
        "POST", "/x", json={"a": "<wrong>", "password": "tigress"}, headers={"Authorization": "Basic dGlncmVzcw=="}
    )
    _, html = await browser.get("/exchanges/echo/1")
    assert "&#34;a&#34;: &#34;&lt;wrong&gt;&#34;,\n" in html
    assert "Post: <span" in html
    assert "<b>wrong-body</b> at <code>$</code>" in html
    assert "Basic ***" in html
    assert "tigress" not in html
    assert "dGlncmVzcw==" not in html


@pytest.mark.parametrize(
    "body",
    [b"[" * 50 + b"1," * 20_000 + b"1" + b"]" * 50, b'"' + b"x" * 900_000 + b'"', b"x" * 900_000],
    ids=["lists in one another", "a long text", "no JSON"],
)
async def test_long_body_is_shortened(roomy_party: Party, http: ClientSession, body: bytes) -> None:
    """A long body, or one with too many lines when indented, is shortened, and the page says so."""
    await roomy_party.call("POST", "/x", data=body)
    status, html = await Browser(roomy_party, http).get("/exchanges/echo/1")
    assert (status, len(html) < 200_000) == (200, True)
    assert "… (the first 65,536 of " in html


@pytest.mark.parametrize(
    ("method", "faults", "words"),
    [
        ("POST", [{"kind": "status", "status": 503}], ["503 fault: status", "not judged: fault"]),
        ("POST", [], ["200", "kept"]),
        ("GET", [], ["200", "no contract"]),
    ],
)
async def test_verdict_says_why_an_exchange_was_not_judged(
    party: Party, browser: Browser, method: str, faults: list[Any], words: list[str]
) -> None:
    """A fault or a missing contract is named in place of the verdict."""
    for fault in faults:
        await party.call("POST", "/__admin/faults", json=fault)
    await party.call(method, "/x")
    assert _rows((await browser.get())[1])[0][4:6] == words


async def test_lists_mask_secrets_and_colour_failures(party: Party, browser: Browser) -> None:
    """A secret in a URL is masked; an answer of 400 or more is red."""
    await party.call("POST", "/__admin/faults", json={"kind": "status", "status": 404})
    await party.call("GET", "/x?password=s3cret&like=it")
    for path in ("", "/sequence?find=like"):
        _, html = await browser.get(path)
        assert ("s3cret" in html, "password=***" in html) == (False, True)
        assert re.search('class="[^"]*tag bad"[^>]*>404<', html)


async def test_unanswered_exchange_is_in_progress(roomy_party: Party, http: ClientSession) -> None:
    """It has neither status nor verdict; an exchange that is too large to keep is not judged."""
    party, browser = roomy_party, Browser(roomy_party, http)
    party.journal.begin("out", "POST", "http://localhost:1/", {}, b"")
    assert _rows((await browser.get())[1])[0][3:] == ["Echo → Callee", "…", "in progress", "POST http://localhost:1/"]
    large = party.journal.begin("in", "POST", "/large", {}, b"x" * (1024 * 1024 + 1))
    party.journal.finish(large, 200, {}, b"")
    assert "not judged: too large" in (await browser.get("/exchanges/echo/2"))[1]


async def test_page_of_an_exchange_without_an_answer_says_why(roomy_party: Party, http: ClientSession) -> None:
    """It is still to come, or there is none for a reason; and no contract describes what has none."""
    party, browser = roomy_party, Browser(roomy_party, http)
    exchange = party.journal.begin("out", "POST", "http://localhost:1/x", {}, b"")
    asked = "Echo to Callee: POST /x."
    assert f"{asked} It has not been answered yet.<" in (await browser.get("/exchanges/echo/1"))[1]
    party.journal.fail(exchange, "no connection")
    sentence = f"{asked} No answer came: no connection. No contract describes this exchange.<"
    assert sentence in (await browser.get("/exchanges/echo/1"))[1]
    status, compared = await party.call("GET", "/__admin/cockpit/exchanges/99/compared")
    assert (status, compared["messages"]) == (200, [])


async def test_sequence_draws_exchanges_with_a_text(roomy_party: Party, http: ClientSession) -> None:
    """Requests and answers are arrows between lifelines, with the pauses between them."""
    party, browser = roomy_party, Browser(roomy_party, http)
    await party.call("POST", "/other", data="nothing of it")
    await party.call("POST", "/ask/abc-1", data="about ABC-1")
    await party.clock.advance(50)
    await party.caller.send("POST", f"{party.url}/abc-1", {}, b"", 5)
    _, html = await browser.get("/sequence?find=abc-1")
    names = re.findall(r'class="name"[^>]*>([^<]*)<', html)
    labels = re.findall(r'text-anchor="middle">([^<]*)</text>\s*</g>', html)
    assert names == ["Caller", "Echo", "Callee"]
    assert labels == ["POST /ask/abc-1", "200", "POST /abc-1", "200", "POST /abc-1", "200"]
    assert re.findall(r'class="later"[^>]*>([^<]*)<', html) == ["50 s later"]
    assert [row[5].partition("/")[2].rpartition("/")[0] for row in _rows(html)][:1] == ["ask"]


async def test_empty_sequence_says_so(party: Party, browser: Browser) -> None:
    """Without a search, or with one that no exchange fits, there is no diagram."""
    await party.call("GET", "/one")
    assert "to draw the newest 60 exchanges" in (await browser.get("/sequence?find=+"))[1]
    _, html = await browser.get("/sequence?find=<a>")
    assert "No exchange matches “&lt;a&gt;”." in html
    assert "<svg" not in html


async def test_sequence_of_an_invalid_search_says_what_is_wrong(party: Party) -> None:
    """Beside the field, which keeps it."""
    status, html = await party.call("GET", "/__cockpit/sequence?find=status:abc")
    assert (status, 'value="status:abc"' in html) == (400, True)
    assert "&#39;status&#39; is &#39;abc&#39;; expected 404, 4xx, 400-499, or none" in html


async def test_long_path_keeps_its_end(party: Party, browser: Browser) -> None:
    """A path that is too long for its arrow loses its beginning, not its method."""
    await party.call("POST", f"/{'x' * 60}/end")
    _, html = await browser.get("/sequence?find=end")
    assert re.search(r">POST …x+/end</text>", html)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, ""), (50, "50 s"), (59_400, "16 h 30 min"), (3_600_001, "1,000 h 1 s")]
)
def test_spans_in_words(seconds: float, words: str) -> None:
    """Hours, minutes and seconds are left out if they are zero."""
    assert in_words(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize("path", ["", "/exchanges/echo/1", "/sequence", "/faults", "/clock"])
async def test_cockpit_is_closed_to_other_hosts(browser: Browser, path: str) -> None:
    """Another name that points at this machine opens nothing; the control plane's token does."""
    await browser.party.call("GET", "/secret-path")
    status, html = await browser.get(path, headers=ELSEWHERE)
    assert (status, "Control plane token" in html, "secret-path" in html) == (403, True, False)


@pytest.mark.parametrize("path", ["", "/exchanges/echo/1", "/sequence", "/faults", "/clock"])
async def test_cockpit_requires_its_token(guarded_party: Party, http: ClientSession, path: str) -> None:
    """If there is a token, browsers on this machine need it too."""
    browser = Browser(guarded_party, http)
    await guarded_party.call("GET", "/secret-path")
    status, html = await browser.get(path)
    assert (status, "Control plane token" in html, "secret-path" in html) == (403, True, False)
    assert (await browser.get(path, headers=ELSEWHERE | {"X-Admin-Token": TOKEN}))[0] == 200


async def test_invalid_host_opens_nothing(guarded_party: Party, browser: Browser, http: ClientSession) -> None:
    """It does not keep out the control plane's token either."""
    junk = {"Host": "[::"}
    assert (await browser.get(headers=junk))[0] == 403
    guarded = Browser(guarded_party, http)
    assert (await guarded.post("/clock", {"jump": "5"}, headers=junk | {"X-Admin-Token": TOKEN}))[0] == 200
    assert guarded_party.clock.now().second == 5


async def test_form_of_a_browser_that_is_locked_out_shows_what_was_typed(guarded_party: Party) -> None:
    """Such as one that has lost its cookie; there is no page to log in."""
    form = {"cockpit_token": "x", "jump": "1h"}
    status, html = await guarded_party.call("POST", "/__cockpit/clock", data=form)
    assert (status, LOGGED_OUT in html, "<dd>1h</dd>" in html, "Log in" in html) == (403, True, True, False)


async def test_token_unlocks_a_browser(guarded_party: Party, http: ClientSession) -> None:
    """A browser that posts the token is admitted from then on; a wrong token and a forged form are refused."""
    browser = Browser(guarded_party, http)
    url = f"{browser.party.url}/__cockpit/unlock"
    found = FORM_TOKEN.search((await browser.get("/journal/clear", headers=ELSEWHERE))[1])
    assert found is not None
    form = {"cockpit_token": found[1], "admin_token": TOKEN}
    async with browser.http.post(url, data=form | {"admin_token": "guess"}, headers=ELSEWHERE) as answer:
        assert (answer.status, "This is not the token" in await answer.text()) == (403, True)
    async with browser.http.post(url, data={"admin_token": TOKEN}, headers=ELSEWHERE) as answer:
        assert (answer.status, "This form has expired" in await answer.text()) == (403, True)
    async with browser.http.post(url, data=form, headers=ELSEWHERE, allow_redirects=False) as answer:
        cookie = answer.headers["Set-Cookie"]
        assert (answer.status, answer.headers["Location"]) == (303, "/__cockpit")
    assert ("HttpOnly" in cookie, "SameSite=Strict" in cookie, "Path=/__cockpit" in cookie) == (True, True, True)
    assert cookie.startswith("cockpit-echo=")  # the other party's has another name: ports share cookies
    here = {"Host": f"localhost:{URL(url).port}"}
    async with browser.http.post(url, data=form, headers=here, allow_redirects=False) as answer:
        assert answer.headers["Set-Cookie"].startswith(f"cockpit-echo-{URL(url).port}=")  # and so has another instance
    sent = {"Cookie": cookie.split(";")[0]}
    assert (await browser.get(headers=ELSEWHERE | sent))[0] == 200


def test_without_a_token_nothing_unlocks() -> None:
    """If no token is set, an empty one does not unlock the cockpit."""
    assert not CockpitKeys("Echo", "", "secret").unlocks("")


@pytest.mark.parametrize("values", [{"cockpit_token": ""}, {"cockpit_token": "0" * 64}, {"cockpit_token": "é"}])
@pytest.mark.parametrize("path", ["/journal/clear", "/faults", "/faults/disarm", "/clock"])
async def test_form_without_its_token_is_refused(
    party: Party, browser: Browser, path: str, values: dict[str, str]
) -> None:
    """A forged form does nothing."""
    await party.call("GET", "/one")
    await party.call("POST", "/__admin/faults", json={"kind": "reset"})
    status, html = await browser.post(path, values | {"kind": "status", "seconds": "5"})
    assert (status, "This form has expired. Nothing was changed." in html) == (403, True)
    assert (len(party.journal.kept()), len(party.faults.armed)) == (1, 1)
    assert party.clock.now().second == 0
    assert ("<dd>5</dd>" in html) == bool(values["cockpit_token"])


async def test_form_of_another_site_is_refused(party: Party, browser: Browser) -> None:
    """Another origin cannot post even with the right token; the own origin can."""
    await party.call("GET", "/one")
    status, _ = await browser.post("/journal/clear", {}, headers={"Origin": "https://elsewhere.example"})
    assert (status, len(party.journal.kept())) == (403, 1)
    await browser.post("/journal/clear", {}, headers={"Origin": party.url})
    assert party.journal.kept() == []


@pytest.mark.parametrize(
    "path", ["", "/faults", "/clock", "/sequence?find=one", "/exchanges/echo/1", "/static/style.css"]
)
async def test_every_answer_has_a_strict_policy(party: Party, http: ClientSession, path: str) -> None:
    """Nothing is inline or from another host."""
    await party.call("POST", "/one", data="wrong")
    async with http.get(f"{party.url}/__cockpit{path}") as answer:
        html = await answer.text()
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self';")
    assert " style=" not in html
    assert html.count("<script") == html.count('<script src="/__cockpit/static/')


@pytest.mark.parametrize(
    ("content_type", "body", "refusal"),
    [
        ("multipart/form-data", b"x", (403, BARE)),
        ("application/x-www-form-urlencoded; charset=klingon", b"cockpit_token=x", (403, OTHER_SESSION)),
        ("application/x-www-form-urlencoded", b"cockpit_token=" + b"x" * 5_000_000, (413, TOO_LARGE.format(4))),
    ],
)
async def test_unreadable_form_is_refused(
    roomy_party: Party, http: ClientSession, content_type: str, body: bytes, refusal: tuple[int, str]
) -> None:
    """A body that is not a form lacks its token; one that is too large is not read."""
    url, headers = f"{roomy_party.url}/__cockpit/clock", {"Content-Type": content_type}
    async with http.post(url, data=BytesIO(body), headers=headers) as answer:
        assert answer.status == refusal[0]
        assert refusal[1] in await answer.text()


@pytest.mark.parametrize("name", [{"filename": "5.txt"}, {}])
async def test_uploaded_file_is_not_a_field(browser: Browser, name: Any) -> None:
    """An upload, or bytes, in place of text is ignored."""
    found = FORM_TOKEN.search((await browser.get("/journal/clear"))[1])
    assert found is not None
    form = MultipartWriter("form-data")
    form.append(found[1]).set_content_disposition("form-data", name="cockpit_token")
    binary = form.append(b"5", {"Content-Type": "application/octet-stream"})
    binary.set_content_disposition("form-data", name="jump", **name)
    async with browser.http.post(f"{browser.party.url}/__cockpit/clock", data=form) as answer:
        assert answer.status == 400


async def test_text_that_turns_its_direction_is_visible(party: Party, browser: Browser) -> None:
    """It is shown as an escape, which means the same in JSON; a text to be copied is as it was sent."""
    await party.call("POST", "/x", data='{"a": "\u202egnp.exe"}'.encode())
    for page in ("/exchanges/echo/1", "/compare?x=echo-1&x=echo-1&all=1"):
        html = re.sub(r"<pre id=.*?</pre>", "", (await browser.get(page))[1], flags=re.DOTALL)
        assert (page, "\\u202egnp.exe" in html, "\u202e" in html) == (page, True, False)
