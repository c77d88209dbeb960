import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from privman_core.serving import serving
from tests.generated import examples

from .conftest import Party, _serve

REPLAY = "/__admin/cockpit/exchanges/1/replay"
LOG_ON = {"method": "POST", "path": "/log-on?access_token=***&page=1", "headers": [["Authorization", "Basic ***"]]}
BODY = '{"user": "kitten", "password": "***", "n": 1}'
_FORM_TOKEN = re.compile(r'name="cockpit_token" value="(\w+)"')


async def log_on(party: Party) -> None:
    """Send what has a secret in each part."""
    headers = {"Authorization": "Basic a2l0dGVuOnRpZ2Vy", "X-Plain": "yes", "Connection": "close"}
    body = '{"user": "kitten", "password": "tiger", "n": 1}'
    await party.call("POST", "/log-on?access_token=tigress&page=1", data=body, headers=headers)


def last(party: Party) -> tuple[str, str, bytes, str]:
    """Return method, URL, body and credentials of the newest exchange."""
    newest = party.journal.kept()[-1]
    return newest.method, newest.url, newest.request_body, newest.request_headers.get("Authorization", "")


async def test_replay_sends_the_same(roomy_party: Party) -> None:
    """Secrets, which the caller does not know, included; the new exchange names the old one."""
    await log_on(roomy_party)
    assert await roomy_party.call("POST", REPLAY) == (200, {"number": 2})
    first, second = roomy_party.journal.kept()
    for name in ("method", "url", "request_body", "status"):
        assert getattr(first, name) == getattr(second, name)
    assert (first.replays, second.replays) == (0, 1)
    differing = {"Connection", "Content-Length", "Host"}
    headers = [
        {name: text for name, text in each.request_headers.items() if name not in differing} for each in (first, second)
    ]
    assert headers[0] == headers[1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("POST", "/log-on?access_token=tigress&page=1", b'{"user": "kitten", "password": "tiger", "n": 1}')),
        (
            {"path": "/log-on?page=2&access_token=***", "body": BODY.replace("1", "2")},
            ("POST", "/log-on?page=2&access_token=tigress", b'{"user": "kitten", "password": "tiger", "n": 2}'),
        ),
        ({"body": '{"password": "lion"}'}, ("POST", "/log-on?access_token=tigress&page=1", b'{"password": "lion"}')),
        ({"body": ""}, ("POST", "/log-on?access_token=tigress&page=1", b"")),
    ],
)
async def test_edited_request_keeps_its_masked_parts(
    roomy_party: Party, change: dict[str, str], expected: tuple[str, str, bytes]
) -> None:
    """What is masked and was not edited is sent as it was."""
    await log_on(roomy_party)
    assert (await roomy_party.call("POST", REPLAY, json=LOG_ON | {"body": BODY} | change))[0] == 200
    assert last(roomy_party) == (*expected, "Basic a2l0dGVuOnRpZ2Vy")


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        ({"body": '{"comment": "***"}'}, "body", "nothing is masked like that at 'comment'"),
        ({"body": '{"***": 1}'}, "body", "a key is masked"),
        ({"body": '[{"password": "***"}]'}, "body", "nothing is masked like that at 'password'"),
        ({"body": '{"password": "***", "password": "***"}'}, "body", "nothing is masked like that at 'password'"),
        ({"body": '{"password": "***", "url": "http://evil.example"}'}, "body", "'url' leads elsewhere"),
        ({"body": "password: ***"}, "body", "neither JSON nor as it was"),
        ({"path": "/log-on?password=***"}, "path", "parameter 'password' is not as it was"),
        ({"path": "/x?access_token=***"}, "path", "the method or path was edited"),
        ({"path": "/x"}, "headers", "only sent with the method and path that it had"),
        ({"path": "/x", "headers": []}, "body", "the method or path was edited"),
        ({"method": "PUT", "path": "/log-on"}, "headers", "only sent with the method and path that it had"),
        ({"headers": [["X-HTTP-Method-Override", "PUT"]], "path": "/log-on"}, "body", "the method or path was edited"),
        ({"headers": [["Authorization", "Bearer ***"]]}, "headers", "header Authorization is 'Bearer ***'"),
        ({"headers": [["X-Other", "***"]]}, "headers", "header X-Other is '***'"),
        ({"headers": [["Authorization", "Basic ***"]] * 2}, "headers", "which the original has not"),
        ({"headers": [["X-Other", "a\r\nHost: evil"]]}, "headers", "control characters"),
        ({"headers": [["X Other", "a"]]}, "headers", "not the name of a header"),
        ({"headers": [["A", "b"]] * 101}, "headers", "101 headers; expected at most 100"),
        ({"method": "CONNECT"}, "method", "'CONNECT' is not a method"),
        ({"method": "get"}, "method", "'get' is not a method"),
        ({"path": "/%" + "25" * 20 + "61"}, "path", "percent-encoded too many times"),
        ({"path": "/" + "x" * 8_001}, "path", "8,002 characters"),
        ({"body": "\ud800"}, None, "not JSON"),
        ({"extra": ""}, None, "unknown key 'extra'"),
        ({"method": 1}, None, "the edited request is invalid: Expected `str`, got `int`"),
    ],
)
async def test_edited_request_that_cannot_be_sent_is_refused(
    roomy_party: Party, change: dict[str, Any], key: str | None, words: str
) -> None:
    """The refusal names the field, and nothing is sent."""
    await log_on(roomy_party)
    status, answer = await roomy_party.call("POST", REPLAY, json=LOG_ON | {"body": BODY} | change)
    assert (status, answer.get("key"), words in answer["error"]) == (400, key, True), answer
    assert len(roomy_party.journal.kept()) == 1


