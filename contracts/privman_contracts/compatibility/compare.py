"""Two contract sets compared, part by part, in canonical names."""

from collections.abc import Iterator

from privman_contracts.compatibility.change import Change
from privman_contracts.compatibility.exchanges import exchange_changes
from privman_contracts.compatibility.names import name_changes
from privman_contracts.compatibility.parties import Parties, of_messages
from privman_contracts.compatibility.schema_differences import Difference, differences
from privman_contracts.contracts import Contracts


def compare(old: Contracts, new: Contracts) -> list[Change]:
    """Return every change from one contract set to the other, with those whom it breaks.

    What narrows a message breaks who still sends the old one; what widens it breaks who still expects the old one.
    """
    before, after = _canonical(old), _canonical(new)
    return [
        *name_changes(old, new, after),
        *exchange_changes(before.exchanges, after.exchanges),
        *_messages(before, after),
    ]


def _canonical(contracts: Contracts) -> Contracts:
    return Contracts(contracts.names.canonical(), contracts.folder)


def _messages(old: Contracts, new: Contracts) -> Iterator[Change]:
    """Yield the changes of the messages that both sets have; a new or lost one shows in its exchange."""
    parties = of_messages((*old.exchanges, *new.exchanges))
    for message in sorted(parties.keys() & old.schemas.keys() & new.schemas.keys()):
        for difference in differences(old.schemas[message], new.schemas[message]):
            yield _change(message, difference, parties[message])


def _change(message: str, difference: Difference, parties: Parties) -> Change:
    senders = parties.senders if difference.narrows else ()
    receivers = parties.receivers if difference.widens else ()
    return Change(message, difference.where, difference.text, frozenset(senders), frozenset(receivers))
