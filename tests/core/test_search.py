"""The search line: read and written, and what it finds in a journal."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from threading import current_thread, main_thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privman_core.cockpit.journal_search import MOST_JUDGED, MOST_MASKED, JournalSearch
from privman_core.cockpit.product import Explanation
from privman_core.cockpit.search import Search
from privman_core.cockpit.search_line import Term, is_open, read_terms, toggled, write_terms
from privman_core.cockpit.search_words import TEXT, WORDS, SearchError, glob
from privman_core.cockpit.seen_exchanges import Seen
from privman_core.exchange import Exchange
from privman_core.findings import Finding
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.virtual_clock import START, VirtualClock
from tests.generated import examples

from .conftest import EchoProduct, judge

METHODS, STATUSES, PATHS = ("GET", "POST"), (0, 200, 201, 404, 503), ("/api/now/table/x_request", "/Alpha", "/b?c=d")
BODIES = ("", "Elevate installers", "wrong", "ÄRGER")


def _number(found: list[Seen]) -> list[int]:
    return [seen.exchange.number for seen in found]


class CountingSecrets(Secrets):
    """Secrets that count the texts that they mask, and know whether they have masked one beside the main thread."""

    masked = 0
    aside = False

    def mask(self, text: str) -> str:
        """Mask and count."""
        self.masked += 1
        self.aside |= current_thread() is not main_thread()
        return super().mask(text)


class Kept:
    """A journal of the echo, and searches in it."""

    party, explain = "Echo", staticmethod(EchoProduct().explain)

    def __init__(self, *requests: tuple[str, int, str, str], seconds: int = 0, secret: str = "") -> None:
        self.secrets = CountingSecrets()
        self.secrets.add(secret)
        self.journal = Journal(VirtualClock(), self.secrets, judge)
        for number, (method, status, path, body) in enumerate(requests):
            each = self.journal.begin("in", method, path, {}, body.encode())
            each.at += timedelta(seconds=number * seconds)
            if status:
                self.journal.finish(each, status, {}, b"")

    def search(self, line: str) -> JournalSearch:
        """Return a search for this line."""

        def seen(exchange: Exchange) -> Seen:
            return Seen(exchange, self.party, self.explain, self.journal)

        return JournalSearch(self.journal, Search.read(line), seen, 0)

    def find(self, line: str) -> list[int]:
        """Return the numbers of the exchanges that fit, newest first."""

        async def found() -> list[Seen]:
            return [seen async for seen in self.search(line).fitting()]

        return _number(asyncio.run(found()))


@given(st.text(alphabet=st.sampled_from('ab:-!"\\ \t\n.é\u2003/4')))
@examples(300)
def test_a_line_is_read_as_it_is_written(line: str) -> None:
    """Whatever is typed is read, and written so that it is read the same."""
    terms = read_terms(line)
    assert read_terms(write_terms(terms)) == terms


@pytest.mark.parametrize(
    ("line", "terms"),
    [
        (
            'method:POST -status:4xx !"a b"',
            [Term("POST", "method"), Term("4xx", "status", negated=True), Term("a b", negated=True)],
        ),
        (r'body:"say \"no\""', [Term('say "no"', "body")]),
        ('body:"not closed yet', [Term("not closed yet", "body")]),
        ("Status:", [Term("", "status")]),
        ('"foo:bar" -', [Term("foo:bar"), Term("-")]),
    ],
)
def test_terms_of_a_line(line: str, terms: list[Term]) -> None:
    """Words end with a colon, a minus excludes, quotation marks keep blanks and colons."""
    assert read_terms(line) == terms


@pytest.mark.parametrize(
    ("line", "expected"),
    [("", False), ('body:"a b"', False), ('"', True), ('-body:"a', True), (r'"a\"', True), ('"a" b"c', False)],
)
def test_open_quotation_mark_is_known(line: str, *, expected: bool) -> None:
    """Also a single one, and one whose end is escaped; within a word it is a character like others."""
    assert is_open(line) is expected


def test_table_of_an_app_is_found_by_the_end_of_its_name() -> None:
    """Others by their whole names; the asterisk stands for any text in either."""
    tables = ("x_app_request", "change_request", "request", "x_app_request_line")
    kept = Kept(*(("GET", 200, f"/api/now/table/{table}", "") for table in tables), ("GET", 200, "/request", ""))
    lines = ("request", "*request", "change_*", "*", "x_app_request")
    assert [kept.find(f"table:{line}") for line in lines] == [[3, 1], [3, 2, 1], [2], [4, 3, 2, 1], [1]]


def test_a_term_is_added_and_taken_away() -> None:
    """What has a button adds its term, and takes it away if it is there."""
    term = Term("PM Approval", "body")
    assert toggled("method:POST", term) == 'method:POST body:"PM Approval"'
    assert toggled('body:"PM Approval" method:POST', term) == "method:POST"


_TERMS = st.one_of(
    st.builds("method:{}".format, st.sampled_from(METHODS)),
    st.builds("status:{}".format, st.sampled_from(["4xx", "200", "200-404", "none", "4xx,5xx"])),
    st.builds("path:{}".format, st.sampled_from(["alpha", "/api/*", "b"])),
    st.builds("table:{}".format, st.sampled_from(["request", "x_request", "nosuch"])),
    st.builds("body:{}".format, st.sampled_from(["elevate", "wrong", "ärger", "nowhere"])),
    st.builds("verdict:{}".format, st.sampled_from(["broken", "kept", "none", "running", "kept,none"])),
    st.sampled_from(["alpha", "get", "503", "from:caller", "to:echo", "party:echo,nobody", "finding:wrong-*"]),
)


def _plainly(term: str, request: tuple[str, int, str, str]) -> bool:
    """Decide one term by the documentation alone."""
    method, status, path, body = request
    word, _, value = term.rpartition(":")
    broken = "wrong" in body and status > 0
    verdict = "broken" if broken else "running" if not status else "kept" if method == "POST" else "none"
    statuses = {"4xx": [404], "200": [200], "200-404": [200, 201, 404], "none": [0], "4xx,5xx": [404, 503]}
    globs = {"alpha": "*alpha*", "/api/*": "/api/*", "b": "*b*"}
    return {
        "": value in f"{method} {path} {status}".lower(),
        "method": value == method,
        "status": status in statuses.get(value, []),
        "path": fnmatchcase(path.partition("?")[0].lower(), globs.get(value, "")),
        "table": path.endswith("x_request") and value in ("request", "x_request"),
        "body": value in body.lower(),
        "verdict": verdict in value.split(","),
        "from": True,
        "to": True,
        "party": True,
        "finding": broken,
    }[word]


@given(
    st.lists(st.tuples(*map(st.sampled_from, (METHODS, STATUSES, PATHS, BODIES))), max_size=40),
    st.lists(st.tuples(st.booleans(), _TERMS), max_size=3),
)
@examples(60)
def test_a_search_finds_what_a_plain_filter_does(
    requests: list[tuple[str, int, str, str]], terms: list[tuple[bool, str]]
) -> None:
    """Every term must fit, and a minus turns it round; the newest exchange is first."""
    line = " ".join(f"{'-' * negated}{term}" for negated, term in terms)
    plain = [
        number
        for number, request in enumerate(requests, 1)
        if all(_plainly(term, request) is not negated for negated, term in terms)
    ]
    assert Kept(*requests).find(line) == plain[::-1]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("after:09:00:02", [4, 3]),
        ("before:9:00:02", [2, 1]),
        ("after:2026-01-05T09:00:01 before:2026-01-05T09:00:03", [3, 2]),
        ("after:2026-01-06", []),
        ("before:2026-01-06", [4, 3, 2, 1]),
    ],
)
def test_times(line: str, found: list[int]) -> None:
    """A time of day is that of any day; a date begins at midnight in UTC."""
    assert Kept(*[("GET", 200, "/x", "")] * 4, seconds=1).find(line) == found
    assert START.hour == 9


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("metod:POST", "unknown word 'metod' (did you mean 'method'?)"),
        ("status:teapot", "'status' is 'teapot'; expected 404, 4xx, 400-499, or none"),
        ("status:", "'status' is empty; expected, for example, 4xx,5xx"),
        ("verdict:brokn", "'verdict' is 'brokn' (did you mean 'broken'?)"),
        ("after:noon", "'after' is 'noon'; expected 09:00, 09:00:30, 2026-01-05 or 2026-01-05T09:00"),
        ("before:25:00", "'before' is '25:00'; expected 09:00"),
        ('after:"2026-01-05 10:00"', "'after' is '2026-01-05 10:00'; expected 09:00"),
        ("before:2026-02-30", "'before' is '2026-02-30'; expected 09:00"),
        ("after:2026-01-05T12:00+05:00", "'after' is '2026-01-05t12:00+05:00'; expected 09:00"),
        ("before:2026-01-05T09:00Z", "'before' is '2026-01-05t09:00z'; expected 09:00"),
        ("after:20260105", "'after' is '20260105'; expected 09:00"),
        ("after:2026-W02", "'after' is '2026-w02'; expected 09:00"),
        ("after:10:00+05:00", "'after' is '10:00+05:00'; expected 09:00"),
        ("x" * 401, "the search has 401 characters; expected at most 400"),
    ],
)
def test_invalid_searches(line: str, error: str) -> None:
    """Each error shows the value and what is expected."""
    with pytest.raises(SearchError) as caught:
        Search.read(line)
    assert error in str(caught.value)


class KeptByServiceNow(Kept):
    """What the examples of the words of a search line find."""

    party = "ServiceNow"

    @staticmethod
    def explain(exchange: Exchange) -> Explanation:
        """Name who sends each."""
        return Explanation("Console" if exchange.method == "POST" else "Approver")

    def __init__(self) -> None:
        asked = ("POST", 403, "/api/now/table/incident/approve", "PM Approval, wrong")
        super().__init__(asked, ("GET", 200, "/api/now/table/x_request", ""))
        each, _ = self.journal.kept()
        each.findings.concern(["85d71683-7dac"], ["78e51061"])
        each.findings.append(Finding("swallowed", "unknown-column", "ignored"))
        each.findings.user, each.fault = "privman.approver", "status"


def test_each_word_has_an_example_and_a_row_in_the_documents() -> None:
    """The example finds something, and the row says what."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "cockpit.md").read_text()
    kept = KeptByServiceNow()
    examples_of = {**{f"{name}:{word.example}": word for name, word in WORDS.items()}, TEXT.example: TEXT}
    assert [line for line in examples_of if not kept.find(line)] == []
    rows = [f"| `{line}` | {word.finds} |" for line, word in examples_of.items()]
    assert "\n".join(rows) in page