async def test_secret_gets_to_no_place_that_shows_it(roomy_party: Party) -> None:
    """A value that is no longer secret, because what names it was edited, is refused."""
    await roomy_party.call("POST", "/x", data='[{"name": "password", "value": "tiger"}]')
    edited = {"method": "POST", "path": "/x", "headers": [], "body": '[{"name": "note", "value": "***"}]'}
    status, answer = await roomy_party.call("POST", REPLAY, json=edited)
    assert (status, answer["key"], "beside 'value' was edited" in answer["error"]) == (400, "body", True)


@pytest.mark.parametrize(
    ("body", "edited", "sent"),
    [
        ('{"password": 12345}', '{"password": "***", "n": 1}', '{"password": 12345, "n": 1}'),
        ('{"password": 12345}', '{"password": ***}', "neither JSON"),
        ('{"password": "a1", "n": {"password": "b2"}}', '{"n": {"password": "***"}}', '{"n": {"password": "b2"}}'),
        ('{"a": "eyJwYXNzd29yZCI6ICJ0aWdlciJ9"}', ('"a"', '"b"'), "nothing is masked like that at 'b'"),
        ('{"a": "eyJwYXNzd29yZCI6ICJ0aWdlciJ9"}', ("{", '{"c":1,'), '{"c":1,"a": "eyJwYXNzd29yZCI6ICJ0aWdlciJ9"}'),
        ('{"t": "{\\"password\\":\\"a1\\"}"}', ("}", ""), "nothing is masked like that at 't'"),
        (
            '{"t": "{\\"password\\":\\"a1\\"}"}',
            ("{\\", '{\\"n\\":1,\\'),
            '{"t": "{\\"n\\":1,\\"password\\":\\"a1\\"}"}',
        ),
        ('{"t": "{\\"password\\":\\"a1\\"}"}', ('"t"', '"u"'), "nothing is masked like that at 'u'"),
        ('{"t": {"url": "/a"}, "password": "a1"}', ('"/a"', '"/b"'), "'url' leads elsewhere"),
        ('{"t": "http://a", "password": "a1"}', ('"t": "http://a", ', ""), "'t' leads elsewhere"),
        ('{"n": "***", "password": "a1"}', ('"n": "***"', '"n": "***!"'), '{"n": "***!", "password": "a1"}'),
        ("*** of three", "*** of four", "*** of four"),
        ("<password>a1</password>", ("</", " </"), "neither JSON"),
        ('{"password": "a1", "n": [0]}', ("0]", "0" + ",0" * 2_000 + "]"), "neither JSON"),
        ('{"password": "a1", "n": 0}', (" 0}", "[" * 41 + "0" + "]" * 41 + "}"), "neither JSON"),
    ],
    ids=[
        *("a number", "without its quotation marks", "one of two", "base64 elsewhere", "base64 in its place"),
        *(
            "broken JSON within",
            "JSON within",
            "JSON elsewhere",
            "address",
            "no address",
            "its own",
            "no secret",
            "XML",
            "many",
            "deep",
        ),
    ],
)
async def test_masks_are_restored_as_they_were(
    roomy_party: Party, body: str, edited: str | tuple[str, str], sent: str
) -> None:
    """What is masked is restored at its place and as it was written, or refused."""
    await roomy_party.call("POST", "/x", data=body)
    if isinstance(edited, tuple):
        shown = (await roomy_party.call("GET", "/__admin/requests"))[1]["requests"][0]["request"]["body"]
        assert "eyJwYXNzd29yZCI6ICJ0aWdlciJ9" not in shown
        edited = shown.replace(*edited, 1)
    request: dict[str, Any] = {"method": "POST", "path": "/x", "headers": [], "body": edited}
    status, answer = await roomy_party.call("POST", REPLAY, json=request)
    if status == 200:
        assert last(roomy_party)[2].decode() == sent
    else:
        assert (status, answer["key"], sent in answer["error"]) == (400, "body", True), answer


