"""Answers of a hostile program in the other party's place: every text of every shape is hostile, every list is long."""

import re
from typing import Any

from msgspec import inspect

from privman_core.clock import Due
from privman_core.cockpit.approval_facts import ApprovalState, DeliveryState, KnownRequest
from privman_core.cockpit.contract_comparison import ContractComparison
from privman_core.cockpit.exchange_facts import ExchangeDetail, ExchangeRow, FoundExchanges, Replay
from privman_core.cockpit.party_facts import ClockState, FaultsState, Hello, Marks

MARKUP = "<b id=pwn onmouseover=alert(1)>"
BAD = f"{MARKUP}\"'&lt;\u202e\u0007javascript:alert(1)\n{{{{7*7}}}}"
_FITTING = ("http://[x/javascript:alert(1)//\"'" + MARKUP, "GET", "ServiceNow", "/x\"'" + MARKUP, "/x", "kept", "times")
SHAPES: dict[str, Any] = {
    "cockpit": Hello,
    "marks": Marks,
    "clock": ClockState,
    "due": list[Due],
    "faults": FaultsState,
    "approvals": list[ApprovalState],
    "deliveries": list[DeliveryState],
    "exchanges": FoundExchanges,
    "marked": list[ExchangeRow],
    "compared": ContractComparison,
    "1": ExchangeDetail,
    "request": KnownRequest,
    "replay": Replay,
}


def hostile_answers(rows: int) -> dict[str, Any]:
    """Return an answer for each shape, whose lists have so many items."""
    found = {name: _value(inspect.type_info(shape), rows) for name, shape in SHAPES.items()}
    found["cockpit"]["name"] = "ServiceNow"
    found["exchanges"]["unjudged"] = 0
    return found


def _value(kind: inspect.Type, rows: int) -> Any:  # noqa: C901, PLR0911 - one answer a type
    match kind:
        case inspect.StrType():
            return _text(kind)
        case inspect.IntType() | inspect.FloatType():
            return 1
        case inspect.BoolType():
            return True
        case inspect.DateTimeType():
            return "2026-01-05T09:00:00Z"
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.UnionType():
            return _value(kind.types[0], rows)
        case inspect.ListType():
            return [_value(kind.item_type, 1)] * rows
        case inspect.TupleType():
            return [_value(each, rows) for each in kind.item_types]
        case inspect.DictType():
            return (
                _spec()
                if isinstance(kind.value_type, inspect.AnyType)
                else {_text(kind.key_type): _value(kind.value_type, rows)}
            )
        case inspect.StructType() | inspect.TypedDictType():
            return {field.encode_name: _value(field.type, rows) for field in kind.fields}
    raise AssertionError(kind)


def _text(kind: Any) -> str:
    if kind.pattern:
        return next(each for each in _FITTING if re.search(kind.pattern, each))
    return BAD


def _spec() -> dict[str, Any]:
    """Return a fault that a control plane could arm."""
    common = {"kind": BAD, "method": BAD, "path": MARKUP, "skip": -1, "times": 10**15, "after": 1e300, "lasts": 1e-300}
    return {**common, "headers": {"after": BAD, BAD: BAD}, BAD: [[BAD]]}
