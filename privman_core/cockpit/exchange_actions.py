"""Actions on the page of an exchange: copy it, compare it, let the next one like it fail."""

from collections.abc import Mapping
from urllib.parse import quote

import orjson
from msgspec import Struct

from privman_core.cockpit.addresses import exchange_name
from privman_core.cockpit.chosen_exchanges import Chosen, base_of
from privman_core.cockpit.copied_requests import Copies, copies
from privman_core.cockpit.parties import Parties
from privman_core.exchange import path_of
from privman_core.journal import is_remark
from privman_core.masking import MASK
from privman_core.pages.site import Visit

_LONGEST_BODY = 1_500
"""Characters of a body in the address of the page that arms a fault."""
_FAILED = 400
_OF_ANSWER = frozenset({"retry-after", "content-type", "www-authenticate"})
"""Headers of an answer that belong to its failure."""


class ExchangeActions(Struct, frozen=True):
    """The actions that the page of an exchange offers.

    Attributes:
        original: name of the exchange that it is a replay of; empty for none.
        fault: fields of the form that arms its failure; none if no party shown answers it.
    """

    copies: Copies
    original: str
    fault: Mapping[str, str]


def actions_of(chosen: Chosen, parties: Parties, visit: Visit) -> ExchangeActions:
    """Return the actions on an exchange."""
    row, party = chosen.detail.row, chosen.party
    return ExchangeActions(
        copies(chosen.detail.printed, base_of(chosen, visit), chosen.server),
        exchange_name(party.name, row.replays) if row.replays else "",
        _fault(chosen) if parties.named(chosen.server) else {},
    )


def _fault(chosen: Chosen) -> dict[str, str]:
    """Return the fault that makes the next request fail as this one did, or with 503 if this one succeeded."""
    row, answer = chosen.detail.row, chosen.detail.printed["response"]
    common = {"party": chosen.server, "method": row.method, "path": _glob(path_of(row.url))}
    if not row.status:
        return {**common, "kind": row.fault or "reset"}
    if row.status < _FAILED:
        return {**common, "kind": "status", "status": "503"}
    fields = {**common, "kind": "status", "status": str(row.status)}
    headers = {
        str(name): value for name, value in answer["headers"] if name.lower() in _OF_ANSWER and MASK not in value
    }
    body = answer["body"]
    if headers:
        fields["headers"] = orjson.dumps(headers).decode()
    if body and len(quote(body)) <= _LONGEST_BODY and MASK not in body and not is_remark(body):
        fields["body"] = body
    return fields


def _glob(path: str) -> str:
    """Return the glob that matches this path and no other."""
    return path.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")