@pytest.mark.parametrize(
    ("edited", "sent"),
    [
        ("a=2&password=***&n=***", "a=2&password=tiger&n=***"),
        ("a=1&password=***&n=***!", "a=1&password=tiger&n=***!"),
        ("password=***&password=***", "parameter 'password' is not as it was"),
        ("a=http://evil.example&password=***&n=***", "'a' leads elsewhere"),
    ],
)
async def test_masks_of_a_form_are_restored_by_name(roomy_party: Party, edited: str, sent: str) -> None:
    """Each parameter keeps its own secret, unless an address beside it was edited."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    await roomy_party.call("POST", "/x", data="a=1&password=tiger&n=***", headers=headers)
    request = {"method": "POST", "path": "/x", "headers": [], "body": edited}
    status, answer = await roomy_party.call("POST", REPLAY, json=request)
    assert sent in (last(roomy_party)[2].decode() if status == 200 else answer["error"])


async def test_body_of_an_unreadable_log_on_is_secret_as_a_whole(roomy_party: Party) -> None:
    """It is sent as it was, or typed anew."""
    await roomy_party.call("POST", "/x", data="tiger")
    roomy_party.journal.kept()[0].asks_secret = True
    request: dict[str, Any] = {"method": "POST", "path": "/x", "headers": []}
    for typed, sent in (("***", b"tiger"), ("lion", b"lion")):
        await roomy_party.call("POST", REPLAY, json=request | {"body": typed})
        assert last(roomy_party)[2] == sent
    status, answer = await roomy_party.call("POST", REPLAY, json=request | {"body": "a***"})
    assert (status, answer["key"]) == (400, "body")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"body": BODY.replace("***", "tiger")},
        {"body": BODY.replace("***", "tigeR")},
        {"path": "/log-on?access_token=tigress&page=1"},
        {"path": "/log-on?access_token=tigresS&page=1"},
        {"headers": [["Authorization", "Basic a2l0dGVuOnRpZ2Vy"]]},
        {"headers": [["Authorization", "Basic a2l0dGVuOnRpZ2VS"]]},
    ],
)
async def test_right_guess_looks_like_a_wrong_one(roomy_party: Party, change: dict[str, Any]) -> None:
    """Whatever is typed in place of a mask edits the request; a mask that is left does not."""
    await log_on(roomy_party)
    shown = roomy_party.journal.to_json(roomy_party.journal.kept()[0])
    as_shown = {"method": shown["method"], "path": shown["url"], **shown["request"]}
    headers = [each for each in as_shown["headers"] if each[0] not in {"Host", "Connection", "Content-Length"}]
    edited = {**as_shown, "headers": headers, **change}
    if "headers" in change:
        edited["headers"] = [*(each for each in headers if each[0] != "Authorization"), *change["headers"]]
    assert (await roomy_party.call("POST", REPLAY, json=edited))[0] == 200
    assert roomy_party.journal.kept()[-1].edited is bool(change)


@dataclass
class Trap:
    """A listener that nothing may reach."""

    port: int = 0
    callers: list[object] = field(default_factory=list)

    async def called(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Remember a caller."""
        self.callers.append(writer.get_extra_info("peername"))
        writer.close()


