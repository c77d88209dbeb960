"""The one way XML is parsed: without entities, in bounded time."""

from collections.abc import Callable, Iterator
from typing import NoReturn
from xml.parsers import expat
from xml.parsers.expat import errors

LONGEST_TAG = 64 * 1024
_PIECE = 16 * 1024


class XmlError(Exception):
    """A document that is not read; the message is a phrase without the document's name.

    Attributes:
        line: from 1.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def parse(content: bytes, parser: expat.XMLParserType) -> Iterator[None]:
    """Parse a document in pieces and yield after each, so that what the parser has reported can be taken away.

    The parser begins a tag anew with each piece, so that a long tag would take the square of its length.

    Raises:
        XmlError: it is not well-formed, declares a document type, which could define entities, is in an unknown
            encoding, or has a tag of more than `LONGEST_TAG` bytes.
    """
    parser.StartDoctypeDeclHandler = _refuse_document_type(parser)
    try:
        for start in range(0, len(content), _PIECE):
            parser.Parse(content[start : start + _PIECE])
            if start - parser.CurrentByteIndex > LONGEST_TAG:
                raise XmlError(f"has a tag of more than {LONGEST_TAG:,} bytes", parser.CurrentLineNumber)
            yield
        parser.Parse(b"", True)  # noqa: FBT003 - expat's own
    except expat.ExpatError as error:
        raise XmlError(_why(error, content), error.lineno) from None
    except (LookupError, ValueError):  # of encodings that Python, or the parser, does not know
        raise XmlError("is in an unknown encoding; expected UTF-8", 1) from None
    yield


def _why(error: expat.ExpatError, content: bytes) -> str:
    """Return what is wrong with a document that is not well-formed."""
    if not content.strip():
        return "is empty; expected XML"
    if error.code == errors.codes[errors.XML_ERROR_NO_ELEMENTS]:
        return "is not XML: it ends before its last element does, as a file does that was cut off"
    if error.code == errors.codes[errors.XML_ERROR_INVALID_TOKEN] and not _is_utf8(content):
        return "is not XML: it has bytes that are not UTF-8; save it as UTF-8, or declare its encoding"
    return f"is not XML: {expat.ErrorString(error.code)}"


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refuse_document_type(parser: expat.XMLParserType) -> Callable[..., NoReturn]:
    def refuse(*_declared: object) -> NoReturn:
        why = "declares a document type; expected none, because it could define entities"
        raise XmlError(why, parser.CurrentLineNumber)

    return refuse
