"""Takes the secrets out of a recording."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from privman_contracts import Contracts
from privman_contracts.walk import walk
from privman_scenarios.recordings.recorded import Recorded
from privman_testbench.masking import Secrets


def redact(exchanges: Sequence[Recorded], contracts: Contracts) -> list[Recorded]:
    """Return the exchanges without secrets.

    Passwords and the like are masked where they stand; Client Ids, Secrets and tokens, which the contracts tell
    of, wherever they appear.
    """
    secrets = Secrets()
    for secret in sorted(_known(exchanges, contracts), key=len, reverse=True):
        secrets.add(secret)
    return [_masked(exchange, secrets) for exchange in exchanges]


def _masked(exchange: Recorded, secrets: Secrets) -> Recorded:
    return replace(
        exchange,
        url=secrets.mask(exchange.url),
        request_headers=tuple(secrets.mask_headers(exchange.request_headers)),
        request=secrets.mask(exchange.request.decode(errors="replace")).encode(),
        response_headers=tuple(secrets.mask_headers(exchange.response_headers)),
        response=secrets.mask(exchange.response.decode(errors="replace")).encode(),
    )


def _known(exchanges: Iterable[Recorded], contracts: Contracts) -> Iterator[str]:
    """Yield the values that the contracts call secret; of a column that holds such, only those."""
    for exchange in exchanges:
        seen = exchange.observed(contracts)
        for message, body in contracts.messages(seen) if seen else ():
            places = walk(_json(body.data), contracts.schemas[message])
            secret = (place for place in places if place.schema.get("x-secret") and "contentSchema" not in place.schema)
            yield from (place.value for place in secret if isinstance(place.value, str))


def _json(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