@dataclass
class Trapped:
    """An echo beside a trap, in a loop of their own."""

    runner: asyncio.Runner
    party: Party
    trap: Trap

    def replay(self, edited: dict[str, Any]) -> tuple[int, Any]:
        """Replay the first exchange, edited."""
        return self.runner.run(self.party.call("POST", REPLAY, json=edited))


@pytest.fixture(scope="module")
def trapped() -> Iterator[Trapped]:
    """Serve an echo that has received one request, and listen beside it."""

    async def start() -> tuple[AsyncIterator[Party], Party, Trap, asyncio.Server]:
        serving = _serve(Party(kept=(20_000, 40_000_000)))
        party, trap = await anext(serving), Trap()
        listener = await asyncio.start_server(trap.called, "127.0.0.1", 0)
        trap.port = listener.sockets[0].getsockname()[1]
        await party.call("POST", "/x", data="before")
        return serving, party, trap, listener

    async def stop(serving: AsyncIterator[Party], listener: asyncio.Server) -> None:
        listener.close()
        await anext(serving, None)

    with asyncio.Runner() as runner:
        serving, party, trap, listener = runner.run(start())
        yield Trapped(runner, party, trap)
        runner.run(stop(serving, listener))


_HOSTS = ("127.0.0.1:{port}", "localhost:{port}", "user@127.0.0.1:{port}", "{port}", "[::1]:{port}", "evil.example")
_SEPARATORS = st.sampled_from(
    ["/", "//", "///", "\\", "/\\", "%2f", "%2F%2f", "%5c", "/./", "/../", "/%2e%2e/", "/;/", ""]
)
_WORDS = st.sampled_from(
    ["__admin", "__ADMIN", "__cockpit", "%5f%5fadmin", "_%5fadmin", "%255f%255fadmin", "%25%35%66_admin", "__admin;x",
     "requests", "journal", "clear", "x", "..", ".", "%2e", "@", "?", "#", ":", "%00", "%0d%0aHost:%20evil", "\r\n",
     "\t", " ", "http:", "HTTP/1.1", "*", "é", *_HOSTS]
)  # fmt: skip
_PATHS = st.lists(st.tuples(_SEPARATORS, _WORDS), min_size=1, max_size=5).map(
    lambda parts: "".join(separator + word for separator, word in parts)
)
_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["Host", "host", "X-Forwarded-Host", "Forwarded", "X-Original-URL", "Connection", "Transfer-Encoding",
             "Content-Length", "Upgrade", "Proxy-Connection", "Location", "x-privman-replay",
             "x-privman-errand", ":path"]
        ),
        st.sampled_from(["127.0.0.1:{port}", "host=127.0.0.1:{port}", "/__admin/requests", "chunked", "0", "1", "a\nb",
                         "keep-alive, X-Plain", "http://127.0.0.1:{port}/"]),
    ),
    max_size=3,
)  # fmt: skip


@given(
    path=st.one_of(_PATHS, st.text(max_size=20), st.sampled_from(_HOSTS).map(lambda host: f"http://{host}/")),
    headers=_HEADERS,
    method=st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "HEAD"]),
    body=st.sampled_from(["", "GET http://127.0.0.1:{port}/ HTTP/1.1\r\n\r\n"]),
)
@examples(60)
def test_nothing_that_is_typed_reaches_anybody_else(
    trapped: Trapped, path: str, headers: list[tuple[str, str]], method: str, body: str
) -> None:
    """A request goes to the party itself, to none of its own pages, or nowhere."""
    port, journal = str(trapped.trap.port), trapped.party.journal
    before, path = journal.newest, path.replace("{port}", port)
    edited = {
        "method": method,
        "path": path.encode(errors="replace").decode(),
        "headers": [[name, text.replace("{port}", port)] for name, text in headers],
        "body": body.replace("{port}", port),
    }
    status, answer = trapped.replay(edited)
    sent = journal.kept(before)
    assert (status, len(sent)) in {(200, 1), (400, 0)}, answer
    assert [each.method for each in sent] in ([], [method])
    hosts = [each.request_headers["Host"] for each in sent]
    assert hosts in ([], [trapped.party.url.removeprefix("http://")])
    assert not any("__" in each.url.partition("?")[0] for each in sent)
    assert trapped.trap.callers == []
    assert journal.kept()[0].number == 1


