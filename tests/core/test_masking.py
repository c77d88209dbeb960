"""Known secrets in every encoding, what outputs show, and for how long secrets are remembered."""

import json
import tracemalloc
from base64 import b64encode
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privman_core.cuts import cut
from privman_core.journal import Journal
from privman_core.masking import SHORTEST_WORD, Secrets, is_distinct
from privman_core.spans import bare

from .conftest import Party, judge
from .secret_texts import ENCODINGS, PLACES, SHORT, fill

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), min_size=8, max_size=40
)
# A secret that is made of little but escapes is an ordinary text without them.
DISTINCT = TEXTS.filter(lambda text: is_distinct(bare(text)))
WORDS = "contract tests are attested by x, administrators & test; 20261127"


@pytest.mark.long
@given(secret=DISTINCT, inner=st.sampled_from(sorted(ENCODINGS)), outer=st.sampled_from(sorted(ENCODINGS)))
def test_a_distinct_secret_is_masked_in_every_encoding(secret: str, inner: str, outer: str) -> None:
    """Encoded once or twice, at any place of any text, nothing of it is left."""
    secrets = Secrets()
    secrets.add(secret)
    encoded = ENCODINGS[outer](ENCODINGS[inner](secret))
    masked = secrets.mask(f"before [{encoded}] after")
    assert encoded not in masked
    assert masked.startswith("before [")
    assert masked.endswith("] after")


@pytest.mark.parametrize("secret", SHORT)
def test_a_short_secret_stays_an_ordinary_word(secret: str) -> None:
    """Words that happen to be somebody's password, or have it in them, are readable."""
    secrets = Secrets()
    secrets.add_login("admin", secret)
    assert secrets.mask(WORDS) == WORDS


@pytest.mark.long
@given(secret=TEXTS.filter(lambda text: len(bare(text)) >= SHORTEST_WORD), encoding=st.sampled_from(sorted(ENCODINGS)))
def test_a_secret_of_which_the_owner_says_so_is_masked_whatever_it_is(secret: str, encoding: str) -> None:
    """In every encoding, unlike a word that is too short to be one."""
    secrets = Secrets()
    secrets.add_word(secret)
    secrets.add_word("be")
    encoded = ENCODINGS[encoding](secret)
    assert encoded not in secrets.mask(f"before [{encoded}] after")
    assert secrets.mask("to be") == "to be"


def test_nothing_is_left_of_such_secrets_that_overlap() -> None:
    """The end of one may be the beginning of another."""
    secrets = Secrets()
    for secret in ("abc", "bcd9"):
        secrets.add_word(secret)
    assert secrets.mask("it is abcd9") == "it is ***"


def test_a_secret_that_is_added_again_takes_no_more_memory() -> None:
    """Each scenario adds those of its variables."""
    secrets = Secrets()
    secrets.add_word("hunter2")
    tracemalloc.start()
    try:
        for _ in range(1_000):
            secrets.add_word("hunter2")
        assert tracemalloc.get_traced_memory()[0] < 10_000
    finally:
        tracemalloc.stop()


def test_what_a_cut_leaves_of_such_a_secret_is_masked() -> None:
    """From two characters on."""
    secrets = Secrets()
    secrets.add_word("hunter2")
    assert secrets.mask(f"it is {cut('hunter2', 4)}") == "it is ***…"


async def outputs(party: Party) -> list[str]:
    """Return everything that the party shows of its exchanges, as text."""
    _, journal = await party.call("GET", "/__admin/requests")
    pages = ["/__admin/requests", "/__admin/findings", "/__cockpit", "/__cockpit?find=x", "/__cockpit/sequence?find=x"]
    pages += [f"/__cockpit/exchanges/echo/{exchange['number']}" for exchange in journal["requests"]]
    answers = [await party.call("GET", page) for page in pages]
    assert {status for status, _ in answers} == {200}
    return [body if isinstance(body, str) else json.dumps(body) for _, body in answers]


@pytest.mark.long
@pytest.mark.parametrize(
    "secret",
    [
        "0123456789abcdef" * 4,
        'p4$$w"o rd!',
        "<x&y>'\"\\/+= %",
        'pa%41ss"word1',
        "日本語パスワード1",
        "a" + "\\" * 10 + "1",
    ],
)
async def test_no_output_shows_a_distinct_secret(roomy_party: Party, secret: str) -> None:
    """In the address, in a header, in the body and in what a body says of itself no encoding of it is shown."""
    party = roomy_party
    party.secrets.add(secret)
    for encode in ENCODINGS.values():
        text = encode(secret)
        query = urlencode({"x": text})
        await party.call("POST", f"/x?{query}", data=text.encode(), headers={"X-Note": quote(text)})
        await party.call("POST", "/x", json={"wrong": json.dumps({"note": [text]})})
    shown = await outputs(party)
    for output in (*shown, *map(bare, shown)):
        assert [name for name, encode in ENCODINGS.items() if encode(secret) in output] == []


