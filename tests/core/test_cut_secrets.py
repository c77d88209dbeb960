"""Secrets in texts that are cut."""

import json
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privman_core.cuts import CUT, cut, shortest_prefix
from privman_core.masking import Secrets, is_distinct
from privman_core.spans import bare

from .secret_texts import ENCODINGS

PADDING = st.integers(0, 120).map("x".__mul__)
CUT_SECRETS = st.text(
    st.characters(codec="ascii", min_codepoint=32, exclude_characters="x\x7f") | st.sampled_from("äß日𝄞"),
    min_size=8,
    max_size=40,
).filter(lambda text: is_distinct(bare(text)))
DIGITS = [name for name in ENCODINGS if "base64" in name or ("hexadecimal" in name and "references" not in name)]


@pytest.mark.long
@given(
    secret=CUT_SECRETS,
    padding=PADDING,
    longest=st.integers(1, 300),
    outer=st.sampled_from(sorted(set(ENCODINGS) - set(DIGITS))),
    inner=st.sampled_from(sorted(set(ENCODINGS) - set(DIGITS))),
)
def test_a_cut_leaves_nothing_of_a_secret(secret: str, padding: str, longest: int, outer: str, inner: str) -> None:
    """Wherever a text is cut, within an escape too, and whether the mark is escaped or not."""
    secrets = Secrets()
    secrets.add(secret)
    left = cut(padding + ENCODINGS[outer](ENCODINGS[inner](secret)), longest)
    # What stands before the text is no part of it, even if it looks like the beginning of the secret.
    for text, before in ((left, ""), (repr(left), repr(left)[0]), (json.dumps({"message": left}), '{"message": "')):
        shown = bare(secrets.mask(text).removeprefix(before))
        assert bare(secret)[: shortest_prefix(bare(secret))] not in shown
        assert secret[: shortest_prefix(secret)] not in shown


@pytest.mark.long
@given(secret=CUT_SECRETS, longest=st.integers(12, 200), name=st.sampled_from(DIGITS))
def test_a_cut_leaves_no_digits_of_a_secret(secret: str, longest: int, name: str) -> None:
    """Base64 and hexadecimal digits that end within a secret are masked, by themselves or within base64."""
    secrets = Secrets()
    secrets.add(secret)
    encoded = ENCODINGS[name](secret)
    assert encoded[:20] not in secrets.mask(cut(encoded, longest))
    packed = b64encode(f"padding {encoded}".encode()).decode()
    assert packed[:44] not in secrets.mask(cut(packed, longest))


@pytest.mark.parametrize("place", ['{"password": "tig', "grant_type=password&password=tig"])
def test_a_cut_place_in_cut_base64_is_masked(place: str) -> None:
    """The beginning of a short password is masked by its place, and what is before it stays."""
    packed = b64encode(f"{place}er and more of it".encode()).decode()
    masked = Secrets().mask(f"got {cut(packed, 4 * (len(place) // 3 + 1))}")
    assert b64decode(masked.removeprefix("got ").removesuffix(CUT)).decode() == place.replace("tig", "***")


@pytest.mark.parametrize("text", ["a short sec…", "no end of numbers 12…", "YWJjZGVmZ2hp…", "616263646…", "…", "… a …"])
def test_an_ordinary_text_that_is_cut_stays(text: str) -> None:
    """Less of a secret than `shortest_prefix` is the beginning of an ordinary word."""
    secrets = Secrets()
    for secret in ("secret-of-a-user-1", "12345-678-90", "a…b", "tiny…secret-with-a-mark"):
        secrets.add(secret)
    assert secrets.mask(text) == text


@pytest.mark.long
@given(
    secret=st.text("abcdefgh-0123456789", min_size=8, max_size=40).filter(is_distinct),
    shown=st.integers(1, 40),
    rest=st.text("ijklmnop .,", min_size=1, max_size=20),
)
def test_a_word_that_begins_like_a_secret_stays(secret: str, shown: int, rest: str) -> None:
    """A mark hides what may be the beginning of a secret, and no other text before it."""
    secrets = Secrets()
    secrets.add(secret)
    text = f"{secret[: min(shown, len(secret) - 1)]}{rest}{CUT}"
    assert secrets.mask(text) == text


@given(secret=CUT_SECRETS, kept=st.integers(1, 40))
def test_at_most_a_quarter_of_a_secret_stays_readable(secret: str, kept: int) -> None:
    """Of a short password that a cut has left less is readable than of a long token."""
    secrets = Secrets()
    secrets.add(secret)
    masked = secrets.mask(f"a text, {cut(secret, min(kept, len(secret) - 1))}")
    left = masked.removeprefix("a text, ").removesuffix(CUT)
    assert left.removesuffix("***") == "" or len(left) <= min(5, len(secret) // 4)


@pytest.mark.long
def test_a_long_secret_that_repeats_itself_is_masked() -> None:
    """Each of its 33,000 beginnings fits at many places of a text that is almost the same."""
    secrets = Secrets()
    secrets.add("abcdef" * 33_000 + "1")
    text = f"x{'abcdef' * 32_000}Z{CUT}"
    assert secrets.mask(text) == f"x***Z{CUT}"
