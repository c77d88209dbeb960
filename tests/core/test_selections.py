import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from jsonschema import Draft202012Validator

from privman_core.cockpit.compared_exchanges import MOST_FIELDS, compare
from privman_scenarios.analysis.har import read_har

from .conftest import Party

SELECTION = "/__cockpit/selection"
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """Return the schema of an object; members of a program's own begin with an underscore."""
    known = {"type": "object", "required": [*required], "properties": required | optional}
    return known | {"patternProperties": {"^_": {}}, "additionalProperties": False}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_PAIRS = _list(_object({"name": _TEXT, "value": _TEXT}, comment=_TEXT))
_COMMON = {"httpVersion": _TEXT, "cookies": _list({}), "headers": _PAIRS, "headersSize": _NUMBER, "bodySize": _NUMBER}
_REQUEST = _object(
    {"method": _TEXT, "url": {"type": "string", "pattern": "^https?://"}, "queryString": _PAIRS, **_COMMON},
    postData=_object({"mimeType": _TEXT, "text": _TEXT}),
)
_CONTENT = _object({"size": _NUMBER, "mimeType": _TEXT}, text=_TEXT)
_RESPONSE = _object({"status": _NUMBER, "statusText": _TEXT, "content": _CONTENT, "redirectURL": _TEXT, **_COMMON})
_TIMINGS = _object({key: {"type": "number"} for key in ("send", "wait", "receive")})
_ENTRY = _object(
    {"startedDateTime": _TIME, "time": {"type": "number"}, "request": _REQUEST, "response": _RESPONSE, "cache": {},
     "timings": _TIMINGS},
    pageref=_TEXT,
)  # fmt: skip
_CREATOR = _object({"name": _TEXT, "version": _TEXT})
HAR = _object({"log": _object({"version": {"const": "1.2"}, "creator": _CREATOR, "entries": _list(_ENTRY)}, pages={})})


def _scenario(html: str) -> str:
    found = re.search(r'<pre id="scenario"[^>]*>(.*?)</pre>', html, re.DOTALL)
    return "" if found is None else found[1]


async def test_selection_shows_each_exchange_once(roomy_party: Party) -> None:
    """Oldest first, whatever the order of the names, with the scenario that the product writes."""
    for number in range(3):
        await roomy_party.call("GET", f"/{number}")
    status, html = await roomy_party.call("GET", f"{SELECTION}?x=echo-3&x=echo-1&x=ECHO-3&x=echo-9&x=one&x=other-1")
    assert status == 200
    assert _scenario(html).split("\n")[1:] == ["GET /0 200", "GET /2 200"]
    for words in (
        "Echo does not keep an exchange 9",
        "&#39;one&#39; is not the name",
        "no party shown is &#39;other&#39;",
    ):
        assert words in html
    assert "/__cockpit/compare?x=echo-1&amp;x=echo-3" in html
    status, text = await roomy_party.call("GET", f"{SELECTION}/saved.yaml?x=echo-2")
    assert (status, text) == (200, "GET /1 is answered with 200\nGET /1 200")
    await roomy_party.call("POST", "/", data="x" * 20_000)
    for page in ("/saved.yaml", ""):
        assert "# others are served" in (await roomy_party.call("GET", f"{SELECTION}{page}?x=echo-4"))[1]


async def test_selection_takes_a_search_line(roomy_party: Party) -> None:
    """A line that cannot be read comes back with an error; nothing found is said."""
    await roomy_party.call("GET", "/one")
    await roomy_party.call("POST", "/two")
    _, html = await roomy_party.call("GET", f"{SELECTION}?find=method:POST")
    assert _scenario(html).split("\n")[1:] == ["POST /two 200"]
    status, html = await roomy_party.call("GET", f"{SELECTION}?find=methud:POST")
    assert (status, 'id="find.error"' in html) == (400, True)
    assert "No exchange matches the search" in (await roomy_party.call("GET", f"{SELECTION}?find=method:PUT"))[1]
    assert "Nothing is selected" in (await roomy_party.call("GET", SELECTION))[1]


