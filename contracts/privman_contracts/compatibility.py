"""Differences between two contract sets, and the parties that each of them breaks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

from msgspec import Struct, field
from msgspec.structs import replace

from privman_contracts.contracts import Contracts
from privman_contracts.exchanges import AnswerContract, ExchangeContract, WebhookContract
from privman_contracts.schema_differences import SchemaDifference, differences
from privman_contracts.schemas import Schema
from privman_contracts.wire_names import WireName, WireNames


class Change(Struct, frozen=True):
    """One change of a contract.

    Attributes:
        part: the message, the exchange, or ``inferred.yaml``.
        where: the place in it.
        text: what changed, for people.
        senders: parties that keep to the old contract and so send something that the new one refuses.
        receivers: parties that keep to the old contract and so refuse something that the new one allows.
    """

    part: str
    where: str
    text: str
    senders: frozenset[str] = frozenset()
    receivers: frozenset[str] = frozenset()

    @property
    def broken(self) -> frozenset[str]:
        """All parties that it breaks."""
        return self.senders | self.receivers

    def __str__(self) -> str:
        place = f"{self.part} {self.where}".strip()
        return f"{place}: {self.text}; breaks {self._whom()}"

    def _whom(self) -> str:
        roles = {"sender": self.senders, "receiver": self.receivers}
        whom = [f"{party} as {role}" for role, parties in roles.items() for party in sorted(parties)]
        return ", ".join(whom) or "nobody"


class SendersAndReceivers(Struct):
    """The parties that send something, and those that receive it."""

    senders: set[str] = field(default_factory=set)
    receivers: set[str] = field(default_factory=set)

    def add(self, sender: str, receiver: str) -> None:
        """Record one way that it goes."""
        self.senders.add(sender)
        self.receivers.add(receiver)


class _Traffic(Struct, frozen=True):
    """The exchanges and webhooks that a comparison looks at."""

    exchanges: Sequence[ExchangeContract]
    webhooks: Sequence[WebhookContract]

    @classmethod
    def of(cls, contracts: Contracts, parties: frozenset[str]) -> Self:
        """Return the exchanges that these parties ask for, and the webhooks that they receive."""
        return cls(
            [each for each in contracts.exchanges if each.caller in parties],
            [each for each in contracts.webhooks if each.receiver in parties],
        )

    def __add__(self, other: Self) -> Self:
        return replace(self, exchanges=[*self.exchanges, *other.exchanges], webhooks=[*self.webhooks, *other.webhooks])


def _by_message(traffic: _Traffic) -> dict[str, SendersAndReceivers]:
    """Return the parties of each message."""
    parties: dict[str, SendersAndReceivers] = {}
    for webhook in traffic.webhooks:
        parties.setdefault(webhook.message, SendersAndReceivers()).add(webhook.sender, webhook.receiver)
    for exchange in traffic.exchanges:
        if exchange.request:
            parties.setdefault(exchange.request, SendersAndReceivers()).add(exchange.caller, exchange.server)
        for message in _answered_messages(exchange):
            parties.setdefault(message, SendersAndReceivers()).add(exchange.server, exchange.caller)
    return parties


def _answered_messages(exchange: ExchangeContract) -> Iterator[str]:
    for answer in exchange.answers:
        yield from {answer.schema, answer.shaped} - {""}


def _exchange_changes(old: Iterable[ExchangeContract], new: Iterable[ExchangeContract]) -> Iterator[Change]:
    """Yield the changes of exchanges, including new and removed ones."""
    before, after = ({exchange.operation_id: exchange for exchange in exchanges} for exchanges in (old, new))
    for operation in sorted(after.keys() - before.keys()):
        yield _exchange_change(after[operation], "is new", receivers=after[operation].server)
    for operation in sorted(before.keys() - after.keys()):
        yield _exchange_change(before[operation], "is gone", senders=before[operation].caller)
    for operation in sorted(before.keys() & after.keys()):
        yield from _changes_of_exchange(before[operation], after[operation])


def _webhook_changes(old: Iterable[WebhookContract], new: Iterable[WebhookContract]) -> Iterator[Change]:
    """Yield the webhooks that are new or were removed."""
    before, after = ({webhook.message: webhook for webhook in webhooks} for webhooks in (old, new))
    for message in sorted(after.keys() - before.keys()):
        yield Change(message, "(webhook)", "is new")
    for message in sorted(before.keys() - after.keys()):
        yield Change(message, "(webhook)", "is gone", receivers=frozenset({before[message].receiver}))


def _changes_of_exchange(old: ExchangeContract, new: ExchangeContract) -> Iterator[Change]:
    yield from _party_changes(old, new)
    yield from _address_changes(old, new)
    yield from _request_changes(old, new)
    yield from _status_changes(old, new)


def _party_changes(old: ExchangeContract, new: ExchangeContract) -> Iterator[Change]:
    was, now = (f"asked by {exchange.caller} of {exchange.server}" for exchange in (old, new))
    if was != now:
        senders, receivers = frozenset({old.caller, new.caller}), frozenset({old.server, new.server})
        yield Change(new.name, f"({new.method})", f"is {now}, was {was}", senders, receivers)


def _address_changes(old: ExchangeContract, new: ExchangeContract) -> Iterator[Change]:
    if old.path != new.path:
        yield _exchange_change(new, f"is at {new.path}, was at {old.path}", new.caller, new.server)
    if old.open and not new.open:
        yield _exchange_change(new, "needs credentials now", new.caller)
    elif new.open and not old.open:
        yield _exchange_change(new, "needs no credentials now", receivers=new.server)


def _request_changes(old: ExchangeContract, new: ExchangeContract) -> Iterator[Change]:
    if old.request != new.request:
        bodies = (exchange.request or "no body" for exchange in (new, old))
        yield _exchange_change(new, "asks with {} now, asked with {}".format(*bodies), new.caller, new.server)


def _status_changes(old: ExchangeContract, new: ExchangeContract) -> Iterator[Change]:
    """Yield the statuses that are new or were removed; a caller depends only on those of success."""
    before, after = ({answer.status: answer for answer in exchange.answers} for exchange in (old, new))
    for status in sorted(after.keys() - before.keys()):
        yield _exchange_change(
            new, f"may be answered with {status} now", receivers=new.caller if _succeeds(status) else ""
        )
    for status in sorted(before.keys() - after.keys()):
        yield _exchange_change(new, f"is no longer answered with {status}", new.server if _succeeds(status) else "")
    for status in sorted(before.keys() & after.keys()):
        was, now = _body_in_words(before[status]), _body_in_words(after[status])
        if was != now:
            yield _exchange_change(new, f"{status} has {now} now, had {was}", new.server, new.caller)


def _body_in_words(answer: AnswerContract) -> str:
    shaped = f" (or {answer.shaped} in a form that the caller chose)" if answer.shaped else ""
    return "no body" if answer.empty else f"{answer.schema or 'any body'}{shaped}"


def _succeeds(status: str) -> bool:
    return status.startswith("2")


def _exchange_change(exchange: ExchangeContract, text: str, senders: str = "", receivers: str = "") -> Change:
    where = f"({exchange.method})"
    return Change(exchange.name, where, text, frozenset({senders} - {""}), frozenset({receivers} - {""}))


NAMES_FILE = "inferred.yaml"
# The app follows these rules, so a change of one affects the console.
_LIVES_WITH_RULES = "console"


def _name_changes(old: WireNames, new: WireNames, traffic: _Traffic, schemas: Mapping[str, Schema]) -> Iterator[Change]:
    """Yield the names that differ; a name that only one set has shows in the schemas that use it.

    Traffic and schemas are those of ``new``, in canonical names.
    """
    before = {name.path: name for name in old}
    for name in new:
        if name.path in before and name != before[name.path]:
            yield _name_change(before[name.path], name, _users(name, traffic, schemas))


def _name_change(old: WireName, new: WireName, parties: SendersAndReceivers) -> Change:
    if old.value == new.value:
        return Change(NAMES_FILE, new.path, f"is known as {new.evidence}, was {old.evidence}")
    if new.group == "rules":
        return _rule_change(old, new)
    text = f"is called {new.value!r}, was {old.value!r}"
    return Change(NAMES_FILE, new.path, text, frozenset(parties.senders), frozenset(parties.receivers))


def _rule_change(old: WireName, new: WireName) -> Change:
    """Return the change of a rule; who is broken by another status follows from the exchanges."""
    text = f"is {new.value}, was {old.value}"
    if new.path.endswith("_status"):
        return Change(NAMES_FILE, new.path, text)
    kept = isinstance(old.value, list) and isinstance(new.value, list) and set(old.value) <= set(new.value)
    return Change(NAMES_FILE, new.path, text, frozenset() if kept else frozenset({_LIVES_WITH_RULES}))


def _users(name: WireName, traffic: _Traffic, schemas: Mapping[str, Schema]) -> SendersAndReceivers:
    """Return the parties that write the name, and those that read it."""
    parties = SendersAndReceivers()
    for used in _uses(name, traffic, schemas):
        parties.senders |= used.senders
        parties.receivers |= used.receivers
    return parties


def _uses(name: WireName, traffic: _Traffic, schemas: Mapping[str, Schema]) -> Iterable[SendersAndReceivers]:
    if name.group == "tables":
        calls = (each for each in traffic.exchanges if name.word in each.path.split("/"))
        return [SendersAndReceivers({each.caller}, {each.server}) for each in calls]
    if name.group == "roles":
        return [SendersAndReceivers({"approver"}, {"servicenow"})]
    return [used for message, used in _by_message(traffic).items() if _has(schemas[message], name)]


def _has(node: Any, name: WireName) -> bool:  # noqa: ANN401 - any node of a schema
    """Return whether a schema uses the name as a property or as a word."""
    if isinstance(node, list):
        return any(_has(item, name) for item in node)
    if not isinstance(node, dict):
        return False
    as_property = node.get("x-names") == name.group and name.word in node["properties"]
    as_word = not {name.group, name.path}.isdisjoint(node.get("x-words", []))
    return as_property or as_word or any(_has(value, name) for value in node.values())


EVERYBODY = frozenset({"console", "servicenow", "approver", "endpoint"})


def compare(old: Contracts, new: Contracts, parties: frozenset[str] = EVERYBODY) -> list[Change]:
    """Return every change from one contract set to the other, with the parties that it breaks.

    A narrower message breaks parties that still send the old one; a wider one breaks those that still expect it.

    Args:
        old: the one set.
        new: the other.
        parties: only requests of these, and webhooks that they receive, are compared.
    """
    before, after = _canonical(old), _canonical(new)
    was, now = _Traffic.of(before, parties), _Traffic.of(after, parties)
    return [
        *_name_changes(old.names, new.names, now, after.schemas),
        *_exchange_changes(was.exchanges, now.exchanges),
        *_webhook_changes(was.webhooks, now.webhooks),
        *_message_changes(before.schemas, after.schemas, _by_message(was + now)),
    ]


def _canonical(contracts: Contracts) -> Contracts:
    return Contracts(contracts.names.canonical(), contracts.folder)


def _message_changes(
    old: Mapping[str, Schema], new: Mapping[str, Schema], parties: Mapping[str, SendersAndReceivers]
) -> Iterator[Change]:
    """Yield the changes of messages that both sets have; a new or removed one shows in its exchange."""
    for message in sorted(parties.keys() & old.keys() & new.keys()):
        for difference in differences(old[message], new[message]):
            yield _message_change(message, difference, parties[message])


def _message_change(message: str, difference: SchemaDifference, parties: SendersAndReceivers) -> Change:
    senders = parties.senders if difference.narrows else ()
    receivers = parties.receivers if difference.widens else ()
    return Change(message, difference.where, difference.text, frozenset(senders), frozenset(receivers))
