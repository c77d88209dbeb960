"""Values that are personal in many spellings, amid any punctuation, are not in what ``TextScreen`` returns."""

import re

from hypothesis import given
from hypothesis import strategies as st

from mock_servicenow.pull.pseudonyms import Pseudonyms
from mock_servicenow.pull.text_screen import TextScreen
from tests.generated import examples

SCREEN = TextScreen(Pseudonyms("any seed"))
BEFORE = st.sampled_from(
    ["", "paid with ", "Tel.", "(", "card", "IP:", "<b>", '"', "'", "a, ", "=", "[", "ß ", "x_", "/"]
)
AFTER = st.sampled_from(["", ".", ",", "; b", ")", "]", "</b>", '"', "'", "!", " x", "…", ":", "\n", " ß", "_x"])
SPACES = [" ", "\u00a0", "\u202f", "\u2009", "&nbsp;", "&#160;", "%20", "\t"]
DASHES = ["-", "\u2010", "\u2011", "\u2013", "\u2014", "\u2212", "\u00ad"]
SEPARATORS = ["", *SPACES, *DASHES, ".", ",", "/", " - ", " \u2013 ", ") ", "\u00b7", "\u200b"]
LOCAL = st.from_regex(r"zq[a-z0-9.!#$*+/=?^_'|~-]{0,20}zq", fullmatch=True)
GROUP = st.text("0123456789", min_size=1, max_size=6)


def digits(text: str) -> str:
    """Return the digits of a text, but for those of the separators."""
    return re.sub(r"\D", "", text.replace("&#160;", "").replace("%20", ""))


@given(st.lists(GROUP, min_size=2, max_size=8), st.sampled_from(SEPARATORS), BEFORE, AFTER, st.sampled_from(["", "+"]))
@examples(300)
def test_numbers_of_seven_digits(groups: list[str], separator: str, before: str, after: str, plus: str) -> None:
    """Of telephones, cards and accounts, grouped in any way; the context stays."""
    groups[0] += "7" * (7 - len("".join(groups)))
    number = separator.join(groups)
    made = SCREEN.clean(f"{before}{plus}{number}{after}")
    assert digits(made) != digits(number)
    assert number not in made


@given(
    LOCAL,
    st.sampled_from(["@", "\uff20", "%40", "&#64;", "&#x40;", "&commat;", "(at)", " [at] ", " (AT) "]),
    BEFORE,
    AFTER,
)
@examples(300)
def test_addresses_of_mail(local: str, at: str, before: str, after: str) -> None:
    """Whatever the local part consists of."""
    made = SCREEN.clean(f"{before}{local}{at}zq.bank.test{after}")
    assert "zq" not in made
    assert "bank" not in made


@given(
    st.from_regex(r"[A-Z]{2}\d\d[A-Z\d]{4}\d{8,18}", fullmatch=True),
    st.sampled_from(["", " ", "-", ".", "\u00a0"]),
    BEFORE,
    AFTER,
)
@examples(200)
def test_accounts(iban: str, separator: str, before: str, after: str) -> None:
    """Their numbers are not there, in groups of four or without, in capitals or not."""
    for text in (iban, iban.lower()) if not separator else (iban,):
        shown = separator.join(re.findall(".{1,4}", text))
        made = SCREEN.clean(f"{before}{shown}{after}")
        assert shown not in made
        assert digits(iban[8:]) not in digits(made)


@given(st.ip_addresses().map(str).filter(lambda text: text != "::"), BEFORE, AFTER)
@examples(200)
def test_addresses_of_machines(address: str, before: str, after: str) -> None:
    """Of both versions."""
    made = SCREEN.clean(f"{before}{address}{after}")
    assert address not in made


@given(
    st.lists(st.from_regex(r"[\da-f]{2}", fullmatch=True), min_size=6, max_size=6), st.sampled_from(":-"), BEFORE, AFTER
)
@examples(100)
def test_addresses_of_cards(parts: list[str], separator: str, before: str, after: str) -> None:
    """Which have letters or not."""
    address = separator.join(parts)
    assert address not in SCREEN.clean(f"{before}{address}{after}")


@given(st.uuids(), st.integers(0, 9_999_999))
@examples(100)
def test_days_and_records_stay(guid: object, number: int) -> None:
    """With times, and GUIDs do, too."""
    text = f"INC{number:07d} of 2026-01-05 10:00:00, {guid}, on 05.01.2026"
    assert SCREEN.clean(text) == text
