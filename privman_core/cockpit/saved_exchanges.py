"""A chosen exchange as a scenario is made from it, and as an archive has it."""

from privman_core.cockpit.addresses import target_of
from privman_core.cockpit.chosen_exchanges import Chosen
from privman_core.cockpit.exchange_facts import ExchangeToSave, PrintedMessage
from privman_core.cockpit.parties import Parties
from privman_core.http_archive import ArchivedExchange


def to_save(chosen: Chosen, parties: Parties) -> ExchangeToSave:
    """Return an exchange as a scenario is made from it."""
    row, printed = chosen.detail.row, chosen.detail.printed
    headers = printed["request"]["headers"]
    by_party = chosen.other is not None or row.direction == "out"
    return ExchangeToSave(
        at=row.at,
        server=chosen.server,
        method=row.method,
        target=target_of(printed["url"]),
        request=printed["request"]["body"],
        status=row.status,
        answer=printed["response"]["body"],
        fault=chosen.fault,
        authorized=any(name.lower() == "authorization" for name, _ in headers),
        by_party=by_party if by_party or len(parties.all) > 1 else bool(row.mark) or None,
        form=chosen.is_form,
        about=row.about,
    )


def archived(chosen: Chosen, base: str) -> ArchivedExchange:
    """Return an exchange as an archive has it; ``base`` is the address of the party that has it."""
    row, printed = chosen.detail.row, chosen.detail.printed
    ours = {"in": ["response"], "out": ["request"]}[row.direction]
    return ArchivedExchange(
        at=row.at,
        method=row.method,
        url=printed["url"] if row.direction == "out" else f"{base}{printed['url']}",
        request_headers=_pairs_of(printed["request"]),
        request=printed["request"]["body"],
        status=row.status,
        response_headers=_pairs_of(printed["response"]),
        response=printed["response"]["body"],
        further={"_ours": ours if chosen.other is None else ["request", "response"]},
    )


def _pairs_of(message: PrintedMessage) -> list[tuple[str, str]]:
    return [(str(name), value) for name, value in message["headers"]]
