"""Recorded exchanges: their bodies beside the contracts, and their secrets masked."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import orjson

from privman_contracts import Body, Contracts, ExchangeContract, Observed
from privman_contracts.schemas import Schema, walk
from privman_core.masking import MASK, Secrets
from privman_scenarios.output import SECRETS

Headers = tuple[tuple[str, str], ...]
Side = Literal["request", "response"]
SIDES: tuple[Side, ...] = get_args(Side)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One exchange of a recording.

    Attributes:
        at: when it began.
        url: the absolute address.
        status: 0 when there was no answer.
        page: what it belongs to, such as a scenario.
        complete: whether the bodies were kept.
        label: where it was found, for people.
        ours: the sides that this project has said: a run's request, or a fake's answer.
    """

    at: datetime
    method: str
    url: str
    request_headers: Headers = ()
    request: bytes = b""
    status: int = 0
    response_headers: Headers = ()
    response: bytes = b""
    page: str = ""
    complete: bool = True
    label: str = field(default="", compare=False)
    ours: frozenset[Side] = frozenset()

    def is_ours(self, side: Side) -> bool:
        """Tell whether this project has said that side, so that it shows nothing about the other system."""
        return side in self.ours

    def observed(self, contracts: Contracts) -> Observed | None:
        """Return the exchange as contracts judge it, None when they know of none such."""
        contract = contracts.find(self.method, self.url)
        if contract is None:
            return None
        request = Body(self.request, content_type(self.request_headers))
        answer = Body(self.response, content_type(self.response_headers))
        return Observed(contract.server, self.method, self.url, request, self.status, answer)


def content_type(headers: Headers) -> str:
    """Return the content type, empty for none."""
    return next((value for name, value in headers if name.lower() == "content-type"), "")


@dataclass(frozen=True, slots=True)
class SeenValue:
    """One value in one body.

    Attributes:
        exchange: the contract of the exchange that it was seen in.
        sent: whether it stood in the request.
    """

    recorded: Recorded
    exchange: ExchangeContract
    sent: bool
    value: Any
    schema: Schema

    @property
    def is_ours(self) -> bool:
        """Whether this project has said it."""
        return self.recorded.is_ours("request" if self.sent else "response")


def values(recording: Iterable[Recorded], contracts: Contracts) -> Iterator[SeenValue]:
    """Yield every value in the recording that a contract tells of."""
    for recorded in recording:
        exchange = contracts.find(recorded.method, recorded.url)
        observed = recorded.observed(contracts)
        if exchange is None or observed is None:
            continue
        for message, body in contracts.messages(observed):
            for place in walk(to_json(body.data), contracts.schemas[message]):
                yield SeenValue(recorded, exchange, message == exchange.request, place.value, place.schema)


def to_json(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Return what the body holds, None where it is no JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


# A shorter one may be an ordinary word elsewhere; it is masked where it stands.
_SHORTEST = 8
# A browser records log-ins of other products, too, whose secrets nobody here knows by name. Only what the APIs say is
# kept: bodies that are JSON, and queries of these paths; of addresses in headers, no query.
_APIS = ("/api/now/", "/services/api/")
_LOG_ON = "/logon/token"
_ADDRESSES = frozenset({"location", "content-location", "referer", "refresh", "link"})


def redact(exchanges: Sequence[Recorded], contracts: Contracts) -> list[Recorded]:
    """Return the exchanges without secrets.

    Passwords and the like are masked where they stand; Client Ids, Secrets and tokens, which the contracts tell
    of, wherever they appear. Pages and forms keep their address alone, without its query.
    """
    for secret in (*_secrets_known(exchanges, contracts), *_of_log_ons(exchanges)):
        SECRETS.add(secret)
    return [_masked(exchange, SECRETS) for exchange in exchanges]


def _masked(exchange: Recorded, secrets: Secrets) -> Recorded:
    return replace(
        exchange,
        url=secrets.mask(exchange.url if _is_api(exchange.url) else _bare(exchange.url)),
        request_headers=tuple(secrets.mask_headers(_bare_addresses(exchange.request_headers))),
        request=_masked_body(exchange.request, secrets),
        response_headers=tuple(secrets.mask_headers(_bare_addresses(exchange.response_headers))),
        response=_masked_body(exchange.response, secrets),
    )


def _masked_body(body: bytes, secrets: Secrets) -> bytes:
    if body and to_json(body) is None:
        return MASK.encode()
    return secrets.mask(body.decode(errors="replace")).encode()


def _is_api(url: str) -> bool:
    path = urlsplit(url).path
    return ";" not in path and any(api in path for api in _APIS)


def _bare_addresses(headers: Headers) -> Headers:
    return tuple((name, _bare(value) if name.lower() in _ADDRESSES else value) for name, value in headers)


def _bare(address: str) -> str:
    """Return the address with nothing behind its path but a mask."""
    path = address.replace("?", ";").replace("#", ";").partition(";")[0]
    return path if path == address else f"{path}?{MASK}"


def _secrets_known(exchanges: Iterable[Recorded], contracts: Contracts) -> Iterator[str]:
    """Yield the values that the contracts call secret; of a column that holds such, only those."""
    for seen in values(exchanges, contracts):
        secret = seen.schema.get("x-secret") and "contentSchema" not in seen.schema
        if secret and isinstance(seen.value, str) and len(seen.value) >= _SHORTEST:
            yield seen.value


def _of_log_ons(exchanges: Iterable[Recorded]) -> Iterator[str]:
    """Yield what successful log-ons send and answer, whatever a real console calls it."""
    for each in exchanges:
        if urlsplit(each.url).path.lower().endswith(_LOG_ON) and each.status == HTTPStatus.OK:
            yield from (text for body in (each.request, each.response) for text in _texts(to_json(body)))


def _texts(value: object) -> Iterator[str]:
    held = value.values() if isinstance(value, dict) else [value]
    return (each for each in held if isinstance(each, str) and len(each) >= _SHORTEST)
