"""Aggregates as XML: one element a key, repeated for lists (platform 1.10; the shape is inferred)."""

from collections.abc import Iterable, Iterator, Mapping

from mock_servicenow.now_platform.rest.xml_text import HEAD, character_data, element


def write_stats(result: object) -> bytes:
    """Return the answer whose JSON form has the result under ``result``."""
    return f"{HEAD}{_element('response', {'result': result})}".encode()


def stats_pieces(parts: Iterable[object]) -> Iterator[bytes]:
    """Return the same answer piece by piece, of a result that is a list and comes in parts."""
    before = f"{HEAD}<response>"
    for part in parts:
        yield f"{before}{_element('result', part)}".encode()
        before = ""
    yield b"</response>"


def _element(name: str, value: object) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, Mapping):
        return element(name, "".join(_element(key, item) for key, item in value.items()))
    return element(name, character_data(str(value)))