def test_words_of_products() -> None:
    """Requests and registrations are found by their first digits, faults by their kind."""
    kept = Kept(*[("POST", 200, "http://echo/x", "")] * 3)
    first, second, _ = kept.journal.kept()
    first.findings.about, first.findings.registers = ("85d71683-7dac",), ("78e51061",)
    second.fault = "status"
    assert (kept.find("request:{85D7"), kept.find("registration:78e5"), kept.find("fault:stat*")) == ([1], [1], [2])
    kept.journal.receive(second, "ÄRGER".encode(), 7)
    assert (kept.find("body:ärger"), kept.find("verdict:fault"), kept.find("verdict:running")) == ([2], [2], [])
    assert (kept.find("http://echo/x"), kept.find("85d71683"), kept.find('""')) == ([3, 2, 1], [1], [3, 2, 1])


async def test_no_search_finds_a_secret() -> None:
    """A text fits only if it fits what pages show, in addresses and bodies."""
    kept = Kept(("GET", 200, "/x?access_token=tiger", '{"password": "tiger"}'))
    for line in ("tiger", "path:tiger", "body:tiger"):
        assert [seen async for seen in kept.search(line).fitting()] == []


async def test_a_long_address_is_searched() -> None:
    """It is masked in a thread, so that others are served meanwhile."""
    kept = Kept(("GET", 200, f"/{'x' * 20_000}?access_token=tiger", ""))
    assert not kept.secrets.aside
    for line, found in (("path:/x*", [1]), ("path:*tiger*", []), ("path:/y*", [])):
        assert _number([seen async for seen in kept.search(line).fitting()]) == found
    assert kept.secrets.aside