@pytest.mark.parametrize("path", ["/__admin/requests", "/%5F%5Fadmin/requests", "/x/..//__admin", "/a%252f__cockpit"])
async def test_original_of_the_control_plane_is_not_replayed(roomy_party: Party, path: str) -> None:
    """Even if a journal had such an exchange."""
    exchange = roomy_party.journal.begin("in", "DELETE", path, {"Host": "x"}, b"")
    roomy_party.journal.finish(exchange, 200, {}, b"")
    status, answer = await roomy_party.call("POST", REPLAY)
    assert (status, answer["key"], len(roomy_party.journal.kept())) == (400, "path", 1)


async def test_sent_request_goes_to_nobody_but_the_other_party(roomy_party: Party, real_party: Party) -> None:
    """Without another party it goes nowhere, though its old address still answers."""
    await roomy_party.caller.send("POST", f"{real_party.url}/hook", {}, b"x", 5)
    status, answer = await roomy_party.call("POST", REPLAY)
    assert (status, answer["key"]) == (400, "")
    assert real_party.handled == 1


@pytest.mark.parametrize(
    ("headers", "body", "words"),
    [({}, b"", "a form of a page"), ({"Host": "x"}, b"x" * (1024 * 1024 + 1), "only the first 1,048,576 of 1,048,577")],
    ids=["a form", "too long"],
)
async def test_incomplete_request_is_not_replayed(
    roomy_party: Party, headers: dict[str, str], body: bytes, words: str
) -> None:
    """The page says why, in place of the buttons."""
    exchange = roomy_party.journal.begin("in", "POST", "/x", headers, body)
    roomy_party.journal.finish(exchange, 200, {}, b"")
    status, answer = await roomy_party.call("POST", REPLAY)
    assert (status, words in answer["error"]) == (400, True)
    _, html = await roomy_party.call("GET", "/__cockpit/exchanges/echo/1")
    assert (words in html, 'id="replay"' in html) == (True, False)


async def test_replay_of_what_is_not_kept_is_refused(roomy_party: Party) -> None:
    """Nothing is sent."""
    assert await roomy_party.call("POST", REPLAY) == (400, {"error": "exchange 1 is not kept", "key": ""})
    assert roomy_party.handled == 0


async def test_body_that_is_no_text_is_sent_as_it_was(roomy_party: Party) -> None:
    """It cannot be edited, but its headers and query can."""
    await roomy_party.call("POST", "/x", data=b"\xff\xfe")
    edited = {"method": "POST", "path": "/x?n=1", "headers": [], "body": "(2 bytes that are not UTF-8)"}
    assert (await roomy_party.call("POST", REPLAY, json=edited))[0] == 200
    assert last(roomy_party)[:3] == ("POST", "/x?n=1", b"\xff\xfe")
    for change in ({"body": "other"}, {"path": "/y"}):
        status, answer = await roomy_party.call("POST", REPLAY, json=edited | change)
        assert (status, answer["key"]) == (400, "body")


async def test_form_has_a_line_for_each_value(roomy_party: Party) -> None:
    """Sent without a change, the body is what it was, byte for byte; the notice is above the answer, not below."""
    body = '{"n":1.50, "n":[{"a":"\\u00e9,:"},[ ]]}'
    await roomy_party.call("POST", "/x", data=body)
    async with ClientSession() as http:
        async with http.get(f"{roomy_party.url}/__cockpit/exchanges/echo/1/edit") as answer:
            html = await answer.text()
        shown = re.search(r'<textarea id="body"[^>]*>\n(.*?)</textarea>', html, re.DOTALL)
        token = _FORM_TOKEN.search(html)
        assert shown is not None
        assert token is not None
        assert unescape(shown[1]).split("\n")[:4] == ["{", '  "n": 1.50,', '  "n": [', "    {"]
        form = {"cockpit_token": token[1], "method": "POST", "path": "/x", "body": unescape(shown[1])}
        async with http.post(f"{roomy_party.url}/__cockpit/exchanges/echo/1/edit", data=form) as answer:
            html = await answer.text()
    assert last(roomy_party)[2] == body.encode()
    assert html.index('id="replayed"') < html.index('id="summary"') < html.index('id="replay"')


