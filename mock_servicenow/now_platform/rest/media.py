"""Media types: what a client sends and what it accepts (platform 1.4)."""

from functools import lru_cache

from mock_servicenow.now_platform.errors import REQUEST_MEDIA_TYPES, NotAcceptable, UnsupportedMediaType

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
    ranges = sorted((_parse(part) for part in accept.split(",")), key=lambda each: -each[1])
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


def _parse(media_range: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in media_range.split(";"))
    quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
    try:
        return name, float(quality)
    except ValueError:
        return name, 1.0