async def test_buttons_of_the_journal_act_on_what_was_found_if_nothing_is_ticked(roomy_party: Party) -> None:
    """The page says so beside them; ticks count alone, also that of a folded line, and what is too much is said."""
    for method, path in (("POST", "/two"), *(("GET", "/one"),) * 3):
        await roomy_party.call(method, path)
    _, journal = await roomy_party.call("GET", "/__cockpit?find=method:GET")
    assert "if none is ticked, of the 3 found exchanges" in journal
    assert ('name="find" value="method:GET"' in journal, 'value="echo-4 echo-3 echo-2"' in journal) == (True, True)
    query = "find=method:POST&do="
    assert _scenario((await roomy_party.call("GET", f"{SELECTION}?{query}scenario"))[1]).endswith("POST /two 200")
    assert len((await roomy_party.call("GET", f"{SELECTION}?{query}har"))[1]["log"]["entries"]) == 1
    assert len((await roomy_party.call("GET", f"{SELECTION}?do=har&find="))[1]["log"]["entries"]) == 4
    _, ticked = await roomy_party.call("GET", f"{SELECTION}?{query}scenario&x=echo-4+echo-3")
    assert _scenario(ticked).split("\n")[1:] == ["GET /one 200"] * 2
    _, html = await roomy_party.call("GET", f"{SELECTION}?x={'+'.join(f'echo-{number}' for number in range(1, 202))}")
    assert "Left out: 1 of 201 selected exchanges; 200 are possible." in html


async def test_archive_is_valid_and_read_by_our_own_reader(roomy_party: Party, tmp_path: Path) -> None:
    """HAR 1.2 with absolute addresses and no secret; also of an exchange without an answer."""
    await roomy_party.call("POST", "/log-on?access_token=tigress&a=1&a=2", json={"password": "tiger"})
    await roomy_party.call("GET", "/plain", headers={"Authorization": "Bearer tiger-tiger-tiger"})
    await roomy_party.call("POST", "/__admin/faults", json={"kind": "reset"})
    await roomy_party.call("POST", "/__admin/cockpit/exchanges/2/replay")
    status, document = await roomy_party.call("GET", f"{SELECTION}/exchanges.har?x=echo-1&x=echo-2&x=echo-3")
    assert status == 200
    assert [each.message for each in Draft202012Validator(HAR).iter_errors(document)] == []
    assert b"tig" not in orjson.dumps(document)
    file = tmp_path / "exchanges.har"
    file.write_bytes(orjson.dumps(document))
    read = read_har(file)
    assert [(each.method, each.url.removeprefix(roomy_party.url), each.status) for each in read] == [
        ("POST", "/log-on?access_token=***&a=1&a=2", 200),
        ("GET", "/plain", 200),
        ("GET", "/plain", 0),
    ]
    assert read[0].request == b'{"password": "***"}'
    assert [each.ours for each in read] == [frozenset({"response"})] * 3


async def test_comparison_shows_what_differs(roomy_party: Party) -> None:
    """By default only that; everything on demand."""
    await roomy_party.call("POST", "/x?a=1", json={"n": 1, "list": [{"same": True}]})
    await roomy_party.call("POST", "/x?a=1", json={"n": 2, "list": [{"same": True}]})
    status, html = await roomy_party.call("GET", "/__cockpit/compare?x=echo-1&x=echo-2")
    assert (status, "request $.n" in html, "request $.list[0].same" in html) == (200, True, False)
    assert "/__cockpit/compare?x=echo-1&amp;x=echo-2&amp;all=1" in html
    _, html = await roomy_party.call("GET", "/__cockpit/compare?x=echo-1&x=echo-2&all=1")
    assert ("request $.n" in html, "request $.list[0].same" in html) == (True, True)
    _, newer_first = await roomy_party.call("GET", "/__cockpit/selection?do=compare&x=echo-2&x=echo-1")
    assert newer_first.index('value="echo-1"') < newer_first.index('value="echo-2"')


