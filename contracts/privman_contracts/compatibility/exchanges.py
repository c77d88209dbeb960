"""Changes of the exchanges themselves: their addresses, credentials and statuses."""

from collections.abc import Iterable, Iterator

from privman_contracts.compatibility.change import Change
from privman_contracts.index import AnswerContract, ExchangeContract


def exchange_changes(old: Iterable[ExchangeContract], new: Iterable[ExchangeContract]) -> Iterator[Change]:
    """Yield what changed in the exchanges, those that came and went included."""
    before, after = ({exchange.operation_id: exchange for exchange in exchanges} for exchanges in (old, new))
    for operation in sorted(after.keys() - before.keys()):
        yield _change(after[operation], "is new", receivers=after[operation].server)
    for operation in sorted(before.keys() - after.keys()):
        yield _change(before[operation], "is gone", senders=before[operation].caller)
    for operation in sorted(before.keys() & after.keys()):
        yield from _changes(before[operation], after[operation])


def _changes(old: ExchangeContract, new: ExchangeContract) -> Iterator[Change]:
    yield from _parties(old, new)
    yield from _address(old, new)
    yield from _request(old, new)
    yield from _statuses(old, new)


def _parties(old: ExchangeContract, new: ExchangeContract) -> Iterator[Change]:
    was, now = (f"asked by {exchange.caller} of {exchange.server}" for exchange in (old, new))
    if was != now:
        senders, receivers = frozenset({old.caller, new.caller}), frozenset({old.server, new.server})
        yield Change(new.name, f"({new.method})", f"is {now}, was {was}", senders, receivers)


def _address(old: ExchangeContract, new: ExchangeContract) -> Iterator[Change]:
    if old.path != new.path:
        yield _change(new, f"is at {new.path}, was at {old.path}", new.caller, new.server)
    if old.open and not new.open:
        yield _change(new, "needs credentials now", new.caller)
    elif new.open and not old.open:
        yield _change(new, "needs no credentials now", receivers=new.server)


def _request(old: ExchangeContract, new: ExchangeContract) -> Iterator[Change]:
    if old.request != new.request:
        bodies = (exchange.request or "no body" for exchange in (new, old))
        yield _change(new, "asks with {} now, asked with {}".format(*bodies), new.caller, new.server)


def _statuses(old: ExchangeContract, new: ExchangeContract) -> Iterator[Change]:
    """Yield the statuses that came and went; only those of success does a caller depend on."""
    before, after = ({answer.status: answer for answer in exchange.answers} for exchange in (old, new))
    for status in sorted(after.keys() - before.keys()):
        yield _change(new, f"may be answered with {status} now", receivers=new.caller if _succeeds(status) else "")
    for status in sorted(before.keys() - after.keys()):
        yield _change(new, f"is no longer answered with {status}", new.server if _succeeds(status) else "")
    for status in sorted(before.keys() & after.keys()):
        was, now = _body(before[status]), _body(after[status])
        if was != now:
            yield _change(new, f"{status} has {now} now, had {was}", new.server, new.caller)


def _body(answer: AnswerContract) -> str:
    shaped = f" (or {answer.shaped} in a form that the caller chose)" if answer.shaped else ""
    return "no body" if answer.empty else f"{answer.schema or 'any body'}{shaped}"


def _succeeds(status: str) -> bool:
    return status.startswith("2")


def _change(exchange: ExchangeContract, text: str, senders: str = "", receivers: str = "") -> Change:
    where = f"({exchange.method})"
    return Change(exchange.name, where, text, frozenset({senders} - {""}), frozenset({receivers} - {""}))
