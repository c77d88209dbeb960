"""The shape that JSON from elsewhere must have before anything is read from it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import UnionType

Shape = type | UnionType | Callable[[object], bool] | Sequence["Shape"] | Mapping[str, "Shape"]
"""A type, a check, a list of one shape, or the keys that a mapping has; a key that ends in ``?`` may be absent."""


def fault_of(value: object, shape: Shape, where: str = "") -> str:
    """Return what is wrong with the value, in words; empty when it has the shape."""
    if isinstance(shape, Mapping):
        return _fault_of_mapping(value, shape, where)
    if isinstance(shape, list):
        return _fault_of_list(value, shape[0], where)
    if isinstance(shape, type | UnionType):
        holds = isinstance(value, shape) and (not isinstance(value, bool) or shape is bool)
        name = getattr(shape, "__name__", str(shape))
    else:
        holds, name = _is_checked(value, shape), " ".join((shape.__doc__ or "").split())
    return "" if holds else f"{where or 'the answer'} to be {name}"


def _is_checked(value: object, check: object) -> bool:
    return callable(check) and bool(check(value))


def _fault_of_mapping(value: object, shape: Mapping[str, Shape], where: str) -> str:
    if not isinstance(value, dict):
        return f"{where or 'the answer'} to be an object"
    for key, inner in shape.items():
        name = key.removesuffix("?")
        if name not in value:
            if name == key:
                return f"{where}.{name}".lstrip(".") + " to be there"
            continue
        if fault := fault_of(value[name], inner, f"{where}.{name}".lstrip(".")):
            return fault
    return ""


def _fault_of_list(value: object, shape: Shape, where: str) -> str:
    if not isinstance(value, list):
        return f"{where or 'the answer'} to be a list"
    faults = (fault_of(item, shape, f"{where}[{number}]") for number, item in enumerate(value))
    return next(filter(None, faults), "")


def moment(value: object) -> bool:
    """a moment in ISO 8601 with an offset"""  # noqa: D403, D415 - part of a message
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def moment_or_null(value: object) -> bool:
    """a moment in ISO 8601 with an offset, or null"""  # noqa: D403, D415 - part of a message
    return value is None or moment(value)


def headers(value: object) -> bool:
    """a list of names and values"""  # noqa: D403, D415 - part of a message
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)  # noqa: PLR2004 - a pair
        for pair in value
    )