async def test_previous_one_is_offered_if_there_is_one(roomy_party: Party) -> None:
    """It has the same method and path."""
    for path in ("/x", "/y", "/x?a=1"):
        await roomy_party.call("GET", path)
    pages = [(await roomy_party.call("GET", f"/__cockpit/exchanges/echo/{number}"))[1] for number in (1, 3)]
    assert ['id="previous"' in html for html in pages] == [False, True]
    assert 'id="previous" href="/__cockpit/compare?x=echo-1&amp;x=echo-3"' in pages[1]


async def test_comparison_says_what_it_cannot_find(roomy_party: Party) -> None:
    """The error is beside its field; without names there is just the form."""
    await roomy_party.call("GET", "/x")
    status, html = await roomy_party.call("GET", f"/__cockpit/compare?x=echo-1&x={quote('<b>')}")
    assert (status, 'id="x0.error"' in html, 'id="x1.error"' in html) == (400, False, True)
    assert (await roomy_party.call("GET", "/__cockpit/compare"))[0] == 200
    status, html = await roomy_party.call("GET", "/__cockpit/exchanges/nobody/1")
    assert (status, "No journal of &#39;nobody&#39;" in html) == (404, True)


def test_compared_values_go_by_their_places() -> None:
    """Headers in any case, repeated ones by their number, bodies by JSON paths; also of bodies that are no JSON."""
    first = _printed("http://one.example/x?a=1&a=2", [["A", "1"], ["a", "2"]], '{"k": {"odd key": [1, []]}}', "")
    second = _printed("/x?a=1", [["a", "1"]], "plain", "x" * 3_000)
    found = {each.name: (each.first, each.second) for each in compare(first, second).fields}
    assert found["path"] == ("/x", "/x")
    assert found["query a (2)"] == ("2", None)
    assert found["request header a (2)"] == ("2", None)
    assert found["request $.k['odd key'][0]"] == ("1", None)
    assert found["request $.k['odd key'][1]"] == ("[]", None)
    assert found["request body"] == (None, "plain")
    assert found["answer body"] == (None, f"{'x' * 2_000}… (3,000 characters)")
    assert "status" not in {each.name for each in compare(first, second).different}


async def test_deep_body_is_shown(roomy_party: Party) -> None:
    """As it is, since no page is that wide; JSON of usual depth is indented."""
    deep, usual = "[" * 900 + "]" * 900, "[" * 50 + "]" * 50
    for number, (body, shown) in enumerate(((deep, deep), (usual, "[\n  [\n    [")), 1):
        await roomy_party.call("POST", "/x", data=body)
        status, html = await roomy_party.call("GET", f"/__cockpit/exchanges/echo/{number}")
        assert (status, shown in html) == (200, True)


def test_huge_body_is_compared_in_part() -> None:
    """The page says that it leaves fields out; names are cut before there are many, and depth costs nothing."""
    deep = _printed("/x", [], "[" * 900 + "]" * 900, "")
    assert compare(deep, deep).different == []
    keys = orjson.dumps({"k" * 5_000: [0] * 2_500, "n" * 5_000: {"a" * 200: {"b" * 200: {"c" * 200: {"d" * 200: 0}}}}})
    other = _printed("/x", [], keys.decode(), orjson.dumps(["x" * 500] * 1_800).decode())
    for first, second in ((other, deep), (deep, other), (other, other)):
        found = compare(first, second)
        assert (len(found.fields) <= MOST_FIELDS, found.more) == (True, True)
        assert max(len(each.name) for each in found.fields) <= 301
        assert sum(len(f"{each.name}{each.first}{each.second}") for each in found.fields) < 600_000
    (near,) = compare(_printed("/x", [], '{"0": 1}', ""), _printed("/x", [], "[1]", "")).different[:1]
    assert (near.name, near.first, near.second) == ("request $['0']", "1", None)
    long = [_printed("/x", [], f'"{"x" * 3_000}{end}"', "") for end in "ab"]
    assert [each.name for each in compare(*long).different] == ["request $"]


