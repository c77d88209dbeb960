"""Formats: media types, and XML bodies read and written."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.errors import REQUEST_MEDIA_TYPES, NotAcceptable, UnreadableBody, UnsupportedMediaType
from mock_servicenow.now_platform.records.xml_text import HEAD, Texts, character_data, element
from mock_servicenow.now_platform.rest.bounded_xml import BoundedXml

_FORMATS = {
    "application/json": "json",
    "application/*": "json",
    "*/*": "json",
    "application/xml": "xml",
    "text/xml": "xml",
    "text/*": "xml",
}


@lru_cache(maxsize=256)
def response_format(accept: str) -> str:
    """Return ``json`` or ``xml``, the one that the client prefers; raises NotAcceptable."""
    if not accept.strip():
        return "json"
    ranges = sorted((_weighed(part) for part in accept.split(",")), key=lambda each: -each[1])
    for media_range, quality in ranges:
        if media_range in _FORMATS and quality > 0:
            return _FORMATS[media_range]
    raise NotAcceptable(accept)


@lru_cache(maxsize=256)
def request_format(content_type: str) -> str:
    """Return ``json`` or ``xml``; raises UnsupportedMediaType."""
    media_type = content_type.partition(";")[0].strip().lower()
    if not media_type:
        return "json"
    if media_type not in REQUEST_MEDIA_TYPES:
        raise UnsupportedMediaType
    return _FORMATS[media_type]


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether a client takes gzip."""
    return any(name == "gzip" and quality > 0 for name, quality in map(_weighed, accept_encoding.split(",")))


def _weighed(part: str) -> tuple[str, float]:
    """Return a word of a header with its quality."""
    name, *parameters = (each.strip().lower() for each in part.split(";"))
    quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
    try:
        return name, float(quality)
    except ValueError:
        return name, 1.0


Value = str | dict[str, str]
Result = Mapping[str, Value]
_ENTRY, _FIELD = 2, 3
"""How deep entries and their fields stand."""


def read_entries(body: bytes) -> tuple[dict[str, str], int]:
    """Return the first entry of ``<request><entry><field>v</field></entry></request>``, and how many there are.

    Nothing else of the document is kept. Raises UnreadableBody, also for a document without an entry, or one that
    `BoundedXml` refuses.
    """
    entries = _Entries()
    entries.read(body)
    if not entries.count:
        raise UnreadableBody
    return entries.first, entries.count


class _Entries(BoundedXml):
    """Hears the entries of a document."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, str] = {}
        self.count = 0

    def begin(self, tag: str) -> None:
        self.count += self.depth == _ENTRY and tag == "entry"

    def end(self, tag: str, text: str) -> None:
        if self.depth == _FIELD and self.count == 1:
            self.first[tag] = text


def write_results(results: "list[Result]", head: Mapping[str, Value] | None = None) -> bytes:
    """Return one ``result`` element a record, after the fields of the head."""
    texts = Texts()
    rows = "".join(f"<result>{_fields(result, texts)}</result>" for result in results)
    return f"{HEAD}<response>{_fields(head or {}, texts)}{rows}</response>".encode()


Document = str | float | bool | None | Mapping[str, "Document"] | Sequence["Document"]
"""A value of an answer that is no record: objects, and lists of them, in any depth that the code gives them."""


def text_length(document: Document) -> int:
    """Return how many characters the texts of a document have."""
    if isinstance(document, str):
        return len(document)
    parts = document.values() if isinstance(document, Mapping) else document if isinstance(document, Sequence) else ()
    return sum(map(text_length, parts))


def write_document(fields: Mapping[str, Document]) -> bytes:
    """Return a document; a list is an element for each of its entries."""
    return f"{HEAD}<response>{_nested(fields)}</response>".encode()


def _nested(value: Document) -> str:
    if isinstance(value, Mapping):
        return "".join(_named(name, each) for name, each in value.items())
    return "" if value is None else character_data(value if isinstance(value, str) else json_text(value))


def _named(name: str, value: Document) -> str:
    entries = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    return "".join(element(name, _nested(entry)) for entry in entries)


def write_error(message: str, detail: str | None) -> bytes:
    """Return the envelope of an error."""
    error = _fields({"message": message, "detail": detail or ""}, Texts())
    return f"{HEAD}<response><error>{error}</error><status>failure</status></response>".encode()


def _fields(fields: Mapping[str, Value], texts: Texts) -> str:
    return "".join(_element(name, value, texts) for name, value in fields.items())


def _element(name: str, value: Value, texts: Texts) -> str:
    return element(name, _fields(value, texts) if isinstance(value, dict) else texts[value])
