"""Aggregates as XML: one element a key, repeated for lists (platform 1.10; the shape is inferred)."""

from collections.abc import Iterable, Iterator, Mapping

from mock_servicenow.now_platform.rest.formats import HEAD, Texts, element


def write_stats(result: object) -> bytes:
    """Return the answer whose JSON form has the result under ``result``."""
    return f"{HEAD}{_element('response', {'result': result}, Texts())}".encode()


def stats_pieces(parts: Iterable[object]) -> Iterator[bytes]:
    """Return the same answer piece by piece, of a result that is a list and comes in parts."""
    before = f"{HEAD}<response>"
    for part in parts:
        yield f"{before}{_element('result', part, Texts())}".encode()
        before = ""
    yield b"</response>"


def _element(name: str, value: object, texts: Texts) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item, texts) for item in value)
    if isinstance(value, Mapping):
        return element(name, "".join(_element(key, item, texts) for key, item in value.items()))
    return element(name, texts[str(value)])