async def test_lines_end_as_they_did(roomy_party: Party) -> None:
    """A form posts each line end alike; the parts of a multipart body need theirs."""
    await roomy_party.call("POST", "/x", data=b"one\r\ntwo")
    for typed in ("one\ntwo", "one\r\ntwo"):
        await roomy_party.call("POST", REPLAY, json={"method": "POST", "path": "/x", "headers": [], "body": typed})
        assert last(roomy_party)[2] == b"one\r\ntwo"


async def test_edit_page_sends_and_shows_the_new_exchange(roomy_party: Party) -> None:
    """Without script: the form has the request with its secrets masked, and errors come back beside their fields."""
    await log_on(roomy_party)
    async with ClientSession() as http:

        async def post(values: dict[str, str]) -> tuple[int, str, str]:
            async with http.get(f"{roomy_party.url}/__cockpit/exchanges/echo/1/edit") as answer:
                html = await answer.text()
            assert "tig" not in html
            found = _FORM_TOKEN.search(html)
            assert found is not None
            data = {"cockpit_token": found[1]} | values
            async with http.post(f"{roomy_party.url}/__cockpit/exchanges/echo/1/edit", data=data) as answer:
                return answer.status, str(answer.url), await answer.text()

        values = {"method": "POST", "path": "/log-on?access_token=***&page=1", "body": BODY}
        status, _, html = await post(values | {"headers": "Authorization Basic ***"})
        assert (status, "line 1 is &#39;Authorization Basic ***&#39;; expected Name: value" in html) == (400, True)
        status, _, html = await post(values | {"headers": "", "path": "//evil.example"})
        assert (status, 'id="path.error"' in html) == (400, True)
        status, url, html = await post(values | {"headers": "Authorization: Basic ***\n\n"})
        assert (status, url) == (200, f"{roomy_party.url}/__cockpit/exchanges/echo/2")
        assert "Exchange 1 edited and replayed." in html
        assert "/__cockpit/compare?x=echo-1&amp;x=echo-2" in html
    assert last(roomy_party)[3] == "Basic a2l0dGVuOnRpZ2Vy"


@pytest.mark.long
async def test_answer_that_takes_long_comes_later(roomy_party: Party) -> None:
    """The page shows the exchange in progress; in virtual time the answer comes when the clock is advanced."""
    await roomy_party.call("GET", "/x")
    await roomy_party.call("POST", "/__admin/faults", json={"kind": "slow", "seconds": 30})
    assert await roomy_party.call("POST", REPLAY) == (200, {"number": 2})
    assert "still to come" in (await roomy_party.call("GET", "/__cockpit/exchanges/echo/2"))[1]
    await roomy_party.call("POST", "/__admin/clock/advance", json={"seconds": 30})
    while not roomy_party.journal.kept()[-1].ended:
        await asyncio.sleep(0)
    assert roomy_party.journal.kept()[-1].status == 200
    await roomy_party.call("POST", "/__admin/faults", json={"kind": "slow", "seconds": 30})
    assert await roomy_party.call("POST", REPLAY) == (200, {"number": 3})  # given up when the party stops


async def test_replay_without_an_answer_is_given_up_at_the_end() -> None:
    """Though whoever asked for it has gone."""
    party = Party(kept=(100, 40_000_000))
    async with serving(party.app()) as party.url:
        await party.call("GET", "/x")
        await party.call("POST", "/__admin/faults", json={"kind": "slow", "seconds": 30})
        asking = asyncio.create_task(party.call("POST", REPLAY))
        while len(party.journal.kept()) == 1:
            await asyncio.sleep(0)
        asking.cancel()
    await party.caller.aclose()
    await party.clock.aclose()
    assert [each.status for each in party.journal.kept()] == [200, 0]


async def test_dropped_connection_is_the_answer(roomy_party: Party) -> None:
    """The page of the new exchange says why there was no answer."""
    await roomy_party.call("GET", "/x")
    await roomy_party.call("POST", "/__admin/faults", json={"kind": "reset"})
    assert await roomy_party.call("POST", REPLAY) == (200, {"number": 2})
    assert "There was no answer: " in (await roomy_party.call("GET", "/__cockpit/exchanges/echo/2"))[1]