def _printed(url: str, headers: list[list[str]], asked: str, answered: str) -> dict[str, Any]:
    """Return an exchange as the control plane prints it."""
    return {
        "method": "POST",
        "url": url,
        "request": {"headers": headers, "body": asked},
        "status": 200,
        "error": "",
        "fault": "",
        "response": {"headers": [], "body": answered},
    }


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "status", "status": 429, "headers": {"Retry-After": "5"}, "body": "later"},
         {"kind": "status", "status": "429", "body": "later"}),
        ({"kind": "status", "status": 500, "body": "x" * 2_000, "headers": {"Content-Type": "***"}},
         {"kind": "status", "status": "500"}),
        ({"kind": "reset"}, {"kind": "reset"}),
        (None, {"kind": "status", "status": "503"}),
    ],
)  # fmt: skip
async def test_failure_is_armed_for_the_next_one_like_it(
    roomy_party: Party, fault: dict[str, Any] | None, expected: dict[str, str]
) -> None:
    """A form with the fault's fields leads to the page that arms it; the path fits no other."""
    await roomy_party.call("POST", "/x*y", data="one")
    if fault:
        await roomy_party.call("POST", "/__admin/faults", json=fault)
        await roomy_party.call("POST", "/__admin/cockpit/exchanges/1/replay")
    _, html = await roomy_party.call("GET", f"/__cockpit/exchanges/echo/{2 if fault else 1}")
    fields = dict(re.findall(r'<input id="arm\.(\w+)" name="\w+" value="([^"]*)"', html))
    assert fields.items() >= {"party": "Echo", "method": "POST", "path": "/x[*]y", **expected}.items()
    assert ("Retry-After" in fields.get("headers", "")) == ("Retry-After" in (fault or {}).get("headers", {}))
    assert fields.get("body", "") == expected.get("body", "")


async def test_search_that_has_not_ended_says_so(roomy_party: Party) -> None:
    """The diagram and the selection say what is left and go on; a file is only made of what all was searched for."""
    await roomy_party.call("POST", "/needle", data="needle")
    for _ in range(7):
        await roomy_party.call("POST", "/hay", data="x" * 600_000)
    for page in ("/__cockpit/sequence", SELECTION, f"{SELECTION}/saved.yaml", f"{SELECTION}/exchanges.har"):
        _, html = await roomy_party.call("GET", f"{page}?find=body:needle")
        assert (page, "older exchange" in html, "not been searched yet" in html) == (page, True, True)
        assert ("No exchange matches" in html, "/needle" in html) == (False, False)
    _, html = await roomy_party.call("GET", f"{SELECTION}?find=body:needle")
    _, html = await roomy_party.call("GET", f"{SELECTION}?find=body:needle")
    assert ("/needle" in html, "not been searched yet" in html) == (True, False)


async def test_archive_lists_the_first_parameters_of_a_query(roomy_party: Party) -> None:
    """The address has all of them."""
    await roomy_party.call("GET", f"/x?{'&'.join(f'p{number}' for number in range(1_200))}")
    _, har = await roomy_party.call("GET", f"{SELECTION}/exchanges.har?x=echo-1")
    [entry] = har["log"]["entries"]
    assert (len(entry["request"]["queryString"]), "p1199" in entry["request"]["url"]) == (1_000, True)


@pytest.mark.long
@pytest.mark.parametrize("choice", ["find=", "&".join(f"x=echo-{number}" for number in range(1, 20))])
async def test_selection_has_a_size(roomy_party: Party, choice: str) -> None:
    """What is too much is named; an archive has the rest."""
    for _ in range(19):
        await roomy_party.call("POST", "/x", data="x" * 1_000_000)
    _, html = await roomy_party.call("GET", f"{SELECTION}?{choice}")
    assert "have more than 32 MiB." in html
    _, har = await roomy_party.call("GET", f"{SELECTION}/exchanges.har?{choice}")
    assert 10 < len(har["log"]["entries"]) < 19
