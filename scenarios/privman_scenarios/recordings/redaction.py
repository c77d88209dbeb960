"""Takes the secrets out of a recording."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from privman_contracts import Contracts
from privman_scenarios.output import SECRETS
from privman_scenarios.recordings.bodies import values
from privman_scenarios.recordings.recorded import Recorded
from privman_testbench.masking import Secrets

# A shorter one may be an ordinary word elsewhere; it is masked where it stands.
_SHORTEST = 8


def redact(exchanges: Sequence[Recorded], contracts: Contracts) -> list[Recorded]:
    """Return the exchanges without secrets.

    Passwords and the like are masked where they stand; Client Ids, Secrets and tokens, which the contracts tell
    of, wherever they appear.
    """
    for secret in _known(exchanges, contracts):
        SECRETS.add(secret)
    return [_masked(exchange, SECRETS) for exchange in exchanges]


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
    for seen in values(exchanges, contracts):
        secret = seen.schema.get("x-secret") and "contentSchema" not in seen.schema
        if secret and isinstance(seen.value, str) and len(seen.value) >= _SHORTEST:
            yield seen.value