async def test_a_search_for_verdicts_goes_on_where_it_was() -> None:
    """Each judges so many exchanges at most, and says how many are left."""

    def fill() -> Iterator[tuple[str, int, str, str]]:
        yield "POST", 200, "/x", "wrong"
        for _ in range(MOST_JUDGED + 20):
            yield "POST", 200, "/x", "right"

    kept = Kept(*fill())
    first, second = kept.search("verdict:broken"), kept.search("verdict:broken")
    assert [seen async for seen in first.fitting()] == []
    assert 0 < first.unjudged < 40
    assert _number([seen async for seen in second.fitting()]) == [1]
    assert second.unjudged == 0
    assert isinstance(kept.journal.kept()[0].findings[0], Finding)


async def test_a_search_in_bodies_goes_on_where_it_was() -> None:
    """Each masks so many bytes at most, and says how many exchanges are left; one of any size is masked."""
    kept = Kept(("POST", 200, "/x", "needle"), *[("POST", 200, "/x", "x" * MOST_MASKED)] * 2)
    for left, found in ((2, []), (1, []), (0, [1])):
        search = kept.search("body:needle")
        assert (_number([seen async for seen in search.fitting()]), search.unjudged) == (found, left)


@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="ab", max_size=8))
@examples(300)
def test_a_star_stands_for_any_text(pattern: str, text: str) -> None:
    """And for nothing else."""
    assert glob(pattern)(text) == fnmatchcase(text, pattern)


