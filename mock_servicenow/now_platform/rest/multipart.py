"""Bodies of ``multipart/form-data``, byte for byte."""

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser

from mock_servicenow.now_platform.errors import UnreadableBody

_LINE_END = b"\r\n"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form.

    Attributes:
        file_name: empty for a part that is no file.
        content_type: as the part says; empty if it does not.
    """

    name: str
    file_name: str
    content_type: str
    content: bytes


def read_parts(content_type: str, body: bytes) -> list[Part]:
    """Return the parts in their order; raises UnreadableBody."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise UnreadableBody
    return list(_parts(_LINE_END + b"--" + boundary.encode(), body))


def _parts(delimiter: bytes, body: bytes) -> Iterator[Part]:
    _preamble, *chunks = (_LINE_END + body).split(delimiter)
    if not chunks or not chunks[-1].startswith(b"--"):
        raise UnreadableBody
    for chunk in chunks[:-1]:
        head, blank_line, content = chunk.partition(_LINE_END * 2)
        if not blank_line:
            raise UnreadableBody
        yield _part(HeaderParser().parsestr(head.decode(errors="replace").lstrip()), content)


def _part(headers: Message, content: bytes) -> Part:
    name = headers.get_param("name", "", "Content-Disposition")
    return Part(str(name), headers.get_filename(""), headers.get("Content-Type", ""), content)
