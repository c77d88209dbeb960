"""Hypothesis strategies for what travels between the console and ServiceNow, built from the real shapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from hypothesis import strategies as st

from privman_scenarios.language.variables import long_text

SECONDS_A_MINUTE = 60
# What has broken such integrations, put among random text: entities, quotes, JSON in a text, query syntax, paths.
ODD_TEXTS = (
    "Tom & Jerry <b>bold</b> &amp; &#169; &lt;",
    "]]><!-- <?xml?>",
    "\"double\" 'single' `back` \\",
    '{"json": "inside", "a": [1, null]}',
    '"',
    "^status=Approve^ORstatusISNOTEMPTY",
    "javascript:gs.getUserID()",
    "C:\\Ünïcode\\Пример\\例え\\𠀀.exe",
    "/Applications/Naïve Café.app/Contents/MacOS/🙂",
    "line\nline\r\nline\ttab",
    "00:00:50",
    "Approve,Deny",
    "true",
    "null",
)
# Around what columns and programs cut texts at, and the longest text that a column of the app holds.
LENGTHS = (255, 256, 1_000, 1_001, 4_000, 4_001, 8_000, 65_000)
GUID_KEYS = ("InitiatorId", "AgentId", "ProcessId")
TEXT_KEYS = (
    "PolicyName",
    "UserName",
    "AgentName",
    "ProcessName",
    "FilePath",
    "UserReason",
    "CommandLineArguments",
    "CompanyName",
    "FileVersion",
)


class AnswerValues(TypedDict, total=False):
    """The optional values of a response."""

    comment: str
    duration: str


@dataclass(frozen=True, slots=True)
class ApproverAnswer:
    """An approver's answer.

    Attributes:
        response: one of the activity type's valid responses.
        duration: ``HH:MM:SS``, empty for a one-time approval and for a denial.
    """

    response: str
    comment: str = ""
    duration: str = ""

    @property
    def values(self) -> "AnswerValues":
        """Comment and duration, those that are given."""
        values: AnswerValues = {}
        if self.comment:
            values["comment"] = self.comment
        if self.duration:
            values["duration"] = self.duration
        return values


@dataclass(frozen=True, slots=True)
class Broken:
    """A message that was valid before it was broken in one place.

    Attributes:
        key: where.
    """

    key: str
    body: dict[str, object]


def guids() -> st.SearchStrategy[str]:
    """Return GUIDs in lower case, as ``request_id`` carries them."""
    return st.uuids().map(str)


def guids_in_braces() -> st.SearchStrategy[str]:
    """Return GUIDs as the metadata carries them, such as ``{140a5e8c-…}``."""
    return guids().map(lambda guid: f"{{{guid}}}")


def texts(max_size: int = 200) -> st.SearchStrategy[str]:
    """Return text of every plane of Unicode, without lone surrogates and NUL, mixed with what breaks integrations.

    Some of them are as long as LENGTHS, whatever the ``max_size`` of the others.
    """
    characters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
    return st.text(characters, max_size=max_size) | st.sampled_from(ODD_TEXTS) | long_texts()


def long_texts() -> st.SearchStrategy[str]:
    """Return texts of the LENGTHS."""
    return st.sampled_from(LENGTHS).map(long_text)


def spans(longest_hours: int = 99) -> st.SearchStrategy[str]:
    """Return spans of time as ``HH:MM:SS``, a second at least."""
    return st.integers(1, longest_hours * 3600).map(_to_span)


def csv_responses() -> st.SearchStrategy[str]:
    """Return ``valid_responses``, both words in either order."""
    return st.permutations(["Approve", "Deny"]).map(",".join)


def metadata() -> st.SearchStrategy[dict[str, str]]:
    """Return what an endpoint reports: PascalCase keys, GUIDs in braces, free texts."""
    optional = {key: guids_in_braces() for key in GUID_KEYS} | {key: texts() for key in TEXT_KEYS}
    formed = {"InitiatorUserName": accounts(), "Sha1Hash": sha1_hashes()}
    return st.fixed_dictionaries({"PolicyId": guids_in_braces()}, optional={**optional, **formed})


def accounts() -> st.SearchStrategy[str]:
    r"""Return accounts as ``DOMAIN\USERNAME``, and the empty one of a user whom nobody knows."""
    names = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\"), min_size=1, max_size=64)
    return st.just("") | st.builds("{}\\{}".format, names, names)


def sha1_hashes() -> st.SearchStrategy[str]:
    """Return SHA-1 hashes in hexadecimal digits."""
    return st.binary(min_size=20, max_size=20).map(bytes.hex)


def approvals() -> st.SearchStrategy[ApproverAnswer]:
    """Return approvals with and without comment and duration."""
    return st.builds(ApproverAnswer, st.just("Approve"), texts(), st.just("") | spans())


def denials() -> st.SearchStrategy[ApproverAnswer]:
    """Return denials with and without comment."""
    return st.builds(ApproverAnswer, st.just("Deny"), texts())


def answers() -> st.SearchStrategy[ApproverAnswer]:
    """Return what an approver may answer."""
    return approvals() | denials()


def broken(
    valid: Mapping[str, str], required: Sequence[str], formed: Sequence[str], optional: Sequence[str] = ()
) -> st.SearchStrategy[Broken]:
    """Return the message with one key broken.

    One of the ``required`` keys is left out, or one of the ``formed`` or ``optional`` keys, whose texts have a form,
    holds another type or a text of no form; but no ``optional`` key holds null or empty text, which mean that it is
    left out.
    """
    left_out = st.sampled_from(required).map(lambda key: Broken(key, {k: v for k, v in valid.items() if k != key}))
    formless = st.sampled_from(["", "no such thing", "'", "[]", "0" * 5000])
    wrong = st.none() | st.booleans() | st.integers() | st.lists(st.text(max_size=5), max_size=2) | formless
    places = st.tuples(st.sampled_from(formed), wrong)
    if optional:
        places |= st.tuples(st.sampled_from(optional), wrong.filter(lambda value: value is not None and value != ""))
    return left_out | places.map(lambda place: Broken(place[0], {**valid, place[0]: place[1]}))


def _to_span(seconds: int) -> str:
    minutes, seconds = divmod(seconds, SECONDS_A_MINUTE)
    hours, minutes = divmod(minutes, SECONDS_A_MINUTE)
    return f"{hours:02}:{minutes:02}:{seconds:02}"
