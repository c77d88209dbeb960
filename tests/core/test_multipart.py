"""Forms of several parts, byte for byte."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privman_core.multipart import MOST_PARTS, STEP, FormPart, MultipartError, parts

FORM = "multipart/form-data; boundary=xyz"
HEAD = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
LIKE_BOUNDARIES = [b"\r\n--xyz", b"\r\n--xy", b"\r\n--xyzz", b"\r\n--xyz-", b"--xyz", b"\r", b"\n", b"-", b"x"]


def read(body: bytes, content_type: str = FORM) -> list[FormPart]:
    """Return the parts of a body."""

    def steps() -> Iterator[None]:
        found.extend((yield from parts(content_type, BytesIO(body))))

    found: list[FormPart] = []
    list(steps())
    return found


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """Return content full of what begins like a boundary, some of it across the edge of a step."""
    tail = b"".join(draw(st.lists(st.sampled_from(LIKE_BOUNDARIES), max_size=6))) + draw(st.sampled_from([b"", b"end"]))
    filled = draw(st.sampled_from([0, STEP - len(HEAD) - draw(st.integers(0, 30))]))
    content = b"q" * filled + tail
    delimiters = (b"\r\n--xyz\r\n", b"\r\n--xyz--")
    return content if all(each not in content + b"\r\n" for each in delimiters) else b""


@pytest.mark.long
@given(content=contents())
def test_content_is_kept_byte_for_byte(content: bytes) -> None:
    """Whatever a part holds comes back, and so does the part after it."""
    body = HEAD + content + b'\r\n--xyz\r\nContent-Disposition: form-data; name="z"\r\n\r\nlast\r\n--xyz--\r\n'
    file, field = read(body)
    assert body[file.start : file.start + file.size] == content
    assert (file.file_name, field.name, field.text(BytesIO(body))) == ("f", "z", "last")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b""),
        ("multipart/form-data", HEAD + b"\r\n--xyz--"),
        (FORM, HEAD + b"cut off"),
        (FORM, b"--xyz--"),
        (FORM, HEAD + b"a\r\n--xyz--more"),
        (FORM, b"--xyz\r\nno header\r\n"),
        (FORM, (HEAD + b"\r\n") * (MOST_PARTS + 1) + b"--xyz--"),
        (f"{FORM}{'z' * 300}", HEAD),
    ],
)
def test_what_is_no_form_is_refused(content_type: str, body: bytes) -> None:
    """A body that is cut off, ambiguous or has too many parts is none."""
    with pytest.raises(MultipartError):
        read(body, content_type)


def test_names_hold_no_half_characters() -> None:
    """A file name in an odd encoding gives text that can be stored."""
    head = b"--xyz\r\nContent-Disposition: form-data; name=\"a\"; filename*=utf-7''%2B2AA-\r\n\r\n"
    assert read(head + b"x\r\n--xyz--")[0].file_name == "?"


def test_other_headers_of_parts_change_nothing() -> None:
    """Contents are taken as they are, whatever transfer encoding or character set a part claims."""
    head = b"--xyz\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: nope\r\n"
    body = head + b"Content-Type: text/plain; charset=nope\r\n\r\n=41\r\n--xyz--"
    [part] = read(body)
    assert (part.text(BytesIO(body)), part.is_text) == ("=41", True)
