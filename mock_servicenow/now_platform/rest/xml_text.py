"""XML bodies (platform 1.10)."""

from collections.abc import Mapping
from xml.etree import ElementTree as ET

from mock_servicenow.now_platform.errors import UnreadableBody

Value = str | dict[str, str]
Result = Mapping[str, Value]
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def read_entries(body: bytes) -> list[dict[str, object]]:
    """Return the entries of ``<request><entry><field>v</field></entry></request>``; raises UnreadableBody."""
    if b"<!DOCTYPE" in body:
        raise UnreadableBody
    try:
        root = ET.fromstring(body)  # noqa: S314 - without a DTD there are no entities to expand
    except ET.ParseError:
        raise UnreadableBody from None
    return [{field.tag: field.text or "" for field in entry} for entry in root.findall("entry")]


def write_results(results: "list[Result]", head: Mapping[str, Value] | None = None) -> bytes:
    """Return one ``result`` element a record, after the fields of the head."""
    rows = "".join(f"<result>{_fields(result)}</result>" for result in results)
    return f"{_HEAD}<response>{_fields(head or {})}{rows}</response>".encode()


def write_error(message: str, detail: str | None) -> bytes:
    """Return the envelope of an error."""
    error = _fields({"message": message, "detail": detail or ""})
    return f"{_HEAD}<response><error>{error}</error><status>failure</status></response>".encode()


def _fields(fields: Mapping[str, Value]) -> str:
    return "".join(_element(name, value) for name, value in fields.items())


def _element(name: str, value: Value) -> str:
    text = _fields(value) if isinstance(value, dict) else _escape(_legal(value))
    return f"<{name}>{text}</{name}>" if text else f"<{name}/>"


def _legal(text: str) -> str:
    """Return the text without the control characters that XML cannot hold."""
    return "".join(character for character in text if character >= " " or character in "\t\n\r")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