def test_only_a_star_is_special() -> None:
    """Brackets and question marks stand for themselves."""
    kept = Kept(("GET", 200, "/[p*]", ""), ("GET", 200, "/p", ""))
    assert [kept.find(line) for line in ("path:/[p*]", "path:*/[p*", "path:/?*", "finding:[w]*")] == [[1], [1], [], []]


async def test_a_search_that_fits_nothing_lets_others_run() -> None:
    """However many exchanges and terms there are."""
    kept, turns = Kept(*[("GET", 200, "/x" * 500, "")] * 500), 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(others())
    for line, fewest in (("path:/y", 4), ("-path:*x", 4), ("fault:zzz", 1), ("-x -y", 4), ("verdict:broken path:y", 4)):
        turns = 0
        assert [seen async for seen in kept.search(line).fitting()] == []
        assert turns >= fewest  # few for a word that needs no address
    task.cancel()


SECRETS = ("Kx9-fj2W8e7p", "72rQ_tiger.5")
_PARTS = st.sampled_from(
    [*"*[]?k7xr", "***", "[k*]x9", "72rq", *map(str.lower, SECRETS), "incident/", "/api/", "kx9-*"]
)
_GUESSES = st.builds(
    "{}{}:{}".format,
    st.sampled_from(["", "-"]),
    st.sampled_from(["path", "table", "body", "fault", "finding", "user", "status:200 path", "party"]),
    st.lists(_PARTS, min_size=1, max_size=4).map("".join).map(lambda text: f'"{text}"'),
)


@given(st.lists(_GUESSES, min_size=1, max_size=2).map(" ".join))
@examples(100)
def test_neither_result_nor_work_of_a_search_depends_on_a_secret(line: str) -> None:
    """Two journals that differ in a secret alone find the same, and mask as much."""
    outcomes = []
    for secret in SECRETS:
        texts = (f"/api/now/table/incident/{secret}", f"/api/now/table/{secret}?access_token={secret}")
        kept = Kept(
            *(("POST", 200, url, body) for url in texts for body in (f'{{"password": "{secret}"}}', secret)),
            secret=secret,
        )
        for each in kept.journal.kept():
            each.findings.user = secret
        kept.find("body:first -user:first")
        before = kept.secrets.masked
        outcomes.append((kept.find(line), kept.secrets.masked - before))
    assert outcomes[0] == outcomes[1]


def test_a_secret_that_becomes_known_later_is_not_found() -> None:
    """A search does not trust what it masked before."""
    kept = Kept(("GET", 200, f"/{SECRETS[0]}", SECRETS[0]), ("GET", 200, "/x", "other"))
    lines = [f"{word}:{SECRETS[0]}" for word in ("path", "body")]
    assert [kept.find(line) for line in lines] == [[1], [1]]
    kept.secrets.add(SECRETS[0])
    assert [kept.find(line) for line in lines] == [[], []]
