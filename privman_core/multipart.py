"""Bodies of ``multipart/form-data``, byte for byte."""

import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from email.message import Message
from typing import IO, Any

from msgspec import Struct
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

MOST_PARTS = 1_000
STEP = 64 * 1024
"""Bytes that are parsed between two yields of `parts`."""
_UNSEEN = logging.Logger("multipart", logging.CRITICAL + 1)  # noqa: LOG001 - hides the parser's warnings


class MultipartError(ValueError):
    """The body is not a complete form."""


class FormPart(Struct):
    """One part of a form.

    Attributes:
        file_name: empty for a part that is not a file.
        content_type: of its header; empty without one.
        start: offset of its content in the body.
        size: of its content in bytes.
    """

    name: str
    file_name: str
    content_type: str
    start: int = 0
    size: int = 0

    @property
    def is_text(self) -> bool:
        """Whether the part is a text field."""
        return not self.file_name and (not self.content_type or self.content_type.lower().startswith("text/"))

    def text(self, body: IO[bytes]) -> str:
        """Return the content as UTF-8, whatever encoding the part declares; invalid bytes are replaced."""
        return self.content(body).decode(errors="replace")

    def content(self, body: IO[bytes]) -> bytes:
        """Return the content."""
        body.seek(self.start)
        return body.read(self.size)


def parts(content_type: str, body: IO[bytes]) -> Generator[None, None, list[FormPart]]:
    """Return the parts in order, without loading their contents; yields between steps.

    Raises MultipartError, also for more than `MOST_PARTS` parts.
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise MultipartError("expected multipart/form-data with a boundary")
    reading = _Reading(boundary)
    body.seek(0)
    while chunk := body.read(STEP):
        reading.feed(chunk)
        yield
    reading.check_end(body)
    return reading.parts


class _Reading:
    """One pass over a body that collects headers and offsets."""

    def __init__(self, boundary: str) -> None:
        self.parts: list[FormPart] = []
        self._delimiter = b"\r\n--" + boundary.encode(errors="replace")
        self._before = 0  # bytes of the chunks before this one
        self._chunk = b""
        self._ended = False
        self._name, self._value = bytearray(), bytearray()
        self._headers = Message()
        callbacks: Any = {  # the library has a type for it for type checkers only
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._add_part,
            "on_part_data": self._extend,
            "on_end": self._end,
        }
        with _as_multipart_error():
            self._parser = MultipartParser(self._delimiter[4:], callbacks)
        self._parser.logger = _UNSEEN

    def feed(self, chunk: bytes) -> None:
        """Read on."""
        self._chunk = chunk
        with _as_multipart_error():
            self._parser.write(chunk)
        self._before += len(chunk)

    def check_end(self, body: IO[bytes]) -> None:
        """Raise MultipartError unless the last delimiter ends its line; the parser also stops at longer lines."""
        if not self._ended or not self.parts:
            raise MultipartError("the form has no end")
        last = self.parts[-1]
        if last.size:
            body.seek(last.start + last.size + len(self._delimiter) + 2)
            if body.read(STEP).lstrip(b" \t")[:2] not in (b"", b"\r\n"):
                raise MultipartError("a line begins like the form's end and goes on")

    def _begin(self) -> None:
        self._headers = Message()
        if len(self.parts) == MOST_PARTS:
            raise FormParserError(f"more than {MOST_PARTS} parts")

    def _end_header(self) -> None:
        self._headers[self._name.decode(errors="replace")] = self._value.decode(errors="replace")
        self._name.clear()
        self._value.clear()

    def _add_part(self) -> None:
        name = self._headers.get_param("name", "", "Content-Disposition")
        file_name = self._headers.get_filename("")
        self.parts.append(FormPart(_storable(str(name)), _storable(file_name), self._headers.get("Content-Type", "")))

    def _extend(self, data: bytes, start: int, end: int) -> None:
        """Count bytes of the content; possible beginnings of a delimiter come late, from the chunk before."""
        part = self.parts[-1]
        if not part.size:
            part.start = self._before + start if data is self._chunk else self._before - (end - start)
        part.size += end - start

    def _end(self) -> None:
        self._ended = True


@contextmanager
def _as_multipart_error() -> Iterator[None]:
    try:
        yield
    except FormParserError as error:
        raise MultipartError(str(error)) from None


def _storable(text: str) -> str:
    """Return a text without lone surrogates, which some file name encodings produce."""
    return text.encode(errors="replace").decode()
