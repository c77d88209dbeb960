"""Two contract sets compared, part by part, in canonical names."""

from collections.abc import Iterator, Mapping

from privman_contracts.compatibility.change import Change
from privman_contracts.compatibility.exchanges import exchange_changes
from privman_contracts.compatibility.names import name_changes
from privman_contracts.compatibility.parties import Parties, of_messages
from privman_contracts.compatibility.schema_differences import Difference, differences
from privman_contracts.contracts import Contracts
from privman_contracts.spelling import Schema

EVERYBODY = frozenset({"console", "servicenow", "approver"})


def compare(old: Contracts, new: Contracts, callers: frozenset[str] = EVERYBODY) -> list[Change]:
    """Return every change from one contract set to the other, with those whom it breaks.

    What narrows a message breaks who still sends the old one; what widens it breaks who still expects the old one.

    Args:
        old: the one set.
        new: the other.
        callers: only the exchanges of these callers are looked at.
    """
    before, after = _canonical(old), _canonical(new)
    was, now = ([each for each in contracts.exchanges if each.caller in callers] for contracts in (before, after))
    return [
        *name_changes(old.names, new.names, now, after.schemas),
        *exchange_changes(was, now),
        *_message_changes(before.schemas, after.schemas, of_messages((*was, *now))),
    ]


def _canonical(contracts: Contracts) -> Contracts:
    return Contracts(contracts.names.canonical(), contracts.folder)


def _message_changes(
    old: Mapping[str, Schema], new: Mapping[str, Schema], parties: Mapping[str, Parties]
) -> Iterator[Change]:
    """Yield the changes of the messages that both sets have; a new or lost one shows in its exchange."""
    for message in sorted(parties.keys() & old.keys() & new.keys()):
        for difference in differences(old[message], new[message]):
            yield _change(message, difference, parties[message])


def _change(message: str, difference: Difference, parties: Parties) -> Change:
    senders = parties.senders if difference.narrows else ()
    receivers = parties.receivers if difference.widens else ()
    return Change(message, difference.where, difference.text, frozenset(senders), frozenset(receivers))