@pytest.mark.long
@pytest.mark.parametrize("secret", ["test", "x1", "contract"])
async def test_no_output_shows_a_short_secret_in_its_place(roomy_party: Party, secret: str) -> None:
    """A short password is masked in every place of one, and words that have it in them stay."""
    party = roomy_party
    marked = f"{secret}<{secret}>"
    for template, _ in PLACES.values():
        await party.call("POST", "/x", data=fill(template, marked).encode())
        await party.call("POST", "/x", json={"body": b64encode(fill(template, marked).encode()).decode()})
    await party.call("POST", f"/x?password={marked}", headers={"Authorization": f"Basic {marked}", "X-Api-Key": marked})
    await party.call("POST", "/x", data={"password": marked})
    await party.call("POST", "/words", data=f"a {secret}, {secret}ed and un{secret}able")
    shown = await outputs(party)
    assert [output for output in map(bare, shown) if marked in output] == []
    assert f"a {secret}, {secret}ed and un{secret}able" in shown[0]


WORST = {
    **{f"only {each!r}": each for each in "\\\"'%&<>=:?^ \n{[(a0+/.-_,;@#"},
    **{f"{place} again and again": fill(template, "") for place, (template, _) in PLACES.items()},
    "keys without values": '"password":',
    "openings": '{"token":[',
    "escaped quotes": '\\"',
    "escapes of escapes": "%25",
    "units": "\\ud800",
    "references": "&amp;",
    "names": "password",
    "names with signs": "token=",
    "elements": "<token ",
    "parts": 'content-disposition: form-data; name="password"\r\n',
    "schemes": "basic ",
    "addresses": "http://",
    "values before names": '"value":"',
    "headers": "authorization:\n",
    "blanks after a name": '"password"' + " " * 1000,
    "base64": "YWFh",
    "base64 in lines": "YWFhYWFhYWFhYWFh\n",
    "lines that are never the last": "YWFhYWFh\nYWFhYWFhYWFh\n",
    "base64 in short lines": "YWFh\n",
    "elements in lines": "<token\n",
    "properties": "sys_properties?value=",
    "marks of cuts": "YWFhYWFh…",
}


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("worst", WORST)
async def test_a_megabyte_of_the_worst_is_journaled(party: Party, worst: str) -> None:
    """Reading takes one pass: with a step for each pair of characters a megabyte would take hours, not a moment."""
    party.journal = Journal(party.clock, party.secrets, judge)
    text = WORST[worst] * (1_000_000 // len(WORST[worst]))
    exchange = party.journal.begin("in", "POST", f"/{text[:60_000]}", {"X-Note": text[:8_000]}, text.encode())
    party.journal.finish(exchange, 200, {}, b"")
    assert party.journal.to_json(exchange)["status"] == 200


def test_secrets_that_share_characters_are_masked_together() -> None:
    """Nothing is left of either."""
    secrets = Secrets()
    secrets.add("abcdefgh1")
    secrets.add("fgh1ijkl2")
    assert secrets.mask("[abcdefgh1ijkl2]") == "[***]"


def test_the_newest_dead_secrets_are_remembered() -> None:
    """Of secrets that open nothing any more so many are masked, the newest ones."""
    secrets = Secrets(kept=2)
    names = [f"5ecret-number-{number}" for number in range(4)]
    for name in names:
        secrets.add(name)
        secrets.retire(name)
    assert [secrets.mask(name) for name in names] == [*names[:2], "***", "***"]


def test_a_text_shown_before_a_secret_was_known_is_masked_afterwards() -> None:
    """Masked texts are kept for the next reader of a journal, until there is a new secret or place."""
    secrets = Secrets()
    header, address = ("X-Note", "the 5ecret-of-the-user"), "/?pin=4711"
    assert (secrets.mask(header[1]), secrets.mask_headers([header])) == (header[1], [header])
    secrets.add("5ecret-of-the-user")
    assert (secrets.mask(header[1]), secrets.mask_headers([header])) == ("the ***", [("X-Note", "the ***")])
    assert secrets.mask(address) == address
    secrets.add_place("pin", is_header=False)
    assert secrets.mask(address) == "/?pin=***"


def test_kept_texts_make_room() -> None:
    """More texts than are kept, and long ones, are masked as ever."""
    secrets = Secrets()
    secrets.add("5ecret-of-the-user")
    for number in range(2_500):
        assert secrets.mask(f"{number} 5ecret-of-the-user") == f"{number} ***"
    assert secrets.mask(f"{'-' * 3_000}5ecret-of-the-user") == f"{'-' * 3_000}***"
